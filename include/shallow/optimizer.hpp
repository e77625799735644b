// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Optimisers: GradientDescent, Momentum and Adam. Settings are aggregates of double; what an optimiser remembers from
/// step to step is a `State` of its own, which the caller keeps, so that training can be continued or begun anew.
///
/// All parameters of a model are one vector theta, g = dJ/dtheta is another, and one call of `step` is one step: time
/// is counted once however many layers there are.
///
/// An optimiser of your own offers `State<T>`, `check()` and `step(theta, g, state)`; with `prepare(size, state)`, too,
/// which makes room in a new state, `fit` does not even allocate in its first step. Where its state has a static
/// `each_member(state, f)`, which calls f(name, member) for every member, checkpoints can keep it: a member is a
/// std::int64_t or a Vector<T> that is empty or as long as the parameters.

#include "shallow/engine/executor.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

namespace shallow {

namespace detail {

// What optimisers are made of, each with a name that compilers print.

template <class O, class T>
concept HasState =
    std::copyable<typename O::template State<T>> && std::default_initializable<typename O::template State<T>>;
template <class O>
concept HasCheck = requires(const O optimizer) {
  (optimizer.check)();
};
template <class O, class T>
concept HasStep = requires(const O optimizer, Eigen::Map<Vector<T>> parameters, const Vector<T> gradient,
                           typename O::template State<T> state) {
  optimizer.step(parameters, gradient, state);
};

}  // namespace detail

/// Moves parameters against their gradient.
template <class O, class T = double>
concept Optimizer = std::copyable<O> && detail::HasState<O, T> && detail::HasCheck<O> && detail::HasStep<O, T>;

namespace detail {

/// No training comes to so many steps, and one more still does not overflow.
inline constexpr std::int64_t kMostSteps = std::int64_t{1} << 62U;

inline void check_positive(const char* optimizer, const char* name, double value) {
  if (!(value > 0) || !is_finite(value)) {
    raise_expected<ValueError>(optimizer, name, "> 0 and finite", to_text(value));
  }
}
inline void check_fraction(const char* optimizer, const char* name, double value) {
  if (!(value >= 0 && value < 1) || !is_finite(value))
    raise_expected<ValueError>(optimizer, name, ">= 0 and < 1", to_text(value));
}

/// \throws ValueError `name`: expected > 0 and finite in the number type of the parameters
template <class T>
void check_positive_in(const char* optimizer, const char* name, double value) {
  const T held = static_cast<T>(value);
  if (!(T(0) < held) || !is_finite(held)) {
    raise_expected<ValueError>(optimizer, name, "> 0 and finite in the number type of the parameters", to_text(value));
  }
}
/// \throws ValueError `name`, a number that a step uses: expected finite in the number type of the parameters
template <class T>
void check_finite_in(const char* optimizer, const char* name, double value) {
  if (!is_finite(static_cast<T>(value))) {
    raise_expected<ValueError>(optimizer, name, "finite in the number type of the parameters", to_text(value));
  }
}
/// \throws ValueError state: steps: expected 0 to 2^62 - 1
inline void check_steps(const char* optimizer, std::int64_t steps) {
  if (steps < 0 || steps >= kMostSteps) {
    raise_expected<ValueError>(optimizer, "state: steps", "0 to 2^62 - 1", std::to_string(steps));
  }
}

/// The arguments of `step`, of which only the state says T.
template <class T>
using Parameters = std::type_identity_t<Eigen::Ref<Vector<T>>>;
template <class T>
using Gradient = std::type_identity_t<const Eigen::Ref<const Vector<T>>&>;

/// \throws ShapeError gradient: expected the size of the parameters
inline void check_gradient(const char* optimizer, Index parameters, Index gradient) {
  if (gradient != parameters) {
    raise_expected<ShapeError>(optimizer, "gradient", shape_text(parameters, 1), shape_text(gradient, 1));
  }
}

/// Room in vectors that a state keeps, zero before the first step. All of them are looked at before one is changed.
/// \throws ShapeError state: expected the size of the parameters
template <class T, class... Moments>
void prepare_moments(const char* optimizer, Index size, std::int64_t steps, Moments&... moments) {
  const auto check = [&](const Vector<T>& moment) {
    if (moment.size() == size || (moment.size() == 0 && steps == 0)) return;
    raise_expected<ShapeError>(optimizer, "state", shape_text(size, 1), shape_text(moment.size(), 1));
  };
  const auto make_room = [&](Vector<T>& moment) {
    if (moment.size() == size) return;
    moment.resize(size);
    std::fill_n(moment.data(), size, T(0));
  };
  ((check)(moments), ...);
  (make_room(moments), ...);
}

}  // namespace detail

/// theta := theta - alpha g   (course, "Gradient descent")
struct GradientDescent {
  double learning_rate = 0.01;  ///< alpha > 0

