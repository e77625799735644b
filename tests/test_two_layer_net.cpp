// SPDX-License-Identifier: MIT

#include "shallow/fit.hpp"
#include "shallow/two_layer_net.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <type_traits>

using shallow::Index;
using shallow::Matrix;
using shallow::Sigmoid;
using shallow::Tanh;
using shallow::TwoLayerNet;

TEST_CASE_TEMPLATE("two-layer net: A2 = g2(W2 g1(W1 X + b1) + b2)", T, float, double) {
  TwoLayerNet<T, Tanh, Sigmoid> net(2, 4, 1, {.seed = 2});
  net.template layer<0>().bias() << T(0.1), T(-0.2), T(0.3), T(0);
  net.template layer<1>().bias()(0) = T(-0.4);
  const Matrix<T> X = shallow::RandomState(1).randn<T>(2, 50);
  // In double, and number by number: Eigen's own functions of packets are not that exact on every processor.
  const Matrix<double> W1 = net.template layer<0>().weights().template cast<double>();
  const Matrix<double> W2 = net.template layer<1>().weights().template cast<double>();
  const shallow::Vector<double> b1 = net.template layer<0>().bias().template cast<double>();
  const Matrix<double> A1 =
      ((W1 * X.template cast<double>()).colwise() + b1).unaryExpr([](double z) { return std::tanh(z); });
  const Matrix<double> Z2 = (W2 * A1).array() + double(net.template layer<1>().bias()(0));
  const Matrix<double> A2 = Z2.unaryExpr([](double z) { return 1 / (1 + std::exp(-z)); });
  CHECK(net.predict(X).template cast<double>().isApprox(A2, sizeof(T) == 4 ? 1e-6 : 1e-15));
  CHECK(net.n_x() == 2);
  CHECK(net.n_h() == 4);
  CHECK(net.n_y() == 1);
}

TEST_CASE_TEMPLATE("two-layer net: sizes in the type and sizes at run time train alike", T, float, double) {
  const Matrix<T> X = shallow::RandomState(1).randn<T>(2, 100);
  const Matrix<T> Y = (X.row(0).array() * X.row(1).array() > T(0)).template cast<T>();
  TwoLayerNet<T, Tanh, Sigmoid> dynamic(2, 4, 1, {.seed = 2});
  TwoLayerNet<T, Tanh, Sigmoid, 2, 4, 1> fixed({.seed = 2});
  TwoLayerNet<T, Tanh, Sigmoid, 2, shallow::Dynamic, 1> mixed(2, 4, 1, {.seed = 2});
  CHECK(dynamic.parameters() == fixed.parameters());
  fit(dynamic, X, Y, shallow::Adam{}, {.epochs = 20});
  fit(fixed, X, Y, shallow::Adam{}, {.epochs = 20});
  fit(mixed, X, Y, shallow::Adam{}, {.epochs = 20});
  const T tolerance = std::is_same_v<T, float> ? T(1e-4) : T(1e-12);
  CHECK(dynamic.parameters().isApprox(fixed.parameters(), tolerance));
  CHECK(dynamic.parameters().isApprox(mixed.parameters(), tolerance));
}

TEST_CASE("two-layer net: the course's 0.01 by default, other beginnings by name, settings of the activations") {
  const TwoLayerNet<double, shallow::LeakyReLU, Sigmoid> net(30, 40, 1, {.seed = 1, .hidden = {.slope = 0.2}});
  CHECK(net.layer<0>().activation().slope == 0.2);
  CHECK(net.layer<0>().weights().norm() / std::sqrt(1200.0) == doctest::Approx(0.01).epsilon(0.05));
  const TwoLayerNet<double, shallow::LeakyReLU, Sigmoid> he(30, 40, 1, {.initializer = shallow::Initializer::he()});
  CHECK(he.layer<0>().weights().norm() / std::sqrt(1200.0) == doctest::Approx(std::sqrt(2.0 / 30)).epsilon(0.05));
  CHECK(he.layer<0>().activation().slope == 0.01);
}

TEST_CASE("two-layer net: is a value like its base") {
  using Net = TwoLayerNet<float, Tanh, Sigmoid, 2, 4, 1>;
  static_assert(std::is_nothrow_move_constructible_v<Net>);
  const Net a({.seed = 1});
  Net b = a;
  CHECK(a == b);
  b.layer<0>().weights()(0, 0) += 1;
  CHECK_FALSE(a == b);
  CHECK_THROWS_WITH_AS((TwoLayerNet<float>(2, 0, 1)), "Network: n_1: expected >= 1, given 0", shallow::ValueError);
  CHECK_THROWS_WITH_AS((Net(2, 5, 1)), "Network: n_1: expected 4 as the type says, given 5", shallow::ShapeError);
}
