// SPDX-License-Identifier: MIT

#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/network.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>

using shallow::check_gradients;
using shallow::DynamicNetwork;
using shallow::Index;
using shallow::Matrix;

namespace {

/// A network whose gradient of one block is wrong by a factor, and whose J has something added to it.
template <class Net>
struct Planted {
  using Scalar = typename Net::Scalar;
  using Workspace = typename Net::Workspace;

  Net net;
  std::string block;
  double factor;
  double added = 0;
  Index entry = -1;  ///< of the block, one is added to its derivative

  auto parameters() { return net.parameters(); }
  auto parameters() const { return net.parameters(); }
  auto parameter_blocks() const { return net.parameter_blocks(); }
  auto default_loss() const { return net.default_loss(); }
  template <class X, class Y, class L>
  Scalar loss(const X& x, const Y& y, const L& l, Workspace& w) const {
    return net.loss(x, y, l, w) + Scalar(added);
  }
  template <class X, class Y, class L, class G>
  Scalar loss_and_gradient(const X& x, const Y& y, const L& l, G& gradient, Workspace& w,
                           Matrix<Scalar>* dX = nullptr) const {
    const Scalar J = net.loss_and_gradient(x, y, l, gradient, w, dX);
    for (const auto& b : net.parameter_blocks()) {
      if (b.name == block) gradient.segment(b.offset, b.size()) *= Scalar(factor);
      if (b.name == block && entry >= 0) gradient(b.offset + entry) += Scalar(1);
    }
    if (dX && block == "X") *dX *= Scalar(factor);
    return J + Scalar(added);
  }
};

DynamicNetwork<double> deep_net(double scale) {
  return {3,
          {{5, shallow::Tanh{}}, {4, shallow::Tanh{}}, {3, shallow::Tanh{}}, {1, shallow::Sigmoid{}}},
          {.seed = 1, .initializer = shallow::Initializer::gaussian(scale)}};
}

/// A model with one derivative that is NaN.
struct OneNaN : user::LinearRegression {
  using user::LinearRegression::LinearRegression;
  template <class X, class Y, class L, class G>
  double loss_and_gradient(const X& x, const Y& y, const L& l, G& gradient, Workspace& workspace) const {
    const double J = user::LinearRegression::loss_and_gradient(x, y, l, gradient, workspace);
    gradient(1) = std::numeric_limits<double>::quiet_NaN();
    return J;
  }
};

}  // namespace

TEST_CASE("gradient check: a planted error comes out large in every block, and is named") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  const auto net = deep_net(1);
  REQUIRE(check_gradients(net, X, Y).passed);
  for (const auto& block : net.parameter_blocks()) {
    for (const double factor : {2.0, 4.0, 0.0, -1.0, 1.001}) {
      const auto result = check_gradients(Planted<DynamicNetwork<double>>{net, block.name, factor}, X, Y);
      INFO(result.message);
      CHECK_FALSE(result.passed);
      CHECK(result.block == block.name);
      CHECK(result.worst == doctest::Approx(std::abs(factor - 1) / (std::abs(factor) + 1)).epsilon(1e-4));
    }
  }
}

TEST_CASE("gradient check: mlpack 1923, the layer under test was always the first: dJ/dX is checked, too") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  const auto result = check_gradients(Planted<DynamicNetwork<double>>{deep_net(1), "X", 2}, X, Y);
  CHECK_FALSE(result.passed);
  CHECK(result.block == "X");
  CHECK(result.worst == doctest::Approx(1.0 / 3).epsilon(1e-4));
}

TEST_CASE("gradient check: one norm over all would hide an error that the worst block shows") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  const auto net = deep_net(0.01);
  const auto result = check_gradients(Planted<DynamicNetwork<double>>{net, "W1", 2}, X, Y);
  CHECK_FALSE(result.passed);
  double difference = 0, norm = 0;
  for (const auto& block : result.blocks) {
    difference += std::pow(block.difference * block.norm, 2);
    norm += std::pow(block.norm, 2);
  }
  CHECK(std::sqrt(difference / norm) < 1e-4);
  CHECK(result.worst > 0.3);
}

TEST_CASE("gradient check: tiny-dnn PR 871, both sides zero: refused, not passed") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = Matrix<double>::Constant(1, 6, 0.5);
  DynamicNetwork<double> zero(3, {{4, shallow::Tanh{}}, {1, shallow::Sigmoid{}}},
                              {.initializer = shallow::Initializer::zeros()});
  const auto result = check_gradients(zero, X, Y);  // sigma(0) = 0.5 = y: no gradient anywhere
  CHECK(result.worst <= 1e-7);
  CHECK_FALSE(result.passed);
  CHECK(result.message.find("the gradients are zero, or drowned by rounding, in W1, b1, W2, b2, X") !=
        std::string::npos);
}

