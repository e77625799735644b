// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Losses: BinaryCrossEntropy, CategoricalCrossEntropy, MeanSquaredError, and what a type must offer to be one.
///
/// One convention for all of them: the loss of a sample is the **sum over its outputs**, J is the **mean over the m
/// samples**, and there is no factor 1/2:
///
///     J = 1/m sum_j L(a^(j), y^(j))
///
/// A loss of your own states the sum of L over the samples it is given and its derivative, and then works with every
/// network, optimiser and the gradient check:
///
///     struct LogCosh {                                          // L(a, y) = sum_i log cosh(a_i - y_i)
///       template <class A, class Y>
///       auto value(const A& a, const Y& y) const { return (a - y).cosh().log().sum(); }
///       template <class A, class Y, class D>
///       void gradient(const A& a, const Y& y, D& dA) const { dA = (a - y).tanh(); }
///     };
///
/// `a`, `y` and `dA` are Eigen arrays of n_y rows, one column a sample, some of the samples of a batch at a time;
/// neither function divides by m. A loss that is computed from the logits z instead names the output activation it
/// belongs to: `using Output = Sigmoid;` then `value` receives Z, and `gradient` receives A and writes dZ. A loss may
/// also offer `check_targets(function, Y, n_y)`, which throws if Y is not what it takes (otherwise: any finite
/// numbers), and `target_rows(n_y)`, how many rows Y has (otherwise: n_y), as where an action and its value are the
/// targets of a network of n_y actions.

#include "shallow/activation.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/error.hpp"
#include "shallow/finite.hpp"
#include "shallow/softmax.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <cstddef>
#include <string>
#include <vector>

namespace shallow {

/// A loss that is computed from the logits of the output activation `L::Output`.
template <class L>
concept LogitLoss = requires {
  typename L::Output;
};

namespace detail {

// What losses are made of, each with a name that compilers print.

template <class L, class T>
concept HasLossValue = requires(const L loss, const Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> a) {
  { loss.value(a, a) } -> std::convertible_to<T>;
};
template <class L, class T>
concept HasLossGradient = requires(const L loss, const Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> a,
                                   Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> d) {
  loss.gradient(a, a, d);
};

}  // namespace detail

/// The sum of a loss over samples, and its derivative by what the network puts out (or by its logits: LogitLoss).
template <class L, class T = double>
concept Loss = std::copyable<L> && detail::HasLossValue<L, T> && detail::HasLossGradient<L, T>;

namespace detail {

/// Integers as targets are class labels: one row, one entry a sample.
template <class Y>
inline constexpr bool holds_integers = Eigen::NumTraits<typename Y::Scalar>::IsInteger;

/// A loss that is handed class labels as they are; for all others whole numbers become targets like any other.
template <class L>
concept LabelLoss = L::takes_labels;

/// Throws unless every entry of Y lies in [0, 1]; names the first that does not.
template <class Y>
void check_targets_unit_interval(const char* function, const Y& y) {
  using T = typename Y::Scalar;
  for (Index j = 0; j < y.cols(); ++j) {
    for (Index i = 0; i < y.rows(); ++i) {
      if (!(y(i, j) >= T(0) && y(i, j) <= T(1)) || !is_finite(T(y(i, j)))) {
        raise_expected<ValueError>(function, "Y", "labels in [0, 1]", at_entry(to_text(y(i, j)), i, j));
      }
    }
  }
}

/// A place in a matrix, column after column.
struct EntryPlace {
  Index row = 0;
  Index col = 0;
  void advance(Index rows) {
    if (++row < rows) return;
    row = 0;
    ++col;
  }
};

/// Calls f(tile, v, y, place of the first) with the entries of V and Y, a few lines at a time: nothing is allocated.
template <class V, class Y, class F>
void for_entries(const V& v, const Y& y, F&& f) {
  using T = typename V::Scalar;
  constexpr Index most = (std::max)(4 * line<T>, Index(16));
  const EntriesOf<V> values(v);
  const EntriesOf<Y> targets(y);
  alignas(64) T some_values[std::size_t(most)];
  alignas(64) T some_targets[std::size_t(most)];
  EntryPlace next;
  for (Index done = 0; done < v.size(); done += most) {
    const Index count = (std::min)(most, v.size() - done);
    const EntryPlace first = next;
    for (Index i = 0; i < count; ++i, next.advance(v.rows())) {
      some_values[i] = values(next.row, next.col);
      some_targets[i] = T(targets(next.row, next.col));
    }
    // In whole lines, though the numbers end before.
    std::fill(some_values + count, some_values + round_up_to_lines<T>(count), T(0));
    f(TileLayout<T, Lanes::samples>{1, count}, some_values, some_targets, first);
  }
}

/// The sum of a loss over all entries.
template <class L, class V, class Y>
typename V::Scalar sum_of_entries(const L& loss, const V& v, const Y& y) {
  using T = typename V::Scalar;
  T sum(0);
  for_entries(v, y, [&](const auto& tile, const T* values, const T* targets, EntryPlace) {
    sum = T(sum + with_engine<T>([&](auto engine) { return engine.loss(loss, tile, values, targets, tile.length()); }));
  });
  return sum;
}
/// d = its derivative by every entry.
template <class L, class A, class Y, class D>
void derivatives_of_entries(const L& loss, const A& a, const Y& y, D& d) {
  using T = typename A::Scalar;
  for_entries(a, y, [&](const auto& tile, T* values, const T* targets, EntryPlace at) {
    with_engine<T>(
        [&](auto engine) { engine.loss_gradient(loss, tile, T(1), values, targets, tile.length(), values); });
    for (Index i = 0; i < tile.length(); ++i, at.advance(a.rows())) d(at.row, at.col) = values[i];
  });
}

}  // namespace detail

/// Binary cross-entropy of a Sigmoid output, for each output on its own (course, "One neuron"):
///
///     L = - sum_i (y log a + (1 - y) log(1 - a)),  a = sigma(z)
///       = sum_i (max(z, 0) - z y + log(1 + e^-|z|))          as it is computed: finite for every finite z
///     dL/dz = a - y
///
/// Y (n_y x m) holds labels in [0, 1].
struct BinaryCrossEntropy {
  /// The output activation it belongs to, from whose logits it is computed.
  using Output = Sigmoid;

