// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A pass over a batch, tile after tile, by one thread or several.
///
/// Which numbers are added in which order follows from the shapes, and never from who adds them. With the units along
/// the lanes a sum over the samples is one chain, from the first sample of a batch to the last: of each tile the
/// samples are shared out as far as dJ/dZ, which is a sample's own, and then the columns of dW. With the samples along
/// the lanes a tile's sum is made by itself and added to those before: whole tiles are shared out, and their sums added
/// in order.

#include "shallow/engine/executor.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/engine/tile.hpp"
#include "shallow/engine/tile_pass.hpp"
#include "shallow/engine/workspace.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace shallow::detail {

/// Passes of a model (see Stack), in a workspace.
template <class Model, shallow::Scalar T>
class Pass {
 public:
  Pass(const Model& model, PassWorkspace<T>& workspace)
      : model_(model), workspace_(workspace), tile_(model, workspace) {}

  /// A[L] for `samples`, to columns a_stride apart.
  template <Lanes L, class E>
  void predict(const Samples<T, T>& samples, T* a, Index a_stride, E& executor) const {
    const Index tile = tile_samples<T>(tile_.values_per_sample(false), samples.count);
    by_tiles<L>(samples, tile, false, false, executor, [&](Index first, Index t, Index, PassWorkspace<T>& own) {
      tile_.template forward<L>(samples, first, t, 0, own);
      store_tile(TileLayout<T, L>{model_.n_y(), t}, own.at(own.slots_.back().a), a + first * a_stride, a_stride);
    });
  }

  /// scale * (sum of the loss), and the derivatives of that.
  template <Lanes L, class Target, class Loss, class E>
  T train(Samples<T, Target> samples, const Goal<T, Loss>& goal, E& executor) const {
    using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
    const bool backward = goal.gradient != nullptr;
    const Index tile = tile_samples<T>(tile_.values_per_sample(backward), samples.count);
    samples.repeated = samples.repeated && tile >= samples.count;
    Sum sum(0);
    if constexpr (!is_serial<E>) {
      const Index sharing = sharers(executor, samples.count, model_.parameter_count());
      if (sharing > 1 && L == Lanes::units && backward) {
        train_shared(samples, tile, goal, sharing, executor, sum);
        return T(sum * Sum(goal.scale));
      }
      if (sharing > 1 && tile < samples.count) {
        train_tiles<L>(samples, tile, goal, executor, sum);
        return T(sum * Sum(goal.scale));
      }
    }
    if (!tile_.prepare(L, workspace_, tile, samples.n_y, backward, goal.dX != nullptr)) samples.repeated = false;
    if (L == Lanes::units && backward) tile_.pack_weights(goal.dX != nullptr, 0, 1);
    for (Index first = 0; first < samples.count; first += tile) {
      const Index t = (std::min)(tile, samples.count - first);
      tile_.template forward<L>(samples, first, t, 0, workspace_);
      if (backward) tile_.template propagate_back<L>(samples, goal, first, t, 0, workspace_);
      sum += Sum(tile_.template tile_loss<L>(samples, goal, first, t, workspace_));
      if (backward) tile_.template gradients<L>(samples, start_of(first), first, t, goal.gradient, workspace_);
    }
    return T(sum * Sum(goal.scale));
  }

  /// Makes room for the loss without its gradient.
  template <class Target, class E>
  void reserve(Lanes lanes, const Samples<T, Target>& samples, E& executor) const {
    const Index tile = tile_samples<T>(tile_.values_per_sample(false), samples.count);
    if (share_tiles(lanes, samples, tile, false, false, executor) > 1) workspace_.losses_.resize(std::size_t(kRound));
  }

 private:
  static Start start_of(Index first) { return first == 0 ? Start::zero : Start::accumulate; }

  /// How many share the tiles of a batch, a workspace for each being laid out.
  template <class Target, class E>
  Index share_tiles(Lanes lanes, const Samples<T, Target>& samples, Index tile, bool backward, bool input_derivative,
                    E& executor) const {
    const Index tiles = (samples.count + tile - 1) / tile;
    const Index sharing = (std::min)(tiles, sharers(executor, samples.count, model_.parameter_count()));
    if (Index(workspace_.others_.size()) + 1 < sharing) workspace_.others_.resize(std::size_t(sharing - 1));
    for (Index worker = 0; worker < (std::max)(sharing, Index(1)); ++worker) {
      tile_.prepare(lanes, workspace_.of(worker), tile, samples.n_y, backward, input_derivative);
    }
    return sharing;
  }
  /// Calls f(first, t, tile's number, workspace) for the tiles of a batch, side by side.
  template <Lanes L, class Target, class E, class F>
  void by_tiles(const Samples<T, Target>& samples, Index tile, bool backward, bool input_derivative, E& executor,
                F&& f) const {
    const Index tiles = (samples.count + tile - 1) / tile;
    Counter<E> next;
    run_all(executor, share_tiles(L, samples, tile, backward, input_derivative, executor), [&](Index worker) {
      for (Index k = next.take(); k < tiles; k = next.take()) {
        f(k * tile, (std::min)(tile, samples.count - k * tile), k, workspace_.of(worker));
      }
    });
  }

