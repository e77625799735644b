// SPDX-License-Identifier: MIT
#include "shallow/fit.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/two_layer_net.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using shallow::Adam;
using shallow::GradientDescent;
using shallow::Index;
using shallow::Matrix;
using shallow::Momentum;
using shallow::ShapeError;
using shallow::ValueError;
using shallow::Vector;

namespace {

/// A user's optimiser: every parameter moves by the rate against the sign of its derivative.
struct SignDescent {
  double learning_rate = 0.01;
  template <class T>
  struct State {
    std::int64_t steps = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  void check() const {}
  template <class Parameters, class Gradient, class T>
  void step(Parameters&& theta, const Gradient& g, State<T>& state) const {
    theta -= T(learning_rate) * g.cwiseSign();
    ++state.steps;
  }
};

struct NoState {
  void check() const {}
  template <class P, class G, class S>
  void step(P&&, const G&, S&) const {}
};
struct NoCheck {
  template <class T>
  struct State {};
  template <class P, class G, class S>
  void step(P&&, const G&, S&) const {}
};
struct NoStep {
  template <class T>
  struct State {};
  void check() const {}
};
struct NotCopyable : SignDescent {
  NotCopyable(const NotCopyable&) = delete;
};

template <class O>
constexpr bool is_optimizer = shallow::Optimizer<O, float>&& shallow::Optimizer<O, double>;
template <class O>
constexpr bool no_optimizer = !shallow::Optimizer<O, float> && !shallow::Optimizer<O, double>;

static_assert(is_optimizer<GradientDescent> && is_optimizer<Momentum> && is_optimizer<Adam> &&
              is_optimizer<SignDescent>);
static_assert(no_optimizer<int> && no_optimizer<NoState> && no_optimizer<NoCheck> && no_optimizer<NoStep> &&
              no_optimizer<NotCopyable> && no_optimizer<Adam::State<double>>);
static_assert(std::is_aggregate_v<GradientDescent> && std::is_aggregate_v<Momentum> && std::is_aggregate_v<Adam>);

template <class O, class T>
using State = typename O::template State<T>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
Vector<T> start() {
  Vector<T> theta(5);
  theta << T(0.5), T(-1.25), T(3), T(0), T(-0.001);
  return theta;
}

/// A gradient that changes from step to step, with a zero and a tiny entry.
template <class T>
Vector<T> gradient(int step) {
  Vector<T> g(5);
  g << T(0.3 * step), T(-2 + 0.7 * step), T(0), T(1e-3), T(step % 2 ? -0.4 : 0.9);
  return g;
}

/// Runs `optimizer` for some steps beside `by_hand(theta, g, t)`, the textbook's recurrence of one number.
template <class T, class O, class ByHand>
void follows(const O& optimizer, ByHand&& by_hand) {
  Vector<T> theta = start<T>();
  State<O, T> state;
  std::vector<double> expected(5);
  for (Index i = 0; i < 5; ++i) expected[std::size_t(i)] = double(theta(i));
  for (int t = 1; t <= 12; ++t) {
    CAPTURE(t);
    const Vector<T> g = gradient<T>(t);
    optimizer.step(theta, g, state);
    for (Index i = 0; i < 5; ++i) {
      CAPTURE(i);
      double& x = expected[std::size_t(i)];
      x = by_hand(x, double(g(i)), t, std::size_t(i));
      CHECK(std::abs(double(theta(i)) - x) <=
            8 * t * double(std::numeric_limits<T>::epsilon()) * std::max(1.0, std::abs(x)));
    }
    CHECK(state.steps == t);
  }
}

}  // namespace

// ---- The recurrences ------------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("GradientDescent: theta := theta - alpha g", T, float, double) {
  follows<T>(GradientDescent{.learning_rate = 0.125},
             [](double theta, double g, int, std::size_t) { return theta - 0.125 * g; });
  CHECK(GradientDescent{}.learning_rate == 0.01);
}

