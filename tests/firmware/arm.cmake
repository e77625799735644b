# SPDX-License-Identifier: MIT
#
# cmake -DPROGRAM=... -DFOLDER=... -DTOOLS=.../arm-none-eabi- -DQEMU=... -P arm.cmake: compiles two written networks for
# a Cortex-M4F, says how many bytes they take and holds them against bounds, looks at what they call, and runs them.
cmake_minimum_required(VERSION 3.25)

include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../warnings.cmake")

function(check_at_most what given bound)
  if(given GREATER bound)
    message(FATAL_ERROR "${what}: expected at most ${bound} bytes, given ${given}")
  endif()
endfunction()

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
run("${PROGRAM}" arm "${FOLDER}")

set(machine -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard)
set(flags ${machine} -std=c++17 -Os -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections -Werror
          ${warnings})

# measure(name title parameters arrays calls): `arrays` bytes are those of predict's arrays, `calls` all that the code may
# call.
function(measure name title parameters arrays calls)
  set(object "${FOLDER}/${name}.o")
  run("${TOOLS}g++" ${flags} -fstack-usage -c "${FOLDER}/${name}.cpp" -o "${object}")

  # A symbol's size in hexadecimal, its kind, its name: T and W are code, R and V constants, U what is called outside.
  run("${TOOLS}nm" -S "${object}")
  set(code 0)
  set(data 0)
  set(undefined "")
  string(REGEX MATCHALL "[^\n]+" lines "${output}")
  foreach(line IN LISTS lines)
    if(line MATCHES "^[0-9a-f]+ ([0-9a-f]+) [TtWw] ")
      math(EXPR code "${code} + 0x${CMAKE_MATCH_1}")
    elseif(line MATCHES "^[0-9a-f]+ ([0-9a-f]+) [RrVv] ")
      math(EXPR data "${data} + 0x${CMAKE_MATCH_1}")
    elseif(line MATCHES " U (.*)$")
      list(APPEND undefined "${CMAKE_MATCH_1}")
    elseif(line MATCHES "^[0-9a-f]+ [0-9a-f]+ ")
      message(FATAL_ERROR "${name}: expected code and constants alone, given ${line}")
    endif()
  endforeach()
  # No malloc, no exceptions, no double arithmetic in software, nothing.
  list(SORT undefined)
  if(NOT undefined STREQUAL calls)
    message(FATAL_ERROR "${name}: expected calls of ${calls}, given ${undefined}")
  endif()

  # Every function may be beneath the others.
  file(STRINGS "${FOLDER}/${name}.su" lines)
  set(stack 0)
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "\t([0-9]+)\tstatic$")
      message(FATAL_ERROR "${name}: expected a stack of known size, given ${line}")
    endif()
    math(EXPR stack "${stack} + ${CMAKE_MATCH_1}")
  endforeach()

  # A program of predict and what it needs of the C library, and nothing else.
  set(linked "${FOLDER}/${name}.elf")
  run("${TOOLS}g++" ${machine} "${object}" -nostartfiles --specs=nano.specs -Wl,--gc-sections
      "-Wl,--entry=predict_${name}" -o "${linked}")
  run("${TOOLS}size" "${linked}")
  string(REGEX MATCH "\n *([0-9]+)[\t ]+([0-9]+)[\t ]+([0-9]+)" match "${output}")
  math(EXPR library "${CMAKE_MATCH_1} - ${code} - ${data}")
  math(EXPR library_ram "${CMAKE_MATCH_2} + ${CMAKE_MATCH_3}")

  message(STATUS "${title}: ${code} bytes of code, ${data} of constants, ${stack} of stack; ${library} of <cmath> \
from newlib-nano, with ${library_ram} of RAM")
  math(EXPR expected "4 * ${parameters}")
  math(EXPR expected_stack "${arrays} + 192")
  check_at_most("${title}: constants" ${data} ${expected})
  check_at_most("${title}: code" ${code} 768)
  check_at_most("${title}: stack" ${stack} ${expected_stack})
endfunction()

measure(small "2-4-1 (tanh, sigmoid)" 17 16 "expf;tanhf")
measure(wide "784-32-10 (relu, softmax)" 25450 128 "expf")

if(NOT QEMU)
  message(STATUS "no qemu-arm: compiled, not run")
  return()
endif()
run("${TOOLS}g++" ${flags} "-I${FOLDER}" "${CMAKE_CURRENT_LIST_DIR}/target.cpp" "${FOLDER}/small.o" "${FOLDER}/wide.o"
    -nostartfiles --specs=nano.specs -o "${FOLDER}/target.elf")
execute_process(COMMAND "${QEMU}" "${FOLDER}/target.elf" OUTPUT_FILE "${FOLDER}/outputs.bin" RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${QEMU} ${FOLDER}/target.elf: ${status}")
endif()
run("${PROGRAM}" compare "${FOLDER}")
string(STRIP "${output}" output)
message(STATUS "in qemu-arm: ${output}")