  /// The sum of L over all entries, from the logits Z.
  template <class Z, class Y>
  typename Z::Scalar value(const Z& z, const Y& y) const {
    return detail::sum_of_entries(*this, z, y);
  }
  /// dL/dZ = A - Y.
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dZ) const {
    detail::derivatives_of_entries(*this, a, y, dZ);
  }
  /// \throws ValueError Y: expected labels in [0, 1]
  template <class Y>
  void check_targets(const char* function, const Y& y, Index) const {
    detail::check_targets_unit_interval(function, y);
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const BinaryCrossEntropy&, const BinaryCrossEntropy&) = default;

  /// \private What the engine applies, and no class derived from it.
  using Entries = BinaryCrossEntropy;
};

namespace detail {

/// y' z of sample j, the logit of its class, of logits z(i) and targets Y.
template <class T, class Z, class Y>
T target_logit(const Z& z, const Y& y, Index j) {
  if constexpr (holds_integers<Y>) {
    return z(Index(y(0, j)));
  } else {
    T sum(0);
    for (Index i = 0; i < y.rows(); ++i) sum = T(sum + T(z(i) * y(i, j)));
    return sum;
  }
}
/// The cross-entropy of a tile of logits.
template <class T, Lanes L, class Y>
T categorical_cross_entropy(TileLayout<T, L> tile, const T* z, const Y& y) {
  const Index unit = tile.unit_stride(), sample = tile.sample_stride();
  const auto target = [&](Index j) {
    return target_logit<T>([&](Index i) -> const T& { return z[i * unit + j * sample]; }, y, j);
  };
  return with_engine<T>([&](auto engine) { return engine.cross_entropy(tile, z, target); });
}

}  // namespace detail

/// Categorical cross-entropy of a Softmax output:
///
///     L = - sum_i y_i log a_i,  a = softmax(z)
///       = log(sum_i e^{z_i}) - sum_i y_i z_i                 as it is computed, for y that sums to one
///     dL/dz = a - y
///
/// Y holds one distribution a column (n_y x m, say one-hot), or m class labels 0 .. n_y - 1 as a vector of integers.
struct CategoricalCrossEntropy {
  /// The output activation it belongs to, from whose logits it is computed.
  using Output = Softmax;
  /// Y may be class labels, too.
  static constexpr bool takes_labels = true;

