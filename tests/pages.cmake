# SPDX-License-Identifier: MIT
#
# Every program on a page of the documentation is compiled, and prints what stands beneath it. (The README and the page
# on model files, whose programs need each other's files, are tested in CMakeLists.txt.)

# add_page(name): the programs of docs/<name>.md.
function(add_page name)
  set(page "${PROJECT_SOURCE_DIR}/docs/${name}.md")
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/pages/${name}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}")
  document_programs("${page}" "${directory}" cpp "int main" .cpp count OUTPUT)
  foreach(number RANGE 1 ${count})
    file(READ "${directory}/cpp_${number}.cpp" program)
    set(libraries shallow::shallow)
    if(program MATCHES "shallow/io/checkpoint\\.hpp")
      if(NOT shallow_have_safetensors)
        continue() # which has been said where the component is made
      endif()
      list(APPEND libraries shallow::safetensors)
    endif()
    if(program MATCHES "#include <thread>")
      find_package(Threads REQUIRED)
      list(APPEND libraries Threads::Threads)
    endif()
    add_executable(page_${name}_${number} "${directory}/cpp_${number}.cpp")
    target_link_libraries(page_${name}_${number} PRIVATE ${libraries})
    # Fifteen seconds each, for what it finds in the headers by way of the other tests.
    set_target_properties(page_${name}_${number} PROPERTIES CXX_CLANG_TIDY "")
    add_test(NAME page_${name}_${number} WORKING_DIRECTORY "${directory}"
             COMMAND "${CMAKE_COMMAND}" -DPROGRAM=$<TARGET_FILE:page_${name}_${number}>
                     "-DEXPECTED=${directory}/cpp_${number}.txt" -P "${CMAKE_CURRENT_SOURCE_DIR}/same_output.cmake")
  endforeach()
endfunction()

# add_same_programs(name page other): the programs of one page are those of another, which are tested.
function(add_same_programs name page other)
  add_test(NAME page_${name}_programs
           COMMAND "${CMAKE_COMMAND}" "-DPAGE=${PROJECT_SOURCE_DIR}/${page}" "-DOTHER=${PROJECT_SOURCE_DIR}/${other}"
                   "-DDIRECTORY=${CMAKE_CURRENT_BINARY_DIR}/pages/same_${name}" -P
                   "${CMAKE_CURRENT_SOURCE_DIR}/same_programs.cmake")
endfunction()

add_page(tutorial)
add_page(training)
add_page(gradient-checking)
add_page(own-activation)
add_page(own-parts)
add_page(real-time)
add_page(reinforcement-learning)
add_same_programs(index README.md docs/index.md)
add_same_programs(install README.md docs/install.md)
add_same_programs(zh_tutorial docs/tutorial.md docs/zh/tutorial.md)

# ---- The page about Python: two shared libraries, each with the script beneath it -----------------------------------

set(page "${PROJECT_SOURCE_DIR}/docs/python.md")
set(directory "${CMAKE_CURRENT_BINARY_DIR}/pages/python")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}")
document_programs("${page}" "${directory}" cpp "shallow/shallow.hpp" .cpp count)
document_programs("${page}" "${directory}" python "import numpy" .py count OUTPUT)

# add_python_page(number name ending): the library number, called name, loaded by script number.
function(add_python_page number name ending)
  set(target page_python_${number})
  add_library(${target} MODULE "${directory}/cpp_${number}.cpp")
  target_link_libraries(${target} PRIVATE shallow::shallow)
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} SUFFIX "${ending}" CXX_CLANG_TIDY ""
                                             LIBRARY_OUTPUT_DIRECTORY "${directory}")
  add_test(NAME ${target} WORKING_DIRECTORY "${directory}"
           COMMAND "${CMAKE_COMMAND}" "-DPROGRAM=${SHALLOW_PYTHON};${directory}/python_${number}.py"
                   "-DEXPECTED=${directory}/python_${number}.txt" -P "${CMAKE_CURRENT_SOURCE_DIR}/same_output.cmake")
endfunction()

