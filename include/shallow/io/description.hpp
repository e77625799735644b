// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the writers of networks share: the layers of any network one by one, the names of activations and losses, and
/// the network and the scaler in a model.

#include "shallow/activation.hpp"
#include "shallow/error.hpp"
#include "shallow/io/file.hpp"
#include "shallow/layer_view.hpp"
#include "shallow/loss.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/types.hpp"
#include "shallow/version.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow::io {

/// What a model file says beside the parameters.
struct ModelInfo {
  std::string loss{};                  ///< unless given, the default loss of the network
  std::vector<std::string> classes{};  ///< names of the outputs; empty if there are none
};

}  // namespace shallow::io

namespace shallow::detail {

/// "0.1.0", of this library.
inline std::string version_text() {
  return numbered("", SHALLOW_VERSION_MAJOR)
      .append(numbered(".", SHALLOW_VERSION_MINOR))
      .append(numbered(".", SHALLOW_VERSION_PATCH));
}

/// Calls f(layer) for every layer of a network, the first one first: `layer` has weights(), bias() and activation().
template <class Net, class F>
void for_each_layer(const Net& net, F&& f) {
  if constexpr (requires { net.layer(Index(0)); }) {
    for (Index l = 0; l < net.depth(); ++l) f(net.layer(l));
  } else if constexpr (requires { Net::layers; }) {
    [&]<std::size_t... l>(std::index_sequence<l...>) { (f(net.template layer<l>()), ...); }
    (std::make_index_sequence<Net::layers>{});
  } else {
    f(net);
  }
}

/// Calls f(g) with the activation itself where it was chosen at run time among those of the library.
template <class G, class F>
decltype(auto) visit_activation(const G& g, F&& f) {
  if constexpr (requires { g.template get<LeakyReLU>(); }) {
    if (const auto* const chosen = g.template get<Sigmoid>()) return f(*chosen);
    if (const auto* const chosen = g.template get<Tanh>()) return f(*chosen);
    if (const auto* const chosen = g.template get<ReLU>()) return f(*chosen);
    if (const auto* const chosen = g.template get<LeakyReLU>()) return f(*chosen);
    if (const auto* const chosen = g.template get<Identity>()) return f(*chosen);
    if (const auto* const chosen = g.template get<Softmax>()) return f(*chosen);
  }
  return f(g);
}

/// "tanh", "leaky_relu(0.2)": the name, and settings in full.
template <class G>
std::string saved_activation(const G& g) {
  return visit_activation(g, []<class Chosen>(const Chosen& chosen) {
    std::string text(activation_name(chosen));
    if constexpr (std::is_same_v<Chosen, LeakyReLU>) text.append("(").append(exact_text(chosen.slope)).append(")");
    return text;
  });
}

/// The activations of a network, "tanh, leaky_relu(0.2), softmax".
template <class Net>
std::string saved_activations(const Net& net) {
  std::string text;
  for_each_layer(net, [&](const auto& layer) {
    text.append(text.empty() ? "" : ", ").append(saved_activation(layer.activation()));
  });
  return text;
}

template <class L>
std::string loss_name(const L& loss) {
  if constexpr (requires { loss.kind(); }) {
    return loss.visit([](const auto& chosen) { return loss_name(chosen); });
  } else if constexpr (std::is_same_v<L, BinaryCrossEntropy>) {
    return "binary_cross_entropy";
  } else if constexpr (std::is_same_v<L, CategoricalCrossEntropy>) {
    return "categorical_cross_entropy";
  } else {
    return "mean_squared_error";
  }
}

template <class M>
inline constexpr bool is_scaled = false;
template <class Net>
inline constexpr bool is_scaled<Scaled<Net>> = true;

/// The network in a model, which may be Scaled.
template <class Model>
const auto& net_of(const Model& model) {
  if constexpr (is_scaled<Model>) {
    return model.net();
  } else {
    return model;
  }
}
/// The scaler in a model, or nullptr.
template <class Model>
const StandardScaler<typename Model::Scalar>* scaler_of(const Model& model) {
  if constexpr (is_scaled<Model>) {
    return &model.scaler();
  } else {
    return nullptr;
  }
}

/// \throws ValueError net: expected finite parameters
template <class Net>
void check_parameters(std::string_view function, const Net& net) {
  static_assert(std::is_same_v<typename Net::Scalar, float> || std::is_same_v<typename Net::Scalar, double>,
                "shallow: files hold float or double");
  if (!all_finite(net.parameters())) {
    raise_expected<ValueError>(function, "net", "finite parameters", "NaN or infinity among them");
  }
}

/// \throws ShapeError classes: expected n_y names (two for n_y = 1), or none
template <class Net>
void check_classes(std::string_view function, const Net& net, const io::ModelInfo& info) {
  const Index names = std::max<Index>(net.n_y(), 2);
  if (!info.classes.empty() && static_cast<Index>(info.classes.size()) != names) {
    raise_expected<ShapeError>(function, "classes", to_text(names) + " names, or none", to_text(info.classes.size()));
  }
}

}  // namespace shallow::detail
