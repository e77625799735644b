// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Random numbers that are the same everywhere: RandomState gives the numbers of numpy.random.RandomState.

#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <utility>
#include <vector>

namespace shallow {
namespace detail {

/// The value, rounded to double here and now. Where the processor has a fused multiply-add, a compiler may compute
/// a b + c with one rounding instead of two; a product that went through a volatile object cannot be fused any more, on
/// any compiler and under any flags. Costs one store and one load.
inline double rounded(double value) {
  const volatile double kept = value;
  return kept;
}

}  // namespace detail

/// A stream of random numbers that equals numpy.random.RandomState(seed) number for number: the Mersenne twister
/// std::mt19937, 53-bit uniform numbers, normal numbers by the polar method. The distributions of the standard library
/// are not used, since every standard library has its own.
///
/// A regular value: a copy continues with the same numbers as the original, so saving and restoring the state is an
/// assignment, and two states are equal when they will give the same numbers. Not for two threads at once.
///
/// Compiler flags change nothing. The machine has one say: normal numbers need log, and NumPy and this class take it
/// from the C library. That of glibc rounds a few values differently on a processor without fused multiply-add, which
/// moves the last digit of 65 normal numbers in a million, NumPy's and these alike.
class RandomState {
 public:
  /// The stream of seed 0 (NumPy takes a seed from the system here; this library never does).
  RandomState() : RandomState(0) {}

  /// The stream of numpy.random.RandomState(seed).
  explicit RandomState(std::uint32_t seed) : engine_(seed) {}

  /// Uniform in [0, 1), a multiple of 2^-53: (2^26 (g1 >> 5) + (g2 >> 6)) / 2^53 with the next two 32-bit draws g1, g2.
  /// NumPy: random_sample().
  double uniform() {
    const auto high = static_cast<double>(next_32_bits() >> 5);
    const auto low = static_cast<double>(next_32_bits() >> 6);
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

  /// Normal with mean 0 and variance 1. NumPy: standard_normal().
  ///
  /// Polar method (Marsaglia and Bray, "A convenient method for generating normal variables", 1964): draw x1, x2
  /// uniform in [-1, 1) until 0 < r2 = x1^2 + x2^2 < 1; with f = sqrt(-2 ln(r2) / r2) both f x2 and f x1 are normal.
  /// The first is returned, the second kept for the next call.
  EIGEN_DONT_INLINE double normal() {
    if (kept_normal_) {
      const double kept = *kept_normal_;
      kept_normal_.reset();
      return kept;
    }
    double x1, x2, r2;
    do {
      x1 = 2.0 * uniform() - 1.0;
      x2 = 2.0 * uniform() - 1.0;
      // One fused rounding here would change the last digit of one normal number in seven.
      r2 = detail::rounded(x1 * x1) + detail::rounded(x2 * x2);
    } while (r2 >= 1.0 || r2 == 0.0);
    const double f = std::sqrt(-2.0 * std::log(r2) / r2);
    // Rounded too, lest the caller's own addition be fused with the product.
    kept_normal_ = detail::rounded(f * x1);
    return detail::rounded(f * x2);
  }

  /// A matrix (rows x cols) of normal numbers, drawn in double row by row. NumPy: randn(rows, cols).
  ///
  /// Throws ValueError: rows, cols: expected >= 0.
  template <Scalar T = double>
  Matrix<T> randn(Index rows, Index cols) {
    if (rows < 0) detail::raise_expected<ValueError>("RandomState::randn", "rows", ">= 0", detail::to_text(rows));
    if (cols < 0) detail::raise_expected<ValueError>("RandomState::randn", "cols", ">= 0", detail::to_text(cols));
    Matrix<T> numbers(rows, cols);
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < cols; ++j) numbers(i, j) = static_cast<T>(normal());
    }
    return numbers;
  }

  /// Uniform among 0, 1, ..., n - 1, without bias: draws of as many bits as n - 1 has, until one is less than n.
  /// below(1) draws nothing. NumPy: randint(n).
  ///
  /// Throws ValueError: n: expected >= 1.
  Index below(Index n) {
    if (n < 1) detail::raise_expected<ValueError>("RandomState::below", "n", ">= 1", detail::to_text(n));
    const std::uint64_t largest = static_cast<std::uint64_t>(n) - 1;
    if (largest == 0) return 0;
    const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(largest);
    const bool one_draw = largest <= 0xffffffffU;
    std::uint64_t value;
    do {
      value = next_32_bits();
      if (!one_draw) value = value << 32 | next_32_bits();
      value &= mask;
    } while (value > largest);
    return static_cast<Index>(value);
  }

  /// Brings the items (a vector, a span, an array: any sized random-access range) into random order, every order being
  /// equally likely (Fisher and Yates; Durstenfeld 1964): for i = n - 1, ..., 1 swaps item i with item below(i + 1).
  /// Allocates nothing. NumPy: shuffle(items).
  template <std::ranges::random_access_range Items>
    requires std::ranges::sized_range<Items> && std::permutable<std::ranges::iterator_t<Items>>
  void shuffle(Items&& items) {
    using Step = std::ranges::range_difference_t<Items>;
    const auto first = std::ranges::begin(items);
    for (Index i = static_cast<Index>(std::ranges::size(items)) - 1; i > 0; --i) {
      std::ranges::iter_swap(first + static_cast<Step>(i), first + static_cast<Step>(below(i + 1)));
    }
  }

  /// The numbers 0, 1, ..., n - 1 in random order. NumPy: permutation(n).
  ///
  /// Throws ValueError: n: expected >= 0.
  std::vector<Index> permutation(Index n) {
    if (n < 0) detail::raise_expected<ValueError>("RandomState::permutation", "n", ">= 0", detail::to_text(n));
    std::vector<Index> numbers(static_cast<std::size_t>(n));
    std::iota(numbers.begin(), numbers.end(), Index{0});
    shuffle(numbers);
    return numbers;
  }

  /// Whether both will give the same numbers from here on.
  friend bool operator==(const RandomState&, const RandomState&) = default;

 private:
  std::uint32_t next_32_bits() { return static_cast<std::uint32_t>(engine_()); }

  std::mt19937 engine_;
  std::optional<double> kept_normal_;
};

}  // namespace shallow
