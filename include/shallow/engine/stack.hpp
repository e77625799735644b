// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A stack of dense layers: what Layer, Network, TwoLayerNet and DynamicNetwork have in common. The passes themselves
/// are in pass.hpp.

#include "shallow/activation.hpp"
#include "shallow/engine/executor.hpp"
#include "shallow/engine/layer_view.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/pass.hpp"
#include "shallow/engine/sample_pass.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/engine/workspace.hpp"
#include "shallow/error.hpp"
#include "shallow/loss.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iosfwd>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow {

/// Passes through a stack of layers. `Derived` says what the layers are (see Network):
///
///     parameters(), const and not         all parameters in one vector
///     depth()                             L
///     width(l)                            n_l for l = 0 .. L
///     keeps_z(l)                          whether g_l' needs Z[l], for l = 1 .. L
///     for_each_layer(f)                   f(LayerView, l) for l = 0 .. L - 1, of a const model
///     for_each_layer_backward(f)          the same from the last to the first
///     layer_views()                       all LayerViews in a tuple, where their number is fixed
///     output_activation(), default_loss()
///
/// and, if its sizes are in the type, `fixed_widths`, an array.
template <class Derived, shallow::Scalar T>
class Stack {
  static constexpr bool sizes_are_fixed() { return Derived::fixed_sizes; }
  using SamplePass = detail::SamplePass<Derived, T>;
  /// Whether predicting a sample, all sizes being in the types, cannot end in an exception.
  static constexpr bool cannot_throw() { return SamplePass::fits_stack() && Derived::activations_cannot_throw; }

 public:
  /// The number type.
  using Scalar = T;
  /// Storage of a pass, which belongs to the caller.
  using Workspace = PassWorkspace<T>;
  /// \private The class whose passes these are.
  using Model = Derived;

  /// \private A number that tells shapes apart, as well as one number can.
  std::size_t shape_key() const {
    std::size_t key = 0;
    for (Index l = 0; l <= self().depth(); ++l) key = key * 1000003U + static_cast<std::size_t>(self().width(l));
    return key;
  }

  /// Number of parameters: sum over the layers of (n_{l-1} + 1) n_l.
  Index parameter_count() const { return self().parameters().size(); }

  /// Features of a sample.
  Index n_x() const { return self().width(0); }
  /// Outputs of a sample.
  Index n_y() const { return self().width(self().depth()); }

  /// All parameters as they are now, as a vector of their own: `best = net.copy_parameters()` keeps them, and
  /// `net.parameters() = best` brings them back.
  Vector<T> copy_parameters() const { return self().parameters(); }

  /// Names and shapes of the parameters: W1, b1, W2, b2, ...; none of a model that was moved from.
  std::vector<ParameterBlock> parameter_blocks() const {
    std::vector<ParameterBlock> blocks;
    if (parameter_count() == 0) return blocks;
    Index offset = 0;
    for (Index l = 1; l <= self().depth(); ++l) {
      const Index n_in = self().width(l - 1);
      const Index n_out = self().width(l);
      blocks.push_back({detail::numbered("W", l), n_out, n_in, offset});
      blocks.push_back({detail::numbered("b", l), n_out, 1, offset + n_in * n_out});
      offset += (n_in + 1) * n_out;
    }
    return blocks;
  }

  /// A readable table of the layers: shapes, activations and parameter counts. "empty" if it was moved from.
  std::string summary() const {
    if (parameter_count() == 0) return "empty (" + detail::scalar_name<T>() + "), 0 parameters";
    std::string head = std::to_string(n_x());
    std::string rows;
    self().for_each_layer([&](const auto& layer, Index l) {
      const std::string activation = detail::activation_text(layer.activation());
      head.append(" -> ").append(std::to_string(layer.n_out())).append(" ").append(activation);
      rows.append(detail::numbered("\n  layer ", l + 1))
          .append(": W ")
          .append(detail::shape_text(layer.n_out(), layer.n_in()));
      rows.append(", b ").append(detail::shape_text(layer.n_out(), 1)).append(", ").append(activation).append(", ");
      rows.append(std::to_string(layer.parameter_count())).append(" parameters");
    });
    return head + " (" + detail::scalar_name<T>() + "), " + std::to_string(parameter_count()) + " parameters" + rows;
  }

