// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the weights are before the first step of training.

#include "shallow/error.hpp"
#include "shallow/random.hpp"
#include "shallow/types.hpp"

#include <cmath>
#include <concepts>
#include <type_traits>

namespace shallow {

/// Draws the first weights W (n_out x n_in) of a layer: W_ij = d N(0, 1), with a standard deviation d that may depend
/// on the layer's inputs n_in and outputs n_out.
///
///     Initializer::gaussian(s)   d = s                        the course: s = 0.01
///     Initializer::glorot()      d = sqrt(2 / (n_in + n_out))  Glorot and Bengio 2010, equation 12: tanh, sigmoid
///     Initializer::he()          d = sqrt(2 / n_in)           He et al. 2015, equation 10: ReLU and its kin
///     Initializer::zeros()       d = 0                        no random numbers: every unit of a layer stays the same
///
/// A regular value. Biases begin at zero and need none of it.
class Initializer {
 public:
  /// The course's: gaussian(0.01).
  Initializer() = default;

  /// Normal with standard deviation `scale`. Small, so that sigmoid and tanh begin where their slope is large.
  ///
  /// Throws ValueError: scale: expected finite and >= 0.
  static Initializer gaussian(double scale = 0.01) {
    if (!std::isfinite(scale) || scale < 0.0) {
      detail::raise_expected<ValueError>("Initializer::gaussian", "scale", "finite and >= 0", detail::to_text(scale));
    }
    return Initializer(Rule::gaussian, scale);
  }

  /// Normal with variance 2 / (n_in + n_out): the middle way between keeping the variance of the activations forwards
  /// and that of the gradients backwards (X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
  /// feedforward neural networks", 2010, equation 12).
  static Initializer glorot() { return Initializer(Rule::glorot, 0.0); }

  /// Normal with variance 2 / n_in: twice 1 / n_in, since ReLU lets half of the signal pass (K. He et al., "Delving
  /// deep into rectifiers", 2015, equation 10).
  static Initializer he() { return Initializer(Rule::he, 0.0); }

  /// All zero. Draws nothing from the random state, unlike gaussian(0), which draws as many numbers as any other.
  static Initializer zeros() { return Initializer(Rule::zeros, 0.0); }

  /// The standard deviation of the weights of a layer with n_in inputs and n_out outputs.
  ///
  /// Throws ValueError: n_in, n_out: expected >= 1.
  double deviation(Index n_in, Index n_out) const {
    if (n_in < 1) detail::raise_expected<ValueError>("Initializer", "n_in", ">= 1", detail::to_text(n_in));
    if (n_out < 1) detail::raise_expected<ValueError>("Initializer", "n_out", ">= 1", detail::to_text(n_out));
    // Each summand becomes a double first: the sum of two large sizes need not fit into Index.
    const auto inputs = static_cast<double>(n_in);
    const auto outputs = static_cast<double>(n_out);
    switch (rule_) {
      case Rule::glorot: return std::sqrt(2.0 / (inputs + outputs));
      case Rule::he: return std::sqrt(2.0 / inputs);
      case Rule::gaussian:
      case Rule::zeros: break;
    }
    return scale_;
  }

  /// Fills W (n_out x n_in; a matrix, map or block) row by row with deviation(n_in, n_out) * random.normal(), computed
  /// in double, then rounded to W's own type: in double exactly NumPy's randn(n_out, n_in) * deviation. The state
  /// advances by n_out n_in normal numbers, with zeros() not at all.
  ///
  /// Throws ValueError: n_in, n_out: expected >= 1; W and random are then as before.
  template <class Weights>
    requires std::derived_from<std::remove_cvref_t<Weights>, Eigen::DenseBase<std::remove_cvref_t<Weights>>>
  void fill(RandomState& random, Weights&& W) const {
    using T = typename std::remove_cvref_t<Weights>::Scalar;
    const double d = deviation(W.cols(), W.rows());
    for (Index i = 0; i < W.rows(); ++i) {
      for (Index j = 0; j < W.cols(); ++j) {
        W.coeffRef(i, j) = rule_ == Rule::zeros ? T(0) : static_cast<T>(detail::rounded(d * random.normal()));
      }
    }
  }

  /// The same rule with the same scale.
  friend bool operator==(const Initializer&, const Initializer&) = default;

 private:
  enum class Rule { gaussian, glorot, he, zeros };

  Initializer(Rule rule, double scale) : rule_(rule), scale_(scale) {}

  Rule rule_ = Rule::gaussian;
  double scale_ = 0.01;
};

}  // namespace shallow
