// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Random numbers that are the same everywhere: RandomState gives the numbers of numpy.random.RandomState.

#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
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
/// MT19937, 53-bit uniform numbers, normal numbers by the polar method. Nothing of `<random>` is used: every standard
/// library has distributions of its own, and tells the state of std::mt19937 as text of its own.
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
  explicit RandomState(std::uint32_t seed) {
    state_.key[0] = seed;
    for (std::uint32_t i = 1; i < kWords; ++i) {
      const std::uint32_t last = state_.key[i - 1];
      state_.key[i] = 1812433253U * (last ^ last >> 30U) + i;
    }
  }

  /// All that decides which numbers come next, as numpy.random.RandomState.get_state() tells it.
  struct State {
    std::array<std::uint32_t, 624> key{};  ///< words of the twister, not all zero
    int position = 624;                    ///< the next word to use, 0 .. 624; at 624 new ones are made first
    std::optional<double> kept_normal{};   ///< the second of a pair of normal numbers, if it has not been given out

    /// The same numbers will come.
    friend bool operator==(const State&, const State&) = default;
  };

  /// Continues where the RandomState stood that this state was taken from.
  /// \throws ValueError position: expected 0 .. 624; key: expected words that are not all zero (of the first the
  ///         highest bit counts); kept_normal: expected a finite number
  explicit RandomState(const State& state) : state_(state) {
    const std::string_view broken = broken_part(state);
    if (broken == "position") {
      detail::raise_expected<ValueError>("RandomState", "position", "0 .. 624", std::to_string(state.position));
    }
    if (broken == "key") {
      detail::raise_expected<ValueError>("RandomState", "key", "words that are not all zero", "zeros");
    }
    if (broken == "kept_normal") {
      detail::raise_expected<ValueError>("RandomState", "kept_normal", "a finite number",
                                         detail::to_text(*state.kept_normal));
    }
  }
  /// The part of a state that is out of range: "position", "key" or "kept_normal"; empty if none is.
  static std::string_view broken_part(const State& state) {
    if (state.position < 0 || state.position > int(kWords)) return "position";
    // Of zeros the twister makes zeros for ever, and normal() would never return.
    const auto is_zero = [](std::uint32_t word) { return word == 0; };
    if ((state.key[0] & kHighest) == 0 && std::all_of(state.key.begin() + 1, state.key.end(), is_zero)) return "key";
    if (state.kept_normal && !std::isfinite(*state.kept_normal)) return "kept_normal";
    return {};
  }

  /// To be kept in a file, say, and continued from. NumPy: get_state().
  const State& state() const { return state_; }

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
    if (state_.kept_normal) {
      const double kept = *state_.kept_normal;
      state_.kept_normal.reset();
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
    state_.kept_normal = detail::rounded(f * x1);
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
    requires std::ranges::sized_range<Items> && std::indirectly_swappable<std::ranges::iterator_t<Items>>
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
  static constexpr std::uint32_t kWords = 624;
  static constexpr std::uint32_t kHighest = 0x80000000U;

  /// The next draw of MT19937 (Matsumoto and Nishimura, "Mersenne twister", 1998).
  std::uint32_t next_32_bits() {
    if (state_.position == int(kWords)) renew();
    std::uint32_t y = state_.key[static_cast<std::size_t>(state_.position++)];
    y ^= y >> 11U;
    y ^= y << 7U & 0x9d2c5680U;
    y ^= y << 15U & 0xefc60000U;
    return y ^ y >> 18U;
  }

  /// x_{k+624} = x_{k+397} ^ (highest bit of x_k, the other bits of x_{k+1}) A, for a whole round of words.
  EIGEN_DONT_INLINE void renew() {
    auto& x = state_.key;
    const auto twist = [&](std::size_t k, std::size_t next, std::size_t other) {
      const std::uint32_t y = (x[k] & kHighest) | (x[next] & ~kHighest);
      x[k] = x[other] ^ y >> 1U ^ ((y & 1U) * 0x9908b0dfU);
    };
    for (std::size_t k = 0; k < 227; ++k) twist(k, k + 1, k + 397);
    for (std::size_t k = 227; k < 623; ++k) twist(k, k + 1, k - 227);
    twist(623, 0, 396);
    state_.position = 0;
  }

  State state_;
};

}  // namespace shallow
