// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The samples of a pass: what X and Y may be, what is asked of them at every entrance, and how they are handed on,
/// without a copy where they lie in memory as the passes take them.

#include "shallow/each_entry.hpp"
#include "shallow/error.hpp"
#include "shallow/finite.hpp"
#include "shallow/loss.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <limits>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace shallow {

namespace detail {

/// A dense Eigen expression as what it is; integers that lie side by side in memory (std::vector, std::span,
/// std::array) as a row.
template <class Y>
const Y& dense(const Eigen::DenseBase<Y>& y) {
  return y.derived();
}
template <class Y>
  requires(!DenseExpression<Y> && std::ranges::contiguous_range<const Y> && std::ranges::sized_range<const Y> &&
           std::integral<std::ranges::range_value_t<const Y>>)
auto dense(const Y& y) {
  using Row = Eigen::Matrix<std::ranges::range_value_t<const Y>, 1, Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const Row>(std::ranges::data(y), static_cast<Index>(std::ranges::size(y)));
}

/// The same for a model: a user's own is handed a row of its number type, unless the loss asks for labels.
template <class M, class L, class Y>
decltype(auto) dense_for(const Y& y) {
  if constexpr (DenseExpression<Y> || LabelLoss<L> || requires { typename M::Model; }) {
    return dense(y);
  } else {
    return Matrix<typename M::Scalar>(dense(y).template cast<typename M::Scalar>());
  }
}

}  // namespace detail

/// What Y may be: any dense Eigen expression or, for labels, a std::vector, std::span, std::array or other contiguous
/// range of integers. **Labels** are m integers of any type, in a row or a column; with one sample a single integer is
/// a label, and a column of n_y > 1 integers its n_y targets.
template <class Y>
concept Targets = requires(const Y& y) {
  detail::dense(y);
};

namespace detail {

/// The samples of a pass: X and Y column after column, all of them or, if `order` is not null, those that it lists.
template <class T, class Target>
struct Samples {
  const T* x;
  Index x_stride;
  Index n_x;
  const Target* y;
  Index y_stride;
  Index n_y;  ///< rows of Y: 1 for class labels
  const Index* order;
  Index count;
  bool repeated = false;  ///< the very samples of the last pass with the same workspace: copies of them need no renewal

  Index column(Index j) const { return order ? order[j] : j; }
};

/// All columns of X and Y, in order.
template <class T, class X, class Y>
auto all_samples(const X& x, const Y& y) {
  return Samples<T, typename Y::Scalar>{x.data(),        x.outerStride(), x.rows(), y.data(),
                                        y.outerStride(), y.rows(),        nullptr,  x.cols()};
}

/// X as the passes take it: without a copy if it lies column after column.
template <class T, class X>
auto as_input(const Eigen::DenseBase<X>& x) {
  static_assert(std::is_same_v<typename X::Scalar, T>,
                "shallow: X has another number type than the network: pass X.cast<...>() or build the network in X's");
  using Input = Eigen::Ref<const Matrix<T>, 0, Eigen::OuterStride<>>;
  if constexpr (lies_in_memory<X>) {
    // One column that stands for all, which a Ref would take for columns one after the other.
    if (x.derived().outerStride() == 0)
      return Input(x.derived().matrix().unaryExpr([](const T& value) { return value; }));
  }
  return Input(x.derived().matrix());
}

/// Where a function writes a matrix to: whatever an Eigen::Ref takes, but for columns that lie over each other. (Those
/// that all lie in one place a Ref would even take for columns one after the other.)
template <shallow::Scalar T>
class Output : public Eigen::Ref<Matrix<T>> {
 public:
  /// Refers to a matrix.
  template <class M>
    requires(std::is_convertible_v<M&, Eigen::Ref<Matrix<T>>>)
  Output(Eigen::PlainObjectBase<M>& matrix) : Eigen::Ref<Matrix<T>>(matrix), stride_(matrix.colStride()) {}
  /// Refers to what a block, map or Ref does.
  template <class M>
    requires(std::is_convertible_v<M, Eigen::Ref<Matrix<T>>>)
  Output(const Eigen::DenseBase<M>& columns)
      : Eigen::Ref<Matrix<T>>(columns.derived()), stride_(columns.derived().colStride()) {}

  /// \throws ShapeError `argument`: expected columns that lie apart
  void require_apart(std::string_view function, std::string_view argument) const {
    if (this->cols() < 2 || stride_ >= this->rows() || -stride_ >= this->rows()) return;
    raise_expected<ShapeError>(function, argument, "columns that lie apart",
                               numbered("stride ", stride_) + numbered(", rows ", this->rows()));
  }

