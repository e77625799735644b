// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Mean and standard deviation of a feature, in range whatever its finite numbers: what StandardScaler is made of.

#include "shallow/engine/numbers.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace shallow::detail {

/// A power of two near a number and its inverse: over it, neither squares nor sums overflow or vanish, and nothing is
/// rounded.
template <class T>
struct Unit {
  T value;
  T inverse;
};
template <class T>
Unit<T> unit_near(const T& size) {
  if constexpr (std::is_floating_point_v<T>) {
    using Limits = std::numeric_limits<T>;
    const int exponent = std::clamp(std::ilogb(size), Limits::min_exponent, Limits::max_exponent - 2);
    return {std::ldexp(T(1), exponent), std::ldexp(T(1), -exponent)};
  } else {
    // Made of constants alone: a number that carries a derivative carries none of this one. Neither of the two leaves
    // the range of T.
    Unit<T> unit{T(1), T(1)};
    const bool large = T(1) < size;
    for (int i = 0; i < 1020 && (large ? unit.value < size : size < unit.value); ++i) {
      const Unit<T> next{T(unit.value * T(large ? 2 : 0.5)), T(unit.inverse * T(large ? 0.5 : 2))};
      if (!is_finite(next.value) || !is_finite(next.inverse) || !(T(0) < next.value) || !(T(0) < next.inverse)) break;
      unit = next;
    }
    return unit;
  }
}

// No abs: a macro of others, which also takes the place of the one that a user's type brings along.
template <class Real>
Real without_sign(const Real& number) {
  return number < Real(0) ? Real(-number) : number;
}

/// Rounding may take a mean or a deviation just beyond the largest number that it comes from, and so out of range.
template <class T>
T within(const T& number, const T& low, const T& high) {
  return number < low ? low : high < number ? high : number;
}

/// What a feature is scaled by.
template <class T>
struct FeatureScale {
  T mean;
  T scale;
};
/// Mean and scale of row i, from its numbers over one near the largest of them: their sums and squares are in range.
template <class T, class X>
FeatureScale<T> feature_scale(const X& samples, Index i) {
  // Two bytes are half precision: there is no room in them for a number that carries more than itself.
  constexpr bool half = sizeof(T) == 2 && std::is_constructible_v<double, T>;
  using Sum = std::conditional_t<std::is_same_v<T, float> || half, double, T>;
  using std::sqrt;
  const Index count = samples.cols();
  const auto m = static_cast<Sum>(static_cast<double>(count));
  T largest(0);
  for (Index j = 0; j < count; ++j) {
    const T size = detail::without_sign(T(samples(i, j)));
    if (largest < size) largest = size;
  }
  FeatureScale<T> result{T(0), T(1)};
  if (!(T(0) < largest)) return result;
  const Unit<Sum> unit = unit_near(Sum(largest));
  Sum sum(0);
  for (Index j = 0; j < count; ++j) sum += Sum(samples(i, j)) * unit.inverse;
  const Sum mean = sum / m;
  Sum squares(0);
  for (Index j = 0; j < count; ++j) {
    const Sum deviation = Sum(samples(i, j)) * unit.inverse - mean;
    squares += deviation * deviation;
  }
  const Sum scale = sqrt(squares / m);
  const Sum rounding = m * Sum(Eigen::NumTraits<Sum>::epsilon()) * detail::without_sign(mean);
  result.mean = detail::within(T(mean * unit.value), T(T(0) - largest), largest);
  if (rounding < scale) {
    T smallest(0);  // what rounds to 0 was the smallest number, or none that a type of the user's own tells
    if constexpr (std::numeric_limits<T>::is_specialized) smallest = T(std::numeric_limits<T>::denorm_min());
    const T spread = detail::within(T(scale * unit.value), smallest, largest);
    if (T(0) < spread) result.scale = spread;
  }
  return result;
}

}  // namespace shallow::detail
