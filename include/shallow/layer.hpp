// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A dense layer A = g(W X + b): the parameters of one layer as a value, and a whole model when it stands alone (a
/// single sigmoid neuron is logistic regression).

#include "shallow/engine/stack.hpp"
#include "shallow/error.hpp"
#include "shallow/initializer.hpp"
#include "shallow/random.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <type_traits>

namespace shallow {

namespace detail {

/// A size known at compile time takes no room; one known at run time is an Index.
template <int N>
struct Size {
  constexpr Index value() const { return N; }
  friend bool operator==(const Size&, const Size&) = default;
};
template <>
struct Size<Dynamic> {
  Index n = 0;
  constexpr Index value() const { return n; }
  friend bool operator==(const Size&, const Size&) = default;
};

/// \throws ValueError `name`: expected >= 1; ShapeError `name`: expected the size fixed by the type
template <int N>
Size<N> checked_size(const char* function, const char* name, Index n) {
  if (n < 1) raise_expected<ValueError>(function, name, ">= 1", to_text(n));
  if constexpr (N == Dynamic) {
    return {n};
  } else {
    if (n != N) raise_expected<ShapeError>(function, name, std::to_string(N) + " as the type says", to_text(n));
    return {};
  }
}

/// A network of so many layers has one width more: the error of the compiler shows both.
template <int WidthsGiven, int Layers>
struct WidthsFit {
  static_assert(WidthsGiven == Layers + 1,
                "shallow: a network of L layers has L + 1 widths, n_x, n_1, ..., n_y; the numbers given stand in "
                "WidthsFit<WidthsGiven, Layers>");
  static constexpr bool value = true;
};

template <class G>
bool same_activation(const G& a, const G& b) {
  if constexpr (std::equality_comparable<G>) {
    return a == b;
  } else {
    static_assert(std::is_empty_v<G>, "shallow: to compare models, give the activation an operator==");
    return true;
  }
}

/// Everything of a layer but its parameters.
template <class G, int Inputs, int Outputs>
struct LayerShape {
  using Activation = G;
  static constexpr int inputs = Inputs;
  static constexpr int outputs = Outputs;

  [[no_unique_address]] Size<Inputs> n_in;
  [[no_unique_address]] Size<Outputs> n_out;
  [[no_unique_address]] G activation;

  // Not an aggregate: Clang 16 crashes where one of these empty members is given its value by a function in braces.
  LayerShape(const Size<Inputs>& inputs_of_layer, const Size<Outputs>& outputs_of_layer, const G& g)
      : n_in(inputs_of_layer), n_out(outputs_of_layer), activation(g) {}

  Index parameter_count() const { return (n_in.value() + 1) * n_out.value(); }

