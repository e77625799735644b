# SPDX-License-Identifier: MIT
#
# Emscripten of the distribution; programs run under Node, which finds the files of this machine, and may use all the
# memory that they ask for. Loaded in one go: an asynchronous load would try a Node that has `fetch` with a path for a URL.
include(/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)
set(CMAKE_EXECUTABLE_SUFFIX ".js")
add_compile_options(-fexceptions)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-fexceptions -sNODERAWFS=1 -sWASM_ASYNC_COMPILATION=0 -sALLOW_MEMORY_GROWTH=1 -sSTACK_OVERFLOW_CHECK=1")
