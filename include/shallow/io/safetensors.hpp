// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Networks in safetensors files, which PyTorch reads as the `state_dict` of an `nn.Sequential(Linear, Act, Linear,
/// Act, ...)` (needs nlohmann-json: link shallow::safetensors).
///
/// W[l] is the tensor "2(l-1).weight" (n_l x n_{l-1}), b[l] is "2(l-1).bias" (n_l): the numbers between belong to the
/// activations. What a state_dict has no place for stands in the metadata, all of it as text, numbers with as many
/// digits as bring back the same number:
///
///     shallow.version       of the library that wrote the file
///     shallow.activations   "tanh, leaky_relu(0.2), softmax"
///     shallow.loss          "categorical_cross_entropy"
///     shallow.means         of a StandardScaler, separated by spaces; with shallow.scales, as many, all > 0
///     shallow.classes       a JSON array of names
///
/// Files are read as hostile (safetensors_file.hpp). Memory: the file, twice the network, and for the header at most 64
/// times its length.

#include "shallow/dynamic_network.hpp"
#include "shallow/error.hpp"
#include "shallow/initializer.hpp"
#include "shallow/io/description.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/model_file.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/io/safetensors_file.hpp"
#include "shallow/layer.hpp"
#include "shallow/network.hpp"
#include "shallow/two_layer_net.hpp"
#include "shallow/types.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow::io {

/// How a model file is read.
template <Scalar T>
struct LoadOptions {
  bool round_to_float = false;                  ///< takes a float64 file for a float network, rounding each number
  std::vector<AnyActivation<T>> activations{};  ///< of the layers, where the file does not say them
};

}  // namespace shallow::io

