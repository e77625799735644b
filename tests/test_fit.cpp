// SPDX-License-Identifier: MIT

#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/metrics.hpp"
#include "shallow/two_layer_net.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using shallow::Adam;
using shallow::GradientDescent;
using shallow::Index;
using shallow::Matrix;
using shallow::Momentum;
using shallow::StopReason;

namespace {

using Net = shallow::TwoLayerNet<double, shallow::Tanh, shallow::Sigmoid>;

struct Data {
  Matrix<double> X = shallow::RandomState(1).randn(2, 103);
  Matrix<double> Y = (X.row(0).array() * X.row(1).array() > 0).cast<double>();
};

Net fresh() { return Net(2, 6, 1, {.seed = 3, .initializer = shallow::Initializer::glorot()}); }

/// A model that remembers which samples each batch held. Its X is 1 x m and names the sample.
struct Recorder {
  using Scalar = double;
  struct Workspace {};
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(1);
  std::vector<std::vector<int>>* batches = nullptr;

  Eigen::VectorXd& parameters() { return theta; }
  const Eigen::VectorXd& parameters() const { return theta; }
  std::vector<shallow::ParameterBlock> parameter_blocks() const { return {{"w", 1, 1, 0}}; }
  shallow::MeanSquaredError default_loss() const { return {}; }
  template <class X, class Y, class L>
  double loss(const X&, const Y&, const L&, Workspace&) const {
    return 0;
  }
  template <class X, class Y, class L, class G>
  double loss_and_gradient(const X& x, const Y& y, const L&, G& gradient, Workspace&) const {
    batches->emplace_back();
    for (Index j = 0; j < x.cols(); ++j) {
      CHECK(y(0, j) == 10 * x(0, j));  // a sample and its target travel together
      batches->back().push_back(int(x(0, j)));
    }
    gradient.setZero();
    return double(x.cols());
  }
};

std::vector<std::vector<int>> batches_of(const shallow::FitOptions& options, Index m) {
  std::vector<std::vector<int>> batches;
  Recorder model;
  model.batches = &batches;
  const Matrix<double> X = Eigen::RowVectorXd::LinSpaced(m, 0, double(m - 1));
  const Matrix<double> Y = 10 * X;
  fit(model, X, Y, GradientDescent{}, options);
  return batches;
}

}  // namespace

namespace {

/// `fit`, on all samples at once and batch by batch, against as many calls of `step`: the same bits.
template <class Net, class X, class Y>
void check_fit_is_steps(const Net& start, const X& x, const Y& y) {
  Net fitted = start;
  Net stepped = start;
  const Adam adam{.learning_rate = 0.01};
  const auto history = fit(fitted, x, y, adam, {.epochs = 6}, shallow::Validation(x, y));
  Adam::State<typename Net::Scalar> state;
  for (int i = 0; i < 6; ++i) {
    CHECK(history.loss[std::size_t(i)] == double(step(stepped, x, y, adam, state)));
    CHECK(history.validation_loss[std::size_t(i)] == double(shallow::loss(stepped, x, y)));
  }
  CHECK(fitted == stepped);

  // Batches in order, of which the last is shorter.
  fit(fitted, x, y, GradientDescent{.learning_rate = 0.1}, {.epochs = 2, .batch_size = 20, .shuffle = false});
  GradientDescent::State<typename Net::Scalar> steps;
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (Index first = 0; first < x.cols(); first += 20) {
      const Index count = std::min<Index>(20, x.cols() - first);
      if constexpr (Y::IsVectorAtCompileTime) {
        step(stepped, x.middleCols(first, count), y.segment(first, count), GradientDescent{.learning_rate = 0.1},
             steps);
      } else {
        step(stepped, x.middleCols(first, count), y.middleCols(first, count), GradientDescent{.learning_rate = 0.1},
             steps);
      }
    }
  }
  CHECK(fitted == stepped);
}

}  // namespace