TEST_CASE_TEMPLATE("Momentum: v := mu v + g, theta := theta - alpha v", T, float, double) {
  for (const double mu : {0.0, 0.5, 0.9}) {
    CAPTURE(mu);
    std::vector<double> v(5, 0.0);
    follows<T>(Momentum{.learning_rate = 0.125, .momentum = mu}, [&](double theta, double g, int, std::size_t i) {
      v[i] = mu * v[i] + g;
      return theta - 0.125 * v[i];
    });
  }
  CHECK(Momentum{}.learning_rate == 0.01);
  CHECK(Momentum{}.momentum == 0.9);
}

TEST_CASE_TEMPLATE("Adam: algorithm 1 of Kingma and Ba, with decoupled decay", T, float, double) {
  for (const Adam adam : {Adam{}, Adam{.learning_rate = 0.1}, Adam{.learning_rate = 0.01, .beta1 = 0, .beta2 = 0},
                          Adam{.learning_rate = 0.05, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 0.01},
                          Adam{.learning_rate = 0.1, .weight_decay = 0.25}}) {
    CAPTURE(adam.learning_rate);
    CAPTURE(adam.beta1);
    std::vector<double> m(5, 0.0), v(5, 0.0);
    follows<T>(adam, [&](double theta, double g, int t, std::size_t i) {
      m[i] = adam.beta1 * m[i] + (1 - adam.beta1) * g;
      v[i] = adam.beta2 * v[i] + (1 - adam.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(adam.beta1, t));
      const double v_hat = v[i] / (1 - std::pow(adam.beta2, t));
      return theta - adam.learning_rate * (m_hat / (std::sqrt(v_hat) + adam.epsilon) + adam.weight_decay * theta);
    });
  }
  CHECK(Adam{}.learning_rate == 0.001);
  CHECK(Adam{}.beta1 == 0.9);
  CHECK(Adam{}.beta2 == 0.999);
  CHECK(Adam{}.epsilon == 1e-8);
  CHECK(Adam{}.weight_decay == 0);
}

TEST_CASE_TEMPLATE("Momentum without momentum is gradient descent, bit for bit", T, float, double) {
  Vector<T> a = start<T>(), b = start<T>();
  State<GradientDescent, T> state_a;
  State<Momentum, T> state_b;
  for (int t = 1; t <= 5; ++t) {
    GradientDescent{.learning_rate = 0.3}.step(a, gradient<T>(t), state_a);
    Momentum{.learning_rate = 0.3, .momentum = 0}.step(b, gradient<T>(t), state_b);
  }
  CHECK(a == b);
}

// ---- Adam's traps ---------------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE(
    "Adam's first step moves every block by the rate (MiniDNN, tiny-dnn: the second one by 0.000744, not 0.001)", T,
    float, double) {
  shallow::TwoLayerNet<T> net(2, 3, 2, {.seed = 3, .initializer = shallow::Initializer::glorot()});
  Matrix<T> X(2, 3), Y(2, 3);
  X << T(1), T(-2), T(0.5), T(0.25), T(1), T(-1);
  Y << T(0), T(1), T(1), T(1), T(0), T(1);
  const Vector<T> before = net.parameters();
  const Vector<T> g = shallow::gradients(net, X, Y).parameters;
  REQUIRE(g.cwiseAbs().minCoeff() > T(1e-3));
  State<Adam, T> state;
  shallow::step(net, X, Y, Adam{}, state);
  const Vector<T> moved = net.parameters() - before;
  for (const auto& block : net.parameter_blocks()) {
    CAPTURE(block.name);
    for (Index i = block.offset; i < block.offset + block.size(); ++i) {
      const double expected = -0.001 * double(g(i)) / (std::abs(double(g(i))) + 1e-8);
      CHECK(std::abs(double(moved(i)) - expected) <= 4 * double(std::numeric_limits<T>::epsilon()));
      CHECK(std::abs(std::abs(double(moved(i))) - 0.001) <= 1e-6);
    }
  }
  CHECK(state.steps == 1);
}

