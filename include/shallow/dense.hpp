// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The engine: the products of a dense layer over a tile of samples (tile.hpp), on SIMD packets. The one place where
/// speed lives.
///
/// With W (n_out x n_in), A = A[l-1], Z = Z[l], D = dJ/dZ[l], the products are
///
///     forward            Z  = W A + b
///     weight gradient    dW = D A',  db = (row sums of D)
///     input gradient     dA = W' D
///
/// All but one are calls of one kernel, `multiply`, with other strides. The exception is the weight gradient with the
/// samples along the lanes, where the sum runs along the lanes: `multiply_dot`.

#include "shallow/tile.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace shallow::detail {

/// The largest size that is worth a kernel of its own: so small that a loop over it costs more than what it does.
inline constexpr int narrow_size = 16;

/// N if it is so small. All other sizes share one kernel, whether the type fixes them or not, which keeps programs
/// small and quick to compile.
template <int N>
inline constexpr int narrow = N <= narrow_size ? N : Dynamic;

/// The size as a number that the compiler knows nothing about, unless it is narrow: or it makes a copy of the shared
/// kernel for every size after all.
template <int N>
Index shared_size(Index n) {
  if constexpr (narrow<N> == Dynamic) {
    EIGEN_OPTIMIZATION_BARRIER(n)
  }
  return n;
}

/// What the sums of a product start from.
enum class Start {
  zero,        ///< C  = A B
  accumulate,  ///< C += A B
  rows,        ///< C  = A B + b 1': row i starts from bias[i]
  columns      ///< C  = A B + 1 b': column n starts from bias[n]
};

/// A register tile of C: sizeof...(m) packets of rows by sizeof...(n) columns.
///
/// The accumulators are an array, but only ever indexed by constants: GCC 12 keeps an array that a loop indexes in
/// memory, which halves the speed.
template <int Depth, class T, std::size_t... m, std::size_t... n>
EIGEN_ALWAYS_INLINE void multiply_tile(Start start, Index depth, const T* a, Index a_k, const T* b, Index b_k,
                                       Index b_n, const T* bias, T* c, Index c_n, std::index_sequence<m...>,
                                       std::index_sequence<n...>) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  constexpr Index p = packet_size<T>;
  constexpr std::size_t M = sizeof...(m);
  P sum[M * sizeof...(n)];
  const auto each_row = [&](auto&& f, std::size_t column) { (f(m, column, column * M + m), ...); };
  const auto each = [&](auto&& f) { (each_row(f, n), ...); };
  if (start == Start::zero) {
    each([&](std::size_t, std::size_t, std::size_t at) { sum[at] = e::pset1<P>(T(0)); });
  } else if (start == Start::accumulate) {
    each([&](std::size_t row, std::size_t column, std::size_t at) {
      sum[at] = e::ploadu<P>(c + Index(column) * c_n + Index(row) * p);
    });
  } else if (start == Start::rows) {
    each([&](std::size_t row, std::size_t, std::size_t at) { sum[at] = e::ploadu<P>(bias + Index(row) * p); });
  } else {
    each([&](std::size_t, std::size_t column, std::size_t at) { sum[at] = e::pset1<P>(bias[column]); });
  }

  const Index count = Depth == Dynamic ? depth : Depth;
  for (Index k = 0; k < count; ++k) {
    const P left[M] = {e::ploadu<P>(a + Index(m) * p)...};
    const auto multiply_column = [&](std::size_t column, const P& right) {
      ((sum[column * M + m] = e::pmadd(left[m], right, sum[column * M + m])), ...);
    };
    (multiply_column(n, e::pset1<P>(b[Index(n) * b_n])), ...);
    a += a_k;
    b += b_k;
  }

  each([&](std::size_t row, std::size_t column, std::size_t at) {
    e::pstoreu(c + Index(column) * c_n + Index(row) * p, sum[at]);
  });
}

