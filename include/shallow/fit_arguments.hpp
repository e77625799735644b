// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What `fit` takes beside the model, the samples and the optimiser, and what it gives back: FitOptions with its
/// callbacks, Validation, the TrainingState, the History.

#include "shallow/activation.hpp"
#include "shallow/each_entry.hpp"
#include "shallow/random.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
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

}  // namespace detail
}  // namespace shallow
