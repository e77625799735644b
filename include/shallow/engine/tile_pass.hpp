// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Forward propagation and backpropagation of a tile of samples, or a part of one, through the layers of a model.
///
/// For l = 1 .. L, with A[0] = X (course, "One neuron, then a network" and "Gradient descent"):
///
///     Z[l] = W[l] A[l-1] + b[l]       A[l] = g_l(Z[l])                        J = 1/m sum_j L(a^(j), y^(j))
///
///     D[L] = dJ/dA[L] o g_L'(Z[L])    (A[L] - Y) / m for a cross-entropy on its own output activation
///     D[l] = (W[l+1]' D[l+1]) o g_l'(Z[l])
///     dW[l] = D[l] A[l-1]'            db[l] = (row sums of D[l])              dJ/dX = W[1]' D[1]

#include "shallow/engine/elementwise.hpp"
#include "shallow/engine/executor.hpp"
#include "shallow/engine/layer_products.hpp"
#include "shallow/engine/layer_view.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/tile.hpp"
#include "shallow/engine/workspace.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace shallow::detail {

/// What a pass is to compute.
template <class T, class Loss>
struct Goal {
  const Loss& loss;
  bool logits;  ///< whether the loss is taken from Z
  T scale;      ///< of the loss
  T* gradient;  ///< dJ/dparameters, unless it is null
  T* dX;        ///< (n_x x m), unless it is null
};

/// The steps of a pass of a model (see Stack). The workspace is that of the tile; W' stands in the one of the pass.
template <class Model, shallow::Scalar T>
class TilePass {
 public:
  TilePass(const Model& model, PassWorkspace<T>& workspace) : model_(model), workspace_(workspace) {}

  /// Numbers per sample that a pass keeps, for the choice of the tile: the same with and without dX, so that asking for
  /// it changes no other number.
  Index values_per_sample(bool backward) const {
    Index units = 0;
    for (Index l = 1; l <= model_.depth(); ++l) units += model_.width(l);
    return model_.n_x() + (backward ? 2 * units : units);
  }

  /// Lays out a workspace for tiles of t samples. Returns whether what was in it before is still there.
  bool prepare(Lanes lanes, PassWorkspace<T>& workspace, Index t, Index target_rows, bool backward,
               bool input_derivative) const {
    // Every part starts on a cache line, and each at another place in its page: a load that follows a store to the same
    // place of another page waits for it, so that a loop over two such parts takes four times as long.
    constexpr Index numbers = (std::max)(Index(64 / sizeof(T)), Index(1));
    constexpr Index page = 64;
    Index total = 0;
    Index parts = 0;
    const auto reserve = [&](Index count) {
      const Index wanted = 27 * parts++ % page;
      Index lines = total / numbers;
      lines += (wanted - lines % page + page) % page;
      total = lines * numbers + round_up_to_lines<T>(count) + 2 * numbers;
      total = total / numbers * numbers;
      return lines * numbers;
    };
    const auto tile_size = [&](Index units) {
      if (lanes == Lanes::samples) return TileLayout<T, Lanes::samples>{units, t}.size();
      return TileLayout<T, Lanes::units>{units, t}.size();
    };
    const Index depth = model_.depth();
    workspace.slots_.resize(static_cast<std::size_t>(depth));
    const Index input = std::exchange(workspace.input_, reserve(tile_size(model_.n_x())));
    const Index targets = std::exchange(workspace.targets_, reserve(tile_size(target_rows)));
    const bool kept = input == workspace.input_ && targets == workspace.targets_;
    for (Index l = 0; l < depth; ++l) {
      auto& slot = workspace.slots_[static_cast<std::size_t>(l)];
      const Index size = tile_size(model_.width(l + 1));
      slot.a = reserve(size);
      // g may overwrite z with a unless z is needed afterwards: by g' or, in the last layer, by a loss from logits.
      slot.z = l + 1 == depth || model_.keeps_z(l + 1) ? reserve(size) : slot.a;
      if (!backward) continue;
      slot.d = reserve(size);
      if (lanes == Lanes::units) {
        const bool input_gradient = l > 0 || input_derivative;
        slot.scratch = reserve(scratch_size<T>(model_.width(l), model_.width(l + 1), input_gradient));
      }
    }
    if (input_derivative) workspace.input_d_ = reserve(tile_size(model_.n_x()));
    if (workspace.labels_.size() < static_cast<std::size_t>(t)) workspace.labels_.resize(static_cast<std::size_t>(t));
    return workspace.hold(total) && kept;
  }

  /// W' of the layers whose input gradients are wanted: the share k of `parts` of each.
  void pack_weights(bool input_derivative, Index k, Index parts) const {
    model_.for_each_layer([&](const auto& layer, Index l) {
      if (l == 0 && !input_derivative) return;
      T* const scratch = workspace_.at(workspace_.slots_[static_cast<std::size_t>(l)].scratch);
      products<Lanes::units>(layer, scratch)
          .pack_weights(share(layer.n_out(), line<T>, k, parts), share(layer.n_out(), line<T>, k + 1, parts));
    });
  }

  // ---- A part of a tile: the samples first .. first + t of the batch, which stand in the tile from `at` on. Only with
  // ---- the units along the lanes is it less than the whole: `at` is 0 otherwise.