have_python_modules(have_numpy numpy)
if(have_numpy)
  add_python_page(1 libnet "${CMAKE_SHARED_LIBRARY_SUFFIX}")
  # Asked of the Python that runs the script: find_package(Python3) may find another one.
  execute_process(COMMAND "${SHALLOW_PYTHON}" -c "import sysconfig as s; print(s.get_paths()['include'], end='')"
                  OUTPUT_VARIABLE python_include)
  execute_process(COMMAND "${SHALLOW_PYTHON}" -c "import sysconfig as s; print(s.get_config_var('EXT_SUFFIX'), end='')"
                  OUTPUT_VARIABLE python_ending)
  find_path(SHALLOW_PYBIND11 pybind11/pybind11.h)
  mark_as_advanced(SHALLOW_PYBIND11)
  if(SHALLOW_PYBIND11 AND EXISTS "${python_include}/Python.h")
    add_python_page(2 flowers "${python_ending}")
    target_include_directories(page_python_2 SYSTEM PRIVATE "${SHALLOW_PYBIND11}" "${python_include}")
    set_target_properties(page_python_2 PROPERTIES CXX_VISIBILITY_PRESET hidden)
  else()
    shallow_left_out("no pybind11 with the headers of ${SHALLOW_PYTHON} here")
  endif()
endif()

# ---- All of them ----------------------------------------------------------------------------------------------------

# A page with programs that nobody tests would rot unseen.
set(tested_pages tutorial training gradient-checking own-activation own-parts real-time reinforcement-learning python index
    install zh/tutorial model-files)
file(GLOB_RECURSE pages RELATIVE "${PROJECT_SOURCE_DIR}/docs" "${PROJECT_SOURCE_DIR}/docs/*.md")
foreach(page IN LISTS pages)
  file(READ "${PROJECT_SOURCE_DIR}/docs/${page}" text)
  string(REGEX REPLACE "\\.md$" "" name "${page}")
  if(text MATCHES "int main|\n```(cpp|python)\n" AND NOT name IN_LIST tested_pages)
    message(FATAL_ERROR "docs/${page}: expected its programs to be tested by tests/pages.cmake")
  endif()
endforeach()

# ---- The projects on the page about installation, with its program --------------------------------------------------

# The options that stand for what the reader does beforehand.
function(add_install_project number name)
  set(project "${CMAKE_CURRENT_BINARY_DIR}/pages/install/${name}")
  file(COPY_FILE "${CMAKE_CURRENT_BINARY_DIR}/pages/install/cmake_${number}.txt" "${project}/CMakeLists.txt"
       ONLY_IF_DIFFERENT)
  file(COPY_FILE "${CMAKE_CURRENT_BINARY_DIR}/readme/program.cpp" "${project}/main.cpp" ONLY_IF_DIFFERENT)
  add_test(
    NAME page_install_${name}
    COMMAND
      "${CMAKE_CTEST_COMMAND}" --build-and-test "${project}" "${project}/build" --build-generator "${CMAKE_GENERATOR}"
      --build-makeprogram "${CMAKE_MAKE_PROGRAM}" --build-options "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
      -DCMAKE_BUILD_TYPE=Release ${ARGN} --test-command program)
  set_tests_properties(page_install_${name} PROPERTIES LABELS consumer FIXTURES_REQUIRED shallow_installed)
endfunction()

