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

#include "shallow/activation.hpp"
#include "shallow/dynamic_network.hpp"
#include "shallow/error.hpp"
#include "shallow/io/description.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/safetensors_file.hpp"
#include "shallow/layer.hpp"
#include "shallow/loss.hpp"
#include "shallow/network.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/two_layer_net.hpp"
#include "shallow/types.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow::io {

/// What a model file says, read back.
struct SavedInfo : ModelInfo {
  std::string version;                   ///< of the library that wrote the file; empty if another program did
  std::vector<std::string> activations;  ///< of the layers, "leaky_relu(0.2)"; empty if another program wrote the file
  std::vector<double> means;             ///< of a StandardScaler; empty if there is none
  std::vector<double> scales;            ///< of the same scaler: what each feature is divided by
};

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

/// A layer of a file.
template <class T>
struct SavedLayer {
  Index n_in = 0;
  Index n_out = 0;
  std::vector<T> weights;  ///< row after row
  std::vector<T> bias;
  std::string activation;  ///< empty if the file does not say
};

/// "leaky_relu(0.2)" in parts; settings stay empty for a bare name.
inline std::pair<std::string_view, std::string_view> split_activation(std::string_view text) {
  const std::size_t bracket = text.find('(');
  if (bracket == std::string_view::npos || !text.ends_with(')')) return {text, {}};
  return {text.substr(0, bracket), text.substr(bracket + 1, text.size() - bracket - 2)};
}

/// Reads what is around the tensors.
class ModelFile : public SafetensorsFile {
 public:
  ModelFile(std::string_view function, const std::filesystem::path& path) : SafetensorsFile(function, path) {
    info_.version = without_controls(text("shallow.version"));
    info_.loss = without_controls(text("shallow.loss"));
    info_.activations = names_of("shallow.activations");
    read_scaler();
    if (const std::string classes = text("shallow.classes"); !classes.empty()) {
      const auto json = nlohmann::json::parse(classes, nullptr, false);
      // The parser takes a NUL for the end, whatever comes behind it.
      if (!json.is_array() || !std::all_of(json.begin(), json.end(), [](const auto& c) { return c.is_string(); }) ||
          classes.find('\0') != std::string::npos) {
        fail("an array of strings as shallow.classes", quoted_excerpt(classes));
      }
      for (const auto& name : json) info_.classes.push_back(without_controls(name.get<std::string>()));
    }
  }

  const io::SavedInfo& info() const { return info_; }

