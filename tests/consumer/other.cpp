// SPDX-License-Identifier: MIT
#include <shallow/shallow.hpp>

double accuracy_in_other(const shallow::Matrix<double>& X, const shallow::Matrix<double>& Y);

double accuracy_in_other(const shallow::Matrix<double>& X, const shallow::Matrix<double>& Y) {
  shallow::TwoLayerNet<double, shallow::Tanh, shallow::Sigmoid> net(2, 4, 1, {.seed = 2});
  shallow::fit(net, X, Y, shallow::GradientDescent{.learning_rate = 1.2}, {.epochs = 50});
  return shallow::accuracy(net.predict(X), Y);
}
