// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Are the gradients right? A check of backpropagation against central differences, for any Trainable.

#include "shallow/error.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iosfwd>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace shallow {

/// How `check_gradients` measures.
struct GradientCheckOptions {
  double step = 0;       ///< e of the difference, relative to max(1, |theta|), from the machine epsilon to 1; 0: the
                         ///< cube root of the machine epsilon
  double tolerance = 0;  ///< largest relative difference that passes; 0: 1e-7 in double, 1e-2 in float
};

/// What `check_gradients` found in one block of numbers.
struct GradientCheckBlock {
  std::string name;       ///< "W1", "b1", ..., or "X" for dJ/dX
  double difference = 0;  ///< |g - ga|_2 less what the rounding of J explains, over the norm; 1 if not finite
  double norm = 0;        ///< |g|_2 + |ga|_2, g by backpropagation, ga by differences
  bool measured = true;   ///< false if the gradient is zero, or if the rounding of J may hide an error in it
  double rounding = 0;    ///< what the rounding of J explains, over the norm
};

/// The verdict of `check_gradients`.
struct GradientCheck {
  bool passed = false;                     ///< every block was measured, and none differs by more than the tolerance
  double worst = 0;                        ///< the largest difference of a block, as in GradientCheckBlock
  std::string block;                       ///< where that is
  Index row = 0;                           ///< the entry of that block that contributes most
  Index col = 0;                           ///< its column
  double analytic = 0;                     ///< its derivative by backpropagation
  double numeric = 0;                      ///< its derivative by differences
  std::vector<GradientCheckBlock> blocks;  ///< all of them
  std::string message;                     ///< the verdict in words

  /// True if it passed.
  explicit operator bool() const { return passed; }
};

/// Prints the verdict.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const GradientCheck& check) {
  return out << check.message;
}

namespace detail {

/// Compares a gradient with central differences of J, block by block.
template <class T>
class DifferenceComparison {
 public:
  DifferenceComparison(const GradientCheckOptions& options) {
    step_ = options.step > 0 ? options.step : std::cbrt(epsilon_);
    tolerance_ = options.tolerance > 0 ? options.tolerance : (epsilon_ > 1e-10 ? 1e-2 : 1e-7);
    share_ = (std::max)(tolerance_, 1e-3);
  }

  /// `theta(i)` is a reference to the number to vary; J() evaluates the loss.
  template <class Theta, class Loss, class Gradient>
  void block(const std::string& name, Index rows, Index size, Theta&& theta, Loss&& J, Gradient&& gradient) {
    noise_ = noise(theta, size, J);
    double difference = 0;
    double analytic = 0;
    double numeric = 0;
    double unknown = 0;
    double worst_entry = -1;
    Index worst_index = 0;
    double worst_numeric = 0;
    for (Index i = 0; i < size; ++i) {
      const auto g = as_double(gradient(i));
      const double rounding = noise_ / (step_ * length(theta(i)));
      const double ga = derivative(theta(i), J, g);
      const double off = (std::abs)(g - ga);
      difference += off * off;
      analytic += g * g;
      numeric += ga * ga;
      unknown += rounding * rounding;
      if (is_finite(worst_entry) && (worst_entry < off || !is_finite(off))) {  // NaN counts as the worst
        worst_entry = off;
        worst_index = i;
        worst_numeric = ga;
      }
    }
    const double norm = std::sqrt(analytic) + std::sqrt(numeric);
    const double apart = std::sqrt(difference);
    const double rounding = std::sqrt(unknown);
    const bool measured = !(rounding >= share_ * norm);  // NaN counts as measured: it is an error, not a small number
    // Where the rounding is a large share, it takes more than that to call a gradient wrong.
    double relative = norm == 0 ? 0 : (std::max)(apart - (measured ? 1 : 10) * rounding, 0.0) / norm;
    if (!is_finite(difference) || !is_finite(norm)) relative = 1;
    const double whole = norm == 0 ? 0 : apart / norm;
    // Of blocks that the rounding explains, the one that is most apart.
    if (size > 0 &&
        (result_.blocks.empty() || relative > result_.worst || (relative == result_.worst && whole > whole_))) {
      result_.worst = relative;
      whole_ = whole;
      result_.block = name;
      result_.row = worst_index % rows;
      result_.col = worst_index / rows;
      result_.analytic = as_double(gradient(worst_index));
      result_.numeric = worst_numeric;
    }
    result_.blocks.push_back({name, relative, norm, measured, norm == 0 ? 0 : rounding / norm});
  }

