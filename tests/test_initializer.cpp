// SPDX-License-Identifier: MIT
#include "shallow/initializer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>

using shallow::Index;
using shallow::Initializer;
using shallow::Matrix;
using shallow::RandomState;

namespace {

Matrix<double> drawn(const Initializer& initializer, Index n_out, Index n_in, std::uint32_t seed) {
  RandomState random(seed);
  Matrix<double> W(n_out, n_in);
  initializer.fill(random, W);
  return W;
}

}  // namespace

static_assert(std::regular<Initializer>);

TEST_CASE("The course's 2-4-1 weights of seed 2: W1, then W2, from one stream") {
  RandomState random(2);
  Matrix<double> W1(4, 2), W2(1, 4);
  Initializer().fill(random, W1);
  Initializer().fill(random, W2);

  Matrix<double> course1(4, 2), course2(1, 4);
  course1 << -0.00416758, -0.00056267, -0.02136196, 0.01640271, -0.01793436, -0.00841747, 0.00502881, -0.01245288;
  course2 << -0.01057952, -0.00909008, 0.00551454, 0.02292208;
  CHECK((W1 - course1).cwiseAbs().maxCoeff() < 1e-8);
  CHECK((W2 - course2).cwiseAbs().maxCoeff() < 1e-8);

  // NumPy 1.24.2: randn(4, 2) * 0.01 and randn(1, 4) * 0.01.
  Matrix<double> numpy1(4, 2), numpy2(1, 4);
  numpy1 << -0x1.11205d3fe4613p-8, -0x1.27000e9f79167p-11,  //
      -0x1.5dfe8eebfe2e5p-6, 0x1.0cbdf1b25b686p-6,          //
      -0x1.25d623f6f8f6fp-6, -0x1.13d2e308f1ae3p-7,         //
      0x1.4991806793d16p-8, -0x1.980e5607c723bp-7;
  numpy2 << -0x1.5aab76e75a518p-7, -0x1.29dd15e3beb83p-7, 0x1.6966a2dda104cp-8, 0x1.778e2c206dac5p-6;
  // But for the rounding of log, which belongs to the C library.
  CHECK(((W1 - numpy1).array().abs() <= 1e-15 * numpy1.array().abs()).all());
  CHECK(((W2 - numpy2).array().abs() <= 1e-15 * numpy2.array().abs()).all());
}

TEST_CASE("Weights are randn(n_out, n_in) * deviation to the last bit") {
  CHECK(drawn(Initializer::gaussian(0.01), 128, 784, 2) == RandomState(2).randn(128, 784) * 0.01);
  CHECK(drawn(Initializer::glorot(), 5, 3, 2) == RandomState(2).randn(5, 3) * 0.5);
  CHECK(drawn(Initializer::he(), 50, 30, 2) == RandomState(2).randn(50, 30) * std::sqrt(2.0 / 30.0));
}

TEST_CASE("Initializer::deviation") {
  CHECK(Initializer().deviation(7, 11) == 0.01);
  CHECK(Initializer::gaussian().deviation(7, 11) == 0.01);
  CHECK(Initializer::gaussian(0.5).deviation(700, 1) == 0.5);
  CHECK(Initializer::glorot().deviation(3, 5) == 0.5);
  CHECK(Initializer::glorot().deviation(5, 3) == 0.5);
  CHECK(Initializer::he().deviation(8, 3) == 0.5);
  CHECK(Initializer::he().deviation(2, 30) == 1.0);
  CHECK(Initializer::zeros().deviation(2, 30) == 0.0);
  constexpr Index largest = std::numeric_limits<Index>::max();
  CHECK(Initializer::glorot().deviation(largest, largest) > 0.0);
}