TEST_CASE("gradient check: tiny-dnn 60, an absolute float threshold passed at 100 units and failed at 101") {
  for (const Index units : {10, 100, 101, 300}) {
    const shallow::Network<shallow::Layer<float, shallow::Tanh>, shallow::Layer<float, shallow::Sigmoid>> net(
        {3, units, 1}, {.seed = 1, .initializer = shallow::Initializer::glorot()});
    const Matrix<float> X = shallow::RandomState(1).randn<float>(3, 5);
    const Matrix<float> Y = (X.row(0).array() > 0).cast<float>();
    const auto result = check_gradients(net, X, Y);
    INFO(result.message);
    CHECK(result.passed);
    using Net = std::remove_cvref_t<decltype(net)>;
    CHECK_FALSE(check_gradients(Planted<Net>{net, "W1", 1.1}, X, Y).passed);
  }
}

TEST_CASE("gradient check: a corner of ReLU within the step is not an error") {
  // z = 2e-6 for the first sample: the first step of 6e-6 crosses the corner.
  shallow::Network<shallow::Layer<double, shallow::ReLU>, shallow::Layer<double, shallow::Identity>> net({1, 1, 1});
  net.layer<0>().weights()(0, 0) = 1;
  net.layer<0>().bias()(0) = -1 + 2e-6;
  net.layer<1>().weights()(0, 0) = 1;
  const Matrix<double> X = Eigen::RowVector2d(1, 2);
  const Matrix<double> Y = Eigen::RowVector2d(3, 5);
  const auto result = check_gradients(net, X, Y);
  INFO(result.message);
  CHECK(result.passed);
}

TEST_CASE("gradient check: the course's small weights, whose gradients are near the rounding of J, pass") {
  const auto X = shallow::RandomState(1).randn(2, 400);
  const Matrix<double> Y = (X.row(0).array() * X.row(1).array() > 0).cast<double>();
  const DynamicNetwork<double> net(2, {{4, shallow::Tanh{}}, {1, shallow::Sigmoid{}}},
                                   {.seed = 2, .initializer = shallow::Initializer::gaussian(0.01)});
  const auto result = check_gradients(net, X, Y);
  INFO(result.message);
  CHECK(result.passed);
  CHECK_FALSE(check_gradients(Planted<DynamicNetwork<double>>{net, "b1", 1.1}, X, Y).passed);
}

TEST_CASE("gradient check: a user's own model") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 8);
  const Matrix<double> Y = shallow::RandomState(2).randn(1, 8);
  user::LinearRegression model(3);
  static_assert(shallow::Trainable<user::LinearRegression>);
  CHECK(check_gradients(model, X, Y).passed);
  model.planted = 4;
  const auto result = check_gradients(model, X, Y);
  CHECK_FALSE(result.passed);
  CHECK(result.block == "b");
  CHECK(result.worst == doctest::Approx(0.6).epsilon(1e-4));
}

TEST_CASE("gradient check: a gradient that is not finite fails") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  const auto result = check_gradients(
      Planted<DynamicNetwork<double>>{deep_net(1), "W2", std::numeric_limits<double>::quiet_NaN()}, X, Y);
  CHECK_FALSE(result.passed);
  CHECK(result.block == "W2");
  CHECK(result.worst == 1);
}

TEST_CASE("gradient check: NaN in one entry is the worst, whatever follows it") {
  const Matrix<double> X = shallow::RandomState(1).randn(4, 8);
  const Matrix<double> Y = shallow::RandomState(2).randn(1, 8);
  const auto result = check_gradients(OneNaN(4), X, Y);
  CHECK_FALSE(result.passed);
  CHECK(result.block == "w");
  CHECK(result.row == 1);
}

TEST_CASE("gradient check: the model is not changed, the verdict prints") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  const auto net = deep_net(1);
  const auto before = net;
  const auto result = check_gradients(net, X, Y);
  CHECK(net == before);
  CHECK(bool(result));
  std::ostringstream out;
  out << result;
  CHECK(out.str().find("passed: worst relative difference ") == 0);
  CHECK(out.str().find(result.block + "(") != std::string::npos);
}

