// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The course's network: one hidden layer and one output layer.

#include "shallow/initializer.hpp"
#include "shallow/network.hpp"
#include "shallow/types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace shallow {

/// How a TwoLayerNet begins, with the settings of its activations: {.seed = 2, .hidden = {.slope = 0.2}}.
template <class Hidden, class Output>
struct TwoLayerNetOptions {
  std::uint32_t seed = 0;                                 ///< of the RandomState that draws W[1], then W[2], row by row
  Initializer initializer = Initializer::gaussian(0.01);  ///< the course's small random numbers
  Hidden hidden{};                                        ///< g1 with its settings
  Output output{};                                        ///< g2 with its settings
};

/// A[1] = g1(W[1] X + b[1]), A[2] = g2(W[2] A[1] + b[2]) with n_x features, n_h hidden units and n_y outputs.
///
///     TwoLayerNet<double, Tanh, Sigmoid> net(2, 4, 1, {.seed = 2});        // sizes at run time
///     TwoLayerNet<float, Tanh, Sigmoid, 2, 4, 1> net({.seed = 2});         // sizes in the type: faster where narrow
template <shallow::Scalar T, class Hidden = Tanh, class Output = Sigmoid, int Features = Dynamic,
          int HiddenUnits = Dynamic, int Outputs = Dynamic>
class TwoLayerNet : public Network<Layer<T, Hidden, Features, HiddenUnits>, Layer<T, Output, HiddenUnits, Outputs>> {
  using Base = Network<Layer<T, Hidden, Features, HiddenUnits>, Layer<T, Output, HiddenUnits, Outputs>>;

 public:
  /// Seed, initialiser, and settings of the activations.
  using Options = TwoLayerNetOptions<Hidden, Output>;
  /// \private
  using Model = TwoLayerNet;

  /// n_x features, n_h hidden units, n_y outputs.
  /// \throws ValueError n_0, n_1, n_2: expected >= 1; n_in, n_out: expected a layer that memory can hold; and what an
  ///         activation refuses of its settings
  /// \throws ShapeError n_0, n_1, n_2: expected the size that the type says
  TwoLayerNet(Width n_x, Width n_h, Width n_y, const Options& options = {})
      : Base({n_x.value(), n_h.value(), n_y.value()}, {options.hidden, options.output},
             {options.seed, options.initializer}) {}

  /// The same, with the widths in braces as for every network: TwoLayerNet<...>({n_x, n_h, n_y}, {.seed = 2}).
  /// \throws ValueError, ShapeError as above
  template <std::size_t N>
  TwoLayerNet(const Width (&widths)[N], const Options& options)
      : TwoLayerNet(widths[0], widths[N > 1 ? 1 : 0], widths[N - 1], options) {
    (void)detail::WidthsFit<int(N), 2>::value;
  }

  /// Sizes as the type fixes them.
  explicit TwoLayerNet(const Options& options = {}) requires(Features != Dynamic && HiddenUnits != Dynamic &&
                                                             Outputs != Dynamic)
      : TwoLayerNet(Features, HiddenUnits, Outputs, options) {}

  /// Hidden units.
  Index n_h() const { return this->template layer<0>().n_out(); }
};

}  // namespace shallow