  /// The layer whose parameters begin at `data`.
  template <class T>
  LayerView<T, G, Inputs, Outputs> view(T* data) const {
    return {data, n_in.value(), n_out.value(), activation};
  }
  friend bool operator==(const LayerShape& a, const LayerShape& b) {
    return a.n_in == b.n_in && a.n_out == b.n_out && same_activation(a.activation, b.activation);
  }
};

/// Whether memory can hold a layer of n_in inputs and n_out outputs, and an Index count what belongs to it.
inline bool memory_holds(Index n_in, Index n_out) {
  // So far below the largest Index that what a pass keeps of a tile can be counted, too; and, where an Index has 32
  // bits and so will not count many tiles, that 2^25 parameters are no more than memory has room for.
  constexpr auto largest = static_cast<double>((std::numeric_limits<Index>::max)());
  constexpr double widest = largest / (1 << 15);
  constexpr double most = sizeof(Index) < 8 ? largest / (1 << 6) : widest;
  const auto inputs = static_cast<double>(n_in);
  const auto outputs = static_cast<double>(n_out);
  return (inputs + 1) * outputs <= most && inputs <= widest && outputs <= widest;
}

/// The parameters of a layer, counted where a product of two sizes must not overflow.
/// \throws ValueError n_in, n_out: expected a layer that memory can hold
template <class Shape>
std::size_t checked_parameter_count(const char* function, const Shape& shape) {
  if (!memory_holds(shape.n_in.value(), shape.n_out.value())) {
    raise_expected<ValueError>(function, "n_in, n_out", "a layer that memory can hold",
                               to_text(shape.n_in.value()) + ", " + to_text(shape.n_out.value()));
  }
  return static_cast<std::size_t>(shape.parameter_count());
}

/// He's rule for ReLU and Leaky ReLU, Glorot's for all others.
template <class G>
Initializer default_initializer(const G& g) {
  if constexpr (requires { g.default_initializer(); }) {
    return g.default_initializer();
  } else if constexpr (std::is_same_v<G, ReLU> || std::is_same_v<G, LeakyReLU>) {
    return Initializer::he();
  } else {
    return Initializer::glorot();
  }
}

/// W drawn by `initializer` or, without one, as the activation asks; b zero.
template <class View>
void initialize(const View& layer, const std::optional<Initializer>& initializer, RandomState& random) {
  const Initializer rule = initializer ? *initializer : default_initializer(layer.activation());
  auto weights = layer.weights();
  rule.fill(random, weights);
  auto bias = layer.bias();
  std::fill_n(bias.data(), bias.size(), typename View::Scalar(0));
}

}  // namespace detail

/// How a Layer begins.
template <class G>
struct LayerOptions {
  std::uint32_t seed = 0;                    ///< of the RandomState that draws the weights
  std::optional<Initializer> initializer{};  ///< unless given: He for ReLU and LeakyReLU, Glorot for all others
  G activation{};                            ///< with its settings, say {.slope = 0.2}
};

/// A = g(W X + b), with W (n_out x n_in) and b (n_out x 1) in one contiguous block: W column after column, then b.
///
/// A regular value: copies are independent, == compares shapes, activations and every parameter. A const layer may be
/// used by several threads at once. Sizes are fixed by the type or given at run time (Dynamic).
template <shallow::Scalar T, class G, int Inputs = Dynamic, int Outputs = Dynamic>
class Layer : public Stack<Layer<T, G, Inputs, Outputs>, T> {
  static_assert(detail::require_activation<G, T>());
  using Shape = detail::LayerShape<G, Inputs, Outputs>;

 public:
  /// n_in if the type fixes it, else Dynamic.
  static constexpr int inputs = Inputs;
  /// n_out if the type fixes it, else Dynamic.
  static constexpr int outputs = Outputs;
  /// The type of g.
  using ActivationType = G;
  /// Seed, initialiser, and settings of the activation.
  using Options = LayerOptions<G>;

  /// A layer of n_in inputs and n_out outputs.
  /// \throws ValueError n_in, n_out: expected >= 1; n_in, n_out: expected a layer that memory can hold; and what the
  ///         activation refuses of its settings
  /// \throws ShapeError n_in, n_out: expected the size that the type says
  Layer(Width n_in, Width n_out, const Options& options = {})
      : shape_{detail::checked_size<Inputs>("Layer", "n_in", n_in.value()),
               detail::checked_size<Outputs>("Layer", "n_out", n_out.value()), options.activation},
        parameters_(detail::checked_parameter_count("Layer", shape_)) {
    detail::check_activation(shape_.activation);
    RandomState random(options.seed);
    detail::initialize(shape_.view(parameters_.data()), options.initializer, random);
  }

  /// The same, with the widths in braces as for every network: Layer<...>({n_in, n_out}, {.seed = 1}).
  /// \throws ValueError, ShapeError as above
  template <std::size_t N>
  Layer(const Width (&widths)[N], const Options& options) : Layer(widths[0], widths[N - 1], options) {
    (void)detail::WidthsFit<int(N), 1>::value;
  }

  /// A layer whose sizes the type fixes.
  explicit Layer(const Options& options = {}) requires(Inputs != Dynamic && Outputs != Dynamic)
      : Layer(Inputs, Outputs, options) {}

  /// An independent copy.
  Layer(const Layer&) = default;
  /// Takes the parameters over. What is left has none, prints as empty and can be assigned to; all else is refused with
  /// a ShapeError.
  Layer(Layer&&) noexcept = default;
  /// All or nothing: if memory runs out, the model is as before.
  Layer& operator=(const Layer& other) { return *this = Layer(other); }
  /// Takes the parameters over. What is left has none, prints as empty and can be assigned to; all else is refused with
  /// a ShapeError.
  Layer& operator=(Layer&&) noexcept = default;

