// SPDX-License-Identifier: MIT
#include "shallow/datasets.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

using shallow::Index;
using shallow::datasets::flower;

TEST_CASE("flower gives the course's figures") {
  const auto set = flower();
  REQUIRE(set.X.rows() == 2);
  REQUIRE(set.X.cols() == 400);
  REQUIRE(set.Y.rows() == 1);
  REQUIRE(set.Y.cols() == 400);
  CHECK(std::abs(set.X(0, 0) - 1.2044422923) < 1e-10);
  CHECK(std::abs(set.X(1, 0) - 3.5761141481) < 1e-10);
  CHECK(std::abs(set.X(0, 399) - 0.7307808250) < 1e-10);
  CHECK(std::abs(set.X(1, 399) - 3.0683292082) < 1e-10);
  CHECK(std::abs(set.X.sum() - 10.0879832774) < 1e-10);
}

TEST_CASE("flower equals the formula in NumPy 1.24.2, ends of both classes included") {
  const auto set = flower();
  struct Row {
    Index j;
    double x0, x1;
  };
  constexpr Row rows[] = {
      {0, 1.2044422922543192, 3.576114148128845},         {1, 0.15870990398255375, -1.4821709003683443},
      {199, -0.5858464101358457, -3.091259938950624},     {200, -1.0704958072229525, 3.682524609580073},
      {201, -0.002329059937024095, -0.24877516456411744}, {399, 0.7307808250007515, 3.0683292081876554},
  };
  for (const Row& row : rows) {
    CAPTURE(row.j);
    CHECK(std::abs(set.X(0, row.j) - row.x0) < 1e-15 * 4);
    CHECK(std::abs(set.X(1, row.j) - row.x1) < 1e-15 * 4);
  }
  CHECK(std::abs(set.X.squaredNorm() - 3156.783789349409) < 1e-11);

  const auto least = flower(4);
  shallow::Matrix<double> X(2, 4);
  X << 0x1.3241c84f0bd83p+0, -0x1.5f709d25a99d0p-2, -0x1.95faa8da9a16dp-2, 0x1.d12475e85a535p+0,  //
      0x1.c6a7838ba5f78p+1, 0x1.2f13d30f88347p+1, -0x1.4c6ca5f52abe7p+1, -0x1.a634eeeafc1c3p+1;
  CHECK((least.X - X).cwiseAbs().maxCoeff() < 1e-15 * 4);

  const auto other = flower(2000, 3);
  CHECK(std::abs(other.X(0, 0) - 1.389325453278691) < 1e-15 * 4);
  CHECK(std::abs(other.X(1, 1999) - -1.9455482931491317) < 1e-15 * 4);
  CHECK(std::abs(other.X.sum() - -56.78696863458873) < 1e-11);
  CHECK(std::abs(other.X.squaredNorm() - 15783.284795541509) < 1e-10);
}

TEST_CASE("flower rounds every operation, fused multiply-add or not") {
  const Index N = 500;
  const auto set = flower(2 * N, 9);
  shallow::RandomState random(9);
  int different = 0;
  for (int label = 0; label < 2; ++label) {
    // A volatile object between a product and a sum keeps the compiler from fusing them here as well.
    volatile double product, noise;
    std::vector<double> angles;
    const double start = 3.12 * label;
    const double stop = 3.12 * (label + 1);
    const double step = (stop - start) / 499.0;
    for (Index i = 0; i < N; ++i) {
      product = static_cast<double>(i) * step;
      noise = 0.2 * random.normal();
      angles.push_back((i == N - 1 ? stop : product + start) + noise);
    }
    for (Index i = 0; i < N; ++i) {
      const double t = angles[static_cast<std::size_t>(i)];
      product = 4.0 * std::sin(4.0 * t);
      noise = 0.2 * random.normal();
      const double r = product + noise;
      if (set.X(0, label * N + i) != r * std::sin(t)) ++different;
      if (set.X(1, label * N + i) != r * std::cos(t)) ++different;
    }
  }
  CHECK(different == 0);
}

TEST_CASE("flower: half of the labels are 0, then half are 1, and no radius is beyond the noise") {
  for (const Index m : {4, 10, 400, 3000}) {
    CAPTURE(m);
    const auto set = flower(m, 5);
    REQUIRE(set.X.cols() == m);
    REQUIRE(set.Y.cols() == m);
    CHECK((set.Y.leftCols(m / 2).array() == 0.0).all());
    CHECK((set.Y.rightCols(m / 2).array() == 1.0).all());
    CHECK(set.X.allFinite());
    CHECK(set.X.colwise().norm().maxCoeff() < 4.0 + 6 * 0.2);
  }
}

TEST_CASE("flower in float is flower in double, rounded") {
  const auto single = flower<float>();
  const auto reference = flower<double>();
  CHECK(single.X == reference.X.cast<float>());
  CHECK(single.Y == reference.Y.cast<float>());
}

TEST_CASE("flower: the same seed gives the same bits, another seed other ones") {
  CHECK(shallow::datasets::flower().X == flower(400, 1).X);
  CHECK(flower(400, 1).X != flower(400, 2).X);
}

TEST_CASE("flower refuses an odd or too small number of samples, and says so") {
  CHECK_THROWS_WITH_AS(flower(3), "datasets::flower: m: expected an even number >= 4, given 3", shallow::ValueError);
  for (const Index m : {-4, -1, 0, 1, 2, 3, 401}) {
    CAPTURE(m);
    CHECK_THROWS_WITH_AS(flower<float>(m), doctest::Contains("datasets::flower: m: expected an even number >= 4"),
                         shallow::ValueError);
  }
}
