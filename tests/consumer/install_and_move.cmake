# SPDX-License-Identifier: MIT
#
# cmake -DBUILD=... -DPREFIX=... -P install_and_move.cmake: installs to a folder beside PREFIX, which then becomes PREFIX.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${PREFIX}" "${PREFIX}.first")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}.first" COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${PREFIX}.first" "${PREFIX}")