TEST_CASE_TEMPLATE("Adam: a state that was reset is as new, bit for bit (tiny-dnn keeps the powers of beta)", T, float,
                   double) {
  const Adam adam{.learning_rate = 0.05};
  State<Adam, T> state;
  Vector<T> elsewhere = start<T>();
  for (int t = 1; t <= 9; ++t) adam.step(elsewhere, gradient<T>(t), state);
  state = {};
  CHECK(state == State<Adam, T>{});
  State<Adam, T> fresh;
  Vector<T> a = start<T>(), b = start<T>();
  for (int t = 1; t <= 4; ++t) {
    adam.step(a, gradient<T>(t), state);
    adam.step(b, gradient<T>(t), fresh);
  }
  CHECK(a == b);
  CHECK(state == fresh);
}

TEST_CASE_TEMPLATE("Adam: epsilon stands outside of the square root (inside in tiny-dnn)", T, float, double) {
  // g / (g + epsilon): 1/101 for g = epsilon / 100; inside of the root it would be 1e-6.
  for (const double ratio : {0.01, 1.0, 100.0}) {
    CAPTURE(ratio);
    const double g = ratio * 1e-8;
    Vector<T> theta = Vector<T>::Zero(3);
    State<Adam, T> state;
    Adam{.learning_rate = 1}.step(theta, Vector<T>::Constant(3, T(g)), state);
    CHECK(double(theta(0)) == doctest::Approx(-g / (g + 1e-8)).epsilon(1e-5));
  }
}

TEST_CASE_TEMPLATE("Adam: weight decay is decoupled from the moments", T, float, double) {
  const Adam adam{.learning_rate = 0.1, .weight_decay = 0.25};
  Vector<T> theta = start<T>();
  State<Adam, T> state;
  for (int t = 1; t <= 3; ++t) {
    const Vector<T> expected = theta * T(1 - 0.1 * 0.25);
    adam.step(theta, Vector<T>::Zero(5), state);
    CHECK(theta == expected);
  }
  CHECK(state.first == Vector<T>::Zero(5));
  CHECK(state.second == Vector<T>::Zero(5));

  // With a gradient, too, the moments do not know of it.
  State<Adam, T> with, without;
  Vector<T> a = start<T>(), b = start<T>();
  for (int t = 1; t <= 3; ++t) {
    adam.step(a, gradient<T>(t), with);
    Adam{.learning_rate = 0.1}.step(b, gradient<T>(t), without);
  }
  CHECK(with == without);
  CHECK(a != b);
}

TEST_CASE_TEMPLATE("A zero gradient moves nothing", T, float, double) {
  const auto stays = [](const auto& optimizer) {
    Vector<T> theta = start<T>();
    State<std::remove_cvref_t<decltype(optimizer)>, T> state;
    optimizer.step(theta, Vector<T>::Zero(5), state);
    return theta == start<T>();
  };
  CHECK(stays(GradientDescent{}));
  CHECK(stays(Momentum{}));
  CHECK(stays(Adam{}));
}

TEST_CASE_TEMPLATE("Adam: an epsilon that T rounds to 0 leaves no 0 / 0 behind", T, float, double) {
  for (const double epsilon : {1e-60, 1e-310, 5e-324}) {
    CAPTURE(epsilon);
    const Adam adam{.learning_rate = 0.1, .epsilon = epsilon};
    CHECK_NOTHROW(adam.check());
    for (const Index size : {1, 3, 40}) {  // packets and numbers
      Vector<T> theta = Vector<T>::Ones(size);
      State<Adam, T> state;
      for (int t = 1; t <= 3; ++t) adam.step(theta, Vector<T>::Zero(size), state);
      CHECK(theta == Vector<T>::Ones(size));
      adam.step(theta, Vector<T>::Ones(size), state);
      CHECK((theta.array() < T(1)).all());
    }
  }
}

TEST_CASE("Optimisers' states differ if any number in them does") {
  Adam::State<double> a;
  Vector<double> theta = start<double>();
  Adam{}.step(theta, gradient<double>(1), a);
  auto b = a;
  CHECK(a == b);
  b.first(2) += 1;
  CHECK(!(a == b));
  b = a;
  b.second(4) += 1;
  CHECK(!(a == b));
  Momentum::State<double> c;
  Momentum{}.step(theta, gradient<double>(1), c);
  auto d = c;
  CHECK(c == d);
  d.velocity(0) += 1;
  CHECK(!(c == d));
}

