// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Data sets that are computed, not loaded: the same numbers on every machine.

#include "shallow/error.hpp"
#include "shallow/random.hpp"
#include "shallow/types.hpp"

#include <cmath>
#include <cstdint>

namespace shallow::datasets {

/// Inputs X (n_x x m) and targets Y (n_y x m); column j of both is sample j.
template <Scalar T = double>
struct Dataset {
  Matrix<T> X;  ///< inputs (n_x x m)
  Matrix<T> Y;  ///< targets (n_y x m)
};

/// The course's planar data: two classes that no straight line parts, in the petals of a flower. X is (2 x m), Y is
/// (1 x m): first m / 2 samples of class 0, then m / 2 of class 1. With N = m / 2, for class j = 0, 1
///
///     t = linspace(3.12 j, 3.12 (j + 1), N) + 0.2 randn(N)     the angle
///     r = 4 sin(4 t) + 0.2 randn(N)                            the radius; all N draws of t come before those of r
///     x = (r sin t, r cos t)'                                  a column of X
///
/// where randn is RandomState(seed). Computed in double, then rounded to T: the defaults give the course's own numbers.
///
/// Throws ValueError: m: expected an even number >= 4.
template <Scalar T = double>
Dataset<T> flower(Index m = 400, std::uint32_t seed = 1) {
  if (m < 4 || m % 2 != 0) {
    detail::raise_expected<ValueError>("datasets::flower", "m", "an even number >= 4", detail::to_text(m));
  }
  constexpr double sector = 3.12;
  constexpr double longest_radius = 4.0;
  constexpr double noise = 0.2;
  const Index N = m / 2;

  Dataset<T> set{Matrix<T>(2, m), Matrix<T>(1, m)};
  RandomState random(seed);
  Vector<double> angles(N);
  for (const Index label : {Index{0}, Index{1}}) {
    const double start = sector * static_cast<double>(label);
    const double stop = sector * static_cast<double>(label + 1);
    const double step = (stop - start) / static_cast<double>(N - 1);
    // NumPy's linspace multiplies, adds, and sets the last point to `stop`. Products are rounded before an addition, as
    // NumPy's are, whether or not the processor could fuse the two.
    for (Index i = 0; i < N; ++i) {
      const double even = i + 1 < N ? detail::rounded(static_cast<double>(i) * step) + start : stop;
      angles(i) = even + detail::rounded(noise * random.normal());
    }
    for (Index i = 0; i < N; ++i) {
      const Index j = label * N + i;
      const double t = angles(i);
      const double r = detail::rounded(longest_radius * std::sin(4.0 * t)) + detail::rounded(noise * random.normal());
      set.X(0, j) = static_cast<T>(r * std::sin(t));
      set.X(1, j) = static_cast<T>(r * std::cos(t));
      set.Y(0, j) = static_cast<T>(static_cast<double>(label));
    }
  }
  return set;
}

}  // namespace shallow::datasets
