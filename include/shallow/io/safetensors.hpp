// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Networks in safetensors files, which PyTorch reads as the `state_dict` of an `nn.Sequential(Linear, Act, Linear,
/// Act, ...)` (needs nlohmann-json: link shallow::safetensors).
///
///     8 bytes    length of the header, little endian
///     header     JSON: {"0.weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]}, ...,
///                       "__metadata__": {"shallow.version": "0.1.0", ...}}
///     then       the tensors, little endian, row after row, without gaps
///
/// W[l] is the tensor "2(l-1).weight" (n_l x n_{l-1}), b[l] is "2(l-1).bias" (n_l): the numbers between belong to the
/// activations. What a state_dict has no place for stands in the metadata, all of it as text, numbers with as many
/// digits as bring back the same number:
///
///     shallow.version       of the library that wrote the file
///     shallow.activations   "tanh, leaky_relu(0.2), softmax"
///     shallow.loss          "categorical_cross_entropy"
///     shallow.means         of a StandardScaler, separated by spaces; with shallow.scales
///     shallow.classes       a JSON array of names
///
/// Files are read as hostile: the header is at most 1 MiB, everything in it is checked before anything is allocated for
/// it, and every byte of the rest belongs to exactly one tensor. Memory: the file, the network, and for the header at
/// most 64 times its length.

#include "shallow/activation.hpp"
#include "shallow/dynamic_network.hpp"
#include "shallow/error.hpp"
#include "shallow/io/file.hpp"
#include "shallow/layer.hpp"
#include "shallow/loss.hpp"
#include "shallow/network.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/two_layer_net.hpp"
#include "shallow/types.hpp"
#include "shallow/version.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
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

/// What a model file says, read back.
struct SavedInfo : ModelInfo {
  std::string version;                   ///< of the library that wrote the file; empty if another program did
  std::vector<std::string> activations;  ///< of the layers, "leaky_relu(0.2)"; empty if another program wrote the file
  std::vector<double> means;             ///< of a StandardScaler; empty if there is none
  std::vector<double> scales;
};

/// How a model file is read.
template <Scalar T>
struct LoadOptions {
  bool round_to_float = false;                  ///< takes a float64 file for a float network, rounding each number
  std::vector<AnyActivation<T>> activations{};  ///< of the layers, where the file does not say them
};

}  // namespace shallow::io

namespace shallow::detail {

inline constexpr std::uint64_t kSafetensorsHeaderLimit = 1 << 20;

/// Bytes of a number of a safetensors type, 0 for an unknown type.
inline std::uint64_t safetensors_size(std::string_view dtype) {
  constexpr std::array<std::pair<std::string_view, int>, 13> sizes{{{"F64", 8},
                                                                    {"F32", 4},
                                                                    {"F16", 2},
                                                                    {"BF16", 2},
                                                                    {"I64", 8},
                                                                    {"I32", 4},
                                                                    {"I16", 2},
                                                                    {"I8", 1},
                                                                    {"U64", 8},
                                                                    {"U32", 4},
                                                                    {"U16", 2},
                                                                    {"U8", 1},
                                                                    {"BOOL", 1}}};
  for (const auto& [name, size] : sizes) {
    if (name == dtype) return static_cast<std::uint64_t>(size);
  }
  return 0;
}

/// A tensor as the header describes it.
struct TensorEntry {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> offsets;
};

/// Text of a file in a message: short, and printable.
inline std::string quoted_excerpt(std::string_view text) {
  std::string excerpt = "'";
  for (const char c : text.substr(0, 60)) excerpt.push_back(c >= 32 && c < 127 ? c : '?');
  return excerpt.append(text.size() > 60 ? "...'" : "'");
}

/// Receives the header event by event, so that nothing is built that the format does not know; `error` says what was
/// expected and given when it refuses.
class SafetensorsHeader {
 public:
  using Json = nlohmann::json;

  std::vector<TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
  std::string expected;
  std::string given;

