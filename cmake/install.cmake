# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# In share, not lib: nothing here depends on the architecture.
set(shallow_config_dir "${CMAKE_INSTALL_DATADIR}/cmake/shallow")

install(TARGETS shallow EXPORT shallow-targets
        FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILE_SET engine_parts DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT shallow-targets NAMESPACE shallow:: DESTINATION "${shallow_config_dir}")
foreach(component IN LISTS SHALLOW_COMPONENTS)
  install(TARGETS shallow_${component} EXPORT shallow-${component}-targets
          FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT shallow-${component}-targets NAMESPACE shallow:: DESTINATION "${shallow_config_dir}")
endforeach()

configure_package_config_file(cmake/shallow-config.cmake.in "${PROJECT_BINARY_DIR}/shallow-config.cmake"
                              INSTALL_DESTINATION "${shallow_config_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/shallow-config-version.cmake" COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/shallow-config.cmake" "${PROJECT_BINARY_DIR}/shallow-config-version.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/Findprotozero.cmake"
        DESTINATION "${shallow_config_dir}")

# The file for pkg-config says where the headers are from where it is itself, so that all of it may be moved. An include
# folder that is absolute stays where it is.
set(pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(pkgconfig_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(pkgconfig_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_DATADIR}")
  set(pkgconfig_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH up "/${pkgconfig_dir}" "/")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(pkgconfig_prefix "\${pcfiledir}/${up}")
endif()
configure_file(cmake/shallow.pc.in "${PROJECT_BINARY_DIR}/shallow.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/shallow.pc" DESTINATION "${pkgconfig_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/shallow")
