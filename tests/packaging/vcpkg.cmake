# SPDX-License-Identifier: MIT
#
# cmake -DPREFIX=... -P vcpkg.cmake: runs the port of packaging/vcpkg as vcpkg does, with its functions replaced by ones
# that do the same on the tree at hand, into PREFIX. Fails unless the manifest has a feature for each component,
# and the port leaves what vcpkg wants: no empty or debug folders, a copyright, usage, and the package where it looks.
cmake_minimum_required(VERSION 3.25)
cmake_path(SET root NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../..")
set(port "${root}/packaging/vcpkg")
set(work "${PREFIX}.build")
file(REMOVE_RECURSE "${PREFIX}" "${work}")

# ---- The manifest ----------------------------------------------------------------------------------------------------

file(READ "${port}/vcpkg.json" manifest)
string(JSON PORT GET "${manifest}" name)
string(JSON VERSION GET "${manifest}" version)
include("${root}/cmake/headers.cmake")
foreach(component IN LISTS SHALLOW_COMPONENTS)
  string(JSON description ERROR_VARIABLE error GET "${manifest}" features ${component} description)
  if(error)
    message(FATAL_ERROR "vcpkg.json: features: expected one for the component ${component}, given none")
  endif()
endforeach()

# ---- The functions of vcpkg that the port calls ----------------------------------------------------------------------

set(CURRENT_PACKAGES_DIR "${PREFIX}")

function(vcpkg_from_github)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_SOURCE_PATH;REPO;REF;SHA512;HEAD_REF" "")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_REF STREQUAL "v${VERSION}")
    message(FATAL_ERROR "vcpkg_from_github: expected REF v${VERSION}, given ${arg_REF} ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(${arg_OUT_SOURCE_PATH} "${root}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${work}" -DCMAKE_BUILD_TYPE=Release
                          "-DCMAKE_INSTALL_PREFIX=${PREFIX}" ${arg_OPTIONS} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${work}" --target install COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Moves share/cmake/shallow to share/shallow, one folder nearer to the prefix, and tells its files.
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
  file(RENAME "${PREFIX}/${arg_CONFIG_PATH}" "${PREFIX}/share/${PORT}")
  file(REMOVE_RECURSE "${PREFIX}/share/cmake") # empty now
  file(GLOB files "${PREFIX}/share/${PORT}/*.cmake")
  foreach(name IN LISTS files)
    file(READ "${name}" text)
    string(REPLACE "/../../../" "/../../" text "${text}")
    set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
    string(REPLACE "${up}${up}${up}" "${up}${up}" text "${text}")
    file(CONFIGURE OUTPUT "${name}" CONTENT "@text@" @ONLY)
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
  if(NOT EXISTS "${PREFIX}/share/pkgconfig/${PORT}.pc")
    message(FATAL_ERROR "vcpkg_fixup_pkgconfig: expected share/pkgconfig/${PORT}.pc, given none")
  endif()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  file(COPY_FILE "${arg_FILE_LIST}" "${PREFIX}/share/${PORT}/copyright")
endfunction()

# ---- What it leaves --------------------------------------------------------------------------------------------------

include("${port}/portfile.cmake")
foreach(name include/shallow/shallow.hpp share/${PORT}/shallow-config.cmake share/${PORT}/usage share/${PORT}/copyright)
  if(NOT EXISTS "${PREFIX}/${name}")
    message(FATAL_ERROR "the port: expected ${name}, given none")
  endif()
endforeach()
foreach(name debug lib share/cmake share/licenses)
  if(EXISTS "${PREFIX}/${name}")
    message(FATAL_ERROR "the port: expected no ${name}, given one")
  endif()
endforeach()
