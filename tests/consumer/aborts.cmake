# SPDX-License-Identifier: MIT
#
# cmake -DPROGRAM=... -P aborts.cmake: fails unless the program aborts at its mistake, with the text of the error.
cmake_minimum_required(VERSION 3.25)
set(expected "shallow: fit: X: expected 2 rows (n_x), one column a sample, given 3 x 400\n")
execute_process(COMMAND "${PROGRAM}" mistake RESULT_VARIABLE status ERROR_VARIABLE given)
if(NOT status MATCHES "abort" OR NOT given STREQUAL expected)
  message(FATAL_ERROR "${PROGRAM}: expected an abort and\n${expected}given ${status} and\n${given}")
endif()