# add_embedding(number way text): the library of block number, which brings shallow along by the CMake code `text`, is
# installed, moved, and found by a third project.
function(add_embedding number way text)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/pages/install/embedding_${way}")
  set(files "${CMAKE_CURRENT_SOURCE_DIR}/consumer")
  file(READ "${CMAKE_CURRENT_BINARY_DIR}/pages/install/cmake_${number}.txt" project)
  string(REPLACE "add_subdirectory(shallow SYSTEM)\n" "${text}\n" project "${project}")
  file(CONFIGURE OUTPUT "${folder}/CMakeLists.txt" CONTENT "@project@" @ONLY)
  file(COPY_FILE "${CMAKE_CURRENT_BINARY_DIR}/pages/install/config/cmake_1.txt" "${folder}/flowers-config.cmake"
       ONLY_IF_DIFFERENT)
  foreach(file flowers.hpp flowers.cpp)
    file(COPY_FILE "${files}/embedding/${file}" "${folder}/${file}" ONLY_IF_DIFFERENT)
  endforeach()
  set(build --build-generator "${CMAKE_GENERATOR}" --build-makeprogram "${CMAKE_MAKE_PROGRAM}")
  set(options "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" -DCMAKE_BUILD_TYPE=Debug)
  add_test(NAME page_install_embedding_${way}
           COMMAND "${CMAKE_CTEST_COMMAND}" --build-and-test "${folder}" "${folder}/build" ${build} --build-options
                   ${options} "-DSHALLOW_SOURCE_DIR=${PROJECT_SOURCE_DIR}" --test-command "${CMAKE_COMMAND}"
                   "-DBUILD=${folder}/build" "-DPREFIX=${folder}/prefix" -P "${files}/install_and_move.cmake")
  set_tests_properties(page_install_embedding_${way} PROPERTIES LABELS consumer FIXTURES_SETUP embedding_${way})
  add_test(NAME page_install_embedded_${way}
           COMMAND "${CMAKE_CTEST_COMMAND}" --build-and-test "${files}/embedded" "${folder}/third" ${build}
                   --build-options ${options} "-DCMAKE_PREFIX_PATH=${folder}/prefix" --test-command program)
  set_tests_properties(page_install_embedded_${way} PROPERTIES LABELS consumer FIXTURES_REQUIRED embedding_${way})
endfunction()

if(SHALLOW_INSTALL)
  set(page "${PROJECT_SOURCE_DIR}/docs/install.md")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}")
  document_programs("${page}" "${CMAKE_CURRENT_BINARY_DIR}/pages/install" cmake "project(" .txt count)
  document_programs("${page}" "${CMAKE_CURRENT_BINARY_DIR}/pages/install/config" cmake "find_dependency(" .txt ignored)
  set(prefix "${CMAKE_CURRENT_BINARY_DIR}/consumer/prefix")
  foreach(number RANGE 1 ${count})
    file(READ "${CMAKE_CURRENT_BINARY_DIR}/pages/install/cmake_${number}.txt" text)
    string(REGEX MATCH "project\\(([a-z_]+)" name "${text}")
    set(name "${CMAKE_MATCH_1}")
    if(name STREQUAL "flowers")
      add_embedding(${number} add_subdirectory "add_subdirectory(\"\${SHALLOW_SOURCE_DIR}\" shallow SYSTEM)")
      add_embedding(${number} fetch_content "include(FetchContent)
FetchContent_Declare(shallow SYSTEM SOURCE_DIR \"\${SHALLOW_SOURCE_DIR}\")
FetchContent_MakeAvailable(shallow)")
      continue()
    endif()
    file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/pages/install/${name}")
    if(name STREQUAL "add_subdirectory")
      file(CREATE_LINK "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}/pages/install/${name}/shallow" SYMBOLIC)
      add_install_project(${number} ${name})
    elseif(name STREQUAL "fetch_content")
      set(archive "${CMAKE_CURRENT_BINARY_DIR}/pages/install/shallow.tar.gz")
      add_test(NAME page_install_archive COMMAND "${CMAKE_COMMAND}" -E tar czf "${archive}" CMakeLists.txt LICENSE cmake include
               WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
      set_tests_properties(page_install_archive PROPERTIES LABELS consumer FIXTURES_SETUP shallow_archive)
      add_install_project(${number} ${name} "-DSHALLOW_ARCHIVE=${archive}")
      set_property(TEST page_install_${name} APPEND PROPERTY FIXTURES_REQUIRED shallow_archive)
    elseif(NOT name STREQUAL "components" OR shallow_have_safetensors)
      add_install_project(${number} ${name} "-DCMAKE_PREFIX_PATH=${prefix}")
    endif()
  endforeach()
endif()
