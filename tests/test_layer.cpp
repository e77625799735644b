// SPDX-License-Identifier: MIT

#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/layer.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

using shallow::Dynamic;
using shallow::Index;
using shallow::Layer;
using shallow::Matrix;
using shallow::Tanh;

namespace {

/// A user's activation built on one of the library's: it is this class whose functions count.
struct DoubleTanh : Tanh {
  template <class Z>
  auto operator()(const Z& z) const {
    return 2 * Tanh::operator()(z);
  }
  template <class Z>
  auto derivative(const Z& z) const {
    return 2 * Tanh::derivative(z);
  }
  template <class A>
  auto derivative_from_value(const A& a) const {
    if constexpr (std::is_floating_point_v<A>) {
      return 2 - a * a / 2;
    } else {
      return 2 - a.array().square() / 2;
    }
  }
};

}  // namespace

TEST_CASE_TEMPLATE("layer: forward is g(W X + b)", T, float, double) {
  shallow::RandomState random(1);
  const auto check = [&](auto layer) {
    layer.bias() = random.randn<T>(layer.n_out(), 1);
    for (const Index m : {1, 2, 17, 600, 1500}) {
      const Matrix<T> X = random.randn<T>(layer.n_in(), m);
      const Matrix<T> expected =
          ((layer.weights() * X).colwise() + layer.bias()).unaryExpr([&](T z) { return T(layer.activation()(z)); });
      CHECK(layer.forward(X).isApprox(expected, T(1e-5)));
      CHECK(layer.forward(X) == layer.predict(X));
    }
  };
  check(Layer<T, shallow::Tanh>(3, 5, {.seed = 1}));
  check(Layer<T, shallow::ReLU, 3, 5>({.seed = 1}));
  check(Layer<T, shallow::LeakyReLU>(40, 64, {.seed = 1, .activation = {.slope = 0.2}}));
  check(Layer<T, user::Softsign, 40, 64>({.seed = 1}));
  check(Layer<T, shallow::Sigmoid, Dynamic, 1>(7, 1, {.seed = 1}));
  check(Layer<T, shallow::Identity, 1, Dynamic>(1, 4, {.seed = 1}));
}

TEST_CASE("layer: weights and bias are views of one contiguous block") {
  Layer<double, shallow::Tanh> layer(3, 2, {.seed = 1});
  layer.weights()(1, 2) = 5;
  layer.bias()(1) = 7;
  CHECK(layer.parameter_count() == 8);
  CHECK(layer.parameters()(5) == 5);  // W column after column
  CHECK(layer.parameters()(7) == 7);  // then b
  CHECK(layer.weights().rows() == 2);
  CHECK(layer.weights().cols() == 3);
  CHECK(reinterpret_cast<std::uintptr_t>(layer.parameters().data()) % 64 == 0);
}

TEST_CASE("layer: first weights follow the activation unless an initializer is named") {
  const auto deviation = [](const auto& layer) {
    return std::sqrt(layer.weights().squaredNorm() / double(layer.weights().size()));
  };
  const double he = std::sqrt(2.0 / 100);
  const double glorot = std::sqrt(2.0 / 300);
  CHECK(deviation(Layer<double, shallow::ReLU>(100, 200)) == doctest::Approx(he).epsilon(0.03));
  CHECK(deviation(Layer<double, shallow::LeakyReLU>(100, 200)) == doctest::Approx(he).epsilon(0.03));
  CHECK(deviation(Layer<double, shallow::Tanh>(100, 200)) == doctest::Approx(glorot).epsilon(0.03));
  CHECK(deviation(Layer<double, user::Softsign>(100, 200)) == doctest::Approx(glorot).epsilon(0.03));
  const Layer<double, shallow::Tanh> small(100, 200, {.initializer = shallow::Initializer::gaussian(0.01)});
  CHECK(deviation(small) == doctest::Approx(0.01).epsilon(0.03));
  CHECK(small.bias().isZero(0));
  CHECK(Layer<double, shallow::Tanh>(3, 2, {.seed = 1}) == Layer<double, shallow::Tanh>(3, 2, {.seed = 1}));
  CHECK_FALSE(Layer<double, shallow::Tanh>(3, 2, {.seed = 1}) == Layer<double, shallow::Tanh>(3, 2, {.seed = 2}));
}

TEST_CASE("layer: the bias is zero, whatever was in its memory before") {
  for (const Index n : {3, 30, 300}) {
    // Memory that was given back is the first to be given out again.
    { const shallow::Vector<double> before = shallow::Vector<double>::Constant((n + 1) * n, 7); }
    CHECK(Layer<double, Tanh>(n, n).bias().isZero(0));
  }
}

TEST_CASE("layer: RTNeural's copy of a dense layer dropped its weights; ours is a value") {
  using Dense = Layer<float, shallow::ReLU>;
  static_assert(std::is_copy_constructible_v<Dense> && std::is_copy_assignable_v<Dense>);
  static_assert(std::is_nothrow_move_constructible_v<Dense> && std::is_nothrow_move_assignable_v<Dense>);
  const Dense original(4, 3, {.seed = 1});
  Dense copy = original;
  CHECK(copy == original);
  CHECK(copy.parameters().data() != original.parameters().data());
  copy.weights()(0, 0) += 1;
  CHECK_FALSE(copy == original);
  copy = original;
  CHECK(copy == original);
  const Dense moved = std::move(copy);
  CHECK(moved == original);
}