TEST_CASE("gradient check: an error of 1 % behind a J of 5e7, which rounding hides, does not pass") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  const auto net = deep_net(1);
  for (const double added : {1e2, 1e3, 1e4, 1e5, 1e6, 5e7, 1e9, 1e12, -5e7}) {
    CAPTURE(added);
    for (const auto& block : net.parameter_blocks()) {
      for (const double factor : {1.01, 0.99}) {
        const auto wrong = check_gradients(Planted<DynamicNetwork<double>>{net, block.name, factor, added}, X, Y);
        INFO(wrong.message);
        CHECK_FALSE(wrong.passed);
        // Where the block was measured, the error was found; where it was not, it says so.
        for (const auto& found : wrong.blocks) {
          if (found.name != block.name) continue;
          CHECK(found.measured == (found.difference > 2e-3));
          CHECK(found.measured == (found.rounding < 1e-3));
          if (!found.measured) CHECK(wrong.message.find("drowned by rounding, in ") != std::string::npos);
        }
      }
    }
    // Right code is not called wrong: either it passes, or it was not measured.
    const auto right = check_gradients(Planted<DynamicNetwork<double>>{net, "W1", 1, added}, X, Y);
    INFO(right.message);
    bool measured = true;
    for (const auto& block : right.blocks) measured = measured && block.measured;
    CHECK(right.passed == measured);
    CHECK(right.worst <= 1e-7);
    CHECK(right.message.find(measured ? "passed: " : "NOT MEASURED: ") == 0);
  }
  const auto drowned = check_gradients(Planted<DynamicNetwork<double>>{net, "W1", 1.01, 5e7}, X, Y);
  CHECK(drowned.message.find("NOT MEASURED: ") == 0);
  CHECK(check_gradients(Planted<DynamicNetwork<double>>{net, "W1", 1.01, 1e2}, X, Y).message.find("FAILED: ") == 0);
  // What is wrong beyond all rounding is wrong with a large J, too.
  const auto reversed = check_gradients(Planted<DynamicNetwork<double>>{net, "W2", -1, 1e6}, X, Y);
  INFO(reversed.message);
  CHECK(reversed.message.find("FAILED: ") == 0);
  CHECK(reversed.block == "W2");
}

TEST_CASE(
    "gradient check: one block that is drowned beside others that are not is not measured, and so nothing passes") {
  // Inputs of 1e-9: J hardly knows of the weights that they are multiplied by.
  Matrix<double> X = shallow::RandomState(1).randn(2, 8);
  const Matrix<double> Y = shallow::RandomState(2).randn(1, 8);
  shallow::Network<shallow::Layer<double, shallow::Tanh>, shallow::Layer<double, shallow::Identity>> net(
      {2, 3, 1}, {.seed = 1, .initializer = shallow::Initializer::gaussian(1)});
  net.layer<0>().bias() << 0.5, -0.25, 0.75;
  REQUIRE(check_gradients(net, X, Y).passed);
  X *= 1e-9;
  const auto result = check_gradients(net, X, Y);
  INFO(result.message);
  CHECK_FALSE(result.passed);
  CHECK(result.message.find("NOT MEASURED: ") == 0);
  CHECK(result.message.find("drowned by rounding, in W1, so nothing was checked there") != std::string::npos);
  for (const auto& block : result.blocks) CHECK(block.measured == (block.name != "W1"));
  // An error in that block cannot be seen, and is not said to have been; one in another is.
  CHECK_FALSE(check_gradients(Planted<decltype(net)>{net, "W1", 1.5}, X, Y).passed);
  const auto other = check_gradients(Planted<decltype(net)>{net, "b1", 1.01}, X, Y);
  CHECK(other.message.find("FAILED: ") == 0);
  CHECK(other.block == "b1");
}

TEST_CASE("gradient check: no verdict says 'difference 0' beside numbers that differ") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  for (const double scale : {1.0, 0.1, 0.01}) {
    for (const double added : {0.0, 1e3, 5e7}) {
      for (const double factor : {1.0, 1.01}) {
        const auto result =
            check_gradients(Planted<DynamicNetwork<double>>{deep_net(scale), "b2", factor, added}, X, Y);
        INFO(result.message);
        if (result.analytic != result.numeric) CHECK(result.message.find("difference 0 ") == std::string::npos);
      }
    }
  }
}

TEST_CASE("gradient check: the entry that is most apart is named by its row and column") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  const auto net = deep_net(1);
  Planted<DynamicNetwork<double>> planted{net, "W2", 1};
  for (const Index row : {0, 2, 3}) {
    for (const Index col : {0, 1, 4}) {
      planted.entry = row + 4 * col;  // W2 is 4 x 5
      const auto result = check_gradients(planted, X, Y);
      INFO(result.message);
      CHECK(result.block == "W2");
      CHECK(result.row == row);
      CHECK(result.col == col);
      CHECK(result.analytic == doctest::Approx(result.numeric + 1));
    }
  }
}

TEST_CASE("gradient check: a difference of 5e-7 does not pass in double") {
  const Matrix<double> X = shallow::RandomState(1).randn(3, 6);
  const Matrix<double> Y = (X.row(0).array() > 0).cast<double>();
  CHECK_FALSE(check_gradients(Planted<DynamicNetwork<double>>{deep_net(1), "W3", 1 + 1e-6}, X, Y).passed);
  CHECK(check_gradients(Planted<DynamicNetwork<double>>{deep_net(1), "W3", 1 + 1e-8}, X, Y).passed);
}