/// All rows of a few columns of C.
template <int Depth, class T, std::size_t... n>
EIGEN_DONT_INLINE void multiply_columns(Start start, Index rows, Index depth, const T* a, Index a_k, const T* b,
                                        Index b_k, Index b_n, const T* bias, T* c, Index c_n,
                                        std::index_sequence<n...> columns) {
  // A single column, a single sample that is, needs more rows at a time, or every sum would wait for the one before:
  // a multiply-add takes 4 to 5 cycles, and 2 can begin in each.
  constexpr std::size_t M = sizeof...(n) == 1 ? 8 : 2;
  constexpr Index p = packet_size<T>;
  const Index bias_step = start == Start::rows ? 1 : 0;
  Index i = 0;
  for (; i + Index(M) * p <= rows; i += Index(M) * p) {
    multiply_tile<Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias + i * bias_step, c + i, c_n,
                         std::make_index_sequence<M>{}, columns);
  }
  if constexpr (M > 2) {
    for (; i + 2 * p <= rows; i += 2 * p) {
      multiply_tile<Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias + i * bias_step, c + i, c_n,
                           std::make_index_sequence<2>{}, columns);
    }
  }
  for (; i < rows; i += p) {
    multiply_tile<Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias + i * bias_step, c + i, c_n,
                         std::make_index_sequence<1>{}, columns);
  }
}

/// C (rows x columns) = A (rows x depth) B (depth x columns), started as `start` says. The rows lie along the lanes:
///
///     A(i, k) at a[i + k a_k]    B(k, n) at b[k b_k + n b_n]    C(i, n) at c[i + n c_n]
///
/// `rows` is rounded up to whole packets: so far A (and a bias by rows) must be readable, and C writable. Columns and
/// Depth are the sizes if known at compile time (see `narrow`).
template <int Columns = Dynamic, int Depth = Dynamic, class T>
void multiply(Start start, Index rows, Index columns, Index depth, const T* a, Index a_k, const T* b, Index b_k,
              Index b_n, const T* bias, T* c, Index c_n) {
  constexpr int width = 6;  // 2 x 6 accumulators, 2 packets of A and one of B: 15 of the 16 registers of AVX2
  const auto run = [&]<std::size_t... n>(std::index_sequence<n...> indices) {
    multiply_columns<Depth>(start, rows, depth, a, a_k, b, b_k, b_n, bias, c, c_n, indices);
  };
  const Index count = Columns == Dynamic ? columns : Columns;
  Index n = 0;
  if constexpr (Columns == Dynamic || Columns >= width) {
    for (; n + width <= count; n += width) {
      run(std::make_index_sequence<width>{});
      b += width * b_n;
      c += width * c_n;
      if (start == Start::columns) bias += width;
    }
  }
  if constexpr (Columns != Dynamic) {
    if constexpr (Columns % width != 0) run(std::make_index_sequence<Columns % width>{});
  } else {
    switch (count - n) {
      case 1: run(std::make_index_sequence<1>{}); break;
      case 2: run(std::make_index_sequence<2>{}); break;
      case 3: run(std::make_index_sequence<3>{}); break;
      case 4: run(std::make_index_sequence<4>{}); break;
      case 5: run(std::make_index_sequence<5>{}); break;
      default: break;
    }
  }
}