  bool null() { return value("null"); }
  bool boolean(bool) { return value("true or false"); }
  bool number_integer(Json::number_integer_t number) {
    return refuse("whole numbers >= 0 in the header", to_text(number));
  }
  bool number_float(Json::number_float_t, const std::string& text) {
    return refuse("whole numbers >= 0 in the header", quoted_excerpt(text));
  }
  bool binary(Json::binary_t&) { return value("binary data"); }
  bool number_unsigned(Json::number_unsigned_t number) {
    if (state_ != State::shape && state_ != State::offsets) return value("a number");
    auto& numbers = state_ == State::shape ? tensors.back().shape : tensors.back().offsets;
    if (numbers.size() == (state_ == State::shape ? 8 : 2)) {
      return refuse(state_ == State::shape ? "at most 8 dimensions" : "2 data_offsets", "more for " + current());
    }
    numbers.push_back(number);
    return true;
  }
  bool string(std::string& text) {
    if (state_ == State::metadata) {
      metadata[key_] = text;
      return true;
    }
    if (state_ != State::tensor || key_ != "dtype") return value("a string");
    tensors.back().dtype = text;
    return true;
  }
  bool start_object(std::size_t) {
    if (state_ == State::start) {
      state_ = State::top;
    } else if (state_ == State::top && key_ == "__metadata__") {
      state_ = State::metadata;
    } else if (state_ == State::top) {
      tensors.push_back({key_, {}, {}, {}});
      seen_.clear();
      state_ = State::tensor;
    } else {
      return value("an object");
    }
    return true;
  }
  bool key(std::string& name) {
    auto& names = state_ == State::top ? top_ : state_ == State::metadata ? metadata_keys_ : seen_;
    if (!names.insert(name).second) return refuse("every name in the header once", quoted_excerpt(name) + " twice");
    if (state_ == State::tensor && name != "dtype" && name != "shape" && name != "data_offsets") {
      return refuse("'dtype', 'shape' and 'data_offsets' of a tensor", quoted_excerpt(name) + " for " + current());
    }
    key_ = name;
    return true;
  }
  bool end_object() {
    if (state_ == State::tensor && seen_.size() != 3) {
      return refuse("'dtype', 'shape' and 'data_offsets' of a tensor", "not all three for " + current());
    }
    if (state_ == State::tensor && tensors.back().offsets.size() != 2)
      return refuse("2 data_offsets", "fewer for " + current());
    state_ = state_ == State::top ? State::end : State::top;
    return true;
  }
  bool start_array(std::size_t) {
    if (state_ != State::tensor || key_ == "dtype") return value("an array");
    state_ = key_ == "shape" ? State::shape : State::offsets;
    return true;
  }
  bool end_array() {
    state_ = State::tensor;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    return refuse("a header of JSON", numbered("something else at its byte ", position));
  }

 private:
  enum class State { start, top, metadata, tensor, shape, offsets, end };

  std::string current() const { return "tensor " + quoted_excerpt(tensors.back().name); }
  bool refuse(std::string what, std::string instead) {
    if (expected.empty()) {
      expected = std::move(what);
      given = std::move(instead);
    }
    return false;
  }
  bool value(const char* instead) {
    switch (state_) {
      case State::start: return refuse("an object as the header", instead);
      case State::top: return refuse("an object for every name in the header", instead);
      case State::metadata: return refuse("strings as __metadata__", instead);
      case State::shape:
      case State::offsets: return refuse("whole numbers >= 0 in the header", instead);
      default: break;
    }
    return refuse("a string 'dtype' and arrays 'shape' and 'data_offsets'", std::string(instead) + " for " + current());
  }