  GradientCheck verdict() {
    std::string unchecked;
    for (const GradientCheckBlock& block : result_.blocks) {
      if (!block.measured) unchecked += (unchecked.empty() ? "" : ", ") + block.name;
    }
    result_.passed = unchecked.empty() && result_.worst <= tolerance_;
    const bool wrong = !(result_.worst <= tolerance_);
    result_.message = std::string(result_.passed ? "passed"
                                  : wrong        ? "FAILED"
                                                 : "NOT MEASURED") +
                      ": worst relative difference " + to_text(wrong ? result_.worst : whole_) +
                      (!wrong && whole_ > tolerance_ ? ", which the rounding of J explains," : "") + " in " +
                      result_.block + "(" + std::to_string(result_.row) + ", " + std::to_string(result_.col) +
                      "), backpropagation " + to_text(result_.analytic) + ", differences " + to_text(result_.numeric) +
                      ", tolerance " + to_text(tolerance_);
    if (!unchecked.empty()) {
      result_.message += "; the gradients are zero, or drowned by rounding, in " + unchecked +
                         ", so nothing was checked there: it takes larger weights, other samples or a smaller J";
    }
    return result_;
  }

 private:
  /// How well J is known, and a difference quotient to that over the step: to a few epsilons of itself or, where it is
  /// made of larger numbers (of outputs far from zero, say), to what it deviates from a straight line by within a
  /// thousandth of the step, all numbers of the block varied at once.
  template <class Theta, class Loss>
  double noise(Theta& theta, Index size, Loss& J) const {
    const T there = J();
    double most = 4 * epsilon_ * (std::abs)(as_double(there));
    std::vector<T> kept;
    kept.reserve(static_cast<std::size_t>(size));
    for (Index i = 0; i < size; ++i) kept.push_back(theta(i));
    const auto vary = [&](double step) {
      for (Index i = 0; i < size; ++i) {
        const T from = kept[static_cast<std::size_t>(i)];
        theta(i) = from + T((i % 2 == 0 ? step : -step) * length(from));
      }
      return T(J());
    };
    for (const double part : {1e-3, 7e-4, 4e-4}) {
      const double step = part * step_ / std::sqrt(static_cast<double>((std::max)(size, Index(1))));
      const T bend = (vary(step) - there) + (vary(-step) - there);
      most = (std::max)(most, (std::abs)(as_double(bend)));
    }
    for (Index i = 0; i < size; ++i) theta(i) = kept[static_cast<std::size_t>(i)];
    return most;
  }

  /// What the step of the options is multiplied by: against a number above one it is as long as against one.
  static double length(const T& theta) { return (std::max)(1.0, (std::abs)(as_double(theta))); }

  /// (J(theta + e) - J(theta - e)) / 2e. An entry that disagrees with g is measured again with smaller steps: a corner
  /// (of ReLU, say) within the step moves out of it, whereas a wrong g disagrees at every step. What is measured again
  /// counts if it agrees better by more than rounding: the smaller a step, the more of it.
  template <class Loss>
  double derivative(T& theta, Loss& J, double g) const {
    const T kept = theta;
    double best = std::numeric_limits<double>::quiet_NaN();
    double most = std::numeric_limits<double>::infinity();
    double step = step_ * length(kept);
    for (int attempt = 0; attempt < 3; ++attempt, step /= 10) {
      theta = kept + T(step);
      const T above = theta;
      const T upper = J();
      theta = kept - T(step);
      if (!(theta < above)) {  // too short a step to be taken
        theta = kept;
        break;
      }
      const T lower = J();
      // In T: a double may hold fewer digits.
      const double ga = as_double(T(upper - lower)) / as_double(T(above - theta));
      theta = kept;
      const double off = (std::abs)(ga - g);
      const double rounding = noise_ / step;
      if (attempt == 0 || off + rounding < most) {
        best = ga;
        most = off + rounding;
      }
      if (off <= tolerance_ * ((std::abs)(g) + (std::abs)(ga)) || !(10 * rounding < most)) break;
    }
    return best;
  }

