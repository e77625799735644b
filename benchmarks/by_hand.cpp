// SPDX-License-Identifier: MIT
/// The job of the README's program with nothing but Eigen, for what it costs to compile: a flower of 400 points, a
/// 2-4-1 network, 5,000 steps of gradient descent by the six equations. Prints the accuracy.

#include <Eigen/Dense>

#include <cmath>
#include <iostream>
#include <random>

int main() {
  using Eigen::MatrixXd, Eigen::VectorXd;
  const int m = 400;
  MatrixXd X(2, m), Y(1, m);
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (int j = 0; j < m; ++j) {
    const int label = j / (m / 2);
    const double angle = 3.12 * (label + (j % (m / 2)) / (m / 2 - 1.0)) + 0.2 * normal(random);
    const double radius = 4 * std::sin(4 * angle) + 0.2 * normal(random);
    X.col(j) << radius * std::sin(angle), radius * std::cos(angle);
    Y(0, j) = label;
  }

  MatrixXd W1 = MatrixXd::NullaryExpr(4, 2, [&] { return 0.01 * normal(random); });
  MatrixXd W2 = MatrixXd::NullaryExpr(1, 4, [&] { return 0.01 * normal(random); });
  VectorXd b1 = VectorXd::Zero(4), b2 = VectorXd::Zero(1);
  MatrixXd A1, A2;
  for (int step = 0; step < 5000; ++step) {
    A1 = ((W1 * X).colwise() + b1).array().tanh();
    A2 = ((W2 * A1).colwise() + b2).array().logistic();
    const double J = -(Y.array() * A2.array().log() + (1 - Y.array()) * (1 - A2.array()).log()).sum() / m;
    if (!std::isfinite(J)) return 1;
    const MatrixXd D2 = (A2 - Y) / m;
    const MatrixXd D1 = (W2.transpose() * D2).array() * (1 - A1.array().square());
    W2 -= 1.2 * D2 * A1.transpose();
    b2 -= 1.2 * D2.rowwise().sum();
    W1 -= 1.2 * D1 * X.transpose();
    b1 -= 1.2 * D1.rowwise().sum();
  }
  std::cout << ((A2.array() > 0.5) == (Y.array() > 0.5)).cast<double>().mean() << '\n';
}