namespace shallow::detail {

/// Numbers separated by spaces.
template <class Numbers>
std::string joined(const Numbers& numbers) {
  std::string text;
  for (Index i = 0; i < numbers.size(); ++i) {
    text.append(text.empty() ? "" : " ").append(exact_text(static_cast<double>(numbers(i))));
  }
  return text;
}

/// How to build a network of a type from the layers of a file.
template <class Net>
struct FromFile;

template <class Shape, class T>
void check_layer(const ModelFile& file, const SavedLayer<T>& layer, std::size_t l) {
  const auto expect = [&](int fixed, Index size, const char* what) {
    if (fixed == Dynamic || fixed == size) return;
    file.fail(std::to_string(fixed) + what + std::to_string(l) + ", as the type says", std::to_string(size));
  };
  expect(Shape::inputs, layer.n_in, " inputs of layer ");
  expect(Shape::outputs, layer.n_out, " outputs of layer ");
}
template <class L, class T>
L layer_from(const ModelFile& file, const SavedLayer<T>& layer, std::size_t l) {
  check_layer<L>(file, layer, l);
  using G = typename L::ActivationType;
  return L(layer.n_in, layer.n_out,
           {.initializer = Initializer::zeros(), .activation = file.activation<G>(l, layer.activation)});
}

template <class T, class G, int In, int Out>
struct FromFile<Layer<T, G, In, Out>> {
  static constexpr std::size_t layers = 1;
  static Layer<T, G, In, Out> build(const ModelFile& file, const std::vector<SavedLayer<T>>& saved) {
    return layer_from<Layer<T, G, In, Out>>(file, saved[0], 1);
  }
};
template <class... L>
struct FromFile<Network<L...>> {
  static constexpr std::size_t layers = sizeof...(L);
  template <class T>
  static Network<L...> build(const ModelFile& file, const std::vector<SavedLayer<T>>& saved) {
    return [&]<std::size_t... l>(std::index_sequence<l...>) {
      return Network<L...>(layer_from<L>(file, saved[l], l + 1)...);
    }
    (std::index_sequence_for<L...>{});
  }
};
template <class T, class Hidden, class Output, int X, int H, int Y>
struct FromFile<TwoLayerNet<T, Hidden, Output, X, H, Y>> {
  static constexpr std::size_t layers = 2;
  static TwoLayerNet<T, Hidden, Output, X, H, Y> build(const ModelFile& file, const std::vector<SavedLayer<T>>& saved) {
    check_layer<Layer<T, Hidden, X, H>>(file, saved[0], 1);
    check_layer<Layer<T, Output, H, Y>>(file, saved[1], 2);
    return TwoLayerNet<T, Hidden, Output, X, H, Y>(saved[0].n_in, saved[0].n_out, saved[1].n_out,
                                                   {.initializer = Initializer::zeros(),
                                                    .hidden = file.activation<Hidden>(1, saved[0].activation),
                                                    .output = file.activation<Output>(2, saved[1].activation)});
  }
};
template <class T>
struct FromFile<DynamicNetwork<T>> {
  static constexpr std::size_t layers = 0;  // any number
  static DynamicNetwork<T> build(const ModelFile& file, const std::vector<SavedLayer<T>>& saved,
                                 const std::vector<AnyActivation<T>>& given = {}) {
    if (!given.empty() && given.size() != saved.size()) {
      raise_expected<ShapeError>("load", "activations", numbered("", saved.size()) + ", one a layer of the file",
                                 to_text(given.size()));
    }
    std::vector<LayerSpec<T>> specs;
    for (std::size_t l = 0; l < saved.size(); ++l) {
      const std::string& text = saved[l].activation;
      if (!given.empty() && !text.empty() && saved_activation(given[l]) != text) {
        file.fail(saved_activation(given[l]).append(numbered(" in layer ", l + 1)), quoted_excerpt(text));
      }
      specs.push_back({saved[l].n_out, given.empty() ? file.any_activation<T>(l + 1, text) : given[l]});
    }
    return DynamicNetwork<T>(saved[0].n_in, specs, {.initializer = Initializer::zeros()});
  }
};

template <class Net>
Net network_from(const ModelFile& file, const io::LoadOptions<typename Net::Scalar>& options) {
  using T = typename Net::Scalar;
  using Builder = FromFile<Net>;
  if (Builder::layers != 0 && !options.activations.empty()) {
    raise_expected<ValueError>("load", "activations", "none for a network whose type has them",
                               to_text(options.activations.size()));
  }
  file.check_room<T>("a network", 2);  // once more in the layers of the file
  const std::vector<SavedLayer<T>> saved = file.layers<T>(options.round_to_float);
  if (Builder::layers != 0 && saved.size() != Builder::layers) {
    file.fail(numbered("", Builder::layers) + " layers, as the type says", std::to_string(saved.size()));
  }
  Net net = [&] {
    if constexpr (Builder::layers == 0) {
      return Builder::build(file, saved, options.activations);
    } else {
      return Builder::build(file, saved);
    }
  }();
  T* to = net.parameters().data();
  for (const SavedLayer<T>& layer : saved) {
    for (Index i = 0; i < layer.n_in; ++i) {
      for (Index o = 0; o < layer.n_out; ++o) *to++ = layer.weights[static_cast<std::size_t>(o * layer.n_in + i)];
    }
    to = std::copy(layer.bias.begin(), layer.bias.end(), to);
  }
  return net;
}

}  // namespace shallow::detail

