// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Trained networks as C++ for microcontrollers: one header of constants with a `predict` that needs `<cmath>` alone.
///
///     io::write_firmware(net, "flower.hpp", {.name = "flower"});
///
/// and on the device, with any C++17 compiler, without Eigen, heap, exceptions or RTTI:
///
///     #include "flower.hpp"
///
///     float x[flower::n_x] = {0.5f, -1.0f};
///     float y[flower::n_y];
///     flower::predict(x, y);
///
/// Every number stands there as the shortest decimal that comes back to the last bit. A sum starts from the bias and
/// takes one product after the other, as the library's own: what differs is the rounding of exp and tanh, and where
/// only one of the two sides has a fused multiply-add. Four units are summed at a time, for their sums do not wait for
/// each other and share the loads of x.
///
/// Finite samples never give NaN. A sum that leaves the range of the type is made again from numbers scaled down by a
/// power of two, and stops at the largest number if it is beyond it, where the library has an infinity or NaN.

#include "shallow/activation.hpp"
#include "shallow/error.hpp"
#include "shallow/io/description.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/firmware_code.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/softmax.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace shallow::io {

/// How a network is written as firmware.
struct FirmwareOptions {
  std::string name{};                  ///< of the namespace: "flower"; a macro or type where it is used is in its way
  std::vector<std::string> classes{};  ///< names of the outputs; empty if there are none
  bool round_to_float = false;         ///< writes a network of doubles as float code, rounding each number
};

}  // namespace shallow::io

namespace shallow::detail {

/// Writes a network as the text of a header, in numbers of type T.
template <class T>
class FirmwareWriter {
 public:
  template <class Model>
  std::string text(const Model& model, const io::FirmwareOptions& options) {
    const auto& net = net_of(model);
    Index count = net.parameters().size();
    std::string shape = to_text(net.n_x());
    if (const auto* const scaler = scaler_of(model)) {
      count += 2 * net.n_x();
      write_scaler(*scaler);
    }
    for_each_layer(net, [&](const auto& layer) {
      shape.append(" -> ").append(to_text(layer.n_out())).append(" ").append(saved_activation(layer.activation()));
      write_layer(layer, ++layers_ == layer_count(net));
    });
    constexpr bool is_float = std::is_same_v<T, float>;
    const auto bytes = [](Index numbers) { return std::to_string(numbers * static_cast<Index>(sizeof(T))); };
    return filled(kFirmwareFile, {{"version", version_text()},
                                  {"name", options.name},
                                  {"shape", shape},
                                  {"scalar", is_float ? "float" : "double"},
                                  {"parameters", to_text(net.parameters().size())},
                                  {"scaler", has_scaler_ ? ", behind (x - mean) / scale of each feature" : ""},
                                  {"n_x", to_text(net.n_x())},
                                  {"n_y", to_text(net.n_y())},
                                  {"classes", classes(options.classes, net.n_y())},
                                  {"constant bytes", bytes(count)},
                                  {"array bytes", bytes(odd_ + even_)},
                                  {"largest", number_literal((std::numeric_limits<T>::max)())},
                                  // Two numbers scaled by this have a product, and 2^31 such a sum, in range.
                                  {"tiny", is_float ? "0x1p-80f" : "0x1p-528"},
                                  {"constants", constants_},
                                  {"functions", functions_},
                                  {"arrays", arrays()},
                                  {"body", body_}});
  }

 private:
  template <class Net>
  static int layer_count(const Net& net) {
    int count = 0;
    for_each_layer(net, [&](const auto&) { ++count; });
    return count;
  }

  void need(std::string_view function) {
    if (functions_.find(function) == std::string::npos) functions_.append(function);
  }

  static std::string classes(const std::vector<std::string>& names, Index n_y) {
    if (names.empty()) return "";
    std::string text =
        n_y == 1 ? "\n/// What y[0] <= 0.5 and y[0] > 0.5 stand for.\n" : "\n/// What y[0], y[1], ... stand for.\n";
    text.append("inline constexpr const char* classes[").append(to_text(names.size())).append("] = {\n");
    for (const std::string& name : names) text.append("    ").append(string_literal(name)).append(",\n");
    return text.append("};\n");
  }

