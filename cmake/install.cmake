# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# In share, not lib: nothing here depends on the architecture.
set(shallow_config_dir "${CMAKE_INSTALL_DATADIR}/cmake/shallow")

install(TARGETS shallow EXPORT shallow-targets FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
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

configure_file(cmake/shallow.pc.in "${PROJECT_BINARY_DIR}/shallow.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/shallow.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/shallow")
