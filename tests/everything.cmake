# SPDX-License-Identifier: MIT
#
# cmake -DCOMPILER=clang++-19,-stdlib=libc++ -DSTANDARD=23 [-DWITHOUT=io/idx.hpp] -P everything.cmake: the compiler takes
# every header, the program of the README, and much of the rest (mixed/side.cpp) in a project with the strictest
# warnings, the headers not being the system's. It must not say a word.
cmake_minimum_required(VERSION 3.25)
get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
include("${CMAKE_CURRENT_LIST_DIR}/readme.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/warnings.cmake")
include("${root}/cmake/headers.cmake")
string(REPLACE "," ";" command "${COMPILER}")
string(MAKE_C_IDENTIFIER "${COMPILER}_${STANDARD}" name)
string(REPLACE "23" "2b" spelling "${STANDARD}") # the only name of C++23 that Clang 16 knows
set(folder "${root}/build/everything/${name}")

readme_program("${root}/README.md" "${folder}")
set(text "")
foreach(header IN LISTS SHALLOW_HEADERS_IN_ORDER)
  if(NOT header IN_LIST WITHOUT)
    string(APPEND text "#include \"shallow/${header}\"\n")
  endif()
endforeach()
string(APPEND text "#include \"program.cpp\"\n")
file(WRITE "${folder}/everything.cpp" "${text}")

# Links, so that a cross compiler sees these and no other headers of this processor.
file(MAKE_DIRECTORY "${folder}/headers")
foreach(library eigen3/Eigen nlohmann protozero)
  get_filename_component(link "${library}" NAME)
  file(CREATE_LINK "/usr/include/${library}" "${folder}/headers/${link}" SYMBOLIC)
endforeach()

set(sources "${folder}/everything.cpp" "${root}/tests/mixed/side.cpp")
if(COMPILER MATCHES "mingw")
  # Beneath the header that is known for its macros.
  foreach(macro "" "#define NOMINMAX\n")
    string(MAKE_C_IDENTIFIER "windows${macro}" source)
    file(WRITE "${folder}/${source}.cpp" "${macro}#include <winsock2.h>\n#include <windows.h>\n${text}")
    list(APPEND sources "${folder}/${source}.cpp")
  endforeach()
endif()

foreach(source IN LISTS sources)
  execute_process(
    COMMAND ${command} -std=c++${spelling} -fsyntax-only ${warnings} -DSIDE=baseline "-I${root}/include" -isystem
            "${folder}/headers" "${source}"
    OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE status)
  if(NOT status EQUAL 0 OR NOT said STREQUAL "")
    message(FATAL_ERROR "${COMPILER}, C++${STANDARD}: exit status ${status}\n${said}")
  endif()
endforeach()

if(COMPILER MATCHES "mingw")
  execute_process(
    COMMAND python3 "${root}/tests/macros/macros.py" --folder "${folder}/macros" -- ${command} -std=c++${spelling}
            "-I${root}/include" -isystem "${folder}/headers" COMMAND_ERROR_IS_FATAL ANY)
endif()
message(STATUS "${COMPILER}, C++${STANDARD}: not a word")