  State state_ = State::start;
  std::string key_;
  std::set<std::string> top_, metadata_keys_, seen_;
};

/// A safetensors file, read and believed.
class SafetensorsFile {
 public:
  SafetensorsFile(std::string_view function, const std::filesystem::path& path)
      : function_(function), path_(path.string()) {
    bytes_ = read_file(function, path, "a safetensors file");
    if (bytes_.size() < 8) fail("a safetensors file of at least 8 bytes", std::to_string(bytes_.size()));
    const std::uint64_t length = little_endian(bytes_.data(), 8);
    if (length > kSafetensorsHeaderLimit) {
      fail(numbered("a header of at most ", kSafetensorsHeaderLimit) + " bytes", std::to_string(length));
    }
    if (length > bytes_.size() - 8) {
      fail(numbered("a header of ", length) + " bytes", std::to_string(bytes_.size() - 8) + " (truncated)");
    }
    start_ = 8 + static_cast<std::size_t>(length);
    const char* const text = bytes_.data() + 8;
    if (!nlohmann::json::sax_parse(text, text + length, &header_)) fail(header_.expected, header_.given);
    check_layout();
  }

  const std::vector<TensorEntry>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  const TensorEntry* find(std::string_view name) const {
    const auto found = std::find_if(tensors().begin(), tensors().end(), [&](const auto& t) { return t.name == name; });
    return found == tensors().end() ? nullptr : &*found;
  }

  /// The numbers of a tensor, in the order of the file.
  /// \throws FileError expected F32 or F64 (F64 for a float network only if asked for); expected finite numbers
  template <class T>
  std::vector<T> numbers(const TensorEntry& tensor, bool round_to_float) const {
    const bool wide = tensor.dtype == "F64";
    if (!wide && tensor.dtype != "F32")
      fail("numbers of type F32 or F64 in " + quoted_excerpt(tensor.name), quoted_excerpt(tensor.dtype));
    if (wide && sizeof(T) < sizeof(double) && !round_to_float) {
      fail("F32 in " + quoted_excerpt(tensor.name) + " for a float network (or the option round_to_float)", "'F64'");
    }
    const std::size_t size = wide ? 8 : 4;
    const char* const from = bytes_.data() + start_ + tensor.offsets[0];
    std::vector<T> values(static_cast<std::size_t>(tensor.offsets[1] - tensor.offsets[0]) / size);
    for (std::size_t k = 0; k < values.size(); ++k) {
      const std::uint64_t bits = little_endian(from + k * size, size);
      const T value = wide ? static_cast<T>(std::bit_cast<double>(bits))
                           : static_cast<T>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
      if (!std::isfinite(value)) fail("finite numbers in " + quoted_excerpt(tensor.name), "NaN or infinity among them");
      values[k] = value;
    }
    return values;
  }

  [[noreturn]] void fail(std::string_view expected, std::string_view given) const {
    raise_expected<FileError>(function_, path_, expected, given);
  }

 private:
  /// Every tensor as large as its shape says, and one after the other from the first byte of the data to the last.
  void check_layout() const {
    std::vector<const TensorEntry*> order;
    for (const TensorEntry& tensor : tensors()) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->offsets < b->offsets; });
    const std::uint64_t available = bytes_.size() - start_;
    std::uint64_t at = 0;
    for (const TensorEntry* const tensor : order) {
      const std::string name = quoted_excerpt(tensor->name);
      const std::uint64_t begin = tensor->offsets[0];
      const std::uint64_t end = tensor->offsets[1];
      if (begin != at) {
        fail(numbered("data_offsets that continue at ", at) + " for " + name, numbered("", begin));
      }
      if (end < begin || end > available) {
        fail(numbered("data_offsets within the ", available) + " bytes of data for " + name,
             std::to_string(begin) + " to " + std::to_string(end));
      }
      const std::uint64_t size = safetensors_size(tensor->dtype);
      if (size == 0) fail("a known 'dtype' for " + name, quoted_excerpt(tensor->dtype));
      std::uint64_t count = (end - begin) / size;
      bool fits = (end - begin) % size == 0;
      std::uint64_t product = 1;
      for (const std::uint64_t extent : tensor->shape) {
        if (extent != 0 && product > count / extent) fits = false;
        product = fits ? product * extent : 0;
      }
      if (!fits || product != count) {
        fail("as many bytes as the shape of " + name + " needs", std::to_string(end - begin));
      }
      at = end;
    }
    if (at != available) fail(numbered("the end of the file after ", at) + " bytes of data", std::to_string(available));
  }

  std::string function_;
  std::string path_;
  std::string bytes_;
  std::size_t start_ = 0;
  SafetensorsHeader header_;
};

}  // namespace shallow::detail

