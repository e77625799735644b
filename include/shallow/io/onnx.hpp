// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Networks as ONNX models (https://onnx.ai), for ONNX Runtime and all that reads the format (needs protozero: link
/// shallow::onnx).
///
/// Operator set 13, format version 7, the standard domain alone, so that runtimes since 2021 take them. A row is a
/// sample there, and the number of rows is open:
///
///     X  (m x n_x)                                  input
///     Sub, Div                                      the scaler's (X - means) / scales, if the network is Scaled
///     Gemm(transB = 1), Sigmoid | Tanh | Relu | LeakyRelu | Softmax, or nothing for Identity, for every layer
///     A  (m x n_y)                                  output
///
/// The parameters are named "W1", "b1", "W2", ...; the metadata is that of model files (safetensors.hpp), but that
/// every class has an entry of its own, "shallow.classes.0", for JSON has no place here.

#include "shallow/activation.hpp"
#include "shallow/error.hpp"
#include "shallow/io/description.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/softmax.hpp"
#include "shallow/types.hpp"

#include <protozero/pbf_builder.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace shallow::io {

/// How an ONNX model is written.
struct OnnxOptions {
  std::vector<std::string> classes{};  ///< names of the outputs, for the metadata; empty if there are none
  std::string input = "X";             ///< what the model calls the samples
  std::string output = "A";            ///< what it calls the predictions
  bool round_to_float = false;         ///< writes a network of doubles as one of floats, rounding each number
};

}  // namespace shallow::io

namespace shallow::detail {

// The messages of onnx.proto, field by field as far as they are used here.
enum class OnnxModel : protozero::pbf_tag_type {
  ir_version = 1,
  producer_name = 2,
  producer_version = 3,
  graph = 7,
  opset_import = 8,
  metadata_props = 14
};
enum class OnnxOperatorSet : protozero::pbf_tag_type { domain = 1, version = 2 };
enum class OnnxProperty : protozero::pbf_tag_type { key = 1, value = 2 };
enum class OnnxGraph : protozero::pbf_tag_type { node = 1, name = 2, initializer = 5, input = 11, output = 12 };
enum class OnnxNode : protozero::pbf_tag_type { input = 1, output = 2, name = 3, op_type = 4, attribute = 5 };
enum class OnnxAttribute : protozero::pbf_tag_type { name = 1, f = 2, i = 3, type = 20 };
enum class OnnxTensor : protozero::pbf_tag_type { dims = 1, data_type = 2, name = 8, raw_data = 9 };
enum class OnnxValue : protozero::pbf_tag_type { name = 1, type = 2 };
enum class OnnxType : protozero::pbf_tag_type { tensor_type = 1 };
enum class OnnxTensorType : protozero::pbf_tag_type { elem_type = 1, shape = 2 };
enum class OnnxShape : protozero::pbf_tag_type { dim = 1 };
enum class OnnxDimension : protozero::pbf_tag_type { dim_value = 1, dim_param = 2 };

/// A protobuf message counts its bytes in 31 bits; `bytes` are those of numbers and names.
/// \throws ValueError net: expected parameters of less than 2 GiB
inline void check_onnx_size(std::size_t bytes) {
  constexpr std::size_t limit = (std::size_t(1) << 31U) - (1U << 20U);  // less what is around them
  if (bytes >= limit) {
    raise_expected<ValueError>("write_onnx", "net", "parameters of less than 2 GiB", numbered("", bytes) + " bytes");
  }
}

/// Writes the graph of a network whose numbers become those of type T.
template <class T>
class OnnxGraphWriter {
  static constexpr std::int32_t float_type = 1, double_type = 11;
  static constexpr std::int32_t data_type = std::is_same_v<T, float> ? float_type : double_type;

 public:
  OnnxGraphWriter(protozero::pbf_builder<OnnxModel>& model, const io::OnnxOptions& options)
      : graph_(model, OnnxModel::graph) {
    graph_.add_string(OnnxGraph::name, "shallow");
    for (const std::string& name : {options.input, options.output}) {
      if (name.empty() || !is_utf8(name) || !names_.insert(name).second) {
        raise_expected<ValueError>("write_onnx", "input, output", "two names in UTF-8",
                                   "'" + options.input + "' and '" + options.output + "'");
      }
      // Runtimes take names as C strings: behind a NUL nothing would be found.
      if (has_controls(name)) refuse_controls("write_onnx", "input, output", name);
    }
  }

  /// A name within the graph, which must not be one that the user gave to the input or the output.
  /// \throws ValueError input, output: expected names that the model itself does not need
  std::string own(const std::string& name) {
    if (!names_.insert(name).second) {
      raise_expected<ValueError>("write_onnx", "input, output", "names that the model itself does not need",
                                 "'" + name + "'");
    }
    return name;
  }