  /// What it remembers from step to step: their number.
  template <class T>
  struct State {
    std::int64_t steps = 0;  ///< taken so far

    /// For checkpoints: f(name, member) of every member.
    template <class S, class F>
    static void each_member(S& state, F&& f) {
      f("steps", state.steps);
    }
    /// The same number of steps.
    friend bool operator==(const State&, const State&) = default;
  };

  /// \throws ValueError learning_rate: expected > 0 and finite
  void(check)() const { detail::check_positive("GradientDescent", "learning_rate", learning_rate); }

  /// There is nothing to make room for: what a first step would refuse is refused.
  /// \throws ValueError learning_rate: expected > 0 and finite in the number type of the parameters; state: steps:
  ///         expected 0 to 2^62 - 1
  template <class T>
  void prepare(Index, State<T>& state) const {
    detail::check_positive_in<T>("GradientDescent", "learning_rate", learning_rate);
    detail::check_steps("GradientDescent", state.steps);
  }

  /// \throws ShapeError gradient: expected the size of the parameters
  /// \throws ValueError as prepare
  template <class T, class E = const detail::Serial>
  void step(detail::Parameters<T> parameters, detail::Gradient<T> gradient, State<T>& state,
            E& executor = detail::serial) const {
    detail::check_gradient("GradientDescent", parameters.size(), gradient.size());
    prepare(parameters.size(), state);
    detail::share_numbers(executor, parameters.size(), 4, [&](Index i, Index end) {
      detail::with_engine<T>([&](auto engine) {
        engine.descend(end - i, static_cast<T>(learning_rate), gradient.data() + i, parameters.data() + i);
      });
    });
    ++state.steps;
  }
};

/// v := mu v + g,  theta := theta - alpha v   (v = 0 at first; Polyak 1964, in the form of PyTorch's SGD)
struct Momentum {
  double learning_rate = 0.01;  ///< alpha > 0
  double momentum = 0.9;        ///< mu in [0, 1)

  /// What it remembers from step to step.
  template <class T>
  struct State {
    std::int64_t steps = 0;  ///< taken so far
    Vector<T> velocity;      ///< v

    /// For checkpoints: f(name, member) of every member.
    template <class S, class F>
    static void each_member(S& state, F&& f) {
      f("steps", state.steps);
      f("velocity", state.velocity);
    }
    /// The same number of steps and the same velocity.
    friend bool operator==(const State& a, const State& b) {
      return a.steps == b.steps && a.velocity.size() == b.velocity.size() && a.velocity == b.velocity;
    }
  };

  /// \throws ValueError learning_rate: expected > 0 and finite; momentum: expected >= 0 and < 1
  void(check)() const {
    detail::check_positive("Momentum", "learning_rate", learning_rate);
    detail::check_fraction("Momentum", "momentum", momentum);
  }

  /// Room for v.
  /// \throws ShapeError state: expected the size of the parameters
  /// \throws ValueError learning_rate: expected > 0 and finite in the number type of the parameters; momentum: expected
  ///         < 1 in the number type of the parameters; state: steps: expected 0 to 2^62 - 1
  template <class T>
  void prepare(Index size, State<T>& state) const {
    detail::check_positive_in<T>("Momentum", "learning_rate", learning_rate);
    if (!(static_cast<T>(momentum) < T(1))) {
      detail::raise_expected<ValueError>("Momentum", "momentum", "< 1 in the number type of the parameters",
                                         detail::to_text(momentum));
    }
    detail::check_steps("Momentum", state.steps);
    detail::prepare_moments<T>("Momentum", size, state.steps, state.velocity);
  }

  /// \throws ShapeError state, gradient: expected the size of the parameters
  /// \throws ValueError as prepare
  template <class T, class E = const detail::Serial>
  void step(detail::Parameters<T> parameters, detail::Gradient<T> gradient, State<T>& state,
            E& executor = detail::serial) const {
    detail::check_gradient("Momentum", parameters.size(), gradient.size());
    prepare(parameters.size(), state);
    detail::share_numbers(executor, parameters.size(), 8, [&](Index i, Index end) {
      detail::with_engine<T>([&](auto engine) {
        engine.descend(end - i, static_cast<T>(learning_rate), static_cast<T>(momentum), gradient.data() + i,
                       state.velocity.data() + i, parameters.data() + i);
      });
    });
    ++state.steps;
  }
};

/// Adam (Kingma and Ba 2015, algorithm 1), with decoupled weight decay (Loshchilov and Hutter 2019) if asked for:
///
///     m := beta1 m + (1 - beta1) g              m^ = m / (1 - beta1^t)
///     v := beta2 v + (1 - beta2) g^2            v^ = v / (1 - beta2^t)
///     theta := theta - alpha (m^ / (sqrt(v^) + epsilon) + lambda theta)
///
/// t counts the steps from 1: the first one moves every parameter by about alpha. Decay applies to weights and biases
/// alike.
struct Adam {
  double learning_rate = 0.001;  ///< alpha > 0
  double beta1 = 0.9;            ///< in [0, 1)
  double beta2 = 0.999;          ///< in [0, 1)
  double epsilon = 1e-8;         ///< outside of the square root, > 0
  double weight_decay = 0;       ///< lambda >= 0

