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

/// A size that is worth a kernel of its own: so small that a loop over it costs more than what it does. All other sizes
/// share one kernel, whether the type fixes them or not, which keeps programs small and quick to compile.
template <int N>
inline constexpr int narrow = N <= 16 ? N : Dynamic;

/// The size as a number that the compiler knows nothing about, unless it is narrow: or it makes a copy of the shared
/// kernel for every size after all.
template <int N>
Index shared_size(Index n) {
  if constexpr (narrow<N> == Dynamic) {
    EIGEN_OPTIMIZATION_BARRIER(n)
  }
  return n;
}

/// What `multiply` adds the products to.
enum class Start {
  zero,        ///< C  = A B
  accumulate,  ///< C += A B
  columns      ///< C  = A B + 1 b': column n starts from bias[n]
};

/// The first `count` lanes of a packet at p, zeros in the others; and back.
template <class T>
Packet<T> load_lanes(const T* p, Index count) {
  alignas(64) T lane[packet_size<T>] = {};
  std::copy_n(p, count, lane);
  return Eigen::internal::ploadu<Packet<T>>(lane);
}
template <class T>
void store_lanes(T* p, const Packet<T>& packet, Index count) {
  alignas(64) T lane[packet_size<T>];
  Eigen::internal::pstoreu(lane, packet);
  std::copy_n(lane, count, p);
}

/// A register tile of C: M packets of rows by sizeof...(n) columns, `last` valid lanes in the last packet.
///
/// The accumulators are arrays, but only ever indexed by constants: GCC 12 keeps an array that a loop indexes in
/// memory, which halves the speed.
template <int M, int Depth, class T, std::size_t... n>
EIGEN_ALWAYS_INLINE void multiply_tile(Start start, Index depth, const T* a, Index a_k, const T* b, Index b_k,
                                       Index b_n, const T* bias, T* c, Index c_n, Index last,
                                       std::index_sequence<n...>) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  constexpr Index p = packet_size<T>;
  constexpr std::size_t N = sizeof...(n);
  const bool whole = last == p;
  P upper[N], lower[N];  // with M == 1 the lower packet is the only one
  const auto begin = [&](const T* from, std::size_t column, bool complete) -> P {
    if (start == Start::zero) return e::pset1<P>(T(0));
    if (start == Start::columns) return e::pset1<P>(bias[column]);
    return complete ? e::ploadu<P>(from) : load_lanes<T>(from, last);
  };
  if constexpr (M == 2) ((upper[n] = begin(c + Index(n) * c_n, n, true)), ...);
  ((lower[n] = begin(c + Index(n) * c_n + (M - 1) * p, n, whole)), ...);

  const Index count = Depth == Dynamic ? depth : Depth;
  for (Index k = 0; k < count; ++k) {
    const P low = e::ploadu<P>(a + (M - 1) * p);
    if constexpr (M == 2) {
      const P up = e::ploadu<P>(a);
      const auto step = [&](std::size_t i, const P& weight) {
        upper[i] = e::pmadd(up, weight, upper[i]);
        lower[i] = e::pmadd(low, weight, lower[i]);
      };
      (step(n, e::pset1<P>(b[Index(n) * b_n])), ...);
    } else {
      ((lower[n] = e::pmadd(low, e::pset1<P>(b[Index(n) * b_n]), lower[n])), ...);
    }
    a += a_k;
    b += b_k;
  }

  if constexpr (M == 2) (e::pstoreu(c + Index(n) * c_n, upper[n]), ...);
  if (whole) {
    (e::pstoreu(c + Index(n) * c_n + (M - 1) * p, lower[n]), ...);
  } else {
    (store_lanes<T>(c + Index(n) * c_n + (M - 1) * p, lower[n], last), ...);
  }
}

/// All rows of a few columns of C.
template <int Depth, class T, std::size_t... n>
EIGEN_DONT_INLINE void multiply_columns(Start start, Index rows, Index depth, const T* a, Index a_k, const T* b,
                                        Index b_k, Index b_n, const T* bias, T* c, Index c_n,
                                        std::index_sequence<n...> columns) {
  constexpr Index p = packet_size<T>;
  Index i = 0;
  for (; i + 2 * p <= rows; i += 2 * p) {
    multiply_tile<2, Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias, c + i, c_n, p, columns);
  }
  for (; i < rows; i += p) {
    multiply_tile<1, Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias, c + i, c_n, std::min(p, rows - i), columns);
  }
}

/// C (rows x columns) = A (rows x depth) B (depth x columns), started as `start` says. The rows lie along the lanes:
///
///     A(i, k) at a[i + k a_k]    B(k, n) at b[k b_k + n b_n]    C(i, n) at c[i + n c_n]
///
/// A is read in whole packets, so its columns must be readable (not: meaningful) up to a whole number of packets; of C
/// only `rows` rows are touched. Columns and Depth are the sizes if known at compile time (see `narrow`).
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

/// C(r, q) += sum over the samples of D(r, .) A(q, .), for sizeof...(r) rows of D and sizeof...(q) rows of A.
template <class T, std::size_t... r, std::size_t... q>
EIGEN_DONT_INLINE void multiply_dot_tile(Index samples, const T* d, Index d_stride, const T* a, Index a_stride, T* c,
                                         Index c_q, std::index_sequence<r...> rows, std::index_sequence<q...>) {
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
  (each_row([&](std::size_t row, std::size_t at) { c[Index(row) + Index(q) * c_q] += e::predux(sum[at]); }, q, rows),
   ...);
}

