// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Index, matrix aliases and the Scalar concept.
///
/// Shape letters, used by every header (course, "Notation"):
///
///     m               number of samples; one column is one sample
///     n_x, n_h, n_y   features, hidden units, outputs
///     [l]             layer, counted from 1; the input is layer 0 and A[0] = X
///     X (n_x x m)     inputs             Y (n_y x m)  targets
///     W[l] (n_l x n_{l-1})  weights      b[l] (n_l x 1)  biases
///     Z[l], A[l] (n_l x m)  pre-activations and activations

#ifndef __cpp_concepts
#error "shallow: compiler: expected C++20 (-std=c++20, CMAKE_CXX_STANDARD 20), given an older standard"
#endif

#include "shallow/compiler.hpp"
#if (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0) || defined(_M_FP_FAST)
#error \
    "shallow: flags: expected NaN and infinity to be numbers, given -ffast-math, -Ofast or -ffinite-math-only: \
leave that flag out or, for the rest of -ffast-math, add -fno-finite-math-only"
#endif

#include <Eigen/Core>

#include <bit>
#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

// Eigen 5 counts on from here: its 5.0 is 3.5 to those who ask as before.
static_assert(EIGEN_VERSION_AT_LEAST(3, 4, 0), "shallow: Eigen: expected 3.4 or later");

static_assert(0.1 != static_cast<double>(0.1F),
              "shallow: flags: expected constants of type double, given -fsingle-precision-constant");

namespace shallow {

/// Signed integer of sizes and positions, as Eigen counts.
using Index = Eigen::Index;

/// A size that is known at run time only.
using Eigen::Dynamic;

/// A real number type that a network can be built of: float, double, long double, or a type of the user's own (say, a
/// dual number) that models a real field with an order and for which Eigen::NumTraits is specialised. Complex numbers
/// and integers are not: a loss needs an order, a gradient needs division.
///
/// Whether a number is finite a type tells by a function isfinite beside it. `fit` and check_gradients need it as a
/// double, and error messages show it as one: by a conversion, which may be explicit. Where isfinite or the conversion
/// is missing, its member value() is asked, as Eigen's AutoDiffScalar has one.
template <class T>
concept Scalar = !Eigen::NumTraits<T>::IsComplex && !Eigen::NumTraits<T>::IsInteger && std::copyable<T> &&
                 std::constructible_from<T, double> && requires(const T a, const T b) {
  { a + b } -> std::convertible_to<T>;
  { a - b } -> std::convertible_to<T>;
  { a* b } -> std::convertible_to<T>;
  { a / b } -> std::convertible_to<T>;
  { a < b } -> std::convertible_to<bool>;
};

namespace detail {

/// A matrix, a part of one or a Map, which need not be computed first.
template <class X>
inline constexpr bool lies_in_memory = (int(X::Flags) & int(Eigen::DirectAccessBit)) != 0;

}  // namespace detail

// Every matrix type that the library spells states its order: EIGEN_DEFAULT_TO_ROW_MAJOR changes nothing.

/// A matrix of run-time size, column after column: a column is a sample and lies contiguous in memory.
template <Scalar T>
using Matrix = Eigen::Matrix<T, Dynamic, Dynamic, Eigen::ColMajor>;

/// A column vector of run-time size.
template <Scalar T>
using Vector = Eigen::Matrix<T, Dynamic, 1, Eigen::ColMajor>;

/// A number of features, units or outputs, made of any integer: int, Index, std::size_t. (In braces C++ refuses a
/// std::size_t where an Index is wanted.) What an Index cannot hold becomes the largest or the smallest Index, which no
/// network accepts.
class Width {
 public:
  /// This number.
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  constexpr Width(Integer n) : n_(nearest(n)) {}
  /// The number.
  constexpr Index value() const { return n_; }

 private:
  template <class Integer>
  static constexpr Index nearest(Integer n) {
    constexpr Integer zero{0};
    const auto converted = static_cast<Index>(n);
    if (static_cast<Integer>(converted) == n && (converted < 0) == (n < zero)) return converted;
    return n < zero ? (std::numeric_limits<Index>::min)() : (std::numeric_limits<Index>::max)();
  }

  Index n_;
};

namespace detail {

// std::bit_cast; Eigen's where the standard library has none yet (libc++ before 14, and so Emscripten 3.1.6).
#ifdef __cpp_lib_bit_cast
using std::bit_cast;
#else
using Eigen::numext::bit_cast;
#endif

/// Whether as_double(number) goes.
template <class T>
inline constexpr bool converts_to_double = [] {
  if constexpr (requires(const T& number) { static_cast<double>(number); }) {
    return true;
  } else if constexpr (requires(const T& number) { number.value(); }) {
    return converts_to_double<std::remove_cvref_t<decltype(std::declval<const T&>().value())>>;
  } else {
    return false;
  }
}();
template <class T>
concept ConvertsToDouble = converts_to_double<T>;

/// A number of any type as a double.
template <ConvertsToDouble T>
double as_double(const T& number) {
  if constexpr (requires { static_cast<double>(number); }) {
    return static_cast<double>(number);
  } else {
    return as_double(number.value());
  }
}

}  // namespace detail

}  // namespace shallow
