// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The version of the library: the one place that states it (CMake reads it from here).

/// The first number: 0 while interfaces may change.
#define SHALLOW_VERSION_MAJOR 0
/// The second number: while the first is 0, another one may break what uses the library.
#define SHALLOW_VERSION_MINOR 1
/// The third number: mended, nothing broken.
#define SHALLOW_VERSION_PATCH 0
