// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the writers of networks share: the layers of any network one by one, the names of activations and losses, and
/// the network and the scaler in a model.

#include "shallow/activation.hpp"
#include "shallow/engine/layer_view.hpp"
#include "shallow/error.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/loss.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/types.hpp"
#include "shallow/version.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
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
  return activation_text(g, [](double setting) { return exact_text(setting); });
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

/// What every writer asks of a model before anything is written: what a reader would refuse must not get into a file.
/// \throws ShapeError net: expected a network with parameters; scaler: expected n_x features
/// \throws ValueError net: expected finite parameters; means: expected finite numbers; scales: expected finite
///         numbers > 0
template <class Model>
void check_model(std::string_view function, const Model& model) {
  using T = typename Model::Scalar;
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "shallow: files hold float or double");
  const auto& net = net_of(model);
  if (net.parameter_count() == 0) {
    raise_expected<ShapeError>(function, "net", "a network with parameters", "one without (it was moved from)");
  }
  if (!all_finite(net.parameters())) {
    raise_expected<ValueError>(function, "net", "finite parameters", "NaN or infinity among them");
  }
  const StandardScaler<T>* const scaler = scaler_of(model);
  if (scaler == nullptr) return;
  // The network in a Scaled may have been replaced, and scales may be what the samples made them.
  if (scaler->n_x() != net.n_x()) {
    raise_expected<ShapeError>(function, "scaler", to_text(net.n_x()) + " features, n_x of the network",
                               to_text(scaler->n_x()));
  }
  for (Index i = 0; i < scaler->n_x(); ++i) {
    if (!all_finite(1, scaler->means().data() + i)) {
      raise_expected<ValueError>(function, "means", "finite numbers", exact_text(scaler->means()(i)));
    }
    const T scale = scaler->scales()(i);
    if (!all_finite(1, &scale) || !(scale > T(0))) {
      raise_expected<ValueError>(function, "scales", "finite numbers > 0", exact_text(scale));
    }
  }
}

/// The width in bytes of the control character at text[at] (U+0000 to U+001F, U+007F to U+009F), 0 if it is none.
inline std::size_t control_character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0xFFU; };
  if (byte(at) < 0x20 || byte(at) == 0x7F) return 1;
  return byte(at) == 0xC2 && byte(at + 1) >= 0x80 && byte(at + 1) < 0xA0 ? 2 : 0;
}
/// Text of a file as people may see it: control characters, which could steer a terminal, as "\u001b".
inline std::string without_controls(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t width = control_character(text, at);
    if (width == 0) {
      result.push_back(text[at++]);
      continue;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(text[at + width - 1]);
    result.append("\\u00").append(1, digits[code >> 4U]).append(1, digits[code & 15U]);
    at += width;
  }
  return result;
}
inline bool has_controls(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (control_character(text, at) != 0) return true;
  }
  return false;
}

/// \throws ValueError `argument`: expected names without control characters
[[noreturn]] inline void refuse_controls(std::string_view function, std::string_view argument, std::string_view name) {
  raise_expected<ValueError>(function, argument, "names without control characters",
                             "'" + without_controls(name) + "'");
}

/// Whether `text` is UTF-8 (RFC 3629): no stray or missing bytes, no more bytes than needed, no surrogates, nothing
/// beyond U+10FFFF.
inline bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U; };
    const unsigned first = byte(i++);
    if (first < 0x80) continue;
    if (first < 0xC2 || first > 0xF4) return false;
    const unsigned second = byte(i++);
    const unsigned least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (second < least || second > most) return false;
    for (unsigned more = first < 0xE0 ? 0 : first < 0xF0 ? 1 : 2; more > 0; --more) {
      if ((byte(i++) & 0xC0U) != 0x80) return false;
    }
  }
  return true;
}

/// \throws ShapeError classes: expected n_y names (two for n_y = 1), or none
/// \throws ValueError classes: expected names in UTF-8
template <class Net>
void check_classes(std::string_view function, const Net& net, const std::vector<std::string>& classes) {
  const Index names = std::max<Index>(net.n_y(), 2);
  if (!classes.empty() && static_cast<Index>(classes.size()) != names) {
    raise_expected<ShapeError>(function, "classes", to_text(names) + " names, or none", to_text(classes.size()));
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (!is_utf8(classes[i])) {
      raise_expected<ValueError>(function, "classes", "names in UTF-8", numbered("other bytes in name ", i));
    }
  }
}

