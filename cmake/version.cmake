# SPDX-License-Identifier: MIT
#
# SHALLOW_VERSION, as the one place that states it does, version.hpp.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../include/shallow/version.hpp" shallow_version_lines
     REGEX "^#define SHALLOW_VERSION_(MAJOR|MINOR|PATCH) [0-9]+$")
string(REGEX REPLACE "#define SHALLOW_VERSION_[A-Z]+ " "" shallow_version_lines "${shallow_version_lines}")
list(JOIN shallow_version_lines "." SHALLOW_VERSION)