 private:
  Index stride_;  ///< from a column to the next, as given: that of the Ref is never 0
};

/// Rows that a loss wants Y to have.
template <class L>
Index target_rows(const L& loss, Index n_y) {
  if constexpr (requires { loss.target_rows(n_y); }) {
    return loss.target_rows(n_y);
  } else {
    return n_y;
  }
}

/// Whether class labels are among the targets of this loss, or of the one that it stands for.
template <class L>
bool knows_labels(const L& loss) {
  if constexpr (requires { loss.visit([](const auto&) { return true; }); }) {
    return loss.visit([](const auto& chosen) { return knows_labels(chosen); });
  } else {
    return LabelLoss<L>;
  }
}

/// What Y may be: targets of `rows` rows; class labels, too, or alone where a vector of integers was given.
template <class L>
EIGEN_DONT_INLINE std::string targets_text(const L& loss, Index rows, Index m, bool integers) {
  const bool labels = knows_labels(loss);
  std::string text;
  if (!labels || !integers) {
    text = shape_text(rows, m);
    text.append(requires { loss.target_rows(rows); } ? " (target_rows x m)" : " (n_y x m)");
  }
  if (labels) text += numbered(integers ? "" : " or ", m) + " integer labels";
  return text;
}

/// A vector of int, contiguous in memory: read in place.
template <class Y>
constexpr bool is_contiguous_labels() {
  if constexpr (std::is_same_v<typename Y::Scalar, int> && Y::IsVectorAtCompileTime != 0 && lies_in_memory<Y>) {
    return Y::InnerStrideAtCompileTime == 1;
  } else {
    return false;
  }
}

/// The integers of a vector, in a row of another type.
/// \throws ValueError Y: expected whole numbers in the range of int, for labels
template <class Target, class Y>
auto as_row(const char* function, const Y& y) {
  Eigen::Matrix<Target, Dynamic, Dynamic, Eigen::ColMajor> row(1, y.size());
  for (Index j = 0; j < y.size(); ++j) {
    const auto label = +(y.rows() == 1 ? y.coeff(0, j) : y.coeff(j, 0));  // a char counts as the int that it is
    if constexpr (std::is_same_v<Target, int> && sizeof(label) >= sizeof(int)) {
      if (!std::in_range<int>(label)) {
        raise_expected<ValueError>(function, "Y", "whole numbers in the range of int", std::to_string(label));
      }
    }
    row(0, j) = static_cast<Target>(label);
  }
  return row;
}

/// Calls f(targets) with Y as the passes take it: class labels as a row of int for the losses that know labels,
/// everything else as a matrix of T. Refers to the caller's matrix where that lies column after column in type T, and
/// copies otherwise.
/// \throws ShapeError `target`: expected what targets_text says
template <class T, class L, class Y, class F>
decltype(auto) with_targets(const char* function, const char* target, const L& loss, const Eigen::DenseBase<Y>& given,
                            Index rows, Index m, F&& f) {
  const Y& y = given.derived();
  [[maybe_unused]] const bool is_vector = y.rows() == 1 || y.cols() == 1;
  if constexpr (holds_integers<Y>) {
    if (is_vector && y.size() == m) {
      if constexpr (LabelLoss<L> && is_contiguous_labels<Y>()) {
        using Row = Eigen::Matrix<int, Dynamic, Dynamic, Eigen::ColMajor>;
        return f(Eigen::Map<const Row>(y.data(), 1, m));
      } else if constexpr (LabelLoss<L>) {
        return f(as_row<int>(function, y));
      } else if (rows == 1) {
        return f(as_row<T>(function, y));
      }
    }
  }
  if (y.rows() != rows || y.cols() != m) {
    raise_expected<ShapeError>(function, target, targets_text(loss, rows, m, holds_integers<Y> && is_vector),
                               shape_text(y.rows(), y.cols()));
  }
  if constexpr (holds_integers<Y>) {
    return f(Matrix<T>(y.template cast<T>()));
  } else {
    static_assert(
        std::is_same_v<typename Y::Scalar, T>,
        "shallow: Y has another number type than the network: pass Y.cast<...>() or build the network in Y's");
    return f(as_input<T>(y));
  }
}

/// \throws ShapeError X: expected n_x rows, one column a sample
template <class X>
void check_input(const char* function, const X& x, Index n_x) {
  if (x.rows() != n_x) {
    raise_expected<ShapeError>(function, "X", std::to_string(n_x) + " rows (n_x), one column a sample",
                               shape_text(x.rows(), x.cols()));
  }
}

/// \throws ShapeError model: expected parameters
inline void require_parameters(const char* function, Index count) {
  if (count == 0) raise_expected<ShapeError>(function, "model", "parameters", "none: it was moved from");
}

/// Calls f(samples) once what every entrance asks of samples to learn from is seen: shapes that agree, at least one
/// sample, finite X, targets that the loss takes.
template <class T, class L, class X, class Y, class F>
decltype(auto) with_samples(const char* function, const L& loss, const X& x, const Y& y, Index n_x, Index n_y,
                            Index rows, F&& f, const char* target = "Y") {
  check_input(function, x, n_x);
  if (x.cols() == 0) raise_expected<ShapeError>(function, "X", "at least one sample (column)", shape_text(n_x, 0));
  return with_targets<T>(function, target, loss, y, rows, x.cols(), [&](const auto& targets) -> decltype(auto) {
    check_finite(function, "X", x);
    check_targets(loss, function, targets, n_y);
    return f(all_samples<T>(x, targets));
  });
}

/// The same for any model: with its sizes if it tells them.
template <class M, class L, class X, class Y, class F>
decltype(auto) with_model_samples(const char* function, const M& model, const L& loss, const X& x, const Y& y, F&& f) {
  using T = typename M::Scalar;
  require_parameters(function, model.parameters().size());
  if constexpr (requires { model.n_x() + model.n_y(); }) {
    const Index n_y = model.n_y();
    return with_samples<T>(function, loss, x, y, model.n_x(), n_y, target_rows(loss, n_y), f);
  } else {
    // Of its outputs nothing is known: any number of rows, any class.
    const bool labels = holds_integers<Y> && y.size() == x.cols();
    return with_samples<T>(function, loss, x, y, x.rows(), labels ? (std::numeric_limits<Index>::max)() : y.rows(),
                           labels ? 1 : y.rows(), f);
  }
}

}  // namespace detail
}  // namespace shallow
