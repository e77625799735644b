// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Training: `fit`, which goes through the samples epoch after epoch, and by way of step.hpp `step`, a single step for
/// loops of your own.

#include "shallow/engine/batch.hpp"
#include "shallow/engine/executor.hpp"
#include "shallow/engine/layer_view.hpp"
#include "shallow/fit_arguments.hpp"
#include "shallow/fit_checks.hpp"
#include "shallow/fit_loop.hpp"
#include "shallow/mistakes.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/samples.hpp"
#include "shallow/step.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <type_traits>

namespace shallow {

namespace detail {

template <class E>
inline constexpr bool is_none_of_these = !is_validation<E> && !is_training_state<E> && !works_side_by_side<E>;

template <bool... is>
inline constexpr bool at_most_one = (int(is) + ... + 0) <= 1;

/// The first of `extras` for which `wanted` holds, by reference, or `absent`.
template <class Wanted, class Absence, class... Extras>
decltype(auto) pick(Wanted, Absence& absent) {
  return (absent);
}
template <class Wanted, class Absence, class First, class... Rest>
auto& pick(Wanted wanted, Absence& absent, First& first, Rest&... rest) {
  if constexpr (decltype(wanted(first))::value) {
    return first;
  } else {
    return pick(wanted, absent, rest...);
  }
}

}  // namespace detail

/// Trains `model` on the samples X (n_x x m) and targets Y (n_y x m, or m labels: see Targets): in every epoch, for
/// every batch, J and its gradient, then one step of the optimiser.
///
/// After the options may follow, in any order: a loss other than the model's default; `Validation(X, Y)`; a
/// `TrainingState<Optimizer, Scalar>` to continue from and to continue later; `Threads{n}`, a ThreadPool or another
/// Executor, which share the work of batches that are worth it (threads.hpp), with the same bits.
///
/// X, Y and the validation data must not change while it runs. The first step allocates what the later ones use. The
/// result depends on the arguments alone: the same seeds give the same bits. If a loss turns out NaN or infinite,
/// training stops with the parameters (and the optimiser's state) of the last epoch whose loss was finite, or as they
/// were before if there was none. A callback may do with the model what it likes, but for its sizes.
///
/// \throws ShapeError X: expected n_x rows, one column a sample; X: expected at least one sample; Y: expected n_y x m
///         (or m integer labels, with CategoricalCrossEntropy)
/// \throws ShapeError model: expected parameters; expected N parameters, as before the callback; expected the same
///         blocks, as before the callback: the model is then as the callback left it
/// \throws ValueError X: expected finite numbers; Y: what the loss does not take (cross-entropies: labels in [0, 1],
///         class labels in 0 .. n_y - 1); model: expected finite parameters; epochs, until_epoch, batch_size: expected
///         >= 0; epochs: expected none beside until_epoch (1, its default, is none); TrainingState: epochs: expected
///         >= 0, and fewer than an Index can count; output activation: expected the one that the loss belongs to; and
///         what the optimiser refuses of its settings
/// \throws ShapeError, ValueError what the optimiser refuses of its state: expected the size of the parameters; state:
///         steps: expected 0 to 2^62 - 1
///
/// An error in the arguments leaves the model as it was.
template <Trainable M, class X, Targets Y, Optimizer<typename M::Scalar> O, class... Extras>
History fit(M& model, const Eigen::DenseBase<X>& x, const Y& y, const O& optimizer, const FitOptions& options = {},
            Extras&&... extras) {
  using T = typename M::Scalar;
  constexpr auto validation_wanted = [](auto& e) {
    return std::bool_constant<detail::is_validation<std::remove_cvref_t<decltype(e)>>>{};
  };
  constexpr auto state_wanted = [](auto& e) {
    return std::bool_constant<detail::is_training_state<std::remove_cvref_t<decltype(e)>>>{};
  };
  constexpr auto executor_wanted = [](auto& e) {
    return std::bool_constant<detail::works_side_by_side<decltype(e)>>{};
  };
  constexpr auto loss_wanted = [](auto& e) {
    return std::bool_constant<detail::is_none_of_these<std::remove_cvref_t<decltype(e)>>>{};
  };
  detail::require_parameters("fit", model.parameters().size());
  detail::Absent absent;
  TrainingState<O, T> fresh;
  const auto default_loss = model.default_loss();
  const auto& loss = detail::pick(loss_wanted, default_loss, extras...);
  auto& validation = detail::pick(validation_wanted, absent, extras...);
  auto& state = detail::pick(state_wanted, fresh, extras...);
  auto& side_by_side = detail::pick(executor_wanted, detail::serial, extras...);
  using L = std::remove_cvref_t<decltype(loss)>;
  static_assert((!detail::DenseExpression<std::remove_cvref_t<Extras>> && ...),
                "shallow: validation data come as Validation(X, Y)");
  static_assert(
      detail::at_most_one<decltype(loss_wanted(extras))::value...> &&
          detail::at_most_one<decltype(validation_wanted(extras))::value...> &&
          detail::at_most_one<decltype(state_wanted(extras))::value...> &&
          detail::at_most_one<decltype(executor_wanted(extras))::value...>,
      "shallow: after the options come at most one loss, one Validation, one TrainingState and one of Threads, "
      "ThreadPool or another Executor");
  static_assert(!std::is_const_v<std::remove_reference_t<decltype(state)>>,
                "shallow: the TrainingState is const, and cannot be continued");
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(state)>, TrainingState<O, T>>,
                "shallow: the TrainingState belongs to another optimiser or number type");
  static_assert(!std::is_convertible_v<const L&, FitOptions> && !std::is_invocable_v<const L&, const Progress&>,
                "shallow: callbacks belong to the options, of which there are one: {.on_epoch = ...}");
  static_assert(detail::require_loss<L, T>());
  static_assert(detail::require_number_types<T, X, Y, std::remove_cvref_t<decltype(validation)>>());
  static_assert(detail::ConvertsToDouble<T>,
                "shallow: the History keeps losses as double, to which the number type does not convert");

