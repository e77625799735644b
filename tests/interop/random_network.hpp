// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Networks of depth 1 to 4 with every activation, for others to compute the same with.

#include <shallow/shallow.hpp>

#include <cstdint>
#include <vector>

template <class T>
shallow::AnyActivation<T> hidden_activation(shallow::RandomState& random) {
  switch (random.below(5)) {
    case 0: return shallow::Sigmoid{};
    case 1: return shallow::ReLU{};
    case 2: return shallow::LeakyReLU{.slope = 0.05 + 0.3 * random.uniform()};
    case 3: return shallow::Identity{};
    default: return shallow::Tanh{};
  }
}
template <class T>
shallow::AnyActivation<T> output_activation(shallow::RandomState& random) {
  switch (random.below(3)) {
    case 0: return shallow::Softmax{};
    case 1: return shallow::Sigmoid{};
    default: return hidden_activation<T>(random);
  }
}

/// Weights as they are drawn for training, biases of size 1.
template <class T>
shallow::DynamicNetwork<T> random_network(shallow::RandomState& random, std::uint32_t seed) {
  std::vector<shallow::LayerSpec<T>> layers;
  const shallow::Index depth = 1 + random.below(4);
  for (shallow::Index l = 1; l <= depth; ++l) {
    layers.push_back({1 + random.below(40), l == depth ? output_activation<T>(random) : hidden_activation<T>(random)});
  }
  shallow::DynamicNetwork<T> net(1 + random.below(30), layers, {.seed = seed});
  for (shallow::Index l = 0; l < depth; ++l) net.layer(l).bias() = random.randn<T>(net.layer(l).n_out(), 1);
  return net;
}
