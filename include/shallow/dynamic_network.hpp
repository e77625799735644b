// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A network whose depth, widths and activations are chosen at run time: by a user's setting or a model file.

#include "shallow/activation.hpp"
#include "shallow/engine/stack.hpp"
#include "shallow/error.hpp"
#include "shallow/initializer.hpp"
#include "shallow/layer.hpp"
#include "shallow/loss.hpp"
#include "shallow/network.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallow {

namespace detail {

/// A range of what can be turned into an Element.
template <class R, class Element>
concept RangeOf = std::ranges::forward_range<const R> && std::ranges::common_range<const R> &&
    std::convertible_to<std::ranges::range_value_t<R>, Element>;

}  // namespace detail

/// The loss that follows from the output layer of a DynamicNetwork: BinaryCrossEntropy, CategoricalCrossEntropy or
/// MeanSquaredError, chosen at run time.
class OutputLoss {
 public:
  /// Which one it is.
  enum class Kind {
    binary_cross_entropy,       ///< BinaryCrossEntropy
    categorical_cross_entropy,  ///< CategoricalCrossEntropy
    mean_squared_error          ///< MeanSquaredError
  };
  /// Y may be class labels, where it stands for CategoricalCrossEntropy.
  static constexpr bool takes_labels = true;

  /// The loss of this kind.
  explicit OutputLoss(Kind kind) : kind_(kind) {}
  /// Which one it is.
  Kind kind() const { return kind_; }

  /// \private
  template <class G>
  bool uses_logits(const char* function, const G& output) const {
    if (kind_ == Kind::binary_cross_entropy) detail::require_output<Sigmoid>(function, output);
    if (kind_ == Kind::categorical_cross_entropy) detail::require_output<Softmax>(function, output);
    return kind_ != Kind::mean_squared_error;
  }

  /// \private Calls f with the loss that this one stands for.
  template <class F>
  auto visit(const F& f) const {
    if (kind_ == Kind::categorical_cross_entropy) return f(CategoricalCrossEntropy{});
    if (kind_ == Kind::binary_cross_entropy) return f(BinaryCrossEntropy{});
    return f(MeanSquaredError{});
  }

  /// The sum of the loss over the samples, from logits for a cross-entropy, else from A.
  template <class V, class Y>
  auto value(const V& v, const Y& y) const {
    using T = typename V::Scalar;
    if (kind_ == Kind::categorical_cross_entropy) return CategoricalCrossEntropy{}.value(v, y);
    const auto targets = y.template cast<T>();
    if (kind_ == Kind::binary_cross_entropy) return BinaryCrossEntropy{}.value(v, targets);
    return MeanSquaredError{}.value(v, targets);
  }
  /// Its derivative, by the logits for a cross-entropy, else by A.
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& d) const {
    using T = typename A::Scalar;
    if (kind_ == Kind::categorical_cross_entropy) return CategoricalCrossEntropy{}.gradient(a, y, d);
    const auto targets = y.template cast<T>();
    if (kind_ == Kind::binary_cross_entropy) return BinaryCrossEntropy{}.gradient(a, targets, d);
    MeanSquaredError{}.gradient(a, targets, d);
  }
  /// \throws what the loss throws that this one stands for
  /// \throws ShapeError Y: expected n_y x m targets (class labels belong to CategoricalCrossEntropy)
  template <class Y>
  void check_targets(const char* function, const Y& y, Index n_y) const {
    if (kind_ == Kind::categorical_cross_entropy) return CategoricalCrossEntropy{}.check_targets(function, y, n_y);
    if (y.rows() != n_y) {
      detail::raise_expected<ShapeError>(function, "Y", detail::shape_text(n_y, y.cols()) + " (n_y x m)",
                                         detail::shape_text(y.rows(), y.cols()) + " class labels");
    }
    if (kind_ == Kind::binary_cross_entropy) return BinaryCrossEntropy{}.check_targets(function, y, n_y);
    MeanSquaredError{}.check_targets(function, y, n_y);
  }
  /// The same kind.
  friend bool operator==(const OutputLoss&, const OutputLoss&) = default;

 private:
  Kind kind_;
};

/// Any activation, built-in or a user's own, as a value chosen at run time. It holds an immutable copy, so that copies
/// of it are cheap and independent.
template <shallow::Scalar T>
class AnyActivation {
 public:
  /// Takes whatever models Activation.
  /// \throws what the activation refuses of its settings
  template <class G>
    requires(!std::same_as<G, AnyActivation> && Activation<G, T>)
  AnyActivation(const G& g) : held_((detail::check_activation(g), std::make_shared<const Held<G>>(g))) {}