  detail::check_options(options);
  (optimizer.check)();
  detail::check_finite_parameters(model);
  const auto input = detail::as_input<T>(x);
  if constexpr (requires { model.output_activation(); }) {
    detail::uses_logits("fit", loss, model.output_activation());
  }
  return detail::with_model_samples("fit", model, loss, input, detail::dense(y), [&](const auto& samples) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(validation)>, detail::Absent>) {
      return detail::with_executor(side_by_side, [&](auto& executor) {
        return detail::fit_samples(model, samples, loss, optimizer, options, state, executor, absent);
      });
    } else {
      const auto validation_x = detail::as_input<T>(validation.x);
      const auto& validation_y = detail::dense(validation.y);
      const auto train = [&](const auto& held_out) {
        return detail::with_executor(side_by_side, [&](auto& executor) {
          using Target = std::remove_cvref_t<decltype(*held_out.y)>;
          using Pass = detail::BatchPass<M, T, Target, L, std::remove_reference_t<decltype(executor)>>;
          Pass pass(held_out, loss, held_out.count, false, executor);
          pass.reserve(model);
          const auto validate = [&](const M& trained) { return pass(trained, 0, held_out.count, nullptr, nullptr); };
          return detail::fit_samples(model, samples, loss, optimizer, options, state, executor, validate);
        });
      };
      return detail::with_model_samples("fit: validation", model, loss, validation_x, validation_y, train);
    }
  });
}

// What `fit` is not: each says in the compiler's first lines which mistake was made. They return auto, so
// that this comes before what else may be wrong with the line of the call.

/// \private Arguments of the wrong kind.
template <class M, class X, class Y, class O, class... Extras>
  requires(!detail::TrainingArguments<M, X, Y, O>)
auto fit(M&&, const X&, const Y&, const O&, const FitOptions& = {}, Extras&&...) {
  static_assert(detail::require_training_arguments<M, X, Y, O>());
  return History();
}
/// \private No optimiser, or the options before it.
template <class M, class X, class Y, class... Extras>
auto fit(M&&, const X&, const Y&, const FitOptions& = {}, Extras&&...) {
  static_assert(detail::never<M>,
                "shallow: the optimiser is missing, or comes after the options: fit(net, X, Y, "
                "Adam{.learning_rate = 0.01}, {.epochs = 10})");
  return History();
}
/// \private Settings of an optimiser without its name.
template <class... Extras>
auto fit(const detail::Anything&, const detail::Anything&, const detail::Anything&, const detail::OtherOptions&,
         const FitOptions& = {}, Extras&&...) {
  static_assert(detail::never<Extras...>,
                "shallow: the optimiser is missing, or has no name: fit(net, X, Y, "
                "Adam{.learning_rate = 0.01}, {.epochs = 10})");
  return History();
}
/// \private What may follow the options, or a number of epochs, in the place of the options.
template <class M, class X, class Y, class O, class Options, class... Extras>
  requires(detail::TrainingArguments<M, X, Y, O> && !std::is_convertible_v<Options, const FitOptions&>)
auto fit(M&&, const X&, const Y&, const O&, Options&&, Extras&&...) {
  static_assert(detail::never<Options>,
                "shallow: the options are missing before what may follow them: fit(net, X, Y, Adam{}, {.epochs = 10}, "
                "Validation(X_v, Y_v)), or {} for the defaults");
  return History();
}
/// \private Options that there are none of.
template <class... Extras>
auto fit(const detail::Anything&, const detail::Anything&, const detail::Anything&, const detail::Anything&,
         const detail::OtherOptions&, Extras&&...) {
  static_assert(detail::never<Extras...>,
                "shallow: FitOptions has no such option, or of another type: epochs, until_epoch, batch_size, shuffle, "
                "seed, on_epoch, on_batch; what a step does is the optimiser's, and a loss, Validation(X, Y), a "
                "TrainingState and Threads{n} follow the options");
  return History();
}

}  // namespace shallow