TEST_CASE_TEMPLATE("fit: batches are steps, to the last bit", T, float, double) {
  using shallow::Layer;
  using shallow::Softmax;
  using shallow::Tanh;
  // Fewer samples than a tile holds, and more; narrow layers and wide ones; one output, labels and one-hot columns.
  for (const Index m : {50, 1'000}) {
    CAPTURE(m);
    shallow::RandomState random(4);
    const Matrix<T> X = random.randn<T>(3, m);
    const Matrix<T> Y = (X.row(0).array() > T(0)).template cast<T>();
    check_fit_is_steps(shallow::TwoLayerNet<T>(3, 4, 1, {.seed = 1}), X, Y);
    check_fit_is_steps(shallow::TwoLayerNet<T, Tanh, shallow::Sigmoid, 3, 4, 1>({.seed = 1}), X, Y);
    Eigen::VectorXi labels(m);
    Matrix<T> one_hot = Matrix<T>::Zero(5, m);
    for (Index j = 0; j < m; ++j) {
      labels(j) = int(random.below(5));
      one_hot(labels(j), j) = T(1);
    }
    const shallow::TwoLayerNet<T, Tanh, Softmax> narrow(3, 4, 5, {.seed = 2});
    check_fit_is_steps(narrow, X, labels);
    check_fit_is_steps(narrow, X, one_hot);
    const shallow::TwoLayerNet<T, Tanh, Softmax> wide(3, 160, 5, {.seed = 3});
    check_fit_is_steps(wide, X, labels);
    check_fit_is_steps(wide, X, one_hot);
  }
}

namespace {

/// A model of this library with a penalty of the user's own: J + lambda |theta|^2.
struct Penalised : Net {
  using Net::Net;
  static constexpr double lambda = 0.5;

  template <class X, class Y, class L>
  double loss(const X& x, const Y& y, const L& of, Workspace& workspace) const {
    return Net::loss(x, y, of, workspace) + lambda * parameters().squaredNorm();
  }
  template <class X, class Y, class L>
  double loss_and_gradient(const X& x, const Y& y, const L& of, Eigen::Ref<shallow::Vector<double>> gradient,
                           Workspace& workspace) const {
    const double J = Net::loss_and_gradient(x, y, of, gradient, workspace);
    gradient += 2 * lambda * parameters();
    return J + lambda * parameters().squaredNorm();
  }
};

}  // namespace

TEST_CASE("fit: a pass that a derived model writes itself is the one that trains it") {
  const Data data;
  Penalised net(2, 6, 1, {.seed = 3, .initializer = shallow::Initializer::glorot()});
  const double before = net.parameters().norm();
  const auto history = fit(net, data.X, data.Y, GradientDescent{.learning_rate = 0.5}, {.epochs = 50});
  CHECK(history.loss.front() == doctest::Approx(shallow::loss(fresh(), data.X, data.Y) + 0.5 * before * before));
  CHECK(net.parameters().norm() < 0.5 * before);
}

TEST_CASE("fit: MiniDNN shuffled once per fit: ours draws a new order every epoch, of every sample once") {
  const auto batches = batches_of({.epochs = 3, .batch_size = 4, .seed = 1}, 10);
  REQUIRE(batches.size() == 9);
  std::set<std::vector<int>> orders;
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    CHECK(batches[3 * epoch].size() == 4);
    CHECK(batches[3 * epoch + 1].size() == 4);
    CHECK(batches[3 * epoch + 2].size() == 2);  // the shorter rest
    std::vector<int> order;
    for (std::size_t b = 0; b < 3; ++b) {
      order.insert(order.end(), batches[3 * epoch + b].begin(), batches[3 * epoch + b].end());
    }
    CHECK(std::set<int>(order.begin(), order.end()).size() == 10);
    orders.insert(order);
  }
  CHECK(orders.size() == 3);
  CHECK(batches_of({.epochs = 3, .batch_size = 4, .seed = 1}, 10) == batches);
  CHECK(batches_of({.epochs = 3, .batch_size = 4, .seed = 2}, 10) != batches);
}

TEST_CASE("fit: without shuffling the samples come in order; batch_size above m is all of them") {
  const auto ordered = batches_of({.epochs = 1, .batch_size = 4, .shuffle = false}, 10);
  CHECK(ordered == std::vector<std::vector<int>>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}});
  const std::vector<std::vector<int>> whole{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
  CHECK(batches_of({.epochs = 1, .batch_size = 11}, 10) == whole);
  CHECK(batches_of({.epochs = 1, .batch_size = 10}, 10) == whole);
  CHECK(batches_of({.epochs = 1}, 10) == whole);
}

TEST_CASE("fit: a network sees the batches that a user's model sees") {
  // The network gathers samples itself; stepping through the same batches by hand must give the same parameters.
  const Data data;
  const auto check = [&](auto net) {
    auto by_hand = net;
    const Adam adam{.learning_rate = 0.05};
    fit(net, data.X, data.Y, adam, {.epochs = 2, .batch_size = 25, .seed = 5});
    Adam::State<double> state;
    shallow::RandomState random(5);
    for (int epoch = 0; epoch < 2; ++epoch) {
      const auto order = random.permutation(103);
      for (Index first = 0; first < 103; first += 25) {
        const Index count = std::min<Index>(25, 103 - first);
        Matrix<double> X(2, count), Y(1, count);
        for (Index j = 0; j < count; ++j) {
          X.col(j) = data.X.col(order[std::size_t(first + j)]);
          Y.col(j) = data.Y.col(order[std::size_t(first + j)]);
        }
        shallow::step(by_hand, X, Y, adam, state);
      }
    }
    CHECK(net.parameters() == by_hand.parameters());
  };
  check(fresh());  // samples along the lanes
  check(Net(2, 64, 1, {.seed = 1}));
  check(shallow::DynamicNetwork<double>(2, {{64, shallow::Tanh{}}, {64, shallow::ReLU{}}, {1, shallow::Sigmoid{}}}));
}

TEST_CASE("fit: same seed, same bits") {
  const Data data;
  const auto run = [&] {
    Net net = fresh();
    const auto history =
        fit(net, data.X, data.Y, Momentum{.learning_rate = 0.1}, {.epochs = 5, .batch_size = 8, .seed = 9});
    return std::pair(net, history.loss);
  };
  CHECK(run() == run());
}

TEST_CASE("fit: history holds the loss before each step, and the validation loss after each epoch") {
  const Data data;
  Net net = fresh();
  const Matrix<double> X2 = shallow::RandomState(7).randn(2, 40);
  const Matrix<double> Y2 = (X2.row(0).array() > 0).cast<double>();
  const double before = loss(net, data.X, data.Y);
  std::vector<double> seen, validation;
  const auto history = fit(net, data.X, data.Y, GradientDescent{.learning_rate = 0.5},
                           {.epochs = 4,
                            .on_epoch =
                                [&](const shallow::Progress& p) {
                                  seen.push_back(p.loss);
                                  validation.push_back(p.validation_loss);
                                  CHECK(p.epoch == Index(seen.size()));
                                  CHECK(p.epochs == 4);
                                  CHECK(validation.back() == loss(net, X2, Y2));
                                  return true;
                                }},
                           shallow::Validation(X2, Y2));
  CHECK(history.loss.front() == before);
  CHECK(history.loss == seen);
  CHECK(history.validation_loss == validation);
  CHECK(history.reason == StopReason::completed);
  CHECK(history.epochs() == 4);
  CHECK(history.loss.back() < history.loss.front());
}

