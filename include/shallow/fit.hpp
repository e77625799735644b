// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Training: `fit`, the loop over epochs and batches, and `step`, a single step for loops of your own.

#include "shallow/engine/batch.hpp"
#include "shallow/engine/layer_view.hpp"
#include "shallow/error.hpp"
#include "shallow/loss.hpp"
#include "shallow/mistakes.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/random.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow {

/// What a callback of `fit` is told.
struct Progress {
  Index epoch = 0;    ///< counted from 1, on from those of the TrainingState; in on_batch the epoch under way
  Index epochs = 0;   ///< what `epoch` is in the end, unless training stops before
  Index batch = 0;    ///< batches done in this epoch
  Index batches = 0;  ///< batches in an epoch
  double loss = 0;    ///< mean loss of this epoch's samples so far, each before the step that it led to
  double validation_loss = std::numeric_limits<double>::quiet_NaN();  ///< on_epoch only, if there are validation data
  bool has_validation =
      false;  ///< whether it is of validation data: NaN is their loss then, and not that there are none
};

class Callback;

namespace detail {

/// What says itself which Callback it is, as io::Checkpoint does.
template <class F>
concept GivesCallback = requires(F& f) {
  f.operator Callback();
};

}  // namespace detail

/// What `fit` calls now and then: any function of a Progress. If it returns false, training stops.
class Callback {
 public:
  /// Nothing to call.
  Callback() = default;
  /// Any function of a Progress that returns nothing, or a bool: false stops the training. An empty std::function and a
  /// null pointer are nothing to call.
  template <class F>
    requires(!std::same_as<F, Callback> && !detail::GivesCallback<F>)
  Callback(F f) {
    if constexpr (std::is_null_pointer_v<F>) {
      return;
    } else if constexpr (!std::is_invocable_v<F&, const Progress&>) {
      static_assert(detail::never<F>,
                    "shallow: a callback is called with one argument, a const Progress&: "
                    "[](const Progress& progress) { ... }");
    } else if constexpr (!std::is_copy_constructible_v<F>) {
      static_assert(detail::never<F>,
                    "shallow: a callback is copied: let it refer to what cannot be, [&](...) { ... }");
    } else {
      using Result = std::invoke_result_t<F&, const Progress&>;
      static_assert(std::is_void_v<Result> || std::is_convertible_v<Result, bool>,
                    "shallow: a callback returns nothing, or a bool: false stops the training");
      if constexpr (std::is_constructible_v<F, std::nullptr_t>) {
        if (f == nullptr) return;
      }
      if constexpr (std::is_void_v<Result>) {
        call_ = [f](const Progress& progress) mutable {
          f(progress);
          return true;
        };
      } else {
        call_ = f;
      }
    }
  }
  /// True if there is something to call.
  explicit operator bool() const { return static_cast<bool>(call_); }
  /// Calls it; false if training is to stop.
  bool operator()(const Progress& progress) const { return !call_ || call_(progress); }

 private:
  std::function<bool(const Progress&)> call_;
};