  /// A[L] (n_y x m): the output for every column of X (n_x x m). m = 0 gives no columns; NaN in gives NaN out.
  /// X may be any Eigen expression; it is read in place where it lies column after column, and copied otherwise.
  /// \throws ShapeError X: expected n_x rows, one column a sample; model: expected parameters
  template <class X>
  Matrix<T> predict(const Eigen::DenseBase<X>& x) const {
    Matrix<T> a(n_y(), x.cols());
    Workspace workspace;
    predict(x, a, workspace);
    return a;
  }

  /// a[L] (n_y x 1) of a single sample x (n_x x 1), all sizes being in the types: a column of fixed size comes out, a
  /// wrong number of rows does not compile, and nothing allocates where two columns of the widest layer take no more
  /// than 32 KiB. Then it cannot throw, either, if the activations are this library's or noexcept, and a model that was
  /// moved from ends the program with the text of the error. \throws ShapeError model: expected parameters
  template <class X>
    requires(X::RowsAtCompileTime != Dynamic && X::ColsAtCompileTime == 1 && Stack::sizes_are_fixed())
  auto predict(const Eigen::DenseBase<X>& x) const noexcept(Stack::cannot_throw() && detail::lies_in_memory<X>) {
    constexpr int rows = int(Derived::fixed_widths.front());
    (void)detail::RowsFit<X::RowsAtCompileTime, rows>::value;
    static_assert(
        std::is_same_v<typename X::Scalar, T>,
        "shallow: X has another number type than the network: pass X.cast<...>() or build the network in X's");
    detail::require_parameters("predict", parameter_count());
    const Eigen::Ref<const Eigen::Matrix<T, rows, 1, Eigen::ColMajor>> sample(x.derived().matrix());
    Eigen::Matrix<T, int(Derived::fixed_widths.back()), 1, Eigen::ColMajor> a;
    if constexpr (SamplePass::fits_stack()) {
      SamplePass::predict_fixed(self(), sample.data(), a.data());
    } else {
      Workspace workspace;
      SamplePass::predict(SamplePass::fixed_lanes(), self(), sample.data(), a.data(), workspace);
    }
    return a;
  }

  /// The same into given storage A (n_y x m), which shares no memory with X; allocates nothing once the workspace has
  /// served as large a call of this kind. `executor` is Threads{n}, a ThreadPool or another Executor, which share the
  /// work if it is worth it; the bits are the same. \throws ShapeError X: expected n_x rows, one column a sample
  /// \throws ShapeError A: expected n_y x m; A: expected columns that lie apart
  template <class X, class E>
    requires detail::works_side_by_side<E>
  void predict(const Eigen::DenseBase<X>& x, detail::Output<T> a, Workspace& workspace, E&& executor) const {
    if constexpr (sizes_are_fixed() && X::RowsAtCompileTime != Dynamic) {
      (void)detail::RowsFit<X::RowsAtCompileTime, int(Derived::fixed_widths.front())>::value;
    }
    detail::require_parameters("predict", parameter_count());
    const auto input = detail::as_input<T>(x);
    detail::check_input("predict", input, n_x());
    a.require_apart("predict", "A");
    if (a.rows() != n_y() || a.cols() != input.cols()) {
      detail::raise_expected<ShapeError>("predict", "A", detail::shape_text(n_y(), input.cols()) + " (n_y x m)",
                                         detail::shape_text(a.rows(), a.cols()));
    }
    if constexpr (requires { executor.require_count(); }) executor.require_count();
    const detail::Samples<T, T> samples{input.data(), input.outerStride(), input.rows(), nullptr, 0, 0,
                                        nullptr,      input.cols()};
    with_lanes([&](auto lanes) {
      constexpr detail::Lanes L = decltype(lanes)::value;
      if (samples.count == 1) return SamplePass::predict(L, self(), samples.x, a.data(), workspace);
      const auto predict_by = [&](auto& by) {
        detail::Pass<Derived, T>(self(), workspace).template predict<L>(samples, a.data(), a.outerStride(), by);
      };
      if (detail::worth_sharing(samples.count, parameter_count()) < 2) return predict_by(detail::serial);
      detail::with_executor(executor, predict_by);
    });
  }
  /// The same by one thread.
  template <class X>
  void predict(const Eigen::DenseBase<X>& x, detail::Output<T> a, Workspace& workspace) const {
    predict(x, a, workspace, detail::Serial{});
  }
  /// A[L] for every column of X, by the threads of Threads{n}, a ThreadPool or another Executor: the same bits.
  /// \throws as above
  template <class X, class E>
    requires detail::works_side_by_side<E> Matrix<T> predict(const Eigen::DenseBase<X>& x, E&& executor)
  const {
    Matrix<T> a(n_y(), x.cols());
    Workspace workspace;
    predict(x, a, workspace, executor);
    return a;
  }

