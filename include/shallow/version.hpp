// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The version of the library: the one place that states it (CMake reads it from here).

#define SHALLOW_VERSION_MAJOR 0
#define SHALLOW_VERSION_MINOR 1
#define SHALLOW_VERSION_PATCH 0
