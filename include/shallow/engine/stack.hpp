// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Forward propagation and backpropagation through a stack of dense layers: what Layer, Network, TwoLayerNet and
/// DynamicNetwork have in common.
///
/// For l = 1 .. L, with A[0] = X (course, "One neuron, then a network" and "Gradient descent"):
///
///     Z[l] = W[l] A[l-1] + b[l]       A[l] = g_l(Z[l])                        J = 1/m sum_j L(a^(j), y^(j))
///
///     D[L] = dJ/dA[L] o g_L'(Z[L])    (A[L] - Y) / m for a cross-entropy on its own output activation
///     D[l] = (W[l+1]' D[l+1]) o g_l'(Z[l])
///     dW[l] = D[l] A[l-1]'            db[l] = (row sums of D[l])              dJ/dX = W[1]' D[1]

#include "shallow/activation.hpp"
#include "shallow/engine/elementwise.hpp"
#include "shallow/engine/layer_view.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/engine/tile.hpp"
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

namespace detail {

/// Memory of a cache line's alignment, whatever the compiler's flags: what is stored in it has one layout in every
/// object file of a program.
template <class T>
struct CacheAligned {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  CacheAligned() = default;
  template <class U>
  CacheAligned(const CacheAligned<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
  friend bool operator==(const CacheAligned&, const CacheAligned&) { return true; }
};

template <class T>
using AlignedVector = std::vector<T, CacheAligned<T>>;

/// The parameters of a model: so many numbers, and behind them a cache line of zeros, because the engine reads W and b
/// in whole packets.
template <class T>
class ParameterStorage {
 public:
  ParameterStorage() = default;
  explicit ParameterStorage(std::size_t count) { resize(count); }

  void resize(std::size_t count) { numbers_.resize(count + line); }
  std::size_t size() const { return numbers_.size() - (std::min)(numbers_.size(), line); }
  T* data() { return numbers_.data(); }
  const T* data() const { return numbers_.data(); }
  friend bool operator==(const ParameterStorage& a, const ParameterStorage& b) {
    return std::equal(a.data(), a.data() + a.size(), b.data(), b.data() + b.size());
  }

 private:
  static constexpr std::size_t line = std::max<std::size_t>(64 / sizeof(T), 1);
  AlignedVector<T> numbers_;
};

/// A matrix, a part of one or a Map, which need not be computed first.
template <class X>
inline constexpr bool lies_in_memory = (Eigen::internal::traits<X>::Flags & Eigen::DirectAccessBit) != 0;

/// The rows of X are the inputs of the network: the error of the compiler shows both.
template <int RowsOfX, int Features>
struct RowsFit {
  static_assert(RowsOfX == Features,
                "shallow: X: expected n_x rows, one column a sample; both numbers stand in RowsFit<RowsOfX, Features>");
  static constexpr bool value = true;
};

template <class T>
std::string scalar_name() {
  if constexpr (std::is_same_v<T, float>) return "float";
  if constexpr (std::is_same_v<T, double>) return "double";
  if constexpr (std::is_same_v<T, long double>) return "long double";
  return "custom scalar";
}

}  // namespace detail

/// The reusable storage of a pass: give one to repeated calls and only the first of them allocates. It belongs to no
/// model; one thread uses it at a time.
template <shallow::Scalar T>
class PassWorkspace {
 public:
  /// Forgets and frees everything.
  void clear() { *this = PassWorkspace(); }

 private:
  template <class, shallow::Scalar>
  friend class Stack;

  struct Slot {
    Index z = 0;
    Index a = 0;
    Index scratch = 0;
  };

  T* at(Index offset) { return memory_.data() + offset; }
  /// Where the targets of a tile go: numbers, or class labels.
  template <class Target>
  Target* targets() {
    if constexpr (std::is_same_v<Target, T>) {
      return at(targets_);
    } else {
      return labels_.data();
    }
  }

