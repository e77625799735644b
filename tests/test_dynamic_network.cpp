// SPDX-License-Identifier: MIT

#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/two_layer_net.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <cstdint>
#include <sstream>
#include <type_traits>
#include <utility>
#include <vector>

using shallow::DynamicNetwork;
using shallow::Index;
using shallow::LayerSpec;
using shallow::Matrix;
using Activation = shallow::AnyActivation<double>;

namespace {

const std::vector<Activation>& all_activations() {
  static const std::vector<Activation> all{
      shallow::Sigmoid{},  shallow::Tanh{},    shallow::ReLU{}, shallow::LeakyReLU{.slope = 0.2},
      shallow::Identity{}, shallow::Softmax{}, user::Softsign{}};
  return all;
}

/// Targets that every loss takes: in [0, 1], columns that sum to 1.
Matrix<double> distributions(shallow::RandomState& random, Index n_y, Index m) {
  const Matrix<double> positive = random.randn(n_y, m).array().abs() + 0.1;
  return positive.array().rowwise() / positive.array().colwise().sum().eval();
}

template <class L>
void check_depths(const Activation& hidden, const Activation& output, const L& loss) {
  shallow::RandomState random(1);
  for (Index depth = 1; depth <= 4; ++depth) {
    for (const Index m : {1, 5}) {
      std::vector<LayerSpec<double>> layers;
      for (Index l = 1; l < depth; ++l) layers.push_back({4 + l % 2, hidden});
      layers.push_back({3, output});
      DynamicNetwork<double> net(3, layers, {.seed = 3, .initializer = shallow::Initializer::gaussian(0.8)});
      // Biases that keep ReLU units alive, so that no block's gradient is zero.
      for (Index l = 0; l < depth; ++l) net.layer(l).bias().setConstant(0.7);
      const Matrix<double> X = random.randn(3, m);
      const Matrix<double> Y = distributions(random, 3, m);
      const auto result = check_gradients(net, X, Y, loss);
      INFO(net.summary());
      INFO(m);
      INFO(result.message);
      CHECK(result.passed);
      CHECK(result.blocks.size() == std::size_t(2 * depth + 1));
    }
  }
}

}  // namespace

TEST_CASE("dynamic network: every activation, loss, depth 1 to 4, one sample and several, gradient-checked") {
  for (const Activation& hidden : all_activations()) {
    for (const Activation& output : all_activations()) {
      check_depths(hidden, output, shallow::MeanSquaredError{});
      check_depths(hidden, output, user::LogCosh{});
    }
    check_depths(hidden, shallow::Sigmoid{}, shallow::BinaryCrossEntropy{});
    check_depths(hidden, shallow::Softmax{}, shallow::CategoricalCrossEntropy{});
    check_depths(hidden, shallow::Sigmoid{}, Activation(shallow::Sigmoid{}).default_loss());
    check_depths(hidden, shallow::Softmax{}, Activation(shallow::Softmax{}).default_loss());
    check_depths(hidden, shallow::Tanh{}, Activation(shallow::Tanh{}).default_loss());
  }
}

TEST_CASE_TEMPLATE("dynamic network: the same numbers as the compile-time network", T, float, double) {
  const Matrix<T> X = shallow::RandomState(1).randn<T>(2, 333);
  const Matrix<T> Y = (X.row(0).array() > T(0)).template cast<T>();
  shallow::TwoLayerNet<T, shallow::Tanh, shallow::Sigmoid> net(2, 4, 1, {.seed = 2});
  DynamicNetwork<T> dynamic(2, {{4, shallow::Tanh{}}, {1, shallow::Sigmoid{}}},
                            {.seed = 2, .initializer = shallow::Initializer::gaussian(0.01)});
  CHECK(dynamic.parameters() == net.parameters());
  CHECK(dynamic.predict(X) == net.predict(X));
  const auto history = fit(net, X, Y, shallow::Adam{}, {.epochs = 10, .batch_size = 32});
  CHECK(fit(dynamic, X, Y, shallow::Adam{}, {.epochs = 10, .batch_size = 32}).loss == history.loss);
  CHECK(dynamic.parameters() == net.parameters());
  CHECK(loss(dynamic, X, Y, shallow::MeanSquaredError{}) == loss(net, X, Y, shallow::MeanSquaredError{}));
}