  /// An input or output of so many features a sample, the number of samples being open.
  void value(OnnxGraph which, const std::string& name, Index features) {
    protozero::pbf_builder<OnnxValue> value(graph_, which);
    value.add_string(OnnxValue::name, name);
    protozero::pbf_builder<OnnxType> type(value, OnnxValue::type);
    protozero::pbf_builder<OnnxTensorType> tensor(type, OnnxType::tensor_type);
    tensor.add_int32(OnnxTensorType::elem_type, data_type);
    protozero::pbf_builder<OnnxShape> shape(tensor, OnnxTensorType::shape);
    protozero::pbf_builder<OnnxDimension>(shape, OnnxShape::dim).add_string(OnnxDimension::dim_param, "m");
    protozero::pbf_builder<OnnxDimension>(shape, OnnxShape::dim).add_int64(OnnxDimension::dim_value, features);
  }

  /// A constant, its numbers row after row.
  void constant(const std::string& name, std::initializer_list<Index> shape, const std::vector<T>& numbers) {
    protozero::pbf_builder<OnnxTensor> tensor(graph_, OnnxGraph::initializer);
    for (const Index extent : shape) tensor.add_int64(OnnxTensor::dims, extent);
    tensor.add_int32(OnnxTensor::data_type, data_type);
    tensor.add_string(OnnxTensor::name, own(name));
    std::string bytes;
    append_numbers(bytes, numbers);
    tensor.add_bytes(OnnxTensor::raw_data, bytes);
  }

  /// output = op(inputs...).
  void node(const char* op, std::initializer_list<std::string> inputs, const std::string& output) {
    begin_node(op, inputs, output);
  }
  /// The same with an attribute, a whole number or a float.
  template <class Setting>
  void node(const char* op, std::initializer_list<std::string> inputs, const std::string& output, const char* attribute,
            Setting setting) {
    constexpr std::int32_t type_of_floats = 1, type_of_integers = 2;
    auto node = begin_node(op, inputs, output);
    protozero::pbf_builder<OnnxAttribute> written(node, OnnxNode::attribute);
    written.add_string(OnnxAttribute::name, attribute);
    if constexpr (std::is_same_v<Setting, float>) {
      written.add_float(OnnxAttribute::f, setting);
      written.add_int32(OnnxAttribute::type, type_of_floats);
    } else {
      written.add_int64(OnnxAttribute::i, setting);
      written.add_int32(OnnxAttribute::type, type_of_integers);
    }
  }

  /// a = g(z) for layer l.
  /// \throws ValueError activation: expected sigmoid, tanh, relu, leaky_relu, identity or softmax of this
  ///         library in layer l
  template <class G>
  void activation(const G& g, const std::string& z, const std::string& a, Index l) {
    if constexpr (std::is_same_v<G, Sigmoid>) {
      node("Sigmoid", {z}, a);
    } else if constexpr (std::is_same_v<G, Tanh>) {
      node("Tanh", {z}, a);
    } else if constexpr (std::is_same_v<G, ReLU>) {
      node("Relu", {z}, a);
    } else if constexpr (std::is_same_v<G, LeakyReLU> && std::is_same_v<T, float>) {
      node("LeakyRelu", {z}, a, "alpha", rounded<float>("write_onnx", "slope", g.slope));
    } else if constexpr (std::is_same_v<G, LeakyReLU>) {
      // LeakyRelu keeps its slope as a float, which is not the number, and runtimes have it for floats alone.
      const std::string slope = numbered("slope", l), zero = numbered("zero", l);
      const std::string sloped = own(numbered("sloped", l));
      const std::string positive = own(numbered("positive", l));
      constant(slope, {}, {T(g.slope)});
      constant(zero, {}, {T(0)});
      node("Mul", {z, slope}, sloped);
      node("Greater", {z, zero}, positive);
      node("Where", {positive, z, sloped}, a);
    } else if constexpr (std::is_same_v<G, Softmax>) {
      node("Softmax", {z}, a, "axis", -1);
    } else {
      static_assert(!std::is_same_v<G, Identity>, "Identity needs no node");
      raise_unknown_activation("write_onnx", g, l);
    }
  }

 private:
  protozero::pbf_builder<OnnxNode> begin_node(const char* op, std::initializer_list<std::string> inputs,
                                              const std::string& output) {
    protozero::pbf_builder<OnnxNode> node(graph_, OnnxGraph::node);
    for (const std::string& input : inputs) node.add_string(OnnxNode::input, input);
    node.add_string(OnnxNode::output, output);
    node.add_string(OnnxNode::name, output);
    node.add_string(OnnxNode::op_type, op);
    return node;
  }

