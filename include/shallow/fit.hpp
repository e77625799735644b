// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Training: `fit`, the loop over epochs and batches, and `step`, a single step for loops of your own.

#include "shallow/batch.hpp"
#include "shallow/error.hpp"
#include "shallow/layer_view.hpp"
#include "shallow/loss.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/random.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow {

/// What a callback of `fit` is told.
struct Progress {
  Index epoch = 0;    ///< counted from 1; in on_batch the epoch under way
  Index epochs = 0;   ///< asked for
  Index batch = 0;    ///< batches done in this epoch
  Index batches = 0;  ///< batches in an epoch
  double loss = 0;    ///< mean loss of this epoch's samples so far, each before the step that it led to
  double validation_loss = std::numeric_limits<double>::quiet_NaN();  ///< on_epoch only, if there are validation data
  bool has_validation =
      false;  ///< whether it is of validation data: NaN is their loss then, and not that there are none
};

/// What `fit` calls now and then: any function of a Progress. If it returns false, training stops.
class Callback {
 public:
  /// Nothing to call.
  Callback() = default;
  /// Any function of a Progress that returns nothing, or a bool: false stops the training.
  template <class F>
    requires(!std::same_as<F, Callback> && std::invocable<F&, const Progress&>)
  Callback(F f) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const Progress&>>) {
      call_ = [f](const Progress& progress) mutable {
        f(progress);
        return true;
      };
    } else {
      call_ = f;
    }
  }
  /// True if there is something to call.
  explicit operator bool() const { return static_cast<bool>(call_); }
  /// Calls it; false if training is to stop.
  bool operator()(const Progress& progress) const { return call_(progress); }

 private:
  std::function<bool(const Progress&)> call_;
};

/// How `fit` goes through the samples.
struct FitOptions {
  Index epochs = 1;        ///< >= 0; 0 trains nothing and gives an empty history
  Index batch_size = 0;    ///< samples a step, >= 0; 0, and anything above m, means all of them
  bool shuffle = true;     ///< a new order every epoch; a full batch has no order
  std::uint32_t seed = 0;  ///< of the RandomState that shuffles, where no TrainingState continues one
  Callback on_epoch{};     ///< called after every epoch
  Callback on_batch{};     ///< called after every step
};

/// Why `fit` returned.
enum class StopReason {
  completed,  ///< all epochs done
  callback,   ///< a callback returned false
  diverged    ///< a loss, or a parameter, was no longer finite
};

/// What happened in `fit`.
struct History {
  std::vector<double> loss;                   ///< per epoch: mean over its samples, each before the step that it led to
  std::vector<double> validation_loss;        ///< per epoch, after it; empty without validation data
  StopReason reason = StopReason::completed;  ///< why it ended
  std::string message;                        ///< the reason in words; after a divergence with what to try

  /// Whole epochs done.
  Index epochs() const { return static_cast<Index>(loss.size()); }
};

/// What training remembers besides the parameters: hand the same one to a second `fit`, and it goes on where the first
/// ended, as if there had been one.
template <class O, shallow::Scalar T>
struct TrainingState {
  typename O::template State<T> optimizer{};  ///< moments and step count
  RandomState random{};                       ///< shuffles; seeded by the options of the first `fit`
  Index epochs = 0;                           ///< done so far
  bool seeded = false;                        ///< whether `random` is in use

  /// As new.
  void reset() { *this = TrainingState(); }
  /// The same state in every part.
  friend bool operator==(const TrainingState&, const TrainingState&) = default;
};

/// Samples that are not trained on, for `fit` to take the loss of after every epoch. Matrices are referred to and must
/// outlive it; blocks and other expressions are held as Eigen holds them.
template <class X, class Y>
struct Validation {
  typename Eigen::internal::ref_selector<X>::type x;  ///< inputs (n_x x m)
  typename Eigen::internal::ref_selector<Y>::type y;  ///< targets (n_y x m), or m class labels
  /// X (n_x x m) and Y (n_y x m, or m class labels); `fit` checks them.
  Validation(const X& x_, const Y& y_) : x(x_), y(y_) {}
};