TEST_CASE("dynamic network: class labels and one-hot columns are the same targets") {
  const Matrix<double> X = shallow::RandomState(1).randn(4, 30);
  Eigen::VectorXi labels(30);
  Matrix<double> one_hot = Matrix<double>::Zero(3, 30);
  for (int j = 0; j < 30; ++j) one_hot(labels(j) = j % 3, j) = 1;
  const DynamicNetwork<double> net(4, {{5, shallow::ReLU{}}, {3, shallow::Softmax{}}}, {.seed = 1});
  const auto by_label = gradients(net, X, labels);
  const auto by_row_label = gradients(net, X, labels.transpose());
  const auto by_column = gradients(net, X, one_hot);
  CHECK(by_label.loss == doctest::Approx(by_column.loss).epsilon(1e-14));
  CHECK(by_label.parameters.isApprox(by_column.parameters, 1e-14));
  CHECK(by_label.parameters == by_row_label.parameters);

  // With one output, whole numbers are targets.
  const DynamicNetwork<double> binary(4, {{5, shallow::ReLU{}}, {1, shallow::Sigmoid{}}}, {.seed = 1});
  const Eigen::VectorXi zero_one = labels.array().min(1);
  CHECK(loss(binary, X, zero_one) ==
        doctest::Approx(loss(binary, X, zero_one.cast<double>().transpose())).epsilon(1e-14));
  const DynamicNetwork<double> wide(4, {{3, shallow::Sigmoid{}}}, {.seed = 1});
  CHECK_THROWS_WITH_AS(loss(wide, X, labels), "loss: Y: expected 3 x 30 (n_y x m), given 1 x 30 class labels",
                       shallow::ShapeError);
}

TEST_CASE("dynamic network: a cross-entropy needs its own output activation") {
  const Matrix<double> X = shallow::RandomState(1).randn(2, 4);
  const Matrix<double> Y = Matrix<double>::Constant(1, 4, 0.5);
  DynamicNetwork<double> net(2, {{1, shallow::Tanh{}}});
  const auto before = net;
  CHECK_THROWS_WITH_AS(loss(net, X, Y, shallow::BinaryCrossEntropy{}),
                       "loss: output activation: expected sigmoid, which this loss belongs to, given tanh",
                       shallow::ValueError);
  CHECK_THROWS_AS(fit(net, X, Y, shallow::Adam{}, {}, shallow::BinaryCrossEntropy{}), shallow::ValueError);
  CHECK(net == before);
}

TEST_CASE("dynamic network: the loss of another network's output is refused") {
  const Matrix<double> X = shallow::RandomState(1).randn(2, 4);
  const Matrix<double> Y = Matrix<double>::Constant(1, 4, 0.5);
  const DynamicNetwork<double> net(2, {{3, shallow::Tanh{}}, {1, shallow::Tanh{}}});
  const shallow::OutputLoss foreign(shallow::OutputLoss::Kind::binary_cross_entropy);
  CHECK_THROWS_WITH_AS(loss(net, X, Y, foreign),
                       "loss: output activation: expected sigmoid, which this loss belongs to, given tanh",
                       shallow::ValueError);
}

TEST_CASE("dynamic network: an activation with settings needs no operator==") {
  struct Scaled {
    double factor = 2;
    double operator()(const double& z) const { return factor * z; }
    double derivative(const double&) const { return factor; }
  };
  const DynamicNetwork<double> net(2, {{3, Scaled{}}, {1, shallow::Sigmoid{}}});
  const auto copy = net;
  CHECK(copy == net);
  CHECK_FALSE(Activation(Scaled{}) == Activation(Scaled{}));  // two that nothing can compare
}

TEST_CASE("dynamic network: whole numbers beyond int are refused, not clamped") {
  const Matrix<double> X = Matrix<double>::Ones(2, 1);
  Eigen::Matrix<std::int64_t, 1, 1> y;
  y << 3'000'000'000;
  const DynamicNetwork<double> net(2, {{1, shallow::Identity{}}});
  CHECK_THROWS_WITH_AS(loss(net, X, y), "loss: Y: expected whole numbers in the range of int, given 3000000000",
                       shallow::ValueError);
}

