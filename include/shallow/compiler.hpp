// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What depends on the compiler, before anything else is included. These are known to need something here:
///
/// - GCC 11 and 12 warn of uninitialised values in their own header of AVX-512 intrinsics (their bug 105593), in every
///   program that optimises with Eigen; they and Clang warn of variables that Eigen does not use. The warnings belong
///   to lines of these headers, so they are switched off there, and stay on in every other line.
/// - Microsoft's, with which nothing has been run, has no `#pragma GCC`; without [[no_unique_address]], which it skips,
///   objects are larger and no less right; without FP_FAST_FMA, a multiply-add of single numbers is two operations, as
///   on any processor that has none.

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#ifdef __AVX512F__
#include <immintrin.h>
#endif
#pragma GCC diagnostic pop
#endif
#if defined(__GNUC__) && defined(__aarch64__)
#include <arm_neon.h>
#endif
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#include <Eigen/Core>
#pragma GCC diagnostic pop
#endif
