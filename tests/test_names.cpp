// SPDX-License-Identifier: MIT
// What a student writes: every namespace open at once, and names without a prefix.
#include "shallow/shallow.hpp"

#include <Eigen/Dense>

#include <doctest/doctest.h>
// Puts the names of the C library, and of std, into the global namespace.
#include <math.h>  // NOLINT(modernize-deprecated-headers)

#include <cmath>
#include <complex>
#include <iostream>
#include <type_traits>
#include <valarray>
#include <vector>

namespace user {

// A number type with functions of its own, as templates.
template <class T>
struct Own {
  T value;
};
template <class T>
Own<T> tanh(const Own<T>& x) {
  return {-x.value};
}
template <class T>
Own<T> exp(const Own<T>& x) {
  return {-x.value};
}

}  // namespace user

TEST_CASE("using namespace shallow: functions of numbers stand beside those of the C library") {
  using namespace shallow;
  const double x = 0.5;
  CHECK(tanh(x) == doctest::Approx(0.46211715726));
  CHECK(exp(1.0) == doctest::Approx(2.718281828459));
  CHECK(exp(1) == doctest::Approx(2.718281828459));
  CHECK(tanh(1L) == doctest::Approx(0.76159415595));
  CHECK(tanh('\1') == doctest::Approx(0.76159415595));
  CHECK(tanh(0.5F) == doctest::Approx(0.46211715726));
  CHECK(tanh(0.5L) == doctest::Approx(0.46211715726));
  CHECK(sigmoid(0) == 0.5);
  CHECK(sigmoid(x) + sigmoid(-x) == doctest::Approx(1));
  CHECK(softplus(0.0F) == doctest::Approx(0.69314718056));
  const Matrix<double> Z = Matrix<double>::Constant(2, 3, x);
  const Matrix<double> A = tanh(Z);
  CHECK(A(1, 2) == shallow::tanh(x));
  CHECK(Matrix<double>(tanh(2 * Z - Z)) == A);
  CHECK(Matrix<double>(tanh(Z.array()).matrix()) == A);
  CHECK(Vector<double>(tanh(Z.col(0))) == A.col(0));
  CHECK(tanh(user::Own<double>{x}).value == -x);
  static_assert(std::is_same_v<decltype(tanh(user::Own<double>{x})), user::Own<double>>);
}

TEST_CASE("using namespace std and shallow: not one call is ambiguous") {
  using namespace std;
  using namespace shallow;
  const double x = 0.5;
  CHECK(tanh(x) == doctest::Approx(0.46211715726));
  CHECK(exp(1) == doctest::Approx(2.718281828459));
  CHECK(exp(1U) == doctest::Approx(2.718281828459));
  CHECK(tanh(true) == doctest::Approx(0.76159415595));
  CHECK(tanh('\1') == doctest::Approx(0.76159415595));
  CHECK(tanh(0.5F) == doctest::Approx(0.46211715726));
  CHECK(tanh(0.5L) == doctest::Approx(0.46211715726));
  static_assert(std::is_same_v<decltype(tanh(0.5F)), float>);
  static_assert(std::is_same_v<decltype(tanh(1)), double>);
  CHECK(sigmoid(0) == 0.5);
  CHECK(abs(exp(complex<double>(0, 1))) == doctest::Approx(1));
  const valarray<double> v = tanh(valarray<double>{x});
  CHECK(v[0] == doctest::Approx(0.46211715726));
  CHECK(tanh(user::Own<double>{x}).value == -x);

  const auto flower = datasets::flower();
  TwoLayerNet<double, Tanh, Sigmoid> net(2, 4, 1, {.seed = 2});
  const auto history = fit(net, flower.X, flower.Y, GradientDescent{.learning_rate = 1.2}, {.epochs = 2});
  const Matrix<double> A = net.predict(flower.X);
  const Matrix<double> Z = 2 * A - A;
  const Vector<double> z = Z.row(0);
  const Index m = A.cols();
  CHECK(tanh(Z)(0, 0) == tanh(z)(0));
  CHECK(tanh(Z.array())(0, 0) == tanh(z)(0));
  CHECK(classes(A).cols() == m);
  CHECK(accuracy(A, flower.Y) > 0.1);
  CHECK(loss(net, flower.X, flower.Y) > 0);
  CHECK(Layer<double, Tanh, Dynamic, Dynamic>(2, 1).parameter_count() == 3);
}

TEST_CASE("using namespace std, Eigen and shallow: only Matrix and Vector need their prefix") {
  using namespace std;
  using namespace Eigen;
  using namespace shallow;
  CHECK(tanh(0.5) == doctest::Approx(0.46211715726));
  CHECK(exp(1) == doctest::Approx(2.718281828459));
  const auto flower = datasets::flower();
  TwoLayerNet<double, Tanh, Sigmoid> net(2, 4, 1, {.seed = 2});
  const auto history = fit(net, flower.X, flower.Y, GradientDescent{.learning_rate = 1.2}, {.epochs = 2});
  const MatrixXd A = net.predict(flower.X);
  const Index m = A.cols();
  const MatrixXd Z = MatrixXd::Constant(2, Index(3), 0.5);
  CHECK(tanh(Z)(0, 0) == shallow::tanh(0.5));
  // Eigen has a function of this name for arrays; the library's is taken, with the library's digits.
  ArrayXXd array = Z.array();
  CHECK(tanh(array)(0, 0) == shallow::tanh(0.5));
  CHECK(tanh(Z.array())(0, 0) == shallow::tanh(0.5));
  CHECK(exp(array - 1)(0, 0) == shallow::exp(-0.5));
  static_assert(std::is_same_v<decltype(tanh(Z.array())), decltype(shallow::tanh(Z.array()))>);
  CHECK(sigmoid(Z).sum() > 0);
  CHECK(softplus(Z).sum() > 0);
  CHECK(classes(A).cols() == m);
  CHECK(loss(net, flower.X, flower.Y) > 0);
  CHECK(Layer<double, Tanh, Dynamic, Dynamic>(2, 1).parameter_count() == 3);
}
