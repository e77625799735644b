// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A network whose depth and activations are known at compile time.

#include "shallow/engine/stack.hpp"
#include "shallow/error.hpp"
#include "shallow/layer.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace shallow {

/// How a network begins.
struct NetworkOptions {
  std::uint32_t seed = 0;  ///< of the RandomState that draws the weights, layer after layer
  std::optional<Initializer>
      initializer{};  ///< unless given, each layer its own: He for ReLU and LeakyReLU, else Glorot
};

namespace detail {

/// The outputs of a layer are the inputs of the next: the error of the compiler shows both.
template <int OutputsOfLayer, int InputsOfNext>
struct LayersFit {
  static_assert(OutputsOfLayer == InputsOfNext || OutputsOfLayer == Dynamic || InputsOfNext == Dynamic,
                "shallow: a layer's outputs must be the inputs of the next; both numbers stand in "
                "LayersFit<OutputsOfLayer, InputsOfNext>");
  static constexpr bool value = true;
};

template <class L>
using shape_of = LayerShape<typename L::ActivationType, L::inputs, L::outputs>;

/// True, or an error at compile time or ShapeError at run time, if the layers chain.
template <std::size_t N>
void check_chain(const std::array<Index, N>& inputs, const std::array<Index, N>& outputs) {
  for (std::size_t l = 1; l < N; ++l) {
    if (inputs[l] != outputs[l - 1]) {
      raise_expected<ShapeError>("Network", detail::numbered("layer ", l + 1),
                                 std::to_string(outputs[l - 1]) + " inputs, the outputs of layer " + std::to_string(l),
                                 std::to_string(inputs[l]));
    }
  }
}

}  // namespace detail

/// Layers one after the other: A[l] = g_l(W[l] A[l-1] + b[l]), A[0] = X. All parameters lie in one contiguous block:
/// W[1], b[1], W[2], b[2], ..., each column after column.
///
/// A regular value: copies are independent, == compares shapes, activations and every parameter. A const network may be
/// used by several threads at once.
///
///     Network<Layer<float, ReLU>, Layer<float, Softmax>> net({784, 128, 10}, {.seed = 1});
///     Network<Layer<float, Tanh, 2, 4>, Layer<float, Sigmoid, 4, 1>> small({.seed = 1});
template <class First, class... Rest>
class Network : public Stack<Network<First, Rest...>, typename First::Scalar> {
 public:
  /// The number type of all layers.
  using Scalar = typename First::Scalar;
  /// Seed and initialiser.
  using Options = NetworkOptions;
  /// Number of layers; the input is not counted.
  static constexpr std::size_t layers = 1 + sizeof...(Rest);
  static_assert((std::is_same_v<Scalar, typename Rest::Scalar> && ...), "shallow: all layers have one number type");

 private:
  using Shapes = std::tuple<detail::shape_of<First>, detail::shape_of<Rest>...>;
  using Indices = std::make_index_sequence<layers>;
  static constexpr std::array<int, layers> fixed_inputs{First::inputs, Rest::inputs...};
  static constexpr std::array<int, layers> fixed_outputs{First::outputs, Rest::outputs...};

  template <std::size_t... l>
  static constexpr bool chained(std::index_sequence<l...>) {
    return (detail::LayersFit<fixed_outputs[l], fixed_inputs[l + 1]>::value && ...);
  }
  static_assert(chained(std::make_index_sequence<layers - 1>{}));

 public:
  /// The given widths n_x, n_1, ..., n_y and freshly drawn weights.
  /// \throws ValueError n_0, n_1, ...: expected >= 1; n_in, n_out: expected a layer that memory can hold
  /// \throws ShapeError n_0, n_1, ...: expected the size that the type says
  template <std::size_t N>
  Network(const Width (&widths)[N], const NetworkOptions& options) : Network(braced_widths<N>(widths), {}, options) {}
  /// The same of seed 0, with braces or without.
  /// \throws ValueError, ShapeError as above
  template <std::integral N_x, std::integral N_1, std::integral... Widths>
  Network(N_x n_x, N_1 n_1, Widths... widths) : Network({Width(n_x), Width(n_1), Width(widths)...}, NetworkOptions{}) {}
  /// The same from an array.
  /// \throws ValueError, ShapeError as above
  template <std::same_as<Index> Integer>
  explicit Network(const std::array<Integer, layers + 1>& widths, const NetworkOptions& options = {})
      : Network(widths, {}, options) {}

  /// Freshly drawn weights; the type fixes all widths.
  explicit Network(const NetworkOptions& options = {}) requires(First::inputs != Dynamic && First::outputs != Dynamic &&
                                                                ((Rest::outputs != Dynamic) && ...))
      : Network(type_widths(), options) {}

