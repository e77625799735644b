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
/// All are calls of one kernel, `multiply`, with other strides, but for two, where the sum runs along the lanes: the
/// weight gradient with the samples along the lanes (`multiply_dot`), and the forward product of a single output with
/// the units along the lanes.

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

/// Where the packets that sums start from lie: packet m of column n at data + m row_step + n column_step.
template <class T>
struct StartFrom {
  const T* data;
  Index row_step;
  Index column_step;
};
template <class T, Index = packet_size<T>>
EIGEN_ALWAYS_INLINE StartFrom<T> start_from(Start start, const T* bias, const T* c, Index c_n) {
  alignas(64) static const T zeros[std::size_t(packet_size<T>)]{T(0)};
  if (start == Start::accumulate) return {c, packet_size<T>, c_n};
  if (start == Start::rows) return {bias, packet_size<T>, 0};
  return {zeros, 0, 0};
}

/// A register tile of C: sizeof...(m) packets of rows by sizeof...(n) columns.
///
/// The accumulators are an array, but only ever indexed by constants: GCC 12 keeps an array that a loop indexes in
/// memory, which halves the speed.
template <int Depth, class T, std::size_t... m, std::size_t... n, Index = packet_size<T>>
EIGEN_ALWAYS_INLINE void multiply_tile(Start start, Index depth, const T* a, Index a_k, const T* b, Index b_k,
                                       Index b_n, const T* bias, T* c, Index c_n, std::index_sequence<m...>,
                                       std::index_sequence<n...>) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  constexpr Index p = packet_size<T>;
  constexpr std::size_t M = sizeof...(m);
  constexpr auto all_sums = std::make_index_sequence<M * sizeof...(n)>{};
  P sum[M * sizeof...(n)];
  if (start == Start::columns) {
    [&]<std::size_t... at>(std::index_sequence<at...>) { ((sum[at] = e::pset1<P>(bias[at / M])), ...); }
    (all_sums);
  } else {
    const StartFrom<T> from = start_from<T>(start, bias, c, c_n);
    [&]<std::size_t... at>(std::index_sequence<at...>) {
      ((sum[at] = e::ploadu<P>(from.data + Index(at % M) * from.row_step + Index(at / M) * from.column_step)), ...);
    }
    (all_sums);
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

  [&]<std::size_t... at>(std::index_sequence<at...>) {
    (e::pstoreu(c + Index(at / M) * c_n + Index(at % M) * p, sum[at]), ...);
  }
  (all_sums);
}

