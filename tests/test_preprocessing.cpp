// SPDX-License-Identifier: MIT
#include "shallow/fit.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/random.hpp"
#include "shallow/two_layer_net.hpp"

#include "dual.hpp"
#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <sstream>
#include <string>
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

TEST_CASE_TEMPLATE("scaler: means and scales neither overflow nor vanish at the ends of the range", T, float, double,
                   long double) {
  const T largest = std::numeric_limits<T>::max(), smallest = std::numeric_limits<T>::denorm_min();
  const T ulps = 8 * std::numeric_limits<T>::epsilon();
  // 1, 2, 3 in units from the smallest to the largest: mean 2 units, scale sqrt(2/3) of one.
  for (int exponent = std::numeric_limits<T>::min_exponent - 1; exponent < std::numeric_limits<T>::max_exponent - 1;
       exponent += 7) {
    const T unit = std::ldexp(T(1), exponent);
    const Matrix<T> X{{unit, 2 * unit, 3 * unit}, {-unit, -2 * unit, -3 * unit}};
    const StandardScaler scaler(X);
    CHECK(scaler.means()(0) == 2 * unit);
    CHECK(scaler.means()(1) == -2 * unit);
    CHECK(scaler.scales()(0) / unit == doctest::Approx(double(std::sqrt(T(2) / 3))).epsilon(1e-6));
    CHECK(scaler.scales()(1) == scaler.scales()(0));
    const Matrix<T> scaled = scaler.transform(X);
    CHECK(double(scaled(0, 2)) == doctest::Approx(std::sqrt(1.5)).epsilon(1e-6));
    CHECK((scaler.inverse_transform(scaled) - X).cwiseAbs().maxCoeff() <= ulps * 3 * unit);
    CHECK(StandardScaler(scaler.means(), scaler.scales()) == scaler);
  }

  const Matrix<T> ends{{largest, -largest, largest, -largest}, {largest, largest, largest, largest}};
  const StandardScaler of_ends(ends);
  CHECK(of_ends.means() == Vector<T>{{0, largest}});
  CHECK(of_ends.scales() == Vector<T>{{largest, 1}});
  CHECK(of_ends.transform(ends).row(0) == Matrix<T>{{1, -1, 1, -1}});
  CHECK(of_ends.transform(ends).row(1) == Matrix<T>{{0, 0, 0, 0}});
  CHECK(of_ends.inverse_transform(of_ends.transform(ends)) == ends);

  // x - mean is beyond the range, (x - mean) / scale is not. A small feature beside it keeps its digits.
  const Matrix<T> lopsided{{largest, -largest, -largest}, {smallest, 0, 0}, {1, 2, 3}};
  const StandardScaler of_lopsided(lopsided);
  const Matrix<T> scaled = of_lopsided.transform(lopsided);
  CHECK(double(scaled(0, 0)) == doctest::Approx(std::sqrt(2.0)).epsilon(1e-6));
  CHECK(double(scaled(0, 1)) == doctest::Approx(-std::sqrt(0.5)).epsilon(1e-6));
  CHECK(double(scaled(2, 2)) == doctest::Approx(std::sqrt(1.5)).epsilon(1e-6));
  const Matrix<T> back = of_lopsided.inverse_transform(Matrix<T>(scaled * T(0.5)));
  CHECK(double(back(0, 0) / largest) == doctest::Approx(1.0 / 3).epsilon(1e-6));
  CHECK(double(back(2, 2)) == doctest::Approx(2.5).epsilon(1e-6));
  for (Index i = 0; i < 3; ++i) {
    CHECK(std::isfinite(of_lopsided.means()(i)));
    CHECK(std::isfinite(of_lopsided.scales()(i)));
    CHECK(of_lopsided.scales()(i) > T(0));
  }
  CHECK(of_lopsided.scales()(1) == smallest);

  CHECK(StandardScaler(Matrix<T>(Matrix<T>::Zero(1, 5))).scales()(0) == T(1));
  const StandardScaler two(Matrix<T>{{largest, largest, T(1)}});
  CHECK(double(two.means()(0) / largest) == doctest::Approx(2.0 / 3).epsilon(1e-6));
  CHECK(double(two.scales()(0) / largest) == doctest::Approx(std::sqrt(2.0) / 3).epsilon(1e-6));
}