/// Whether a number of an activation's settings comes back from the double that a file has of it.
template <class Setting>
bool is_held_by_double(const Setting& setting) {
  if constexpr (std::is_integral_v<Setting>) {
    constexpr double exact = 9007199254740992.0;  // 2^53, from where on not every whole number is a double
    return (std::abs)(static_cast<double>(setting)) < exact;
  } else if constexpr (std::is_floating_point_v<Setting>) {
    return static_cast<Setting>(static_cast<double>(setting)) == setting;
  } else {
    return true;
  }
}

/// A file has nothing but names and settings to bring an activation back by: "elu(0.5), tanh".
/// \throws ValueError activation: expected one with a name (UTF-8, no comma, bracket or control character), and with
///         finite settings if it holds data, in layer l; expected settings that a double holds in layer l
template <class Net>
void check_described(std::string_view function, const Net& net) {
  Index l = 0;
  for_each_layer(net, [&]<class L>(const L& layer) {
    ++l;
    const auto& g = layer.activation();
    using G = std::remove_cvref_t<decltype(g)>;
    const std::string_view name = activation_name(g);
    const std::vector<double> settings = setting_values(g);
    const bool finite = all_finite(static_cast<Index>(settings.size()), settings.data());
    const bool plain = is_utf8(name) && !has_controls(name) && name.find_first_of(",()") == std::string_view::npos;
    if (!is_described(g) || !plain || !finite) {
      raise_expected<ValueError>(function, "activation",
                                 "one with a name (UTF-8, no comma, bracket or control character), and with finite "
                                 "settings if it holds data," +
                                     numbered(" in layer ", l),
                                 quoted_excerpt(activation_text(g)));
    }
    if constexpr (has_settings<G>) {
      const bool held = std::apply([&](auto... member) { return (is_held_by_double(g.*member) && ...); }, G::settings);
      if (!held) {
        raise_expected<ValueError>(function, "activation", "settings that a double holds" + numbered(" in layer ", l),
                                   quoted_excerpt(activation_text(g)));
      }
    }
  });
}

/// For writers whose format knows the library's activations alone; layers are counted from 1.
/// \throws ValueError activation: expected sigmoid, tanh, relu, leaky_relu, identity or softmax of this library in
/// layer l
template <class G>
[[noreturn]] void raise_unknown_activation(std::string_view function, const G& g, Index layer) {
  raise_expected<ValueError>(
      function, "activation",
      "sigmoid, tanh, relu, leaky_relu, identity or softmax of this library" + numbered(" in layer ", layer),
      "'" + std::string(activation_name(g)) + "'");
}

/// A finite number as one of type T.
/// \throws ValueError `argument`: expected numbers within the range of float
template <class T, class Number>
T rounded(std::string_view function, std::string_view argument, const Number& number) {
  if (!((std::abs)(number) <= static_cast<Number>((std::numeric_limits<T>::max)()))) {
    raise_expected<ValueError>(function, argument, "numbers within the range of float", exact_text(number));
  }
  return static_cast<T>(number);
}
/// The finite numbers of a matrix row after row, as formats have them.
/// \throws ValueError `argument`: expected numbers within the range of float
template <class T, class M>
std::vector<T> rows_of(std::string_view function, std::string_view argument, const M& matrix) {
  std::vector<T> numbers;
  numbers.reserve(static_cast<std::size_t>(matrix.size()));
  for (Index i = 0; i < matrix.rows(); ++i) {
    for (Index j = 0; j < matrix.cols(); ++j) numbers.push_back(rounded<T>(function, argument, matrix(i, j)));
  }
  return numbers;
}
/// What a scaler divides by.
/// \throws ValueError scales: expected numbers > 0 within the range of float
template <class T, class U>
std::vector<T> scales_of(std::string_view function, const StandardScaler<U>& scaler) {
  std::vector<T> scales = rows_of<T>(function, "scales", scaler.scales());
  for (std::size_t i = 0; i < scales.size(); ++i) {
    if (!(scales[i] > T(0))) {
      raise_expected<ValueError>(function, "scales", "numbers > 0 within the range of float",
                                 exact_text(scaler.scales()(static_cast<Index>(i))));
    }
  }
  return scales;
}

}  // namespace shallow::detail