// ---- The laws of all ------------------------------------------------------------------------------------------------

namespace {

/// J = 1/2 sum_i k_i (theta_i - c_i)^2: the way down its bowl ends at c.
template <class T, class O>
void converges(const O& optimizer, int steps, double tolerance) {
  Vector<T> k(4), c(4);
  k << T(0.5), T(1), T(2), T(4);
  c << T(1), T(-2), T(0), T(0.25);
  Vector<T> theta = Vector<T>::Constant(4, T(2));
  State<O, T> state;
  for (int t = 0; t < steps; ++t) optimizer.step(theta, k.cwiseProduct(theta - c), state);
  CHECK(double((theta - c).cwiseAbs().maxCoeff()) <= tolerance);
}

template <class T, class O>
void laws(const O& optimizer) {
  // The state is all that is remembered: a copy of it goes on with the same bits.
  Vector<T> theta = start<T>();
  State<O, T> state;
  CHECK(state == State<O, T>{});
  for (int t = 1; t <= 3; ++t) optimizer.step(theta, gradient<T>(t), state);
  CHECK(!(state == State<O, T>{}));
  State<O, T> copy = state;
  Vector<T> copied = theta;
  CHECK(copy == state);
  optimizer.step(theta, gradient<T>(4), state);
  CHECK(!(copy == state));
  optimizer.step(copied, gradient<T>(4), copy);
  CHECK(copy == state);
  CHECK(copied == theta);

  // A part of a larger vector moves alone, given expressions or not.
  Vector<T> larger = Vector<T>::Constant(9, T(7));
  larger.segment(2, 5) = start<T>();
  State<O, T> of_segment;
  for (int t = 1; t <= 4; ++t) optimizer.step(larger.segment(2, 5), T(1) * gradient<T>(t), of_segment);
  const double roundings = 16 * double(std::numeric_limits<T>::epsilon());  // a packet's square root is not a number's
  CHECK(double((larger.segment(2, 5) - theta).cwiseAbs().maxCoeff()) <= roundings);
  CHECK((larger.head(2).array() == T(7)).all());
  CHECK((larger.tail(2).array() == T(7)).all());

  // One parameter's movement does not depend on its place.
  Vector<T> many = start<T>().replicate(5, 1);
  State<O, T> of_many;
  for (int t = 1; t <= 4; ++t) optimizer.step(many, gradient<T>(t).replicate(5, 1), of_many);
  CHECK(double((many - theta.replicate(5, 1)).cwiseAbs().maxCoeff()) <= roundings);
}

/// Samples with a rule in them.
template <class T>
struct Data {
  Matrix<T> X = shallow::RandomState(1).randn<T>(2, 7);
  Matrix<T> Y = (X.row(0).array() * X.row(1).array() > T(0)).template cast<T>();
};

}  // namespace

TEST_CASE_TEMPLATE("laws of every optimiser", T, float, double) {
  laws<T>(GradientDescent{.learning_rate = 0.1});
  laws<T>(Momentum{.learning_rate = 0.1});
  laws<T>(Adam{.learning_rate = 0.1, .weight_decay = 0.01});
  laws<T>(SignDescent{.learning_rate = 0.1});
}

TEST_CASE_TEMPLATE("Every optimiser finds the bottom of a bowl", T, float, double) {
  const double tight = 16 * double(std::numeric_limits<T>::epsilon());
  converges<T>(GradientDescent{.learning_rate = 0.4}, 300, tight);
  converges<T>(Momentum{.learning_rate = 0.1, .momentum = 0.8}, 600, tight);
  converges<T>(Adam{.learning_rate = 0.02}, 3000, 1e-3);
  converges<T>(SignDescent{.learning_rate = 0.01}, 500, 0.011);
}

