// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the compiler says where the arguments of `fit` and `step` are of the wrong kind: the mistake and the way out,
/// in the first lines. A function here returns true or is an error of the compiler.

#include "shallow/fit_arguments.hpp"
#include "shallow/loss.hpp"
#include "shallow/math.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <type_traits>

namespace shallow {

namespace detail {

/// What `fit` and `step` take: M is as a forwarding reference deduces it.
template <class M, class X, class Y, class O>
concept TrainingArguments = std::is_lvalue_reference_v<M> && Trainable<std::remove_reference_t<M>> &&
    DenseExpression<X> && Targets<Y> && Optimizer<O, typename std::remove_reference_t<M>::Scalar>;

template <class M>
constexpr bool require_model() {
  using Model = std::remove_cvref_t<M>;
  if constexpr (DenseExpression<Model>) {
    static_assert(never<M>, "shallow: the model comes first, then X, Y, the optimiser: fit(net, X, Y, Adam{})");
  } else if constexpr (!HasScalarAndWorkspace<Model>) {
    static_assert(never<M>,
                  "shallow: the first argument is no model that can be trained: it lacks Scalar, a number "
                  "type, or Workspace, which can be made of nothing (see Trainable)");
  } else if constexpr (!std::is_lvalue_reference_v<M>) {
    static_assert(never<M>, "shallow: the model is a temporary, and gone once it is trained: give it a name first");
  } else if constexpr (std::is_const_v<std::remove_reference_t<M>>) {
    static_assert(never<M>, "shallow: the model is const and cannot be trained: train a copy of it, or drop the const");
  } else {
    static_assert(std::copyable<Model>, "shallow: a model that is trained can be copied and assigned");
    static_assert(HasParameters<Model>,
                  "shallow: the model lacks parameters(), or it is no vector of Scalar to write "
                  "to, and of a const model one to read");
    static_assert(HasParameterBlocks<Model>,
                  "shallow: the model lacks parameter_blocks() const, a vector of "
                  "ParameterBlock");
    static_assert(HasDefaultLoss<Model>, "shallow: the model lacks default_loss() const");
    static_assert(HasLoss<Model>, "shallow: the model lacks loss(X, Y, loss, workspace) const, which returns a number");
    static_assert(HasLossAndGradient<Model>,
                  "shallow: the model lacks loss_and_gradient(X, Y, loss, gradient, "
                  "workspace) const, which returns a number");
  }
  return true;
}

template <class X, class Y>
constexpr bool require_samples() {
  require_matrix<X>();
  static_assert(Targets<Y>,
                "shallow: Y is neither a matrix of Eigen nor integers side by side in memory, as labels are in a "
                "std::vector<int> (not in a std::vector<bool>): Eigen::Map<const shallow::Matrix<double>>(data, n_y, "
                "m) makes a matrix of numbers");
  return true;
}

template <class O, class T>
constexpr bool require_optimizer() {
  if constexpr (!HasState<O, T> && !HasCheck<O>) {
    static_assert(never<O>,
                  "shallow: the fourth argument is no optimiser: expected GradientDescent{.learning_rate = "
                  "0.01}, Momentum{}, Adam{} or a type with State<T>, check() and step(theta, g, state)");
  } else {
    static_assert(std::copyable<O>, "shallow: an optimiser can be copied and assigned");
    static_assert(HasState<O, T>,
                  "shallow: this optimiser lacks template <class T> struct State, which can be made of "
                  "nothing and copied");
    static_assert(HasCheck<O>, "shallow: this optimiser lacks check() const, which throws if its settings are wrong");
    if constexpr (HasState<O, T>) {
      static_assert(HasStep<O, T>,
                    "shallow: this optimiser lacks a step(theta, g, state) const that can be called: theta is an "
                    "Eigen::Map and g a Vector<T>, and only State<T>& tells T: template <class P, class G, class T> "
                    "void step(P& theta, const G& g, State<T>& state) const");
    }
  }
  return true;
}

template <class M, class X, class Y, class O>
constexpr bool require_training_arguments() {
  require_model<M>();
  require_samples<X, Y>();
  if constexpr (requires { typename std::remove_cvref_t<M>::Scalar; }) {
    require_optimizer<O, typename std::remove_cvref_t<M>::Scalar>();
  }
  return true;
}

/// `AfterState`: in `step`, where there are no options.
template <class L, class T, bool AfterState = false>
constexpr bool require_loss() {
  if constexpr (Optimizer<L, T>) {
    static_assert(never<L>, "shallow: there is one optimiser, and it comes before all that is optional");
  } else if constexpr (!HasLossValue<L, T> && !HasLossGradient<L, T>) {
    static_assert(AfterState,
                  "shallow: what follows the options is no loss: it lacks value(a, y) or gradient(a, y, dA)");
    static_assert(!AfterState,
                  "shallow: what follows the state is no loss: it lacks value(a, y) or gradient(a, y, dA)");
  } else {
    static_assert(std::copyable<L>, "shallow: a loss can be copied and assigned");
    static_assert(HasLossValue<L, T>, "shallow: this loss lacks value(a, y) const, which returns a number");
    static_assert(HasLossGradient<L, T>, "shallow: this loss lacks gradient(a, y, dA) const, which writes dA");
  }
  return true;
}

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
      validation{}, validation_data{}, validation_split{}, state{}, threads{}, n_jobs{}, optimizer{}, optimiser{},
      verbose{}, tolerance{}, tol{};
};

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

}  // namespace detail
}  // namespace shallow
