# SPDX-License-Identifier: MIT
#
# The port, for vcpkg's ports/shallow. All components are installed whatever the features: a feature brings what its
# component needs. SHA512 is that of the archive of a release, which is there only after the release: vcpkg names the
# right one when it meets the 0.
set(VCPKG_BUILD_TYPE release) # headers only: there is nothing to debug

vcpkg_from_github(
  OUT_SOURCE_PATH SOURCE_PATH
  REPO shallow-nn/shallow
  REF "v${VERSION}"
  SHA512 0
  HEAD_REF main)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS -DSHALLOW_BUILD_TESTS=OFF -DSHALLOW_BUILD_EXAMPLES=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/shallow)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