TEST_CASE("A step is counted once, however many layers and batches") {
  const Data<double> data;
  const auto counts = [&](const auto& optimizer) {
    using O = std::remove_cvref_t<decltype(optimizer)>;
    shallow::TwoLayerNet<double> net(2, 4, 1, {.seed = 1});
    State<O, double> state;
    shallow::step(net, data.X, data.Y, optimizer, state);
    CHECK(state.steps == 1);
    shallow::step(net, data.X, data.Y, optimizer, state);
    CHECK(state.steps == 2);
    shallow::TrainingState<O, double> training;
    shallow::fit(net, data.X, data.Y, optimizer, {.epochs = 3, .batch_size = 2}, training);
    CHECK(training.optimizer.steps == 3 * 4);
    training.reset();
    CHECK(training.optimizer == State<O, double>{});
  };
  counts(GradientDescent{});
  counts(Momentum{});
  counts(Adam{});
  counts(SignDescent{});
}

TEST_CASE("Training after a reset is training with a new state, bit for bit") {
  const Data<double> data;
  const shallow::FitOptions options{.epochs = 4, .batch_size = 3, .seed = 5};
  const Adam adam{.learning_rate = 0.05};
  shallow::TrainingState<Adam, double> state, fresh;
  shallow::TwoLayerNet<double> elsewhere(2, 4, 1, {.seed = 9}), a(2, 4, 1, {.seed = 1}), b = a;
  shallow::fit(elsewhere, data.X, data.Y, adam, options, state);
  state.reset();
  CHECK(state == fresh);
  shallow::fit(a, data.X, data.Y, adam, options, state);
  shallow::fit(b, data.X, data.Y, adam, options, fresh);
  CHECK((a == b));
  CHECK(state == fresh);
}

TEST_CASE("A user's own optimiser trains a network") {
  const Data<double> data;
  shallow::TwoLayerNet<double> net(2, 4, 1, {.seed = 1, .initializer = shallow::Initializer::glorot()});
  const Vector<double> before = net.parameters();
  const Vector<double> g = shallow::gradients(net, data.X, data.Y).parameters;
  auto once = net;
  shallow::fit(once, data.X, data.Y, SignDescent{.learning_rate = 0.25}, {.epochs = 1});
  CHECK(once.parameters() == before - 0.25 * g.cwiseSign());
  const auto history = shallow::fit(net, data.X, data.Y, SignDescent{.learning_rate = 0.01}, {.epochs = 200});
  CHECK(history.loss.back() < 0.5 * history.loss.front());
}

// ---- Refusals -------------------------------------------------------------------------------------------------------

namespace {

template <class O>
void refuses(const O& optimizer, const char* text) {
  CHECK_THROWS_WITH_AS(optimizer.check(), text, ValueError);
}

/// What every setting refuses that must be > 0 and finite.
template <class Make>
void refuses_all_but_positive(const std::string& name, Make&& make) {
  const auto given = [&](double value, const char* as_text) {
    refuses(make(value), (name + ": expected > 0 and finite, given " + as_text).c_str());
  };
  given(0, "0");
  given(-0.01, "-0.01");
  given(not_a_number, "nan");
  given(infinity, "inf");
  given(-infinity, "-inf");
  for (const double good : {1e-300, 1e-8, 1.0, 1e6}) CHECK_NOTHROW(make(good).check());
}

template <class Make>
void refuses_all_but_fractions(const std::string& name, Make&& make) {
  const auto given = [&](double value, const char* as_text) {
    refuses(make(value), (name + ": expected >= 0 and < 1, given " + as_text).c_str());
  };
  given(1, "1");
  given(1.5, "1.5");
  given(-0.1, "-0.1");
  given(not_a_number, "nan");
  given(infinity, "inf");
  for (const double good : {0.0, 0.5, 0.999, 1 - 1e-16}) CHECK_NOTHROW(make(good).check());
}

template <class T, class O>
void refuses_state_of_another_size(const O& optimizer, const std::string& name) {
  State<O, T> state;
  Vector<T> two = Vector<T>::Ones(2);
  optimizer.step(two, Vector<T>::Ones(2), state);
  const State<O, T> kept = state;
  Vector<T> theta = start<T>();
  CHECK_THROWS_WITH_AS(optimizer.step(theta, gradient<T>(1), state),
                       (name + ": state: expected 5 x 1, given 2 x 1").c_str(), ShapeError);
  CHECK(theta == start<T>());
  CHECK(state == kept);

  // A state that has steps but lost its moments is refused, too: it would correct their bias by the wrong power.
  State<O, T> lost;
  lost.steps = 3;
  CHECK_THROWS_WITH_AS(optimizer.step(theta, gradient<T>(1), lost),
                       (name + ": state: expected 5 x 1, given 0 x 1").c_str(), ShapeError);
  CHECK(theta == start<T>());
}

}  // namespace

