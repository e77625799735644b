// SPDX-License-Identifier: MIT
#include "shallow/fit.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/random.hpp"
#include "shallow/two_layer_net.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <type_traits>
#include <utility>

using shallow::Index;
using shallow::Matrix;
using shallow::Scaled;
using shallow::ShapeError;
using shallow::StandardScaler;
using shallow::ValueError;
using shallow::Vector;

TEST_CASE_TEMPLATE("scaler: every feature has mean 0 and standard deviation 1 afterwards", T, float, double,
                   long double) {
  Matrix<T> X = shallow::RandomState(1).randn<T>(5, 400);
  X.row(1) = X.row(1).array() * T(1000) + T(5000);
  X.row(2) = X.row(2).array() * T(0.001) - T(3);
  const StandardScaler scaler(X);
  static_assert(std::is_same_v<decltype(scaler), const StandardScaler<T>>);
  const Matrix<T> scaled = scaler.transform(X);
  for (Index i = 0; i < X.rows(); ++i) {
    // A mean is rounded, and what is left of it is seen through the scale.
    const double rounding = double(std::numeric_limits<T>::epsilon());
    const double bound = 10 * rounding * (10 + std::abs(double(scaler.means()(i) / scaler.scales()(i))));
    CHECK(std::abs(double(scaled.row(i).mean())) <= bound);
    CHECK(double(scaled.row(i).squaredNorm()) / 400 == doctest::Approx(1).epsilon(bound));
    CHECK(double(scaler.means()(i)) == doctest::Approx(double(X.row(i).mean())).epsilon(bound));
  }
  CHECK(scaler.inverse_transform(scaled).isApprox(X, T(1e-5)));
  CHECK(scaler.n_x() == 5);
}

TEST_CASE("scaler: the definition, on numbers that can be checked by hand") {
  const Matrix<double> X{{1, 2, 3, 6}, {7, 7, 7, 7}};
  const StandardScaler scaler(X);
  CHECK(scaler.means() == Vector<double>{{3, 7}});
  CHECK(scaler.scales()(0) == doctest::Approx(std::sqrt(14.0 / 4)));
  CHECK(scaler.transform(X)(0, 3) == doctest::Approx(3 / std::sqrt(3.5)));
  // A constant feature: nothing to divide by, and its deviations are zero.
  CHECK(scaler.scales()(1) == 1);
  CHECK((scaler.transform(X).row(1).array() == 0).all());
}

TEST_CASE_TEMPLATE("scaler: a feature that is constant but for rounding is not blown up", T, float, double) {
  const Matrix<T> X = Matrix<T>::Constant(1, 1000, T(0.1));
  const StandardScaler scaler(X);
  CHECK(scaler.scales()(0) == T(1));
  CHECK(scaler.transform(X).array().abs().maxCoeff() <= 1000 * std::numeric_limits<T>::epsilon());
}

TEST_CASE("scaler: one sample, blocks and expressions") {
  const Matrix<double> X = shallow::RandomState(1).randn(6, 30);
  CHECK(StandardScaler(X.col(3)).scales() == Vector<double>::Ones(6));
  const Matrix<double> part = X.block(1, 2, 3, 20);
  CHECK(StandardScaler(X.block(1, 2, 3, 20)) == StandardScaler(part));
  const StandardScaler scaler(part);
  CHECK(scaler.transform(2 * X.middleRows(1, 3)) == scaler.transform(Matrix<double>(2 * X.middleRows(1, 3))));
  CHECK(scaler.transform(X.block(1, 2, 3, 0)).cols() == 0);
  CHECK(StandardScaler(scaler.means(), scaler.scales()) == scaler);
  CHECK_FALSE(StandardScaler(scaler.means(), Vector<double>(2 * scaler.scales())) == scaler);
}

TEST_CASE("scaler: what it refuses") {
  const double infinity = std::numeric_limits<double>::infinity();
  Matrix<double> X = Matrix<double>::Ones(2, 3);
  CHECK_THROWS_WITH_AS(StandardScaler(Matrix<double>(2, 0)),
                       "StandardScaler: X: expected at least one sample (column), given 2 x 0", ShapeError);
  CHECK_THROWS_WITH_AS(StandardScaler(Matrix<double>(0, 3)),
                       "StandardScaler: X: expected at least one feature (row), given 0 x 3", ShapeError);
  const StandardScaler scaler(X);
  CHECK_THROWS_WITH_AS(scaler.transform(Matrix<double>::Ones(3, 3)),
                       "StandardScaler: X: expected 2 rows (n_x), one column a sample, given 3 x 3", ShapeError);
  CHECK_THROWS_AS(scaler.inverse_transform(Matrix<double>::Ones(3, 3)), ShapeError);
  X(1, 2) = infinity;
  CHECK_THROWS_WITH_AS((StandardScaler(X)),
                       "StandardScaler: X: expected finite numbers, given NaN or infinity among them", ValueError);
  const Vector<double> two = Vector<double>::Ones(2);
  CHECK_THROWS_WITH_AS(StandardScaler(two, Vector<double>(Vector<double>::Ones(3))),
                       "StandardScaler: scales: expected 2 x 1, given 3 x 1", ShapeError);
  CHECK_THROWS_WITH_AS(StandardScaler(Vector<double>(infinity * two), two),
                       "StandardScaler: means: expected finite numbers, given NaN or infinity among them", ValueError);
  for (const double bad : {0.0, -1.0, infinity, std::nan("")}) {
    const Vector<double> scales{{1, bad}};
    CHECK_THROWS_AS(StandardScaler(two, scales), ValueError);
  }
  CHECK_THROWS_WITH_AS(StandardScaler(two, Vector<double>{{1, -1}}),
                       "StandardScaler: scales: expected finite numbers > 0, given -1 for feature 1", ValueError);
}