/// All rows of a few columns of C.
template <int Depth, class T, std::size_t... n, Index = packet_size<T>>
EIGEN_DONT_INLINE void multiply_columns(Start start, Index rows, Index depth, const T* a, Index a_k, const T* b,
                                        Index b_k, Index b_n, const T* bias, T* c, Index c_n,
                                        std::index_sequence<n...> columns) {
  // As many sums as there are registers for: with 6 columns, 4 packets of A, one of B and 24 sums of 32, or 2, 1 and 12
  // of 16. A single column, a single sample that is, needs more rows at a time, or every sum would wait for the one
  // before: a multiply-add takes 4 to 5 cycles, and 2 can begin in each.
  constexpr std::size_t M = sizeof...(n) == 1 ? 8 : EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;
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
template <int Columns = Dynamic, int Depth = Dynamic, class T, Index = packet_size<T>>
void multiply(Start start, Index rows, Index columns, Index depth, const T* a, Index a_k, const T* b, Index b_k,
              Index b_n, const T* bias, T* c, Index c_n) {
  constexpr int width = 6;
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

/// C(r, q) = (what `start` says) + sum over j < depth, whole packets, of L(r, j) R(q, j), for sizeof...(r) rows of L
/// and sizeof...(q) rows of R.
template <class T, std::size_t... r, std::size_t... q, Index = packet_size<T>>
EIGEN_DONT_INLINE void multiply_dot_tile(Start start, Index depth, const T* left_rows, Index l_stride,
                                         const T* right_rows, Index r_stride, T* c, Index c_q,
                                         std::index_sequence<r...>, std::index_sequence<q...>) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  constexpr std::size_t R = sizeof...(r);
  constexpr auto all_sums = std::make_index_sequence<R * sizeof...(q)>{};
  P sum[R * sizeof...(q)];
  [&]<std::size_t... at>(std::index_sequence<at...>) { ((sum[at] = e::pset1<P>(T(0))), ...); }
  (all_sums);
  for (Index j = 0; j < depth; j += packet_size<T>) {
    const P left[R] = {e::ploadu<P>(left_rows + Index(r) * l_stride + j)...};
    const auto column = [&](std::size_t i, const P& right) {
      ((sum[i * R + r] = e::pmadd(left[r], right, sum[i * R + r])), ...);
    };
    (column(q, e::ploadu<P>(right_rows + Index(q) * r_stride + j)), ...);
  }
  const auto put = [&](const P& lanes, T& entry) { entry = (start == Start::zero ? T(0) : entry) + e::predux(lanes); };
  [&]<std::size_t... at>(std::index_sequence<at...>) { (put(sum[at], c[Index(at % R) + Index(at / R) * c_q]), ...); }
  (all_sums);
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
template <int Out, int In, class T, Index = packet_size<T>>
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

/// With the units along the lanes the backward products need memory of their own: for the last rows of [dW db] where
/// n_out does not fill the last packet; behind it, if there is to be an input gradient, for W' in columns of whole
/// packets.
template <class T, Index = packet_size<T>>
Index last_rows_size(Index n_in) {
  return (n_in + 1) * packet_size<T>;
}
template <class T, Index = packet_size<T>>
Index scratch_size(Index n_in, Index n_out, bool input_gradient) {
  return last_rows_size<T>(n_in) + (input_gradient ? round_up_to_packets<T>(n_in) * n_out : 0);
}
/// Writes W' there.
template <class T, Index = packet_size<T>>
void pack_weights(Index n_in, Index n_out, const T* weights, T* scratch) {
  const Index stride = round_up_to_packets<T>(n_in);
  T* const transposed = scratch + last_rows_size<T>(n_in);
  transpose(n_out, n_in, weights, n_out, transposed, stride);
  for (Index o = 0; o < n_out; ++o) std::fill(transposed + o * stride + n_in, transposed + (o + 1) * stride, T(0));
}

/// The products of a layer, on its parameters W (n_out x n_in, column after column) and b as the user has them. They
/// are read in whole packets, so that memory must be readable for a packet beyond them (ParameterStorage). With the
/// units along the lanes the backward products need `scratch` memory: `scratch_size` numbers, `pack_weights` having
/// been there before an input gradient.
template <class T, Lanes L, int In, int Out>
struct DenseKernel {
  Index n_in;
  Index n_out;
  const T* weights;
  const T* bias;
  T* scratch = nullptr;

  /// Z = W A + b. A(i, j) at a[i a_unit + j a_sample].
  void forward(Index samples, const T* a, Index a_unit, Index a_sample, T* z) const {
    const TileLayout<T, L> out{n_out, samples};
    if constexpr (L == Lanes::samples) {
      multiply<narrow<Out>, narrow<In>>(Start::columns, out.stride(), n_out, n_in, a, a_unit, weights, n_out, 1, bias,
                                        z, out.stride());
    } else if (n_out == 1) {
      forward_dot(samples, a, a_sample, z, out.stride());
    } else {
      multiply(Start::rows, n_out, samples, n_in, weights, n_out, a, a_unit, a_sample, bias, z, out.stride());
    }
  }

  /// The same for a single sample, its units along the lanes whatever L says of batches; z has room for whole packets.
  /// Every sum is made in the order of `forward`, so that a sample comes out the same to the last bit.
  EIGEN_ALWAYS_INLINE void forward_sample(const T* x, T* z) const {
    if constexpr (L == Lanes::units) {
      if (n_out == 1) return forward_dot(1, x, n_in, z, 1);
    }
    if constexpr (narrow<In> != Dynamic && narrow<Out> != Dynamic) {
      constexpr std::size_t packets = std::size_t(round_up_to_packets<T>(Out) / packet_size<T>);
      multiply_tile<In>(Start::rows, Index(In), weights, Index(Out), x, Index(1), Index(0), bias, z, Index(0),
                        std::make_index_sequence<packets>{}, std::index_sequence<0>{});
    } else {
      multiply<1>(Start::rows, n_out, Index(1), n_in, weights, n_out, x, Index(1), Index(0), bias, z, Index(0));
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
      if (whole > 0) row_products(start, whole, n_in, samples, d, stride, a, a_unit, a_sample, dW, db, n_out);
      if (whole == n_out) return;
      // The last rows would not fill a packet. The whole packets of inputs do: there the inputs lie along the lanes,
      // and what comes out is the transpose, (n_in x rest). What remains is a corner and db, whose lanes are not full.
      const Index rest = n_out - whole;
      const Index full = n_in / p * p;
      const T* const last = d + whole;
      if (full > 0) {
        const T* const none = nullptr;
        multiply(Start::zero, full, rest, samples, a, a_sample, last, stride, Index(1), none, scratch, full);
        for (Index i = 0; i < full; ++i) {
          for (Index o = 0; o < rest; ++o) put(start, scratch[i + o * full], dW[whole + o + i * n_out]);
        }
      }
      const Index corner = n_in - full;
      row_products(Start::zero, p, corner, samples, last, stride, a + full, a_unit, a_sample, scratch,
                   scratch + corner * p, p);
      for (Index i = 0; i <= corner; ++i) {
        T* const to = (i < corner ? dW + (full + i) * n_out : db) + whole;
        for (Index o = 0; o < rest; ++o) put(start, scratch[i * p + o], to[o]);
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
      multiply(Start::zero, in.stride(), samples, n_out, scratch + last_rows_size<T>(n_in), in.stride(), d, 1,
               out.stride(), none, dA, in.stride());
    }
  }

 private:
  static void put(Start start, const T& value, T& to) { to = start == Start::zero ? value : T(to + value); }

  /// z = w'a + b, the inputs along the lanes as far as they fill packets: W is a single row, and so contiguous.
  EIGEN_DONT_INLINE void forward_dot(Index samples, const T* a, Index a_sample, T* z, Index z_sample) const {
    const Index full = n_in / packet_size<T> * packet_size<T>;
    for_blocks<Dynamic, 4>(samples, [&](Index j, auto columns) {
      const T* const sample = a + j * a_sample;
      T* const to = z + j * z_sample;
      multiply_dot_tile(Start::zero, full, weights, Index(0), sample, a_sample, to, z_sample, std::index_sequence<0>{},
                        columns);
      for (Index q = 0; q < Index(columns.size()); ++q) {
        T sum = to[q * z_sample] + *bias;
        for (Index i = full; i < n_in; ++i) sum = multiply_add(weights[i], sample[i + q * a_sample], sum);
        // In all lanes: what an activation makes of the others is never looked at, but it is handed defined numbers.
        Eigen::internal::pstoreu(to + q * z_sample, all<Packet<T>>(sum));
      }
    });
  }

  /// Rows of [dW db], for `inputs` columns of dW; db is one more column, against a row of ones.
  void row_products(Start start, Index rows, Index inputs, Index samples, const T* d, Index d_stride, const T* a,
                    Index a_unit, Index a_sample, T* dW, T* db, Index dW_stride) const {
    const T* const none = nullptr;
    const T one(1);
    multiply(start, rows, inputs, samples, d, d_stride, a, a_sample, a_unit, none, dW, dW_stride);
    multiply<1>(start, rows, Index(1), samples, d, d_stride, &one, Index(0), Index(0), none, db, dW_stride);
  }
};

}  // namespace shallow::detail