TEST_CASE("Optimisers refuse settings out of range") {
  refuses_all_but_positive("GradientDescent: learning_rate",
                           [](double value) { return GradientDescent{.learning_rate = value}; });
  refuses_all_but_positive("Momentum: learning_rate", [](double value) { return Momentum{.learning_rate = value}; });
  refuses_all_but_positive("Adam: learning_rate", [](double value) { return Adam{.learning_rate = value}; });
  refuses_all_but_positive("Adam: epsilon", [](double value) { return Adam{.epsilon = value}; });
  refuses_all_but_fractions("Momentum: momentum", [](double value) { return Momentum{.momentum = value}; });
  refuses_all_but_fractions("Adam: beta1", [](double value) { return Adam{.beta1 = value}; });
  refuses_all_but_fractions("Adam: beta2", [](double value) { return Adam{.beta2 = value}; });
  refuses(Adam{.weight_decay = -0.1}, "Adam: weight_decay: expected >= 0 and finite, given -0.1");
  refuses(Adam{.weight_decay = not_a_number}, "Adam: weight_decay: expected >= 0 and finite, given nan");
  refuses(Adam{.weight_decay = infinity}, "Adam: weight_decay: expected >= 0 and finite, given inf");
  CHECK_NOTHROW(Adam{.weight_decay = 0}.check());
  CHECK_NOTHROW(Adam{.weight_decay = 0.1}.check());
}

TEST_CASE_TEMPLATE("A state of another size is refused and nothing moves", T, float, double) {
  refuses_state_of_another_size<T>(Momentum{}, "Momentum");
  refuses_state_of_another_size<T>(Adam{}, "Adam");
}

TEST_CASE("A second moment of another size is refused before the first one moves") {
  Adam::State<double> state;
  Vector<double> theta = start<double>();
  Adam{}.step(theta, gradient<double>(1), state);
  state.second.conservativeResize(4);
  const auto kept = state;
  const Vector<double> before = theta;
  CHECK_THROWS_WITH_AS(Adam{}.step(theta, gradient<double>(2), state), "Adam: state: expected 5 x 1, given 4 x 1",
                       ShapeError);
  CHECK(theta == before);
  CHECK(state == kept);
}

TEST_CASE("States of different sizes are different, and comparing them is no error") {
  Adam::State<double> a, b;
  a.first.setZero(2);
  CHECK(!(a == b));
  b.first.setZero(3);
  CHECK(!(a == b));
  b.first.setZero(2);
  CHECK(a == b);
  b.steps = 1;
  CHECK(!(a == b));
  Momentum::State<double> c, d;
  c.velocity.setZero(2);
  CHECK(!(c == d));
}

TEST_CASE_TEMPLATE("A gradient of another size than the parameters is refused and changes nothing", O, GradientDescent,
                   Momentum, Adam) {
  for (const Index size : {3, 9}) {
    Vector<double> parameters = Vector<double>::Ones(4);
    const Vector<double> gradient = Vector<double>::Ones(size);
    typename O::template State<double> state;
    const std::string text = "gradient: expected 4 x 1, given " + std::to_string(size) + " x 1";
    CHECK_THROWS_WITH_AS(O{}.template step<double>(parameters, gradient, state), doctest::Contains(text.c_str()),
                         ShapeError);
    CHECK(parameters == Vector<double>::Ones(4));
    CHECK(state == typename O::template State<double>{});
  }
}