TEST_CASE("fit: an epoch's loss is the mean over its samples, a shorter last batch weighing less") {
  const auto batches = batches_of({.epochs = 1, .batch_size = 4}, 10);
  CHECK(batches.size() == 3);
  std::vector<std::vector<int>> ignored;
  Recorder model;
  model.batches = &ignored;
  const Matrix<double> X = Eigen::RowVectorXd::LinSpaced(10, 0, 9);
  const auto history = fit(model, X, Matrix<double>(10 * X), GradientDescent{}, {.epochs = 1, .batch_size = 4});
  CHECK(history.loss.front() ==
        doctest::Approx((4 * 4 + 4 * 4 + 2 * 2) / 10.0));  // the model's loss is its batch's size
}

TEST_CASE("fit: callbacks stop training") {
  const Data data;
  Net net = fresh();
  const auto history = fit(net, data.X, data.Y, GradientDescent{},
                           {.epochs = 100, .on_epoch = [](const auto& p) { return p.epoch < 3; }});
  CHECK(history.epochs() == 3);
  CHECK(history.reason == StopReason::callback);
  CHECK(history.message == "a callback returned false");

  Index steps = 0;
  Net other = fresh();
  const auto cut = fit(other, data.X, data.Y, GradientDescent{},
                       {.epochs = 100, .batch_size = 10, .on_batch = [&](const shallow::Progress& p) {
                          CHECK(p.batches == 11);
                          CHECK(p.batch == steps + 1);
                          return ++steps < 5;
                        }});
  CHECK(steps == 5);
  CHECK(cut.epochs() == 0);  // no epoch was finished
  CHECK(cut.reason == StopReason::callback);
  CHECK_FALSE(other == fresh());
}

TEST_CASE("fit: a callback that returns nothing only looks on") {
  const Data data;
  Net net = fresh();
  int calls = 0;
  const auto history = fit(net, data.X, data.Y, GradientDescent{},
                           {.epochs = 3, .on_epoch = [&](const shallow::Progress&) { ++calls; }});
  CHECK(calls == 3);
  CHECK(history.reason == StopReason::completed);
}

TEST_CASE("fit: validation data may be blocks, held by name") {
  const Data data;
  Net net = fresh();
  const shallow::Validation held_out(data.X.leftCols(40), data.Y.leftCols(40));
  const auto history = fit(net, data.X, data.Y, GradientDescent{}, {.epochs = 2}, held_out);
  CHECK(history.validation_loss.back() == loss(net, data.X.leftCols(40), data.Y.leftCols(40)));
}

TEST_CASE("fit: an epoch that a callback stops at its last batch is a whole epoch") {
  const Data data;
  Net net = fresh();
  shallow::TrainingState<Adam, double> state;
  const auto history =
      fit(net, data.X, data.Y, Adam{},
          {.epochs = 5, .batch_size = 50, .on_batch = [](const auto& p) { return p.batch < p.batches; }}, state,
          shallow::Validation(data.X, data.Y));
  CHECK(history.epochs() == 1);
  CHECK(history.validation_loss.size() == 1);
  CHECK(history.reason == StopReason::callback);
  CHECK(state.epochs == 1);
  CHECK(state.optimizer.steps == 3);
}

TEST_CASE("fit: zero epochs do nothing and give an empty history") {
  const Data data;
  Net net = fresh();
  const auto history = fit(net, data.X, data.Y, GradientDescent{}, {.epochs = 0});
  CHECK(history.epochs() == 0);
  CHECK(history.reason == StopReason::completed);
  CHECK(net == fresh());
}

TEST_CASE_TEMPLATE("fit: a second fit continues where the first ended", O, GradientDescent, Momentum, Adam) {
  const Data data;
  const O optimizer{.learning_rate = 0.05};
  Net once = fresh();
  shallow::TrainingState<O, double> state_once;
  fit(once, data.X, data.Y, optimizer, {.epochs = 6, .batch_size = 10, .seed = 4}, state_once);

  Net twice = fresh();
  shallow::TrainingState<O, double> state;
  fit(twice, data.X, data.Y, optimizer, {.epochs = 2, .batch_size = 10, .seed = 4}, state);
  CHECK(state.epochs == 2);
  CHECK(state.optimizer.steps == 22);
  fit(twice, data.X, data.Y, optimizer, {.epochs = 4, .batch_size = 10, .seed = 4}, state);
  CHECK(once == twice);
  CHECK(state == state_once);

  // A state that is reset is as new.
  state.reset();
  Net again = fresh();
  fit(again, data.X, data.Y, optimizer, {.epochs = 6, .batch_size = 10, .seed = 4}, state);
  CHECK(again == once);
}

TEST_CASE("fit: a loss, validation data and a state, in any order") {
  const Data data;
  Net a = fresh(), b = fresh();
  shallow::TrainingState<Adam, double> state_a, state_b;
  const shallow::MeanSquaredError squared;
  const shallow::Validation validation(data.X, data.Y);
  const auto first = fit(a, data.X, data.Y, Adam{}, {.epochs = 3}, squared, validation, state_a);
  const auto second = fit(b, data.X, data.Y, Adam{}, {.epochs = 3}, state_b, validation, squared);
  CHECK(a == b);
  CHECK(first.validation_loss == second.validation_loss);
  CHECK(state_a == state_b);
  CHECK(first.validation_loss.back() == loss(a, data.X, data.Y, squared));
}

TEST_CASE("fit: class labels, shuffled with their samples") {
  const Matrix<double> X = shallow::RandomState(1).randn(2, 300);
  Eigen::RowVectorXi labels(300);
  for (Index j = 0; j < 300; ++j) labels(j) = X(0, j) > 0.5 ? 2 : X(1, j) > 0 ? 1 : 0;
  shallow::TwoLayerNet<double, shallow::ReLU, shallow::Softmax> net(2, 16, 3, {.seed = 1});
  fit(net, X, labels, Adam{.learning_rate = 0.02}, {.epochs = 60, .batch_size = 16});
  CHECK(shallow::accuracy(net.predict(X), labels) > 0.97);
}

