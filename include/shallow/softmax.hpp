// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Softmax, the activation of a whole column.

#include "shallow/activation.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/math.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <vector>

namespace shallow {

namespace detail {

/// A column of n numbers as the engine wants a tile: in whole lines; on the stack as far as it has room.
template <class T>
class ColumnTile {
 public:
  explicit ColumnTile(Index n) : layout_{n, 1} {
    if (layout_.size() > Index(few_.size())) many_.resize(std::size_t(layout_.size()));
    std::fill_n(data(), layout_.size(), T(0));
  }
  const TileLayout<T, Lanes::units>& layout() const { return layout_; }
  T* data() { return many_.empty() ? few_.data() : many_.data(); }

  template <class X>
  void load(const EntriesOf<X>& entries, Index col) {
    for (Index i = 0; i < layout_.units; ++i) data()[i] = entries(i, col);
  }
  template <class X>
  void store(X&& x, Index col) {
    for (Index i = 0; i < layout_.units; ++i) x(i, col) = data()[i];
  }

 private:
  TileLayout<T, Lanes::units> layout_;
  alignas(64) std::array<T, 256> few_;
  std::vector<T> many_;
};

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
    using T = typename Z::Scalar;
    const detail::EntriesOf<Z> entries(z);
    detail::ColumnTile<T> column(z.rows());
    for (Index j = 0; j < z.cols(); ++j) {
      column.load(entries, j);
      detail::with_engine<T>([&](auto engine) { engine.softmax(column.layout(), column.data(), column.data()); });
      column.store(a, j);
    }
  }
  /// D := A o (D - 1 (column sums of A o D)): dJ/dA becomes dJ/dZ in place.
  template <class A, class D>
  void backward(const A& a, D&& d) const {
    using T = typename A::Scalar;
    const detail::EntriesOf<A> entries(a);
    const detail::EntriesOf<std::remove_cvref_t<D>> derivatives(d);
    detail::ColumnTile<T> column(a.rows()), slope(a.rows());
    for (Index j = 0; j < a.cols(); ++j) {
      column.load(entries, j);
      slope.load(derivatives, j);
      detail::with_engine<T>(
          [&](auto engine) { engine.softmax_backward(column.layout(), column.data(), slope.data()); });
      slope.store(d, j);
    }
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const Softmax&, const Softmax&) = default;
};

}  // namespace shallow