namespace shallow::io {

/// Writes a network (Layer, Network, TwoLayerNet, DynamicNetwork, or one of them Scaled) to a safetensors file. Atomic:
/// a crash leaves the old file or the new one.
///
///     io::save(net, "flower.safetensors", {.classes = {"red", "blue"}});
///
/// \throws FileError (path): expected a file that can be written, given the system's reason
/// \throws ShapeError net: expected a network with parameters; scaler: expected n_x features
/// \throws ValueError net: expected finite parameters; means: expected finite numbers; scales: expected finite numbers
///         > 0
/// \throws ValueError activation: expected one with a name (UTF-8, no comma, bracket or control character), and with
///         finite settings if it holds data, in layer l; expected settings that a double holds in layer l
/// \throws ShapeError classes: expected n_y names (two for n_y = 1), or none
/// \throws ValueError classes: expected names in UTF-8; classes, loss: expected names without control characters; loss:
///         expected a name in UTF-8; info: expected a header of at most 1 MiB
template <class Model>
void save(const Model& model, const std::filesystem::path& path, const ModelInfo& info = {}) {
  const auto& net = detail::net_of(model);
  detail::check_model("save", model);
  detail::check_described("save", net);
  detail::check_classes("save", net, info.classes);
  if (!detail::is_utf8(info.loss)) {
    detail::raise_expected<ValueError>("save", "loss", "a name in UTF-8", "other bytes");
  }
  // load_info would hand out others.
  if (detail::has_controls(info.loss)) detail::refuse_controls("save", "loss", info.loss);
  for (const std::string& name : info.classes) {
    if (detail::has_controls(name)) detail::refuse_controls("save", "classes", name);
  }
  detail::SafetensorsWriter file;
  file.metadata("format", "pt");
  file.metadata("shallow.version", detail::version_text());
  file.metadata("shallow.activations", detail::saved_activations(net));
  file.metadata("shallow.loss", info.loss.empty() ? detail::loss_name(net.default_loss()) : info.loss);
  if (!info.classes.empty()) file.metadata("shallow.classes", nlohmann::json(info.classes).dump());
  if (const auto* const scaler = detail::scaler_of(model)) {
    file.metadata("shallow.means", detail::joined(scaler->means()));
    file.metadata("shallow.scales", detail::joined(scaler->scales()));
  }
  int place = 0;
  detail::for_each_layer(net, [&](const auto& layer) {
    using T = typename Model::Scalar;
    file.tensor(std::to_string(place) + ".weight", {layer.n_out(), layer.n_in()},
                detail::rows_of<T>("save", "net", layer.weights()));
    file.tensor(std::to_string(place) + ".bias", {layer.n_out()}, detail::rows_of<T>("save", "net", layer.bias()));
    place += 2;
  });
  file.write("save", path, "info");
}

/// The network of type Model in a safetensors file, of this library or of PyTorch's:
///
///     const auto net = io::load<TwoLayerNet<float>>("flower.safetensors");
///     const auto any = io::load<DynamicNetwork<float>>("torch.safetensors", {.activations = {Tanh{}, Sigmoid{}}});
///
/// Layers come in the order of the numbers in their names. float32 becomes double without a word; float64 becomes float
/// if the options say so. Without shallow.activations in the file, those of the type (or the options) are taken, with
/// their settings as they are by default.
///
/// \throws FileError (path): expected what the format or the type says, given what the file says: other shapes, another
///         number of layers, another activation, numbers of another type or not finite, a header that is broken
/// \throws ShapeError activations: expected one a layer of the file
/// \throws ValueError activations: expected none for a network whose type has them
template <class Model>
Model load(const std::filesystem::path& path, const LoadOptions<typename Model::Scalar>& options = {}) {
  const detail::ModelFile file("load", path);
  return file.made("a network", [&] {
    if constexpr (detail::is_scaled<Model>) {
      using Net = std::remove_cvref_t<decltype(std::declval<Model&>().net())>;
      Net net = detail::network_from<Net>(file, options);
      auto scaler = file.scaler<typename Model::Scalar>(net.n_x());
      return Model(std::move(scaler), std::move(net));
    } else {
      if (!file.info().means.empty()) {
        file.fail("a network without a scaler (load<Scaled<...>> takes one)", "shallow.means");
      }
      return detail::network_from<Model>(file, options);
    }
  });
}

/// What a model file says beside the parameters. Its texts hold no control characters: "\u001b" in place of one that
/// another program wrote.
/// \throws FileError as load does for a file that is broken
inline SavedInfo load_info(const std::filesystem::path& path) { return detail::ModelFile("load_info", path).info(); }

}  // namespace shallow::io