TEST_CASE("scaled: a network behind its scaler takes raw features") {
  Matrix<double> X = shallow::RandomState(1).randn(2, 200);
  X.row(1) *= 1000;
  const Matrix<double> Y = (X.row(0).array() * X.row(1).array() > 0).cast<double>();
  const StandardScaler scaler(X);
  shallow::TwoLayerNet<double> net(2, 8, 1, {.seed = 1});
  fit(net, scaler.transform(X), Y, shallow::Adam{.learning_rate = 0.05}, {.epochs = 200});
  const Scaled model(scaler, net);
  CHECK(model.predict(X) == net.predict(scaler.transform(X)));
  CHECK(((model.predict(X).array() > 0.5) == (Y.array() > 0.5)).count() >= 190);
  CHECK(model == Scaled(scaler, net));
  CHECK(model.n_x() == 2);
  CHECK(model.n_y() == 1);
  CHECK_THROWS_WITH_AS(Scaled(StandardScaler(Matrix<double>::Ones(3, 3).eval()), net),
                       "Scaled: scaler: expected 2 features, n_x of the network, given 3", ShapeError);
}

TEST_CASE_TEMPLATE("scaled: whatever a network offers for use, it offers", T, float, double) {
  const Matrix<T> X = shallow::RandomState(1).randn<T>(2, 100).array() * T(30) + T(5);
  const auto check = [&](const auto& net) {
    const StandardScaler scaler(X);
    const Scaled model(scaler, net);
    const Matrix<T> expected = net.predict(scaler.transform(X));
    typename std::remove_cvref_t<decltype(model)>::Workspace workspace;
    Matrix<T> A(1, 100);
    model.predict(X, A, workspace);
    CHECK(A == expected);
    model.predict(X.leftCols(7), A.leftCols(7), workspace);  // and fewer afterwards
    CHECK(A == expected);
    const Eigen::Matrix<T, 2, 1> sample = X.col(3);
    CHECK(model.predict(sample) == expected.col(3));
    CHECK(model.depth() == net.depth());
    CHECK(model.parameter_count() == net.parameter_count());
    CHECK(model.summary() == "scaled features, " + net.summary());
    std::ostringstream out;
    out << model;
    CHECK(out.str() == model.summary());
    Matrix<T> wrong(1, 99);
    CHECK_THROWS_WITH_AS(model.predict(X, wrong, workspace), "predict: A: expected 1 x 100 (n_y x m), given 1 x 99",
                         ShapeError);
    CHECK_THROWS_WITH_AS(model.predict(Matrix<T>(3, 1), wrong, workspace),
                         "StandardScaler: X: expected 2 rows (n_x), one column a sample, given 3 x 1", ShapeError);
  };
  check(shallow::TwoLayerNet<T>(2, 8, 1, {.seed = 1}));
  check(shallow::TwoLayerNet<T, shallow::Tanh, shallow::Sigmoid, 2, 4, 1>({.seed = 1}));
}

TEST_CASE("scaled: what was moved from is refused, and what is about to be gone gives copies") {
  const Matrix<double> X = shallow::RandomState(1).randn(2, 10);
  const auto make = [&] { return Scaled(StandardScaler(X), shallow::TwoLayerNet<double>(2, 8, 1, {.seed = 1})); };
  auto model = make();
  const auto taken = std::move(model);
  CHECK(taken == make());
  // NOLINTNEXTLINE(bugprone-use-after-move)
  CHECK_THROWS_WITH_AS((void)model.predict(X),
                       "StandardScaler: scaler: expected features, given none: it was moved from", ShapeError);
  static_assert(std::is_same_v<decltype(make().net()), shallow::TwoLayerNet<double>>);
  static_assert(std::is_same_v<decltype(make().scaler()), StandardScaler<double>>);
  static_assert(std::is_same_v<decltype(StandardScaler(X).means()), Vector<double>>);
  static_assert(std::is_same_v<decltype(StandardScaler(X).scales()), Vector<double>>);
  CHECK(make().net() == taken.net());
  CHECK(StandardScaler(X).means() == taken.scaler().means());
}