  /// The arrays of predict that the layers write to by turns.
  std::string arrays() const {
    const std::string scalar = std::is_same_v<T, float> ? "  float " : "  double ";
    std::string text;
    if (odd_ > 0) text += scalar + "odd[" + to_text(odd_) + "];  // what layers 1, 3, ... give\n";
    if (even_ > 0) {
      text += scalar + "even[" + to_text(even_) + "];  // " + (has_scaler_ ? "the scaled x, and " : "") +
              "what layers 2, 4, ... give\n";
    }
    return text;
  }

  /// The numbers of a row, in lines of at most 120 characters; `title` is written above more than one.
  void write_row(const std::vector<T>& numbers, const std::string& title = "") {
    std::string lines = "   ";
    std::size_t start = 0;  // of the last line
    for (const T number : numbers) {
      const std::string literal = number_literal(number);
      if (lines.size() - start + literal.size() + 2 > 120) {
        lines.append("\n   ");
        start = lines.size() - 3;
      }
      lines.append(" ").append(literal).append(",");
    }
    if (start > 0 && !title.empty()) constants_.append("    // ").append(title).append("\n");
    constants_.append(lines).append("\n");
  }
  void open_array(const std::string& name, const std::string& size) {
    constants_.append("inline constexpr Scalar ").append(name).append("[").append(size).append("] = {\n");
  }
  void close_array() { constants_.append("};\n"); }

  template <class Number>
  void write_scaler(const StandardScaler<Number>& scaler) {
    has_scaler_ = true;
    even_ = scaler.n_x();
    need(kFirmwareScaled);
    constants_ += "\n// The mean of each feature, and what it is divided by.\n";
    open_array("means", "n_x");
    write_row(rows_of<T>("write_firmware", "means", scaler.means()));
    close_array();
    open_array("scales", "n_x");
    write_row(scales_of<T>("write_firmware", scaler));
    close_array();
    body_ += "  for (int i = 0; i < n_x; ++i) even[i] = detail::scaled(x[i], detail::means[i], detail::scales[i]);\n";
  }

  template <class L>
  void write_layer(const L& layer, bool last) {
    const std::string number = std::to_string(layers_);
    const std::string n_in = to_text(layer.n_in());
    const std::string n_out = to_text(layer.n_out());
    const std::string title =
        "// Layer " + number + ": " + n_in + " -> " + n_out + ", " + saved_activation(layer.activation());
    constants_ += "\n" + title + ". A row of the weights belongs to one unit.\n";
    open_array("weights_" + number, n_out + " * " + n_in);
    for (Index o = 0; o < layer.n_out(); ++o)
      write_row(rows_of<T>("write_firmware", "net", layer.weights().row(o)), numbered("Unit ", o));
    close_array();
    open_array("biases_" + number, n_out);
    write_row(rows_of<T>("write_firmware", "net", layer.bias()));
    close_array();

    const bool is_odd = layers_ % 2 == 1;
    const std::string from = layers_ == 1 && !has_scaler_ ? "x" : is_odd ? "even" : "odd";
    const std::string to = last ? "y" : is_odd ? "odd" : "even";
    if (!last) (is_odd ? odd_ : even_) = (std::max)(is_odd ? odd_ : even_, layer.n_out());
    body_ += "  " + title + "\n  detail::dense(detail::weights_" + number + ", detail::biases_" + number + ", " + from +
             ", " + n_in + ", " + to + ", " + n_out + ");\n";
    visit_activation(layer.activation(), [&](const auto& g) { write_activation(g, to, n_out); });
  }