namespace shallow::detail {

/// A number as text that brings back the same number.
inline std::string exact_text(double number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return std::string(digits.data(), end);
}

/// "tanh", "leaky_relu(0.2)": the name, and settings in full.
template <class G>
std::string saved_activation(const G& g) {
  if constexpr (requires { g.template get<LeakyReLU>(); }) {
    if (const auto* const leaky = g.template get<LeakyReLU>()) return saved_activation(*leaky);
  }
  std::string text(activation_name(g));
  if constexpr (std::is_same_v<G, LeakyReLU>) text.append("(").append(exact_text(g.slope)).append(")");
  return text;
}

/// Calls f(activation of layer l) for every layer of a network.
template <class Net, class F>
void for_each_activation(const Net& net, F&& f) {
  if constexpr (requires { net.layer(Index(0)); }) {
    for (Index l = 0; l < net.depth(); ++l) f(net.layer(l).activation());
  } else if constexpr (requires { Net::layers; }) {
    [&]<std::size_t... l>(std::index_sequence<l...>) { (f(net.template layer<l>().activation()), ...); }
    (std::make_index_sequence<Net::layers>{});
  } else {
    f(net.activation());
  }
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

/// The parameters as safetensors wants them.
template <class Net>
std::string safetensors_data(const Net& net, nlohmann::ordered_json& header) {
  using T = typename Net::Scalar;
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "shallow: files hold float or double");
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  std::string data;
  const auto blocks = net.parameter_blocks();
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const bool bias = b % 2 == 1;
    const ParameterBlock& block = blocks[b];
    const std::size_t begin = data.size();
    const T* const values = net.parameters().data() + block.offset;
    for (Index i = 0; i < block.rows; ++i) {
      for (Index j = 0; j < block.cols; ++j) {
        append_little_endian(data, std::bit_cast<Bits>(values[i + j * block.rows]), sizeof(T));
      }
    }
    auto& entry = header[std::to_string(b - b % 2) + (bias ? ".bias" : ".weight")];
    entry["dtype"] = sizeof(T) == 4 ? "F32" : "F64";
    entry["shape"] = bias ? std::vector<Index>{block.rows} : std::vector<Index>{block.rows, block.cols};
    entry["data_offsets"] = {begin, data.size()};
  }
  return data;
}

/// Numbers separated by spaces.
template <class Numbers>
std::string joined(const Numbers& numbers) {
  std::string text;
  for (Index i = 0; i < numbers.size(); ++i) {
    text.append(text.empty() ? "" : " ").append(exact_text(static_cast<double>(numbers(i))));
  }
  return text;
}

