// SPDX-License-Identifier: MIT
#include "shallow/metrics.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using shallow::accuracy;
using shallow::classes;
using shallow::confusion_matrix;
using shallow::Index;
using shallow::Matrix;
using shallow::ShapeError;
using shallow::ValueError;

namespace {

template <class T>
constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();

/// Numbers in [0, 1) that look arbitrary.
template <class T>
Matrix<T> scattered(Index rows, Index cols) {
  Matrix<T> A(rows, cols);
  std::uint32_t state = 1;
  for (Index j = 0; j < cols; ++j) {
    for (Index i = 0; i < rows; ++i)
      A(i, j) = static_cast<T>((state = state * 1664525u + 1013904223u) >> 8) / T(16777216);
  }
  return A;
}

Eigen::RowVectorXi cyclic_labels(Index m, int n) {
  Eigen::RowVectorXi labels(m);
  for (Index j = 0; j < m; ++j) labels(j) = static_cast<int>(j * j + j / 3) % n;
  return labels;
}

template <class T>
Matrix<T> one_hot(const Eigen::RowVectorXi& labels, Index n) {
  Matrix<T> Y = Matrix<T>::Zero(n, labels.size());
  for (Index j = 0; j < labels.size(); ++j) Y(labels(j), j) = T(1);
  return Y;
}

}  // namespace

TEST_CASE_TEMPLATE("classes: one output is 1 above one half, else 0", T, float, double, long double) {
  Matrix<T> A(1, 6);
  A << T(0), T(0.5), T(0.5) + std::numeric_limits<T>::epsilon(), T(1), T(-3), std::numeric_limits<T>::infinity();
  CHECK(classes(A) == (Eigen::RowVectorXi(6) << 0, 0, 1, 1, 0, 1).finished());
}

TEST_CASE_TEMPLATE("classes: several outputs, the largest wins, of equal ones the first", T, float, double) {
  Matrix<T> A(3, 5);
  A << T(0.1), T(0.7), T(0.4), T(-5), -std::numeric_limits<T>::infinity(),  //
      T(0.3), T(0.2), T(0.4), T(-2), -std::numeric_limits<T>::infinity(),   //
      T(0.6), T(0.1), T(0.2), T(-2), -std::numeric_limits<T>::infinity();
  CHECK(classes(A) == (Eigen::RowVectorXi(5) << 2, 0, 0, 1, 0).finished());
}

TEST_CASE_TEMPLATE("A NaN anywhere in a column: class -1, and wrong", T, float, double) {
  for (Index i = 0; i < 3; ++i) {
    CAPTURE(i);
    Matrix<T> A = Matrix<T>::Zero(3, 2);
    A(0, 0) = A(0, 1) = T(1);
    A(i, 1) = not_a_number<T>;
    CHECK(classes(A) == Eigen::RowVector2i(0, -1));
    CHECK(accuracy(A, Eigen::RowVector2i(0, 0)) == 0.5);
    CHECK(accuracy(A, one_hot<T>(Eigen::RowVector2i(0, 0), 3)) == 0.5);
  }
  Matrix<T> binary(1, 2);
  binary << not_a_number<T>, T(0);
  CHECK(classes(binary) == Eigen::RowVector2i(-1, 0));
  CHECK(accuracy(binary, Matrix<T>::Zero(1, 2)) == 0.5);
  CHECK(accuracy(binary, Matrix<T>::Ones(1, 2)) == 0.0);
}

TEST_CASE_TEMPLATE("accuracy of one output: targets of any number type, labels in a row or a column", T, float,
                   double) {
  Matrix<T> A(1, 4);
  A << T(0.9), T(0.2), T(0.5), T(0.6);
  const Eigen::RowVector4i labels(1, 0, 1, 0);
  CHECK(accuracy(A, labels.cast<float>()) == 0.5);
  CHECK(accuracy(A, labels.cast<double>()) == 0.5);
  CHECK(accuracy(A, labels) == 0.5);
  CHECK(accuracy(A, labels.transpose()) == 0.5);
  CHECK(accuracy(A, labels.cast<std::uint8_t>()) == 0.5);
  CHECK(accuracy(A, labels.cast<bool>()) == 0.5);
  CHECK(accuracy(A, labels.cast<std::int64_t>().array()) == 0.5);
  CHECK(accuracy(A, A) == 1.0);
  CHECK(accuracy(A, (T(1) - A.array()).matrix()) == 0.25);  // only 0.5 is on the same side of one half
  CHECK(accuracy(A.leftCols(1), Eigen::Matrix<int, 1, 1>(1)) == 1.0);
}

