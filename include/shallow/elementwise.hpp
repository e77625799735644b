// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Activations and losses applied to a tile of samples: those of this library packet by packet over memory as it lies,
/// a user's own through Eigen arrays or number by number.

#include "shallow/activation.hpp"
#include "shallow/loss.hpp"
#include "shallow/packet_math.hpp"
#include "shallow/softmax.hpp"
#include "shallow/tile.hpp"
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

/// An activation or a loss of this library's, applied packet by packet, with numbers that it has packet functions for.
template <class G, class T>
concept PacketWise = (has_packet_functions<T> || packet_size<T> == 1) && requires {
  requires std::is_same_v<typename G::Packets, G>;
};

/// Whether an activation of numbers T cannot end in an exception.
template <class G, class T>
inline constexpr bool activation_cannot_throw = std::is_floating_point_v<T> &&
                                                (PacketWise<G, T> || std::is_same_v<G, Softmax> ||
                                                 requires(const G g, const T z) {
                                                   { g(z) }
                                                   noexcept;
                                                 });

/// a[i] = g(z[i]) for a whole number of packets.
template <class T, class G, Index = packet_size<T>>
void activate_packets(const G& activation, Index size, const T* z, T* a) {
  const G g = activation;  // its settings, out of reach of what is written
  for (Index i = 0; i < size; i += packet_size<T>) Eigen::internal::pstoreu(a + i, g.packet(load<Packet<T>>(z + i)));
}

/// d[i] *= g'(z[i]), from a[i] = g(z[i]), for a whole number of packets.
template <class T, class G, Index = packet_size<T>>
void activate_packets_backward(const G& activation, Index size, const T* a, T* d) {
  namespace ei = Eigen::internal;
  const G g = activation;
  for (Index i = 0; i < size; i += packet_size<T>) {
    const Packet<T> slope = g.packet_derivative_from_value(load<Packet<T>>(a + i));
    ei::pstoreu(d + i, ei::pmul(load<Packet<T>>(d + i), slope));
  }
}

/// A = g(Z) over a tile, padding included.
template <Lanes L, class T, class G>
void activate(const G& g, TileLayout<T, L> layout, T* z, T* a) {
  if constexpr (requires { g.activate(layout, z, a); }) {
    g.activate(layout, z, a);
  } else if constexpr (PacketWise<G, T>) {
    activate_packets(g, layout.size(), z, a);
  } else if constexpr (ColumnActivation<G, T>) {
    if (L == Lanes::samples) layout.samples = layout.stride();
    g.forward(layout.view(z), layout.view(a));
  } else if constexpr (takes_arrays<G>) {
    layout.flat(a) = g(layout.flat(z));
  } else {
    layout.flat(a) = layout.flat(z).unaryExpr([&](const T& x) { return T(g(x)); });
  }
}

/// D := dJ/dZ from D = dJ/dA over a tile, padding included.
template <Lanes L, class T, class G>
void activate_backward(const G& g, TileLayout<T, L> layout, T* z, T* a, T* d) {
  if constexpr (requires { g.activate_backward(layout, z, a, d); }) {
    g.activate_backward(layout, z, a, d);
  } else if constexpr (PacketWise<G, T>) {
    activate_packets_backward(g, layout.size(), a, d);
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

/// Sum over lines of `length` contiguous numbers of L(v, y).
template <class T, class L>
T sum_of_lines(const L& loss, Index lines, Index length, const T* v, Index v_stride, const T* y, Index y_stride) {
  namespace ei = Eigen::internal;
  Packet<T> packets = all<Packet<T>>(T(0));
  T rest(0);
  for (Index line = 0; line < lines; ++line) {
    for_packets<T>(length, [&](Index i, auto x) {
      using P = decltype(x);
      const P entry = loss.entry(load<P>(v + i), load<P>(y + i));
      if constexpr (is_single<P> && packet_size<T> != 1) {
        rest = T(rest + entry);
      } else {
        packets = ei::padd(packets, entry);
      }
    });
    v += v_stride;
    y += y_stride;
  }
  return T(ei::predux(packets) + rest);
}

/// D = scale dL/dv over such lines; from the last of its numbers to the end of a line of D, zeros.
template <class T, class L>
void derivatives_of_lines(const L& loss, T scale, Index lines, Index length, const T* a, Index a_stride, const T* y,
                          Index y_stride, T* d) {
  namespace ei = Eigen::internal;
  for (Index line = 0; line < lines; ++line) {
    for_packets<T>(length, [&](Index i, auto x) {
      using P = decltype(x);
      const P derivative = loss.entry_derivative(load<P>(a + i), load<P>(y + i));
      ei::pstoreu<T>(d + i, ei::pmul(derivative, all<P>(scale)));
    });
    std::fill(d + length, d + a_stride, T(0));
    a += a_stride;
    y += y_stride;
    d += a_stride;
  }
}

/// Sum of the loss over the samples of a tile, from V = Z or A as the loss wants.
template <Lanes L, class T, class LossType, class Target>
T tile_loss(const LossType& loss, TileLayout<T, L> layout, const T* v, const TargetTile<L, Target>& y) {
  if constexpr (std::is_same_v<Target, T> && requires { loss.visit([](const auto&) { return T(0); }); }) {
    return loss.visit([&](const auto& chosen) { return tile_loss(chosen, layout, v, y); });
  } else if constexpr (PacketWise<LossType, T> && std::is_same_v<Target, T>) {
    return sum_of_lines(loss, layout.lines(), layout.length(), v, layout.stride(), y.data, y.stride);
  } else {
    return loss.value(layout.view(v), y.view());
  }
}

/// D = scale dL/dA (or dL/dZ for a loss from logits) over a tile; with the samples along the lanes, padded samples get
/// zeros: they contribute nothing.
template <Lanes L, class T, class LossType, class Target>
void tile_loss_gradient(const LossType& loss, TileLayout<T, L> layout, T scale, const T* a,
                        const TargetTile<L, Target>& y, T* d) {
  if constexpr (std::is_same_v<Target, T> && requires { loss.visit([](const auto&) {}); }) {
    loss.visit([&](const auto& chosen) { tile_loss_gradient(chosen, layout, scale, a, y, d); });
  } else if constexpr (PacketWise<LossType, T> && std::is_same_v<Target, T>) {
    derivatives_of_lines(loss, scale, layout.lines(), layout.length(), a, layout.stride(), y.data, y.stride, d);
  } else {
    if (L == Lanes::samples && layout.samples != layout.stride()) std::fill_n(d, layout.size(), T(0));
    auto derivative = layout.view(d);
    loss.gradient(layout.view(a), y.view(), derivative);
    derivative *= scale;
  }
}

}  // namespace shallow::detail
