// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// How the tiles of a batch are filled with the user's X and Y.

#include "shallow/engine/layer_products.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <type_traits>

namespace shallow::detail {

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

/// Whether the layers read X where the user has it.
template <Lanes L, class T, class Target>
bool reads_in_place(const Samples<T, Target>& samples) {
  return L == Lanes::units && !samples.order;
}
/// A[0] of t samples from `first` on: the user's own memory where it has the right orientation, else `tile`.
template <Lanes L, class T, class Target>
Operand<T> input_of(const Samples<T, Target>& samples, Index first, Index t, const T* tile) {
  if (reads_in_place<L>(samples)) return {samples.x + first * samples.x_stride, 1, samples.x_stride};
  const TileLayout<T, L> layout{samples.n_x, t};
  return {tile, layout.unit_stride(), layout.sample_stride()};
}
/// Copies them there, if it is read there and they are not there already.
template <Lanes L, class T, class Target>
void load_input(const Samples<T, Target>& samples, Index first, Index t, T* tile) {
  if (reads_in_place<L>(samples) || samples.repeated) return;
  const Index stride = TileLayout<T, L>{samples.n_x, t}.stride();
  if (samples.order) {
    const Index* order = samples.order + first;
    load_tile<L>(
        samples.x, samples.x_stride, [order](Index j) { return order[j]; }, samples.n_x, t, tile, stride);
  } else {
    load_tile<L>(
        samples.x + first * samples.x_stride, samples.x_stride, [](Index j) { return j; }, samples.n_x, t, tile,
        stride);
  }
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

/// Y of t samples from `first` on: in place where possible, else in `tile`: a TileLayout for targets, one plain row for
/// class labels.
template <Lanes L, class T, class Target>
TargetTile<L, Target> targets_of(const Samples<T, Target>& samples, Index first, Index t, const Target* tile) {
  const bool in_place = !samples.order && (L == Lanes::units || (samples.n_y == 1 && samples.y_stride == 1));
  if (in_place) {
    return {samples.y + first * samples.y_stride, samples.n_y, t, L == Lanes::units ? samples.y_stride : t};
  }
  const Index stride = std::is_same_v<Target, T> ? TileLayout<T, L>{samples.n_y, t}.stride()
                       : L == Lanes::units       ? 1
                                                 : t;
  return {tile, samples.n_y, t, stride};
}
/// Copies them there, if they are read there and are not there already.
template <Lanes L, class T, class Target>
void load_targets(const Samples<T, Target>& samples, Index first, Index t, Target* tile) {
  const TargetTile<L, Target> targets = targets_of<L>(samples, first, t, static_cast<const Target*>(tile));
  if (targets.data != tile || samples.repeated) return;
  load_tile<L>(
      samples.y, samples.y_stride, [&](Index j) { return samples.column(first + j); }, samples.n_y, t, tile,
      targets.stride);
}

}  // namespace shallow::detail
