// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A safetensors file that holds a network (safetensors.hpp), as far as no type of network has a say in it: layers,
/// activations, scaler and what else it says of them.

#include "shallow/activation.hpp"
#include "shallow/dynamic_network.hpp"
#include "shallow/error.hpp"
#include "shallow/io/description.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/io/safetensors_file.hpp"
#include "shallow/layer.hpp"
#include "shallow/loss.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/softmax.hpp"
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

}  // namespace shallow::io

namespace shallow::detail {

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

}  // namespace shallow::detail