  double epsilon_ = as_double(T(Eigen::NumTraits<T>::epsilon()));
  double step_;
  double tolerance_;
  double noise_ = 0;  ///< of J, for the block under way
  double share_;      ///< of the norm, from which on the rounding may hide an error
  double whole_ = 0;  ///< the worst relative difference, rounding included
  GradientCheck result_;
};

}  // namespace detail

/// Compares the gradient of J on the samples X, Y with central differences (J(theta + e) - J(theta - e)) / 2e for every
/// parameter and, where the model gives dJ/dX, for every entry of X (course, "Gradient checking").
///
/// The measure is the worst relative difference over the blocks W1, b1, ..., X: one norm over all of them would hide an
/// error in a small one. The relative difference is |g - ga|_2 / (|g|_2 + |ga|_2), less what the rounding of J
/// explains. A block whose gradient is zero, or of which that rounding is a thousandth (or the tolerance, if that is
/// more), has not been measured: an error might hide in it. Where nothing else is wrong the verdict then begins with
/// "NOT MEASURED", and has not passed either.
///
/// Use a double model, weights of order 1 (not 0.01) and a handful of samples: the cost is two losses a parameter, six
/// where they disagree.
///
/// \throws ShapeError, ValueError as `fit` does for X and Y
/// \throws ValueError step, tolerance: expected >= 0 and finite
/// \throws ValueError step: expected the machine epsilon of the number type to 1, or 0
template <Trainable M, class X, Targets Y, class L>
GradientCheck check_gradients(const M& model, const Eigen::DenseBase<X>& x, const Y& y, const L& loss,
                              const GradientCheckOptions& options = {}) {
  using T = typename M::Scalar;
  for (const auto& [name, value] : {std::pair{"step", options.step}, std::pair{"tolerance", options.tolerance}}) {
    if (!(value >= 0) || !detail::is_finite(value)) {
      detail::raise_expected<ValueError>("check_gradients", name, ">= 0 and finite", detail::to_text(value));
    }
  }
  if (const double epsilon = detail::as_double(T(Eigen::NumTraits<T>::epsilon()));
      (options.step > 0 && options.step < epsilon) || options.step > 1) {
    detail::raise_expected<ValueError>("check_gradients", "step", "the machine epsilon of the number type to 1, or 0",
                                       detail::to_text(options.step));
  }
  M varied = model;
  Matrix<T> input = x.derived().matrix();
  const auto& targets = detail::dense_for<M, L>(y);
  detail::with_model_samples("check_gradients", model, loss, input, targets, [](const auto&) {});
  const Gradients<T> gradient = shallow::gradients(model, input, targets, loss);
  typename M::Workspace workspace;
  const auto J = [&] { return std::as_const(varied).loss(input, targets, loss, workspace); };

  detail::DifferenceComparison<T> comparison(options);
  auto&& parameters = varied.parameters();
  for (const ParameterBlock& block : gradient.blocks) {
    comparison.block(
        block.name, block.rows, block.size(), [&](Index i) -> T& { return parameters(block.offset + i); }, J,
        [&](Index i) { return gradient.parameters(block.offset + i); });
  }
  if (gradient.X.size() > 0) {
    comparison.block(
        "X", input.rows(), input.size(), [&](Index i) -> T& { return input.data()[i]; }, J,
        [&](Index i) { return gradient.X.data()[i]; });
  }
  return comparison.verdict();
}
/// The same with the model's default loss.
template <Trainable M, class X, Targets Y>
GradientCheck check_gradients(const M& model, const Eigen::DenseBase<X>& x, const Y& y,
                              const GradientCheckOptions& options = {}) {
  return check_gradients(model, x, y, model.default_loss(), options);
}

}  // namespace shallow