TEST_CASE("fit: a loss that turns infinite stops with the parameters of the last epoch whose loss was finite") {
  const Matrix<double> X = shallow::RandomState(1).randn(1, 20);
  const Matrix<double> Y = 2 * X;
  using Linear = shallow::Layer<double, shallow::Identity>;
  const GradientDescent wild{.learning_rate = 1e4};
  for (const Index batch_size : {0, 5}) {
    Linear net(1, 1, {.seed = 1});
    shallow::TrainingState<GradientDescent, double> state;
    const auto history = fit(net, X, Y, wild, {.epochs = 200, .batch_size = batch_size}, state);
    CHECK(history.reason == StopReason::diverged);
    CHECK(history.epochs() > 5);
    CHECK(history.epochs() < 200);
    CHECK(std::isfinite(history.loss.back()));
    CHECK(net.parameters().allFinite());
    CHECK(std::isfinite(loss(net, X, Y)));
    CHECK(history.message.find("Try a smaller learning_rate") != std::string::npos);
    CHECK(history.message.find("in epoch " + std::to_string(history.epochs() + 1)) != std::string::npos);
    CHECK(state.epochs == history.epochs());
    if (batch_size == 0) {
      // Exactly the parameters at which the last finite loss was taken: as after one epoch less.
      CHECK(loss(net, X, Y) == history.loss.back());
      Linear shorter(1, 1, {.seed = 1});
      fit(shorter, X, Y, wild, {.epochs = history.epochs() - 1});
      CHECK(net == shorter);
      CHECK(state.optimizer.steps == history.epochs() - 1);
    } else {
      // The same of the last batch's share of it: as after all steps of that epoch but one.
      Linear again(1, 1, {.seed = 1});
      shallow::Vector<double> before_last_step;
      const auto record = [&](const shallow::Progress& progress) {
        if (progress.epoch == history.epochs() && progress.batch == progress.batches - 1) {
          before_last_step = again.copy_parameters();
        }
      };
      fit(again, X, Y, wild, {.epochs = history.epochs(), .batch_size = batch_size, .on_batch = record});
      CHECK(net.parameters() == before_last_step);
      CHECK(state.optimizer.steps == 4 * history.epochs() - 1);
    }
  }
}

TEST_CASE("fit: a divergence in the very first epoch leaves the parameters as they were") {
  shallow::Layer<float, shallow::Identity> net(1, 1, {.seed = 1});
  net.weights()(0, 0) = 1e30f;
  const auto before = net;
  const Matrix<float> X = Matrix<float>::Ones(1, 3);
  const auto history = fit(net, X, X, GradientDescent{}, {.epochs = 5});
  CHECK(history.reason == StopReason::diverged);
  CHECK(history.epochs() == 0);
  CHECK(net == before);
}

TEST_CASE("fit: parameters that turn infinite in the last step are not handed out as a success") {
  shallow::Layer<float, shallow::Identity> net(1, 1, {.seed = 1});
  net.weights()(0, 0) = 1e15f;
  const auto before = net;
  const Matrix<float> X = Matrix<float>::Ones(1, 3);
  const auto history = fit(net, X, X, GradientDescent{.learning_rate = 1e30}, {.epochs = 1});
  CHECK(history.reason == StopReason::diverged);
  CHECK(net == before);
}

TEST_CASE("fit: a user's own model") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 60);
  const Matrix<double> Y = (Eigen::RowVector3d(1, -2, 0.5) * X).array() + 4;
  user::LinearRegression model(3);
  const auto history =
      fit(model, X, Y, Adam{.learning_rate = 0.1}, {.epochs = 200, .batch_size = 13}, shallow::Validation(X, Y));
  CHECK((model.theta - Eigen::Vector4d(1, -2, 0.5, 4)).norm() < 1e-3);
  CHECK(history.validation_loss.size() == 200);
}

TEST_CASE("fit: a user's own activation and loss") {
  const Data data;
  shallow::TwoLayerNet<double, user::Softsign, user::Softsign> net(2, 8, 1,
                                                                   {.initializer = shallow::Initializer::glorot()});
  const auto history = fit(net, data.X, data.Y, Adam{.learning_rate = 0.02}, {.epochs = 300}, user::LogCosh{});
  CHECK(history.loss.back() < 0.3 * history.loss.front());
}

TEST_CASE("step: one step is one epoch of one batch, and returns the loss before it") {
  const Data data;
  Net a = fresh(), b = fresh();
  Adam::State<double> state;
  const double J = shallow::step(a, data.X, data.Y, Adam{}, state);
  const auto history = fit(b, data.X, data.Y, Adam{}, {.epochs = 1});
  CHECK(a == b);
  CHECK(J == history.loss.front());
  CHECK(state.steps == 1);

  shallow::StepWorkspace<Net> workspace;
  shallow::step(a, data.X, data.Y, Adam{}, state, shallow::MeanSquaredError{}, workspace);
  CHECK(state.steps == 2);
}

TEST_CASE("step: a loss that is not finite takes no step") {
  shallow::Layer<float, shallow::Identity> net(1, 1);
  net.weights()(0, 0) = 1e30f;
  const auto before = net;
  GradientDescent::State<float> state;
  const Matrix<float> X = Matrix<float>::Ones(1, 3);
  CHECK(std::isinf(shallow::step(net, X, X, GradientDescent{}, state)));
  CHECK(net == before);
  CHECK(state.steps == 0);
}