namespace detail {

template <class E>
inline constexpr bool is_validation = false;
template <class X, class Y>
inline constexpr bool is_validation<Validation<X, Y>> = true;
template <class E>
inline constexpr bool is_training_state = false;
template <class O, class T>
inline constexpr bool is_training_state<TrainingState<O, T>> = true;

template <class E>
inline constexpr bool is_neither = !is_validation<E> && !is_training_state<E>;

struct Absent {};

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

inline void check_options(const FitOptions& options) {
  if (options.epochs < 0) raise_expected<ValueError>("fit", "epochs", ">= 0", to_text(options.epochs));
  if (options.batch_size < 0) raise_expected<ValueError>("fit", "batch_size", ">= 0", to_text(options.batch_size));
}

inline std::string divergence_message(Index epoch, const char* what) {
  return std::string(what) + " turned NaN or infinite in epoch " + std::to_string(epoch) +
         "; the parameters are those of the last epoch whose loss was finite. Try a smaller learning_rate, features "
         "scaled to about [-1, 1], or smaller first weights";
}

/// The loop itself; see `fit`.
template <class M, class T, class Target, class L, class O, class ValidationPass>
History fit_samples(M& model, const Samples<T, Target>& samples, const L& loss, const O& optimizer,
                    const FitOptions& options, TrainingState<O, T>& state, ValidationPass&& validate) {
  const Index m = samples.count;
  const Index batch_size = options.batch_size == 0 ? m : (std::min)(options.batch_size, m);
  const Index batches = (m + batch_size - 1) / batch_size;
  const bool shuffled = options.shuffle && batches > 1;
  if (!state.seeded) state.random = RandomState(options.seed);
  state.seeded = true;

  History history;
  // Enough that no epoch of any ordinary training allocates; memory that is never touched costs nothing.
  history.loss.reserve(static_cast<std::size_t>(std::min<Index>(options.epochs, Index(1) << 20)));
  if constexpr (!std::is_same_v<std::remove_cvref_t<ValidationPass>, Absent>) {
    history.validation_loss.reserve(history.loss.capacity());
  }
  BatchPass<M, T, Target, L> pass(samples, loss, batch_size, shuffled);
  const auto size = static_cast<std::size_t>(model.parameters().size());
  Vector<T> gradient(model.parameters().size());
  std::fill_n(gradient.data(), size, T(0));
  std::vector<Index> order(shuffled ? static_cast<std::size_t>(m) : 0);

  if constexpr (requires { optimizer.prepare(m, state.optimizer); }) {
    optimizer.prepare(model.parameters().size(), state.optimizer);
  }

  // Where to go back to: the last place where a finite epoch's loss was taken, before the step away from it.
  std::vector<T> good_parameters(model.parameters().data(), model.parameters().data() + size);
  auto good_optimizer = state.optimizer;
  const auto diverged = [&](Index epoch, const char* what) {
    std::copy_n(good_parameters.data(), size, model.parameters().data());
    state.optimizer = good_optimizer;
    history.reason = StopReason::diverged;
    history.message = divergence_message(epoch, what);
    return history;
  };

  std::vector<T> candidate = good_parameters;
  auto candidate_optimizer = good_optimizer;
  for (Index epoch = 1; epoch <= options.epochs; ++epoch) {
    if (shuffled) {
      std::iota(order.begin(), order.end(), Index(0));
      state.random.shuffle(order);
    }
    Progress progress{epoch, options.epochs, 0, batches, 0};
    for (Index first = 0; first < m; first += batch_size) {
      const Index count = (std::min)(batch_size, m - first);
      const auto J = static_cast<double>(pass(model, first, count, shuffled ? order.data() : nullptr, &gradient));
      if (!is_finite(J)) return diverged(epoch, "the loss");
      if (first + count == m) {
        std::copy_n(model.parameters().data(), size, candidate.data());
        candidate_optimizer = state.optimizer;
      }
      optimizer.step(model.parameters(), gradient, state.optimizer);
      // The running mean: of a single batch exactly its J.
      progress.loss += (J - progress.loss) * (static_cast<double>(count) / static_cast<double>(first + count));
      ++progress.batch;
      if (options.on_batch && !options.on_batch(progress)) history.reason = StopReason::callback;
      if (history.reason == StopReason::callback) break;
    }
    const bool whole = progress.batch == batches;
    if (whole) {
      good_parameters.swap(candidate);
      std::swap(good_optimizer, candidate_optimizer);
      ++state.epochs;
      history.loss.push_back(progress.loss);
    }
    if (!all_finite(model.parameters())) return diverged(epoch, "a parameter");
    if (!whole) break;
    if constexpr (!std::is_same_v<std::remove_cvref_t<ValidationPass>, Absent>) {
      progress.validation_loss = static_cast<double>(validate(model));
      progress.has_validation = true;
      history.validation_loss.push_back(progress.validation_loss);
    }
    if (options.on_epoch && !options.on_epoch(progress)) history.reason = StopReason::callback;
    if (history.reason == StopReason::callback) break;
  }
  history.message = history.reason == StopReason::callback ? "a callback returned false" : "all epochs done";
  return history;
}

}  // namespace detail