namespace {

/// `prepare`, and so fit, and `step` refuse with this text, and change nothing.
template <class T, class O>
void refuses_to_step(const O& optimizer, const State<O, T>& given, const std::string& text) {
  State<O, T> state = given;
  Vector<T> theta = start<T>();
  CHECK_THROWS_WITH_AS(optimizer.prepare(theta.size(), state), text.c_str(), shallow::ValueError);
  CHECK_THROWS_WITH_AS(optimizer.step(theta, gradient<T>(1), state), text.c_str(), shallow::ValueError);
  CHECK(theta == start<T>());
  CHECK(state == given);
}

}  // namespace

TEST_CASE("Settings that the number type holds as 0, 1 or infinity were taken, and trained nothing") {
  const std::string positive = " expected > 0 and finite in the number type of the parameters, given ";
  for (const auto& [rate, text] : {std::pair{1e-300, "1e-300"}, std::pair{1e300, "1e+300"}}) {
    refuses_to_step<float>(GradientDescent{rate}, {}, "GradientDescent: learning_rate:" + positive + text);
    refuses_to_step<float>(Momentum{rate}, {}, "Momentum: learning_rate:" + positive + text);
    refuses_to_step<float>(Adam{rate}, {}, "Adam: learning_rate:" + positive + text);
    State<GradientDescent, double> state;
    CHECK_NOTHROW(GradientDescent{rate}.prepare(5, state));
  }
  refuses_to_step<float>(Momentum{.momentum = 1 - 1e-12}, {},
                         "Momentum: momentum: expected < 1 in the number type of the parameters, given 1");
  const std::string finite = ": expected finite in the number type of the parameters, given ";
  refuses_to_step<float>(Adam{.epsilon = 1e39}, {}, "Adam: epsilon" + finite + "1e+39");
  refuses_to_step<float>(Adam{.weight_decay = 1e300}, {}, "Adam: 1 - learning_rate weight_decay" + finite + "-1e+297");
  refuses_to_step<float>(Adam{.learning_rate = 1e38}, {}, "Adam: learning_rate / (1 - beta1)" + finite + "1e+39");
  refuses_to_step<Eigen::half>(Adam{.beta2 = 0.99999}, {}, "Adam: 1 / (1 - beta2)" + finite + "100000");
  // Not where a training goes on: the corrections have become smaller.
  State<Adam, Eigen::half> old;
  old.steps = 100'000;
  old.first = old.second = Vector<Eigen::half>::Zero(5);
  CHECK_NOTHROW(Adam{.beta2 = 0.99999}.prepare(5, old));
}

TEST_CASE("Adam: room was made for m before v was found to be of another size") {
  State<Adam, double> state;
  state.second.setZero(3);
  const auto before = state;
  CHECK_THROWS_WITH_AS(Adam{}.prepare(7, state), "Adam: state: expected 7 x 1, given 3 x 1", ShapeError);
  CHECK(state == before);
}

TEST_CASE_TEMPLATE("A count of steps that no training comes to was taken", O, GradientDescent, Momentum, Adam) {
  const char* const name = std::is_same_v<O, GradientDescent> ? "GradientDescent"
                           : std::is_same_v<O, Momentum>      ? "Momentum"
                                                              : "Adam";
  Vector<double> theta = start<double>();
  State<O, double> state;
  O{}.step(theta, gradient<double>(1), state);
  for (const std::int64_t steps :
       {std::int64_t{-1}, std::int64_t{1} << 62U, (std::numeric_limits<std::int64_t>::max)()}) {
    state.steps = steps;
    refuses_to_step<double>(
        O{}, state, std::string(name) + ": state: steps: expected 0 to 2^62 - 1, given " + std::to_string(steps));
  }
  state.steps = (std::int64_t{1} << 62U) - 1;
  CHECK_NOTHROW(O{}.prepare(theta.size(), state));
}
