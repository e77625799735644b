// SPDX-License-Identifier: MIT
#include "shallow/io/onnx.hpp"
#include "shallow/random.hpp"
#include "shallow/shallow.hpp"

#include "temporary_folder.hpp"
#include "user_types.hpp"
#include <doctest/doctest.h>
#include <protozero/pbf_message.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

using namespace shallow;

namespace {

// Fields of onnx.proto, written down once more: a wrong number in the library must not be right here.
using Tag = protozero::pbf_tag_type;
enum class OnnxModel : Tag { ir_version = 1, graph = 7, opset_import = 8, metadata_props = 14 };
enum class OnnxOperatorSet : Tag { domain = 1, version = 2 };
enum class OnnxProperty : Tag { key = 1, value = 2 };
enum class OnnxGraph : Tag { node = 1, name = 2, initializer = 5, input = 11, output = 12 };
enum class OnnxNode : Tag { input = 1, output = 2, name = 3, op_type = 4, attribute = 5 };
enum class OnnxAttribute : Tag { name = 1, f = 2, i = 3, type = 20 };
enum class OnnxTensor : Tag { dims = 1, data_type = 2, name = 8, raw_data = 9 };
enum class OnnxValue : Tag { name = 1, type = 2 };
enum class OnnxType : Tag { tensor_type = 1 };
enum class OnnxTensorType : Tag { elem_type = 1, shape = 2 };
enum class OnnxShape : Tag { dim = 1 };
enum class OnnxDimension : Tag { dim_value = 1, dim_param = 2 };

/// What an ONNX file says, inputs before outputs and nodes in their order.
struct Content {
  struct Tensor {
    std::vector<std::int64_t> shape;
    int type = 0;
    std::string bytes;
  };
  std::int64_t format = 0;
  std::int64_t operators = 0;
  std::vector<std::string> nodes;  ///< "Z1 = Gemm(X, W1, b1; transB = 1)"
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> properties;
  std::vector<std::string> values;  ///< "X: 1 [m, 2]", inputs first
};

template <class Field>
using Message = protozero::pbf_message<Field>;

std::string attribute_text(Message<OnnxAttribute> attribute) {
  std::string name, setting;
  while (attribute.next()) {
    if (attribute.tag() == OnnxAttribute::name) {
      name = attribute.get_string();
    } else if (attribute.tag() == OnnxAttribute::i) {
      setting = std::to_string(attribute.get_int64());
    } else if (attribute.tag() == OnnxAttribute::f) {
      setting = shallow::detail::exact_text(attribute.get_float());
    } else {
      attribute.skip();
    }
  }
  return name + " = " + setting;
}

std::string node_text(Message<OnnxNode> node) {
  std::string inputs, output, op, attributes;
  while (node.next()) {
    if (node.tag() == OnnxNode::input) {
      inputs.append(inputs.empty() ? "" : ", ").append(node.get_string());
    } else if (node.tag() == OnnxNode::output) {
      output = node.get_string();
    } else if (node.tag() == OnnxNode::op_type) {
      op = node.get_string();
    } else if (node.tag() == OnnxNode::attribute) {
      attributes.append("; ").append(attribute_text(node.get_message()));
    } else {
      node.skip();
    }
  }
  return output + " = " + op + "(" + inputs + attributes + ")";
}

std::string value_text(Message<OnnxValue> value) {
  std::string text;
  while (value.next()) {
    if (value.tag() == OnnxValue::name) {
      text = value.get_string() + ":";
      continue;
    }
    Message<OnnxType> type = value.get_message();
    REQUIRE(type.next());
    Message<OnnxTensorType> tensor = type.get_message();
    while (tensor.next()) {
      if (tensor.tag() == OnnxTensorType::elem_type) {
        text.append(" ").append(std::to_string(tensor.get_int32())).append(" [");
        continue;
      }
      Message<OnnxShape> shape = tensor.get_message();
      while (shape.next()) {
        Message<OnnxDimension> dimension = shape.get_message();
        REQUIRE(dimension.next());
        if (!text.ends_with('[')) text.append(", ");
        text.append(dimension.tag() == OnnxDimension::dim_param ? std::string(dimension.get_string())
                                                                : std::to_string(dimension.get_int64()));
      }
    }
  }
  return text + "]";
}

Content read(const std::filesystem::path& path) {
  const std::string bytes = content_of(path);
  Content content;
  Message<OnnxModel> model(bytes);
  while (model.next()) {
    if (model.tag() == OnnxModel::ir_version) {
      content.format = model.get_int64();
    } else if (model.tag() == OnnxModel::opset_import) {
      Message<OnnxOperatorSet> set = model.get_message();
      while (set.next(OnnxOperatorSet::version)) content.operators = set.get_int64();
    } else if (model.tag() == OnnxModel::metadata_props) {
      Message<OnnxProperty> property = model.get_message();
      REQUIRE(property.next());
      const std::string key = property.get_string();
      REQUIRE(property.next());
      content.properties[key] = property.get_string();
    } else if (model.tag() == OnnxModel::graph) {
      Message<OnnxGraph> graph = model.get_message();
      while (graph.next()) {
        if (graph.tag() == OnnxGraph::node) {
          content.nodes.push_back(node_text(graph.get_message()));
        } else if (graph.tag() == OnnxGraph::input || graph.tag() == OnnxGraph::output) {
          content.values.push_back(value_text(graph.get_message()));
        } else if (graph.tag() == OnnxGraph::initializer) {
          Message<OnnxTensor> tensor = graph.get_message();
          Content::Tensor read;
          std::string name;
          while (tensor.next()) {
            if (tensor.tag() == OnnxTensor::dims) read.shape.push_back(tensor.get_int64());
            if (tensor.tag() == OnnxTensor::data_type) read.type = tensor.get_int32();
            if (tensor.tag() == OnnxTensor::name) name = tensor.get_string();
            if (tensor.tag() == OnnxTensor::raw_data) read.bytes = tensor.get_bytes();
          }
          REQUIRE(content.tensors.emplace(name, read).second);
        } else {
          graph.skip();
        }
      }
    } else {
      model.skip();
    }
  }
  return content;
}

/// The tensor of these numbers, row after row.
template <class T, class M>
bool holds(const Content::Tensor& tensor, const M& matrix) {
  std::vector<std::int64_t> shape;
  if (matrix.cols() != 1 || tensor.shape.size() == 2) {
    shape = {matrix.rows(), matrix.cols()};
  } else {
    shape = {matrix.rows()};
  }
  std::string bytes;
  shallow::detail::append_numbers(bytes, shallow::detail::rows_of<T>("test", "matrix", matrix));
  return tensor.shape == shape && tensor.type == (sizeof(T) == 4 ? 1 : 11) && tensor.bytes == bytes;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE_TEMPLATE("onnx: a layer is a Gemm and its activation, with the parameters to the last bit", T, float,
                   double) {
  const TemporaryFolder folder;
  DynamicNetwork<T> net(2, {{4, Tanh{}}, {3, ReLU{}}, {5, Sigmoid{}}, {2, Identity{}}, {3, Softmax{}}}, {.seed = 1});
  net.parameters() = RandomState(1).randn<T>(net.parameters().size(), 1);
  io::write_onnx(net, folder / "a.onnx", {.classes = {"red", "green", "blue"}});
  const Content content = read(folder / "a.onnx");
  CHECK(content.format == 7);
  CHECK(content.operators == 13);
  const std::string type = sizeof(T) == 4 ? "1" : "11";
  CHECK(content.values == Texts{"X: " + type + " [m, 2]", "A: " + type + " [m, 3]"});
  CHECK(content.nodes == Texts{"Z1 = Gemm(X, W1, b1; transB = 1)", "A1 = Tanh(Z1)", "Z2 = Gemm(A1, W2, b2; transB = 1)",
                               "A2 = Relu(Z2)", "Z3 = Gemm(A2, W3, b3; transB = 1)", "A3 = Sigmoid(Z3)",
                               "A4 = Gemm(A3, W4, b4; transB = 1)", "Z5 = Gemm(A4, W5, b5; transB = 1)",
                               "A = Softmax(Z5; axis = -1)"});
  CHECK(content.tensors.size() == 10);
  for (Index l = 0; l < net.depth(); ++l) {
    CHECK(holds<T>(content.tensors.at("W" + std::to_string(l + 1)), net.layer(l).weights()));
    CHECK(holds<T>(content.tensors.at("b" + std::to_string(l + 1)), net.layer(l).bias()));
  }
  CHECK(content.properties ==
        std::map<std::string, std::string>{{"shallow.version", shallow::detail::version_text()},
                                           {"shallow.activations", "tanh, relu, sigmoid, identity, softmax"},
                                           {"shallow.loss", "categorical_cross_entropy"},
                                           {"shallow.classes.0", "red"},
                                           {"shallow.classes.1", "green"},
                                           {"shallow.classes.2", "blue"}});
}

TEST_CASE("onnx: the slope of Leaky ReLU travels with the model, exactly in double") {
  const TemporaryFolder folder;
  io::write_onnx(Layer<float, LeakyReLU>(2, 3, {.activation = {.slope = 0.2}}), folder / "a.onnx");
  CHECK(read(folder / "a.onnx").nodes == Texts{"Z1 = Gemm(X, W1, b1; transB = 1)", "A = LeakyRelu(Z1; alpha = 0.2)"});
  io::write_onnx(Layer<double, LeakyReLU>(2, 3, {.activation = {.slope = 0.2}}), folder / "b.onnx");
  const Content content = read(folder / "b.onnx");
  CHECK(content.nodes == Texts{"Z1 = Gemm(X, W1, b1; transB = 1)", "sloped1 = Mul(Z1, slope1)",
                               "positive1 = Greater(Z1, zero1)", "A = Where(positive1, Z1, sloped1)"});
  CHECK(content.tensors.at("slope1").shape.empty());
  CHECK(shallow::detail::bit_cast<double>(
            shallow::detail::little_endian(content.tensors.at("slope1").bytes.data(), 8)) == 0.2);
}

TEST_CASE("onnx: a scaler becomes two nodes before the first layer; doubles are rounded if asked for") {
  const TemporaryFolder folder;
  const TwoLayerNet<double, Tanh, Sigmoid> net(2, 4, 1, {.seed = 1});
  const StandardScaler<double> scaler(Vector<double>{{1.1, -3}}, Vector<double>{{0.3, 7}});
  io::write_onnx(Scaled(scaler, net), folder / "a.onnx", {.input = "pixels", .output = "P", .round_to_float = true});
  const Content content = read(folder / "a.onnx");
  CHECK(content.values == Texts{"pixels: 1 [m, 2]", "P: 1 [m, 1]"});
  CHECK(content.nodes == Texts{"centred = Sub(pixels, means)", "A0 = Div(centred, scales)",
                               "Z1 = Gemm(A0, W1, b1; transB = 1)", "A1 = Tanh(Z1)",
                               "Z2 = Gemm(A1, W2, b2; transB = 1)", "P = Sigmoid(Z2)"});
  CHECK(holds<float>(content.tensors.at("means"), scaler.means()));
  CHECK(holds<float>(content.tensors.at("scales"), scaler.scales()));
  CHECK(holds<float>(content.tensors.at("W1"), net.layer<0>().weights()));
}

TEST_CASE("onnx: what cannot be written is refused, and the old file stands") {
  const TemporaryFolder folder;
  const auto path = folder.file("a.onnx", "old");
  TwoLayerNet<double, Tanh, Sigmoid> net(2, 4, 1, {.seed = 1});
  const auto refused = [&]<class Error>(Error, const auto& model, const io::OnnxOptions& options = {}) {
    const std::string text = refusal<Error>([&] { io::write_onnx(model, path, options); });
    CHECK(text.starts_with("write_onnx: "));
    return text.substr(std::min<std::size_t>(text.size(), 12));
  };
  const ValueError value_error("");
  const ShapeError shape_error("");

  CHECK(refused(shape_error, net, {.classes = {"one"}}) == "classes: expected 2 names, or none, given 1");
  CHECK(refused(value_error, net, {.classes = {"red", "\xFF"}}) ==
        "classes: expected names in UTF-8, given other bytes in name 1");
  CHECK(refused(value_error, net, {.input = "A"}) == "input, output: expected two names in UTF-8, given 'A' and 'A'");
  CHECK(refused(value_error, net, {.input = "\xFC"}) ==
        "input, output: expected two names in UTF-8, given '\xFC' and 'A'");
  CHECK(refused(value_error, net, {.output = ""}) == "input, output: expected two names in UTF-8, given 'X' and ''");
  // Runtimes read names as C strings.
  CHECK(refused(value_error, net, {.input = std::string("X\0Y", 3)}) ==
        "input, output: expected names without control characters, given 'X\\u0000Y'");
  CHECK(refused(value_error, net, {.output = "\x1B[2J"}) ==
        "input, output: expected names without control characters, given '\\u001b[2J'");
  CHECK(refused(value_error, net, {.input = "W2"}) ==
        "input, output: expected names that the model itself does not need, given 'W2'");
  CHECK(refused(value_error, net, {.output = "A1"}) ==
        "input, output: expected names that the model itself does not need, given 'A1'");
  CHECK(refused(value_error, Layer<double, user::Softsign>(2, 3)) ==
        "activation: expected sigmoid, tanh, relu, leaky_relu, identity or softmax of this library in layer 1, "
        "given 'custom'");
  CHECK(refused(value_error, Layer<double, LeakyReLU>(2, 3, {.activation = {.slope = 1e300}}),
                {.round_to_float = true}) == "slope: expected numbers within the range of float, given 1e+300");
  const auto scaled = [&](double mean, double scale) {
    return Scaled(StandardScaler<double>(Vector<double>{{mean, 0}}, Vector<double>{{1, scale}}), net);
  };
  CHECK(refused(value_error, scaled(-1e39, 1), {.round_to_float = true}) ==
        "means: expected numbers within the range of float, given -1e+39");
  CHECK(refused(value_error, scaled(0, 1e-60), {.round_to_float = true}) ==
        "scales: expected numbers > 0 within the range of float, given 1e-60");
  auto other = Scaled(StandardScaler<double>(Vector<double>::Zero(2), Vector<double>::Ones(2)),
                      DynamicNetwork<double>(2, {{1, Sigmoid{}}}));
  other.net() = DynamicNetwork<double>(3, {{1, Sigmoid{}}});
  CHECK(refused(shape_error, other) == "scaler: expected 3 features, n_x of the network, given 2");
  net.parameters()(3) = 1e39;
  CHECK(refused(value_error, net, {.round_to_float = true}) ==
        "net: expected numbers within the range of float, given 1e+39");
  net.parameters()(3) = std::numeric_limits<double>::quiet_NaN();
  CHECK(refused(value_error, net) == "net: expected finite parameters, given NaN or infinity among them");
  CHECK_THROWS_WITH_AS(shallow::detail::check_onnx_size(std::size_t(1) << 31U),
                       "write_onnx: net: expected parameters of less than 2 GiB, given 2147483648 bytes", ValueError);
  CHECK(content_of(path) == "old");

  const auto nowhere = folder / "none" / "a.onnx";
  CHECK(refusal<FileError>([&] { io::write_onnx(Layer<float, Tanh>(2, 3), nowhere); }) ==
        "write_onnx: " + nowhere.string() + ": expected a file that can be written, given No such file or directory");
}