  /// These layers, with their parameters.
  /// \throws ShapeError layer l: expected as many inputs as layer l - 1 has outputs; model: expected parameters
  // Templates, so that widths in braces are not taken for a layer.
  template <std::same_as<First> F, std::same_as<Rest>... R>
  explicit Network(const F& first, const R&... rest) : shapes_(shape(first), shape(rest)...) {
    detail::check_chain<layers>({first.n_in(), rest.n_in()...}, {first.n_out(), rest.n_out()...});
    allocate();
    Scalar* to = parameters_.data();
    const auto append = [&](const auto& layer) {
      to = std::copy_n(layer.parameters().data(), layer.parameter_count(), to);
    };
    append(first);
    (append(rest), ...);
  }

  /// An independent copy.
  Network(const Network&) = default;
  /// Takes the parameters over. What is left has none, prints as empty and can be assigned to; all else is refused with
  /// a ShapeError.
  Network(Network&&) noexcept = default;
  /// All or nothing: if memory runs out, the model is as before.
  Network& operator=(const Network& other) { return *this = Network(other); }
  /// Takes the parameters over. What is left has none, prints as empty and can be assigned to; all else is refused with
  /// a ShapeError.
  Network& operator=(Network&&) noexcept = default;

  /// Number of layers; the input is not counted.
  Index depth() const { return Index(layers); }

  /// All parameters, W[1] first, to read or write: a view, which follows the training (copy_parameters() keeps them as
  /// they are). Of a network that is about to be gone, a copy.
  Eigen::Map<Vector<Scalar>> parameters() & { return {parameters_.data(), Index(parameters_.size())}; }
  /// The same, to read.
  Eigen::Map<const Vector<Scalar>> parameters() const& { return {parameters_.data(), Index(parameters_.size())}; }
  /// The same.
  Vector<Scalar> parameters() const&& { return parameters(); }

  /// Layer K, counted from 0, as a view: `net.layer<0>().weights()` is W[1].
  /// \throws ShapeError model: expected parameters
  template <std::size_t K>
    requires(K < layers)
  auto layer() & { return view<K>(parameters_.data()); }
  /// The same, to read.
  template <std::size_t K>
    requires(K < layers)
  auto layer() const& { return view<K>(parameters_.data()); }
  /// A view of what is about to be gone does not compile.
  template <std::size_t K>
  auto layer() const&& = delete;  // a view of a model that is about to be gone
  /// The number of a layer is part of its type: net.layer<0>(), not net.layer(0).
  void layer(Width l) const = delete;  // write net.layer<0>(): the layers are of different types

  /// The activation of the last layer.
  const auto& output_activation() const& { return std::get<layers - 1>(shapes_).activation; }
  /// The same.
  auto output_activation() const&& { return std::get<layers - 1>(shapes_).activation; }
  /// The loss that follows from it.
  auto default_loss() const {
    return shallow::default_loss<std::remove_cvref_t<decltype(this->output_activation())>>{};
  }

  /// The same shapes, activations and parameters.
  friend bool operator==(const Network& a, const Network& b) {
    return a.shapes_ == b.shapes_ && a.parameters_ == b.parameters_;
  }

 protected:
  /// The activations of the layers, with their settings.
  using Activations = std::tuple<typename First::ActivationType, typename Rest::ActivationType...>;

  /// The same with given activations.
  /// \throws what an activation refuses of its settings
  Network(const std::array<Index, layers + 1>& widths, const Activations& activations, const NetworkOptions& options)
      : shapes_(shapes(widths, activations, Indices{})) {
    for_each_shape([](const auto& layer) { detail::check_activation(layer.activation); });
    allocate();
    RandomState random(options.seed);
    Scalar* data = parameters_.data();
    for_each_shape([&](const auto& layer) {
      detail::initialize(layer.view(data), options.initializer, random);
      data += layer.parameter_count();
    });
  }

  /// n_x, n_1, ..., n_y as the type fixes them.
  static constexpr std::array<Index, layers + 1> type_widths() {
    return {First::inputs, First::outputs, Rest::outputs...};
  }

 private:
  template <class, shallow::Scalar>
  friend class Stack;
  template <class, shallow::Scalar>
  friend class detail::TilePass;
  template <class, shallow::Scalar>
  friend class detail::SamplePass;

  static constexpr bool fixed_sizes = First::inputs != Dynamic && First::outputs != Dynamic &&
                                      ((Rest::inputs != Dynamic && Rest::outputs != Dynamic) && ...);
  static constexpr std::array<Index, layers + 1> fixed_widths{First::inputs, First::outputs, Rest::outputs...};
  static constexpr bool activations_cannot_throw =
      (detail::activation_cannot_throw<typename First::ActivationType, Scalar> && ... &&
       detail::activation_cannot_throw<typename Rest::ActivationType, Scalar>);