  /// \private No matrix: said in the compiler's first lines.
  template <class X>
    requires(!detail::DenseExpression<X>)
  auto predict(const X&) const {
    static_assert(detail::require_matrix<X>());
    return Matrix<T>();
  }
  /// \private Storage that cannot be written to in place.
  template <class X, class A>
    requires(!detail::DenseExpression<X> || !std::is_convertible_v<A, detail::Output<T>>)
  auto predict(const X&, A&&, Workspace&) const {
    static_assert(detail::require_matrix<X>());
    static_assert(
        std::is_convertible_v<A, detail::Output<T>>,
        "shallow: A, where the outputs go, lies column after column, has the network's number type and can be "
        "written to: a shallow::Matrix, whole columns or a block of one, or an Eigen::Map");
  }

  /// J on the samples X (n_x x m), Y (n_y x m, or m class labels).
  /// \throws ShapeError, ValueError as `fit` does for X and Y
  template <class X, Targets Y, class L>
  T loss(const Eigen::DenseBase<X>& x, const Y& y, const L& loss, Workspace& workspace) const {
    return checked_pass("loss", x, detail::dense(y), loss, nullptr, nullptr, workspace);
  }

  /// J, and dJ/dparameters written to `gradient` (parameter_count() numbers); dJ/dX to `dX` (n_x x m) if it is given.
  /// Allocates nothing once the workspace has served as large a call of this kind.
  /// \throws ShapeError, ValueError as `fit` does for X and Y
  /// \throws ShapeError gradient: expected parameter_count() x 1; dX: expected n_x x m
  template <class X, Targets Y, class L>
  T loss_and_gradient(const Eigen::DenseBase<X>& x, const Y& y, const L& loss, Eigen::Ref<Vector<T>> gradient,
                      Workspace& workspace, Matrix<T>* dX = nullptr) const {
    return checked_pass("loss_and_gradient", x, detail::dense(y), loss, &gradient, dX, workspace);
  }

  /// The same for samples that were checked before: what `fit` calls for every batch.
  /// \private
  template <class Target, class L, class E = const detail::Serial>
  T batch_loss_and_gradient(const detail::Samples<T, Target>& samples, const L& loss, T* gradient, Workspace& workspace,
                            E& executor = detail::serial) const {
    return pass(samples, loss, gradient, static_cast<Matrix<T>*>(nullptr), T(1) / T(double(samples.count)), workspace,
                executor);
  }

  /// Makes room for it without a gradient, so that not even the first call allocates.
  /// \private
  template <class Target, class E = const detail::Serial>
  void reserve(const detail::Samples<T, Target>& samples, Workspace& workspace, E& executor = detail::serial) const {
    detail::Pass<Derived, T>(self(), workspace).reserve(lanes(), samples, executor);
  }

