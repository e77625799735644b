// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Softmax, the activation of a whole column.

#include "shallow/activation.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/math.hpp"
#include "shallow/types.hpp"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace shallow {

namespace detail {

/// f(tile, memory...) with an Eigen array of numbers in memory as the engine wants a tile, and back: column after
/// column in whole lines.
template <class A>
auto as_tile(const A& a) {
  using T = typename A::Scalar;
  const TileLayout<T, Lanes::units> tile{a.rows(), a.cols()};
  std::vector<T> memory(static_cast<std::size_t>(tile.size()), T(0));
  tile.view(memory.data()) = a;
  return std::pair(tile, std::move(memory));
}

}  // namespace detail

/// softmax(z)_i = e^{z_i} / sum_k e^{z_k} of every column: positive, and a column sums to one.
///
///     da_i / dz_k = a_i (delta_ik - a_k)        (dJ/dz)_i = a_i ((dJ/da)_i - sum_k a_k (dJ/da)_k)
///
/// A function of a column has no derivative of one number: in its place stands the Jacobian's product with dJ/dA.
struct Softmax {
  /// What summaries and model files call it.
  static constexpr std::string_view name = "softmax";

  /// softmax of every column of Z (n x m, n >= 1), as a new array of Z's kind of shape.
  template <detail::DenseExpression Z>
  auto operator()(const Z& z) const {
    Eigen::Array<typename Z::Scalar, Z::RowsAtCompileTime, Z::ColsAtCompileTime,
                 (Z::RowsAtCompileTime == 1 && Z::ColsAtCompileTime != 1) ? Eigen::RowMajor : Eigen::ColMajor>
        a = z.derived().array();
    forward(a, a);
    return a;
  }
  /// dJ/dZ (n x m) from A = softmax(Z) and dJ/dA, as a new array.
  template <detail::DenseExpression A, detail::DenseExpression D>
  auto backward_from_value(const A& a, const D& dA) const {
    Eigen::Array<typename A::Scalar, Dynamic, Dynamic, Eigen::ColMajor> d = dA.derived().array();
    backward(a.derived().array(), d);
    return d;
  }
  /// A = softmax(Z), into given storage; A may be Z.
  template <class Z, class A>
  void forward(const Z& z, A&& a) const {
    auto [tile, memory] = detail::as_tile(z);
    detail::with_engine<typename Z::Scalar>(
        [&, t = tile, data = memory.data()](auto engine) { engine.softmax(t, data, data); });
    a = tile.view(memory.data());
  }
  /// D := A o (D - 1 (column sums of A o D)): dJ/dA becomes dJ/dZ in place.
  template <class A, class D>
  void backward(const A& a, D&& d) const {
    const auto [tile, values] = detail::as_tile(a);
    auto memory = detail::as_tile(d).second;
    detail::with_engine<typename A::Scalar>(
        [&, t = tile, from = values.data(), to = memory.data()](auto engine) { engine.softmax_backward(t, from, to); });
    d = tile.view(memory.data());
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const Softmax&, const Softmax&) = default;
};

}  // namespace shallow
