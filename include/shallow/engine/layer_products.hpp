// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The products of a layer, by the engine in use.

#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/types.hpp"

namespace shallow::detail {

/// An (n x t) matrix in memory, as a product reads it.
template <class T>
struct Operand {
  const T* data;
  Index unit_stride;
  Index sample_stride;
};

/// With W (n_out x n_in) and b of a layer, A of a tile below it and D = dJ/dZ; all that are not narrow share these
/// functions, whatever model they belong to. See DenseKernel for what they do.
template <class T, Lanes L, int In, int Out>
class LayerProducts {
 public:
  LayerProducts(Index n_in, Index n_out, const T* weights, const T* bias, T* scratch)
      : n_in_(n_in), n_out_(n_out), weights_(weights), bias_(bias), scratch_(scratch) {}

  /// Z = W A + b.
  EIGEN_DONT_INLINE void forward(Index t, const Operand<T>& a, T* z) const {
    with_kernel([&](auto kernel) { kernel.forward(t, a.data, a.unit_stride, a.sample_stride, z); });
  }
  /// dA = W' D.
  EIGEN_DONT_INLINE void input_gradient(Index t, const T* d, T* dA) const {
    with_kernel([&](auto kernel) { kernel.input_gradient(t, d, dA); });
  }
  /// [dW db] of the columns first .. last of dW, or added to it; of all of them with the samples along the lanes.
  EIGEN_DONT_INLINE void weight_gradient(Start start, Index t, const T* d, const Operand<T>& a, T* gradient,
                                         Index first, Index last) const {
    with_kernel([&](auto kernel) {
      T* const db = gradient + n_in_ * n_out_;
      if constexpr (L == Lanes::samples) {
        kernel.weight_gradient(start, t, d, a.data, a.unit_stride, a.sample_stride, gradient, db);
      } else {
        kernel.weight_gradient(start, t, d, a.data, a.unit_stride, a.sample_stride, gradient, db, first, last);
      }
    });
  }
  /// W' of the rows first .. last of W.
  EIGEN_DONT_INLINE void pack_weights(Index first, Index last) const {
    with_kernel([&](auto kernel) { kernel.pack_weights(first, last); });
  }

 private:
  template <class F>
  void with_kernel(F&& f) const {
    with_engine<T>([&](auto engine) {
      using Kernel = typename decltype(engine)::template Dense<T, L, In, Out>;
      f(Kernel{n_in_, n_out_, weights_, bias_, scratch_});
    });
  }

  Index n_in_;
  Index n_out_;
  const T* weights_;
  const T* bias_;
  T* scratch_;
};

}  // namespace shallow::detail
