# SPDX-License-Identifier: MIT

# The first block of `language` in `text`, and the text that follows it.
function(first_block text language block rest)
  set(opening "\n```${language}\n")
  string(FIND "${text}" "${opening}" start)
  if(start EQUAL -1)
    message(FATAL_ERROR "README.md: expected a block of ${language}, given none")
  endif()
  string(LENGTH "${opening}" length)
  math(EXPR start "${start} + ${length}")
  string(SUBSTRING "${text}" ${start} -1 text)
  string(FIND "${text}" "\n```" end)
  math(EXPR after "${end} + 4")
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${text}" 0 ${end} content)
  string(SUBSTRING "${text}" ${after} -1 remainder)
  set(${block} "${content}" PARENT_SCOPE)
  set(${rest} "${remainder}" PARENT_SCOPE)
endfunction()

# Writes the first cpp block of `readme` to <directory>/program.cpp and the first text block beneath it to
# <directory>/output.txt.
function(readme_program readme directory)
  file(READ "${readme}" text)
  first_block("\n${text}" cpp program text)
  first_block("${text}" text output text)
  file(CONFIGURE OUTPUT "${directory}/program.cpp" CONTENT "@program@" @ONLY)
  file(CONFIGURE OUTPUT "${directory}/output.txt" CONTENT "@output@" @ONLY)
endfunction()
