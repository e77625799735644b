// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Networks of every activation, for others to compute the same with.

#include "shallow/io/description.hpp"
#include "shallow/shallow.hpp"

#include <cstdint>
#include <type_traits>
#include <vector>

template <class T>
shallow::AnyActivation<T> random_activation(shallow::RandomState& random) {
  switch (random.below(6)) {
    case 0: return shallow::Sigmoid{};
    case 1: return shallow::ReLU{};
    case 2: return shallow::LeakyReLU{.slope = 0.05 + 1.2 * random.uniform()};
    case 3: return shallow::Identity{};
    case 4: return shallow::Softmax{};
    default: return shallow::Tanh{};
  }
}

/// The same network in numbers of another type.
template <class To, class T>
shallow::DynamicNetwork<To> converted(const shallow::DynamicNetwork<T>& net) {
  std::vector<shallow::LayerSpec<To>> layers;
  for (shallow::Index l = 0; l < net.depth(); ++l) {
    const auto layer = net.layer(l);
    shallow::detail::visit_activation(layer.activation(), [&]<class G>(const G& g) {
      if constexpr (!std::is_same_v<G, shallow::AnyActivation<T>>) layers.push_back({layer.n_out(), g});
    });
  }
  shallow::DynamicNetwork<To> other(net.n_x(), layers);
  other.parameters() = net.parameters().template cast<To>();
  return other;
}

/// Whether the library's own outputs in float are those in double to 3e-7 of the largest, a third of what is asked of
/// others: of outputs that are what is left of larger numbers, neither side knows more.
inline bool well_conditioned(const shallow::DynamicNetwork<float>& net) {
  const shallow::Matrix<float> X = shallow::RandomState(3).randn<float>(net.n_x(), 100);
  const shallow::Matrix<double> exact = converted<double>(net).predict(X.cast<double>());
  const shallow::Matrix<double> A = net.predict(X).cast<double>();
  return A.allFinite() && (A - exact).cwiseAbs().maxCoeff() <= 3e-7 * exact.cwiseAbs().maxCoeff();
}

/// Of this depth, weights as they are drawn for training, biases of size 1, and well conditioned in float.
template <class T>
shallow::DynamicNetwork<T> random_network(shallow::Index depth, shallow::RandomState& random) {
  while (true) {
    std::vector<shallow::LayerSpec<T>> layers;
    for (shallow::Index l = 0; l < depth; ++l) layers.push_back({1 + random.below(40), random_activation<T>(random)});
    const auto seed = static_cast<std::uint32_t>(random.below(1'000'000));
    shallow::DynamicNetwork<T> net(1 + random.below(30), layers, {.seed = seed});
    for (shallow::Index l = 0; l < depth; ++l) net.layer(l).bias() = random.randn<T>(net.layer(l).n_out(), 1);
    if (well_conditioned(converted<float>(net))) return net;
  }
}
