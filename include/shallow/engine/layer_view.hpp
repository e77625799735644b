// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// One layer of a model as the passes see it: views of its parameters, which loss its output may have, and which X its
/// input.

#include "shallow/activation.hpp"
#include "shallow/error.hpp"
#include "shallow/loss.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <string>
#include <type_traits>

namespace shallow {

namespace detail {

/// The rows of X are the inputs of the network: the error of the compiler shows both.
template <int RowsOfX, int Features>
struct RowsFit {
  static_assert(RowsOfX == Features,
                "shallow: X: expected n_x rows, one column a sample; both numbers stand in RowsFit<RowsOfX, Features>");
  static constexpr bool value = true;
};

template <class T>
std::string scalar_name() {
  if constexpr (std::is_same_v<T, float>) return "float";
  if constexpr (std::is_same_v<T, double>) return "double";
  if constexpr (std::is_same_v<T, long double>) return "long double";
  return "custom scalar";
}

/// "tanh", "leaky_relu(0.2)"; `print` makes text of a setting.
template <class G>
std::string activation_text(
    const G& g, std::string (*print)(double) = [](double setting) { return to_text(setting); }) {
  std::string text(activation_name(g));
  const char* before = "(";
  for (const double setting : setting_values(g)) {
    text.append(before).append(print(setting));
    before = " ";
  }
  return *before == '(' ? text : text.append(")");
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
  /// The number type.
  using Scalar = std::remove_const_t<T>;
  /// The type of g.
  using Activation = G;
  /// n_in if the type fixes it, else Dynamic.
  static constexpr int inputs = Inputs;
  /// n_out if the type fixes it, else Dynamic.
  static constexpr int outputs = Outputs;

  /// The layer whose W, column after column, and then b begin at `data`. Numbers and activation must outlive the view.
  LayerView(T* data, Index n_in, Index n_out, const G& activation)
      : data_(data), n_in_(n_in), n_out_(n_out), activation_(&activation) {}

  /// Inputs of a sample.
  Index n_in() const { return Inputs == Dynamic ? n_in_ : Inputs; }
  /// Outputs of a sample: units.
  Index n_out() const { return Outputs == Dynamic ? n_out_ : Outputs; }
  /// (n_in + 1) n_out.
  Index parameter_count() const { return (n_in() + 1) * n_out(); }
  /// g.
  const G& activation() const { return *activation_; }

  /// W (n_out x n_in).
  auto weights() const {
    constexpr int order = Outputs == 1 && Inputs != 1 ? Eigen::RowMajor : Eigen::ColMajor;
    return mapped<Eigen::Matrix<Scalar, Outputs, Inputs, order>>(data_, n_out(), n_in());
  }
  /// b (n_out x 1).
  auto bias() const {
    return mapped<Eigen::Matrix<Scalar, Outputs, 1, Eigen::ColMajor>>(data_ + n_in() * n_out(), n_out(), Index(1));
  }

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
