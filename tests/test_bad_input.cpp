// SPDX-License-Identifier: MIT
//
// Bad arguments, at every entrance of every model: each is the documented error, its text names the function, the
// argument, what was expected and what was given, and the model is afterwards what it was before.

#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/layer.hpp"
#include "shallow/network.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/two_layer_net.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>

using shallow::Adam;
using shallow::BinaryCrossEntropy;
using shallow::CategoricalCrossEntropy;
using shallow::DynamicNetwork;
using shallow::GradientDescent;
using shallow::Identity;
using shallow::Index;
using shallow::Layer;
using shallow::LeakyReLU;
using shallow::Matrix;
using shallow::MeanSquaredError;
using shallow::Momentum;
using shallow::Network;
using shallow::ReLU;
using shallow::ShapeError;
using shallow::Sigmoid;
using shallow::Softmax;
using shallow::Tanh;
using shallow::TwoLayerNet;
using shallow::ValueError;
using shallow::Vector;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// "nan in row 1, column 3".
std::string at(double bad, Index row, Index col) {
  const std::string text = std::isnan(bad) ? "nan" : bad > 0 ? "inf" : "-inf";
  return text + " in row " + std::to_string(row) + ", column " + std::to_string(col);
}

/// `call` throws an Error with exactly this text.
template <class Error>
void throws(const std::string& text, const std::function<void()>& call) {
  CHECK_THROWS_WITH_AS(call(), text.c_str(), Error);
}

/// The same, and `model` is as before.
template <class Error, class M>
void refuses(const M& model, const std::string& text, const std::function<void()>& call) {
  const M before = model;
  throws<Error>(text, call);
  CHECK((model == before));
}

template <class T>
Matrix<T> with(Matrix<T> A, Index row, Index col, double bad) {
  A(row, col) = T(bad);
  return A;
}