  /// The sum of L over the samples, from the logits Z.
  template <class Z, class Y>
  typename Z::Scalar value(const Z& z, const Y& y) const {
    using T = typename Z::Scalar;
    const detail::EntriesOf<Z> entries(z);
    detail::ColumnTile<T> logits(z.rows());
    T sum(0);
    for (Index j = 0; j < z.cols(); ++j) {
      logits.load(entries, j);
      sum = T(sum + detail::categorical_cross_entropy(logits.layout(), logits.data(), y.col(j)));
    }
    return sum;
  }
  /// dL/dZ = A - Y.
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dZ) const {
    if constexpr (detail::holds_integers<Y>) {
      dZ = a;
      for (Index j = 0; j < a.cols(); ++j) dZ(y(0, j), j) -= typename A::Scalar(1);
    } else {
      dZ = a - y;
    }
  }
  /// \throws ValueError Y: expected class labels in 0 .. n_y - 1, or labels in [0, 1] of which every column sums to 1
  template <class Y>
  void check_targets(const char* function, const Y& y, Index n_y) const {
    if constexpr (detail::holds_integers<Y>) {
      for (Index j = 0; j < y.size(); ++j) {
        if (y(0, j) < 0 || y(0, j) >= n_y) {
          detail::raise_expected<ValueError>(function, "Y", detail::numbered("class labels in 0 .. ", n_y - 1),
                                             std::to_string(y(0, j)) + " in column " + std::to_string(j));
        }
      }
    } else {
      using T = typename Y::Scalar;
      detail::check_targets_unit_interval(function, y);
      // Room for the rounding of soft labels, far below what any mistake in them would show.
      const auto tolerance = static_cast<T>(1e-4);
      for (Index j = 0; j < y.cols(); ++j) {
        const T sum = y.col(j).sum();
        if (sum < T(1) - tolerance || sum > T(1) + tolerance) {
          detail::raise_expected<ValueError>(function, "Y", "columns that sum to 1",
                                             to_text_sum(sum) + " in column " + std::to_string(j));
        }
      }
    }
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const CategoricalCrossEntropy&, const CategoricalCrossEntropy&) = default;

 private:
  template <class T>
  static std::string to_text_sum(const T& sum) {
    return "the sum " + detail::to_text(sum);
  }
};

/// Squared error of any output, summed over the outputs:
///
///     L = sum_i (a_i - y_i)^2        dL/da = 2 (a - y)
///
/// Y (n_y x m) holds finite numbers.
struct MeanSquaredError {
  /// The sum of L over all entries.
  template <class A, class Y>
  typename A::Scalar value(const A& a, const Y& y) const {
    return detail::sum_of_entries(*this, a, y);
  }
  /// dL/dA = 2 (A - Y).
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dA) const {
    detail::derivatives_of_entries(*this, a, y, dA);
  }
  /// \throws ValueError Y: expected finite numbers
  template <class Y>
  void check_targets(const char* function, const Y& y, Index) const {
    detail::check_finite(function, "Y", y);
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const MeanSquaredError&, const MeanSquaredError&) = default;

  /// \private What the engine applies, and no class derived from it.
  using Entries = MeanSquaredError;
};

namespace detail {

template <class G>
struct DefaultLoss {
  using type = MeanSquaredError;
};
template <>
struct DefaultLoss<Sigmoid> {
  using type = BinaryCrossEntropy;
};
template <>
struct DefaultLoss<Softmax> {
  using type = CategoricalCrossEntropy;
};

template <class L, class Y>
void check_targets(const L& loss, const char* function, const Y& y, Index n_y) {
  if constexpr (requires { loss.check_targets(function, y, n_y); }) {
    loss.check_targets(function, y, n_y);
  } else {
    check_finite(function, "Y", y);
  }
}

/// The derivative dJ/dA itself in the place of targets: what backward() from a given dJ/dA sends through a network.
struct GivenDerivative {
  using Entries = GivenDerivative;
  template <class Y>
  void check_targets(const char* function, const Y& dA, Index) const {
    check_finite(function, "dA", dA);
  }
};

}  // namespace detail

/// The loss that follows from an output activation unless another is named: Sigmoid -> BinaryCrossEntropy,
/// Softmax -> CategoricalCrossEntropy, everything else -> MeanSquaredError.
template <class G>
using default_loss = typename detail::DefaultLoss<G>::type;

}  // namespace shallow