/// C(r, q) = (what `start` says) + sum over the samples of D(r, .) A(q, .), for sizeof...(r) rows of D and sizeof...(q)
/// rows of A.
template <class T, std::size_t... r, std::size_t... q>
EIGEN_DONT_INLINE void multiply_dot_tile(Start start, Index samples, const T* d, Index d_stride, const T* a,
                                         Index a_stride, T* c, Index c_q, std::index_sequence<r...> rows,
                                         std::index_sequence<q...>) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  constexpr std::size_t R = sizeof...(r);
  P sum[R * sizeof...(q)];
  const auto each_row = [&]<std::size_t... i>(auto&& f, std::size_t column, std::index_sequence<i...>) {
    (f(i, column * R + i), ...);
  };
  (each_row([&](std::size_t, std::size_t at) { sum[at] = e::pset1<P>(T(0)); }, q, rows), ...);
  for (Index j = 0; j < samples; j += packet_size<T>) {
    const P left[R] = {e::ploadu<P>(d + Index(r) * d_stride + j)...};
    const auto column = [&](std::size_t i, const P& right) {
      each_row([&](std::size_t row, std::size_t at) { sum[at] = e::pmadd(left[row], right, sum[at]); }, i, rows);
    };
    (column(q, e::ploadu<P>(a + Index(q) * a_stride + j)), ...);
  }
  const auto put = [&](std::size_t column) {
    each_row(
        [&](std::size_t row, std::size_t at) {
          T& entry = c[Index(row) + Index(column) * c_q];
          entry = (start == Start::zero ? T(0) : entry) + e::predux(sum[at]);
        },
        column, rows);
  };
  (put(q), ...);
}

/// Calls f(first, index_sequence) for `count` things in blocks of `Block`, and then for the rest: one by one or, where
/// the count is known at compile time, as one smaller block.
template <int Count, std::size_t Block, class F>
EIGEN_ALWAYS_INLINE void for_blocks(Index count, F&& f) {
  Index i = 0;
  if constexpr (Count == Dynamic) {
    for (; i + Index(Block) <= count; i += Index(Block)) f(i, std::make_index_sequence<Block>{});
    for (; i < count; ++i) f(i, std::index_sequence<0>{});
  } else {
    constexpr std::size_t rest = std::size_t(Count) % Block;
    for (; i < Count - Index(rest); i += Index(Block)) f(i, std::make_index_sequence<Block>{});
    if constexpr (rest != 0) f(i, std::make_index_sequence<rest>{});
  }
}

/// C (n_out x n_in) = D A' (or +=, as `start` says) with the samples of D (n_out x t) and A (n_in x t) along the lanes;
/// b the same of the row sums of D.
template <int Out, int In, class T>
EIGEN_DONT_INLINE void multiply_dot(Start start, Index n_out, Index n_in, Index samples, const T* d, Index d_stride,
                                    const T* a, Index a_stride, T* c, T* b) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  // 4 x 4 sums and what they are made of fit in 32 registers, 4 x 2 in 16.
  constexpr std::size_t across = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;
  for_blocks<Out, 4>(n_out, [&](Index o, auto rows) {
    for_blocks<In, across>(n_in, [&](Index i, auto columns) {
      multiply_dot_tile(start, samples, d + o * d_stride, d_stride, a + i * a_stride, a_stride, c + o + i * n_out,
                        n_out, rows, columns);
    });
    for (Index r = 0; r < Index(rows.size()); ++r) {
      const T* row = d + (o + r) * d_stride;
      P sum = e::pset1<P>(T(0));
      for (Index j = 0; j < samples; j += packet_size<T>) sum = e::padd(sum, e::ploadu<P>(row + j));
      b[o + r] = (start == Start::zero ? T(0) : b[o + r]) + e::predux(sum);
    }
  });
}

/// The products of a layer, on its parameters W (n_out x n_in, column after column) and b as the user has them. With
/// the units along the lanes W and b are read in whole packets, so that memory must be readable for a packet beyond
/// them (ParameterStorage), and the backward products need `scratch` memory of `scratch_size` numbers.
template <class T, Lanes L, int In, int Out>
struct DenseKernel {
  Index n_in;
  Index n_out;
  const T* weights;
  const T* bias;
  T* scratch = nullptr;

  /// Numbers of scratch memory: the last rows of [dW db] where n_out does not fill the last packet; if there is to be
  /// an input gradient, W' with columns of whole packets, too.
  Index scratch_size(bool input_gradient) const {
    if (L == Lanes::samples) return 0;
    return last_rows_size() + (input_gradient ? round_up_to_packets<T>(n_in) * n_out : 0);
  }