Eigen::RowVectorXi labels(std::initializer_list<int> values) {
  Eigen::RowVectorXi result(Index(values.size()));
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

/// Every function that learns from samples, or measures, refuses these with the same words after its own name.
template <class Error, class M, class Y>
void every_entrance_refuses(M& net, const Matrix<typename M::Scalar>& X, const Y& y, const std::string& text) {
  CAPTURE(text);
  refuses<Error>(net, "loss: " + text, [&] { shallow::loss(net, X, y); });
  refuses<Error>(net, "loss_and_gradient: " + text, [&] { shallow::gradients(net, X, y); });
  refuses<Error>(net, "check_gradients: " + text, [&] { shallow::check_gradients(net, X, y); });
  refuses<Error>(net, "fit: " + text, [&] { shallow::fit(net, X, y, GradientDescent{}); });
  GradientDescent::State<typename M::Scalar> state;
  refuses<Error>(net, "loss_and_gradient: " + text, [&] { shallow::step(net, X, y, GradientDescent{}, state); });
  CHECK(state.steps == 0);
}

/// What every model with 2 inputs, 3 outputs and a loss of labels in [0, 1] refuses; Y fits X (2 x 4). `or_labels`:
/// what else the loss takes.
template <class M>
void refuses_bad_samples(M net, const std::string& or_labels = "") {
  using T = typename M::Scalar;
  const std::string summary = net.summary();
  CAPTURE(summary);
  const Matrix<T> X = Matrix<T>::Constant(2, 4, T(0.5));
  Matrix<T> Y = Matrix<T>::Zero(3, 4);
  Y.row(1).setOnes();
  REQUIRE(std::isfinite(shallow::loss(net, X, Y)));

  const std::string two_rows = "X: expected 2 rows (n_x), one column a sample, given ";
  every_entrance_refuses<ShapeError>(net, Matrix<T>::Ones(3, 4), Y, two_rows + "3 x 4");
  every_entrance_refuses<ShapeError>(net, X.transpose(), Y, two_rows + "4 x 2");
  every_entrance_refuses<ShapeError>(net, Matrix<T>(0, 0), Matrix<T>(3, 0), two_rows + "0 x 0");
  every_entrance_refuses<ShapeError>(net, Matrix<T>(2, 0), Matrix<T>(3, 0),
                                     "X: expected at least one sample (column), given 2 x 0");
  const std::string targets = "Y: expected 3 x 4 (n_y x m)" + or_labels + ", given ";
  every_entrance_refuses<ShapeError>(net, X, Matrix<T>(Y.leftCols(3)), targets + "3 x 3");
  every_entrance_refuses<ShapeError>(net, X, Matrix<T>(Y.topRows(1)), targets + "1 x 4");
  every_entrance_refuses<ShapeError>(net, X, Matrix<T>(Y.transpose()), targets + "4 x 3");
  every_entrance_refuses<ShapeError>(net, X, Matrix<T>(3, 0), targets + "3 x 0");
  for (const double bad : {not_a_number, infinity, -infinity}) {
    every_entrance_refuses<ValueError>(net, with<T>(X, 1, 3, bad), Y,
                                       "X: expected finite numbers, given " + at(bad, 1, 3));
  }
  const std::string unit = "Y: expected labels in [0, 1], given ";
  every_entrance_refuses<ValueError>(net, X, with<T>(Y, 2, 3, -0.5), unit + "-0.5 in row 2, column 3");
  every_entrance_refuses<ValueError>(net, X, with<T>(Y, 1, 0, 2), unit + "2 in row 1, column 0");
  every_entrance_refuses<ValueError>(net, X, with<T>(Y, 0, 1, not_a_number), unit + "nan in row 0, column 1");
  every_entrance_refuses<ValueError>(net, X, with<T>(Y, 0, 1, infinity), unit + "inf in row 0, column 1");
}

/// Shapes of what predict and backward are given.
template <class M>
void refuses_bad_matrices(const M& net) {
  using T = typename M::Scalar;
  const std::string summary = net.summary();
  CAPTURE(summary);
  const Index n_x = net.n_x();
  const Index n_y = net.n_y();
  const Matrix<T> X = Matrix<T>::Constant(n_x, 4, T(0.5));
  const auto shape = [](Index rows, Index cols) { return std::to_string(rows) + " x " + std::to_string(cols); };
  const std::string rows = ": X: expected " + std::to_string(n_x) + " rows (n_x), one column a sample, given ";
  typename M::Workspace workspace;

  refuses<ShapeError>(net, "predict" + rows + shape(n_x + 1, 4), [&] { (void)net.predict(Matrix<T>(n_x + 1, 4)); });
  refuses<ShapeError>(net, "predict" + rows + shape(0, 4), [&] { (void)net.predict(Matrix<T>(0, 4)); });
  Matrix<T> wide(n_y, 5), tall(n_y + 1, 4), none(0, 0);
  const std::string output = "predict: A: expected " + shape(n_y, 4) + " (n_y x m), given ";
  refuses<ShapeError>(net, output + shape(n_y, 5), [&] { net.predict(X, wide, workspace); });
  refuses<ShapeError>(net, output + shape(n_y + 1, 4), [&] { net.predict(X, tall, workspace); });
  refuses<ShapeError>(net, output + shape(0, 0), [&] { net.predict(X, none, workspace); });

  const Matrix<T> dA = Matrix<T>::Ones(n_y, 4);
  refuses<ShapeError>(net, "backward" + rows + shape(n_x + 1, 4),
                      [&] { (void)net.backward(Matrix<T>(n_x + 1, 4), dA); });
  refuses<ShapeError>(net, "backward: X: expected at least one sample (column), given " + shape(n_x, 0),
                      [&] { (void)net.backward(Matrix<T>(n_x, 0), Matrix<T>(n_y, 0)); });
  refuses<ValueError>(net, "backward: X: expected finite numbers, given nan in row 0, column 1",
                      [&] { (void)net.backward(with<T>(X, 0, 1, not_a_number), dA); });

  // No samples give no columns.
  const Matrix<T> empty = net.predict(Matrix<T>(n_x, 0));
  CHECK(empty.rows() == n_y);
  CHECK(empty.cols() == 0);

  // NaN in gives NaN out, in that sample alone; the prediction of the others is what it is without it.
  for (const Index m : {Index(1), Index(4), Index(700)}) {
    Matrix<T> samples = Matrix<T>::Constant(n_x, m, T(0.5));
    const Matrix<T> A = net.predict(samples);
    CHECK(A.allFinite());
    const Index bad = m - 1;
    samples(n_x - 1, bad) = T(not_a_number);
    const Matrix<T> A_nan = net.predict(samples);
    CHECK(A_nan.col(bad).array().isNaN().all());
    CHECK(A_nan.leftCols(bad) == A.leftCols(bad));
  }
}

/// The storage that loss_and_gradient writes to.
template <class M>
void refuses_bad_storage(const M& net) {
  using T = typename M::Scalar;
  const Matrix<T> X = Matrix<T>::Constant(net.n_x(), 4, T(0.5));
  const Matrix<T> Y = Matrix<T>::Constant(net.n_y(), 4, T(0.5));
  const Index count = net.parameter_count();
  typename M::Workspace workspace;
  Vector<T> gradient = Vector<T>::Constant(count, T(7)), longer(count + 1), none(0);
  Matrix<T> dX(net.n_x(), 3);
  const MeanSquaredError loss;
  const std::string size = "loss_and_gradient: gradient: expected " + std::to_string(count) + " x 1, given ";
  refuses<ShapeError>(net, size + std::to_string(count + 1) + " x 1",
                      [&] { net.loss_and_gradient(X, Y, loss, longer, workspace); });
  refuses<ShapeError>(net, size + "0 x 1", [&] { net.loss_and_gradient(X, Y, loss, none, workspace); });
  const std::string n_x = std::to_string(net.n_x());
  refuses<ShapeError>(net, "loss_and_gradient: dX: expected " + n_x + " x 4 (n_x x m), given " + n_x + " x 3",
                      [&] { net.loss_and_gradient(X, Y, loss, gradient, workspace, &dX); });
  CHECK((gradient.array() == T(7)).all());
}

template <class T>
DynamicNetwork<T> dynamic(const shallow::AnyActivation<T>& output) {
  return DynamicNetwork<T>(2, {{5, LeakyReLU{.slope = 0.2}}, {3, output}}, {.seed = 1});
}

}  // namespace

