# SPDX-License-Identifier: MIT
#
# cmake [-DSECONDS=n] -P fuzz_<format>.cmake, which includes this: runs a fuzzer, and fails if it finds something.
# Without SECONDS it makes a fixed number of runs that begin with the seeds and are the same every time; with SECONDS it
# goes on for so long from what earlier runs of that kind have found.
cmake_minimum_required(VERSION 3.25)

set(corpus "${folder}/corpus")
set(how_long "-max_total_time=${SECONDS}")
if(NOT DEFINED SECONDS)
  set(corpus "${folder}/corpus-of-test")
  file(REMOVE_RECURSE "${corpus}")
  set(how_long "-runs=${runs}" -seed=1)
endif()
file(MAKE_DIRECTORY "${corpus}" "${folder}/findings")
file(REMOVE_RECURSE "${folder}/seeds")
execute_process(COMMAND "${seeds}" "${format}" "${folder}/seeds" COMMAND_ERROR_IS_FATAL ANY)
if(EXISTS "${dictionary}")
  list(APPEND how_long "-dict=${dictionary}")
endif()

set(ENV{ASAN_OPTIONS} "quarantine_size_mb=8:detect_leaks=1:strict_string_checks=1")
set(ENV{UBSAN_OPTIONS} "print_stacktrace=1")
set(log "${folder}/log.txt")
execute_process(
  COMMAND "${fuzzer}" ${how_long} -max_len=8192 -timeout=5 -rss_limit_mb=256 "-malloc_limit_mb=${megabytes}"
          "-artifact_prefix=${folder}/findings/" -print_final_stats=1 "${corpus}" "${folder}/seeds"
  OUTPUT_FILE "${log}"
  ERROR_FILE "${log}"
  RESULT_VARIABLE status)
file(READ "${log}" text)
if(NOT status EQUAL 0)
  # The end says what was found; before it stand the steps of the search.
  string(LENGTH "${text}" length)
  if(length GREATER 12000)
    math(EXPR start "${length} - 12000")
    string(SUBSTRING "${text}" ${start} -1 text)
  endif()
  message("${text}")
  message(FATAL_ERROR "fuzz_${format}: exit status ${status}; the input is in ${folder}/findings")
endif()
foreach(name number_of_executed_units average_exec_per_sec peak_rss_mb)
  string(REGEX MATCH "stat::${name}: +([0-9]+)" found "${text}")
  if(NOT found)
    message("${text}")
    message(FATAL_ERROR "fuzz_${format}: expected its statistics, given none")
  endif()
  set(${name} ${CMAKE_MATCH_1})
endforeach()
message("${format}: ${number_of_executed_units} executions, ${average_exec_per_sec} a second, ${peak_rss_mb} MiB at most")
