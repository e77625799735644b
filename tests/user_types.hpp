// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What a user might bring along: an activation, a loss and a model, each as short as it can be.

#include "shallow/trainable.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

namespace user {

/// g(z) = z / (1 + |z|),  g'(z) = 1 / (1 + |z|)^2: an activation of one number and nothing else.
struct Softsign {
  template <class T>
  T operator()(const T& z) const {
    using std::abs;
    return z / (T(1) + abs(z));
  }
  template <class T>
  T derivative(const T& z) const {
    using std::abs;
    return T(1) / ((T(1) + abs(z)) * (T(1) + abs(z)));
  }
};

/// The identity, of numbers up to 50 only.
struct Fragile {
  template <class T>
  T operator()(const T& z) const {
    if (z > T(50)) throw std::runtime_error("Fragile: too large");
    return z;
  }
  template <class T>
  T derivative(const T&) const {
    return T(1);
  }
};

/// L(a, y) = sum_i log cosh(a_i - y_i).
struct LogCosh {
  template <class A, class Y>
  auto value(const A& a, const Y& y) const {
    return (a - y).cosh().log().sum();
  }
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dA) const {
    dA = (a - y).tanh();
  }
};

/// y = w' x + b fitted by mean squared error: a model that is no network. `planted` scales its dJ/db, 1 being right.
struct LinearRegression {
  using Scalar = double;
  struct Workspace {};

  Eigen::VectorXd theta;  // w, then b
  double planted = 1;

  explicit LinearRegression(Eigen::Index n_x) : theta(Eigen::VectorXd::Zero(n_x + 1)) {}

  Eigen::VectorXd& parameters() { return theta; }
  const Eigen::VectorXd& parameters() const { return theta; }
  std::vector<shallow::ParameterBlock> parameter_blocks() const {
    return {{"w", theta.size() - 1, 1, 0}, {"b", 1, 1, theta.size() - 1}};
  }
  shallow::MeanSquaredError default_loss() const { return {}; }

  template <class X>
  Eigen::RowVectorXd predict(const X& x) const {
    return (theta.head(theta.size() - 1).transpose() * x).array() + theta(theta.size() - 1);
  }
  template <class X, class Y, class L>
  double loss(const X& x, const Y& y, const L&, Workspace&) const {
    return (predict(x) - y).squaredNorm() / double(y.cols());
  }
  template <class X, class Y, class L, class G>
  double loss_and_gradient(const X& x, const Y& y, const L& l, G& gradient, Workspace& workspace) const {
    const Eigen::VectorXd error = (predict(x) - y).transpose() * (2.0 / double(y.cols()));
    gradient.head(theta.size() - 1) = x * error;
    gradient(theta.size() - 1) = planted * error.sum();
    return loss(x, y, l, workspace);
  }
};

}  // namespace user