  template <class T>
  std::vector<SavedLayer<T>> layers(bool round_to_float) const {
    std::map<int, std::array<const TensorEntry*, 2>> found;
    for (const TensorEntry& tensor : tensors()) {
      const std::size_t point = (std::min)(tensor.name.find('.'), tensor.name.size());
      const std::string_view kind = std::string_view(tensor.name).substr(point);
      int place = 0;
      std::from_chars(tensor.name.data(), tensor.name.data() + point, place);
      // A place has one spelling: "00.weight" beside "0.weight" would be a second layer there.
      if (std::to_string(place) != tensor.name.substr(0, point) || place < 0 ||
          (kind != ".weight" && kind != ".bias")) {
        const bool is_checkpoint = !text("shallow.checkpoint").empty();
        fail("tensors named as '0.weight' and '0.bias'",
             is_checkpoint ? "a checkpoint, which Checkpoint::resume reads" : quoted_excerpt(tensor.name));
      }
      found[place][kind == ".bias" ? 1 : 0] = &tensor;
    }
    if (found.empty()) fail("at least one layer", "no tensors");
    if (!info_.activations.empty() && info_.activations.size() != found.size()) {
      fail(numbered("", found.size()) + " shallow.activations, one a layer", std::to_string(info_.activations.size()));
    }
    std::vector<SavedLayer<T>> layers;
    for (const auto& [place, pair] : found) {
      const std::string name = std::to_string(place);
      if (pair[0] == nullptr) fail("a tensor '" + name + ".weight'", "'" + name + ".bias' alone");
      if (pair[1] == nullptr) fail("a tensor '" + name + ".bias'", "'" + name + ".weight' alone");
      const auto& shape = pair[0]->shape;
      if (shape.size() != 2 || shape[0] == 0 || shape[1] == 0) {
        fail("two dimensions >= 1 of '" + name + ".weight'", shape_of(*pair[0]));
      }
      if (pair[1]->shape.size() != 1 || pair[1]->shape[0] != shape[0]) {
        std::string rows = numbered("", shape[0]);
        rows.append(" numbers in '").append(name).append(".bias', one for every row of '").append(name);
        fail(rows.append(".weight'"), shape_of(*pair[1]));
      }
      SavedLayer<T> layer;
      layer.n_out = static_cast<Index>(shape[0]);  // no larger than the file
      layer.n_in = static_cast<Index>(shape[1]);
      if (!memory_holds(layer.n_in, layer.n_out)) {
        fail("a layer that memory can hold as '" + name + ".weight'", shape_of(*pair[0]));
      }
      if (!layers.empty() && layer.n_in != layers.back().n_out) {
        fail(numbered("", layers.back().n_out) + " inputs of '" + name + ".weight', the outputs of the layer before",
             std::to_string(layer.n_in));
      }
      layer.weights = this->numbers<T>(*pair[0], round_to_float);
      layer.bias = this->numbers<T>(*pair[1], round_to_float);
      if (!info_.activations.empty()) layer.activation = info_.activations[layers.size()];
      layers.push_back(std::move(layer));
    }
    return layers;
  }

  /// The scaler of a file.
  template <class T>
  StandardScaler<T> scaler(Index n_x) const {
    if (info_.means.empty()) fail("a scaler (shallow.means and shallow.scales)", "none");
    if (static_cast<Index>(info_.means.size()) != n_x) {
      fail(numbered("", n_x) + " shallow.means and shallow.scales", std::to_string(info_.means.size()));
    }
    Vector<T> means(n_x);
    Vector<T> scales(n_x);
    for (Index i = 0; i < n_x; ++i) {
      means(i) = static_cast<T>(info_.means[static_cast<std::size_t>(i)]);
      scales(i) = static_cast<T>(info_.scales[static_cast<std::size_t>(i)]);
      if (!(scales(i) > T(0)) || !std::isfinite(scales(i)) || !std::isfinite(means(i))) {
        fail("finite shallow.means, and shallow.scales > 0",
             exact_text(static_cast<double>(means(i))) + " and " + exact_text(static_cast<double>(scales(i))));
      }
    }
    return StandardScaler<T>(std::move(means), std::move(scales));
  }

  /// The activation of layer `l`, counted from 1, as the type G, with the settings of the file.
  template <class G>
  G activation(std::size_t l, std::string_view text) const {
    G g{};
    const auto [name, settings] = split_activation(text);
    if constexpr (has_settings<G>) {
      if (name == activation_name(g)) {
        if (!set(g, settings) || !succeeds([&] { check_activation(g); })) {
          fail(std::string("settings that ").append(name).append(" accepts").append(numbered(" in layer ", l)),
               quoted_excerpt(settings));
        }
        return g;
      }
    }
    if (!text.empty() && saved_activation(g) != text) {
      fail(saved_activation(g).append(numbered(" in layer ", l)), quoted_excerpt(text));
    }
    return g;
  }
  /// The same for a network whose activations are chosen at run time.
  template <class T>
  AnyActivation<T> any_activation(std::size_t l, std::string_view text) const {
    if (split_activation(text).first == LeakyReLU::name) return activation<LeakyReLU>(l, text);
    if (text == Sigmoid::name) return Sigmoid{};
    if (text == Tanh::name) return Tanh{};
    if (text == ReLU::name) return ReLU{};
    if (text == Identity::name) return Identity{};
    if (text == Softmax::name) return Softmax{};
    if (text.empty()) fail(detail::numbered("an activation of layer ", l) + ", or one given to load", "none");
    fail(detail::numbered("a known activation of layer ", l) + ", or one given to load", quoted_excerpt(text));
  }