  template <std::size_t N>
  static std::array<Index, layers + 1> braced_widths(const Width (&widths)[N]) {
    (void)detail::WidthsFit<int(N), int(layers)>::value;
    std::array<Index, layers + 1> numbers{};
    for (std::size_t l = 0; l < (std::min)(N, numbers.size()); ++l) numbers[l] = widths[l].value();
    return numbers;
  }
  template <std::size_t K, class Number>
  auto view(Number* data) const {
    detail::require_parameters("Network", Index(parameters_.size()));
    return std::get<K>(shapes_).view(data + offset(K));
  }

  template <class L>
  static detail::shape_of<L> shape(const L& layer) {
    detail::require_parameters("Network", layer.parameter_count());
    return {detail::checked_size<L::inputs>("Network", "inputs", layer.n_in()),
            detail::checked_size<L::outputs>("Network", "outputs", layer.n_out()), layer.activation()};
  }
  template <std::size_t... l>
  static Shapes shapes(const std::array<Index, layers + 1>& widths, const Activations& activations,
                       std::index_sequence<l...>) {
    return Shapes(std::tuple_element_t<l, Shapes>{
        detail::checked_size<fixed_inputs[l]>("Network", (detail::numbered("n_", l)).c_str(), widths[l]),
        detail::checked_size<fixed_outputs[l]>("Network", (detail::numbered("n_", l + 1)).c_str(), widths[l + 1]),
        std::get<l>(activations)}...);
  }

  template <class F>
  void for_each_shape(F&& f) const {
    [&]<std::size_t... l>(std::index_sequence<l...>) { (f(std::get<l>(shapes_)), ...); }
    (Indices{});
  }
  void allocate() {
    std::size_t count = 0;
    for_each_shape([&](const auto& shape) { count += detail::checked_parameter_count("Network", shape); });
    parameters_.resize(count);
  }
  Index offset(std::size_t layer) const {
    Index sum = 0;
    std::size_t l = 0;
    for_each_shape([&](const auto& shape) { sum += l++ < layer ? shape.parameter_count() : 0; });
    return sum;
  }

  Index width(Index l) const {
    if constexpr (fixed_sizes) {
      return fixed_widths[std::size_t(l)];
    } else {
      Index n = std::get<0>(shapes_).n_in.value();
      Index k = 0;
      for_each_shape([&](const auto& shape) { n = ++k == l ? shape.n_out.value() : n; });
      return n;
    }
  }
  bool keeps_z(Index l) const {
    bool keeps = false;
    Index k = 0;
    for_each_shape([&](const auto& shape) { keeps = ++k == l ? detail::keeps_z<Scalar>(shape.activation) : keeps; });
    return keeps;
  }
  auto layer_views() const { return layer_views(Indices{}); }
  template <std::size_t... l>
  auto layer_views(std::index_sequence<l...>) const {
    const Scalar* data = parameters_.data();
    const auto next = [&](const auto& shape) {
      return shape.view(std::exchange(data, data + shape.parameter_count()));
    };
    return std::tuple{next(std::get<l>(shapes_))...};
  }
  template <class F>
  void for_each_layer(F&& f) const {
    const Scalar* data = parameters_.data();
    Index l = 0;
    for_each_shape([&](const auto& shape) {
      f(shape.view(data), l++);
      data += shape.parameter_count();
    });
  }
  template <class F>
  void for_each_layer_backward(F&& f) const {
    for_each_layer_backward(f, parameters_.data() + parameters_.size(), Indices{});
  }
  template <class F, std::size_t... i>
  void for_each_layer_backward(F& f, const Scalar* data, std::index_sequence<i...>) const {
    const auto visit = [&]<std::size_t l>(std::integral_constant<std::size_t, l>) {
      const auto& shape = std::get<l>(shapes_);
      data -= shape.parameter_count();
      if constexpr (l == 0) {
        f(shape.view(data), Index(l), static_cast<const std::nullptr_t*>(nullptr));
      } else {
        const auto& below = std::get<l - 1>(shapes_);
        const auto view = below.view(data - below.parameter_count());
        f(shape.view(data), Index(l), &view);
      }
    };
    (visit(std::integral_constant<std::size_t, layers - 1 - i>{}), ...);
  }

  Shapes shapes_;
  detail::ParameterStorage<Scalar> parameters_;
};

/// Network(first, second) has the types of its layers.
template <class First, class... Rest>
  requires(
      requires { typename First::ActivationType; } && ... && requires { typename Rest::ActivationType; })
Network(const First&, const Rest&...)
->Network<First, Rest...>;

}  // namespace shallow