TEST_CASE("gradient check: a corner nearer than a tenth of the step, and a parameter of 1e6") {
  shallow::Network<shallow::Layer<double, shallow::ReLU>, shallow::Layer<double, shallow::Identity>> net({1, 1, 1});
  net.layer<0>().weights()(0, 0) = 1;
  net.layer<0>().bias()(0) = -1 + 2e-7;
  net.layer<1>().weights()(0, 0) = 1;
  const Matrix<double> X = Eigen::RowVector2d(1, 2);
  const Matrix<double> Y = Eigen::RowVector2d(3, 5);
  const auto near = check_gradients(net, X, Y);
  INFO(near.message);
  CHECK(near.passed);
  // (w x)^2 with w = 1e6 and x = 1e-6: a step of 6e-6 would change nothing that J can tell. In a layer W
  // is a block by itself: in one block with b, whose derivative is 1e6 times as large, no error in W's would show.
  shallow::Layer<double, shallow::Identity> model(1, 1);
  model.parameters() << 1e6, 1;
  const Matrix<double> small_X = Eigen::RowVector2d(1e-6, 2e-6);
  const auto large = check_gradients(model, small_X, Y);
  INFO(large.message);
  CHECK(large.passed);
  // It was reckoned by that step, and an error of 4e-5 forgiven.
  CHECK(large.blocks.at(0).rounding < 1e-9);
}

TEST_CASE("gradient check: settings are checked") {
  const Matrix<double> X = Matrix<double>::Ones(3, 1);
  const Matrix<double> Y = Matrix<double>::Ones(1, 1);
  const auto net = deep_net(1);
  CHECK_THROWS_WITH_AS(check_gradients(net, X, Y, shallow::GradientCheckOptions{.step = -1}),
                       "check_gradients: step: expected >= 0 and finite, given -1", shallow::ValueError);
  CHECK_THROWS_WITH_AS(check_gradients(net, X, Y, shallow::GradientCheckOptions{.tolerance = -1}),
                       "check_gradients: tolerance: expected >= 0 and finite, given -1", shallow::ValueError);
  CHECK_THROWS_AS(check_gradients(net, X.topRows(2), Y), shallow::ShapeError);
}

TEST_CASE_TEMPLATE("gradient check: a step that changes no parameter gave 0 / 0, and a right gradient failed", T, float,
                   double) {
  const Matrix<T> X = Matrix<T>::Ones(3, 1);
  const Matrix<T> Y = Matrix<T>::Ones(1, 1);
  const shallow::Network<shallow::Layer<T, shallow::Tanh>, shallow::Layer<T, shallow::Sigmoid>> net(
      {3, 2, 1}, {.seed = 1, .initializer = shallow::Initializer::glorot()});
  const double epsilon = double(std::numeric_limits<T>::epsilon());
  const std::string text = "check_gradients: step: expected the machine epsilon of the number type to 1, or 0, given ";
  // A large one moved X to infinity, which was then said of the caller's.
  for (const double step : {epsilon / 2, 1.5, 1e39, 1e308}) {
    CHECK_THROWS_WITH_AS(check_gradients(net, X, Y, shallow::GradientCheckOptions{.step = step}),
                         (text + shallow::detail::to_text(step)).c_str(), shallow::ValueError);
  }
  const shallow::GradientCheck check = check_gradients(net, X, Y, shallow::GradientCheckOptions{.step = epsilon});
  CAPTURE(check.message);
  CHECK(check.message.starts_with("NOT MEASURED"));
  CHECK(check.message.find("nan") == std::string::npos);
}

TEST_CASE_TEMPLATE("gradient check: right gradients of outputs far from zero were called wrong", T, float, double,
                   long double) {
  using Net = shallow::Network<shallow::Layer<T, shallow::Tanh>, shallow::Layer<T, shallow::Identity>>;
  const Matrix<T> X = shallow::RandomState(1).randn<T>(2, 5), noise = shallow::RandomState(2).randn<T>(1, 5);
  for (const double offset : {1.0, 300.0, 3e5}) {
    if (offset > 1000 && std::is_same_v<T, float>) continue;  // where outputs are 0.03 apart
    CAPTURE(offset);
    Net net({2, 3, 1}, {.seed = 1});
    net.template layer<1>().bias()(0) = T(offset);
    const auto check = check_gradients(net, X, Matrix<T>(noise.array() + T(offset)));
    INFO(check.message);
    CHECK_FALSE(check.message.starts_with("FAILED"));
    // Farther away the larger bias is drowned in its rounding.
    if (offset < (std::is_same_v<T, float> ? 2 : 1000)) CHECK(check.passed);
  }
}