TEST_CASE("step: with a loss, with a workspace, with both, with neither: the same step") {
  const Data data;
  const auto stepped = [&](const auto& take) {
    Net net = fresh();
    Adam::State<double> state;
    const double J = take(net, state);
    CHECK(state.steps == 1);
    return std::pair(net, J);
  };
  shallow::StepWorkspace<Net> workspace;
  const auto plain = stepped([&](Net& net, auto& state) { return shallow::step(net, data.X, data.Y, Adam{}, state); });
  CHECK(stepped([&](Net& net, auto& state) {
          return shallow::step(net, data.X, data.Y, Adam{}, state, shallow::BinaryCrossEntropy{});
        }) == plain);
  CHECK(stepped([&](Net& net, auto& state) { return shallow::step(net, data.X, data.Y, Adam{}, state, workspace); }) ==
        plain);
  CHECK(workspace.gradient.size() == plain.first.parameters().size());
  const auto squared = stepped([&](Net& net, auto& state) {
    return shallow::step(net, data.X, data.Y, Adam{}, state, shallow::MeanSquaredError{});
  });
  CHECK(squared.second == loss(fresh(), data.X, data.Y, shallow::MeanSquaredError{}));
  CHECK(stepped([&](Net& net, auto& state) {
          return shallow::step(net, data.X, data.Y, Adam{}, state, shallow::MeanSquaredError{}, workspace);
        }) == squared);
}

// ---- What is kept beyond a call -------------------------------------------------------------------------------------

TEST_CASE("fit: a named Validation of a temporary took its loss from a matrix that was gone") {
  const Data data;
  const auto scaled = [&]() -> Matrix<double> { return 0.5 * data.X; };
  const auto true_loss = [&](const auto& validation, const Matrix<double>& x, const Matrix<double>& y) {
    Net net = fresh();
    const auto history = fit(net, data.X, data.Y, GradientDescent{.learning_rate = 0.5}, {.epochs = 3}, validation);
    CHECK(history.validation_loss.back() == loss(net, x, y));
  };
  // Enough of the heap is taken again for numbers that are gone to be other numbers.
  const auto overwrite = [] { return Matrix<double>(Matrix<double>::Constant(2, 103, 1e3)); };

  const shallow::Validation of_function(scaled(), data.Y);
  const Matrix<double> noise_1 = overwrite();
  true_loss(of_function, scaled(), data.Y);
  const shallow::Validation of_expression(0.5 * data.X, (data.X.row(0).array() > 0).cast<double>());
  const Matrix<double> noise_2 = overwrite();
  true_loss(of_expression, scaled(), (data.X.row(0).array() > 0).cast<double>());
  const auto made = [&] {
    const Matrix<double> x = 0.25 * data.X;
    const Matrix<double> y = data.Y;
    return shallow::Validation(x.leftCols(40), Matrix<double>(y.leftCols(40)));
  };
  const auto of_blocks = made();
  const Matrix<double> noise_3 = overwrite();
  true_loss(of_blocks, 0.25 * data.X.leftCols(40), data.Y.leftCols(40));
  const auto copy = of_blocks;
  true_loss(copy, 0.25 * data.X.leftCols(40), data.Y.leftCols(40));
}

TEST_CASE("Validation: what has a name is referred to, what has none is copied") {
  Matrix<double> X = Matrix<double>::Ones(2, 5);
  Matrix<double> Y = Matrix<double>::Ones(1, 5);
  const Eigen::VectorXi labels = Eigen::VectorXi::Zero(5);
  const std::vector<int> listed(5, 0);
  const shallow::Validation named(X, Y);
  static_assert(
      std::is_same_v<decltype(named), const shallow::Validation<const Matrix<double>&, const Matrix<double>&>>);
  CHECK(&named.x == &X);
  CHECK(&named.y == &Y);
  const shallow::Validation moved(std::move(X), Y.leftCols(5));
  static_assert(std::is_same_v<decltype(moved.x), Matrix<double>>);
  static_assert(std::is_same_v<decltype(moved.y), Matrix<double>>);
  CHECK(moved.x.cols() == 5);

  // Labels keep their type and their shape.
  const shallow::Validation of_labels(moved.x, labels.head(5));
  static_assert(std::is_same_v<decltype(of_labels.y), Eigen::VectorXi>);
  const shallow::Validation of_row(moved.x.transpose().eval(), labels.transpose());
  static_assert(std::is_same_v<decltype(of_row.y), Eigen::RowVectorXi>);
  const shallow::Validation of_list(moved.x, listed);
  CHECK(&of_list.y == &listed);
  const shallow::Validation of_temporary(moved.x, std::vector<int>(5, 0));
  static_assert(std::is_same_v<decltype(of_temporary.y), std::vector<int>>);
  const shallow::Validation of_span(moved.x, std::span<const int>(listed));
  CHECK(of_span.y.data() == listed.data());
  const shallow::Validation of_array(moved.x, std::array<long, 2>{0, 1});
  CHECK(of_array.y[1] == 1);

  // A type that is spelled out: nothing is referred to that would be a temporary.
  using Referring = shallow::Validation<const Matrix<double>&, const Matrix<double>&>;
  static_assert(std::is_constructible_v<Referring, const Matrix<double>&, Matrix<double>&>);
  static_assert(!std::is_constructible_v<Referring, Matrix<double>, const Matrix<double>&>);
  static_assert(!std::is_constructible_v<Referring, const Eigen::MatrixXf&, const Matrix<double>&>);
  static_assert(!std::is_constructible_v<Referring, const Matrix<double>&, const Eigen::RowVectorXd&>);
  using Holding = shallow::Validation<Matrix<double>, Eigen::RowVectorXi>;
  static_assert(std::is_constructible_v<Holding, const Matrix<double>&, const Eigen::RowVectorXi&>);
}

// ---- Callbacks ------------------------------------------------------------------------------------------------------

