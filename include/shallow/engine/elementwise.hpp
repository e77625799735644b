// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Activations and losses applied to a tile of samples: those of this library by the engine, over memory as it lies, a
/// user's own through Eigen arrays or number by number.

#include "shallow/activation.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/engine/tile.hpp"
#include "shallow/loss.hpp"
#include "shallow/softmax.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <concepts>
#include <type_traits>

namespace shallow::detail {

/// Where g' is computed from a = g(z), z need not be kept.
template <class T, class G>
inline constexpr bool from_value = ColumnActivation<G, T> || requires(const G g, const T a) {
  { g.derivative_from_value(a) } -> std::convertible_to<T>;
};
template <class T, class G>
bool keeps_z(const G& g) {
  if constexpr (requires { g.keeps_z(); }) {
    return g.keeps_z();
  } else {
    return !from_value<T, G>;
  }
}

template <class G>
inline constexpr bool takes_arrays = requires {
  requires G::takes_arrays;
};

/// Whether an activation of numbers T cannot end in an exception.
template <class G, class T>
inline constexpr bool activation_cannot_throw = std::is_floating_point_v<T> &&
                                                (EntryWise<G> || std::is_same_v<G, Softmax> ||
                                                 requires(const G g, const T z) {
                                                   { g(z) }
                                                   noexcept;
                                                 });

/// With the units along the lanes nothing is promised of the numbers behind a sample's last unit. An activation that is
/// not this library's is shown copies of that unit in their place: it might not take any number.
template <class T, Lanes L>
void fill_padding(TileLayout<T, L> layout, T* z) {
  if (L == Lanes::samples || layout.units == layout.stride()) return;
  for (Index j = 0; j < layout.samples; ++j) {
    T* const last = z + j * layout.stride() + layout.units - 1;
    std::fill(last + 1, z + (j + 1) * layout.stride(), *last);
  }
}

/// A = g(Z) over a tile, padding included.
template <Lanes L, class T, class G>
void activate(const G& g, TileLayout<T, L> layout, T* z, T* a) {
  if constexpr (requires { g.activate(layout, z, a); }) {
    g.activate(layout, z, a);
  } else if constexpr (EntryWise<G>) {
    with_engine<T>([&](auto engine) { engine.activate(g, layout.size(), z, a); });
  } else if constexpr (std::is_same_v<G, Softmax>) {
    with_engine<T>([&](auto engine) { engine.softmax(layout, z, a); });
  } else if constexpr (ColumnActivation<G, T>) {
    if (L == Lanes::samples) layout.samples = layout.stride();
    g.forward(layout.view(z), layout.view(a));
  } else {
    fill_padding(layout, z);
    if constexpr (takes_arrays<G>) {
      layout.flat(a) = g(layout.flat(z));
    } else {
      layout.flat(a) = layout.flat(z).unaryExpr([&](const T& x) { return T(g(x)); });
    }
  }
}

template <class T, Lanes L, class G>
EIGEN_DONT_INLINE void apply_activation(const G& g, TileLayout<T, L> layout, T* z, T* a) {
  activate(g, layout, z, a);
}

/// D := dJ/dZ from D = dJ/dA over a tile, padding included.
template <Lanes L, class T, class G>
void activate_backward(const G& g, TileLayout<T, L> layout, T* z, T* a, T* d) {
  if constexpr (requires { g.activate_backward(layout, z, a, d); }) {
    g.activate_backward(layout, z, a, d);
  } else if constexpr (EntryWise<G>) {
    with_engine<T>([&](auto engine) { engine.activate_backward(g, layout.size(), a, d); });
  } else if constexpr (std::is_same_v<G, Softmax>) {
    with_engine<T>([&](auto engine) { engine.softmax_backward(layout, a, d); });
  } else if constexpr (ColumnActivation<G, T>) {
    if (L == Lanes::samples) layout.samples = layout.stride();
    g.backward(layout.view(a), layout.view(d));
  } else if constexpr (from_value<T, G> && takes_arrays<G>) {
    layout.flat(d) *= g.derivative_from_value(layout.flat(a));
  } else if constexpr (from_value<T, G>) {
    layout.flat(d) *= layout.flat(a).unaryExpr([&](const T& x) { return T(g.derivative_from_value(x)); });
  } else if constexpr (takes_arrays<G>) {
    layout.flat(d) *= g.derivative(layout.flat(z));
  } else {
    layout.flat(d) *= layout.flat(z).unaryExpr([&](const T& x) { return T(g.derivative(x)); });
  }
}

/// Sum of the loss over the samples of a tile, from V = Z or A as the loss wants.
template <Lanes L, class T, class LossType, class Target>
T tile_loss(const LossType& loss, TileLayout<T, L> layout, const T* v, const TargetTile<L, Target>& y) {
  if constexpr (requires { loss.visit([](const auto&) { return T(0); }); }) {
    return loss.visit([&](const auto& chosen) { return tile_loss(chosen, layout, v, y); });
  } else if constexpr (EntryWise<LossType>) {
    return with_engine<T>([&](auto engine) { return engine.loss(loss, layout, v, y.data, y.stride); });
  } else if constexpr (std::is_same_v<LossType, CategoricalCrossEntropy>) {
    return categorical_cross_entropy(layout, v, y.view());
  } else {
    return loss.value(layout.view(v), y.view());
  }
}

/// D = scale dL/dA (or dL/dZ for a loss from logits) over a tile; with the samples along the lanes, padded samples get
/// zeros: they contribute nothing.
template <Lanes L, class T, class LossType, class Target>
void tile_loss_gradient(const LossType& loss, TileLayout<T, L> layout, T scale, const T* a,
                        const TargetTile<L, Target>& y, T* d) {
  if constexpr (requires { loss.visit([](const auto&) {}); }) {
    loss.visit([&](const auto& chosen) { tile_loss_gradient(chosen, layout, scale, a, y, d); });
  } else if constexpr (EntryWise<LossType>) {
    with_engine<T>([&](auto engine) { engine.loss_gradient(loss, layout, scale, a, y.data, y.stride, d); });
  } else {
    if (L == Lanes::samples && layout.samples != layout.stride()) std::fill_n(d, layout.size(), T(0));
    auto derivative = layout.view(d);
    loss.gradient(layout.view(a), y.view(), derivative);
    derivative *= scale;
  }
}

}  // namespace shallow::detail