  /// Before any `input_gradient` with these parameters.
  void pack() const {
    if constexpr (L == Lanes::units) {
      const Index stride = round_up_to_packets<T>(n_in);
      T* const transposed = scratch + last_rows_size();
      transpose(n_out, n_in, weights, n_out, transposed, stride);
      for (Index o = 0; o < n_out; ++o) std::fill(transposed + o * stride + n_in, transposed + (o + 1) * stride, T(0));
    }
  }

  /// Z = W A + b. A(i, j) at a[i a_unit + j a_sample].
  void forward(Index samples, const T* a, Index a_unit, Index a_sample, T* z) const {
    const TileLayout<T, L> out{n_out, samples};
    if constexpr (L == Lanes::samples) {
      multiply<narrow<Out>, narrow<In>>(Start::columns, out.stride(), n_out, n_in, a, a_unit, weights, n_out, 1, bias,
                                        z, out.stride());
    } else {
      multiply(Start::rows, n_out, samples, n_in, weights, n_out, a, a_unit, a_sample, bias, z, out.stride());
    }
  }

  /// dW = D A', db = row sums of D, or added to what is there, as `start` says. With the samples along the lanes the
  /// padding of D holds zeros, that of A finite numbers.
  void weight_gradient(Start start, Index samples, const T* d, const T* a, Index a_unit, Index a_sample, T* dW,
                       T* db) const {
    const Index stride = TileLayout<T, L>{n_out, samples}.stride();
    if constexpr (L == Lanes::samples) {
      multiply_dot<narrow<Out>, narrow<In>>(start, n_out, n_in, samples, d, stride, a, a_unit, dW, db);
    } else {
      constexpr Index p = packet_size<T>;
      const Index whole = n_out / p * p;
      row_products(start, whole, samples, d, stride, a, a_unit, a_sample, dW, db, n_out);
      if (whole == n_out) return;
      row_products(Start::zero, p, samples, d + whole, stride, a, a_unit, a_sample, scratch, scratch + n_in * p, p);
      const Index rest = n_out - whole;
      for (Index i = 0; i <= n_in; ++i) {
        T* to = (i < n_in ? dW + i * n_out : db) + whole;
        for (Index o = 0; o < rest; ++o) to[o] = (start == Start::zero ? T(0) : to[o]) + scratch[i * p + o];
      }
    }
  }

  /// dA = W' D, padding included.
  void input_gradient(Index samples, const T* d, T* dA) const {
    const TileLayout<T, L> in{n_in, samples};
    const TileLayout<T, L> out{n_out, samples};
    const T* const none = nullptr;
    if constexpr (L == Lanes::samples) {
      multiply<narrow<In>, narrow<Out>>(Start::zero, in.stride(), n_in, n_out, d, out.stride(), weights, 1, n_out, none,
                                        dA, in.stride());
    } else {
      multiply(Start::zero, in.stride(), samples, n_out, scratch + last_rows_size(), in.stride(), d, 1, out.stride(),
               none, dA, in.stride());
    }
  }

 private:
  Index last_rows_size() const { return (n_in + 1) * packet_size<T>; }

  /// Rows of [dW db]; db is one more column, against a row of ones.
  void row_products(Start start, Index rows, Index samples, const T* d, Index d_stride, const T* a, Index a_unit,
                    Index a_sample, T* dW, T* db, Index dW_stride) const {
    const T* const none = nullptr;
    const T one(1);
    multiply(start, rows, n_in, samples, d, d_stride, a, a_sample, a_unit, none, dW, dW_stride);
    multiply<1>(start, rows, Index(1), samples, d, d_stride, &one, Index(0), Index(0), none, db, dW_stride);
  }
};

}  // namespace shallow::detail