TEST_CASE("dynamic network: is a value, with activations to ask for") {
  static_assert(std::is_nothrow_move_constructible_v<DynamicNetwork<float>>);
  const DynamicNetwork<double> original(
      3, {{4, shallow::LeakyReLU{.slope = 0.2}}, {2, user::Softsign{}}, {1, shallow::Sigmoid{}}}, {.seed = 1});
  auto copy = original;
  CHECK(copy == original);
  copy.layer(1).weights()(0, 0) += 1;
  CHECK_FALSE(copy == original);
  CHECK(original.layer(0).activation().get<shallow::LeakyReLU>()->slope == 0.2);
  CHECK(original.layer(0).activation().get<shallow::ReLU>() == nullptr);
  CHECK(original.layer(1).activation().is<user::Softsign>());
  CHECK(Activation(shallow::LeakyReLU{.slope = 0.2}) == Activation(shallow::LeakyReLU{.slope = 0.2}));
  CHECK_FALSE(Activation(shallow::LeakyReLU{.slope = 0.2}) == Activation(shallow::LeakyReLU{}));
  CHECK_FALSE(Activation(shallow::Tanh{}) == Activation(shallow::Sigmoid{}));
  CHECK_THROWS_WITH_AS(original.layer(3), "DynamicNetwork::layer: l: expected 0 .. 2, given 3", shallow::ValueError);
  CHECK_THROWS_WITH_AS((DynamicNetwork<double>(3, {})), "DynamicNetwork: layers: expected at least one, given none",
                       shallow::ValueError);
  CHECK_THROWS_AS((DynamicNetwork<double>(0, {{1, shallow::Tanh{}}})), shallow::ValueError);
  CHECK_THROWS_AS((DynamicNetwork<double>(1, {{-1, shallow::Tanh{}}})), shallow::ValueError);
  CHECK_THROWS_AS(Activation(shallow::LeakyReLU{.slope = -1}), shallow::ValueError);

  std::ostringstream out;
  out << original;
  CHECK(out.str().substr(0, 80) == "3 -> 4 leaky_relu(0.2) -> 2 custom -> 1 sigmoid (double), 29 parameters\n  layer ");
}

TEST_CASE("genann trained every activation with sigmoid's derivative: ours each have their own") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 10);
  const Matrix<double> dA = shallow::RandomState(2).randn(2, 10);
  std::vector<Matrix<double>> seen;
  for (const Activation& g : all_activations()) {
    const DynamicNetwork<double> net(3, {{2, g}}, {.seed = 1, .initializer = shallow::Initializer::gaussian(1)});
    const Matrix<double> dW = net.backward(X, dA).dW(1);
    for (const auto& other : seen) CHECK_FALSE(dW.isApprox(other, 1e-3));
    seen.push_back(dW);
  }
}

TEST_CASE("dynamic network: == tells networks of the same parameters apart by their shapes and activations") {
  using Net = DynamicNetwork<double>;
  const auto filled = [](Net net) {
    net.parameters().setConstant(0.5);
    return net;
  };
  const Net net = filled(Net(2, {{3, shallow::Tanh{}}, {2, shallow::Sigmoid{}}}));
  CHECK(net == filled(Net(2, {{3, shallow::Tanh{}}, {2, shallow::Sigmoid{}}})));
  CHECK_FALSE(net == filled(Net(2, {{3, shallow::ReLU{}}, {2, shallow::Sigmoid{}}})));
  CHECK_FALSE(net == filled(Net(2, {{3, shallow::Tanh{}}, {2, shallow::Softmax{}}})));
  // 17 parameters in other shapes.
  const Net other = filled(Net(16, {{1, shallow::Tanh{}}}));
  CHECK(other.parameter_count() == net.parameter_count());
  CHECK_FALSE(net == other);
  const Net slope = filled(Net(2, {{3, shallow::LeakyReLU{.slope = 0.1}}}));
  CHECK(slope == filled(Net(2, {{3, shallow::LeakyReLU{.slope = 0.1}}})));
  CHECK_FALSE(slope == filled(Net(2, {{3, shallow::LeakyReLU{.slope = 0.2}}})));
}

TEST_CASE("dynamic network: an activation that was moved from is as before") {
  // NOLINTBEGIN(bugprone-use-after-move, performance-move-const-arg): this is the question
  shallow::AnyActivation<double> activation = shallow::LeakyReLU{.slope = 0.2};
  const shallow::AnyActivation<double> taken = std::move(activation);
  CHECK(activation == taken);
  CHECK(activation.text() == "leaky_relu(0.2)");
  shallow::AnyActivation<double> assigned = shallow::Tanh{};
  assigned = std::move(activation);
  CHECK(activation == assigned);
  // NOLINTEND(bugprone-use-after-move, performance-move-const-arg)
}
