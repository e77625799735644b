# SPDX-License-Identifier: MIT
#
# The ways in, each tried by a stranger's project, tests/consumer: one line of the table at the end is one test.
if(NOT SHALLOW_INSTALL)
  return()
endif()
set(consumers "${CMAKE_CURRENT_BINARY_DIR}/consumer")
set(prefix "${consumers}/prefix")

# What is installed is moved before it is used: nothing in it may remember where it was.
add_test(NAME consumer_install
         COMMAND "${CMAKE_COMMAND}" "-DBUILD=${PROJECT_BINARY_DIR}" "-DPREFIX=${prefix}" -P
                 "${CMAKE_CURRENT_SOURCE_DIR}/consumer/install_and_move.cmake")
set_tests_properties(consumer_install PROPERTIES FIXTURES_SETUP shallow_installed LABELS consumer)

# All components whose dependencies are here. A list with commas survives the way to the consumer.
set(components core)
foreach(component IN LISTS SHALLOW_COMPONENTS)
  if(shallow_have_${component})
    list(APPEND components ${component})
  endif()
endforeach()
list(JOIN components "," components)

# add_consumer(name way option...): configures, builds and runs tests/consumer in that way, with those cache variables.
function(add_consumer name way)
  list(TRANSFORM ARGN PREPEND "-D")
  set(compiler "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}")
  if(way MATCHES "^(find_package|pkg_config)$")
    list(PREPEND ARGN "-DCMAKE_PREFIX_PATH=${prefix}") # first: a line of the table may know better
  endif()
  add_test(NAME consumer_${name}
           COMMAND "${CMAKE_CTEST_COMMAND}" --build-and-test "${CMAKE_CURRENT_SOURCE_DIR}/consumer" "${consumers}/${name}"
                   --build-generator "${CMAKE_GENERATOR}" --build-makeprogram "${CMAKE_MAKE_PROGRAM}" --build-options
                   "${compiler}" "-DSHALLOW_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "-DWAY=${way}" ${ARGN} --test-command
                   consumer)
  set_tests_properties(consumer_${name} PROPERTIES LABELS consumer FIXTURES_REQUIRED shallow_installed
                                                   FIXTURES_SETUP consumer_${name})
endfunction()

# add_refused_consumer(name text option...): find_package fails and says `text`. CMake breaks long lines as it likes.
function(add_refused_consumer name text)
  add_consumer(${name} find_package ${ARGN})
  string(REGEX REPLACE "([()])" "[\\1]" text "${text}")
  string(REPLACE " " "[ \n]+" text "${text}")
  set_tests_properties(consumer_${name} PROPERTIES PASS_REGULAR_EXPRESSION
                                                   "CMake Error.*${text}.*Configuring incomplete, errors occurred")
endfunction()

set(no_zlib CMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON)
set(no_json CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
set(no_protozero CMAKE_DISABLE_FIND_PACKAGE_protozero=ON)
set(no_eigen CMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
set(without_exceptions "CMAKE_CXX_FLAGS=-fno-exceptions")
set(include_path "${PROJECT_SOURCE_DIR}/include")

#            name               way
add_consumer(find_package       find_package COMPONENTS=${components})
add_consumer(core_alone         find_package COMPONENTS=core OPTIONAL_COMPONENTS=idx ${no_zlib} ${no_json})
add_consumer(no_rtti            find_package CMAKE_CXX_FLAGS=-fno-rtti)
add_consumer(no_exceptions      find_package ${without_exceptions})
add_consumer(add_subdirectory   add_subdirectory COMPONENTS=${components})
add_consumer(fetch_content      fetch_content COMPONENTS=${components})
add_consumer(include_path       include_path "INCLUDE_PATH=${include_path}")

#                    name                  says
add_refused_consumer(no_zlib               "shallow: component idx needs zlib (Debian: zlib1g-dev), which was not found"
                     COMPONENTS=core,idx ${no_zlib})
add_refused_consumer(no_json               "shallow: component safetensors needs nlohmann-json (Debian: nlohmann-json3-dev), which was not found"
                     COMPONENTS=safetensors ${no_json})
add_refused_consumer(no_protozero          "shallow: component onnx needs protozero (Debian: libprotozero-dev), which was not found"
                     COMPONENTS=onnx ${no_protozero})
add_refused_consumer(no_zlib_and_no_json   "component idx needs zlib (Debian: zlib1g-dev), which was not found shallow: component safetensors needs"
                     COMPONENTS=safetensors,idx ${no_zlib} ${no_json})
add_refused_consumer(no_eigen              "shallow: core needs Eigen 3.4 or later (Debian: libeigen3-dev), which was not found"
                     ${no_eigen})
add_refused_consumer(no_such_component     "shallow: component: expected one of core,.*, given toml" COMPONENTS=toml)
# A version before 1.0 serves only those who ask for the same minor number; an older one any rule but that would serve.
math(EXPR other_minor "${PROJECT_VERSION_MINOR} - 1")
set(other_version "${PROJECT_VERSION_MAJOR}.${other_minor}")
add_refused_consumer(other_minor_version   "compatible with requested version \"${other_version}\"" VERSION=${other_version})

find_program(SHALLOW_GIT git)
if(SHALLOW_GIT AND EXISTS "${PROJECT_SOURCE_DIR}/.git")
  add_consumer(fetch_clone fetch_clone)
endif()
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  add_consumer(pkg_config pkg_config)
endif()
# Only ELF's nm is asked here what a shared library exports.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_consumer(hidden find_package HIDDEN=ON)
endif()

# Without exceptions an error is a line on stderr and an abort.
add_test(NAME consumer_no_exceptions_mistake
         COMMAND "${CMAKE_COMMAND}" "-DPROGRAM=${consumers}/no_exceptions/consumer" -P
                 "${CMAKE_CURRENT_SOURCE_DIR}/consumer/aborts.cmake")
set_tests_properties(consumer_no_exceptions_mistake PROPERTIES LABELS consumer FIXTURES_REQUIRED consumer_no_exceptions)

# ---- Packages of others: vcpkg's port and Conan's recipe, run with what stands in for these programs -----------------

add_test(NAME packaging_vcpkg COMMAND "${CMAKE_COMMAND}" "-DPREFIX=${consumers}/vcpkg_prefix" -P
                                      "${CMAKE_CURRENT_SOURCE_DIR}/packaging/vcpkg.cmake")
set_tests_properties(packaging_vcpkg PROPERTIES LABELS consumer FIXTURES_SETUP vcpkg_port
                                                ENVIRONMENT "CMAKE_GENERATOR=${CMAKE_GENERATOR};CXX=${CMAKE_CXX_COMPILER}")
add_consumer(vcpkg find_package "CMAKE_PREFIX_PATH=${consumers}/vcpkg_prefix" COMPONENTS=${components})
set_tests_properties(consumer_vcpkg PROPERTIES FIXTURES_REQUIRED vcpkg_port)

if(SHALLOW_PYTHON)
  add_test(NAME packaging_conan COMMAND "${SHALLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/packaging/conan_recipe.py"
                                        "${consumers}/conan")
  set_tests_properties(packaging_conan PROPERTIES LABELS consumer)
else()
  shallow_left_out("no python3 here")
endif()