  /// Whole tiles side by side, so many at a time.
  static constexpr Index kRound = 64;

  template <Lanes L, class Target, class Loss, class E, class Sum>
  void train_tiles(const Samples<T, Target>& all, Index tile, const Goal<T, Loss>& goal, E& executor, Sum& sum) const {
    const Index size = goal.gradient ? model_.parameter_count() : 0;
    const Index stride = round_up_to_lines<T>(size);
    const Index most = (std::min)(kRound, (all.count + tile - 1) / tile);
    workspace_.losses_.resize(std::size_t(kRound));
    if (workspace_.gradients_.size() < std::size_t(most * stride)) {
      workspace_.gradients_ = AlignedVector<T>();  // frees before it allocates
      workspace_.gradients_.resize(std::size_t(most * stride));
    }
    for (Index from = 0; from < all.count; from += kRound * tile) {
      Samples<T, Target> round = all;
      round.count = (std::min)(kRound * tile, all.count - from);
      if (all.order) {
        round.order += from;
      } else {
        round.x += from * round.x_stride;
        round.y += from * round.y_stride;
      }
      Goal<T, Loss> part = goal;
      if (goal.dX) part.dX += from * model_.n_x();
      by_tiles<L>(round, tile, goal.gradient != nullptr, goal.dX != nullptr, executor,
                  [&](Index first, Index t, Index k, PassWorkspace<T>& own) {
                    tile_.template forward<L>(round, first, t, 0, own);
                    if (goal.gradient) tile_.template propagate_back<L>(round, part, first, t, 0, own);
                    workspace_.losses_[std::size_t(k)] = tile_.template tile_loss<L>(round, part, first, t, own);
                    if (!goal.gradient) return;
                    tile_.template gradients<L>(round, Start::zero, first, t, workspace_.gradients_.data() + k * stride,
                                                own);
                  });
      const Index tiles = (round.count + tile - 1) / tile;
      for (Index k = 0; k < tiles; ++k) sum += Sum(workspace_.losses_[std::size_t(k)]);
      const Index sharing = sharers(executor, tiles, size);
      run_all(executor, sharing, [&](Index worker) {
        const Index end = share(size, line<T>, worker + 1, sharing);
        for (Index k = 0; k < tiles; ++k) {
          const T* const addend = workspace_.gradients_.data() + k * stride;
          for (Index i = share(size, line<T>, worker, sharing); i < end; ++i) {
            goal.gradient[i] = from + k == 0 ? addend[i] : T(goal.gradient[i] + addend[i]);
          }
        }
      });
    }
  }

  /// With the units along the lanes: of each tile the samples side by side, then the columns of dW.
  template <class Target, class Loss, class E, class Sum>
  void train_shared(Samples<T, Target> samples, Index tile, const Goal<T, Loss>& goal, Index sharing, E& executor,
                    Sum& sum) const {
    constexpr Lanes L = Lanes::units;
    if (!tile_.prepare(L, workspace_, tile, samples.n_y, true, goal.dX != nullptr)) samples.repeated = false;
    run_all(executor, sharing, [&](Index k) { tile_.pack_weights(goal.dX != nullptr, k, sharing); });
    for (Index first = 0; first < samples.count; first += tile) {
      const Index t = (std::min)(tile, samples.count - first);
      run_all(executor, sharing, [&](Index k) {
        const Index from = share(t, 1, k, sharing);
        const Index count = share(t, 1, k + 1, sharing) - from;
        if (count == 0) return;
        tile_.template forward<L>(samples, first + from, count, from, workspace_);
        tile_.template propagate_back<L>(samples, goal, first + from, count, from, workspace_);
      });
      T loss(0);
      run_all(executor, sharing + 1, [&](Index k) {
        if (k == 0) {
          loss = tile_.template tile_loss<L>(samples, goal, first, t, workspace_);
        } else {
          tile_.template gradients<L>(samples, start_of(first), first, t, goal.gradient, workspace_, k - 1, sharing);
        }
      });
      sum += Sum(loss);
    }
  }

  const Model& model_;
  PassWorkspace<T>& workspace_;
  TilePass<Model, T> tile_;
};

}  // namespace shallow::detail
