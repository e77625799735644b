// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The six equations of the course in plain Eigen, as readable as they come: what the engine must agree with.

#include <Eigen/Core>

#include <cmath>

namespace oracle {

/// n_x - n_h - 1 network, tanh and sigmoid, trained by gradient descent on binary cross-entropy. Everything that a step
/// needs is a member, so that steps do not allocate.
template <class T>
struct TwoLayerNet {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  Matrix W1, W2;
  Vector b1, b2;
  Matrix Z1, A1, Z2, A2, dZ2, dW2, dZ1, dW1;
  Vector db2, db1;

  /// These weights and zero biases.
  TwoLayerNet(const Matrix& first, const Matrix& second)
      : W1(first), W2(second), b1(Vector::Zero(first.rows())), b2(Vector::Zero(second.rows())) {}

  void forward(const Matrix& X) {
    Z1.noalias() = W1 * X;
    Z1.colwise() += b1;
    A1 = Z1.array().tanh();
    Z2.noalias() = W2 * A1;
    Z2.colwise() += b2;
    A2 = (T(1) + (-Z2.array()).exp()).inverse();
  }

  T cost(const Matrix& Y) const {
    const auto a = A2.array();
    const auto y = Y.array();
    return -(y * a.log() + (T(1) - y) * (T(1) - a).log()).sum() / T(Y.cols());
  }

  void backward(const Matrix& X, const Matrix& Y) {
    const T m = T(X.cols());
    dZ2 = A2 - Y;
    dW2.noalias() = dZ2 * A1.transpose();
    dW2 /= m;
    db2 = dZ2.rowwise().sum() / m;
    dZ1.noalias() = W2.transpose() * dZ2;
    dZ1.array() *= T(1) - A1.array().square();
    dW1.noalias() = dZ1 * X.transpose();
    dW1 /= m;
    db1 = dZ1.rowwise().sum() / m;
  }

  /// One iteration of gradient descent; the cost before it.
  T step(const Matrix& X, const Matrix& Y, T alpha) {
    forward(X);
    const T J = cost(Y);
    backward(X, Y);
    W1 -= alpha * dW1;
    b1 -= alpha * db1;
    W2 -= alpha * dW2;
    b2 -= alpha * db2;
    return J;
  }
};

}  // namespace oracle