template <class Net>
void save_safetensors(const std::filesystem::path& path, const Net& net,
                      const StandardScaler<typename Net::Scalar>* scaler, const io::ModelInfo& info) {
  if (!all_finite(net.parameters())) {
    raise_expected<ValueError>("save", "net", "finite parameters", "NaN or infinity among them");
  }
  if (!info.classes.empty() && static_cast<Index>(info.classes.size()) != std::max<Index>(net.n_y(), 2)) {
    raise_expected<ShapeError>("save", "classes", to_text(std::max<Index>(net.n_y(), 2)) + " names, or none",
                               to_text(info.classes.size()));
  }
  nlohmann::ordered_json header;
  auto& metadata = header["__metadata__"];
  metadata["format"] = "pt";
  metadata["shallow.version"] =
      numbered("", SHALLOW_VERSION_MAJOR) + numbered(".", SHALLOW_VERSION_MINOR) + numbered(".", SHALLOW_VERSION_PATCH);
  std::string activations;
  for_each_activation(
      net, [&](const auto& g) { activations.append(activations.empty() ? "" : ", ").append(saved_activation(g)); });
  metadata["shallow.activations"] = activations;
  metadata["shallow.loss"] = info.loss.empty() ? loss_name(net.default_loss()) : info.loss;
  if (!info.classes.empty()) metadata["shallow.classes"] = nlohmann::json(info.classes).dump();
  if (scaler != nullptr) {
    metadata["shallow.means"] = joined(scaler->means());
    metadata["shallow.scales"] = joined(scaler->scales());
  }
  const std::string data = safetensors_data(net, header);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kSafetensorsHeaderLimit) {
    raise_expected<ValueError>("save", "info", numbered("a header of at most ", kSafetensorsHeaderLimit) + " bytes",
                               to_text(text.size()));
  }
  std::string length;
  append_little_endian(length, text.size(), 8);
  write_file("save", path, {length, text, data});
}

}  // namespace shallow::detail

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
    info_.version = text("shallow.version");
    info_.loss = text("shallow.loss");
    info_.activations = list(text("shallow.activations"));
    info_.means = numbers_of("shallow.means");
    info_.scales = numbers_of("shallow.scales");
    if (const std::string classes = text("shallow.classes"); !classes.empty()) {
      const auto json = nlohmann::json::parse(classes, nullptr, false);
      if (!json.is_array() || !std::all_of(json.begin(), json.end(), [](const auto& c) { return c.is_string(); })) {
        fail("an array of strings as shallow.classes", quoted_excerpt(classes));
      }
      info_.classes = json.get<std::vector<std::string>>();
    }
  }

  const io::SavedInfo& info() const { return info_; }

  template <class T>
  std::vector<SavedLayer<T>> layers(bool round_to_float) const {
    std::map<int, std::array<const TensorEntry*, 2>> found;
    for (const TensorEntry& tensor : tensors()) {
      const std::size_t point = tensor.name.find('.');
      int place = 0;
      const char* const end = tensor.name.data() + std::min(point, tensor.name.size());
      const auto [last, error] = std::from_chars(tensor.name.data(), end, place);
      const std::string_view kind = std::string_view(tensor.name).substr(std::min(point + 1, tensor.name.size()));
      if (error != std::errc() || last != end || place < 0 || (kind != "weight" && kind != "bias")) {
        fail("tensors named as '0.weight' and '0.bias'", quoted_excerpt(tensor.name));
      }
      found[place][kind == "bias" ? 1 : 0] = &tensor;
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
    if (static_cast<Index>(info_.means.size()) != n_x || info_.scales.size() != info_.means.size()) {
      fail(numbered("", n_x) + " shallow.means and shallow.scales",
           std::to_string(info_.means.size()) + " and " + std::to_string(info_.scales.size()));
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

  /// The slope of "leaky_relu(0.2)".
  LeakyReLU leaky_relu(std::string_view settings) const {
    LeakyReLU g;
    if (!parse_number(settings, g.slope) || !(g.slope >= 0) || !std::isfinite(g.slope)) {
      fail("a slope, finite and >= 0, of leaky_relu", quoted_excerpt(settings));
    }
    return g;
  }

  /// The activation of layer `l`, counted from 1, as the type G.
  template <class G>
  G activation(std::size_t l, std::string_view text) const {
    const auto [name, settings] = split_activation(text);
    if constexpr (std::is_same_v<G, LeakyReLU>) {
      if (name == LeakyReLU::name) return leaky_relu(settings);
    }
    if (!text.empty() && saved_activation(G{}) != text) {
      fail(saved_activation(G{}).append(detail::numbered(" in layer ", l)), quoted_excerpt(text));
    }
    return G{};
  }
  /// The same for a network whose activations are chosen at run time.
  template <class T>
  AnyActivation<T> any_activation(std::size_t l, std::string_view text) const {
    const auto [name, settings] = split_activation(text);
    if (name == LeakyReLU::name) return leaky_relu(settings);
    if (text == Sigmoid::name) return Sigmoid{};
    if (text == Tanh::name) return Tanh{};
    if (text == ReLU::name) return ReLU{};
    if (text == Identity::name) return Identity{};
    if (text == Softmax::name) return Softmax{};
    if (text.empty()) fail(detail::numbered("an activation of layer ", l) + ", or one given to load", "none");
    fail(detail::numbered("a known activation of layer ", l) + ", or one given to load", quoted_excerpt(text));
  }

 private:
  std::string text(const std::string& key) const {
    const auto found = metadata().find(key);
    return found == metadata().end() ? std::string() : found->second;
  }
  static std::vector<std::string> list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(", "), text.size());
      items.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 2, text.size()));
    }
    return items;
  }
  std::vector<double> numbers_of(const std::string& key) const {
    std::vector<double> values;
    const std::string all = text(key);
    for (std::string_view rest = all; !rest.empty();) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      double value = 0;
      if (!parse_number(word, value) || !std::isfinite(value)) {
        fail("finite numbers separated by spaces as " + key, quoted_excerpt(word));
      }
      values.push_back(value);
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    }
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
  const auto check = [&](int fixed, Index size, const char* what) {
    if (fixed == Dynamic || fixed == size) return;
    file.fail(std::to_string(fixed) + what + std::to_string(l) + ", as the type says", std::to_string(size));
  };
  check(Shape::inputs, layer.n_in, " inputs of layer ");
  check(Shape::outputs, layer.n_out, " outputs of layer ");
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

