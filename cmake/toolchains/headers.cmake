# SPDX-License-Identifier: MIT
#
# For cross compilers, included after project(): Eigen, doctest, nlohmann-json and protozero are headers alone and so serve
# every processor, but stand among headers that serve only this one. A folder of links shows the compiler these alone.
set(shallow_links "${PROJECT_BINARY_DIR}/headers")
file(MAKE_DIRECTORY "${shallow_links}")
foreach(pair Eigen3::Eigen=eigen3/Eigen doctest::doctest=doctest nlohmann_json::nlohmann_json=nlohmann
             protozero::protozero=protozero)
  string(REGEX MATCH "^(.*)=(.*)$" pair "${pair}")
  set(target "${CMAKE_MATCH_1}")
  set(folder "/usr/include/${CMAKE_MATCH_2}")
  if(NOT IS_DIRECTORY "${folder}")
    message(FATAL_ERROR "shallow: ${target}: expected the headers ${folder} of the distribution, given none")
  endif()
  cmake_path(GET folder FILENAME name)
  file(CREATE_LINK "${folder}" "${shallow_links}/${name}" SYMBOLIC)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE "${shallow_links}")
endforeach()