TEST_CASE("layer: the same numbers in another shape are another layer") {
  Layer<double, Tanh> square(2, 2);
  Layer<double, Tanh> flat(1, 3);
  square.parameters().setOnes();
  flat.parameters().setOnes();
  REQUIRE(square.parameters() == flat.parameters());
  CHECK_FALSE(square == flat);
}

namespace {

/// tanh whose copies fail when told so.
struct Uncopyable : shallow::Tanh {
  static inline bool fail = false;
  Uncopyable() = default;
  Uncopyable(const Uncopyable&) : shallow::Tanh() { check_copy(); }
  Uncopyable& operator=(const Uncopyable&) {
    check_copy();
    return *this;
  }
  static void check_copy() {
    if (fail) throw std::runtime_error("no copy");
  }
};

}  // namespace

TEST_CASE("layer: an assignment that fails changes nothing") {
  Layer<double, Uncopyable> small(2, 3, {.seed = 1});
  const Layer<double, Uncopyable> big(200, 300, {.seed = 2});
  const shallow::Vector<double> before = small.parameters();
  Uncopyable::fail = true;
  CHECK_THROWS_AS(small = big, std::runtime_error);
  Uncopyable::fail = false;
  CHECK(small.n_in() == 2);
  CHECK(small.n_out() == 3);
  CHECK(small.parameters() == before);
  small = big;
  CHECK(small.parameters() == big.parameters());
}

TEST_CASE("layer: OpenNN 291, RTNeural 118: the layout of a type does not depend on compiler flags") {
  // A fixed-size Eigen member would have 16 bytes of alignment with SSE, 32 with AVX and 64 with AVX-512.
  static_assert(alignof(Layer<float, shallow::Tanh, 4, 4>) == alignof(void*));
  static_assert(sizeof(Layer<float, shallow::Tanh, 4, 4>) == sizeof(Layer<float, shallow::Tanh, 8, 8>));
  static_assert(alignof(shallow::PassWorkspace<float>) == alignof(void*));
  // And a large fixed layer is no problem for the stack.
  static_assert(sizeof(Layer<float, shallow::ReLU, 784, 128>) <= 8 * sizeof(void*));
}

TEST_CASE("layer: alone it is a model: logistic regression") {
  shallow::RandomState random(5);
  const Matrix<double> X = random.randn(2, 200);
  const Matrix<double> Y = ((X.row(0) + 2 * X.row(1)).array() > 0.3).cast<double>();
  Layer<double, shallow::Sigmoid> neuron(2, 1);
  const auto history = fit(neuron, X, Y, shallow::GradientDescent{.learning_rate = 5}, {.epochs = 500});
  CHECK(history.loss.back() < 0.1);
  CHECK(neuron.weights()(0, 1) / neuron.weights()(0, 0) == doctest::Approx(2).epsilon(0.1));
}

TEST_CASE("layer: sizes are checked") {
  CHECK_THROWS_WITH_AS((Layer<float, shallow::Tanh>(0, 3)), "Layer: n_in: expected >= 1, given 0", shallow::ValueError);
  CHECK_THROWS_WITH_AS((Layer<float, shallow::Tanh>(3, -1)), "Layer: n_out: expected >= 1, given -1",
                       shallow::ValueError);
  CHECK_THROWS_WITH_AS((Layer<float, shallow::Tanh, 2, 4>(3, 4)), "Layer: n_in: expected 2 as the type says, given 3",
                       shallow::ShapeError);
  // (n_in + 1) n_out is 2^64, or 2^32 where an Index has 32 bits, which it takes for 0.
  const auto half = shallow::Index{1} << 4 * sizeof(shallow::Index);
  const std::string given = std::to_string(half - 1) + ", " + std::to_string(half);
  CHECK_THROWS_WITH_AS((Layer<double, shallow::Tanh>(half - 1, half)),
                       ("Layer: n_in, n_out: expected a layer that memory can hold, given " + given).c_str(),
                       shallow::ValueError);
  CHECK((Layer<float, shallow::Tanh>(784, 128)).parameter_count() == 785 * 128);
  CHECK_THROWS_AS((Layer<float, shallow::LeakyReLU>(3, 4, {.activation = {.slope = -1}})), shallow::ValueError);
}

TEST_CASE("layer: printing gives a summary") {
  std::ostringstream out;
  out << Layer<double, shallow::LeakyReLU>(3, 4, {.activation = {.slope = 0.2}});
  CHECK(out.str() ==
        "3 -> 4 leaky_relu(0.2) (double), 16 parameters\n"
        "  layer 1: W 4 x 3, b 4 x 1, leaky_relu(0.2), 16 parameters");
}

TEST_CASE_TEMPLATE("layer: an activation derived from one of the library's is applied as it says, not as its base does",
                   T, float, double) {
  const Layer<T, DoubleTanh> layer(3, 20, {.seed = 1});
  const Layer<T, Tanh> base(3, 20, {.seed = 1});
  const Matrix<T> X = shallow::RandomState(2).randn<T>(3, 50);
  CHECK(layer.predict(X) == 2 * base.predict(X));
  CHECK(layer.predict(X.col(0)) == 2 * base.predict(X.col(0)));
  if constexpr (std::is_same_v<T, double>) {
    const Matrix<T> Y = shallow::RandomState(3).randn<T>(20, 50);
    CHECK(shallow::check_gradients(layer, X, Y).passed);
  }
}