// ---- Samples --------------------------------------------------------------------------------------------------------

TEST_CASE("Layer refuses bad samples") { refuses_bad_samples(Layer<double, Sigmoid>(2, 3)); }
TEST_CASE("Network refuses bad samples") {
  refuses_bad_samples(Network<Layer<double, ReLU>, Layer<double, Tanh>, Layer<double, Softmax>>({2, 8, 8, 3}),
                      " or 4 integer labels");
}
TEST_CASE("TwoLayerNet refuses bad samples") { refuses_bad_samples(TwoLayerNet<float, Tanh, Sigmoid, 2, 4, 3>()); }
TEST_CASE_TEMPLATE("DynamicNetwork refuses bad samples", T, float, double) {
  refuses_bad_samples(dynamic<T>(Sigmoid{}));
  refuses_bad_samples(dynamic<T>(Softmax{}), " or 4 integer labels");
}

TEST_CASE("Classes are refused that are none: labels, columns that do not sum to one") {
  auto net = dynamic<double>(Softmax{});
  const Matrix<double> X = Matrix<double>::Ones(2, 4);
  const std::string range = "Y: expected class labels in 0 .. 2, given ";
  every_entrance_refuses<ValueError>(net, X, labels({0, -1, 2, 1}), range + "-1 in column 1");
  every_entrance_refuses<ValueError>(net, X, labels({0, 1, 2, 3}), range + "3 in column 3");
  every_entrance_refuses<ShapeError>(net, X, labels({0, 1, 2}), "Y: expected 4 integer labels, given 1 x 3");
  Matrix<double> Y = Matrix<double>::Zero(3, 4);
  Y.row(0).setOnes();
  every_entrance_refuses<ValueError>(net, X, with<double>(Y, 2, 1, 1),
                                     "Y: expected columns that sum to 1, given the sum 2 in column 1");
  every_entrance_refuses<ValueError>(net, X, with<double>(Y, 0, 3, 0),
                                     "Y: expected columns that sum to 1, given the sum 0 in column 3");
  auto binary = dynamic<double>(Sigmoid{});
  every_entrance_refuses<ShapeError>(binary, X, labels({0, 1, 1, 0}),
                                     "Y: expected 3 x 4 (n_y x m), given 1 x 4 class labels");
  every_entrance_refuses<ShapeError>(binary, X, labels({0, 1, 1}), "Y: expected 3 x 4 (n_y x m), given 1 x 3");
}

TEST_CASE("Regression refuses targets that are not finite") {
  auto net = dynamic<double>(Identity{});
  const Matrix<double> X = Matrix<double>::Ones(2, 4);
  const Matrix<double> Y = Matrix<double>::Constant(3, 4, -70);
  for (const double bad : {not_a_number, infinity, -infinity}) {
    every_entrance_refuses<ValueError>(net, X, with<double>(Y, 1, 2, bad),
                                       "Y: expected finite numbers, given " + at(bad, 1, 2));
  }
}

