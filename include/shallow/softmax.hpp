// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Softmax, the activation of a whole column, and what the cross-entropy that belongs to it shares.

#include "shallow/activation.hpp"
#include "shallow/math.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <string_view>
#include <type_traits>

namespace shallow {

namespace detail {

/// How many columns of a row-after-row array are taken at a time, so that their maxima and sums fit on the stack.
inline constexpr int kColumnChunk = 64;
template <class T>
using ChunkRow = Eigen::Array<T, 1, Dynamic, Eigen::RowMajor, 1, kColumnChunk>;

/// Calls f(first, count, maxima) for chunks of the columns of `z` (row after row in memory), with each column's
/// maximum: whole rows of a chunk are worked on at once, so that the samples lie along the SIMD lanes.
template <class Z, class F>
void for_column_chunks(const Z& z, F&& f) {
  using T = typename Z::Scalar;
  for (Index first = 0; first < z.cols(); first += kColumnChunk) {
    const Index count = std::min<Index>(kColumnChunk, z.cols() - first);
    ChunkRow<T> top = z.row(0).segment(first, count);
    for (Index i = 1; i < z.rows(); ++i) top = (top.max)(z.row(i).segment(first, count));
    f(first, count, top);
  }
}

/// A /= sum, a number or as many as A has; on 32-bit ARM one by one, and exact to the last place (see divide).
template <class A, class Sum>
void divide_by(A&& a, const Sum& sum) {
#if defined(EIGEN_VECTORIZE_NEON) && !EIGEN_ARCH_ARM64
  using T = typename std::remove_cvref_t<A>::Scalar;
  if constexpr (DenseExpression<Sum>) {
    a = a.binaryExpr(sum, [](const T& x, const T& y) { return T(x / y); });
  } else {
    a = a.unaryExpr([sum](const T& x) { return T(x / sum); });
  }
#else
  a /= sum;
#endif
}

/// A = e^Z / (column sums of e^Z), column by column, from Z less its column's maximum so that nothing overflows. Both
/// storage orders add up in the same order, for the same bits: as four sums, which do not wait for each other.
template <class Z, class A>
void softmax_columns(const Z& z, A& a) {
  using T = typename Z::Scalar;
  if constexpr (Z::IsRowMajor) {
    for_column_chunks(z, [&](Index first, Index count, const ChunkRow<T>& top) {
      ChunkRow<T> sums[4];
      for (ChunkRow<T>& sum : sums) sum.setZero(count);
      for (Index i = 0; i < z.rows(); ++i) {
        a.row(i).segment(first, count) = shallow::exp(z.row(i).segment(first, count) - top);
        sums[i % 4] += a.row(i).segment(first, count);
      }
      const ChunkRow<T> sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
      for (Index i = 0; i < z.rows(); ++i) divide_by(a.row(i).segment(first, count), sum);
    });
  } else {
    for (Index j = 0; j < z.cols(); ++j) {
      a.col(j) = shallow::exp(z.col(j) - z.col(j).maxCoeff());
      T sums[4] = {T(0), T(0), T(0), T(0)};
      for (Index i = 0; i < z.rows(); ++i) sums[i % 4] += a(i, j);
      divide_by(a.col(j), (sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
  }
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
    // Both column after column, whatever order the caller's have: the sums are then taken the same way, for the same
    // bits.
    using Columns = Eigen::Array<typename A::Scalar, Dynamic, Dynamic, Eigen::ColMajor>;
    const Eigen::Ref<const Columns> values(a.derived().array());
    Columns d = dA.derived().array();
    backward(values, d);
    return d;
  }
  /// A = softmax(Z), into given storage of the same storage order; A may be Z.
  template <class Z, class A>
  void forward(const Z& z, A&& a) const {
    detail::softmax_columns(z, a);
  }
  /// D := A o (D - 1 (column sums of A o D)): dJ/dA becomes dJ/dZ in place.
  template <class A, class D>
  void backward(const A& a, D&& d) const {
    for (Index j = 0; j < a.cols(); ++j) {
      const typename std::remove_cvref_t<D>::Scalar mean = (a.col(j) * d.col(j)).sum();
      d.col(j) = a.col(j) * (d.col(j) - mean);
    }
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const Softmax&, const Softmax&) = default;
};

}  // namespace shallow