  detail::AlignedVector<T> memory_;
  std::vector<Slot> slots_;
  std::vector<int> labels_;
  Index input_ = 0;
  Index targets_ = 0;
  std::array<Index, 2> delta_{};
};

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

  /// Two columns of the widest layer, if all sizes are in the type.
  static constexpr Index fixed_columns() {
    return 2 *
           detail::round_up_to_lines<T>(*std::max_element(Derived::fixed_widths.begin(), Derived::fixed_widths.end()));
  }
  /// Whether the stack holds them: then a sample needs no other memory.
  static constexpr bool fits_stack() {
    if constexpr (Derived::fixed_sizes) {
      return fixed_columns() * Index(sizeof(T)) <= 32 * 1024;
    } else {
      return false;
    }
  }
  /// Whether predicting a sample, all sizes being in the types, cannot end in an exception.
  static constexpr bool cannot_throw() { return fits_stack() && Derived::activations_cannot_throw; }

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
    if constexpr (fits_stack()) {
      predict_fixed<fixed_lanes()>(sample.data(), a.data());
    } else {
      Workspace workspace;
      predict_sample<fixed_lanes()>(sample.data(), a.data(), workspace);
    }
    return a;
  }

  /// The same into given storage A (n_y x m), which shares no memory with X; allocates nothing once the workspace has
  /// served as large a call of this kind.
  /// \throws ShapeError X: expected n_x rows, one column a sample
  /// \throws ShapeError A: expected n_y x m; A: expected columns that lie apart
  template <class X>
  void predict(const Eigen::DenseBase<X>& x, detail::Output<T> a, Workspace& workspace) const {
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
    const detail::Samples<T, T> samples{input.data(), input.outerStride(), input.rows(), nullptr, 0, 0,
                                        nullptr,      input.cols()};
    with_lanes([&](auto lanes) {
      constexpr detail::Lanes L = decltype(lanes)::value;
      if (samples.count == 1) return predict_sample<L>(samples.x, a.data(), workspace);
      predict_tiles<L>(samples, a, workspace);
    });
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
  template <class Target, class L>
  T batch_loss_and_gradient(const detail::Samples<T, Target>& samples, const L& loss, T* gradient,
                            Workspace& workspace) const {
    return pass(samples, loss, gradient, static_cast<Matrix<T>*>(nullptr), T(1) / T(double(samples.count)), workspace);
  }

  /// The same without the gradient.
  /// \private
  template <class Target, class L>
  T batch_loss(const detail::Samples<T, Target>& samples, const L& loss, Workspace& workspace) const {
    return batch_loss_and_gradient(samples, loss, static_cast<T*>(nullptr), workspace);
  }

  /// Makes room for batch_loss on these samples, so that not even the first call allocates.
  /// \private
  template <class Target>
  void reserve(const detail::Samples<T, Target>& samples, Workspace& workspace) const {
    const Index tile = detail::tile_samples<T>(values_per_sample(false), samples.count);
    prepare(lanes(), workspace, tile, samples.n_y, false, false);
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
      pass(samples, loss, gradient.data(), dX, T(1), workspace);
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

  /// The rule of the orientation, for layers of width(0) to width(depth).
  template <class Width>
  static constexpr detail::Lanes lanes_of(Index depth, const Width& width) {
    detail::LaneCost cost;
    for (Index l = 0; l < depth; ++l) cost.add_layer<T>(width(l), width(l + 1));
    return cost.lanes();
  }
  /// The orientation of a batch.
  detail::Lanes lanes() const {
    return lanes_of(self().depth(), [&](Index l) { return self().width(l); });
  }
  /// The same for sizes that the type fixes.
  static constexpr detail::Lanes fixed_lanes() {
    return lanes_of(Index(Derived::fixed_widths.size()) - 1,
                    [](Index l) { return Derived::fixed_widths[std::size_t(l)]; });
  }

  /// Calls f with the orientation as a constant: only the one that can occur is compiled where all sizes are fixed.
  template <class F>
  decltype(auto) with_lanes(F&& f) const {
    if constexpr (Derived::fixed_sizes) {
      return f(LanesConstant<fixed_lanes()>{});
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
      return pass(samples, loss, gradient ? gradient->data() : nullptr, dX, T(1) / T(double(samples.count)), workspace);
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

  /// Calls f(products) with the products of a layer, of the engine in use.
  template <detail::Lanes L, class View, class F>
  static void with_products(const View& layer, T* scratch, F&& f) {
    detail::with_engine<T>([&](auto engine) {
      using Products = typename decltype(engine)::template Dense<T, L, View::inputs, View::outputs>;
      f(Products{detail::shared_size<View::inputs>(layer.n_in()), detail::shared_size<View::outputs>(layer.n_out()),
                 layer.weights().data(), layer.bias().data(), scratch});
    });
  }

  Index widest_layer() const {
    Index widest = 0;
    for (Index l = 1; l <= self().depth(); ++l) widest = (std::max)(widest, self().width(l));
    return widest;
  }

  /// Numbers per sample that a pass keeps, for the choice of the tile.
  Index values_per_sample(bool backward) const {
    Index sum = n_x();
    for (Index l = 1; l <= self().depth(); ++l) sum += self().width(l);
    return backward ? sum + 2 * widest_layer() : sum;
  }

  /// Lays out the workspace for tiles of t samples, and prepares the weights for the way back. Returns whether what
  /// was in it before is still there.
  bool prepare(detail::Lanes lanes, Workspace& workspace, Index t, Index target_rows, bool backward,
               bool input_derivative) const {
    // Every part starts on a cache line, which also keeps equal columns of neighbours out of the same cache set.
    constexpr Index line = std::max<Index>(64 / Index(sizeof(T)), 1);
    Index total = 0;
    const auto reserve = [&](Index count) {
      const Index offset = total;
      total += (count + line - 1) / line * line + line;
      return offset;
    };
    const auto tile_size = [&](Index units) {
      if (lanes == detail::Lanes::samples) return detail::TileLayout<T, detail::Lanes::samples>{units, t}.size();
      return detail::TileLayout<T, detail::Lanes::units>{units, t}.size();
    };
    const bool units = lanes == detail::Lanes::units;
    const Index depth = self().depth();
    workspace.slots_.resize(static_cast<std::size_t>(depth));
    const Index input = std::exchange(workspace.input_, reserve(tile_size(n_x())));
    const Index targets = std::exchange(workspace.targets_, reserve(tile_size(target_rows)));
    bool kept = input == workspace.input_ && targets == workspace.targets_;
    for (Index l = 0; l < depth; ++l) {
      auto& slot = workspace.slots_[static_cast<std::size_t>(l)];
      const Index size = tile_size(self().width(l + 1));
      slot.a = reserve(size);
      // g may overwrite z with a unless z is needed afterwards: by g' or, in the last layer, by a loss from logits.
      slot.z = l + 1 == depth || self().keeps_z(l + 1) ? reserve(size) : slot.a;
      if (backward && units) {
        const bool input_gradient = l > 0 || input_derivative;
        slot.scratch = reserve(detail::scratch_size<T>(self().width(l), self().width(l + 1), input_gradient));
      }
    }
    if (backward) {
      const Index widest = input_derivative ? (std::max)(n_x(), widest_layer()) : widest_layer();
      for (Index& delta : workspace.delta_) delta = reserve(tile_size(widest));
    }
    if (workspace.memory_.size() < static_cast<std::size_t>(total)) {
      workspace.memory_ = detail::AlignedVector<T>();  // frees before it allocates
      workspace.memory_.resize(static_cast<std::size_t>(total));
      kept = false;
    }
    if (workspace.labels_.size() < static_cast<std::size_t>(t)) workspace.labels_.resize(static_cast<std::size_t>(t));
    if (!backward || !units) return kept;
    self().for_each_layer([&](const auto& layer, Index l) {
      if (l == 0 && !input_derivative) return;
      with_products<detail::Lanes::units>(layer, scratch(workspace, l), [](auto products) { products.pack_weights(); });
    });
    return kept;
  }

  static T* scratch(Workspace& workspace, Index l) {
    return workspace.at(workspace.slots_[static_cast<std::size_t>(l)].scratch);
  }

  /// Forward propagation of a tile.
  template <detail::Lanes L>
  void forward_tile(detail::Operand<T> a, Index t, Workspace& workspace) const {
    self().for_each_layer([&](const auto& layer, Index l) {
      const auto& slot = workspace.slots_[static_cast<std::size_t>(l)];
      const detail::TileLayout<T, L> layout{layer.n_out(), t};
      T* z = workspace.at(slot.z);
      with_products<L>(layer, nullptr,
                       [&](auto products) { products.forward(t, a.data, a.unit_stride, a.sample_stride, z); });
      detail::activate(layer.activation(), layout, z, workspace.at(slot.a));
      a = {workspace.at(slot.a), layout.unit_stride(), layout.sample_stride()};
    });
  }

  template <detail::Lanes L>
  void predict_tiles(const detail::Samples<T, T>& samples, Eigen::Ref<Matrix<T>> a, Workspace& workspace) const {
    const Index tile = detail::tile_samples<T>(values_per_sample(false), samples.count);
    prepare(L, workspace, tile, 0, false, false);
    const T* output = workspace.at(workspace.slots_.back().a);
    for (Index first = 0; first < samples.count; first += tile) {
      const Index t = (std::min)(tile, samples.count - first);
      forward_tile<L>(detail::input_tile<L>(samples, first, t, workspace.at(workspace.input_)), t, workspace);
      detail::store_tile(detail::TileLayout<T, L>{n_y(), t}, output, a.data() + first * a.outerStride(),
                         a.outerStride());
    }
  }

  /// A single sample, which has no neighbours to share lanes with: its units lie along them, whatever the rule says of
  /// batches. Two columns in turn are all the memory it needs.
  template <detail::Lanes L>
  void predict_sample(const T* x, T* a, Workspace& workspace) const {
    if constexpr (fits_stack()) {
      predict_fixed<L>(x, a);
    } else {
      const Index stride = detail::round_up_to_lines<T>(widest_layer());
      if (workspace.memory_.size() < static_cast<std::size_t>(2 * stride)) {
        workspace.memory_.resize(static_cast<std::size_t>(2 * stride));
      }
      predict_sample<L>(x, a, workspace.at(0), stride);
    }
  }
  template <detail::Lanes L>
  void predict_fixed(const T* x, T* a) const {
    constexpr Index size = fixed_columns();
    alignas(64) T columns[std::size_t(size)];
    predict_sample<L>(x, a, columns, size / 2);
  }
  template <detail::Lanes L>
  EIGEN_ALWAYS_INLINE void predict_sample(const T* x, T* a, T* columns, Index stride) const {
    if constexpr (requires { self().layer_views(); }) {
      const auto views = self().layer_views();
      x = detail::with_engine<T>(
          [&](auto engine) { return engine.template forward_sample<T, L>(views, x, columns, stride); });
    } else {
      self().for_each_layer([&](const auto& layer, Index l) {
        T* const z = columns + l % 2 * stride;
        detail::with_engine<T>([&](auto engine) { engine.template forward_sample<T, L>(layer, x, z); });
        x = z;
      });
    }
    std::copy_n(x, n_y(), a);
  }

  template <class Target, class LossType>
  T pass(const detail::Samples<T, Target>& samples, const LossType& loss, T* gradient, Matrix<T>* dX, T scale,
         Workspace& workspace) const {
    return with_lanes(
        [&](auto lanes) { return pass_tiles<decltype(lanes)::value>(samples, loss, gradient, dX, scale, workspace); });
  }

  /// The whole of a pass: forward, loss and backward, tile after tile. Returns scale * (sum of the loss); the
  /// derivatives of that go to `gradient`.
  template <detail::Lanes L, class Target, class LossType>
  T pass_tiles(detail::Samples<T, Target> samples, const LossType& loss, T* gradient, Matrix<T>* dX, T scale,
               Workspace& workspace) const {
    using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
    const bool logits = detail::uses_logits("loss", loss, self().output_activation());
    const bool backward = gradient != nullptr;
    const Index tile = detail::tile_samples<T>(values_per_sample(backward), samples.count);
    if (!prepare(L, workspace, tile, samples.n_y, backward, dX != nullptr)) samples.repeated = false;
    Sum sum(0);
    for (Index first = 0; first < samples.count; first += tile) {
      const Index t = (std::min)(tile, samples.count - first);
      const detail::Operand<T> input = detail::input_tile<L>(samples, first, t, workspace.at(workspace.input_));
      forward_tile<L>(input, t, workspace);

      const auto targets = detail::target_tile<L>(samples, first, t, workspace.template targets<Target>());
      const detail::TileLayout<T, L> output{n_y(), t};
      const auto& last = workspace.slots_.back();
      const T* const a = workspace.at(last.a);
      sum += Sum(detail::tile_loss(loss, output, logits ? workspace.at(last.z) : a, targets));
      if (!backward) continue;

      T* const d = workspace.at(workspace.delta_[0]);
      detail::tile_loss_gradient(loss, output, scale, a, targets, d);
      if (!logits) {
        detail::activate_backward(self().output_activation(), output, workspace.at(last.z), workspace.at(last.a), d);
      }
      const detail::Start start = first == 0 ? detail::Start::zero : detail::Start::accumulate;
      backward_tile<L>(start, input, t, gradient, dX ? dX->data() + first * dX->rows() : nullptr, workspace);
    }
    return T(sum * Sum(scale));
  }

  /// Backpropagation of a tile, from D = dJ/dZ of the last layer in delta_[0].
  template <detail::Lanes L>
  void backward_tile(detail::Start start, const detail::Operand<T>& input, Index t, T* gradient, T* dX,
                     Workspace& workspace) const {
    T* d = workspace.at(workspace.delta_[0]);
    T* previous_d = workspace.at(workspace.delta_[1]);
    T* block = gradient + parameter_count();
    self().for_each_layer_backward([&](const auto& layer, Index l, const auto* below) {
      const detail::TileLayout<T, L> in{layer.n_in(), t};
      block -= layer.parameter_count();
      detail::Operand<T> a = input;
      if (l > 0) {
        a = {workspace.at(workspace.slots_[static_cast<std::size_t>(l - 1)].a), in.unit_stride(), in.sample_stride()};
      }
      with_products<L>(layer, scratch(workspace, l), [&](auto products) {
        products.weight_gradient(start, t, d, a.data, a.unit_stride, a.sample_stride, block,
                                 block + layer.n_in() * layer.n_out());
        if (l > 0 || dX) products.input_gradient(t, d, previous_d);
      });
      if (l == 0 && !dX) return;
      if (l == 0) {
        detail::store_tile(in, previous_d, dX, in.units);
      } else if constexpr (!std::is_same_v<decltype(below), const std::nullptr_t*>) {
        const auto& slot = workspace.slots_[static_cast<std::size_t>(l - 1)];
        detail::activate_backward(below->activation(), in, workspace.at(slot.z), workspace.at(slot.a), previous_d);
        std::swap(d, previous_d);
      }
    });
  }
};

/// Prints the summary.
template <class Derived, shallow::Scalar T, class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Stack<Derived, T>& stack) {
  return out << stack.summary();
}

}  // namespace shallow