TEST_CASE("fit: an empty function or null pointer as a callback was called") {
  const Data data;
  const std::function<bool(const shallow::Progress&)> asks;
  const std::function<void(const shallow::Progress&)> looks;
  void (*const none)(const shallow::Progress&) = nullptr;
  for (const shallow::Callback& callback : {shallow::Callback(), shallow::Callback(asks), shallow::Callback(looks),
                                            shallow::Callback(none), shallow::Callback(nullptr)}) {
    CHECK_FALSE(callback);
    CHECK(callback({}));
    Net net = fresh();
    const auto history =
        fit(net, data.X, data.Y, GradientDescent{}, {.epochs = 2, .on_epoch = callback, .on_batch = callback});
    CHECK(history.reason == StopReason::completed);
    CHECK(history.epochs() == 2);
  }
  int calls = 0;
  const std::function<void(const shallow::Progress&)> counts = [&](const shallow::Progress&) { ++calls; };
  const std::function<bool(const shallow::Progress&)> stops = [&](const shallow::Progress&) { return ++calls > 9; };
  CHECK(shallow::Callback(counts)({}));
  CHECK_FALSE(shallow::Callback(stops)({}));
  CHECK(calls == 2);
}

namespace {

/// fit, with this as on_epoch or, if `batchwise`, as on_batch.
template <class M>
shallow::History fit_with(M& net, const std::function<void(const shallow::Progress&)>& callback, bool batchwise) {
  const Matrix<double> X = shallow::RandomState(1).randn(net.n_x(), 30);
  const Matrix<double> Y = Matrix<double>::Constant(net.n_y(), 30, 0.5);
  shallow::FitOptions options{.epochs = 4, .batch_size = 10};
  (batchwise ? options.on_batch : options.on_epoch) = callback;
  return fit(net, X, Y, Adam{.learning_rate = 0.1}, options, shallow::Validation(X, Y));
}

}  // namespace

TEST_CASE("fit: a callback that gives the model other sizes wrote past its parameters") {
  for (const bool batchwise : {false, true}) {
    CAPTURE(batchwise);
    const auto refuses = [&](auto net, const auto& other, const char* text) {
      CHECK_THROWS_WITH_AS(fit_with(
                               net,
                               [&](const shallow::Progress& p) {
                                 if (p.epoch == 2) net = other;
                               },
                               batchwise),
                           text, shallow::ShapeError);
    };
    const char* const count = "fit: model: expected 25 parameters, as before the callback, given ";
    refuses(Net(2, 6, 1), Net(2, 64, 1), (count + std::string("257")).c_str());
    refuses(Net(2, 6, 1), Net(2, 1, 1), (count + std::string("5")).c_str());
    // As many parameters, in other blocks.
    refuses(Net(2, 6, 1), Net(6, 3, 1),
            "fit: model: expected W1 6 x 2, b1 6 x 1, W2 1 x 6, b2 1 x 1, as before the callback, given W1 3 x 6, "
            "b1 3 x 1, W2 1 x 3, b2 1 x 1");
  }
}

namespace {

/// A model whose storage stays where it is, and as large, when its sizes change: W (n_y x n_x).
struct Reshaped : user::LinearRegression {
  Index inputs = 2;
  Index outputs = 3;

  Reshaped() : LinearRegression(5) {}
  Index n_x() const { return inputs; }
  Index n_y() const { return outputs; }
  std::vector<shallow::ParameterBlock> parameter_blocks() const { return {{"W", outputs, inputs, 0}}; }
  template <class X, class Y, class L>
  double loss(const X&, const Y&, const L&, Workspace&) const {
    return 1;
  }
  template <class X, class Y, class L, class G>
  double loss_and_gradient(const X& x, const Y&, const L&, G& gradient, Workspace&) const {
    CHECK(x.rows() == inputs);
    gradient.setZero();
    return 1;
  }
};

}  // namespace

TEST_CASE("fit: a model whose sizes change in place is refused, too") {
  Reshaped net;
  const auto transpose = [&](const shallow::Progress&) { std::swap(net.inputs, net.outputs); };
  CHECK_THROWS_WITH_AS(fit_with(net, transpose, false),
                       "fit: model: expected W 3 x 2, as before the callback, given W 2 x 3", shallow::ShapeError);
  CHECK(fit_with(
            net, [](const shallow::Progress&) {}, false)
            .epochs() == 4);
}

TEST_CASE("fit: a callback that moves the model away is refused") {
  Net net = fresh();
  Net taken = fresh();
  CHECK_THROWS_WITH_AS(fit_with(
                           net, [&](const shallow::Progress&) { taken = std::move(net); }, true),
                       "fit: model: expected 25 parameters, as before the callback, given 0", shallow::ShapeError);
  CHECK(taken.parameters().size() == 25);
}

TEST_CASE("fit: a callback may set the parameters, and assign a model of the same sizes") {
  using Any = shallow::DynamicNetwork<double>;
  const auto any = [](auto hidden, unsigned seed) {
    return Any(2, {{6, hidden}, {1, shallow::Sigmoid{}}}, {.seed = seed});
  };
  for (const bool batchwise : {false, true}) {
    // In place and by assignment, which moves the storage: the same training.
    const Any start = any(shallow::Tanh{}, 3), other = any(shallow::Tanh{}, 4);
    Any assigned = start, written = start;
    const auto first = fit_with(
        assigned,
        [&](const shallow::Progress& p) {
          if (p.epoch == 2) assigned = other;
        },
        batchwise);
    const auto second = fit_with(
        written,
        [&](const shallow::Progress& p) {
          if (p.epoch == 2) written.parameters() = other.parameters();
        },
        batchwise);
    CHECK(assigned == written);
    CHECK(first.loss == second.loss);
    CHECK(first.validation_loss == second.validation_loss);
    CHECK_FALSE(assigned == start);
  }
  // Another activation may need more room in the passes' storage, and the samples copied there go with the old one.
  for (const bool softsign_first : {false, true}) {
    const Any plain = any(shallow::Tanh{}, 3), softsign = any(user::Softsign{}, 3);
    Any net = softsign_first ? softsign : plain;
    const Any& other = softsign_first ? plain : softsign;
    const Matrix<double> X = shallow::RandomState(1).randn(2, 30);
    const Matrix<double> Y = Matrix<double>::Constant(1, 30, 0.25);
    const auto change = [&](const shallow::Progress& p) {
      if (p.epoch == 1) net = other;
    };
    const auto history =
        fit(net, X, Y, GradientDescent{}, {.epochs = 3, .on_epoch = change}, shallow::Validation(X, Y));
    CHECK(history.loss[1] == loss(other, X, Y));
    CHECK(history.validation_loss[2] == loss(net, X, Y));
  }
}