  /// What it remembers from step to step.
  template <class T>
  struct State {
    std::int64_t steps = 0;  ///< t, taken so far
    Vector<T> first;         ///< m
    Vector<T> second;        ///< v

    /// For checkpoints: f(name, member) of every member.
    template <class S, class F>
    static void each_member(S& state, F&& f) {
      f("steps", state.steps);
      f("first", state.first);
      f("second", state.second);
    }
    /// The same number of steps and the same moments.
    friend bool operator==(const State& a, const State& b) {
      return a.steps == b.steps && a.first.size() == b.first.size() && a.first == b.first &&
             a.second.size() == b.second.size() && a.second == b.second;
    }
  };

  /// \throws ValueError learning_rate, epsilon: expected > 0 and finite; beta1, beta2: expected >= 0 and < 1;
  ///         weight_decay: expected >= 0 and finite
  void(check)() const {
    detail::check_positive("Adam", "learning_rate", learning_rate);
    detail::check_fraction("Adam", "beta1", beta1);
    detail::check_fraction("Adam", "beta2", beta2);
    detail::check_positive("Adam", "epsilon", epsilon);
    if (!(weight_decay >= 0) || !detail::is_finite(weight_decay)) {
      detail::raise_expected<ValueError>("Adam", "weight_decay", ">= 0 and finite", detail::to_text(weight_decay));
    }
  }

  /// Room for m and v.
  /// \throws ShapeError state: expected the size of the parameters
  /// \throws ValueError learning_rate: expected > 0 and finite in the number type of the parameters; epsilon,
  ///         1 - learning_rate weight_decay, learning_rate / (1 - beta1), 1 / (1 - beta2): expected finite in the
  ///         number type of the parameters; state: steps: expected 0 to 2^62 - 1
  template <class T>
  void prepare(Index size, State<T>& state) const {
    detail::check_positive_in<T>("Adam", "learning_rate", learning_rate);
    detail::check_finite_in<T>("Adam", "epsilon", epsilon);
    detail::check_finite_in<T>("Adam", "1 - learning_rate weight_decay", 1 - learning_rate * weight_decay);
    detail::check_steps("Adam", state.steps);
    if (state.steps == 0) {  // where the corrections are largest
      detail::check_finite_in<T>("Adam", "learning_rate / (1 - beta1)", learning_rate / (1 - beta1));
      detail::check_finite_in<T>("Adam", "1 / (1 - beta2)", 1 / (1 - beta2));
    }
    detail::prepare_moments<T>("Adam", size, state.steps, state.first, state.second);
  }

  /// \throws ShapeError state, gradient: expected the size of the parameters
  /// \throws ValueError as prepare
  template <class T, class E = const detail::Serial>
  void step(detail::Parameters<T> parameters, detail::Gradient<T> gradient, State<T>& state,
            E& executor = detail::serial) const {
    detail::check_gradient("Adam", parameters.size(), gradient.size());
    prepare(parameters.size(), state);
    ++state.steps;
    const auto t = static_cast<double>(state.steps);
    const detail::AdamFactors<T> factors{
        static_cast<T>(learning_rate / (1 - std::pow(beta1, t))),
        static_cast<T>(1 - beta1),
        static_cast<T>(1 - beta2),
        static_cast<T>(1 / (1 - std::pow(beta2, t))),
        // An epsilon too small for T must not become 0: 0 / 0 would follow.
        (std::max)(static_cast<T>(epsilon), T((std::numeric_limits<T>::min)())),
        // Where alpha lambda is 0 this multiplies by exactly 1.
        static_cast<T>(1 - learning_rate * weight_decay),
    };
    detail::share_numbers(executor, parameters.size(), 16, [&](Index i, Index end) {
      detail::with_engine<T>([&](auto engine) {
        engine.descend(end - i, factors, gradient.data() + i, state.first.data() + i, state.second.data() + i,
                       parameters.data() + i);
      });
    });
  }
};

}  // namespace shallow