/// How `fit` goes through the samples.
struct FitOptions {
  Index epochs = 1;        ///< >= 0; 0 trains nothing and gives an empty history
  Index until_epoch = 0;   ///< if > 0, in place of `epochs`: so many in all, those counted by the TrainingState among
                           ///< them; none if it has done as many. Not beside `epochs`
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

namespace detail {

/// Whatever is given.
struct Anything {
  Anything() = default;
  template <class A>
  Anything(const A&) {}
};

/// Options that people write, and `fit` does not have: among those that it has, in its order.
struct OtherOptions {
  Anything epoch{}, epochs{}, n_epochs{}, num_epochs{}, max_epochs{}, iterations{}, num_iterations{}, steps{}, until{},
      until_epoch{}, until_epochs{}, batch{}, batches{}, batchsize{}, batchSize{}, batch_size{}, minibatch_size{},
      mini_batch_size{}, shuffled{}, shuffle{}, seeds{}, seed{}, random_seed{}, random_state{}, callback{}, callbacks{},
      on_epochs{}, on_epoch{}, onEpoch{}, on_epoch_end{}, on_batches{}, on_batch{}, onBatch{}, on_batch_end{},
      on_step{}, learning_rate{}, learningRate{}, lr{}, rate{}, momentum{}, beta1{}, weight_decay{}, loss{},
      validation{}, validation_data{}, validation_split{}, state{}, optimizer{}, optimiser{}, verbose{}, tolerance{},
      tol{};
};

}  // namespace detail

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
/// ended, as if there had been one. An epoch that is broken off in its midst, by on_batch or an exception, does not
/// count: its steps and its order of the samples are used up, and the next `fit` begins a new epoch.
template <class O, shallow::Scalar T>
struct TrainingState {
  typename O::template State<T> optimizer{};  ///< moments and step count
  RandomState random{};                       ///< shuffles; seeded by the options of the first `fit`
  Index epochs = 0;                           ///< whole ones, done so far
  bool seeded = false;                        ///< whether `random` is in use
  Index batches = 0;                          ///< done of the epoch under way, or broken off; 0 between epochs

  /// As new.
  void reset() { *this = TrainingState(); }
  /// The same state in every part.
  friend bool operator==(const TrainingState&, const TrainingState&) = default;
};

namespace detail {

/// What an argument is kept as beyond the call: what has a name is referred to; of everything else there is a copy, of
/// an expression its value.
template <class A>
struct Kept {
  using type = A;
};
template <class A>
struct Kept<A&> {
  using type = const A&;
};
template <class A>
  requires DenseExpression<A>
struct Kept<A> {
  using type = typename A::PlainObject;
};
template <class A>
using kept = typename Kept<std::conditional_t<std::is_lvalue_reference_v<A>, A, std::remove_cvref_t<A>>>::type;

/// Whether `To`, a value or a reference, may be made of an A: a reference not of a temporary that A is converted to.
template <class A, class To>
concept KeptAs = std::constructible_from<To, A> &&
    (!std::is_reference_v<To> ||
     (std::is_lvalue_reference_v<A> && std::same_as<std::remove_cvref_t<To>, std::remove_cvref_t<A>>));

}  // namespace detail

/// Samples that are not trained on, for `fit` to take the loss of after every epoch. A matrix, vector or span that has
/// a name is referred to and must outlive it; of everything else, as of `scaler.transform(X)` or a block, it holds a
/// copy.
template <class X, class Y>
struct Validation {
  X x;  ///< inputs (n_x x m)
  Y y;  ///< targets (n_y x m), or m class labels
  /// X (n_x x m) and Y (n_y x m, or m class labels); `fit` checks them.
  template <detail::KeptAs<X> A, detail::KeptAs<Y> B>
  Validation(A&& x_, B&& y_) : x(std::forward<A>(x_)), y(std::forward<B>(y_)) {}
};
/// Validation(X, Y) refers to what has a name and keeps copies of the rest.
template <class X, class Y>
Validation(X&&, Y&&) -> Validation<detail::kept<X>, detail::kept<Y>>;

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

/// True, or an error of the compiler: X and the X held out have the network's number type, and so has Y, unless it
/// holds integers.
template <class T, class X, class Y, class V>
constexpr bool require_number_types() {
  static_assert(std::is_same_v<typename X::Scalar, T> || !Eigen::NumTraits<typename X::Scalar>::IsInteger,
                "shallow: X holds integers, and the network has another number type than X: pass X.cast<...>(); class "
                "labels are Y, which comes after X");
  static_assert(std::is_same_v<typename X::Scalar, T> || Eigen::NumTraits<typename X::Scalar>::IsInteger,
                "shallow: X has another number type than the network: pass X.cast<...>() or build the network in X's");
  if constexpr (DenseExpression<Y>) {
    static_assert(
        std::is_same_v<typename Y::Scalar, T> || holds_integers<Y>,
        "shallow: Y has another number type than the network: pass Y.cast<...>() or build the network in Y's");
  }
  if constexpr (is_validation<V>) {
    using HeldOut = std::remove_cvref_t<decltype(V::x)>;
    if constexpr (DenseExpression<HeldOut>) {
      static_assert(std::is_same_v<typename HeldOut::Scalar, T>,
                    "shallow: Validation: X has another number type than the network: pass X.cast<...>()");
    } else {
      static_assert(never<V>, "shallow: Validation: X is no matrix of Eigen, and comes before Y");
    }
  }
  return true;
}

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
  if (options.until_epoch < 0) raise_expected<ValueError>("fit", "until_epoch", ">= 0", to_text(options.until_epoch));
  if (options.until_epoch > 0 && options.epochs != FitOptions{}.epochs) {
    raise_expected<ValueError>("fit", "epochs", "none beside until_epoch", to_text(options.epochs));
  }
  if (options.batch_size < 0) raise_expected<ValueError>("fit", "batch_size", ">= 0", to_text(options.batch_size));
}

