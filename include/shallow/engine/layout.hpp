// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Tiles of samples: how they lie in memory, and how large they are.
///
/// The samples of a batch are worked on in tiles of t samples that stay in the cache from the first layer to the last
/// and back, so that the working memory does not grow with m. Within a tile a matrix A (n x t) has one of two
/// orientations, and a whole network uses one of them:
///
///     Lanes::samples   a unit's values over the samples are contiguous (row after row). Fills the SIMD lanes however
///                      few units a layer has.
///     Lanes::units     a sample's values over the units are contiguous (column after column, as users store them).
///                      Takes the user's X as it lies; fills the lanes if the layers are wide enough.
///
/// **The rule**: units lie along the lanes if rounding every layer's outputs up to whole lines of the cache costs at
/// most a quarter more multiplications; otherwise samples do. (A single sample, which has no neighbours, is predicted
/// with its units along the lanes.) Either way a sample is a column to everything above this header: only the storage
/// order differs. A short last tile is padded to whole lines, never reallocated. All of it is the same for every
/// target, so that results are.

#include "shallow/engine/numbers.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <type_traits>

namespace shallow::detail {

enum class Lanes { samples, units };

/// Multiplications of a forward pass of one sample, as they are and with outputs rounded up to whole lines.
struct LaneCost {
  Index exact = 0;
  Index padded = 0;

  template <class T>
  constexpr void add_layer(Index n_in, Index n_out) {
    exact += n_in * n_out;
    padded += n_in * round_up_to_lines<T>(n_out);
  }
  /// The rule.
  constexpr Lanes lanes() const { return 4 * padded <= 5 * exact ? Lanes::units : Lanes::samples; }
};

/// How an (n x t) matrix of a tile lies in memory. The stride is a whole number of lines.
template <class T, Lanes L>
struct TileLayout {
  Index units;
  Index samples;

  /// It is so many lines of so many neighbours, a stride apart.
  Index lines() const { return L == Lanes::samples ? units : samples; }
  Index length() const { return L == Lanes::samples ? samples : units; }
  Index stride() const { return round_up_to_lines<T>(length()); }
  Index size() const { return stride() * lines(); }
  Index unit_stride() const { return L == Lanes::samples ? stride() : 1; }
  Index sample_stride() const { return L == Lanes::samples ? 1 : stride(); }

  /// All of it as one array, padding included.
  auto flat(T* data) const { return Eigen::Map<Eigen::Array<T, Dynamic, 1, Eigen::ColMajor>>(data, size()); }

  /// The (n x t) matrix without the padding.
  template <class Element>
  auto view(Element* data) const {
    constexpr int order = L == Lanes::samples ? Eigen::RowMajor : Eigen::ColMajor;
    using Array = Eigen::Array<T, Dynamic, Dynamic, order>;
    using Plain = std::conditional_t<std::is_const_v<Element>, const Array, Array>;
    return Eigen::Map<Plain, Eigen::Unaligned, Eigen::OuterStride<>>(data, units, samples,
                                                                     Eigen::OuterStride<>(stride()));
  }
};

/// A tile should stay in the second-level cache, of which 256 KiB is the smallest in use; a quarter is left for the
/// weights. (In the first level, of 32 KiB, tiles of narrow layers would be so short that setting up and summing up
/// costs more than the faster cache saves: 4-32-16-4 takes 1.2 times as long with tiles of 24 KiB.)
inline constexpr Index kTileBytes = 192 * 1024;

/// Samples in a tile of a network that keeps `values` numbers a sample: whole lines, 64 to 512.
template <class T>
Index tile_samples(Index values, Index m) {
  const Index fit = kTileBytes / (std::max<Index>(values, 1) * Index(sizeof(T)));
  const Index whole = std::clamp<Index>(fit / line<T> * line<T>, 64, 512);
  // Never less for a larger m: storage that served a batch serves a shorter one.
  return (std::max)((std::min)(m, whole), Index(1));
}

/// What the sums of a product start from.
enum class Start {
  zero,        ///< C  = A B
  accumulate,  ///< C += A B
  rows,        ///< C  = A B + b 1': row i starts from bias[i]
  columns      ///< C  = A B + 1 b': column n starts from bias[n]
};

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

/// With the units along the lanes the backward products need memory of their own: for the last rows of [dW db] where
/// n_out does not fill the last line; behind it, if there is to be an input gradient, for W' in columns of whole lines.
template <class T>
Index last_rows_size(Index n_in) {
  return (n_in + 1) * line<T>;
}
template <class T>
Index scratch_size(Index n_in, Index n_out, bool input_gradient) {
  return last_rows_size<T>(n_in) + (input_gradient ? round_up_to_lines<T>(n_in) * n_out : 0);
}

/// What a step of Adam multiplies by.
template <class T>
struct AdamFactors {
  T rate;               ///< alpha / (1 - beta1^t)
  T first_share;        ///< 1 - beta1
  T second_share;       ///< 1 - beta2
  T second_correction;  ///< 1 / (1 - beta2^t)
  T epsilon;            ///< of T
  T decay;              ///< 1 - alpha lambda
};

}  // namespace shallow::detail