  /// The same activation. Moving copies, too: what was moved from is as before.
  AnyActivation(const AnyActivation&) noexcept = default;
  /// The same activation.
  AnyActivation& operator=(const AnyActivation&) noexcept = default;

  /// True if it holds a G.
  template <class G>
  bool is() const {
    return held_->type() == &type_tag<G>;
  }
  /// The G it holds, or nullptr if it holds another.
  template <class G>
  const G* get() const {
    return is<G>() ? &static_cast<const Held<G>&>(*held_).g : nullptr;
  }
  /// The activation's name: "tanh", or "custom" if it has none.
  std::string_view name() const { return held_->name(); }
  /// The name with its settings: "leaky_relu(0.2)".
  std::string text() const { return detail::activation_text(*this); }

  /// The same activation with the same settings.
  friend bool operator==(const AnyActivation& a, const AnyActivation& b) {
    return a.held_->type() == b.held_->type() && a.held_->equals(*b.held_);
  }

  /// \private The rest is what files and layers ask of an activation.
  std::vector<double> setting_values() const { return held_->setting_values(); }
  /// \private
  bool is_described() const { return held_->is_described(); }
  /// \private
  bool keeps_z() const { return held_->keeps_z(); }
  /// \private
  Initializer default_initializer() const { return held_->default_initializer(); }
  /// \private
  OutputLoss default_loss() const {
    if (is<Sigmoid>()) return OutputLoss(OutputLoss::Kind::binary_cross_entropy);
    if (is<Softmax>()) return OutputLoss(OutputLoss::Kind::categorical_cross_entropy);
    return OutputLoss(OutputLoss::Kind::mean_squared_error);
  }
  /// \private
  template <detail::Lanes L>
  void activate(detail::TileLayout<T, L> layout, T* z, T* a) const {
    held_->activate(layout, z, a);
  }
  /// \private
  template <detail::Lanes L>
  void activate_backward(detail::TileLayout<T, L> layout, T* z, T* a, T* d) const {
    held_->activate_backward(layout, z, a, d);
  }

 private:
  using SampleTile = detail::TileLayout<T, detail::Lanes::samples>;
  using UnitTile = detail::TileLayout<T, detail::Lanes::units>;

  template <class G>
  static constexpr char type_tag{};

  struct Interface {
    virtual ~Interface() = default;
    virtual const char* type() const = 0;
    virtual bool equals(const Interface& other) const = 0;
    virtual std::string_view name() const = 0;
    virtual std::vector<double> setting_values() const = 0;
    virtual bool is_described() const = 0;
    virtual bool keeps_z() const = 0;
    virtual Initializer default_initializer() const = 0;
    virtual void activate(SampleTile layout, T* z, T* a) const = 0;
    virtual void activate(UnitTile layout, T* z, T* a) const = 0;
    virtual void activate_backward(SampleTile layout, T* z, T* a, T* d) const = 0;
    virtual void activate_backward(UnitTile layout, T* z, T* a, T* d) const = 0;
  };

  template <class G>
  struct Held final : Interface {
    explicit Held(const G& activation) : g(activation) {}
    const char* type() const override { return &type_tag<G>; }
    bool equals(const Interface& other) const override {
      if constexpr (std::equality_comparable<G> || std::is_empty_v<G>) {
        return detail::same_activation(g, static_cast<const Held&>(other).g);
      } else {
        return this == &other;  // settings that cannot be compared: copies of one are the same
      }
    }
    std::string_view name() const override { return detail::activation_name(g); }
    std::vector<double> setting_values() const override { return detail::setting_values(g); }
    bool is_described() const override { return detail::is_described(g); }
    bool keeps_z() const override { return detail::keeps_z<T>(g); }
    Initializer default_initializer() const override { return detail::default_initializer(g); }
    void activate(SampleTile layout, T* z, T* a) const override { detail::activate(g, layout, z, a); }
    void activate(UnitTile layout, T* z, T* a) const override { detail::activate(g, layout, z, a); }
    void activate_backward(SampleTile layout, T* z, T* a, T* d) const override {
      detail::activate_backward(g, layout, z, a, d);
    }
    void activate_backward(UnitTile layout, T* z, T* a, T* d) const override {
      detail::activate_backward(g, layout, z, a, d);
    }
    G g;
  };

  std::shared_ptr<const Interface> held_;
};

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
