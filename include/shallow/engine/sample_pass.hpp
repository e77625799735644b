// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The prediction of a single sample, which has no neighbours to share lanes with: its units lie along them, whatever
/// the rule says of batches. Two columns in turn are all the memory it needs.

#include "shallow/engine/layout.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/engine/workspace.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

namespace shallow::detail {

/// The rule of the orientation, for layers of width(0) to width(depth).
template <class T, class Width>
constexpr Lanes lanes_of(Index depth, const Width& width) {
  LaneCost cost;
  for (Index l = 0; l < depth; ++l) cost.add_layer<T>(width(l), width(l + 1));
  return cost.lanes();
}

/// Predictions of a model (see Stack), a sample at a time.
template <class Model, shallow::Scalar T>
class SamplePass {
 public:
  /// The same rule for sizes that the type fixes.
  static constexpr Lanes fixed_lanes() {
    return lanes_of<T>(Index(Model::fixed_widths.size()) - 1,
                       [](Index l) { return Model::fixed_widths[std::size_t(l)]; });
  }
  /// Whether all sizes are in the type and the stack holds the columns: then a sample needs no other memory.
  static constexpr bool fits_stack() {
    if constexpr (Model::fixed_sizes) {
      return 2 * fixed_column() * Index(sizeof(T)) <= 32 * 1024;
    } else {
      return false;
    }
  }

  /// a = A[L] of x. The workspace is not touched if `fits_stack`.
  static void predict(Lanes lanes, const Model& model, const T* x, T* a, PassWorkspace<T>& workspace) {
    if constexpr (fits_stack()) {
      predict_fixed(model, x, a);
    } else {
      Index widest = 0;
      for (Index l = 1; l <= model.depth(); ++l) widest = (std::max)(widest, model.width(l));
      const Index stride = round_up_to_lines<T>(widest);
      workspace.hold(2 * stride);
      predict_through(lanes, model, x, a, workspace.at(0), stride);
    }
  }
  /// The same, all on the stack.
  static void predict_fixed(const Model& model, const T* x, T* a) {
    const auto views = model.layer_views();
    with_engine<T>([&](auto engine) {
      engine.template predict_sample<fixed_column()>(fixed_lanes(), views, x, a, Index(Model::fixed_widths.back()));
    });
  }

 private:
  /// A column of the widest layer.
  static constexpr Index fixed_column() {
    return round_up_to_lines<T>(*std::max_element(Model::fixed_widths.begin(), Model::fixed_widths.end()));
  }

  static void predict_through(Lanes lanes, const Model& model, const T* x, T* a, T* columns, Index stride) {
    if constexpr (requires { model.layer_views(); }) {
      const auto views = model.layer_views();
      x = with_engine<T>([&](auto engine) { return engine.forward_sample(lanes, views, x, columns, stride); });
    } else {
      model.for_each_layer([&](const auto& layer, Index l) {
        T* const z = columns + l % 2 * stride;
        with_engine<T>([&](auto engine) { engine.forward_sample(lanes, layer, x, z); });
        x = z;
      });
    }
    std::copy_n(x, model.n_y(), a);
  }
};

}  // namespace shallow::detail
