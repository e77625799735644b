// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// How `fit` shows a model its batches: samples listed in any order, of any Trainable.

#include "shallow/engine/executor.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace shallow::detail {

/// Evaluates a model on batches of X and Y: the networks of this library take the list of samples, any other model is
/// handed matrices.
template <class M, class T, class Target, class L, class E>
class BatchPass {
 public:
  BatchPass(Samples<T, Target> all, const L& loss, Index batch_size, bool listed, E& executor)
      : all_(all), loss_(loss), executor_(executor) {
    static_assert(takes_samples || is_serial<E>,
                  "shallow: threads are for the networks of this library; a model of your own shares out its passes "
                  "itself");
    if constexpr (!takes_samples) {
      x_.resize(all.n_x, listed ? batch_size : 0);
      y_.resize(all.n_y, listed ? batch_size : 0);
    }
  }

  /// Allocates what a call without a gradient needs, as far as the model lets itself be asked.
  void reserve(const M& model) {
    if constexpr (takes_samples) model.reserve(all_, workspace_, executor_);
  }

  /// J of `count` samples from `first` on, in the given order if there is one; the gradient, too, unless it is null.
  T operator()(const M& model, Index first, Index count, const Index* order, Vector<T>* gradient) {
    if constexpr (takes_samples) {
      Samples<T, Target> batch = all_;
      batch.count = count;
      batch.order = order ? order + first : nullptr;
      batch.repeated = !order && count == all_.count && std::exchange(loaded_, true);
      if (!order) {
        batch.x += first * batch.x_stride;
        batch.y += first * batch.y_stride;
      }
      return model.batch_loss_and_gradient(batch, loss_, gradient ? gradient->data() : nullptr, workspace_, executor_);
    } else {
      using X = Eigen::Map<const Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>;
      using Y = Eigen::Map<const Eigen::Matrix<Target, Dynamic, Dynamic, Eigen::ColMajor>, Eigen::Unaligned,
                           Eigen::OuterStride<>>;
      const T* x = all_.x + first * all_.x_stride;
      const Target* y = all_.y + first * all_.y_stride;
      Index x_stride = all_.x_stride;
      Index y_stride = all_.y_stride;
      if (order) {
        for (Index j = 0; j < count; ++j) {
          std::copy_n(all_.x + order[first + j] * x_stride, all_.n_x, x_.data() + j * all_.n_x);
          std::copy_n(all_.y + order[first + j] * y_stride, all_.n_y, y_.data() + j * all_.n_y);
        }
        x = x_.data();
        y = y_.data();
        x_stride = all_.n_x;
        y_stride = all_.n_y;
      }
      const X batch_x(x, all_.n_x, count, Eigen::OuterStride<>(x_stride));
      const Y batch_y(y, all_.n_y, count, Eigen::OuterStride<>(y_stride));
      return gradient ? T(model.loss_and_gradient(batch_x, batch_y, loss_, *gradient, workspace_))
                      : T(model.loss(batch_x, batch_y, loss_, workspace_));
    }
  }

 private:
  // A class of the user's own that is derived from a model may have passes of its own: it is handed matrices.
  static constexpr bool takes_samples =
      requires(const M& m, Samples<T, Target> s, const L& l, T* g, typename M::Workspace w, E& e) {
    requires std::is_same_v<typename M::Model, M>;
    m.batch_loss_and_gradient(s, l, g, w, e);
  };

  Samples<T, Target> all_;
  const L& loss_;
  E& executor_;
  typename M::Workspace workspace_{};
  bool loaded_ = false;  ///< whether the workspace holds all samples as one batch
  Matrix<T> x_;
  Eigen::Matrix<Target, Dynamic, Dynamic, Eigen::ColMajor> y_;
};

}  // namespace shallow::detail
