# SPDX-License-Identifier: MIT
#
# cmake -DNM=... -DLIBRARY=... -P exports.cmake: fails unless the shared library exports hidden_accuracy, and nothing that
# has to do with shallow or Eigen. What it may export besides is the standard library's own, such as a std::vector<double>.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${NM}" -D --defined-only "${LIBRARY}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
if(NOT symbols MATCHES " T hidden_accuracy\n")
  message(FATAL_ERROR "${LIBRARY}: expected to export hidden_accuracy, given\n${symbols}")
endif()
string(REGEX MATCHALL "[^\n]*(7shallow|5Eigen)[^\n]*" found "${symbols}")
if(found)
  list(JOIN found "\n" found)
  message(FATAL_ERROR "${LIBRARY}: expected no symbol of shallow or Eigen, given\n${found}")
endif()
