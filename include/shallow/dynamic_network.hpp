// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A network whose depth, widths and activations are chosen at run time: by a user's setting or a model file.

#include "shallow/any_activation.hpp"
#include "shallow/engine/stack.hpp"
#include "shallow/error.hpp"
#include "shallow/layer.hpp"
#include "shallow/network.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <ranges>
#include <string>
#include <vector>

namespace shallow {

namespace detail {

/// A range of what can be turned into an Element.
template <class R, class Element>
concept RangeOf = std::ranges::forward_range<const R> && std::ranges::common_range<const R> &&
    std::convertible_to<std::ranges::range_value_t<R>, Element>;

}  // namespace detail

/// One layer of a DynamicNetwork: its width and activation.
template <shallow::Scalar T>
struct LayerSpec {
  Width n_out;                  ///< units, >= 1
  AnyActivation<T> activation;  ///< of all its units
};

/// Layers one after the other, as Network, but chosen at run time:
///
///     DynamicNetwork<double> net(2, {{4, Tanh{}}, {4, LeakyReLU{.slope = 0.2}}, {1, Sigmoid{}}}, {.seed = 1});
///
/// A regular value: copies are independent, == compares shapes, activations and every parameter. A const network may be
/// used by several threads at once.
template <shallow::Scalar T>
class DynamicNetwork : public Stack<DynamicNetwork<T>, T> {
  using Shape = detail::LayerShape<AnyActivation<T>, Dynamic, Dynamic>;

 public:
  /// Seed and initialiser.
  using Options = NetworkOptions;

  /// n_x features, then the layers, with freshly drawn weights.
  /// \throws ValueError n_x, n_out: expected >= 1; layers: expected at least one; n_in, n_out: expected a layer that
  ///         memory can hold
  DynamicNetwork(Width n_x, const std::vector<LayerSpec<T>>& layers, const NetworkOptions& options = {}) {
    if (layers.empty()) detail::raise_expected<ValueError>("DynamicNetwork", "layers", "at least one", "none");
    auto n_in = detail::checked_size<Dynamic>("DynamicNetwork", "n_x", n_x.value());
    std::size_t count = 0;
    for (const LayerSpec<T>& layer : layers) {
      const auto n_out = detail::checked_size<Dynamic>("DynamicNetwork", "n_out", layer.n_out.value());
      shapes_.push_back(Shape{n_in, n_out, layer.activation});
      count += detail::checked_parameter_count("DynamicNetwork", shapes_.back());
      n_in = n_out;
    }
    parameters_.resize(count);
    RandomState random(options.seed);
    T* data = parameters_.data();
    for (const Shape& shape : shapes_) {
      detail::initialize(shape.view(data), options.initializer, random);
      data += shape.parameter_count();
    }
  }

  /// The same, with the widths in braces as for every network, and an activation for each layer:
  /// DynamicNetwork<double>({2, 4, 1}, {Tanh{}, Sigmoid{}}, {.seed = 1}).
  /// \throws ValueError as above
  template <std::size_t N, std::size_t Layers>
  DynamicNetwork(const Width (&widths)[N], const AnyActivation<T> (&activations)[Layers],
                 const NetworkOptions& options = {})
      : DynamicNetwork(widths[0], specs(std::begin(widths), activations), options) {
    (void)detail::WidthsFit<int(N), int(Layers)>::value;
  }
  /// The same with numbers of widths and activations that are known at run time only: two vectors, say.
  /// \throws ValueError as above; widths: expected one more than activations
  template <detail::RangeOf<Width> Widths, detail::RangeOf<AnyActivation<T>> Activations>
  DynamicNetwork(const Widths& widths, const Activations& activations, const NetworkOptions& options = {})
      : DynamicNetwork(made(widths, activations, options)) {}

  /// The same, one of the two in braces.
  /// \throws ValueError as above
  template <detail::RangeOf<Width> Widths>
  DynamicNetwork(const Widths& widths, std::initializer_list<AnyActivation<T>> activations,
                 const NetworkOptions& options = {})
      : DynamicNetwork(made(widths, activations, options)) {}
  /// The same.
  /// \throws ValueError as above
  template <std::size_t N, detail::RangeOf<AnyActivation<T>> Activations>
  DynamicNetwork(const Width (&widths)[N], const Activations& activations, const NetworkOptions& options = {})
      : DynamicNetwork(made(widths, activations, options)) {}

  /// An independent copy.
  DynamicNetwork(const DynamicNetwork&) = default;
  /// Takes the parameters over. What is left has none, prints as empty and can be assigned to; all else is refused
  /// with a ShapeError.
  DynamicNetwork(DynamicNetwork&&) noexcept = default;
  /// All or nothing: if memory runs out, the model is as before.
  DynamicNetwork& operator=(const DynamicNetwork& other) { return *this = DynamicNetwork(other); }
  /// Takes the parameters over. What is left has none, prints as empty and can be assigned to; all else is refused
  /// with a ShapeError.
  DynamicNetwork& operator=(DynamicNetwork&&) noexcept = default;

  /// Number of layers; the input is not counted.
  Index depth() const { return Index(shapes_.size()); }