/// The epoch that training ends with, counted as the state counts. The largest Index is left out, so that the epoch
/// after the last one can be counted.
inline Index last_epoch(const FitOptions& options, Index done) {
  if (done < 0) raise_expected<ValueError>("fit", "TrainingState: epochs", ">= 0", to_text(done));
  constexpr Index most = (std::numeric_limits<Index>::max)() - 1;
  if (done > most) {
    raise_expected<ValueError>("fit", "TrainingState: epochs", "fewer than an Index can count", to_text(done));
  }
  if (options.until_epoch > 0) return (std::min)(options.until_epoch, most);
  return done + (std::min)(options.epochs, most - done);
}

/// \throws ValueError model: expected finite parameters
template <class M>
void check_finite_parameters(const M& model) {
  const auto& parameters = model.parameters();
  if (all_finite(parameters)) return;
  for (const ParameterBlock& block : model.parameter_blocks()) {
    for (Index k = 0; k < block.size(); ++k) {
      if (all_finite(parameters.segment(block.offset + k, 1))) continue;
      std::string given = not_finite_text(parameters(block.offset + k));
      given.append(" in ").append(block.name).append(numbered(" at row ", k % block.rows));
      raise_expected<ValueError>("fit", "model", "finite parameters",
                                 given.append(numbered(", column ", k / block.rows)));
    }
  }
  raise_expected<ValueError>("fit", "model", "finite parameters", "NaN or infinity among them");
}

/// Sees whether a callback, which may do with the model what it likes, has left it its sizes.
template <class M>
class SizesKept {
 public:
  explicit SizesKept(M& model)
      : blocks_(std::as_const(model).parameter_blocks()), count_(model.parameters().size()), place_(model) {}

  /// \throws ShapeError model: expected N parameters, as before the callback; expected the blocks of before the
  /// callback
  void keep(M& model) {
    if (const Index count = model.parameters().size(); count != count_) {
      raise_expected<ShapeError>("fit", "model", numbered("", count_) + " parameters, as before the callback",
                                 to_text(count));
    }
    const Place now(model);
    if (now == place_) return;
    const auto blocks = std::as_const(model).parameter_blocks();
    if (blocks != blocks_) {
      raise_expected<ShapeError>("fit", "model", blocks_text(blocks_) + ", as before the callback",
                                 blocks_text(blocks));
    }
    place_ = now;
  }

 private:
  /// What can be asked without an allocation, and is another after every change of sizes.
  struct Place {
    explicit Place(M& model) : data(model.parameters().data()) {
      if constexpr (requires { model.n_x() + model.n_y(); }) {
        n_x = model.n_x();
        n_y = model.n_y();
      }
      if constexpr (requires { model.shape_key(); }) shape = model.shape_key();
    }
    friend bool operator==(const Place&, const Place&) = default;

    const void* data;
    Index n_x = 0;
    Index n_y = 0;
    std::size_t shape = 0;
  };

  static std::string blocks_text(const std::vector<ParameterBlock>& blocks) {
    std::string text;
    for (const ParameterBlock& block : blocks) {
      text.append(text.empty() ? "" : ", ").append(block.name).append(" ").append(shape_text(block.rows, block.cols));
    }
    return text;
  }