  /// Inputs of a sample.
  Index n_in() const { return shape_.n_in.value(); }
  /// Outputs of a sample: units.
  Index n_out() const { return shape_.n_out.value(); }
  /// g.
  const G& activation() const& { return shape_.activation; }
  /// The same.
  G activation() const&& { return shape_.activation; }

  /// W (n_out x n_in), to read or write: a view. Of a layer that is about to be gone, a copy.
  /// \throws ShapeError model: expected parameters
  auto weights() & { return view(parameters_.data()).weights(); }
  /// The same, to read.
  auto weights() const& { return view(parameters_.data()).weights(); }
  /// The same.
  Matrix<T> weights() const&& { return weights(); }
  /// b (n_out x 1), to read or write: a view. Of a layer that is about to be gone, a copy.
  /// \throws ShapeError model: expected parameters
  auto bias() & { return view(parameters_.data()).bias(); }
  /// The same, to read.
  auto bias() const& { return view(parameters_.data()).bias(); }
  /// The same.
  Vector<T> bias() const&& { return bias(); }

  /// W, column after column, then b: a view, which follows the training (copy_parameters() keeps them as they are). Of
  /// a layer that is about to be gone, a copy.
  Eigen::Map<Vector<T>> parameters() & { return {parameters_.data(), Index(parameters_.size())}; }
  /// The same, to read.
  Eigen::Map<const Vector<T>> parameters() const& { return {parameters_.data(), Index(parameters_.size())}; }
  /// The same.
  Vector<T> parameters() const&& { return parameters(); }

  /// Layer 0, the only one, as a view: as a network has it.
  /// \throws ShapeError model: expected parameters
  template <std::size_t K>
    requires(K == 0)
  auto layer() & { return view(parameters_.data()); }
  /// The same, to read.
  template <std::size_t K>
    requires(K == 0)
  auto layer() const& { return view(parameters_.data()); }
  /// A view of what is about to be gone does not compile.
  template <std::size_t K>
  auto layer() const&& = delete;  // a view of a model that is about to be gone

  /// A = g(W X + b) (n_out x m); the same as predict(X).
  /// \throws ShapeError X: expected n_x rows, one column a sample
  template <class X>
  Matrix<T> forward(const Eigen::DenseBase<X>& x) const {
    return this->predict(x);
  }

  /// One layer.
  Index depth() const { return 1; }
  /// g, the activation of the last layer.
  const G& output_activation() const& { return shape_.activation; }
  /// The same.
  G output_activation() const&& { return shape_.activation; }
  /// The loss that follows from g.
  shallow::default_loss<G> default_loss() const { return {}; }

  /// The same shape, activation and parameters.
  friend bool operator==(const Layer& a, const Layer& b) {
    return a.shape_ == b.shape_ && a.parameters_ == b.parameters_;
  }

 private:
  template <class, shallow::Scalar>
  friend class Stack;
  template <class, shallow::Scalar>
  friend class detail::TilePass;
  template <class, shallow::Scalar>
  friend class detail::SamplePass;

  static constexpr bool fixed_sizes = Inputs != Dynamic && Outputs != Dynamic;
  static constexpr std::array<Index, 2> fixed_widths{Inputs, Outputs};
  static constexpr bool activations_cannot_throw = detail::activation_cannot_throw<G, T>;

  template <class Number>
  auto view(Number* data) const {
    detail::require_parameters("Layer", Index(parameters_.size()));
    return shape_.view(data);
  }
  Index width(Index l) const { return l == 0 ? n_in() : n_out(); }
  bool keeps_z(Index) const { return detail::keeps_z<T>(shape_.activation); }
  auto layer_views() const { return std::tuple{shape_.view(parameters_.data())}; }
  template <class F>
  void for_each_layer(F&& f) const {
    f(shape_.view(parameters_.data()), Index(0));
  }
  template <class F>
  void for_each_layer_backward(F&& f) const {
    f(shape_.view(parameters_.data()), Index(0), static_cast<const std::nullptr_t*>(nullptr));
  }

  Shape shape_;
  detail::ParameterStorage<T> parameters_;
};

}  // namespace shallow