  /// Forward propagation, to A[L].
  template <Lanes L, class Target>
  void forward(const Samples<T, Target>& samples, Index first, Index t, Index at, PassWorkspace<T>& workspace) const {
    T* const input = place<L>(workspace, workspace.input_, samples.n_x, at);
    load_input<L>(samples, first, t, input);
    Operand<T> a = input_of<L>(samples, first, t, input);
    model_.for_each_layer([&](const auto& layer, Index l) {
      const auto& slot = workspace.slots_[static_cast<std::size_t>(l)];
      const TileLayout<T, L> layout{layer.n_out(), t};
      T* const z = place<L>(workspace, slot.z, layer.n_out(), at);
      T* const to = place<L>(workspace, slot.a, layer.n_out(), at);
      products<L>(layer, nullptr).forward(t, a, z);
      activate(layer.activation(), layout, z, to);
      a = {to, layout.unit_stride(), layout.sample_stride()};
    });
  }

  /// D of every layer, and dX.
  template <Lanes L, class Target, class Loss>
  void propagate_back(const Samples<T, Target>& samples, const Goal<T, Loss>& goal, Index first, Index t, Index at,
                      PassWorkspace<T>& workspace) const {
    const Index n_y = model_.n_y();
    const auto& last = workspace.slots_.back();
    const TileLayout<T, L> output{n_y, t};
    T* const a = place<L>(workspace, last.a, n_y, at);
    T* d = place<L>(workspace, last.d, n_y, at);
    Target* const targets = target_place<Target>(workspace, samples.n_y, at);
    load_targets<L>(samples, first, t, targets);
    tile_loss_gradient(goal.loss, output, goal.scale, a,
                       targets_of<L>(samples, first, t, static_cast<const Target*>(targets)), d);
    if (!goal.logits) {
      detail::activate_backward(model_.output_activation(), output, place<L>(workspace, last.z, n_y, at), a, d);
    }
    model_.for_each_layer_backward([&](const auto& layer, Index l, const auto* below) {
      if (l == 0 && !goal.dX) return;
      const TileLayout<T, L> in{layer.n_in(), t};
      const Index offset = l > 0 ? workspace.slots_[static_cast<std::size_t>(l - 1)].d : workspace.input_d_;
      T* const previous_d = place<L>(workspace, offset, layer.n_in(), at);
      // W' stands in the workspace that all share.
      products<L>(layer, workspace_.at(workspace_.slots_[static_cast<std::size_t>(l)].scratch))
          .input_gradient(t, d, previous_d);
      if (l == 0) {
        store_tile(in, previous_d, goal.dX + first * layer.n_in(), layer.n_in());
      } else if constexpr (!std::is_same_v<decltype(below), const std::nullptr_t*>) {
        const auto& slot = workspace.slots_[static_cast<std::size_t>(l - 1)];
        detail::activate_backward(below->activation(), in, place<L>(workspace, slot.z, layer.n_in(), at),
                                  place<L>(workspace, slot.a, layer.n_in(), at), previous_d);
        d = previous_d;
      }
    });
  }

  // ---- A whole tile

  /// Sum of the loss over the samples of a tile that went forward.
  template <Lanes L, class Target, class Loss>
  T tile_loss(const Samples<T, Target>& samples, const Goal<T, Loss>& goal, Index first, Index t,
              PassWorkspace<T>& workspace) const {
    const auto& last = workspace.slots_.back();
    Target* const targets = workspace.template targets<Target>();
    if (!goal.gradient) load_targets<L>(samples, first, t, targets);
    return detail::tile_loss(goal.loss, TileLayout<T, L>{model_.n_y(), t}, workspace.at(goal.logits ? last.z : last.a),
                             targets_of<L>(samples, first, t, static_cast<const Target*>(targets)));
  }

  /// dW and db of every layer from D: with the units along the lanes the share k of `parts` of the columns of dW.
  template <Lanes L, class Target>
  void gradients(const Samples<T, Target>& samples, Start start, Index first, Index t, T* gradient,
                 PassWorkspace<T>& workspace, [[maybe_unused]] Index k = 0, [[maybe_unused]] Index parts = 1) const {
    Operand<T> a = input_of<L>(samples, first, t, static_cast<const T*>(workspace.at(workspace.input_)));
    model_.for_each_layer([&](const auto& layer, Index l) {
      const auto& slot = workspace.slots_[static_cast<std::size_t>(l)];
      const Index n_in = layer.n_in();
      // Layers of few inputs are one share each, of another each time.
      const Index turn = (k + l) % parts;
      const Index from = share(n_in, line<T>, turn, parts), to = share(n_in, line<T>, turn + 1, parts);
      if (from < to) {
        products<L>(layer, workspace.at(slot.scratch))
            .weight_gradient(start, t, workspace.at(slot.d), a, gradient, from, to);
      }
      const TileLayout<T, L> layout{layer.n_out(), t};
      a = {workspace.at(slot.a), layout.unit_stride(), layout.sample_stride()};
      gradient += layer.parameter_count();
    });
  }

 private:
  /// The products of a layer.
  template <Lanes L, class View>
  static auto products(const View& layer, T* scratch) {
    return LayerProducts<T, L, narrow<View::inputs>, narrow<View::outputs>>(
        shared_size<View::inputs>(layer.n_in()), shared_size<View::outputs>(layer.n_out()), layer.weights().data(),
        layer.bias().data(), scratch);
  }
  template <Lanes L>
  static T* place(PassWorkspace<T>& workspace, Index offset, Index units, Index at) {
    return workspace.at(offset) + at * TileLayout<T, L>{units, 1}.sample_stride();
  }
  template <class Target>
  static Target* target_place(PassWorkspace<T>& workspace, Index rows, Index at) {
    const Index stride = std::is_same_v<Target, T> ? round_up_to_lines<T>(rows) : 1;
    return workspace.template targets<Target>() + at * stride;
  }

  const Model& model_;
  PassWorkspace<T>& workspace_;
};

}  // namespace shallow::detail