template <class M>
inline constexpr bool is_scaled = false;
template <class Net>
inline constexpr bool is_scaled<Scaled<Net>> = true;

}  // namespace shallow::detail

namespace shallow::io {

/// Writes a network (Layer, Network, TwoLayerNet, DynamicNetwork, or one of them Scaled) to a safetensors file. Atomic:
/// a crash leaves the old file or the new one.
///
///     io::save(net, "flower.safetensors", {.classes = {"red", "blue"}});
///
/// \throws FileError (path): expected a file that can be written, given the system's reason
/// \throws ValueError net: expected finite parameters
/// \throws ShapeError classes: expected n_y names (two for n_y = 1), or none
template <class Model>
void save(const Model& model, const std::filesystem::path& path, const ModelInfo& info = {}) {
  if constexpr (detail::is_scaled<Model>) {
    detail::save_safetensors(path, model.net(), &model.scaler(), info);
  } else {
    detail::save_safetensors(path, model, nullptr, info);
  }
}

/// The network of type Model in a safetensors file, of this library or of PyTorch's:
///
///     const auto net = io::load<TwoLayerNet<float>>("flower.safetensors");
///     const auto any = io::load<DynamicNetwork<float>>("torch.safetensors", {.activations = {Tanh{}, Sigmoid{}}});
///
/// Layers come in the order of the numbers in their names. float32 becomes double without a word; float64 becomes float
/// if the options say so. Without shallow.activations in the file, those of the type (or the options) are taken.
///
/// \throws FileError (path): expected what the format or the type says, given what the file says: other shapes, another
///         number of layers, another activation, numbers of another type or not finite, a header that is broken
/// \throws ShapeError activations: expected one a layer of the file
template <class Model>
Model load(const std::filesystem::path& path, const LoadOptions<typename Model::Scalar>& options = {}) {
  const detail::ModelFile file("load", path);
  if constexpr (detail::is_scaled<Model>) {
    using Net = std::remove_cvref_t<decltype(std::declval<Model&>().net())>;
    Net net = detail::network_from<Net>(file, options);
    auto scaler = file.scaler<typename Model::Scalar>(net.n_x());
    return Model(std::move(scaler), std::move(net));
  } else {
    if (!file.info().means.empty())
      file.fail("a network without a scaler (load<Scaled<...>> takes one)", "shallow.means");
    return detail::network_from<Model>(file, options);
  }
}

/// What a model file says beside the parameters.
/// \throws FileError as load does for a file that is broken
inline SavedInfo load_info(const std::filesystem::path& path) { return detail::ModelFile("load_info", path).info(); }

}  // namespace shallow::io
