// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// How the tiles of a batch are filled with the user's X and Y.

#include "shallow/engine/layout.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <type_traits>

namespace shallow::detail {

/// An (n x t) matrix in memory, as a product reads it.
template <class T>
struct Operand {
  const T* data;
  Index unit_stride;
  Index sample_stride;
};

/// Asks for the cache line of a place in memory.
inline void prefetch([[maybe_unused]] const void* place) {
#ifdef __GNUC__
  __builtin_prefetch(place);
#endif
}

/// Copies columns first .. first + t of `from` to the layout of a tile. Padded samples repeat the last one: then what
/// is computed from them is finite if it is for the real ones, and cannot turn 0 * inf into NaN.
template <Lanes L, class Column, class Element>
void load_tile(const Element* from, Index stride, Column&& column, Index n, Index t, Element* to, Index to_stride) {
  if constexpr (L == Lanes::units) {
    constexpr Index ahead = 2;
    constexpr Index line = std::max<Index>(64 / Index(sizeof(Element)), 1);
    for (Index j = 0; j < t; ++j) {
      // Samples in random order: the processor cannot know which one comes next.
      if (j + ahead < t) {
        const Element* next = from + column(j + ahead) * stride;
        for (Index i = 0; i < n; i += line) prefetch(next + i);
      }
      std::copy_n(from + column(j) * stride, n, to + j * to_stride);
    }
  } else {
    for (Index i = 0; i < n; ++i) {
      Element* row = to + i * to_stride;
      for (Index j = 0; j < t; ++j) row[j] = from[i + column(j) * stride];
      std::fill(row + t, row + to_stride, row[t - 1]);
    }
  }
}

/// Copies an (n x t) matrix of a tile to a user's, column after column in memory.
template <Lanes L, class T>
void store_tile(TileLayout<T, L> layout, const T* tile, T* to, Index to_stride) {
  for (Index j = 0; j < layout.samples; ++j) {
    const T* const from = tile + j * layout.sample_stride();
    for (Index i = 0; i < layout.units; ++i) to[i + j * to_stride] = from[i * layout.unit_stride()];
  }
}

/// Whether the copies that a pass made of these samples still stand, the tile being all of them.
template <class T, class Target>
bool still_loaded(const Samples<T, Target>& samples, Index t) {
  return samples.repeated && samples.count == t;
}

/// A[0] of a tile: the user's own memory where it has the right orientation, else a copy in `tile`.
template <Lanes L, class T, class Target>
Operand<T> input_tile(const Samples<T, Target>& samples, Index first, Index t, T* tile) {
  if (L == Lanes::units && !samples.order) {
    return {samples.x + first * samples.x_stride, 1, samples.x_stride};
  }
  const TileLayout<T, L> layout{samples.n_x, t};
  if (still_loaded(samples, t)) return {tile, layout.unit_stride(), layout.sample_stride()};
  if (samples.order) {
    const Index* order = samples.order + first;
    load_tile<L>(
        samples.x, samples.x_stride, [order](Index j) { return order[j]; }, samples.n_x, t, tile, layout.stride());
  } else {
    load_tile<L>(
        samples.x + first * samples.x_stride, samples.x_stride, [](Index j) { return j; }, samples.n_x, t, tile,
        layout.stride());
  }
  return {tile, layout.unit_stride(), layout.sample_stride()};
}

/// Y of a tile, in the tile's storage order.
template <Lanes L, class Target>
struct TargetTile {
  const Target* data;
  Index rows;
  Index samples;
  Index stride;

  auto view() const {
    constexpr int order = L == Lanes::samples ? Eigen::RowMajor : Eigen::ColMajor;
    using Array = Eigen::Array<Target, Dynamic, Dynamic, order>;
    return Eigen::Map<const Array, Eigen::Unaligned, Eigen::OuterStride<>>(data, rows, samples,
                                                                           Eigen::OuterStride<>(stride));
  }
};

/// Y of a tile: in place where possible, else a copy in `tile`: a TileLayout for targets, one plain row for class
/// labels.
template <Lanes L, class T, class Target>
TargetTile<L, Target> target_tile(const Samples<T, Target>& samples, Index first, Index t, Target* tile) {
  const bool in_place = !samples.order && (L == Lanes::units || (samples.n_y == 1 && samples.y_stride == 1));
  if (in_place) {
    return {samples.y + first * samples.y_stride, samples.n_y, t, L == Lanes::units ? samples.y_stride : t};
  }
  const Index stride = std::is_same_v<Target, T> ? TileLayout<T, L>{samples.n_y, t}.stride()
                       : L == Lanes::units       ? 1
                                                 : t;
  if (!still_loaded(samples, t)) {
    load_tile<L>(
        samples.y, samples.y_stride, [&](Index j) { return samples.column(first + j); }, samples.n_y, t, tile, stride);
  }
  return {tile, samples.n_y, t, stride};
}

}  // namespace shallow::detail