TEST_CASE_TEMPLATE("accuracy of several outputs: one-hot targets and labels agree", T, float, double) {
  Matrix<T> A(3, 4);
  A << T(0.1), T(0.7), T(0.4), T(0.2),  //
      T(0.3), T(0.2), T(0.4), T(0.2),   //
      T(0.6), T(0.1), T(0.2), T(0.6);
  const Eigen::RowVector4i labels(2, 0, 1, 2);
  CHECK(accuracy(A, labels) == 0.75);
  CHECK(accuracy(A, labels.transpose()) == 0.75);
  CHECK(accuracy(A, labels.cast<std::uint8_t>()) == 0.75);
  CHECK(accuracy(A, labels.cast<std::uint64_t>()) == 0.75);
  CHECK(accuracy(A, one_hot<float>(labels, 3)) == 0.75);
  CHECK(accuracy(A, one_hot<double>(labels, 3)) == 0.75);
  CHECK(accuracy(A, one_hot<double>(labels, 3).cast<int>()) == 0.75);
  CHECK(accuracy(A, one_hot<double>(labels, 3).cast<bool>()) == 0.75);
  CHECK(accuracy(one_hot<double>(labels, 3).cast<int>(), labels) == 1.0);
  CHECK(accuracy(one_hot<double>(labels, 3).cast<bool>(), labels) == 1.0);
}

TEST_CASE("One sample: a column of integers as tall as A is one-hot, a single integer a label") {
  const Eigen::Vector3d A(0.1, 0.2, 0.7);
  CHECK(accuracy(A, Eigen::Vector3i(0, 0, 1)) == 1.0);
  CHECK(accuracy(A, Eigen::Vector3i(0, 1, 0)) == 0.0);
  CHECK(accuracy(A, Eigen::Matrix<int, 1, 1>(2)) == 1.0);
}

TEST_CASE("As many samples as classes: a square of integers is one-hot, a vector holds labels") {
  const Eigen::Matrix2d A = Eigen::Matrix2d::Identity();
  CHECK(accuracy(A, Eigen::Matrix2i::Identity()) == 1.0);
  CHECK(accuracy(A, Eigen::RowVector2i(0, 1)) == 1.0);
  CHECK(accuracy(A, Eigen::Vector2i(0, 1)) == 1.0);
  CHECK(accuracy(A, Eigen::Vector2i(1, 1)) == 0.5);
}

TEST_CASE_TEMPLATE("Laws: the trace over m is the accuracy, rows sum to class counts, columns to predicted counts", T,
                   float, double) {
  for (const int n_y : {1, 2, 3, 10}) {
    for (const Index m : {1, 2, 7, 500}) {
      CAPTURE(n_y);
      CAPTURE(m);
      const int n = n_y == 1 ? 2 : n_y;
      const Matrix<T> A = scattered<T>(n_y, m);
      const Eigen::RowVectorXi labels = cyclic_labels(m, n);
      const Eigen::RowVectorXi predicted = classes(A);
      const Eigen::MatrixXi counts = confusion_matrix(A, labels);
      REQUIRE(counts.rows() == n);
      REQUIRE(counts.cols() == n);
      CHECK(counts.sum() == m);
      CHECK(accuracy(A, labels) == static_cast<double>(counts.trace()) / static_cast<double>(m));
      for (int k = 0; k < n; ++k) {
        CHECK(counts.row(k).sum() == (labels.array() == k).count());
        CHECK(counts.col(k).sum() == (predicted.array() == k).count());
      }
      const Matrix<T> Y = n_y == 1 ? Matrix<T>(labels.cast<T>()) : one_hot<T>(labels, n);
      CHECK(confusion_matrix(A, Y) == counts);
      CHECK(confusion_matrix(A, labels.transpose()) == counts);
      CHECK(accuracy(A, Y) == accuracy(A, labels));
      CHECK(accuracy(A, predicted) == 1.0);
    }
  }
}