  std::vector<ParameterBlock> blocks_;
  Index count_;
  Place place_;
};

/// What fit says of a divergence; `finite` tells whether it saw an epoch whose loss was.
inline std::string divergence_message(Index epoch, const char* what, bool finite) {
  return std::string(what) + " turned NaN or infinite in epoch " + std::to_string(epoch) +
         (finite ? "; the parameters are those of the last epoch whose loss was finite"
                 : "; no epoch of this fit ended with a finite loss, and the parameters are as they were given") +
         ". Try a smaller learning_rate, features scaled to about [-1, 1], or smaller first weights";
}

/// One step; the parameters are an Eigen::Map for whatever model, as the concept Optimizer promises.
template <class O, class M, class T>
void take_step(const O& optimizer, M& model, const Vector<T>& gradient, typename O::template State<T>& state) {
  Eigen::Map<Vector<T>> parameters(model.parameters().data(), model.parameters().size());
  optimizer.step(parameters, gradient, state);
}

/// The loop itself; see `fit`.
template <class M, class T, class Target, class L, class O, class ValidationPass>
History fit_samples(M& model, const Samples<T, Target>& samples, const L& loss, const O& optimizer,
                    const FitOptions& options, TrainingState<O, T>& state, ValidationPass&& validate) {
  const Index m = samples.count;
  const Index batch_size = options.batch_size == 0 ? m : (std::min)(options.batch_size, m);
  const Index batches = (m + batch_size - 1) / batch_size;
  const bool shuffled = options.shuffle && batches > 1;
  const Index last = last_epoch(options, state.epochs);
  History history;
  // Enough that no epoch of any ordinary training allocates; memory that is never touched costs nothing.
  history.loss.reserve(static_cast<std::size_t>(std::clamp<Index>(last - state.epochs, Index(0), Index(1) << 20)));
  if constexpr (!std::is_same_v<std::remove_cvref_t<ValidationPass>, Absent>) {
    history.validation_loss.reserve(history.loss.capacity());
  }
  BatchPass<M, T, Target, L> pass(samples, loss, batch_size, shuffled);
  const auto size = static_cast<std::size_t>(model.parameters().size());
  Vector<T> gradient(model.parameters().size());
  std::fill_n(gradient.data(), size, T(0));
  SizesKept<M> sizes(model);
  std::vector<Index> order(shuffled ? static_cast<std::size_t>(m) : 0);

  if constexpr (requires { optimizer.prepare(m, state.optimizer); }) {
    optimizer.prepare(model.parameters().size(), state.optimizer);
  }
  // After all that may be refused.
  if (!state.seeded) state.random = RandomState(options.seed);
  state.seeded = true;

  // Where to go back to: the last place where a finite epoch's loss was taken, before the step away from it.
  std::vector<T> good_parameters(model.parameters().data(), model.parameters().data() + size);
  auto good_optimizer = state.optimizer;
  const auto diverged = [&](Index epoch, const char* what) {
    std::copy_n(good_parameters.data(), size, model.parameters().data());
    state.optimizer = good_optimizer;
    state.batches = 0;
    history.reason = StopReason::diverged;
    history.message = divergence_message(epoch, what, !history.loss.empty());
    return history;
  };

  std::vector<T> candidate = good_parameters;
  auto candidate_optimizer = good_optimizer;
  const auto call = [&](const Callback& callback, const Progress& progress) {
    if (!callback) return;
    if (!callback(progress)) history.reason = StopReason::callback;
    sizes.keep(model);
  };
  for (Index epoch = state.epochs + 1; epoch <= last; ++epoch) {
    if (shuffled) {
      std::iota(order.begin(), order.end(), Index(0));
      state.random.shuffle(order);
    }
    state.batches = 0;
    Progress progress{epoch, last, 0, batches, 0};
    for (Index first = 0; first < m; first += batch_size) {
      const Index count = (std::min)(batch_size, m - first);
      const auto J = as_double(pass(model, first, count, shuffled ? order.data() : nullptr, &gradient));
      if (!is_finite(J)) return diverged(epoch, "the loss");
      if (first + count == m) {
        std::copy_n(model.parameters().data(), size, candidate.data());
        candidate_optimizer = state.optimizer;
      }
      take_step(optimizer, model, gradient, state.optimizer);
      // The running mean: of a single batch exactly its J.
      const double share = static_cast<double>(count) / static_cast<double>(first + count);
      progress.loss += rounded((J - progress.loss) * share);
      state.batches = ++progress.batch;
      call(options.on_batch, progress);
      if (history.reason == StopReason::callback) break;
    }
    const bool whole = progress.batch == batches;
    if (whole) {
      good_parameters.swap(candidate);
      std::swap(good_optimizer, candidate_optimizer);
      ++state.epochs;
      state.batches = 0;
      history.loss.push_back(progress.loss);
    }
    if (!all_finite(model.parameters())) return diverged(epoch, "a parameter");
    if (!whole) break;
    if constexpr (!std::is_same_v<std::remove_cvref_t<ValidationPass>, Absent>) {
      progress.validation_loss = as_double(validate(model));
      progress.has_validation = true;
      history.validation_loss.push_back(progress.validation_loss);
    }
    call(options.on_epoch, progress);
    if (history.reason == StopReason::callback) break;
  }
  history.message = history.reason == StopReason::callback ? "a callback returned false" : "all epochs done";
  return history;
}

}  // namespace detail