// ---- Matrices -------------------------------------------------------------------------------------------------------

TEST_CASE("predict and backward refuse wrong shapes; predict takes no samples, and NaN") {
  refuses_bad_matrices(Layer<double, ReLU>(2, 3));
  refuses_bad_matrices(Network<Layer<double, ReLU>, Layer<double, Softmax>>({3, 5, 4}));
  refuses_bad_matrices(TwoLayerNet<float, Tanh, Sigmoid, 2, 4, 1>());
  refuses_bad_matrices(dynamic<float>(Softmax{}));
  refuses_bad_matrices(DynamicNetwork<float>(5, {{64, ReLU{}}, {16, Sigmoid{}}}));  // units along the lanes
}

TEST_CASE("backward names dA, not Y, where dA is wrong") {
  const auto net = dynamic<double>(Sigmoid{});
  const Matrix<double> X = Matrix<double>::Ones(2, 4);
  const Matrix<double> dA = Matrix<double>::Ones(3, 4);
  refuses<ShapeError>(net, "backward: dA: expected 3 x 4 (n_y x m), given 2 x 4",
                      [&] { (void)net.backward(X, Matrix<double>(dA.topRows(2))); });
  refuses<ShapeError>(net, "backward: dA: expected 3 x 4 (n_y x m), given 3 x 5",
                      [&] { (void)net.backward(X, Matrix<double>(3, 5)); });
  refuses<ValueError>(net, "backward: dA: expected finite numbers, given inf in row 1, column 1",
                      [&] { (void)net.backward(X, with<double>(dA, 1, 1, infinity)); });
}

TEST_CASE("loss_and_gradient refuses storage of the wrong size and writes nothing") {
  refuses_bad_storage(Layer<double, Sigmoid>(2, 3));
  refuses_bad_storage(TwoLayerNet<float, Tanh, Sigmoid, 2, 4, 1>());
  refuses_bad_storage(dynamic<double>(Identity{}));
}

TEST_CASE("Layer::forward refuses X of another height") {
  const Layer<double, Tanh> layer(2, 3);
  throws<ShapeError>("predict: X: expected 2 rows (n_x), one column a sample, given 3 x 1",
                     [&] { (void)layer.forward(Matrix<double>(3, 1)); });
}

// ---- Settings -------------------------------------------------------------------------------------------------------

namespace {

struct Fixture {
  TwoLayerNet<double> net{2, 3, 1, {.seed = 1}};
  Matrix<double> X = Matrix<double>::Ones(2, 4);
  Matrix<double> Y = Matrix<double>::Ones(1, 4);