TEST_CASE_TEMPLATE("Weights have mean 0 and the stated standard deviation", T, float, double) {
  for (const Initializer& initializer : {Initializer::gaussian(0.3), Initializer::glorot(), Initializer::he()}) {
    RandomState random(3);
    Matrix<T> W(200, 300);
    initializer.fill(random, W);
    const Matrix<double> w = W.template cast<double>();
    const double d = initializer.deviation(300, 200);
    CHECK(std::abs(w.mean()) < 5.0 * d / std::sqrt(60'000.0));
    CHECK(std::sqrt(w.squaredNorm() / 60'000.0) == doctest::Approx(d).epsilon(0.015));
  }
}

TEST_CASE("Weights in float are the weights in double, rounded") {
  RandomState random(2);
  Matrix<float> W(6, 5);
  Initializer::glorot().fill(random, W);
  CHECK(W == drawn(Initializer::glorot(), 6, 5, 2).cast<float>());
}

TEST_CASE("zeros draws nothing; gaussian(0) draws as many numbers as any other") {
  RandomState random(2);
  Matrix<double> W = Matrix<double>::Constant(3, 4, std::numeric_limits<double>::quiet_NaN());
  Initializer::zeros().fill(random, W);
  CHECK(W == Matrix<double>::Zero(3, 4));
  CHECK(random == RandomState(2));

  W.setOnes();
  Initializer::gaussian(0.0).fill(random, W);
  CHECK(W == Matrix<double>::Zero(3, 4));
  RandomState advanced(2);
  advanced.randn(3, 4);
  CHECK(random == advanced);
}

TEST_CASE("Blocks, maps, fixed sizes and row-major matrices are filled row by row too") {
  const Matrix<double> expected = drawn(Initializer::he(), 3, 4, 8);

  Matrix<double> large = Matrix<double>::Constant(5, 6, 9.0);
  RandomState random(8);
  Initializer::he().fill(random, large.block(1, 1, 3, 4));
  CHECK(large.block(1, 1, 3, 4) == expected);
  large.block(1, 1, 3, 4).setConstant(9.0);
  CHECK(large == Matrix<double>::Constant(5, 6, 9.0));

  double storage[12];
  random = RandomState(8);
  Initializer::he().fill(random, Eigen::Map<Matrix<double>>(storage, 3, 4));
  CHECK(Eigen::Map<Matrix<double>>(storage, 3, 4) == expected);

  Eigen::Matrix<double, 3, 4, Eigen::RowMajor> fixed;
  random = RandomState(8);
  Initializer::he().fill(random, fixed);
  CHECK(fixed == expected);

  Eigen::Array<double, 3, 4> array;
  random = RandomState(8);
  Initializer::he().fill(random, array);
  CHECK(array.matrix() == expected);
}

TEST_CASE("Initializer is a value") {
  CHECK(Initializer() == Initializer::gaussian());
  CHECK(Initializer::gaussian() == Initializer::gaussian(0.01));
  CHECK(Initializer::gaussian(0.01) != Initializer::gaussian(0.02));
  CHECK(Initializer::glorot() == Initializer::glorot());
  CHECK(Initializer::glorot() != Initializer::he());
  CHECK(Initializer::zeros() != Initializer::gaussian(0.0));
  Initializer initializer = Initializer::he();
  initializer = Initializer::glorot();
  CHECK(initializer == Initializer::glorot());
}

TEST_CASE("Initializer refuses a bad scale and empty layers, and says so") {
  CHECK_THROWS_WITH_AS(Initializer::gaussian(-0.5),
                       "Initializer::gaussian: scale: expected finite and >= 0, given -0.5", shallow::ValueError);
  CHECK_THROWS_WITH_AS(Initializer::gaussian(std::numeric_limits<double>::infinity()),
                       "Initializer::gaussian: scale: expected finite and >= 0, given inf", shallow::ValueError);
  CHECK_THROWS_WITH_AS(Initializer::gaussian(std::numeric_limits<double>::quiet_NaN()),
                       doctest::Contains("Initializer::gaussian: scale: expected finite and >= 0"),
                       shallow::ValueError);
  CHECK_THROWS_WITH_AS(Initializer::he().deviation(0, 3), "Initializer: n_in: expected >= 1, given 0",
                       shallow::ValueError);
  CHECK_THROWS_WITH_AS(Initializer::he().deviation(3, -1), "Initializer: n_out: expected >= 1, given -1",
                       shallow::ValueError);
  RandomState random(1);
  Matrix<double> empty(0, 3);
  CHECK_THROWS_WITH_AS(Initializer().fill(random, empty), "Initializer: n_out: expected >= 1, given 0",
                       shallow::ValueError);
  CHECK(random == RandomState(1));
}