/// Trains `model` on the samples X (n_x x m) and targets Y (n_y x m, or m labels: see Targets): in every epoch, for
/// every batch, J and its gradient, then one step of the optimiser.
///
/// After the options may follow, in any order: a loss other than the model's default; `Validation(X, Y)`; a
/// `TrainingState<Optimizer, Scalar>` to continue from and to continue later.
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
  constexpr auto loss_wanted = [](auto& e) {
    return std::bool_constant<detail::is_neither<std::remove_cvref_t<decltype(e)>>>{};
  };
  detail::require_parameters("fit", model.parameters().size());
  detail::Absent absent;
  TrainingState<O, T> fresh;
  const auto default_loss = model.default_loss();
  const auto& loss = detail::pick(loss_wanted, default_loss, extras...);
  auto& validation = detail::pick(validation_wanted, absent, extras...);
  auto& state = detail::pick(state_wanted, fresh, extras...);
  using L = std::remove_cvref_t<decltype(loss)>;
  static_assert((!detail::DenseExpression<std::remove_cvref_t<Extras>> && ...),
                "shallow: validation data come as Validation(X, Y)");
  static_assert(detail::at_most_one<decltype(loss_wanted(extras))::value...> &&
                    detail::at_most_one<decltype(validation_wanted(extras))::value...> &&
                    detail::at_most_one<decltype(state_wanted(extras))::value...>,
                "shallow: after the options come at most one loss, one Validation and one TrainingState");
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
      return detail::fit_samples(model, samples, loss, optimizer, options, state, absent);
    } else {
      const auto validation_x = detail::as_input<T>(validation.x);
      const auto& validation_y = detail::dense(validation.y);
      const auto train = [&](const auto& held_out) {
        using Target = std::remove_cvref_t<decltype(*held_out.y)>;
        detail::BatchPass<M, T, Target, L> pass(held_out, loss, held_out.count, false);
        pass.reserve(model);
        const auto validate = [&](const M& trained) { return pass(trained, 0, held_out.count, nullptr, nullptr); };
        return detail::fit_samples(model, samples, loss, optimizer, options, state, validate);
      };
      return detail::with_model_samples("fit: validation", model, loss, validation_x, validation_y, train);
    }
  });
}

// What `fit` and `step` are not: each says in the compiler's first lines which mistake was made. They return auto, so
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
                "seed, on_epoch, on_batch; what a step does is the optimiser's, and a loss, Validation(X, Y) and a "
                "TrainingState follow the options");
  return History();
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

/// \private Arguments of the wrong kind.
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