TEST_CASE("scaler: a given scale as small as can be beside a mean as large as can be divides nothing by zero") {
  const double smallest = std::numeric_limits<double>::denorm_min();
  const StandardScaler<double> scaler(Vector<double>{{1e300, 0}}, Vector<double>{{smallest, 1}});
  CHECK(scaler.transform(Matrix<double>{{1e300}, {3}}) == Matrix<double>{{0}, {3}});
  CHECK(scaler.inverse_transform(Matrix<double>{{0}, {3}}) == Matrix<double>{{1e300}, {3}});
}

TEST_CASE("scaler: a user's number type is scaled near the ends of its range, too") {
  using dual::Dual;
  for (const double unit : {1e-300, 1e-170, 1.0, 1e170, 1e307}) {
    CAPTURE(unit);
    Matrix<Dual> X(1, 3);
    for (Index j = 0; j < 3; ++j) X(0, j) = Dual(double(j + 1) * unit, j == 2 ? 1 : 0);
    const StandardScaler scaler(X);
    CHECK(scaler.means()(0).value / unit == doctest::Approx(2));
    CHECK(scaler.scales()(0).value / unit == doctest::Approx(std::sqrt(2.0 / 3)));
    // d mean / d x_2 = 1/3 and d scale / d x_2 = (x_2 - mean) / (3 scale).
    CHECK(scaler.means()(0).slope == doctest::Approx(1.0 / 3));
    CHECK(scaler.scales()(0).slope == doctest::Approx(std::sqrt(1.5) / 3));
  }
  Matrix<Dual> X(2, 1);
  X << Dual(1), Dual(std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_WITH_AS((StandardScaler(X)), "StandardScaler: X: expected finite numbers, given nan in row 1, column 0",
                       ValueError);
  X(1, 0) = Dual(2, std::numeric_limits<double>::infinity());
  CHECK_THROWS_AS((StandardScaler(X)), ValueError);
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
  CHECK_THROWS_WITH_AS((StandardScaler(X)), "StandardScaler: X: expected finite numbers, given inf in row 1, column 2",
                       ValueError);
  const Vector<double> two = Vector<double>::Ones(2);
  CHECK_THROWS_WITH_AS(StandardScaler(two, Vector<double>(Vector<double>::Ones(3))),
                       "StandardScaler: scales: expected 2 x 1, given 3 x 1", ShapeError);
  CHECK_THROWS_WITH_AS(StandardScaler(Vector<double>(infinity * two), two),
                       "StandardScaler: means: expected finite numbers, given inf in row 0, column 0", ValueError);
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

TEST_CASE_TEMPLATE("scaler: half precision left its range, or lost its digits in sums", T, Eigen::half,
                   Eigen::bfloat16) {
  const auto scaler_of = [](std::initializer_list<double> numbers) {
    Matrix<T> X(1, Index(numbers.size()));
    Index j = 0;
    for (const double number : numbers) X(0, j++) = T(number);
    return StandardScaler<T>(X);
  };
  const double tolerance = std::is_same_v<T, Eigen::half> ? 0x1p-10 : 0x1p-7;  // a unit in the last place of 1
  // The mean was 60000, and so was the scale.
  const auto large = scaler_of({60000, 40000});
  CHECK(double(large.means()(0)) == doctest::Approx(50000).epsilon(tolerance));
  CHECK(double(large.scales()(0)) == doctest::Approx(10000).epsilon(tolerance));
  // In half precision 2048 + 1 = 2048.
  Matrix<T> many(1, 5000);
  for (Index j = 0; j < many.cols(); ++j) many(0, j) = T(double(j % 2));
  const StandardScaler<T> of_many(many);
  CHECK(double(of_many.means()(0)) == doctest::Approx(0.5).epsilon(tolerance));
  CHECK(double(of_many.scales()(0)) == doctest::Approx(0.5).epsilon(tolerance));
  // x - mean is beyond the range of half precision, (x - mean) / scale is not.
  const double largest = double((std::numeric_limits<T>::max)());
  const auto lopsided = scaler_of({largest, -largest, -largest});
  const Matrix<T> scaled = lopsided.transform(Matrix<T>(Matrix<T>::Constant(1, 1, T(largest))));
  CHECK(double(scaled(0, 0)) == doctest::Approx(std::sqrt(2.0)).epsilon(2 * tolerance));
  // What rounds to nothing is the smallest number.
  const double smallest = double(std::numeric_limits<T>::denorm_min());
  const auto tiny = scaler_of({smallest, 0, 0});
  CHECK(double(tiny.scales()(0)) == smallest);
}

namespace {

/// A number of a narrow range, about which nobody says anything.
struct Narrow {
  float value = 0;

  Narrow() = default;
  explicit Narrow(double v) : value(held(v)) {}
  static float held(double v) {
    if (v > 60000 || v < -60000) return v > 0 ? INFINITY : -INFINITY;
    return v < 1e-6 && v > -1e-6 ? 0 : float(v);
  }
  explicit operator double() const { return double(value); }
  Narrow& operator+=(Narrow o) { return *this = *this + o; }
  friend Narrow operator+(Narrow a, Narrow b) { return Narrow(double(a.value) + double(b.value)); }
  friend Narrow operator-(Narrow a, Narrow b) { return Narrow(double(a.value) - double(b.value)); }
  friend Narrow operator*(Narrow a, Narrow b) { return Narrow(double(a.value) * double(b.value)); }
  friend Narrow operator/(Narrow a, Narrow b) { return Narrow(double(a.value) / double(b.value)); }
  friend Narrow operator-(Narrow a) { return Narrow(-double(a.value)); }
  friend bool operator<(Narrow a, Narrow b) { return a.value < b.value; }
  friend Narrow sqrt(Narrow a) { return Narrow(std::sqrt(double(a.value))); }
  friend bool isfinite(Narrow a) { return std::isfinite(a.value); }
};

}  // namespace

template <>
struct Eigen::NumTraits<Narrow> : RealNumTraits<Narrow> {
  static Narrow epsilon() { return Narrow(1e-3); }
};

TEST_CASE("scaler: a unit beyond the range of a user's number type made every mean the largest number") {
  for (const double unit : {20000.0, 15000.0, 1.0, 1e-4}) {
    CAPTURE(unit);
    Matrix<Narrow> X(1, 2);
    X << Narrow(3 * unit), Narrow(2 * unit);
    const StandardScaler<Narrow> scaler(X);
    CHECK(double(scaler.means()(0)) / unit == doctest::Approx(2.5).epsilon(0.01));
    CHECK(double(scaler.scales()(0)) / unit == doctest::Approx(0.5).epsilon(0.01));
  }
}

TEST_CASE("scaler and scaled: columns that lie over each other were written, one over the other and past their end") {
  const Matrix<double> X = shallow::RandomState(1).randn(2, 5);
  const StandardScaler scaler(X);
  const Scaled model(scaler, shallow::TwoLayerNet<double>(2, 4, 1, {.seed = 1}));
  using Columns = Eigen::Map<Matrix<double>, 0, Eigen::OuterStride<>>;
  Vector<double> storage = Vector<double>::Constant(10, 7);
  decltype(model)::Workspace workspace;
  for (const Index stride : {0, 1, -1}) {
    double* const first = storage.data() + 5;
    CHECK_THROWS_WITH_AS(
        scaler.transform(X, Columns(first, 2, 5, Eigen::OuterStride<>(stride))),
        ("StandardScaler: scaled: expected columns that lie apart, given stride " + std::to_string(stride) + ", rows 2")
            .c_str(),
        ShapeError);
  }
  CHECK_THROWS_WITH_AS(model.predict(X, Columns(storage.data(), 1, 5, Eigen::OuterStride<>(0)), workspace),
                       "predict: A: expected columns that lie apart, given stride 0, rows 1", ShapeError);
  CHECK(storage == Vector<double>::Constant(10, 7));
  model.predict(X, Columns(storage.data(), 1, 5, Eigen::OuterStride<>(2)), workspace);
  for (Index j = 0; j < 5; ++j) {
    CHECK(storage(2 * j) == model.predict(X)(0, j));
    CHECK(storage(2 * j + 1) == 7);
  }
}