  /// fit and step, with an optimiser that is out of range.
  template <class O>
  void refuses_optimizer(const O& optimizer, const std::string& text) {
    refuses<ValueError>(net, text, [&] { shallow::fit(net, X, Y, optimizer, {.epochs = 3}); });
    refuses<ValueError>(net, text, [&] { shallow::fit(net, X, Y, optimizer, {.epochs = 0}); });
    typename O::template State<double> state;
    refuses<ValueError>(net, text, [&] { shallow::step(net, X, Y, optimizer, state); });
    CHECK(state.steps == 0);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "fit and step refuse an optimiser whose settings are out of range") {
  const std::string rate = "GradientDescent: learning_rate: expected > 0 and finite, given ";
  refuses_optimizer(GradientDescent{.learning_rate = 0}, rate + "0");
  refuses_optimizer(GradientDescent{.learning_rate = -0.1}, rate + "-0.1");
  refuses_optimizer(GradientDescent{.learning_rate = not_a_number}, rate + "nan");
  refuses_optimizer(GradientDescent{.learning_rate = infinity}, rate + "inf");
  refuses_optimizer(Momentum{.momentum = 1}, "Momentum: momentum: expected >= 0 and < 1, given 1");
  refuses_optimizer(Adam{.beta2 = 1}, "Adam: beta2: expected >= 0 and < 1, given 1");
}

TEST_CASE_FIXTURE(Fixture, "fit refuses negative epochs and batch sizes") {
  refuses<ValueError>(net, "fit: epochs: expected >= 0, given -1",
                      [&] { shallow::fit(net, X, Y, GradientDescent{}, {.epochs = -1}); });
  refuses<ValueError>(net, "fit: batch_size: expected >= 0, given -32",
                      [&] { shallow::fit(net, X, Y, GradientDescent{}, {.batch_size = -32}); });
}

TEST_CASE_FIXTURE(Fixture, "fit with no epochs still looks at its arguments, and then changes nothing") {
  refuses<ShapeError>(net, "fit: X: expected 2 rows (n_x), one column a sample, given 3 x 4",
                      [&] { shallow::fit(net, Matrix<double>(3, 4), Y, GradientDescent{}, {.epochs = 0}); });
  const auto before = net;
  const auto history = shallow::fit(net, X, Y, GradientDescent{}, {.epochs = 0});
  CHECK(history.epochs() == 0);
  CHECK((net == before));
}

TEST_CASE_FIXTURE(Fixture, "fit refuses validation data that the model does not take, and says that it is those") {
  const auto fit_with = [&](const Matrix<double>& validation_x, const Matrix<double>& validation_y) {
    return [&, validation_x, validation_y] {
      shallow::fit(net, X, Y, GradientDescent{}, {.epochs = 2}, shallow::Validation(validation_x, validation_y));
    };
  };
  refuses<ShapeError>(net, "fit: validation: X: expected 2 rows (n_x), one column a sample, given 3 x 4",
                      fit_with(Matrix<double>::Ones(3, 4), Y));
  refuses<ShapeError>(net, "fit: validation: X: expected at least one sample (column), given 2 x 0",
                      fit_with(Matrix<double>(2, 0), Matrix<double>(1, 0)));
  refuses<ShapeError>(net, "fit: validation: Y: expected 1 x 4 (n_y x m), given 1 x 3",
                      fit_with(X, Matrix<double>::Ones(1, 3)));
  refuses<ValueError>(net, "fit: validation: X: expected finite numbers, given nan in row 0, column 0",
                      fit_with(with<double>(X, 0, 0, not_a_number), Y));
  refuses<ValueError>(net, "fit: validation: Y: expected labels in [0, 1], given 2 in row 0, column 1",
                      fit_with(X, with<double>(Y, 0, 1, 2)));
}

TEST_CASE_FIXTURE(Fixture, "fit and step refuse an optimiser's state of another model") {
  shallow::TrainingState<Adam, double> state;
  TwoLayerNet<double> other(2, 5, 1);
  shallow::fit(other, X, Y, Adam{}, {.epochs = 1}, state);
  const auto kept = state.optimizer;
  const std::string text = "Adam: state: expected 13 x 1, given 21 x 1";
  refuses<ShapeError>(net, text, [&] { shallow::fit(net, X, Y, Adam{}, {.epochs = 1}, state); });
  CHECK(state.optimizer == kept);
  refuses<ShapeError>(net, text, [&] { shallow::step(net, X, Y, Adam{}, state.optimizer); });
  CHECK(state.optimizer == kept);
}

TEST_CASE_FIXTURE(Fixture, "step takes no step where J is not finite") {
  TwoLayerNet<double, Identity, Identity> linear(2, 3, 1, {.seed = 1});
  const Matrix<double> huge = Matrix<double>::Constant(1, 4, 1e200);
  const auto before = linear;
  GradientDescent::State<double> state;
  const double J = shallow::step(linear, X, huge, GradientDescent{}, state);
  CHECK(J == infinity);
  CHECK((linear == before));
  CHECK(state.steps == 0);
}

TEST_CASE_FIXTURE(Fixture, "check_gradients refuses a step or tolerance that is negative, NaN or infinite") {
  const auto refuses_options = [&](shallow::GradientCheckOptions options, const std::string& text) {
    refuses<ValueError>(net, "check_gradients: " + text, [&] { shallow::check_gradients(net, X, Y, options); });
  };
  refuses_options({.step = -1e-5}, "step: expected >= 0 and finite, given -1e-05");
  refuses_options({.step = not_a_number}, "step: expected >= 0 and finite, given nan");
  refuses_options({.step = infinity}, "step: expected >= 0 and finite, given inf");
  refuses_options({.tolerance = -1}, "tolerance: expected >= 0 and finite, given -1");
  refuses_options({.tolerance = not_a_number}, "tolerance: expected >= 0 and finite, given nan");
  refuses_options({.tolerance = infinity}, "tolerance: expected >= 0 and finite, given inf");
}

TEST_CASE_FIXTURE(Fixture, "Gradients refuse a block that is none, and name those there are") {
  const auto g = shallow::gradients(net, X, Y);
  const std::string known = "Gradients: name: expected one of the parameter blocks W1, b1, W2, b2, given ";
  throws<ValueError>(known + "w1", [&] { (void)g["w1"]; });
  throws<ValueError>(known + "W3", [&] { (void)g.dW(3); });
  throws<ValueError>(known + "b0", [&] { (void)g.db(0); });
  CHECK_NOTHROW((void)g.dW(2));
}

// ---- A loss that does not belong to the output ----------------------------------------------------------------------

TEST_CASE("A run-time network refuses a loss of another output activation") {
  const auto refuses_loss = [](DynamicNetwork<double> net, const auto& loss, const std::string& text) {
    const Matrix<double> X = Matrix<double>::Ones(2, 4);
    Matrix<double> Y = Matrix<double>::Zero(3, 4);
    Y.row(2).setOnes();
    const std::string all = ": output activation: expected " + text;
    refuses<ValueError>(net, "loss" + all, [&] { shallow::loss(net, X, Y, loss); });
    refuses<ValueError>(net, "loss_and_gradient" + all, [&] { shallow::gradients(net, X, Y, loss); });
    refuses<ValueError>(net, "loss_and_gradient" + all, [&] { shallow::check_gradients(net, X, Y, loss); });
    refuses<ValueError>(net, "fit" + all, [&] { shallow::fit(net, X, Y, Adam{}, {.epochs = 2}, loss); });
    Adam::State<double> state;
    shallow::StepWorkspace<DynamicNetwork<double>> workspace;
    refuses<ValueError>(net, "loss_and_gradient" + all,
                        [&] { shallow::step(net, X, Y, Adam{}, state, loss, workspace); });
    CHECK(state == Adam::State<double>{});
  };
  const std::string sigmoid = "sigmoid, which this loss belongs to, given ";
  const std::string softmax = "softmax, which this loss belongs to, given ";
  refuses_loss(dynamic<double>(Softmax{}), BinaryCrossEntropy{}, sigmoid + "softmax");
  refuses_loss(dynamic<double>(Identity{}), BinaryCrossEntropy{}, sigmoid + "identity");
  refuses_loss(dynamic<double>(Sigmoid{}), CategoricalCrossEntropy{}, softmax + "sigmoid");
  refuses_loss(dynamic<double>(LeakyReLU{}), CategoricalCrossEntropy{}, softmax + "leaky_relu");
}

// ---- Widths, chains, activations ------------------------------------------------------------------------------------

TEST_CASE("Layer refuses widths that are not positive, or not those of its type") {
  using Dynamic = Layer<double, Tanh>;
  using Fixed = Layer<double, Tanh, 2, 4>;
  throws<ValueError>("Layer: n_in: expected >= 1, given 0", [] { Dynamic(0, 3); });
  throws<ValueError>("Layer: n_in: expected >= 1, given -2", [] { Dynamic(-2, 3); });
  throws<ValueError>("Layer: n_out: expected >= 1, given 0", [] { Dynamic(3, 0); });
  throws<ValueError>("Layer: n_out: expected >= 1, given -1", [] { Dynamic(3, -1); });
  throws<ShapeError>("Layer: n_in: expected 2 as the type says, given 3", [] { Fixed(3, 4); });
  throws<ShapeError>("Layer: n_out: expected 4 as the type says, given 5", [] { Fixed(2, 5); });
  throws<ValueError>("Layer: n_out: expected >= 1, given 0", [] { Fixed(2, 0); });
}

TEST_CASE("Network refuses widths that are not positive, or not those of its type") {
  using Dynamic = Network<Layer<double, ReLU>, Layer<double, Softmax>>;
  using Fixed = Network<Layer<double, ReLU, 2, 4>, Layer<double, Softmax, 4, 3>>;
  throws<ValueError>("Network: n_0: expected >= 1, given 0", [] { Dynamic({0, 4, 3}); });
  throws<ValueError>("Network: n_1: expected >= 1, given -4", [] { Dynamic({2, -4, 3}); });
  throws<ValueError>("Network: n_2: expected >= 1, given 0", [] { Dynamic({2, 4, 0}); });
  throws<ShapeError>("Network: n_0: expected 2 as the type says, given 1", [] { Fixed({1, 4, 3}); });
  throws<ShapeError>("Network: n_1: expected 4 as the type says, given 5", [] { Fixed({2, 5, 3}); });
  throws<ShapeError>("Network: n_2: expected 3 as the type says, given 4", [] { Fixed({2, 4, 4}); });
}

TEST_CASE("TwoLayerNet refuses widths that are not positive, or not those of its type") {
  using Dynamic = TwoLayerNet<double>;
  using Fixed = TwoLayerNet<float, Tanh, Sigmoid, 2, 4, 1>;
  throws<ValueError>("Network: n_0: expected >= 1, given 0", [] { Dynamic(0, 4, 1); });
  throws<ValueError>("Network: n_1: expected >= 1, given 0", [] { Dynamic(2, 0, 1); });
  throws<ValueError>("Network: n_2: expected >= 1, given -1", [] { Dynamic(2, 4, -1); });
  throws<ShapeError>("Network: n_1: expected 4 as the type says, given 3", [] { Fixed(2, 3, 1); });
}

TEST_CASE("DynamicNetwork refuses widths that are not positive, no layers, and a layer that is none") {
  using Dynamic = DynamicNetwork<double>;
  throws<ValueError>("DynamicNetwork: n_x: expected >= 1, given 0", [] { Dynamic(0, {{3, Tanh{}}}); });
  throws<ValueError>("DynamicNetwork: n_x: expected >= 1, given -1", [] { Dynamic(-1, {{3, Tanh{}}}); });
  throws<ValueError>("DynamicNetwork: n_out: expected >= 1, given 0", [] { Dynamic(2, {{3, Tanh{}}, {0, Tanh{}}}); });
  throws<ValueError>("DynamicNetwork: n_out: expected >= 1, given -3", [] { Dynamic(2, {{-3, Tanh{}}}); });
  throws<ValueError>("DynamicNetwork: layers: expected at least one, given none", [] { Dynamic(2, {}); });
  auto net = dynamic<double>(Sigmoid{});
  refuses<ValueError>(net, "DynamicNetwork::layer: l: expected 0 .. 1, given 2", [&] { (void)net.layer(2); });
  refuses<ValueError>(net, "DynamicNetwork::layer: l: expected 0 .. 1, given -1", [&] { (void)net.layer(-1); });
}

TEST_CASE("Network refuses layers that do not chain, and names both widths") {
  using Two = Network<Layer<double, Tanh>, Layer<double, Sigmoid>>;
  using Three = Network<Layer<double, Tanh>, Layer<double, Tanh>, Layer<double, Sigmoid>>;
  const Layer<double, Tanh> first(2, 4), second(4, 3);
  throws<ShapeError>("Network: layer 2: expected 4 inputs, the outputs of layer 1, given 5",
                     [&] { Two(first, Layer<double, Sigmoid>(5, 1)); });
  throws<ShapeError>("Network: layer 3: expected 3 inputs, the outputs of layer 2, given 4",
                     [&] { Three(first, second, Layer<double, Sigmoid>(4, 1)); });
  CHECK_NOTHROW(Three(first, second, Layer<double, Sigmoid>(3, 1)));
}

TEST_CASE("Every model refuses an activation whose settings are out of range") {
  const std::string text = "LeakyReLU: slope: expected finite and >= 0, given ";
  throws<ValueError>(text + "-1", [] { Layer<double, LeakyReLU>(2, 3, {.activation = {.slope = -1}}); });
  throws<ValueError>(text + "nan", [] { Layer<double, LeakyReLU>(2, 3, {.activation = {.slope = not_a_number}}); });
  throws<ValueError>(text + "-0.5",
                     [] { TwoLayerNet<double, LeakyReLU, Sigmoid>(2, 3, 1, {.hidden = {.slope = -0.5}}); });
  throws<ValueError>(text + "inf",
                     [] { TwoLayerNet<double, Tanh, LeakyReLU>(2, 3, 1, {.output = {.slope = infinity}}); });
  throws<ValueError>(text + "-2", [] { DynamicNetwork<double>(2, {{3, LeakyReLU{.slope = -2}}}); });
  throws<ValueError>(text + "-3", [] { (void)shallow::AnyActivation<float>(LeakyReLU{.slope = -3}); });
}