  /// All parameters: W[1], b[1], W[2], ..., each column after column, to read or write: a view, which follows the
  /// training (copy_parameters() keeps them as they are). Of a network that is about to be gone, a copy.
  Eigen::Map<Vector<T>> parameters() & { return {parameters_.data(), Index(parameters_.size())}; }
  /// The same, to read.
  Eigen::Map<const Vector<T>> parameters() const& { return {parameters_.data(), Index(parameters_.size())}; }
  /// The same.
  Vector<T> parameters() const&& { return parameters(); }

  /// Layer l, counted from 0, as a view.
  /// \throws ValueError l: expected 0 .. depth - 1
  /// \throws ShapeError model: expected parameters
  auto layer(Index l) & { return shape(l).view(parameters_.data() + offset(l)); }
  /// The same, to read.
  auto layer(Index l) const& { return shape(l).view(parameters_.data() + offset(l)); }
  /// A view of what is about to be gone does not compile.
  auto layer(Index l) const&& = delete;  // a view of a model that is about to be gone
  /// Layer K, counted from 0: as a Network has it.
  /// \throws ValueError l: expected 0 .. depth - 1
  /// \throws ShapeError model: expected parameters
  template <std::size_t K>
  auto layer() & {
    return layer(Index(K));
  }
  /// The same, to read.
  template <std::size_t K>
  auto layer() const& {
    return layer(Index(K));
  }
  /// A view of what is about to be gone does not compile.
  template <std::size_t K>
  auto layer() const&& = delete;  // a view of a model that is about to be gone

  /// The activation of the last layer.
  /// \throws ShapeError model: expected parameters
  const AnyActivation<T>& output_activation() const& {
    detail::require_parameters("DynamicNetwork", Index(parameters_.size()));
    return shapes_.back().activation;
  }
  /// The same.
  AnyActivation<T> output_activation() const&& { return output_activation(); }
  /// The loss that follows from it.
  OutputLoss default_loss() const { return output_activation().default_loss(); }

  /// The same shapes, activations and parameters.
  friend bool operator==(const DynamicNetwork& a, const DynamicNetwork& b) {
    return a.shapes_ == b.shapes_ && a.parameters_ == b.parameters_;
  }

 private:
  template <class, shallow::Scalar>
  friend class Stack;
  template <class, shallow::Scalar>
  friend class detail::TilePass;
  template <class, shallow::Scalar>
  friend class detail::SamplePass;

  static constexpr bool fixed_sizes = false;

  /// A network of ranges whose lengths are seen to fit before any is read.
  template <class Widths, class Activations>
  static DynamicNetwork made(const Widths& widths, const Activations& activations, const NetworkOptions& options) {
    const auto given = std::distance(std::ranges::begin(widths), std::ranges::end(widths));
    const auto layers = std::distance(std::ranges::begin(activations), std::ranges::end(activations));
    if (given != layers + 1) {
      detail::raise_expected<ValueError>("DynamicNetwork", "widths",
                                         detail::to_text(layers + 1) + ", one more than activations",
                                         detail::to_text(given));
    }
    return DynamicNetwork(*std::ranges::begin(widths), specs(std::ranges::begin(widths), activations), options);
  }
  /// The layers whose widths follow the one that `width` points to.
  template <class Iterator, class Activations>
  static std::vector<LayerSpec<T>> specs(Iterator width, const Activations& activations) {
    std::vector<LayerSpec<T>> layers;
    layers.reserve(
        static_cast<std::size_t>(std::distance(std::ranges::begin(activations), std::ranges::end(activations))));
    for (const auto& activation : activations) layers.push_back({*++width, activation});
    return layers;
  }

  const Shape& shape(Index l) const {
    detail::require_parameters("DynamicNetwork", Index(parameters_.size()));
    if (l < 0 || l >= depth()) {
      detail::raise_expected<ValueError>("DynamicNetwork::layer", "l", detail::numbered("0 .. ", depth() - 1),
                                         std::to_string(l));
    }
    return shapes_[static_cast<std::size_t>(l)];
  }
  Index offset(Index layer) const {
    Index sum = 0;
    for (Index l = 0; l < layer; ++l) sum += shapes_[static_cast<std::size_t>(l)].parameter_count();
    return sum;
  }
  Index width(Index l) const {
    if (shapes_.empty()) return 0;  // moved from
    return l == 0 ? shapes_.front().n_in.value() : shapes_[static_cast<std::size_t>(l - 1)].n_out.value();
  }
  bool keeps_z(Index l) const { return shapes_[static_cast<std::size_t>(l - 1)].activation.keeps_z(); }
  template <class F>
  void for_each_layer(F&& f) const {
    const T* data = parameters_.data();
    Index l = 0;
    for (const Shape& shape : shapes_) {
      f(shape.view(data), l++);
      data += shape.parameter_count();
    }
  }
  template <class F>
  void for_each_layer_backward(F&& f) const {
    const T* data = parameters_.data() + parameters_.size();
    for (std::size_t l = shapes_.size(); l-- > 0;) {
      const Shape& shape = shapes_[l];
      data -= shape.parameter_count();
      const Shape& below = shapes_[l > 0 ? l - 1 : 0];
      const auto view = below.view(data - (l > 0 ? below.parameter_count() : 0));
      f(shape.view(data), Index(l), &view);
    }
  }

  std::vector<Shape> shapes_;
  detail::ParameterStorage<T> parameters_;
};

}  // namespace shallow