/// Trains `model` on the samples X (n_x x m) and targets Y (n_y x m; for CategoricalCrossEntropy also m class labels, a
/// vector of integers): in every epoch, for every batch, J and its gradient, then one step of the optimiser.
///
/// After the options may follow, in any order: a loss other than the model's default; `Validation(X, Y)`; a
/// `TrainingState<Optimizer, Scalar>` to continue from and to continue later.
///
/// X, Y and the validation data must not change while it runs. The first step allocates what the later ones use. The
/// result depends on the arguments alone: the same seeds give the same bits. If a loss turns out NaN or infinite,
/// training stops with the parameters (and the optimiser's state) of the last epoch whose loss was finite, or as they
/// were before if there was none.
///
/// \throws ShapeError X: expected n_x rows, one column a sample; X: expected at least one sample; Y: expected n_y x m
///         (or m integer labels, with CategoricalCrossEntropy)
/// \throws ValueError X: expected finite numbers; Y: what the loss does not take (cross-entropies: labels in [0, 1],
///         class labels in 0 .. n_y - 1); epochs, batch_size: expected >= 0; and what the optimiser refuses of its
///         settings
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
  constexpr auto loss_wanted = [](auto& e) {
    return std::bool_constant<detail::is_neither<std::remove_cvref_t<decltype(e)>>>{};
  };
  detail::Absent absent;
  TrainingState<O, T> fresh;
  const auto default_loss = model.default_loss();
  const auto& loss = detail::pick(loss_wanted, default_loss, extras...);
  auto& validation = detail::pick(validation_wanted, absent, extras...);
  auto& state = detail::pick(state_wanted, fresh, extras...);
  using L = std::remove_cvref_t<decltype(loss)>;
  static_assert(std::is_same_v<std::remove_reference_t<decltype(state)>, TrainingState<O, T>>,
                "shallow: the TrainingState belongs to another optimiser or number type, or is const");
  static_assert(detail::at_most_one<decltype(loss_wanted(extras))::value...> &&
                    detail::at_most_one<decltype(validation_wanted(extras))::value...> &&
                    detail::at_most_one<decltype(state_wanted(extras))::value...>,
                "shallow: after the options come at most one loss, one Validation and one TrainingState");
  static_assert(Loss<L, T>, "shallow: what follows the options is no loss: it lacks value(a, y) or gradient(a, y, dA)");

  detail::check_options(options);
  (optimizer.check)();
  const auto input = detail::as_input<T>(x);
  if constexpr (requires { model.output_activation(); }) {
    detail::uses_logits("fit", loss, model.output_activation());
  }
  return detail::with_model_samples("fit", model, loss, input, detail::dense(y), [&](const auto& samples) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(validation)>, detail::Absent>) {
      return detail::fit_samples(model, samples, loss, optimizer, options, state, absent);
    } else {
      const auto validation_x = detail::as_input<T>(validation.x);
      const auto& validation_y = detail::dense(validation.y);
      const auto train = [&](const auto& held_out) {
        using Target = std::remove_cvref_t<decltype(*held_out.y)>;
        detail::BatchPass<M, T, Target, L> pass(held_out, loss, held_out.count, false);
        pass.reserve(model);
        return detail::fit_samples(model, samples, loss, optimizer, options, state, [&](const M& trained) {
          return pass(trained, 0, held_out.count, nullptr, nullptr);
        });
      };
      return detail::with_model_samples("fit: validation", model, loss, validation_x, validation_y, train);
    }
  });
}

/// Storage that repeated calls of `step` share, so that only the first allocates.
template <Trainable M>
struct StepWorkspace {
  Vector<typename M::Scalar> gradient;  ///< dJ/dparameters of the last step
  typename M::Workspace pass{};         ///< what the model keeps from pass to pass
};

/// One step of the optimiser on these samples; returns J before it. For online learning and loops of your own. If J is
/// not finite, no step is taken.
/// \throws as `loss_and_gradient` for X and Y, as `fit` for the optimiser's settings
template <Trainable M, class X, Targets Y, Optimizer<typename M::Scalar> O, class L>
typename M::Scalar step(M& model, const X& x, const Y& y, const O& optimizer,
                        typename O::template State<typename M::Scalar>& state, const L& loss,
                        StepWorkspace<M>& workspace) {
  (optimizer.check)();
  workspace.gradient.resize(model.parameters().size());
  const auto J =
      std::as_const(model).loss_and_gradient(x, detail::dense_for<M, L>(y), loss, workspace.gradient, workspace.pass);
  if (detail::is_finite(J)) optimizer.step(model.parameters(), workspace.gradient, state);
  return J;
}
/// The same with the model's default loss and storage of its own.
template <Trainable M, class X, Targets Y, Optimizer<typename M::Scalar> O>
typename M::Scalar step(M& model, const X& x, const Y& y, const O& optimizer,
                        typename O::template State<typename M::Scalar>& state) {
  StepWorkspace<M> workspace;
  return shallow::step(model, x, y, optimizer, state, model.default_loss(), workspace);
}

}  // namespace shallow
