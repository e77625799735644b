// SPDX-License-Identifier: MIT

#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/network.hpp"

#include "dual.hpp"
#include "user_types.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <thread>
#include <type_traits>
#include <vector>

using shallow::Dynamic;
using shallow::Index;
using shallow::Layer;
using shallow::Matrix;
using shallow::Network;
using namespace shallow;  // the activations, in long lists

namespace {

template <class T>
using Deep = Network<Layer<T, Tanh>, Layer<T, LeakyReLU>, Layer<T, Sigmoid>>;

template <class T>
Matrix<T> binary_targets(const Matrix<T>& X) {
  return (X.row(0).array() > T(0)).template cast<T>();
}

/// The passes in plain Eigen, layer by layer, for any activations with a derivative of one number: the oracle.
template <class Net>
struct PlainPass {
  using T = typename Net::Scalar;
  Matrix<T> output;
  std::vector<Matrix<T>> dW, db;
  Matrix<T> dX;

  /// For J = sum of (A - Y)^2 / m.
  PlainPass(const Net& net, const Matrix<T>& X, const Matrix<T>& Y) { run<0>(net, X, Y); }

 private:
  template <std::size_t I>
  Matrix<T> run(const Net& net, const Matrix<T>& A_prev, const Matrix<T>& Y) {
    const auto layer = net.template layer<I>();
    const auto& g = layer.activation();
    const Matrix<T> W = layer.weights();
    const Matrix<T> Z = (W * A_prev).colwise() + layer.bias();
    const Matrix<T> A = Z.unaryExpr([&](T z) { return T(g(z)); });
    Matrix<T> dA;
    if constexpr (I + 1 == Net::layers) {
      output = A;
      dA = T(2) * (A - Y) / T(Y.cols());
    } else {
      dA = run<I + 1>(net, A, Y);
    }
    const Matrix<T> dZ = dA.array() * Z.unaryExpr([&](T z) { return T(g.derivative(z)); }).array();
    dW.insert(dW.begin(), dZ * A_prev.transpose());
    db.insert(db.begin(), dZ.rowwise().sum());
    dX = W.transpose() * dZ;
    return dX;
  }
};

template <class Net>
void check_against_plain_pass(const Net& net, Index m, RandomState& random) {
  using T = typename Net::Scalar;
  CAPTURE(m);
  const T tolerance = std::is_same_v<T, float> ? T(2e-4) : T(1e-12);
  const Matrix<T> X = random.randn<T>(net.n_x(), m);
  const Matrix<T> Y = random.randn<T>(net.n_y(), m);
  const PlainPass<Net> plain(net, X, Y);
  CHECK(net.predict(X).isApprox(plain.output, tolerance));
  const auto g = gradients(net, X, Y, MeanSquaredError{});
  CHECK(std::abs(g.loss - (plain.output - Y).squaredNorm() / T(m)) <= tolerance * g.loss);
  for (int l = 1; l <= int(Net::layers); ++l) {
    CHECK(g.dW(l).isApprox(plain.dW[std::size_t(l - 1)], tolerance));
    CHECK(g.db(l).isApprox(plain.db[std::size_t(l - 1)], tolerance));
  }
  CHECK(g.X.isApprox(plain.dX, tolerance));

  // backward() from the dJ/dA of the same loss.
  const Matrix<T> dA = T(2) * (plain.output - Y) / T(m);
  const auto b = net.backward(X, dA);
  CHECK(b.parameters.isApprox(g.parameters, tolerance));
  CHECK(b.X.isApprox(g.X, tolerance));
}

}  // namespace

TEST_CASE_TEMPLATE("network: forward and backward agree with plain Eigen at every m", T, float, double) {
  RandomState random(1);
  for (const Index m : {1, 2, 3, 16, 31, 64, 65, 500, 513, 1000}) {
    check_against_plain_pass(Deep<T>({3, 5, 4, 2}, {.seed = 1}), m, random);      // samples along the lanes
    check_against_plain_pass(Deep<T>({20, 48, 64, 16}, {.seed = 1}), m, random);  // units along the lanes
    check_against_plain_pass(Deep<T>({90, 130, 70, 1}, {.seed = 1}), m, random);  // and with rests
  }
  for (const Index m : {1, 17, 513}) {
    check_against_plain_pass(Network<Layer<T, Tanh, 2, 4>, Layer<T, Sigmoid, 4, 1>>({.seed = 1}), m, random);
    check_against_plain_pass(Network<Layer<T, user::Softsign, 20, 50>, Layer<T, user::Softsign, 50, 33>>({.seed = 1}),
                             m, random);
  }
}