  protozero::pbf_builder<OnnxGraph> graph_;
  std::set<std::string> names_;
};

/// A network's graph with numbers of type T.
template <class T, class Model>
void write_onnx_graph(protozero::pbf_builder<OnnxModel>& file, const Model& model, const io::OnnxOptions& options) {
  const auto& net = net_of(model);
  OnnxGraphWriter<T> graph(file, options);
  graph.value(OnnxGraph::input, options.input, net.n_x());
  graph.value(OnnxGraph::output, options.output, net.n_y());
  std::string a = options.input;
  if (const auto* const scaler = scaler_of(model)) {
    graph.constant("means", {net.n_x()}, rows_of<T>("write_onnx", "means", scaler->means()));
    graph.constant("scales", {net.n_x()}, scales_of<T>("write_onnx", *scaler));
    const std::string centred = graph.own("centred");
    graph.node("Sub", {a, "means"}, centred);
    a = graph.own("A0");
    graph.node("Div", {centred, "scales"}, a);
  }
  Index l = 0;
  for_each_layer(net, [&](const auto& layer) {
    ++l;
    const std::string W = numbered("W", l), b = numbered("b", l);
    const std::string next = l == net.depth() ? options.output : graph.own(numbered("A", l));
    graph.constant(W, {layer.n_out(), layer.n_in()}, rows_of<T>("write_onnx", "net", layer.weights()));
    graph.constant(b, {layer.n_out()}, rows_of<T>("write_onnx", "net", layer.bias()));
    visit_activation(layer.activation(), [&]<class G>(const G& g) {
      constexpr bool linear = std::is_same_v<G, Identity>;
      const std::string z = linear ? next : graph.own(numbered("Z", l));
      graph.node("Gemm", {a, W, b}, z, "transB", 1);
      if constexpr (!linear) graph.activation(g, z, next, l);
    });
    a = next;
  });
}

}  // namespace shallow::detail

namespace shallow::io {

/// Writes a network (Layer, Network, TwoLayerNet, DynamicNetwork, or one of them Scaled) as an ONNX model, with numbers
/// of the network's type. Atomic: a crash leaves the old file or the new one.
///
///     io::write_onnx(net, "flower.onnx", {.classes = {"red", "blue"}});
///
/// \throws FileError (path): expected a file that can be written, given the system's reason
/// \throws ShapeError net: expected a network with parameters; scaler: expected n_x features
/// \throws ValueError net: expected finite parameters; means: expected finite numbers; scales: expected finite numbers
///         > 0
/// \throws ValueError net, means, scales, slope: expected numbers within the range of float; scales: expected
///         numbers > 0 within the range of float (where they are rounded)
/// \throws ValueError net: expected parameters of less than 2 GiB
/// \throws ValueError activation: expected sigmoid, tanh, relu, leaky_relu, identity or softmax of this
///         library in layer l
/// \throws ValueError input, output: expected two names in UTF-8; expected names without control characters; expected
///         names that the model itself does not need
/// \throws ShapeError classes: expected n_y names (two for n_y = 1), or none
/// \throws ValueError classes: expected names in UTF-8
template <class Model>
void write_onnx(const Model& model, const std::filesystem::path& path, const OnnxOptions& options = {}) {
  using T = typename Model::Scalar;
  const auto& net = detail::net_of(model);
  detail::check_model("write_onnx", model);
  detail::check_classes("write_onnx", net, options.classes);
  std::size_t size = static_cast<std::size_t>(net.parameters().size() + 2 * net.n_x()) *
                     (options.round_to_float ? sizeof(float) : sizeof(T));
  for (const std::string& name : options.classes) size += name.size();
  detail::check_onnx_size(size + 3 * (options.input.size() + options.output.size()));
  std::string bytes;
  protozero::pbf_builder<detail::OnnxModel> file(bytes);
  file.add_int64(detail::OnnxModel::ir_version, 7);
  file.add_string(detail::OnnxModel::producer_name, "shallow");
  file.add_string(detail::OnnxModel::producer_version, detail::version_text());
  {
    protozero::pbf_builder<detail::OnnxOperatorSet> operators(file, detail::OnnxModel::opset_import);
    operators.add_string(detail::OnnxOperatorSet::domain, "");
    operators.add_int64(detail::OnnxOperatorSet::version, 13);
  }
  if (options.round_to_float) {
    detail::write_onnx_graph<float>(file, model, options);
  } else {
    detail::write_onnx_graph<T>(file, model, options);
  }
  const auto property = [&](const std::string& key, const std::string& value) {
    protozero::pbf_builder<detail::OnnxProperty> entry(file, detail::OnnxModel::metadata_props);
    entry.add_string(detail::OnnxProperty::key, key);
    entry.add_string(detail::OnnxProperty::value, value);
  };
  property("shallow.version", detail::version_text());
  property("shallow.activations", detail::saved_activations(net));
  property("shallow.loss", detail::loss_name(net.default_loss()));
  for (std::size_t i = 0; i < options.classes.size(); ++i) {
    property(detail::numbered("shallow.classes.", i), options.classes[i]);
  }
  detail::write_file("write_onnx", path, {bytes});
}

}  // namespace shallow::io
