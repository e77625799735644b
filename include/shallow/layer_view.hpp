// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// One layer of a model as the passes see it: views of its parameters, its activation applied to tiles.

#include "shallow/activation.hpp"
#include "shallow/error.hpp"
#include "shallow/loss.hpp"
#include "shallow/tile.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <string>
#include <type_traits>

namespace shallow {

namespace detail {

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

/// A = g(Z) over a tile, padded samples included.
template <Lanes L, class T, class G>
void activate(const G& g, TileLayout<T, L> layout, T* z, T* a) {
  if constexpr (requires { g.activate(layout, z, a); }) {
    g.activate(layout, z, a);
  } else if constexpr (ColumnActivation<G, T>) {
    if (L == Lanes::samples) layout.samples = layout.stride();
    g.forward(layout.view(z), layout.view(a));
  } else if constexpr (takes_arrays<G>) {
    layout.flat(a) = g(layout.flat(z));
  } else {
    layout.flat(a) = layout.flat(z).unaryExpr([&](const T& x) { return T(g(x)); });
  }
}

/// D := dJ/dZ from D = dJ/dA over a tile, padded samples included.
template <Lanes L, class T, class G>
void activate_backward(const G& g, TileLayout<T, L> layout, T* z, T* a, T* d) {
  if constexpr (requires { g.activate_backward(layout, z, a, d); }) {
    g.activate_backward(layout, z, a, d);
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

/// "tanh", "leaky_relu(0.2)".
template <class G>
std::string activation_text(const G& g) {
  std::string text(activation_name(g));
  if constexpr (requires { g.slope; }) text.append("(").append(to_text(g.slope)).append(")");
  if constexpr (requires { g.text(); }) text = g.text();
  return text;
}

/// \throws ValueError output activation: expected the one that the loss belongs to
template <class Output, class G>
void require_output(const char* function, const G& g) {
  bool same = std::is_same_v<Output, G>;
  if constexpr (requires { g.template is<Output>(); }) same = g.template is<Output>();
  if (!same) {
    raise_expected<ValueError>(function, "output activation",
                               std::string(activation_name(Output{})) + ", which this loss belongs to",
                               std::string(activation_name(g)));
  }
}

/// Whether a loss is taken from the logits of the output activation `g`.
/// For types that are known at compile time a mismatch is a compile-time error.
template <class L, class G>
bool uses_logits(const char* function, const L& loss, const G& g) {
  if constexpr (requires { loss.uses_logits(function, g); }) {
    return loss.uses_logits(function, g);
  } else if constexpr (!LogitLoss<L>) {
    return false;
  } else if constexpr (requires { g.template is<typename L::Output>(); }) {
    require_output<typename L::Output>(function, g);
    return true;
  } else {
    static_assert(std::is_same_v<typename L::Output, G>,
                  "shallow: this loss is computed from logits and belongs to one output activation: "
                  "BinaryCrossEntropy to Sigmoid, CategoricalCrossEntropy to Softmax; MeanSquaredError takes any");
    return true;
  }
}

}  // namespace detail

/// One layer's part of a model's parameters, as views: to Layer what Eigen::Map is to Eigen::Matrix. T is const for
/// the layers of a const model.
template <class T, class G, int Inputs, int Outputs>
class LayerView {
 public:
  using Scalar = std::remove_const_t<T>;
  using Activation = G;
  static constexpr int inputs = Inputs;
  static constexpr int outputs = Outputs;

  LayerView(T* data, Index n_in, Index n_out, const G& activation)
      : data_(data), n_in_(n_in), n_out_(n_out), activation_(&activation) {}

  Index n_in() const { return Inputs == Dynamic ? n_in_ : Inputs; }
  Index n_out() const { return Outputs == Dynamic ? n_out_ : Outputs; }
  Index parameter_count() const { return (n_in() + 1) * n_out(); }
  const G& activation() const { return *activation_; }

  /// W (n_out x n_in).
  auto weights() const {
    constexpr int order = Outputs == 1 && Inputs != 1 ? Eigen::RowMajor : Eigen::ColMajor;
    return mapped<Eigen::Matrix<Scalar, Outputs, Inputs, order>>(data_, n_out(), n_in());
  }
  /// b (n_out x 1).
  auto bias() const { return mapped<Eigen::Matrix<Scalar, Outputs, 1>>(data_ + n_in() * n_out(), n_out(), Index(1)); }

 private:
  template <class Plain>
  static auto mapped(T* data, Index rows, Index cols) {
    return Eigen::Map<std::conditional_t<std::is_const_v<T>, const Plain, Plain>>(data, rows, cols);
  }

  T* data_;
  Index n_in_;
  Index n_out_;
  const G* activation_;
};

}  // namespace shallow
