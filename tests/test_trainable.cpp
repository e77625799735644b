// SPDX-License-Identifier: MIT

#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/metrics.hpp"
#include "shallow/network.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/trainable.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#if __has_include(<unsupported/Eigen/AutoDiff>)
#include <unsupported/Eigen/AutoDiff>
#endif

using shallow::accuracy;
using shallow::Adam;
using shallow::confusion_matrix;
using shallow::DynamicNetwork;
using shallow::Index;
using shallow::Layer;
using shallow::Matrix;
using shallow::Network;
using shallow::RandomState;
using shallow::ShapeError;
using shallow::ValueError;

namespace {

using Classifier = Network<Layer<double, shallow::Tanh>, Layer<double, shallow::Softmax>>;

/// Whatever takes targets takes `y` for what it takes `expected` for.
template <class Net, class Y, class Expected>
void check_same_targets(const Net& net, const Matrix<double>& X, const Y& y, const Expected& expected) {
  CHECK(shallow::loss(net, X, y) == shallow::loss(net, X, expected));
  const auto gradient = gradients(net, X, expected);
  CHECK(gradients(net, X, y).parameters == gradient.parameters);
  typename Net::Workspace workspace;
  shallow::Vector<double> given(net.parameter_count());
  CHECK(net.loss_and_gradient(X, y, net.default_loss(), given, workspace) == gradient.loss);
  CHECK(given == gradient.parameters);
  CHECK(check_gradients(net, X, y).worst == check_gradients(net, X, expected).worst);

  Net stepped = net, expected_step = net;
  Adam::State<double> state, expected_state;
  CHECK(step(stepped, X, y, Adam{}, state) == step(expected_step, X, expected, Adam{}, expected_state));
  CHECK(stepped == expected_step);

  Net fitted = net, expected_fit = net;
  const shallow::FitOptions options{.epochs = 3, .batch_size = 2};
  CHECK(fit(fitted, X, y, Adam{}, options).loss == fit(expected_fit, X, expected, Adam{}, options).loss);
  CHECK(fitted == expected_fit);

  CHECK(accuracy(net.predict(X), y) == accuracy(net.predict(X), expected));
  CHECK(confusion_matrix(net.predict(X), y) == confusion_matrix(net.predict(X), expected));
}

}  // namespace