TEST_CASE_TEMPLATE("network: random shapes agree with plain Eigen", T, float, double) {
  RandomState random(2);
  for (int i = 0; i < 12; ++i) {
    const auto size = [&] { return 1 + random.below(300); };
    const Deep<T> net({size(), size(), size(), size()}, {.seed = std::uint32_t(i)});
    check_against_plain_pass(net, 1 + random.below(1000), random);
  }
}

TEST_CASE("network: blocks, expressions, row-major matrices and other strides give the same as a plain matrix") {
  RandomState random(3);
  for (const Index width : {4, 64}) {
    const Deep<double> net({3, width, width, 2}, {.seed = 1});
    const Matrix<double> big = random.randn(10, 40);
    const Matrix<double> X = big.block(2, 5, 3, 20);
    const Matrix<double> Y = random.randn(2, 20).array().abs().min(1);
    const Eigen::Matrix<double, Dynamic, Dynamic, Eigen::RowMajor> rows = X;
    const Matrix<double> expected = net.predict(X);
    CHECK(net.predict(big.block(2, 5, 3, 20)) == expected);
    CHECK(net.predict(rows) == expected);
    CHECK(net.predict(2 * X - X) == expected);
    CHECK(net.predict(X.array()) == expected);
    CHECK(net.predict(X.topRows(3)) == expected);
    CHECK(loss(net, big.block(2, 5, 3, 20), Y) == loss(net, X, Y));
    CHECK(loss(net, rows, Y.array()) == loss(net, X, Y));
  }
}

