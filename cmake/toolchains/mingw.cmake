# SPDX-License-Identifier: MIT
#
# MinGW-w64 of the distribution, g++-mingw-w64-x86-64-posix; programs run under Wine without a display, with everything
# linked in, so that no library is looked for. Wine's folder is below the build's, made at the first run.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
find_program(SHALLOW_WINE NAMES wine64 wine wine64-stable PATHS /usr/lib/wine NO_CMAKE_FIND_ROOT_PATH)
set(CMAKE_CROSSCOMPILING_EMULATOR
    "${CMAKE_COMMAND};-E;env;WINEDEBUG=-all;WINEPREFIX=${CMAKE_BINARY_DIR}/wine;DISPLAY=;${SHALLOW_WINE}")
# Templates make more sections than an object file of the old kind holds.
add_compile_options(-Wa,-mbig-obj)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)

# The static zlib of libz-mingw-w64-dev, where it is, not the one that wants a DLL.
if(EXISTS /usr/x86_64-w64-mingw32/lib/libz.a)
  set(ZLIB_LIBRARY /usr/x86_64-w64-mingw32/lib/libz.a CACHE FILEPATH "zlib, to link in")
endif()

set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