  /// Backpropagation of a given dJ/dA[L] (n_y x m) at the samples X (n_x x m), for losses and loops of one's own:
  /// dJ/dparameters written to `gradient` (parameter_count() numbers), dJ/dX to `dX` (n_x x m) if it is given. Nothing
  /// is divided by m. Allocates nothing once the workspace has served as large a call of this kind.
  /// \throws ShapeError X: expected n_x rows, one column a sample; dA: expected n_y x m
  /// \throws ShapeError gradient: expected parameter_count() x 1; dX: expected n_x x m; model: expected parameters
  /// \throws ValueError X, dA: expected finite numbers
  template <class X, class D>
  void backward(const Eigen::DenseBase<X>& x, const Eigen::DenseBase<D>& dA, Eigen::Ref<Vector<T>> gradient,
                Workspace& workspace, Matrix<T>* dX = nullptr) const {
    const detail::GivenDerivative loss;
    detail::require_parameters("backward", parameter_count());
    const auto input = detail::as_input<T>(x);
    const auto given = detail::as_input<T>(dA);
    const auto run = [&](const auto& samples) {
      check_storage("backward", input, &gradient, dX);
      pass(samples, loss, gradient.data(), dX, T(1), workspace, detail::serial);
    };
    detail::with_samples<T>("backward", loss, input, given, n_x(), n_y(), n_y(), run, "dA");
  }
  /// The same with storage of its own. `loss` is 0.
  /// \throws ShapeError, ValueError as above
  template <class X, class D>
  Gradients<T> backward(const Eigen::DenseBase<X>& x, const Eigen::DenseBase<D>& dA) const {
    Gradients<T> result{T(0), (Vector<T>::Zero)(parameter_count()), (Matrix<T>::Zero)(n_x(), x.cols()),
                        parameter_blocks()};
    Workspace workspace;
    backward(x, dA, result.parameters, workspace, &result.X);
    return result;
  }

 protected:
  Stack() = default;

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }

  template <detail::Lanes L>
  using LanesConstant = std::integral_constant<detail::Lanes, L>;

  /// The orientation of a batch.
  detail::Lanes lanes() const {
    return detail::lanes_of<T>(self().depth(), [&](Index l) { return self().width(l); });
  }

  /// Calls f with the orientation as a constant: only the one that can occur is compiled where all sizes are fixed.
  template <class F>
  decltype(auto) with_lanes(F&& f) const {
    if constexpr (Derived::fixed_sizes) {
      return f(LanesConstant<SamplePass::fixed_lanes()>{});
    } else if (lanes() == detail::Lanes::units) {
      return f(LanesConstant<detail::Lanes::units>{});
    } else {
      return f(LanesConstant<detail::Lanes::samples>{});
    }
  }

  template <class X, class Y, class L>
  T checked_pass(const char* function, const Eigen::DenseBase<X>& x, const Eigen::DenseBase<Y>& y, const L& loss,
                 Eigen::Ref<Vector<T>>* gradient, Matrix<T>* dX, Workspace& workspace) const {
    detail::require_parameters(function, parameter_count());
    const auto input = detail::as_input<T>(x);
    detail::uses_logits(function, loss, self().output_activation());
    const Index rows = detail::target_rows(loss, n_y());
    return detail::with_samples<T>(function, loss, input, y, n_x(), n_y(), rows, [&](const auto& samples) {
      check_storage(function, input, gradient, dX);
      return pass(samples, loss, gradient ? gradient->data() : nullptr, dX, T(1) / T(double(samples.count)), workspace,
                  detail::serial);
    });
  }

  /// \throws ShapeError gradient: expected parameter_count() x 1; dX: expected n_x x m
  template <class Input>
  void check_storage(const char* function, const Input& input, const Eigen::Ref<Vector<T>>* gradient,
                     const Matrix<T>* dX) const {
    if (gradient && gradient->size() != parameter_count()) {
      detail::raise_expected<ShapeError>(function, "gradient", detail::shape_text(parameter_count(), 1),
                                         detail::shape_text(gradient->size(), 1));
    }
    if (dX && (dX->rows() != input.rows() || dX->cols() != input.cols())) {
      detail::raise_expected<ShapeError>(function, "dX", detail::shape_text(input.rows(), input.cols()) + " (n_x x m)",
                                         detail::shape_text(dX->rows(), dX->cols()));
    }
  }

  template <class Target, class LossType, class E>
  T pass(const detail::Samples<T, Target>& samples, const LossType& loss, T* gradient, Matrix<T>* dX, T scale,
         Workspace& workspace, E& executor) const {
    const bool logits = detail::uses_logits("loss", loss, self().output_activation());
    const detail::Goal<T, LossType> goal{loss, logits, scale, gradient, dX ? dX->data() : nullptr};
    return with_lanes([&](auto lanes) {
      return detail::Pass<Derived, T>(self(), workspace)
          .template train<decltype(lanes)::value>(samples, goal, executor);
    });
  }
};

/// Prints the summary.
template <class Derived, shallow::Scalar T, class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Stack<Derived, T>& stack) {
  return out << stack.summary();
}

}  // namespace shallow