TEST_CASE("confusion_matrix: rows are actual, columns predicted") {
  Eigen::Matrix<double, 1, 5> A;
  A << 0.9, 0.8, 0.7, 0.1, 0.2;
  Eigen::Matrix<int, 1, 5> labels;
  labels << 0, 0, 1, 1, 0;
  CHECK(confusion_matrix(A, labels) == (Eigen::Matrix2i() << 1, 2, 1, 1).finished());
}

TEST_CASE("Expressions, blocks, maps and row-major matrices are read in place") {
  const Matrix<double> W = scattered<double>(3, 4);
  const Matrix<double> X = scattered<double>(4, 50);
  const Matrix<double> A = W * X;
  const Eigen::RowVectorXi labels = cyclic_labels(50, 3);
  const double expected = accuracy(A, labels);
  CHECK(expected > 0.0);
  CHECK(expected < 1.0);
  CHECK(accuracy(W * X, labels) == expected);
  CHECK(accuracy((W * X).array().exp(), labels) == expected);
  CHECK(accuracy(A.array() * 2.0 + 1.0, labels.array() + 0) == expected);
  CHECK(accuracy(A.topRows(3).leftCols(50), labels.segment(0, 50)) == expected);
  CHECK(accuracy(Matrix<double>(A.transpose()).transpose(), labels) == expected);
  CHECK(accuracy(Eigen::Matrix<double, 3, 50, Eigen::RowMajor>(A), labels) == expected);
  CHECK(accuracy(Eigen::Map<const Matrix<double>, 0, Eigen::OuterStride<>>(A.data(), 3, 25, Eigen::OuterStride<>(6)),
                 labels(Eigen::seq(0, 49, 2))) ==
        accuracy(A(Eigen::seq(0, 2), Eigen::seq(0, 49, 2)), labels(Eigen::seq(0, 49, 2))));
  CHECK(classes(W * X) == classes(A));
  CHECK(confusion_matrix((W * X).array().exp(), labels) == confusion_matrix(A, labels));
}

TEST_CASE("Predictions without a column or a row are refused") {
  const Matrix<double> none(0, 3);
  const Matrix<float> no_samples(2, 0);
  CHECK_THROWS_WITH_AS(classes(none), "classes: A: expected at least 1 x 1 (n_y x m), given 0 x 3", ShapeError);
  CHECK_THROWS_WITH_AS(classes(no_samples), "classes: A: expected at least 1 x 1 (n_y x m), given 2 x 0", ShapeError);
  CHECK_THROWS_WITH_AS(accuracy(none, none), "accuracy: A: expected at least 1 x 1 (n_y x m), given 0 x 3", ShapeError);
  CHECK_THROWS_WITH_AS(accuracy(no_samples, Eigen::RowVectorXi(0)),
                       "accuracy: A: expected at least 1 x 1 (n_y x m), given 2 x 0", ShapeError);
  CHECK_THROWS_WITH_AS(confusion_matrix(none, none),
                       "confusion_matrix: A: expected at least 1 x 1 (n_y x m), given 0 x 3", ShapeError);
}

TEST_CASE("Targets of another shape are refused") {
  const Matrix<double> A = Matrix<double>::Ones(3, 4);
  CHECK_THROWS_WITH_AS(accuracy(A, Matrix<double>::Zero(3, 5)),
                       "accuracy: Y: expected targets 3 x 4 (n_y x m) or 4 integer labels, given real numbers 3 x 5",
                       ShapeError);
  CHECK_THROWS_WITH_AS(accuracy(A, Matrix<double>::Zero(1, 4)),
                       "accuracy: Y: expected targets 3 x 4 (n_y x m) or 4 integer labels, given real numbers 1 x 4",
                       ShapeError);
  CHECK_THROWS_WITH_AS(accuracy(A, Eigen::RowVectorXi::Zero(3)),
                       "accuracy: Y: expected targets 3 x 4 (n_y x m) or 4 integer labels, given integers 1 x 3",
                       ShapeError);
  CHECK_THROWS_AS(accuracy(A, Eigen::MatrixXi::Zero(2, 2)), ShapeError);  // 4 integers, but no vector
  CHECK_THROWS_AS(accuracy(A, Eigen::MatrixXi::Zero(0, 0)), ShapeError);
  CHECK_THROWS_AS(accuracy(A.row(0), Matrix<double>::Zero(4, 1)), ShapeError);
  CHECK_THROWS_WITH_AS(
      confusion_matrix(A, Eigen::VectorXi::Zero(5)),
      "confusion_matrix: Y: expected targets 3 x 4 (n_y x m) or 4 integer labels, given integers 5 x 1", ShapeError);
}

