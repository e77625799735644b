// SPDX-License-Identifier: MIT

#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/network.hpp"
#include "shallow/two_layer_net.hpp"

#include "dual.hpp"
#include "user_types.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
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

TEST_CASE("network: predict wrote columns that lie over each other, and past their end") {
  const Matrix<double> X = shallow::RandomState(1).randn(2, 5);
  const shallow::TwoLayerNet<double> net(2, 4, 1, {.seed = 1});
  using Columns = Eigen::Map<Matrix<double>, 0, Eigen::OuterStride<>>;
  Eigen::VectorXd storage = Eigen::VectorXd::Constant(5, 7);
  decltype(net)::Workspace workspace;
  CHECK_THROWS_WITH_AS(net.predict(X, Columns(storage.data(), 1, 5, Eigen::OuterStride<>(0)), workspace),
                       "predict: A: expected columns that lie apart, given stride 0, rows 1", ShapeError);
  CHECK(storage == Eigen::VectorXd::Constant(5, 7));
  // Neighbours shared an entry, and the later one had it.
  const shallow::TwoLayerNet<double> two(2, 4, 2, {.seed = 1});
  CHECK_THROWS_WITH_AS(two.predict(X.leftCols(3), Columns(storage.data(), 2, 3, Eigen::OuterStride<>(1)), workspace),
                       "predict: A: expected columns that lie apart, given stride 1, rows 2", ShapeError);
  two.predict(X.leftCols(2), Columns(storage.data() + 3, 2, 2, Eigen::OuterStride<>(-3)), workspace);
  CHECK(storage.segment(3, 2) == two.predict(X).col(0));
  CHECK(storage.head(2) == two.predict(X).col(1));
  // The numbers of a row lie apart, wherever the next row would be.
  storage.setConstant(7);
  net.predict(X, Eigen::Map<Eigen::RowVectorXd, 0, Eigen::OuterStride<>>(storage.data(), 5, Eigen::OuterStride<>(0)),
              workspace);
  CHECK(storage.transpose() == net.predict(X));
  // One column has nothing to lie apart from.
  net.predict(X.leftCols(1), Columns(storage.data(), 1, 1, Eigen::OuterStride<>(0)), workspace);
  CHECK(storage(0) == net.predict(X)(0, 0));
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

namespace {

template <class Net>
concept gives_layer_views = requires {
  std::declval<Net>().template layer<0>();
};

template <class Net>
concept gives_numbered_layer_views = requires {
  std::declval<Net>().layer(0);
};

using Narrow = Network<Layer<double, Tanh>, Layer<double, Sigmoid>>;
using NarrowFixed = Network<Layer<double, Tanh, 2, 4>, Layer<double, Sigmoid, 4, 1>>;

/// Every use of a model that was moved from is refused in these words.
template <class Net>
void check_moved_from(Net net) {
  using T = typename Net::Scalar;
  const Net original = net;
  const Matrix<T> X = Matrix<T>::Constant(original.n_x(), 3, T(0.5));
  const Matrix<T> Y = Matrix<T>::Constant(original.n_y(), 3, T(1) / T(double(original.n_y())));
  const Net taken = std::move(net);
  CHECK(taken == original);

  // NOLINTBEGIN(bugprone-use-after-move): this is the question
  const auto refuses = [](const std::string& function, auto&& use) {
    CHECK_THROWS_WITH_AS(use(), (function + ": model: expected parameters, given none: it was moved from").c_str(),
                         ShapeError);
  };
  typename Net::Workspace workspace;
  Vector<T> gradient(original.parameter_count());
  Matrix<T> A(original.n_y(), 3);
  refuses("predict", [&] { (void)net.predict(X); });
  refuses("predict", [&] { net.predict(X, A, workspace); });
  refuses("backward", [&] { (void)net.backward(X, Y); });
  refuses("loss", [&] { (void)loss(net, X, Y, MeanSquaredError{}); });
  refuses("loss_and_gradient", [&] { (void)gradients(net, X, Y, MeanSquaredError{}); });
  refuses("fit", [&] { fit(net, X, Y, Adam{}, {}, MeanSquaredError{}); });
  refuses("check_gradients", [&] { (void)check_gradients(net, X, Y, MeanSquaredError{}); });
  CHECK_THROWS_AS((void)net.template layer<0>(), ShapeError);
  CHECK(net.parameter_count() == 0);
  CHECK(net.parameters().size() == 0);
  CHECK(net.copy_parameters().size() == 0);
  CHECK(net.parameter_blocks().empty());
  CHECK(net.summary() == (std::is_same_v<T, float> ? "empty (float), 0 parameters" : "empty (double), 0 parameters"));
  CHECK_FALSE(net == original);
  const Net copy = net;
  CHECK(copy.parameter_count() == 0);
  net = taken;
  CHECK(net == original);
  CHECK(net.predict(X) == original.predict(X));
  // NOLINTEND(bugprone-use-after-move)
}

}  // namespace

TEST_CASE("network: a model that was moved from is refused, where it crashed") {
  check_moved_from(Narrow({2, 4, 1}, {.seed = 1}));
  check_moved_from(Deep<float>({20, 48, 64, 16}, {.seed = 1}));
  check_moved_from(NarrowFixed({.seed = 1}));
  check_moved_from(Layer<double, Tanh>(2, 3, {.seed = 1}));
  check_moved_from(TwoLayerNet<double>(2, 4, 1));
  check_moved_from(DynamicNetwork<float>({2, 4, 1}, {Tanh{}, Sigmoid{}}));
  check_moved_from(DynamicNetwork<double>({2, 4, 3}, {Tanh{}, Softmax{}}));
  Layer<double, Tanh> first(2, 4);
  const Layer<double, Tanh> taken = std::move(first);
  // NOLINTNEXTLINE(bugprone-use-after-move)
  CHECK_THROWS_WITH_AS((Network(first, Layer<double, Sigmoid>(4, 1))),
                       "Network: model: expected parameters, given none: it was moved from", ShapeError);
}

TEST_CASE("network: a view of a layer of a network that is about to be gone does not compile") {
  static_assert(gives_layer_views<Narrow&> && gives_layer_views<const Narrow&>);
  static_assert(!gives_layer_views<Narrow> && !gives_layer_views<const Narrow>);
  static_assert(gives_layer_views<DynamicNetwork<double>&> && !gives_layer_views<DynamicNetwork<double>>);
  static_assert(gives_layer_views<TwoLayerNet<double>&> && !gives_layer_views<TwoLayerNet<double>>);
  static_assert(gives_layer_views<Layer<double, Tanh>&> && !gives_layer_views<Layer<double, Tanh>>);
  static_assert(gives_numbered_layer_views<DynamicNetwork<double>&>);
  static_assert(!gives_numbered_layer_views<DynamicNetwork<double>>);
}

TEST_CASE("network: what a model that is about to be gone gives are copies") {
  const auto make = [] { return Narrow({2, 4, 1}, {.seed = 1}); };
  const Narrow net = make();
  const auto parameters = make().parameters();
  static_assert(std::is_same_v<decltype(parameters), const Vector<double>>);
  CHECK(parameters == net.parameters());
  const auto layer = [] { return Layer<double, Tanh>(2, 3, {.seed = 1}); };
  const auto W = layer().weights();
  const auto b = layer().bias();
  static_assert(std::is_same_v<decltype(W), const Matrix<double>> && std::is_same_v<decltype(b), const Vector<double>>);
  CHECK(W == Layer<double, Tanh>(2, 3, {.seed = 1}).weights());
  CHECK(b.isZero(0));
  static_assert(std::is_same_v<decltype(layer().activation()), Tanh>);
  static_assert(std::is_same_v<decltype(make().output_activation()), Sigmoid>);
}

TEST_CASE("network: a copy of the parameters keeps the best, where a view follows the last") {
  Narrow net({2, 4, 1}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(2, 20);
  const auto view = net.parameters();
  const auto best = net.copy_parameters();
  static_assert(std::is_same_v<decltype(best), const Vector<double>>);
  fit(net, X, binary_targets(X), Adam{}, {.epochs = 3});
  CHECK(view == net.parameters());
  CHECK_FALSE(best == net.parameters());
  net.parameters() = best;
  CHECK(net == Narrow({2, 4, 1}, {.seed = 1}));
}

TEST_CASE("network: widths are written the same way for every kind of network, in any integers") {
  const std::size_t n_h = 4;
  const short n_x = 2;
  const Narrow net({2, 4, 1}, {.seed = 1});
  CHECK(Narrow({n_x, n_h, 1}, {.seed = 1}) == net);
  CHECK(Narrow(std::array<Index, 3>{2, 4, 1}, {.seed = 1}) == net);
  CHECK(NarrowFixed({n_x, n_h, 1U}, {.seed = 1}).parameters() == net.parameters());
  CHECK(Narrow({2, n_h, 1}) == Narrow({2, 4, 1}, {.seed = 0}));
  CHECK(Narrow(n_x, n_h, 1) == Narrow({2, 4, 1}, {.seed = 0}));
  using Two = TwoLayerNet<double>;
  CHECK(Two({n_x, n_h, 1}, {.seed = 1}) == Two(2, 4, 1, {.seed = 1}));
  CHECK(Two({n_x, n_h, 1}) == Two(n_x, n_h, 1));
  using One = Layer<double, Tanh>;
  CHECK(One({n_x, n_h}, {.seed = 1}) == One(2, 4, {.seed = 1}));
  CHECK(One({n_x, n_h}) == One(n_x, n_h));
  using Chosen = DynamicNetwork<double>;
  const Chosen expected(2, {{4, Tanh{}}, {1, Sigmoid{}}}, {.seed = 1});
  CHECK(Chosen({n_x, n_h, 1}, {Tanh{}, Sigmoid{}}, {.seed = 1}) == expected);
  CHECK(Chosen(n_x, {{n_h, Tanh{}}, {1, Sigmoid{}}}, {.seed = 1}) == expected);
  const std::vector<AnyActivation<double>> activations{Tanh{}, Sigmoid{}};
  CHECK(Chosen(std::vector<int>{2, 4, 1}, activations, {.seed = 1}) == expected);
  CHECK(Chosen(std::array<std::size_t, 3>{2, 4, 1}, activations, {.seed = 1}) == expected);
  CHECK(Chosen(std::vector<Index>{2, 4, 1}, {Tanh{}, Sigmoid{}}, {.seed = 1}) == expected);
  CHECK(Chosen({2, n_h, 1}, activations, {.seed = 1}) == expected);
  CHECK_THROWS_WITH_AS(Chosen(std::vector<int>{2, 4}, activations),
                       "DynamicNetwork: widths: expected 3, one more than activations, given 2", ValueError);
  CHECK_THROWS_WITH_AS(Chosen(std::vector<int>{}, std::vector<AnyActivation<double>>{}),
                       "DynamicNetwork: widths: expected 1, one more than activations, given 0", ValueError);
  CHECK_THROWS_WITH_AS(Chosen(std::vector<int>{2}, std::vector<AnyActivation<double>>{}),
                       "DynamicNetwork: layers: expected at least one, given none", ValueError);
  // No network of one layer could be made so: the braces were taken for a layer, too.
  const Network<Layer<double, Sigmoid>> single({2, 1});
  CHECK(single.parameter_count() == 3);
  // What no Index holds is no width, and stays on its side of zero.
  CHECK(shallow::Width(std::numeric_limits<std::size_t>::max()).value() == std::numeric_limits<Index>::max());
  CHECK_THROWS_AS(One(std::numeric_limits<std::size_t>::max(), 4), ValueError);
  CHECK_THROWS_WITH_AS(One(-1, 4), "Layer: n_in: expected >= 1, given -1", ValueError);
}

TEST_CASE("network: layers are reached the same way in every kind of network") {
  const auto first_weight = [](const auto& net) { return net.template layer<0>().weights()(0, 0); };
  const Narrow net({2, 4, 1}, {.seed = 1});
  const double expected = net.parameters()(0);
  CHECK(first_weight(net) == expected);
  CHECK(first_weight(NarrowFixed({.seed = 1})) == expected);
  CHECK(first_weight(DynamicNetwork<double>({2, 4, 1}, {Tanh{}, Sigmoid{}}, {.seed = 1})) == expected);
  CHECK(first_weight(Layer<double, Tanh>({2, 4}, {.seed = 1})) == expected);
  DynamicNetwork<double> dynamic({2, 4, 1}, {Tanh{}, Sigmoid{}});
  dynamic.layer<1>().bias()(0) = 5;
  CHECK(dynamic.layer(1).bias()(0) == 5);
  CHECK_THROWS_AS((void)dynamic.layer<2>(), ValueError);
  Layer<double, Tanh> layer({2, 4});
  layer.layer<0>().weights()(3, 1) = 5;
  CHECK(layer.weights()(3, 1) == 5);
}

TEST_CASE("network: a sample goes through fixed sizes without a throw, and comes out as from a batch") {
  const auto check = []<int n_x, int n_y>(const auto& net, bool cannot_throw, std::integer_sequence<int, n_x, n_y>) {
    using T = typename std::remove_cvref_t<decltype(net)>::Scalar;
    const Matrix<T> X = RandomState(1).randn<T>(n_x, 3);
    const Matrix<T> A = net.predict(X);
    for (Index j = 0; j < X.cols(); ++j) {
      const Eigen::Matrix<T, n_x, 1> x = X.col(j);
      static_assert(decltype(net.predict(x))::RowsAtCompileTime == n_y);
      CHECK(net.predict(x) == A.col(j));
      CHECK(net.predict(2 * x - x).isApprox(A.col(j), T(1e-5)));
      CHECK(noexcept(net.predict(x)) == cannot_throw);
    }
    CHECK_FALSE(noexcept(net.predict(X)));
  };
  check(NarrowFixed({.seed = 1}), true, std::integer_sequence<int, 2, 1>{});
  check(Network<Layer<float, LeakyReLU, 3, 40>, Layer<float, Softmax, 40, 17>>({.seed = 1}), true,
        std::integer_sequence<int, 3, 17>{});
  check(Network<Layer<float, user::Softsign, 3, 4>, Layer<float, Softmax, 4, 3>>({.seed = 1}), false,
        std::integer_sequence<int, 3, 3>{});
  check(Network<Layer<float, ReLU, 5000, 3>, Layer<float, Identity, 3, 5000>>({.seed = 1}), false,
        std::integer_sequence<int, 5000, 5000>{});
  check(Layer<double, Tanh, 2, 3>({.seed = 1}), true, std::integer_sequence<int, 2, 3>{});
  check(TwoLayerNet<double, Tanh, Sigmoid, 2, 4, 1>({.seed = 1}), true, std::integer_sequence<int, 2, 1>{});
}

TEST_CASE("network: backward into given storage adds nothing to what was there") {
  for (const Index width : {4, 64}) {
    const Narrow net({2, width, 1}, {.seed = 1});
    const Matrix<double> X = RandomState(1).randn(2, 70);
    const Matrix<double> dA = RandomState(2).randn(1, 70);
    const auto expected = net.backward(X, dA);
    Narrow::Workspace workspace;
    Vector<double> gradient = Vector<double>::Constant(net.parameter_count(), 7);
    net.backward(X, dA, gradient, workspace);
    CHECK(gradient == expected.parameters);
    Matrix<double> dX = Matrix<double>::Constant(2, 70, 7);
    gradient.setConstant(7);
    net.backward(X, dA, gradient, workspace, &dX);
    CHECK(gradient == expected.parameters);
    CHECK(dX == expected.X);
    Vector<double> shorter(gradient.size() - 1);
    const std::string count = std::to_string(net.parameter_count());
    CHECK_THROWS_WITH_AS(
        net.backward(X, dA, shorter, workspace),
        ("backward: gradient: expected " + count + " x 1, given " + std::to_string(shorter.size()) + " x 1").c_str(),
        ShapeError);
    Matrix<double> narrow(2, 69);
    CHECK_THROWS_WITH_AS(net.backward(X, dA, gradient, workspace, &narrow),
                         "backward: dX: expected 2 x 70 (n_x x m), given 2 x 69", ShapeError);
  }
}

TEST_CASE_TEMPLATE("network: an activation of one's own sees no numbers but its units'", T, float, double) {
  const auto predict_all = [](auto net) {
    net.parameters().setConstant(T(0.1));
    // What stands beside the weights of such a layer.
    for (Index k = 0; k < net.parameters().size(); k += 2) net.parameters()(k) = T(2);
    net.parameters().tail(net.n_y()).setConstant(T(1000));
    const Matrix<T> X = Matrix<T>::Constant(net.n_x(), 40, T(0.1));
    const Matrix<T> A = net.predict(X);
    CHECK(net.predict(X.col(3)) == A.col(3));
  };
  detail::for_each_target([&](auto engine) {
    if (!detail::use_target(decltype(engine)::target)) return;
    predict_all(TwoLayerNet<T, user::Fragile, Identity, 2, 3, 1>());
    predict_all(TwoLayerNet<T, user::Fragile, Identity>(2, 3, 2));
    predict_all(DynamicNetwork<T>(8, {{15, user::Fragile{}}, {16, Identity{}}}));
    predict_all(DynamicNetwork<T>(2, {{8, user::Fragile{}}, {2, user::Fragile{}}, {3, Identity{}}}));
  });
  detail::use_target(detail::best_target());
}

TEST_CASE_TEMPLATE("network: asking for dX changes no other number", T, float, double) {
  const DynamicNetwork<T> net(64, {{32, Tanh{}}, {5, Identity{}}}, {.seed = 1});
  RandomState random(2);
  const Matrix<T> X = random.randn<T>(64, 500), Y = random.randn<T>(5, 500);
  PassWorkspace<T> workspace;
  Vector<T> with(net.parameter_count()), without(net.parameter_count());
  Matrix<T> dX(64, 500);
  const T J = net.loss_and_gradient(X, Y, MeanSquaredError{}, without, workspace);
  CHECK(net.loss_and_gradient(X, Y, MeanSquaredError{}, with, workspace, &dX) == J);
  CHECK(with == without);
}