/// Calls f(first, index_sequence) for `count` things in blocks of `Block`, then one by one; a count that is known at
/// compile time and smaller than a block is one block.
template <int Count, std::size_t Block, class F>
EIGEN_ALWAYS_INLINE void for_blocks(Index count, F&& f) {
  if constexpr (Count != Dynamic && std::size_t(Count) <= Block) {
    f(Index(0), std::make_index_sequence<std::size_t(Count)>{});
  } else {
    Index i = 0;
    for (; i + Index(Block) <= count; i += Index(Block)) f(i, std::make_index_sequence<Block>{});
    for (; i < count; ++i) f(i, std::index_sequence<0>{});
  }
}

/// C (n_out x n_in) += D A' with the samples of D (n_out x t) and A (n_in x t) along the lanes; b += row sums of D.
template <int Out, int In, class T>
EIGEN_DONT_INLINE void multiply_dot(Index n_out, Index n_in, Index samples, const T* d, Index d_stride, const T* a,
                                    Index a_stride, T* c, T* b) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  // 4 x 4 sums and what they are made of fit in 32 registers, 4 x 2 in 16.
  constexpr std::size_t across = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;
  for_blocks<Out, 4>(n_out, [&](Index o, auto rows) {
    for_blocks<In, across>(n_in, [&](Index i, auto columns) {
      multiply_dot_tile(samples, d + o * d_stride, d_stride, a + i * a_stride, a_stride, c + o + i * n_out, n_out, rows,
                        columns);
    });
    for (Index row = o; row < o + Index(rows.size()); ++row) {
      P sum = e::pset1<P>(T(0));
      for (Index j = 0; j < samples; j += packet_size<T>) sum = e::padd(sum, e::ploadu<P>(d + row * d_stride + j));
      b[row] += e::predux(sum);
    }
  });
}

/// The parameters of a layer as the kernels want them: W (n_out x n_in, column after column) and b as the user has
/// them, and, where the units lie along the lanes, the copies that `pack` makes into memory of `packed_size` numbers.
template <class T, Lanes L, int In, int Out>
struct DenseKernel {
  Index n_in;
  Index n_out;
  const T* weights;
  const T* bias;
  T* packed = nullptr;

  /// Rows of W that fill whole packets, and the rest.
  Index whole_rows() const { return n_out / packet_size<T> * packet_size<T>; }
  bool has_rest() const { return L == Lanes::units && whole_rows() != n_out; }

  /// Numbers of packed memory: a padded panel of the last rows of [W b] and, for the input gradient, W' with padded
  /// columns.
  Index packed_size(bool backward) const {
    if (L == Lanes::samples) return 0;
    return panel_size() + (backward ? round_up_to_packets<T>(n_in) * n_out : 0);
  }

  void pack(bool backward) const {
    if constexpr (L == Lanes::units) {
      constexpr Index p = packet_size<T>;
      if (has_rest()) {
        const Index first = whole_rows();
        for (Index i = 0; i <= n_in; ++i) {
          const T* column = i < n_in ? weights + i * n_out : bias;
          std::fill_n(std::copy_n(column + first, n_out - first, packed + i * p), p - (n_out - first), T(0));
        }
      }
      if (backward) {
        const Index stride = round_up_to_packets<T>(n_in);
        T* transposed = packed + panel_size();
        for (Index o = 0; o < n_out; ++o) {
          for (Index i = 0; i < n_in; ++i) transposed[o * stride + i] = weights[i * n_out + o];
          std::fill_n(transposed + o * stride + n_in, stride - n_in, T(0));
        }
      }
    }
  }

  /// Z = W A + b. A(i, j) at a[i a_unit + j a_sample].
  void forward(Index samples, const T* a, Index a_unit, Index a_sample, T* z) const {
    const TileLayout<T, L> out{n_out, samples};
    if constexpr (L == Lanes::samples) {
      multiply<narrow<Out>, narrow<In>>(Start::columns, out.stride(), n_out, n_in, a, a_unit, weights, n_out, 1, bias,
                                        z, out.stride());
    } else {
      const Index stride = out.stride();
      const Index whole = whole_rows();
      const T* rest_bias = packed + n_in * packet_size<T>;
      for (Index j = 0; j < samples; ++j) {
        std::copy_n(bias, whole, z + j * stride);
        if (has_rest()) std::copy_n(rest_bias, packet_size<T>, z + j * stride + whole);
      }
      multiply(Start::accumulate, whole, samples, n_in, weights, n_out, a, a_unit, a_sample,
               static_cast<const T*>(nullptr), z, stride);
      if (has_rest()) {
        multiply(Start::accumulate, packet_size<T>, samples, n_in, packed, packet_size<T>, a, a_unit, a_sample,
                 static_cast<const T*>(nullptr), z + whole, stride);
      }
    }
  }

  /// dW += D A', db += row sums of D. The padding of D holds zeros, that of A finite numbers.
  void weight_gradient(Index samples, const T* d, const T* a, Index a_unit, Index a_sample, T* dW, T* db) const {
    const TileLayout<T, L> out{n_out, samples};
    if constexpr (L == Lanes::samples) {
      multiply_dot<narrow<Out>, narrow<In>>(n_out, n_in, samples, d, out.stride(), a, a_unit, dW, db);
    } else {
      multiply(Start::accumulate, n_out, n_in, samples, d, out.stride(), a, a_sample, a_unit,
               static_cast<const T*>(nullptr), dW, n_out);
      Eigen::Map<Eigen::Array<T, Dynamic, 1>>(db, n_out) += out.view(d).rowwise().sum();
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
      multiply(Start::zero, in.stride(), samples, n_out, packed + panel_size(), in.stride(), d, 1, out.stride(), none,
               dA, in.stride());
    }
  }

 private:
  Index panel_size() const { return has_rest() ? packet_size<T> * (n_in + 1) : 0; }
};

}  // namespace shallow::detail