// ---- Counting epochs ------------------------------------------------------------------------------------------------

TEST_CASE("fit: Progress counted from 1 again after a resume; it goes on from the epochs of the state") {
  const Data data;
  Net net = fresh();
  shallow::TrainingState<Adam, double> state;
  std::vector<Index> epochs, totals, batches;
  const auto note = [&](const shallow::Progress& p) {
    epochs.push_back(p.epoch);
    totals.push_back(p.epochs);
    CHECK(state.epochs == p.epoch);
    CHECK(state.batches == 0);
  };
  const auto note_batch = [&](const shallow::Progress& p) {
    batches.push_back(p.epoch);
    CHECK(state.epochs == p.epoch - 1);
    CHECK(state.batches == p.batch);
  };
  const shallow::FitOptions two{.epochs = 2, .batch_size = 60, .on_epoch = note, .on_batch = note_batch};
  fit(net, data.X, data.Y, Adam{}, two, state);
  fit(net, data.X, data.Y, Adam{}, two, state);
  CHECK(epochs == std::vector<Index>{1, 2, 3, 4});
  CHECK(totals == std::vector<Index>{2, 2, 4, 4});
  CHECK(batches == std::vector<Index>{1, 1, 2, 2, 3, 3, 4, 4});
}

TEST_CASE("fit: until_epoch counts what the state has done") {
  const Data data;
  Net once = fresh(), parts = fresh();
  shallow::TrainingState<Adam, double> state_once, state;
  fit(once, data.X, data.Y, Adam{}, {.epochs = 5, .batch_size = 20}, state_once);

  const auto until = [&](Index n) {
    Index last = 0;
    const auto history =
        fit(parts, data.X, data.Y, Adam{},
            {.until_epoch = n, .batch_size = 20, .on_epoch = [&](const auto& p) { last = p.epochs; }}, state);
    CHECK(history.reason == StopReason::completed);
    CHECK(last == (history.epochs() > 0 ? n : 0));
    return history.epochs();
  };
  CHECK(until(2) == 2);
  CHECK(until(5) == 3);
  CHECK(parts == once);
  CHECK(state == state_once);
  CHECK(until(5) == 0);
  CHECK(until(3) == 0);
  CHECK(parts == once);
  CHECK(state == state_once);
  // Without a state of the caller's it is a number like any other.
  Net fresh_one = fresh();
  CHECK(fit(fresh_one, data.X, data.Y, Adam{}, {.until_epoch = 3}).epochs() == 3);
}

TEST_CASE("fit: the largest until_epoch overflowed the count, and training never ended") {
  const Data data;
  Net net = fresh();
  shallow::TrainingState<Adam, double> state;
  constexpr Index most = (std::numeric_limits<Index>::max)();
  Index calls = 0;
  const shallow::FitOptions options{.until_epoch = most, .on_epoch = [&](const shallow::Progress& progress) {
                                      CHECK(progress.epoch > 0);
                                      return ++calls < 3;
                                    }};
  CHECK(fit(net, data.X, data.Y, Adam{}, options, state).epochs() == 3);
  // Up to the last epoch but one that an Index counts, and no further.
  calls = 0;
  state.epochs = most - 2;
  const auto history = fit(net, data.X, data.Y, Adam{}, options, state);
  CHECK(history.epochs() == 1);
  CHECK(history.reason == StopReason::completed);
  CHECK(state.epochs == most - 1);
  CHECK(fit(net, data.X, data.Y, Adam{}, options, state).epochs() == 0);
}

TEST_CASE("fit: what the optimiser refuses of its settings and its state leaves model and state as they were") {
  const Data data;
  Net net = fresh();
  shallow::TrainingState<GradientDescent, double> state;
  state.optimizer.steps = -1;
  const auto before = state;
  CHECK_THROWS_WITH_AS(fit(net, data.X, data.Y, GradientDescent{}, {}, state),
                       "GradientDescent: state: steps: expected 0 to 2^62 - 1, given -1", shallow::ValueError);
  CHECK(state == before);
  CHECK(net == fresh());
}

TEST_CASE("fit: epochs beside until_epoch, and counts below zero, are refused") {
  const Data data;
  Net net = fresh();
  shallow::TrainingState<Adam, double> state;
  const auto refuses = [&](const shallow::FitOptions& options, const char* text) {
    CHECK_THROWS_WITH_AS(fit(net, data.X, data.Y, Adam{}, options, state), text, shallow::ValueError);
    CHECK(net == fresh());
  };
  refuses({.epochs = 3, .until_epoch = 5}, "fit: epochs: expected none beside until_epoch, given 3");
  refuses({.epochs = 0, .until_epoch = 5}, "fit: epochs: expected none beside until_epoch, given 0");
  refuses({.until_epoch = -5}, "fit: until_epoch: expected >= 0, given -5");
  state.epochs = -1;
  refuses({}, "fit: TrainingState: epochs: expected >= 0, given -1");
}

