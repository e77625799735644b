// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// `step`: a single step of the optimiser, for online learning and loops of your own.

#include "shallow/engine/executor.hpp"
#include "shallow/engine/numbers.hpp"
#include "shallow/mistakes.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/samples.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace shallow {

namespace detail {

/// One step; the parameters are an Eigen::Map for whatever model, as the concept Optimizer promises.
template <class O, class M, class T, class E = const Serial>
void take_step(const O& optimizer, M& model, const Vector<T>& gradient, typename O::template State<T>& state,
               E& executor = serial) {
  Eigen::Map<Vector<T>> parameters(model.parameters().data(), model.parameters().size());
  if constexpr (requires { optimizer.step(parameters, gradient, state, executor); }) {
    optimizer.step(parameters, gradient, state, executor);
  } else {
    optimizer.step(parameters, gradient, state);
  }
}

}  // namespace detail

/// Storage that repeated calls of `step` share, so that only the first allocates.
template <Trainable M>
struct StepWorkspace {
  Vector<typename M::Scalar> gradient;  ///< dJ/dparameters of the last step
  typename M::Workspace pass{};         ///< what the model keeps from pass to pass
};

/// One step of the optimiser on these samples; returns J before it. For online learning and loops of your own. If J is
/// not finite, no step is taken.
/// \throws as `loss_and_gradient` for X and Y, as `fit` for the optimiser's settings
template <Trainable M, detail::DenseExpression X, Targets Y, Optimizer<typename M::Scalar> O, class L>
typename M::Scalar step(M& model, const X& x, const Y& y, const O& optimizer,
                        typename O::template State<typename M::Scalar>& state, const L& loss,
                        StepWorkspace<M>& workspace) {
  static_assert(detail::require_loss<L, typename M::Scalar, true>());
  (optimizer.check)();
  workspace.gradient.resize(model.parameters().size());
  const auto J =
      std::as_const(model).loss_and_gradient(x, detail::dense_for<M, L>(y), loss, workspace.gradient, workspace.pass);
  if (detail::is_finite(J)) detail::take_step(optimizer, model, workspace.gradient, state);
  return J;
}
/// The same with storage of its own.
template <Trainable M, detail::DenseExpression X, Targets Y, Optimizer<typename M::Scalar> O, class L>
typename M::Scalar step(M& model, const X& x, const Y& y, const O& optimizer,
                        typename O::template State<typename M::Scalar>& state, const L& loss) {
  StepWorkspace<M> workspace;
  return shallow::step(model, x, y, optimizer, state, loss, workspace);
}
/// The same with the model's default loss.
template <Trainable M, detail::DenseExpression X, Targets Y, Optimizer<typename M::Scalar> O>
typename M::Scalar step(M& model, const X& x, const Y& y, const O& optimizer,
                        typename O::template State<typename M::Scalar>& state, StepWorkspace<M>& workspace) {
  return shallow::step(model, x, y, optimizer, state, model.default_loss(), workspace);
}
/// The same with the model's default loss and storage of its own.
template <Trainable M, detail::DenseExpression X, Targets Y, Optimizer<typename M::Scalar> O>
typename M::Scalar step(M& model, const X& x, const Y& y, const O& optimizer,
                        typename O::template State<typename M::Scalar>& state) {
  StepWorkspace<M> workspace;
  return shallow::step(model, x, y, optimizer, state, model.default_loss(), workspace);
}

namespace detail {

/// Whether S, as a forwarding reference deduces it, is the state of the optimiser O for the model M.
template <class S, class O, class M>
concept StateOf =
    std::same_as<S,
                 std::add_lvalue_reference_t<typename O::template State<typename std::remove_reference_t<M>::Scalar>>>;

/// The state and what follows it.
template <class O, class M, class S = void, class... Rest>
inline constexpr bool step_arguments = sizeof...(Rest) <= 2 && StateOf<S, O, M>;

}  // namespace detail

/// \private Arguments of the wrong kind. It returns auto, so that this comes before what else may be wrong with the
/// line of the call.
template <class M, class X, class Y, class O, class... Rest>
  requires(!detail::TrainingArguments<M, X, Y, O> || !detail::step_arguments<O, M, Rest...>)
auto step(M&&, const X&, const Y&, const O&, Rest&&...) {
  static_assert(detail::require_training_arguments<M, X, Y, O>());
  if constexpr (detail::TrainingArguments<M, X, Y, O>) {
    static_assert(detail::step_arguments<O, M, Rest...>,
                  "shallow: after the optimiser comes its state, not const: Adam::State<double> state; (of a "
                  "TrainingState its member `optimizer`); then a loss and a StepWorkspace, if at all");
  }
  return 0.0;
}

}  // namespace shallow