 private:
  /// Sets an activation to finite numbers separated by single spaces, as many as it has settings; false if they are
  /// not.
  template <class G>
  static bool set(G& g, std::string_view text) {
    const auto take = [&](auto& setting, bool last) {
      const std::size_t end = last ? text.size() : (std::min)(text.find(' '), text.size());
      double number = 0;
      if (!parse_number(text.substr(0, end), number) || !assign(setting, number)) return false;
      text.remove_prefix((std::min)(end + 1, text.size()));
      return true;
    };
    return std::apply(
        [&](auto... member) {
          std::size_t place = 0;
          return (take(g.*member, ++place == sizeof...(member)) && ...);
        },
        G::settings);
  }
  /// False if the setting, of whatever type, cannot be that finite number.
  template <class Setting>
  static bool assign(Setting& setting, double number) {
    if constexpr (std::is_integral_v<Setting>) {
      // Held against the range before it is converted, which would be undefined beyond it.
      const auto least = static_cast<double>(std::numeric_limits<Setting>::lowest());
      const auto most = static_cast<double>((std::numeric_limits<Setting>::max)());
      const bool whole = number >= least && number <= most && std::trunc(number) == number;
      if (!whole || !((std::abs)(number) < 9007199254740992.0)) return false;
      setting = static_cast<Setting>(number);
      return true;
    } else {
      setting = static_cast<Setting>(number);
      if constexpr (std::is_floating_point_v<Setting>) return all_finite(1, &setting);
      return all_finite(1, &number);
    }
  }
  /// Means and scales: both or none, one of each for a feature.
  void read_scaler() {
    const std::string means = "shallow.means", scales = "shallow.scales";
    info_.means = numbers_of(means);
    info_.scales = numbers_of(scales);
    if (info_.means.empty() != info_.scales.empty()) {
      const std::string& other = info_.means.empty() ? means : scales;
      fail(other + " beside " + (info_.means.empty() ? scales : means), "none");
    }
    if (info_.scales.size() != info_.means.size()) {
      fail(numbered("", info_.means.size()) + " shallow.scales, as many as shallow.means",
           std::to_string(info_.scales.size()));
    }
    for (const double scale : info_.scales) {
      if (!(scale > 0)) fail("shallow.scales > 0", exact_text(scale));
    }
  }
  /// Calls f(part) for what stands before, between and behind the separators.
  template <class F>
  static void for_each_part(std::string_view text, std::string_view separator, F&& f) {
    for (std::size_t end = 0; end != std::string_view::npos;) {
      end = text.find(separator);
      f(text.substr(0, end));
      if (end != std::string_view::npos) text.remove_prefix(end + separator.size());
    }
  }
  std::vector<std::string> names_of(const std::string& key) const {
    std::vector<std::string> names;
    const std::string all = without_controls(text(key));
    if (all.empty()) return names;
    for_each_part(all, ", ", [&](std::string_view name) {
      if (name.empty()) fail("names separated by ', ' as " + key, quoted_excerpt(all));
      names.emplace_back(name);
    });
    return names;
  }
  std::vector<double> numbers_of(const std::string& key) const {
    std::vector<double> values;
    if (metadata().count(key) == 0) return values;
    for_each_part(text(key), " ", [&](std::string_view word) {
      double value = 0;
      if (!parse_number(word, value) || !std::isfinite(value)) {
        fail("finite numbers separated by spaces as " + key, quoted_excerpt(word));
      }
      values.push_back(value);
    });
    return values;
  }
  static std::string shape_of(const TensorEntry& tensor) {
    std::string text;
    for (const std::uint64_t extent : tensor.shape)
      text.append(text.empty() ? "" : " x ").append(std::to_string(extent));
    return text.empty() ? "no dimensions" : text;
  }

  io::SavedInfo info_;
};

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