TEST_CASE("fit: epochs without an end do not overflow the count of a state") {
  const Data data;
  Net net = fresh();
  shallow::TrainingState<Adam, double> state;
  state.epochs = 7;
  Index seen = 0;
  fit(net, data.X, data.Y, Adam{},
      {.epochs = std::numeric_limits<Index>::max(),
       .on_epoch =
           [&](const shallow::Progress& p) {
             CHECK(p.epochs > p.epoch);
             seen = p.epoch;
             return false;
           }},
      state);
  CHECK(seen == 8);
}

TEST_CASE("fit: an epoch that is broken off is not counted, and the state says so until a new one begins") {
  const Data data;
  Net net = fresh();
  shallow::TrainingState<Adam, double> state;
  const shallow::FitOptions cut{
      .epochs = 5, .batch_size = 20, .on_batch = [](const auto& p) { return p.epoch < 2 || p.batch < 3; }};
  const auto history = fit(net, data.X, data.Y, Adam{}, cut, state);
  CHECK(history.epochs() == 1);
  CHECK(state.epochs == 1);
  CHECK(state.batches == 3);
  CHECK(state.optimizer.steps == 6 + 3);
  Index first = 0;
  fit(net, data.X, data.Y, Adam{},
      {.epochs = 1,
       .batch_size = 20,
       .on_batch =
           [&](const auto& p) {
             if (first == 0) first = p.epoch;
           }},
      state);
  CHECK(first == 2);
  CHECK(state.epochs == 2);
  CHECK(state.batches == 0);
  CHECK(state.optimizer.steps == 9 + 6);
}

// ---- Divergence -----------------------------------------------------------------------------------------------------

TEST_CASE("fit: parameters that were NaN at the start were called those of the last finite epoch") {
  const Data data;
  constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto refuses = [&](auto net, Index k, double bad, const char* text) {
    net.parameters()(k) = bad;
    CHECK_THROWS_WITH_AS(fit(net, data.X, data.Y, Adam{}, {.epochs = 3}), text, shallow::ValueError);
  };
  refuses(fresh(), 6, not_a_number, "fit: model: expected finite parameters, given nan in W1 at row 0, column 1");
  refuses(fresh(), 5, infinity, "fit: model: expected finite parameters, given inf in W1 at row 5, column 0");
  refuses(fresh(), 14, -infinity, "fit: model: expected finite parameters, given -inf in b1 at row 2, column 0");
  refuses(fresh(), 24, not_a_number, "fit: model: expected finite parameters, given nan in b2 at row 0, column 0");
  // The first of several.
  Net net = fresh();
  net.parameters().tail(9).setConstant(not_a_number);
  refuses(net, 20, infinity, "fit: model: expected finite parameters, given nan in b1 at row 4, column 0");
  Recorder own;
  CHECK_THROWS_WITH_AS((own.theta(0) = infinity, fit(own, data.Y, data.Y, Adam{})),
                       "fit: model: expected finite parameters, given inf in w at row 0, column 0",
                       shallow::ValueError);
}

TEST_CASE("fit: a divergence says where the parameters are from") {
  const Matrix<float> X = Matrix<float>::Ones(1, 3);
  const auto run = [&](float weight, Index done) {
    shallow::Layer<float, shallow::Identity> net(1, 1, {.seed = 1});
    net.weights()(0, 0) = weight;
    shallow::TrainingState<GradientDescent, float> state;
    state.epochs = done;
    return fit(net, X, X, GradientDescent{.learning_rate = 1e30}, {.epochs = 5}, state).message;
  };
  const std::string advice = " Try a smaller learning_rate, features scaled to about [-1, 1], or smaller first weights";
  CHECK(run(1e30f, 0) ==
        "the loss turned NaN or infinite in epoch 1; no epoch of this fit ended with a finite loss, and "
        "the parameters are as they were given." +
            advice);
  CHECK(run(1e30f, 4) ==
        "the loss turned NaN or infinite in epoch 5; no epoch of this fit ended with a finite loss, and "
        "the parameters are as they were given." +
            advice);
  CHECK(run(1e15f, 0) ==
        "a parameter turned NaN or infinite in epoch 1; the parameters are those of the last epoch "
        "whose loss was finite." +
            advice);
}

// ---- Optimisers -----------------------------------------------------------------------------------------------------

namespace {

/// theta := theta - 0.1 g, in the shape that an optimiser may have: `theta` by reference.
struct ByReference {
  template <class T>
  struct State {
    Index steps = 0;
  };
  void check() const {}
  template <class P, class G, class T>
  void step(P& theta, const G& g, State<T>& state) const {
    static_assert(std::is_same_v<P, Eigen::Map<shallow::Vector<T>>>);
    theta -= T(0.1) * g;
    ++state.steps;
  }
};

}  // namespace

TEST_CASE("fit: an optimiser that takes theta by reference models the concept, and was no optimiser to fit") {
  static_assert(shallow::Optimizer<ByReference, double>);
  const Data data;
  Net by_own = fresh(), by_ours = fresh();
  fit(by_own, data.X, data.Y, ByReference{}, {.epochs = 3});
  ByReference::State<double> state;
  shallow::step(by_own, data.X, data.Y, ByReference{}, state);
  CHECK(state.steps == 1);
  fit(by_ours, data.X, data.Y, GradientDescent{.learning_rate = 0.1}, {.epochs = 4});
  CHECK(by_own.parameters().isApprox(by_ours.parameters(), 1e-12));
  // A model of one's own whose parameters are an Eigen::VectorXd, which an optimiser could resize, gives a Map, too.
  user::LinearRegression model(2);
  shallow::fit(model, data.X, data.Y, ByReference{}, {.epochs = 3});
  CHECK(model.theta.norm() > 0);
}
