// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// How good predictions are: accuracy and the confusion matrix.
///
/// In this header A (n_y x m) is what predict returns and Y says what would have been right, in one of two forms:
///
///     targets   (n_y x m), of any number type: 0 or 1 when n_y = 1, one-hot columns when n_y > 1
///     labels    m integers of any type, in a row, a column, a std::vector, std::span or std::array: 0 or 1 when
///               n_y = 1, 0, 1, ..., n_y - 1 when n_y > 1
///
/// The class of a column of A or of the targets: when n_y = 1 it is 1 for a value > 0.5, else 0; when n_y > 1 it is the
/// row of the largest value, of equal ones the first. A column with a NaN has no class.
///
/// A and Y may be any Eigen expressions; they are read in place. A matrix product inside of an expression is computed
/// once.

#include "shallow/each_entry.hpp"
#include "shallow/error.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <string>

namespace shallow {
namespace detail {

/// The class that stands for "none".
inline constexpr Index no_class = -1;

/// How many classes n_y outputs can tell apart.
inline Index class_count(Index n_y) { return n_y == 1 ? 2 : n_y; }

/// The class of column j of a matrix of n_y rows, no_class when a NaN is in it.
template <class Derived>
Index column_class(const EntriesOf<Derived>& values, Index n_y, Index j) {
  using T = typename Derived::Scalar;
  constexpr bool is_integer = Eigen::NumTraits<T>::IsInteger;
  const auto is_number = [](const T& value) {
    if constexpr (is_integer) {
      return true;
    } else {
      return value == value;
    }
  };
  Index largest = 0;
  T most = values(0, j);
  bool comparable = is_number(most);
  for (Index i = 1; i < n_y; ++i) {
    const T value = values(i, j);
    comparable = comparable && is_number(value);
    if (most < value) {
      largest = i;
      most = value;
    }
  }
  if (!comparable) return no_class;
  if (n_y > 1) return largest;
  // One half is no integer; there "> 0.5" is "> 0".
  return (is_integer ? T(0.0) : T(0.5)) < most ? 1 : 0;
}

inline void require_predictions(const char* function, Index rows, Index cols) {
  if (rows < 1 || cols < 1) {
    raise_expected<ShapeError>(function, "A", "at least 1 x 1 (n_y x m)", shape_text(rows, cols));
  }
}

/// Calls visit(j, actual, predicted) for every sample j, after a check of the shapes; predicted may be no_class.
template <class DerivedA, class DerivedY, class Visit>
void for_each_sample(const char* function, const Eigen::DenseBase<DerivedA>& A, const Eigen::DenseBase<DerivedY>& Y,
                     Visit visit) {
  using YScalar = typename DerivedY::Scalar;
  constexpr bool is_integer = Eigen::NumTraits<YScalar>::IsInteger;
  const Index n_y = A.rows();
  const Index m = A.cols();
  require_predictions(function, n_y, m);
  const bool same_shape = Y.rows() == n_y && Y.cols() == m;
  const bool are_labels = is_integer && (n_y == 1 || !same_shape) && (Y.rows() == 1 || Y.cols() == 1) && Y.size() == m;
  if (!same_shape && !are_labels) {
    raise_expected<ShapeError>(function, "Y",
                               "targets " + shape_text(n_y, m) + " (n_y x m) or " + to_text(m) + " integer labels",
                               (is_integer ? "integers " : "real numbers ") + shape_text(Y.rows(), Y.cols()));
  }
  const EntriesOf<DerivedA> a(A.derived());
  const EntriesOf<DerivedY> y(Y.derived());
  for (Index j = 0; j < m; ++j) {
    Index actual = no_class;
    if constexpr (is_integer) {
      if (are_labels) {
        const YScalar label = Y.rows() == 1 ? y(0, j) : y(j, 0);
        actual = static_cast<Index>(label);
        if (actual < 0 || actual >= class_count(n_y)) {
          raise_expected<ValueError>(function, "Y", numbered("labels in [0, ", class_count(n_y)) + ")",
                                     to_text(label) + " for sample " + to_text(j));
        }
      }
    }
    if (!are_labels) {
      actual = column_class(y, n_y, j);
      if (actual == no_class) raise_expected<ValueError>(function, "Y", "no NaN", numbered("NaN in column ", j));
      if constexpr (!is_integer) {
        // A regression has no accuracy.
        const YScalar target = y(0, j);
        if (n_y == 1 && !(YScalar(0) <= target && target <= YScalar(1))) {
          raise_expected<ValueError>(function, "Y", "targets in [0, 1] (n_y = 1)",
                                     to_text(target) + numbered(" in column ", j));
        }
      }
    }
    visit(j, actual, column_class(a, n_y, j));
  }
}

}  // namespace detail

/// The predicted class of every sample, (1 x m): 0 or 1 when n_y = 1, the row of the largest value when n_y > 1; -1 for
/// a column with a NaN.
///
///     A = [0.1 0.7         classes(A) = [2 0]
///          0.3 0.2
///          0.6 0.1]
///
/// Throws ShapeError: A: expected at least 1 x 1 (n_y x m).
template <class Derived>
Eigen::RowVectorXi classes(const Eigen::DenseBase<Derived>& A) {
  detail::require_predictions("classes", A.rows(), A.cols());
  const detail::EntriesOf<Derived> a(A.derived());
  Eigen::RowVectorXi predicted(A.cols());
  for (Index j = 0; j < A.cols(); ++j) {
    predicted(j) = static_cast<int>(detail::column_class(a, A.rows(), j));
  }
  return predicted;
}

/// The fraction of the m samples, in [0, 1], whose predicted class is the actual one. A column of A with a NaN counts
/// as wrong.
///
/// Throws ShapeError: A: expected at least 1 x 1 (n_y x m).
/// Throws ShapeError: Y: expected targets (n_y x m) or m integer labels.
/// Throws ValueError: Y: expected labels in [0, n_y), in [0, 2) when n_y = 1.
/// Throws ValueError: Y: expected targets in [0, 1] (n_y = 1).
/// Throws ValueError: Y: expected no NaN.
template <class DerivedA, Targets TargetsY>
double accuracy(const Eigen::DenseBase<DerivedA>& A, const TargetsY& Y) {
  Index right = 0;
  detail::for_each_sample("accuracy", A, detail::dense(Y), [&](Index, Index actual, Index predicted) {
    if (actual == predicted) ++right;
  });
  return static_cast<double>(right) / static_cast<double>(A.cols());
}

/// Counts of samples, column after column.
using CountMatrix = Eigen::Matrix<int, Dynamic, Dynamic, Eigen::ColMajor>;

/// How often each class was taken for each: entry (i, k) is the number of samples of class i that were predicted as k.
/// (n_y x n_y), or (2 x 2) when n_y = 1. The diagonal holds what is right: trace / m is the accuracy.
///
/// Throws ShapeError: A: expected at least 1 x 1 (n_y x m).
/// Throws ShapeError: Y: expected targets (n_y x m) or m integer labels.
/// Throws ValueError: Y: expected labels in [0, n_y), in [0, 2) when n_y = 1.
/// Throws ValueError: Y: expected targets in [0, 1] (n_y = 1).
/// Throws ValueError: Y: expected no NaN.
/// Throws ValueError: A: expected no NaN.
template <class DerivedA, Targets TargetsY>
CountMatrix confusion_matrix(const Eigen::DenseBase<DerivedA>& A, const TargetsY& Y) {
  const Index n = detail::class_count(A.rows());
  CountMatrix counts = (CountMatrix::Zero)(n, n);
  detail::for_each_sample("confusion_matrix", A, detail::dense(Y), [&](Index j, Index actual, Index predicted) {
    if (predicted == detail::no_class) {
      detail::raise_expected<ValueError>("confusion_matrix", "A", "no NaN", "NaN in column " + detail::to_text(j));
    }
    ++counts(actual, predicted);
  });
  return counts;
}

}  // namespace shallow