TEST_CASE("Labels outside of the classes are refused") {
  const Matrix<double> A = Matrix<double>::Ones(3, 2);
  CHECK_THROWS_WITH_AS(accuracy(A, Eigen::RowVector2i(0, 3)),
                       "accuracy: Y: expected labels in [0, 3), given 3 for sample 1", ValueError);
  CHECK_THROWS_WITH_AS(accuracy(A, Eigen::Vector2i(-1, 0)),
                       "accuracy: Y: expected labels in [0, 3), given -1 for sample 0", ValueError);
  CHECK_THROWS_AS(accuracy(A, Eigen::Matrix<std::uint64_t, 1, 2>(0, ~std::uint64_t{0})), ValueError);
  CHECK_THROWS_WITH_AS(accuracy(A.row(0), Eigen::RowVector2i(0, 2)),
                       "accuracy: Y: expected labels in [0, 2), given 2 for sample 1", ValueError);
  CHECK_THROWS_AS(accuracy(A.row(0), Eigen::Vector2i(-1, 0)), ValueError);
  CHECK_THROWS_WITH_AS(confusion_matrix(A, Eigen::RowVector2i(5, 0)),
                       "confusion_matrix: Y: expected labels in [0, 3), given 5 for sample 0", ValueError);
  CHECK_THROWS_AS(confusion_matrix(A.row(0), Eigen::RowVector2i(0, -1)), ValueError);
}

TEST_CASE_TEMPLATE("A regression had an accuracy: targets of one output outside of [0, 1]", T, float, double) {
  Matrix<T> Y = Matrix<T>::Zero(1, 3);
  const Matrix<T> A = Matrix<T>::Ones(1, 3);
  for (const double bad : {1.5, -0.25, 80.0}) {
    Y(0, 2) = T(bad);
    std::string text = ": Y: expected targets in [0, 1] (n_y = 1), given ";
    text.append(shallow::detail::to_text(bad)).append(" in column 2");
    CHECK_THROWS_WITH_AS(accuracy(A, Y), ("accuracy" + text).c_str(), ValueError);
    CHECK_THROWS_WITH_AS(confusion_matrix(A, Y), ("confusion_matrix" + text).c_str(), ValueError);
  }
  Y(0, 2) = T(0.75);  // a probability is a target
  CHECK(accuracy(A, Y) == doctest::Approx(1.0 / 3));
}

TEST_CASE_TEMPLATE("NaN in the targets is refused, and in the predictions of a confusion matrix", T, float, double) {
  Matrix<T> with_nan = Matrix<T>::Ones(3, 2);
  with_nan(2, 1) = not_a_number<T>;
  const Matrix<T> ones = Matrix<T>::Ones(3, 2);
  CHECK_THROWS_WITH_AS(accuracy(ones, with_nan), "accuracy: Y: expected no NaN, given NaN in column 1", ValueError);
  CHECK_THROWS_WITH_AS(accuracy(ones.row(2), with_nan.row(2)), "accuracy: Y: expected no NaN, given NaN in column 1",
                       ValueError);
  CHECK_THROWS_WITH_AS(confusion_matrix(ones, with_nan), "confusion_matrix: Y: expected no NaN, given NaN in column 1",
                       ValueError);
  CHECK_THROWS_WITH_AS(confusion_matrix(with_nan, ones), "confusion_matrix: A: expected no NaN, given NaN in column 1",
                       ValueError);
}