  /// The call that makes activations of `values`, `n` numbers.
  /// \throws ValueError activation: expected sigmoid, tanh, relu, leaky_relu, identity or softmax of this
  ///         library in layer l
  template <class G>
  void write_activation(const G& g, const std::string& values, const std::string& n) {
    const auto each = [&](const std::string& call) {
      body_ += "  for (int o = 0; o < " + n + "; ++o) " + values + "[o] = " + call + ";\n";
    };
    if constexpr (std::is_same_v<G, Sigmoid>) {
      need(kFirmwareSigmoid);
      each("detail::sigmoid(" + values + "[o])");
    } else if constexpr (std::is_same_v<G, Tanh>) {
      each("std::tanh(" + values + "[o])");
    } else if constexpr (std::is_same_v<G, ReLU>) {
      need(kFirmwareReLU);
      each("detail::relu(" + values + "[o])");
    } else if constexpr (std::is_same_v<G, LeakyReLU>) {
      need(kFirmwareLeakyReLU);
      const std::string call = "detail::leaky_relu(" + values + "[o], " +
                               number_literal(rounded<T>("write_firmware", "slope", g.slope)) + ")";
      // Only a slope above 1 leads out of the range.
      each(g.slope > 1 ? "detail::bounded(" + call + ")" : call);
    } else if constexpr (std::is_same_v<G, Softmax>) {
      need(kFirmwareSoftmax);
      body_ += "  detail::softmax(" + values + ", " + n + ");\n";
    } else if constexpr (!std::is_same_v<G, Identity>) {
      raise_unknown_activation("write_firmware", g, layers_);
    }
  }

  std::string constants_;
  std::string body_;
  std::string functions_;
  bool has_scaler_ = false;
  int layers_ = 0;
  Index odd_ = 0;  ///< the size of predict's two arrays
  Index even_ = 0;
};

/// The header counts with int.
/// \throws ValueError net: expected fewer than 2^31 parameters
inline void check_firmware_size(Index parameters) {
  if (parameters > (std::numeric_limits<std::int32_t>::max)()) {
    raise_expected<ValueError>("write_firmware", "net", "fewer than 2^31 parameters", to_text(parameters));
  }
}

/// The text of the header that write_firmware writes.
/// \throws what write_firmware throws, but for the file
template <class Model>
std::string firmware_text(const Model& model, const io::FirmwareOptions& options) {
  if (!is_free_identifier(options.name)) {
    raise_expected<ValueError>("write_firmware", "name",
                               "an identifier that begins as 'flower' or 'Flower' does, and is no keyword, reserved or "
                               "a name of C's",
                               string_literal(options.name));
  }
  const auto& net = net_of(model);
  check_model("write_firmware", model);
  check_firmware_size(net.parameters().size());
  check_classes("write_firmware", net, options.classes);
  using T = typename Model::Scalar;
  if (options.round_to_float) return FirmwareWriter<float>().text(model, options);
  return FirmwareWriter<T>().text(model, options);
}

}  // namespace shallow::detail

namespace shallow::io {

/// Writes a network (Layer, Network, TwoLayerNet, DynamicNetwork, or one of them Scaled; float or double) as a C++17
/// header for microcontrollers. Atomic: a crash leaves the old file or the new one.
///
///     io::write_firmware(model, "flower.hpp", {.name = "flower", .classes = {"red", "blue"}});
///
/// In namespace flower there are then n_x and n_y, `classes` if they are given, and
///
///     void predict(const float* x, float* y)        // y (n_y) = A[L] of the sample x (n_x); doubles for double
///
/// which reads x only, calls std::exp and std::tanh and nothing else from outside, and has on the stack what the widest
/// layer of an odd number and that of an even number give, the last layer aside. How it computes is said at the top of
/// this file.
///
/// \throws ValueError name: expected an identifier that begins as 'flower' or 'Flower' does, and is no keyword,
/// reserved
///         or a name of C's
/// \throws ShapeError net: expected a network with parameters; scaler: expected n_x features
/// \throws ValueError net: expected finite parameters; means: expected finite numbers; scales: expected finite numbers
///         > 0; net: expected fewer than 2^31 parameters
/// \throws ValueError net, means, scales, slope: expected numbers within the range of float; scales: expected
///         numbers > 0 within the range of float (where they are rounded)
/// \throws ValueError activation: expected sigmoid, tanh, relu, leaky_relu, identity or softmax of this
///         library in layer l
/// \throws ValueError classes: expected names in UTF-8
/// \throws ShapeError classes: expected n_y names (two for n_y = 1), or none
/// \throws FileError (path): expected a file that can be written, given the system's reason
template <class Model>
void write_firmware(const Model& model, const std::filesystem::path& path, const FirmwareOptions& options) {
  detail::write_file("write_firmware", path, {detail::firmware_text(model, options)});
}

}  // namespace shallow::io