TEST_CASE("network: predict into given storage, a block of a larger matrix included") {
  const Deep<double> net({3, 5, 4, 2}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(3, 100);
  Deep<double>::Workspace workspace;
  Matrix<double> A = Matrix<double>::Constant(4, 120, 9);
  net.predict(X, A.block(1, 10, 2, 100), workspace);
  CHECK(A.block(1, 10, 2, 100) == net.predict(X));
  CHECK((A.row(0).array() == 9).all());
  CHECK((A.leftCols(10).array() == 9).all());
  Matrix<double> wrong(2, 99);
  CHECK_THROWS_WITH_AS(net.predict(X, wrong, workspace), "predict: A: expected 2 x 100 (n_y x m), given 2 x 99",
                       ShapeError);
}

namespace {

/// Columns of X one at a time, in twos, threes, ..., against all at once.
template <class Net>
void check_company(const Net& net) {
  using T = typename Net::Scalar;
  const Matrix<T> X = RandomState(6).randn<T>(net.n_x(), 40);
  const Matrix<T> all = net.predict(X);
  for (Index count = 1; count <= X.cols(); ++count) {
    CAPTURE(count);
    Matrix<T> parts(net.n_y(), X.cols());
    for (Index j = 0; j < X.cols(); j += count) {
      const Index c = std::min(count, X.cols() - j);
      parts.middleCols(j, c) = net.predict(X.middleCols(j, c));
    }
    CHECK(parts == all);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("network: what comes out for a sample does not depend on its company", T, float, double) {
  check_company(Network<Layer<T, Tanh, 2, 4>, Layer<T, Sigmoid, 4, 1>>({.seed = 1}));
  check_company(Network<Layer<T, Tanh>, Layer<T, Sigmoid>>({2, 4, 1}, {.seed = 1}));
  check_company(Network<Layer<T, LeakyReLU, 3, 5>, Layer<T, ReLU, 5, 4>, Layer<T, Softmax, 4, 3>>({.seed = 2}));
  check_company(Network<Layer<T, Softmax, 3, 5>, Layer<T, Identity, 5, 16>>({.seed = 3}));
  check_company(Network<Layer<T, user::Softsign, 3, 2>, Layer<T, user::Softsign, 2, 2>>({.seed = 4}));
  check_company(Network<Layer<T, Tanh>, Layer<T, ReLU>, Layer<T, Softmax>>({20, 160, 48, 10}, {.seed = 5}));
}

#if !defined(__EMSCRIPTEN__) || defined(__EMSCRIPTEN_PTHREADS__)
TEST_CASE("network: two threads may predict on one const net") {
  const Deep<double> net({8, 32, 16, 2}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(8, 3000);
  const Matrix<double> expected = net.predict(X);
  Matrix<double> first, second;
  std::thread one([&] { first = net.predict(X); });
  std::thread two([&] { second = net.predict(X); });
  one.join();
  two.join();
  CHECK(first == expected);
  CHECK(second == expected);
}
#endif

TEST_CASE("network: MiniDNN's copied net freed twice; ours is a value") {
  using Net = Deep<double>;
  static_assert(std::is_copy_constructible_v<Net> && std::is_copy_assignable_v<Net>);
  static_assert(std::is_nothrow_move_constructible_v<Net> && std::is_nothrow_move_assignable_v<Net>);
  const Matrix<double> X = RandomState(1).randn(3, 20);
  const Matrix<double> Y = binary_targets(X);
  const Net original({3, 5, 4, 1}, {.seed = 1});
  Net copy = original;
  fit(copy, X, Y, Adam{}, {.epochs = 3});
  CHECK_FALSE(copy == original);
  CHECK(original == Net({3, 5, 4, 1}, {.seed = 1}));  // training the copy left the original alone
  copy = original;
  CHECK(copy == original);
  const Net moved = std::move(copy);
  CHECK(moved == original);
}

TEST_CASE("network: backward twice gives the same") {
  const Deep<double> net({3, 5, 4, 2}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(3, 700);
  const Matrix<double> Y = RandomState(2).randn(2, 700);
  Deep<double>::Workspace workspace;
  Vector<double> first(net.parameter_count()), second(net.parameter_count());
  net.loss_and_gradient(X, Y, MeanSquaredError{}, first, workspace);
  net.loss_and_gradient(X.leftCols(33), Y.leftCols(33), MeanSquaredError{}, second, workspace);
  CHECK_FALSE(first == second);
  net.loss_and_gradient(X, Y, MeanSquaredError{}, second, workspace);
  CHECK(first == second);
}

TEST_CASE("network: layers are views in order, counted from 0") {
  Deep<double> net({3, 5, 4, 2}, {.seed = 1});
  net.layer<1>().weights()(0, 1) = 42;
  net.layer<2>().bias()(1) = 43;
  CHECK(net.parameters()(20 + 4) == 42);
  CHECK(net.parameters()(net.parameter_count() - 1) == 43);
  const auto blocks = net.parameter_blocks();
  REQUIRE(blocks.size() == 6);
  CHECK(blocks[2] == ParameterBlock{"W2", 4, 5, 20});
  CHECK(blocks[5] == ParameterBlock{"b3", 2, 1, 44 + 8});
  CHECK(net.parameter_count() == 54);
}

TEST_CASE("network: built of layers, with their parameters") {
  const Layer<double, Tanh> first(3, 5, {.seed = 7});
  const Layer<double, Sigmoid> second(5, 2, {.seed = 8});
  const Network net(first, second);
  const Matrix<double> X = RandomState(1).randn(3, 9);
  CHECK(net.predict(X).isApprox(second.forward(first.forward(X)), 1e-14));
  CHECK_THROWS_WITH_AS((Network(first, Layer<double, Sigmoid>(4, 2))),
                       "Network: layer 2: expected 5 inputs, the outputs of layer 1, given 4", ShapeError);
}

TEST_CASE("network: initialisation by default keeps a deep net's gradients alive") {
  // With 0.01 everywhere the first layer of a depth of 4 sees almost no gradient.
  using Four = Network<Layer<double, Tanh>, Layer<double, Tanh>, Layer<double, Tanh>, Layer<double, Sigmoid>>;
  const Matrix<double> X = RandomState(1).randn(10, 50);
  const Matrix<double> Y = binary_targets(X);
  const auto first_gradient = [&](const Four& net) { return gradients(net, X, Y).dW(1).norm(); };
  const double small = first_gradient(Four({10, 10, 10, 10, 1}, {.initializer = Initializer::gaussian(0.01)}));
  const double scaled = first_gradient(Four({10, 10, 10, 10, 1}));
  CHECK(small < 1e-4);
  CHECK(scaled > 1e-2);
}

TEST_CASE("network: a dual number goes forward and gives the derivative that backpropagation gives") {
  using dual::Dual;
  using Real = Network<Layer<double, Tanh>, Layer<double, Sigmoid>, Layer<double, Identity>>;
  using Lifted = Network<Layer<Dual, Tanh>, Layer<Dual, Sigmoid>, Layer<Dual, Identity>>;
  const Real net({3, 4, 3, 2}, {.seed = 1});
  Lifted lifted({3, 4, 3, 2});
  RandomState random(1);
  const Matrix<double> X = random.randn(3, 5);
  const Matrix<double> Y = random.randn(2, 5);
  const auto g = gradients(net, X, Y);
  for (Index i = 0; i < net.parameter_count(); ++i) {
    for (Index k = 0; k < net.parameter_count(); ++k) lifted.parameters()(k) = Dual(net.parameters()(k), k == i);
    const Dual J = loss(lifted, X.cast<Dual>(), Y.cast<Dual>());
    CHECK(std::abs(J.value - g.loss) <= 1e-12);
    CHECK(std::abs(J.slope - g.parameters(i)) <= 1e-12);
  }
}

TEST_CASE("network: long double, which no processor packs") {
  const Deep<long double> wide({3, 5, 4, 2}, {.seed = 1});
  Deep<double> net({3, 5, 4, 2}, {.seed = 1});
  net.parameters() = wide.parameters().cast<double>();
  const Matrix<double> X = RandomState(1).randn(3, 30);
  CHECK(wide.predict(X.cast<long double>()).cast<double>().isApprox(net.predict(X), 1e-14));
}

TEST_CASE("network: only real numbers are scalars") {
  static_assert(shallow::Scalar<float> && shallow::Scalar<double> && shallow::Scalar<long double> &&
                shallow::Scalar<dual::Dual>);
  static_assert(!shallow::Scalar<int> && !shallow::Scalar<std::complex<double>> && !shallow::Scalar<bool>);
}

TEST_CASE("network: whole nets of fixed and of run-time sizes, gradient-checked pairwise") {
  RandomState random(6);
  const auto check = [&](const auto& net, Index m) {
    const Matrix<double> X = random.randn(net.n_x(), m);
    Matrix<double> Y = random.randn(net.n_y(), m).array().abs() + 0.1;
    Y = Y.array().rowwise() / Y.array().colwise().sum().eval();  // serves every loss: in [0, 1], columns sum to 1
    const auto result = check_gradients(net, X, Y);
    INFO(result.message);
    CHECK(result.passed);
    const auto squared = check_gradients(net, X, Y, MeanSquaredError{});
    INFO(squared.message);
    CHECK(squared.passed);
  };
  for (const Index m : {1, 6}) {
    check(Network<Layer<double, Sigmoid, 3, 4>, Layer<double, Softmax, 4, 3>>({.seed = 1}), m);
    check(Network<Layer<double, Sigmoid>, Layer<double, Softmax>>({3, 4, 3}, {.seed = 1}), m);
    check(Network<Layer<double, ReLU, 3, 5>, Layer<double, Tanh, 5, 4>, Layer<double, Sigmoid, 4, 2>>({.seed = 2}), m);
    check(Network<Layer<double, LeakyReLU>, Layer<double, Identity>>({3, 4, 3}, {.seed = 3}), m);
    check(Network<Layer<double, Softmax, 3, 4>, Layer<double, user::Softsign, 4, 3>>({.seed = 4}), m);
    check(Network<Layer<double, user::Softsign, 8, 32>, Layer<double, ReLU, 32, 16>, Layer<double, Softmax, 16, 8>>(
              {.seed = 5}),
          m);
  }
}

TEST_CASE("network: printing gives a summary") {
  std::ostringstream out;
  out << Network<Layer<float, ReLU>, Layer<float, user::Softsign>>({784, 128, 10});
  CHECK(out.str() ==
        "784 -> 128 relu -> 10 custom (float), 101770 parameters\n"
        "  layer 1: W 128 x 784, b 128 x 1, relu, 100480 parameters\n"
        "  layer 2: W 10 x 128, b 10 x 1, custom, 1290 parameters");
}