TEST_CASE("targets: integers of any type are labels in every shape that holds m of them") {
  const Classifier net({2, 4, 3}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(2, 5);
  const Eigen::RowVectorXi labels{{0, 2, 1, 1, 2}};
  const auto check = [&](const auto& y) { check_same_targets(net, X, y, labels); };
  check(Eigen::VectorXi(labels.transpose()));
  // fit refused what a reader of .npy files returns, in words that asked for exactly that.
  check(Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic>(labels.transpose().cast<std::int64_t>()));
  check(Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic>(labels.cast<std::uint8_t>()));
  check(Eigen::Matrix<short, 5, 1>(labels.transpose().cast<short>()));
  check(Eigen::Matrix<unsigned, 1, 5>(labels.cast<unsigned>()));
  check(std::vector<int>{0, 2, 1, 1, 2});
  check(std::vector<std::size_t>{0, 2, 1, 1, 2});
  check(std::array<long, 5>{0, 2, 1, 1, 2});
  const std::vector<std::int16_t> more{7, 0, 2, 1, 1, 2, 7};
  check(std::span(more).subspan(1, 5));
  // A row of a table, as numbers and as integers that lie apart.
  Matrix<double> table(2, 5);
  table << labels.cast<double>(), X.row(0);
  check(table.topRows(1).cast<int>());
  check(table.row(0).cast<int>());
  const Eigen::Matrix<int, 2, 5> rows = table.cast<int>();
  check(rows.row(0));
  check(rows.topRows(1));
  const DynamicNetwork<double> dynamic({2, 4, 3}, {shallow::Tanh{}, shallow::Softmax{}}, {.seed = 1});
  check_same_targets(dynamic, X, std::vector<int>{0, 2, 1, 1, 2}, labels);
  check_same_targets(dynamic, X, Eigen::Matrix<int, Eigen::Dynamic, Eigen::Dynamic>(labels.transpose()), labels);
}

TEST_CASE("targets: columns of integers are one-hot columns") {
  const Matrix<double> X = RandomState(1).randn(2, 4);
  Eigen::MatrixXi one_hot = Eigen::MatrixXi::Zero(3, 4);
  one_hot(0, 0) = one_hot(2, 1) = one_hot(1, 2) = one_hot(1, 3) = 1;
  const Matrix<double> expected = one_hot.cast<double>();
  check_same_targets(Classifier({2, 4, 3}, {.seed = 1}), X, one_hot, expected);
  check_same_targets(DynamicNetwork<double>({2, 4, 3}, {shallow::Tanh{}, shallow::Softmax{}}), X, one_hot, expected);
  check_same_targets(DynamicNetwork<double>({2, 4, 3}, {shallow::Tanh{}, shallow::Sigmoid{}}), X, one_hot, expected);
}

TEST_CASE("targets: of one sample, one integer is a label and n_y of them are its targets") {
  const Classifier net({2, 4, 3}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(2, 1);
  const Matrix<double> second{{0}, {1}, {0}};
  const auto check = [&](const auto& y) {
    CHECK(loss(net, X, y) == doctest::Approx(loss(net, X, second)).epsilon(1e-14));
    CHECK(accuracy(net.predict(X), y) == accuracy(net.predict(X), second));
  };
  check(std::vector<int>{1});
  check(Eigen::VectorXi(Eigen::VectorXi::Constant(1, 1)));
  check(Eigen::VectorXi{{0, 1, 0}});
  check(Eigen::MatrixXi(second.cast<int>()));
}

TEST_CASE("targets: with one output the integers are numbers") {
  const Matrix<double> X = RandomState(1).randn(2, 4);
  const Matrix<double> numbers{{0, 1, 1, 0}};
  const Network<Layer<double, shallow::Tanh>, Layer<double, shallow::Sigmoid>> binary({2, 4, 1}, {.seed = 1});
  check_same_targets(binary, X, std::vector<int>{0, 1, 1, 0}, numbers);
  check_same_targets(binary, X, Eigen::VectorXi{{0, 1, 1, 0}}, numbers);
  check_same_targets(binary, X, Eigen::MatrixXi(numbers.transpose().cast<int>()), numbers);
  check_same_targets(DynamicNetwork<double>({2, 4, 1}, {shallow::Tanh{}, shallow::Sigmoid{}}), X,
                     Eigen::MatrixXi(numbers.transpose().cast<int>()), numbers);
  const Layer<double, shallow::Identity> regression({2, 1}, {.seed = 1});
  CHECK(loss(regression, X, std::vector<int>{-7, 0, 3, 100}) == loss(regression, X, Matrix<double>{{-7, 0, 3, 100}}));
}

TEST_CASE("targets: integers that do not fit are refused, in words that say which would") {
  const Classifier net({2, 4, 3}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(2, 4);
  const auto refuses = [&](const auto& y, const std::string& text) {
    CHECK_THROWS_WITH_AS(loss(net, X, y), ("loss: Y: expected " + text).c_str(), ShapeError);
  };
  refuses(std::vector<int>{0, 1, 2}, "4 integer labels, given 1 x 3");
  refuses(Eigen::VectorXi(Eigen::VectorXi::Zero(5)), "4 integer labels, given 5 x 1");
  refuses(Eigen::MatrixXi(Eigen::MatrixXi::Zero(2, 2)), "3 x 4 (n_y x m) or 4 integer labels, given 2 x 2");
  refuses(std::vector<int>{}, "4 integer labels, given 1 x 0");
  CHECK_THROWS_WITH_AS(loss(net, X, std::vector<std::int64_t>{0, 1, std::int64_t(1) << 40, 2}),
                       "loss: Y: expected whole numbers in the range of int, given 1099511627776", ValueError);
  CHECK_THROWS_WITH_AS(loss(net, X, std::vector<int>{0, 1, 3, 2}),
                       "loss: Y: expected class labels in 0 .. 2, given 3 in column 2", ValueError);
}

TEST_CASE("targets: a user's own model is handed a row") {
  const user::LinearRegression model(2);
  const Matrix<double> X = RandomState(1).randn(2, 4);
  CHECK(shallow::loss(model, X, std::vector<int>{1, 2, 3, 4}) == shallow::loss(model, X, Matrix<double>{{1, 2, 3, 4}}));
}

namespace {

/// Policy and value at once: of each sample the targets are an action and an advantage, whatever n_y is.
///
///     L = -advantage * log softmax(a)_action
struct ActionAndAdvantage {
  Index target_rows(Index) const { return 2; }
  template <class A, class Y>
  auto value(const A& a, const Y& y) const {
    typename A::Scalar sum(0);
    for (Index j = 0; j < a.cols(); ++j) {
      sum -= y(1, j) * (a(Index(y(0, j)), j) - shallow::log_sum_exp(a.col(j)));
    }
    return sum;
  }
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dA) const {
    for (Index j = 0; j < a.cols(); ++j) {
      dA.col(j) = y(1, j) * (a.col(j) - shallow::log_sum_exp(a.col(j))).exp();
      dA(Index(y(0, j)), j) -= y(1, j);
    }
  }
};

}  // namespace

TEST_CASE("loss: how many rows its targets have is the loss's own to say") {
  const Matrix<double> X = RandomState(1).randn(2, 70);
  Matrix<double> Y = RandomState(2).randn(2, 70);
  for (Index j = 0; j < Y.cols(); ++j) Y(0, j) = double(j % 3);
  // Samples along the lanes, and units.
  for (const Index width : {4, 64}) {
    CAPTURE(width);
    const Network<Layer<double, shallow::Tanh>, Layer<double, shallow::Identity>> net({2, width, 3}, {.seed = 1});
    const auto check = check_gradients(net, X, Y, ActionAndAdvantage{});
    INFO(check.message);
    CHECK(check.passed);
    CHECK_THROWS_WITH_AS(loss(net, X, Matrix<double>(Matrix<double>::Zero(3, 70)), ActionAndAdvantage{}),
                         "loss: Y: expected 2 x 70 (target_rows x m), given 3 x 70", ShapeError);
    auto trained = net;
    const auto history = fit(trained, X, Y, Adam{}, {.epochs = 2, .batch_size = 16}, ActionAndAdvantage{});
    CHECK(history.loss[1] < history.loss[0]);
  }
}

TEST_CASE("X: a map of one column that stands for all was read past its end") {
  const std::vector<double> column{0.5, -1}, target{1};
  using Repeated = Eigen::Map<const Matrix<double>, Eigen::Unaligned, Eigen::OuterStride<>>;
  const Repeated X(column.data(), 2, 5, Eigen::OuterStride<>(0));
  const Repeated Y(target.data(), 1, 5, Eigen::OuterStride<>(0));
  const Matrix<double> plain_X = Matrix<double>{{0.5}, {-1}}.replicate(1, 5), plain_Y = Matrix<double>::Ones(1, 5);
  for (const Index width : {4, 64}) {
    const Network<Layer<double, shallow::Tanh>, Layer<double, shallow::Sigmoid>> net({2, width, 1}, {.seed = 1});
    CHECK(net.predict(X) == net.predict(plain_X));
    CHECK(loss(net, X, Y) == loss(net, plain_X, plain_Y));
    CHECK(net.backward(X, Y).parameters == net.backward(plain_X, plain_Y).parameters);
    auto fitted = net, expected = net;
    fit(fitted, X, Y, Adam{}, {.epochs = 3, .batch_size = 2});
    fit(expected, plain_X, plain_Y, Adam{}, {.epochs = 3, .batch_size = 2});
    CHECK(fitted == expected);
  }
}

TEST_CASE("gradients: a block of gradients that are about to be gone is a copy") {
  const Classifier net({2, 4, 3}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(2, 4);
  const std::vector<int> labels{0, 1, 2, 1};
  const auto all = gradients(net, X, labels);
  const auto dW = gradients(net, X, labels).dW(1);
  const auto db = gradients(net, X, labels).db(2);
  const auto block = gradients(net, X, labels)["W2"];
  static_assert(std::is_same_v<decltype(dW), const Matrix<double>>);
  CHECK(dW == all.dW(1));
  CHECK(db == all.db(2));
  CHECK(block == all["W2"]);
  static_assert(std::is_same_v<decltype(all.dW(1)), Eigen::Map<const Matrix<double>>>);
}

TEST_CASE("targets: a block of a larger matrix has a stride of its own") {
  const Matrix<double> X = RandomState(1).randn(20, 130);
  const Matrix<double> big = RandomState(2).randn(40, 130);
  // Units along the lanes, and samples; one tile and several.
  for (const Index width : {32, 3}) {
    CAPTURE(width);
    const Network<Layer<double, shallow::Tanh>, Layer<double, shallow::Identity>> net({20, width, width == 3 ? 3 : 16},
                                                                                      {.seed = 1});
    const auto block = big.middleRows(7, net.n_y());
    const Matrix<double> Y = block;
    CHECK(shallow::loss(net, X, block) == shallow::loss(net, X, Y));
    CHECK(gradients(net, X, block).parameters == gradients(net, X, Y).parameters);
    CHECK(net.backward(X, block).parameters == net.backward(X, Y).parameters);
    auto fitted = net, expected = net;
    fit(fitted, X, block, Adam{}, {.epochs = 2, .batch_size = 50});
    fit(expected, X, Y, Adam{}, {.epochs = 2, .batch_size = 50});
    CHECK(fitted == expected);
  }
}

namespace {

/// g(z) = log z, which is not finite at zero.
struct Logarithm {
  template <class T>
  T operator()(const T& z) const {
    using std::log;
    return log(z);
  }
  template <class T>
  T derivative(const T& z) const {
    return T(1) / z;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("tiles: what is computed beside the samples, to fill a packet, is as finite as they are", T, float,
                   double) {
  Network<Layer<T, Logarithm>, Layer<T, Logarithm>> net({2, 3, 1}, {.seed = 1});
  net.parameters().setConstant(T(2));
  net.template layer<0>().bias().setZero();  // g(0) would be infinite
  for (const Index m : {1, 2, 3, 5, 17, 31}) {
    CAPTURE(m);
    const Matrix<T> X = Matrix<T>::Constant(2, m, T(1)), Y = Matrix<T>::Zero(1, m);
    const auto gradient = gradients(net, X, Y);
    CHECK(gradient.parameters.allFinite());
    CHECK(gradient.X.allFinite());
    CHECK(gradient.parameters.isApprox(gradients(net, X.leftCols(1), Y.leftCols(1)).parameters, T(1e-5)));
  }
}

TEST_CASE("workspace: storage of labels in another order grows with the batch") {
  const Index m = 1000;
  const Matrix<double> X = RandomState(1).randn(2, m);
  Eigen::RowVectorXi labels(m);
  std::vector<Index> order(static_cast<std::size_t>(m));
  Matrix<double> shuffled_X(2, m);
  Eigen::RowVectorXi shuffled_labels(m);
  for (Index j = 0; j < m; ++j) {
    labels(j) = int(j % 3);
    order[std::size_t(j)] = m - 1 - j;
  }
  for (Index j = 0; j < m; ++j) {
    shuffled_X.col(j) = X.col(m - 1 - j);
    shuffled_labels(j) = labels(m - 1 - j);
  }
  for (const Index width : {4, 64}) {
    const Classifier net({2, width, width == 4 ? 3 : 16}, {.seed = 1});
    Classifier::Workspace workspace;
    shallow::Vector<double> gradient(net.parameter_count());
    for (const Index count : {Index(2), Index(70), m}) {
      CAPTURE(count);
      const shallow::detail::Samples<double, int> samples{X.data(), 2, 2, labels.data(), 1, 1, order.data(), count};
      const double J = net.batch_loss_and_gradient(samples, net.default_loss(), gradient.data(), workspace);
      const auto expected = gradients(net, shuffled_X.leftCols(count), shuffled_labels.head(count));
      CHECK(J == doctest::Approx(expected.loss).epsilon(1e-12));
      CHECK(gradient.isApprox(expected.parameters, 1e-12));
    }
  }
}

#if __has_include(<unsupported/Eigen/AutoDiff>)
TEST_CASE("a number type of Eigen's that converts to double by value() alone was a Scalar that few functions took") {
  using T = Eigen::AutoDiffScalar<Eigen::Vector2d>;
  static_assert(shallow::Scalar<T> && !std::is_constructible_v<double, T>);
  const Matrix<double> numbers = RandomState(1).randn(2, 8);
  const Matrix<T> X = numbers.cast<T>();
  const Matrix<T> Y = (numbers.row(0).array() * numbers.row(1).array() > 0).cast<double>().cast<T>();
  using Net = Network<Layer<T, shallow::Tanh>, Layer<T, shallow::Sigmoid>>;
  using Same = Network<Layer<double, shallow::Tanh>, Layer<double, shallow::Sigmoid>>;
  const shallow::NetworkOptions options{.seed = 1, .initializer = shallow::Initializer::glorot()};
  Net net({2, 3, 1}, options);
  Same same({2, 3, 1}, options);
  const shallow::StandardScaler scaler(X);
  const auto history = fit(net, scaler.transform(X), Y, Adam{.learning_rate = 0.1}, {.epochs = 20});
  const Matrix<double> targets = Y.unaryExpr([](const T& y) { return y.value(); });
  const auto expected = fit(same, shallow::StandardScaler(numbers).transform(numbers), targets,
                            Adam{.learning_rate = 0.1}, {.epochs = 20});
  CHECK(history.loss.back() == doctest::Approx(expected.loss.back()).epsilon(1e-9));
  CHECK(check_gradients(net, X, Y));
  CHECK(accuracy(net.predict(X), Y) >= 0.5);
  Matrix<T> bad = X;
  bad(1, 2) = T(std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_WITH_AS(shallow::StandardScaler{bad}, doctest::Contains("given nan in row 1, column 2"), ValueError);
  CHECK_THROWS_WITH_AS(fit(net, bad, Y, Adam{}), doctest::Contains("given nan in row 1, column 2"), ValueError);
  Matrix<T> beyond = Y;
  beyond(0, 3) = T(1.5);
  CHECK_THROWS_WITH_AS(fit(net, X, beyond, Adam{}), doctest::Contains("given 1.5 in row 0, column 3"), ValueError);
  // The derivative of the output by an input goes through the whole network.
  Matrix<T> seeded = X.leftCols(1);
  for (Index i = 0; i < 2; ++i) seeded(i, 0).derivatives() = Eigen::Vector2d::Unit(i);
  const Eigen::Vector2d slope = net.predict(seeded)(0, 0).derivatives();
  for (Index i = 0; i < 2; ++i) {
    Matrix<T> right = X.leftCols(1), left = right;
    right(i, 0) += T(1e-6);
    left(i, 0) -= T(1e-6);
    const double difference = (net.predict(right)(0, 0).value() - net.predict(left)(0, 0).value()) / 2e-6;
    CHECK(slope(i) == doctest::Approx(difference).epsilon(1e-6));
  }
}
#endif
