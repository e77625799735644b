// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Tiles of samples: how they lie in memory, how large they are, how they are filled.
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
/// **The rule**: units lie along the lanes if rounding every layer's outputs up to whole packets costs at most a
/// quarter more multiplications; otherwise samples do. (A single sample, which has no neighbours, is predicted with its
/// units along the lanes.) Either way a sample is a column to everything above this header: only the storage order
/// differs. A short last tile is padded to whole packets, never reallocated.

#include "shallow/packet_math.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace shallow::detail {

/// By the size of a packet in bytes, so that what is made of it has a name of its own for every such size
/// (packet_math.hpp).
template <std::size_t Bytes>
struct LanesOf {
  enum class Type { samples, units };
};
using Lanes = LanesOf<sizeof(Packet<float>)>::Type;

template <class T, Index = packet_size<T>>
constexpr Index round_up_to_packets(Index n) {
  return (n + packet_size<T> - 1) / packet_size<T> * packet_size<T>;
}

/// Multiplications of a forward pass of one sample, as they are and with outputs rounded up to whole packets.
struct LaneCost {
  Index exact = 0;
  Index padded = 0;

  template <class T, Index = packet_size<T>>
  constexpr void add_layer(Index n_in, Index n_out) {
    exact += n_in * n_out;
    padded += n_in * round_up_to_packets<T>(n_out);
  }
  /// The rule.
  constexpr Lanes lanes() const { return 4 * padded <= 5 * exact ? Lanes::units : Lanes::samples; }
};

/// How an (n x t) matrix of a tile lies in memory. The stride is a whole number of packets.
template <class T, Lanes L>
struct TileLayout {
  Index units;
  Index samples;
  /// Kept, not computed: where a layout goes through a virtual function, that may have been compiled for a processor
  /// with other packets.
  Index padded = round_up_to_packets<T>(L == Lanes::samples ? samples : units);

  /// It is so many lines of so many neighbours, a stride apart.
  Index lines() const { return L == Lanes::samples ? units : samples; }
  Index length() const { return L == Lanes::samples ? samples : units; }
  Index stride() const { return padded; }
  Index size() const { return stride() * lines(); }
  Index unit_stride() const { return L == Lanes::samples ? stride() : 1; }
  Index sample_stride() const { return L == Lanes::samples ? 1 : stride(); }

  /// All of it as one array, padding included.
  auto flat(T* data) const {
    // A number without packets may have any size, and so any address.
    constexpr int alignment = packet_size<T> == 1 ? int(Eigen::Unaligned) : (std::min)(int(Eigen::AlignedMax), 64);
    return Eigen::Map<Eigen::Array<T, Dynamic, 1, Eigen::ColMajor>, alignment>(data, size());
  }

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

/// Samples in a tile of a network that keeps `values` numbers a sample: whole packets, 64 to 512.
template <class T, Index = packet_size<T>>
Index tile_samples(Index values, Index m) {
  const Index fit = kTileBytes / (std::max<Index>(values, 1) * Index(sizeof(T)));
  const Index whole = std::clamp<Index>(fit / packet_size<T> * packet_size<T>, 64, 512);
  return (std::min)(m, whole);  // never less for a larger m: storage that served a batch serves a shorter one
}

// GCC warns that a packet as a template argument loses its alignment attribute, which PacketBlock does not need.
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

/// B (cols x rows) = A' (rows x cols), both column after column, in squares of whole packets.
template <class T, Index = packet_size<T>>
void transpose(Index rows, Index cols, const T* a, Index a_stride, T* b, Index b_stride) {
  namespace e = Eigen::internal;
  using P = Packet<T>;
  constexpr Index p = packet_size<T>;
  using Square = e::PacketBlock<P, int(p)>;
  Index whole_rows = 0;
  Index whole_cols = 0;
  if constexpr (p > 1 && requires(Square square) { e::ptranspose(square); }) {
    whole_rows = rows / p * p;
    whole_cols = cols / p * p;
    for (Index j = 0; j < whole_cols; j += p) {
      for (Index i = 0; i < whole_rows; i += p) {
        [&]<std::size_t... k>(std::index_sequence<k...>) {
          Square square{{e::ploadu<P>(a + i + (j + Index(k)) * a_stride)...}};
          e::ptranspose(square);
          (e::pstoreu(b + j + (i + Index(k)) * b_stride, square.packet[k]), ...);
        }
        (std::make_index_sequence<std::size_t(p)>{});
      }
    }
  }
  const auto one_by_one = [&](Index first_row, Index last_row, Index first_col) {
    for (Index i = first_row; i < last_row; ++i) {
      for (Index j = first_col; j < cols; ++j) b[j + i * b_stride] = a[i + j * a_stride];
    }
  };
  one_by_one(0, whole_rows, whole_cols);
  one_by_one(whole_rows, rows, 0);
}

#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

/// An (n x t) matrix in memory, as a product reads it.
template <class T>
struct Operand {
  const T* data;
  Index unit_stride;
  Index sample_stride;
};

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
        for (Index i = 0; i < n; i += line) Eigen::internal::prefetch(next + i);
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
