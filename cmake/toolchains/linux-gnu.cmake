# SPDX-License-Identifier: MIT
#
# Cross compilers of the distribution: g++-aarch64-linux-gnu, g++-arm-linux-gnueabihf, g++-s390x-linux-gnu; programs run
# under qemu-user. SHALLOW_TRIPLET says which.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SHALLOW_TRIPLET)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "${SHALLOW_TRIPLET}")
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_CXX_COMPILER "${SHALLOW_TRIPLET}-g++")
set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-${CMAKE_SYSTEM_PROCESSOR};-L;/usr/${SHALLOW_TRIPLET}")

set(CMAKE_FIND_ROOT_PATH "/usr/${SHALLOW_TRIPLET}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
