// SPDX-License-Identifier: MIT
#include "shallow/io/safetensors.hpp"
#include "shallow/random.hpp"

#include "temporary_folder.hpp"
#include "user_types.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <cfenv>
#include <clocale>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <locale>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

using namespace shallow;

namespace {

/// z above `bend`, else steepness (z - bend) + bend: of a user's own, with two settings.
struct Bent {
  static constexpr std::string_view name = "bent";
  double steepness = 1;
  float bend = 0;
  static constexpr std::tuple settings{&Bent::steepness, &Bent::bend};
  template <class T>
  T operator()(const T& z) const {
    return z > T(bend) ? z : T(steepness) * (z - T(bend)) + T(bend);
  }
  template <class T>
  T derivative(const T& z) const {
    return z > T(bend) ? T(1) : T(steepness);
  }
  void check() const {
    if (!(steepness > 0)) throw ValueError("Bent: steepness: expected > 0");
  }
  friend bool operator==(const Bent&, const Bent&) = default;
};

/// One that holds a number and does not say so, and one whose name is up to the test.
struct Secretive : user::Softsign {
  static constexpr std::string_view name = "secretive";
  double scale = 1;
};
struct Named : user::Softsign {
  std::string name;
  static constexpr std::tuple settings{};
};

std::string safetensors(const std::string& header, std::string_view data) {
  std::string bytes;
  const std::uint64_t size = header.size();
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(size >> (8 * i) & 0xFFU));
  return bytes.append(header).append(data);
}

/// A layer 2 -> 1 as PyTorch writes it: no metadata.
const std::string small_header =
    R"({"0.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"0.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
const std::string zeros(12, '\0');

template <class Net = DynamicNetwork<float>>
std::string refused(const TemporaryFolder& folder, const std::string& bytes,
                    const io::LoadOptions<typename Net::Scalar>& options = {}) {
  const auto path = folder.file("bad.safetensors", bytes);
  return file_refusal("load", path, [&] { io::load<Net>(path, options); });
}

}  // namespace

TEST_CASE_TEMPLATE("safetensors: what is saved is loaded, every kind of network, to the last bit", T, float, double) {
  const TemporaryFolder folder;
  const auto path = folder / "net.safetensors";
  const auto round_trip = [&](const auto& net) {
    using Net = std::remove_cvref_t<decltype(net)>;
    io::save(net, path);
    CHECK(io::load<Net>(path) == net);
    // Any file is a run-time network.
    const auto any = io::load<DynamicNetwork<T>>(path);
    CHECK(any.parameters() == net.parameters());
    const Matrix<T> X = RandomState(7).randn<T>(net.n_x(), 9);
    CHECK(any.predict(X) == net.predict(X));
  };
  round_trip(TwoLayerNet<T>(2, 4, 1, {.seed = 1, .initializer = Initializer::glorot()}));
  round_trip(TwoLayerNet<T, Tanh, Sigmoid, 2, 4, 1>({.seed = 2, .initializer = Initializer::glorot()}));
  round_trip(TwoLayerNet<T, LeakyReLU, Softmax>(3, 20, 5, {.seed = 3, .hidden = {.slope = 0.3}}));
  round_trip(Layer<T, Sigmoid>(7, 1, {.seed = 4}));
  round_trip(Layer<T, LeakyReLU, 3, 2>({.seed = 4, .activation = {.slope = 1.0 / 3}}));
  round_trip(Network<Layer<T, ReLU>, Layer<T, Identity>, Layer<T, Tanh>>({5, 17, 3, 2}, {.seed = 5}));
  round_trip(DynamicNetwork<T>(4, {{9, LeakyReLU{.slope = 0.1}}, {3, ReLU{}}, {6, Softmax{}}}, {.seed = 6}));
}

TEST_CASE("safetensors: the data begin at a multiple of eight bytes, however long the header is") {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  for (std::size_t letters = 1; letters <= 8; ++letters) {
    io::save(Layer<double, Tanh>(3, 1), path, {.classes = {"b", std::string(letters, 'a')}});
    const std::string bytes = content_of(path);
    CHECK((bytes.size() - 4 * sizeof(double)) % 8 == 0);
  }
}

TEST_CASE("safetensors: a file of another kind was told by a number of 15 digits") {
  const TemporaryFolder folder;
  CHECK(refused(folder, std::string("\x93NUMPY\1\0", 8)) ==
        "a safetensors file, its header of at most 1048576 bytes, given a .npy file");
  // A header may be as long as the first bytes of a gzip file say.
  const std::string header = R"({"__metadata__":{"a":")" + std::string(0x8B1F - 25, 'a') + R"("}})";
  REQUIRE(header.size() == 0x8B1F);
  CHECK(refused(folder, safetensors(header, "")) == "at least one layer, given no tensors");
  CHECK(
      refused(
          folder,
          safetensors(
              R"({"__metadata__":{"shallow.checkpoint":"1"},"parameters":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
              std::string(4, '\0'))) ==
      "tensors named as '0.weight' and '0.bias', given a checkpoint, which Checkpoint::resume reads");
}

TEST_CASE("safetensors: names, shapes, order and numbers are PyTorch's") {
  const TemporaryFolder folder;
  Layer<float, Tanh> layer(3, 2);
  layer.weights() << 1, 2, 3, 4, 5, 6;
  layer.bias() << 7, 8;
  io::save(layer, folder / "a.safetensors");
  const std::string bytes = content_of(folder / "a.safetensors");
  const std::size_t length = static_cast<unsigned char>(bytes[0]) + 256U * static_cast<unsigned char>(bytes[1]);
  CHECK((8 + length) % 8 == 0);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  CHECK(header["0.weight"]["dtype"] == "F32");
  CHECK(header["0.weight"]["shape"] == std::vector<int>{2, 3});
  CHECK(header["0.bias"]["shape"] == std::vector<int>{2});
  CHECK(header["0.weight"]["data_offsets"] == std::vector<int>{0, 24});
  CHECK(header["0.bias"]["data_offsets"] == std::vector<int>{24, 32});
  // Row after row, little endian.
  const std::string data = bytes.substr(8 + length);
  for (std::size_t k = 0; k < 8; ++k) {
    std::uint32_t bits = 0;
    for (std::size_t i = 4; i-- > 0;) bits = bits << 8U | static_cast<unsigned char>(data[4 * k + i]);
    CHECK(shallow::detail::bit_cast<float>(bits) == static_cast<float>(k + 1));
  }
}

TEST_CASE("safetensors: settings, loss, classes and scaler travel with the network, exactly") {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  const TwoLayerNet<float, LeakyReLU, Softmax> net(2, 3, 3, {.seed = 1, .hidden = {.slope = 0.1 + 0.2}});
  const Matrix<float> X = RandomState(1).randn<float>(2, 40) * 1000;
  const StandardScaler scaler(X);
  const Scaled model(scaler, net);
  io::save(model, path, {.classes = {"red, or so", "\"green\"", "blau \xC3\xBC"}});
  const auto loaded = io::load<Scaled<TwoLayerNet<float, LeakyReLU, Softmax>>>(path);
  CHECK(loaded == model);
  CHECK(loaded.net().layer<0>().activation().slope == 0.1 + 0.2);
  CHECK(loaded.predict(X) == model.predict(X));
  const auto info = io::load_info(path);
  CHECK(info.classes == std::vector<std::string>{"red, or so", "\"green\"", "blau \xC3\xBC"});
  CHECK(info.loss == "categorical_cross_entropy");
  CHECK(info.activations == std::vector<std::string>{"leaky_relu(0.30000000000000004)", "softmax"});
  CHECK(info.version == "0.1.0");
  CHECK(info.means.size() == 2);
  // A scaler must not get lost, nor be invented.
  CHECK(refusal<FileError>([&] { io::load<TwoLayerNet<float, LeakyReLU, Softmax>>(path); }) ==
        "load: " + path.string() +
            ": expected a network without a scaler (load<Scaled<...>> takes one), given shallow.means");
  io::save(net, path);
  CHECK(refusal<FileError>([&] { io::load<Scaled<TwoLayerNet<float, LeakyReLU, Softmax>>>(path); }) ==
        "load: " + path.string() + ": expected a scaler (shallow.means and shallow.scales), given none");
}

TEST_CASE("safetensors: tiny-dnn and frugally-deep lost the slope of Leaky ReLU; here it must match or come along") {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  io::save(Layer<float, LeakyReLU>(2, 2, {.activation = {.slope = 0.2}}), path);
  CHECK(io::load<Layer<float, LeakyReLU>>(path).activation().slope == 0.2);
  const auto any = io::load<DynamicNetwork<float>>(path);
  CHECK(any.output_activation().get<LeakyReLU>()->slope == 0.2);
  CHECK(refusal<FileError>([&] { io::load<DynamicNetwork<float>>(path, {.activations = {LeakyReLU{}}}); }) ==
        "load: " + path.string() + ": expected leaky_relu(0.01) in layer 1, given 'leaky_relu(0.2)'");
}

TEST_CASE(
    "safetensors: MiniDNN took a net of several classes for a binary one; another network is an error that names "
    "both") {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  io::save(TwoLayerNet<float, Tanh, Softmax>(2, 4, 3), path);
  const auto says = [&]<class Net>(std::type_identity<Net>) {
    const std::string text = refusal<FileError>([&] { io::load<Net>(path); });
    return text.substr(std::min(text.size(), ("load: " + path.string() + ": ").size()));
  };
  CHECK(says(std::type_identity<TwoLayerNet<float, Tanh, Sigmoid>>{}) ==
        "expected sigmoid in layer 2, given 'softmax'");
  CHECK(says(std::type_identity<TwoLayerNet<float, ReLU, Softmax>>{}) == "expected relu in layer 1, given 'tanh'");
  CHECK(says(std::type_identity<TwoLayerNet<float, LeakyReLU, Softmax>>{}) ==
        "expected leaky_relu(0.01) in layer 1, given 'tanh'");
  CHECK(says(std::type_identity<TwoLayerNet<float, Tanh, Softmax, 2, 5, 3>>{}) ==
        "expected 5 outputs of layer 1, as the type says, given 4");
  CHECK(says(std::type_identity<TwoLayerNet<float, Tanh, Softmax, 3, 4, 3>>{}) ==
        "expected 3 inputs of layer 1, as the type says, given 2");
  CHECK(says(std::type_identity<Layer<float, Softmax>>{}) == "expected 1 layers, as the type says, given 2");
  CHECK(says(std::type_identity<Network<Layer<float, Tanh>, Layer<float, Tanh>, Layer<float, Softmax>>>{}) ==
        "expected 3 layers, as the type says, given 2");
}

TEST_CASE("safetensors: float32 widens, float64 is rounded only if asked for") {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  const TwoLayerNet<double> wide(2, 4, 1, {.seed = 1});
  io::save(wide, path);
  CHECK(refusal<FileError>([&] { io::load<TwoLayerNet<float>>(path); }) ==
        "load: " + path.string() +
            ": expected F32 in '0.weight' for a float network (or the option round_to_float), given 'F64'");
  const auto rounded = io::load<TwoLayerNet<float>>(path, {.round_to_float = true});
  CHECK(rounded.parameters() == wide.parameters().cast<float>());
  io::save(rounded, path);
  CHECK(io::load<TwoLayerNet<double>>(path).parameters() == rounded.parameters().cast<double>());
}

TEST_CASE("safetensors: a file of another program: layers in the order of their numbers, activations given") {
  const TemporaryFolder folder;
  const std::string header =
      R"({"10.bias":{"dtype":"F32","shape":[1],"data_offsets":[20,24]},"10.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[16,20]},)"
      R"("2.bias":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},"2.weight":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]}}  )";
  const auto path = folder.file("a.safetensors", safetensors(header, std::string(24, '\0')));
  const auto net = io::load<DynamicNetwork<float>>(path, {.activations = {Tanh{}, Sigmoid{}}});
  CHECK(net.n_x() == 3);
  CHECK(net.depth() == 2);
  CHECK(io::load<TwoLayerNet<float>>(path).n_x() == 3);
  CHECK(refused(folder, safetensors(header, std::string(24, '\0'))) ==
        "an activation of layer 1, or one given to load, given none");
  CHECK_THROWS_WITH_AS(io::load<DynamicNetwork<float>>(path, {.activations = {Tanh{}}}),
                       "load: activations: expected 2, one a layer of the file, given 1", ShapeError);
  // They were silently ignored where the type says the activations.
  CHECK_THROWS_WITH_AS(io::load<TwoLayerNet<float>>(path, {.activations = {Tanh{}, Sigmoid{}}}),
                       "load: activations: expected none for a network whose type has them, given 2", ValueError);
}

TEST_CASE("safetensors: the settings of an activation of the user's own came back as they are by default") {
  const TemporaryFolder folder;
  const auto path = folder / "net.safetensors";
  using Net = TwoLayerNet<double, Bent>;
  const Bent bent{.steepness = 1.0 / 3, .bend = -0.1F};
  const Net net(2, 3, 1, {.seed = 1, .hidden = bent});
  io::save(net, path);
  CHECK(io::load<Net>(path) == net);
  CHECK(io::load_info(path).activations[0] == "bent(0.3333333333333333 -0.10000000149011612)");
  const auto any = io::load<DynamicNetwork<double>>(path, {.activations = {bent, Sigmoid{}}});
  CHECK(any.predict(Matrix<double>::Identity(2, 2)) == net.predict(Matrix<double>::Identity(2, 2)));
  io::save(any, path);
  CHECK(io::load<Net>(path) == net);
  // Other settings were taken without a word.
  CHECK(file_refusal("load", path, [&] {
          io::load<DynamicNetwork<double>>(path, {.activations = {Bent{}, Sigmoid{}}});
        }) == "bent(1 0) in layer 1, given 'bent(0.3333333333333333 -0.10000000149011612)'");
  CHECK(file_refusal("load", path, [&] { io::load<TwoLayerNet<double>>(path); }) ==
        "tanh in layer 1, given 'bent(0.3333333333333333 -0.10000000149011612)'");

  for (const char* settings : {"", "1", "1 ", "1 2 3", "1  2", " 1 2", "1 x", "nan 1", "1 inf", "0 1", "1,2"}) {
    CAPTURE(settings);
    std::string text = small_header;
    text.pop_back();
    text.append(R"(,"__metadata__":{"shallow.activations":"bent()").append(settings).append(")\"}}");
    CHECK(refused<Layer<float, Bent>>(folder, safetensors(text, zeros)) ==
          "settings that bent accepts in layer 1, given '" + std::string(settings) + "'");
  }
}

TEST_CASE("safetensors: activations that a file could not bring back were saved") {
  const TemporaryFolder folder;
  const auto path = folder / "net.safetensors";
  const auto message = [&](const auto& net) { return refusal<ValueError>([&] { io::save(net, path); }); };
  const std::string expected =
      "save: activation: expected one with a name (UTF-8, no comma, bracket or control character), and with finite "
      "settings if it holds data, in layer ";
  CHECK(message(TwoLayerNet<double, Secretive>(2, 3, 1)) == expected + "1, given 'secretive'");
  CHECK(message(TwoLayerNet<double, Tanh, user::Softsign>(2, 3, 1)) == expected + "2, given 'custom'");
  CHECK(message(Layer<double, user::Softsign>(2, 3)) == expected + "1, given 'custom'");
  CHECK(message(DynamicNetwork<float>(2, {{3, Tanh{}}, {3, Secretive{}}})) == expected + "2, given 'secretive'");
  for (const char* const name : {"", "a,b", "elu(", ")", "\xFF"}) {
    CAPTURE(std::string(name));
    CHECK(message(Layer<double, Named>(2, 3, {.activation = {{}, name}})) ==
          expected + "1, given '" + std::string(name) + "'");
  }
  CHECK(message(Layer<double, Named>(2, 3, {.activation = {{}, "a\x1B[2J"}})) == expected + "1, given 'a?[2J'");
  const Bent infinite{.steepness = std::numeric_limits<double>::infinity()};
  CHECK(message(Layer<double, Bent>(2, 3, {.activation = infinite})) == expected + "1, given 'bent(inf 0)'");
  io::save(Layer<double, Named>(2, 3, {.activation = {{}, "gr\xC3\xB6\xC3\x9Fte"}}), folder / "utf8");
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("safetensors: what saving refuses") {
  const TemporaryFolder folder;
  TwoLayerNet<float> net(2, 4, 1);
  CHECK_THROWS_WITH_AS(io::save(net, folder / "a", {.classes = {"one"}}),
                       "save: classes: expected 2 names, or none, given 1", ShapeError);
  CHECK_THROWS_WITH_AS(io::save(net, folder / "a", {.loss = "\xE2\x82"}),
                       "save: loss: expected a name in UTF-8, given other bytes", ValueError);
  CHECK_THROWS_WITH_AS(io::save(net, folder / "a", {.loss = std::string(2 << 20, 'x')}),
                       doctest::Contains("save: info: expected a header of at most 1048576 bytes, given "), ValueError);
  net.parameters()(3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(io::save(net, folder / "a"),
                       "save: net: expected finite parameters, given NaN or infinity among them", ValueError);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("safetensors: bad files are refused, and what is said") {
  const TemporaryFolder folder;
  const io::LoadOptions<float> tanh{.activations = {Tanh{}}};
  const auto path = folder.file("good.safetensors", safetensors(small_header, zeros));
  REQUIRE(io::load<DynamicNetwork<float>>(path, tanh).n_x() == 2);
  const std::string good = content_of(path);
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(refused(folder, good.substr(0, size), tanh).find("no refusal") == std::string::npos);
  }
  CHECK(refused(folder, good + "x", tanh) == "the end of the file after 12 bytes of data, given 13");
  CHECK(refused(folder, "1234567") == "a safetensors file of at least 8 bytes, given 7");
  CHECK(refused(folder, std::string(7, '\xFF') + "\x7F") ==
        "a safetensors file, its header of at most 1048576 bytes, given 9223372036854775807");
  CHECK(refused(folder, std::string(8, '\xFF')) ==
        "a safetensors file, its header of at most 1048576 bytes, given 18446744073709551615");
  CHECK(refused(folder, std::string("\x10\0\0\0\0\0\0\0{}", 10)) == "a header of 16 bytes, given 2 (truncated)");

  // The header with something replaced.
  const auto with = [&](const std::string& from, const std::string& to, const std::string& data = zeros) {
    std::string header = small_header;
    const std::size_t at = header.find(from);
    REQUIRE(at != std::string::npos);
    return refused(folder, safetensors(header.replace(at, from.size(), to), data), tanh);
  };
  CHECK(with("[0,8]", "[0,9]") == "as many bytes as the shape of '0.weight' needs, given 9");
  CHECK(with("[0,8]", "[1,8]") == "data_offsets that continue at 0 for '0.weight', given 1");
  CHECK(with("[0,8]", "[8,0]") == "data_offsets that continue at 0 for '0.weight', given 8");
  CHECK(with("[8,12]", "[4,8]") == "data_offsets that continue at 8 for '0.bias', given 4");
  CHECK(with("[8,12]", "[9,13]") == "data_offsets that continue at 8 for '0.bias', given 9");
  CHECK(with("[8,12]", "[8,16]") == "data_offsets within the 12 bytes of data for '0.bias', given 8 to 16");
  CHECK(with("[8,12]", "[8,4]") == "data_offsets within the 12 bytes of data for '0.bias', given 8 to 4");
  CHECK(with("[8,12]", "[8,18446744073709551615]") ==
        "data_offsets within the 12 bytes of data for '0.bias', given 8 to 18446744073709551615");
  CHECK(with("[8,12]", "[8]") == "2 data_offsets, given fewer for tensor '0.bias'");
  CHECK(with("[8,12]", "[8,12,12]") == "2 data_offsets, given more for tensor '0.bias'");
  CHECK(with("[8,12]", "[-8,12]") == "whole numbers >= 0 in the header, given -8");
  CHECK(with("[8,12]", "[8.0,12]") == "whole numbers >= 0 in the header, given '8.0'");
  CHECK(with("[8,12]", "[8,18446744073709551616]") == "whole numbers >= 0 in the header, given '18446744073709551616'");
  CHECK(with("[8,12]", "[8,null]") == "whole numbers >= 0 in the header, given null");
  CHECK(with("[8,12]", "[8,[12]]") == "whole numbers >= 0 in the header, given an array");
  CHECK(with("[8,12]", "{}") ==
        "a string 'dtype' and arrays 'shape' and 'data_offsets', given an object for tensor '0.bias'");
  CHECK(with("[8,12]", "12") ==
        "a string 'dtype' and arrays 'shape' and 'data_offsets', given a number for tensor '0.bias'");
  CHECK(with("[1,2]", "[2,1]") == "2 numbers in '0.bias', one for every row of '0.weight', given 1");
  CHECK(with("[1,2]", "[2]") == "two dimensions >= 1 of '0.weight', given 2");
  CHECK(with("[1,2]", "[]") == "as many bytes as the shape of '0.weight' needs, given 8");
  CHECK(with("[1,2]", "[1,1,1,1,1,1,1,1,2]") == "at most 8 dimensions, given more for tensor '0.weight'");
  CHECK(with("[1,2]", "[9223372036854775807,9223372036854775807]") ==
        "as many bytes as the shape of '0.weight' needs, given 8");
  // 2^63 + 1 times 2 is 2, modulo 2^64.
  CHECK(with("[1,2]", "[9223372036854775809,2]") == "as many bytes as the shape of '0.weight' needs, given 8");
  CHECK(with("[1,2]", "[0,2]") == "as many bytes as the shape of '0.weight' needs, given 8");
  // A shape of no numbers was refused for its bytes, which are as many.
  const auto of_nothing = [&](const std::string& shape) {
    const std::string text = R"({"0.weight":{"dtype":"F32","shape":)" + shape +
                             R"(,"data_offsets":[0,0]},"0.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    return refused(folder, safetensors(text, std::string(4, '\0')), tanh);
  };
  CHECK(of_nothing("[0,2]") == "two dimensions >= 1 of '0.weight', given 0 x 2");
  CHECK(of_nothing("[2,0]") == "two dimensions >= 1 of '0.weight', given 2 x 0");
  CHECK(of_nothing("[9223372036854775809,0]") == "two dimensions >= 1 of '0.weight', given 9223372036854775809 x 0");
  CHECK(with("\"F32\"", "\"F33\"") == "a known 'dtype' for '0.weight', given 'F33'");
  CHECK(with("\"F32\"", "\"I32\"") == "numbers of type F32 or F64 in '0.weight', given 'I32'");
  CHECK(with("\"F32\"", "32") ==
        "a string 'dtype' and arrays 'shape' and 'data_offsets', given a number for tensor '0.weight'");
  CHECK(with("\"F32\"", "[\"F32\"]") ==
        "a string 'dtype' and arrays 'shape' and 'data_offsets', given an array for tensor '0.weight'");
  CHECK(with("\"dtype\":\"F32\",", "") ==
        "'dtype', 'shape' and 'data_offsets' of a tensor, given not all three for tensor '0.weight'");
  CHECK(with("\"dtype\":\"F32\",", "\"dtype\":\"F32\",\"dtype\":\"F32\",") ==
        "every name in the header once, given 'dtype' twice");
  CHECK(with("\"dtype\"", "\"type\"") ==
        "'dtype', 'shape' and 'data_offsets' of a tensor, given 'type' for tensor '0.weight'");
  CHECK(with("0.bias", "0.weight") == "every name in the header once, given '0.weight' twice");
  CHECK(with("0.bias", "1.bias") == "a tensor '0.bias', given '0.weight' alone");
  CHECK(with("0.bias", "bias") == "tensors named as '0.weight' and '0.bias', given 'bias'");
  CHECK(with("0.bias", "-1.bias") == "tensors named as '0.weight' and '0.bias', given '-1.bias'");
  for (const char* name : {"0x.bias", "00.bias", "-0.bias", "+0.bias", " 0.bias", "0 .bias", ".bias", "0", "0.biased",
                           "0.bias.", "0..bias", "0,bias", "1e0.bias", "0.BIAS", "2147483648.bias"}) {
    CHECK(with("0.bias", name) == "tensors named as '0.weight' and '0.bias', given '" + std::string(name) + "'");
  }
  CHECK(with("0.bias", "99999999999.bias") == "tensors named as '0.weight' and '0.bias', given '99999999999.bias'");
  CHECK(with("0.bias", "0.bias\\u0000") == "tensors named as '0.weight' and '0.bias', given '0.bias?'");
  CHECK(with("0.bias", "0.bi\xFFs").find("a header of JSON, given something else at its byte ") == 0);
  CHECK(with("}}", "}").find("a header of JSON, given something else at its byte ") == 0);
  CHECK(with("}}", "}}}").find("a header of JSON, given something else at its byte ") == 0);

  const auto header = [&](const std::string& text, const std::string& data = "") {
    return refused(folder, safetensors(text, data), tanh);
  };
  CHECK(header("{}") == "at least one layer, given no tensors");
  CHECK(header("[]") == "an object as the header, given an array");
  CHECK(header("3") == "an object as the header, given a number");
  CHECK(header("\"a\"") == "an object as the header, given a string");
  CHECK(header("null") == "an object as the header, given null");
  CHECK(header("") == "a header of JSON, given something else at its byte 1");
  CHECK(header("{\"0.weight\":3}") == "an object for every name in the header, given a number");
  CHECK(header("{\"__metadata__\":{\"a\":1}}") == "strings as __metadata__, given a number");
  CHECK(header("{\"__metadata__\":{\"a\":{}}}") == "strings as __metadata__, given an object");
  CHECK(header("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}") == "every name in the header once, given 'a' twice");
  CHECK(header(std::string(1 << 20, '[')) == "an object as the header, given an array");
  CHECK(header("{\"0.weight\":" + std::string(1000, '{')).find("given") != std::string::npos);

  std::string nan = zeros;
  nan.replace(4, 4, std::string_view("\0\0\xC0\x7F", 4));
  CHECK(refused(folder, safetensors(small_header, nan), tanh) ==
        "finite numbers in '0.weight', given NaN or infinity among them");

  const auto metadata = [&](const std::string& key, const std::string& value) {
    std::string text = small_header;
    text.pop_back();
    text += ",\"__metadata__\":{\"" + key + "\":\"" + value + "\"}}";
    return refused(folder, safetensors(text, zeros));
  };
  CHECK(metadata("shallow.activations", "swish") ==
        "a known activation of layer 1, or one given to load, given 'swish'");
  CHECK(metadata("shallow.activations", "tanh, tanh") == "1 shallow.activations, one a layer, given 2");
  // What stands behind the last comma was left out.
  for (const char* const names : {"tanh, ", ", tanh", ", ", "tanh, , tanh"}) {
    CHECK(metadata("shallow.activations", names) ==
          "names separated by ', ' as shallow.activations, given '" + std::string(names) + "'");
  }
  for (const char* slope :
       {"leaky_relu", "leaky_relu()", "leaky_relu(x)", "leaky_relu(-1)", "leaky_relu(inf)", "leaky_relu(1 )"}) {
    CAPTURE(slope);
    CHECK(metadata("shallow.activations", slope).find("settings that leaky_relu accepts in layer 1, given '") == 0);
  }
  CHECK(metadata("shallow.means", "1 x") == "finite numbers separated by spaces as shallow.means, given 'x'");
  CHECK(metadata("shallow.means", "1  2") == "finite numbers separated by spaces as shallow.means, given ''");
  CHECK(metadata("shallow.scales", "nan") == "finite numbers separated by spaces as shallow.scales, given 'nan'");
  CHECK(metadata("shallow.means", "") == "finite numbers separated by spaces as shallow.means, given ''");
  CHECK(metadata("shallow.means", "1 ") == "finite numbers separated by spaces as shallow.means, given ''");
  CHECK(metadata("shallow.classes", "[1]") == "an array of strings as shallow.classes, given '[1]'");
  CHECK(metadata("shallow.classes", "[[") == "an array of strings as shallow.classes, given '[['");
  CHECK(metadata("shallow.classes", "[\\\"a\\\"]\\u0000x") ==
        "an array of strings as shallow.classes, given '[\"a\"]?x'");
}

TEST_CASE("safetensors: files that are not there or cannot be written") {
  const TemporaryFolder folder;
  CHECK(refusal<FileError>([&] { io::load<TwoLayerNet<float>>(folder / "none"); }) ==
        "load: " + (folder / "none").string() + ": expected a safetensors file, given no file of this name");
  CHECK(refusal<FileError>([&] { io::save(TwoLayerNet<float>(2, 4, 1), folder / "nowhere" / "a"); }) ==
        "save: " + (folder / "nowhere" / "a").string() +
            ": expected a file that can be written, given No such file or directory");
  CHECK(refusal<FileError>([&] {
          io::save(TwoLayerNet<float>(2, 4, 1), folder.path());
        }).find("expected a file that can be written, given ") != std::string::npos);
}

TEST_CASE("safetensors: class names that are not UTF-8 left as an exception of the JSON library") {
  const TemporaryFolder folder;
  const TwoLayerNet<float> net(2, 4, 1);
  for (const char* good : {"", "a \"", "~", "\xC2\xA0", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    io::save(net, folder / "a", {.classes = {good, "b"}});
    CHECK(io::load_info(folder / "a").classes[0] == good);
  }
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2g", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xE2\x82g", "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH_AS(io::save(net, folder / "a", {.classes = {"b", bad}}),
                         "save: classes: expected names in UTF-8, given other bytes in name 1", ValueError);
  }
}

namespace {

/// The file of a layer 2 -> 1 with metadata besides.
std::string with_metadata(const std::string& metadata) {
  std::string text = small_header;
  text.pop_back();
  return safetensors(text + ",\"__metadata__\":{" + metadata + "}}", zeros);
}

}  // namespace

TEST_CASE("safetensors: a header ended at a NUL, whatever came behind it") {
  const TemporaryFolder folder;
  const auto says = [&](const std::string& header) {
    return refused<Layer<float, Tanh>>(folder, safetensors(header, zeros));
  };
  const auto at = [](std::size_t byte) {
    return "a header of JSON, given something else at its byte " + std::to_string(byte);
  };
  const std::size_t size = small_header.size();
  const std::string nul(1, '\0');
  CHECK(says(small_header + nul) == at(size + 1));
  CHECK(says(small_header + nul + "rubbish") == at(size + 1));
  CHECK(says(small_header + "   " + nul + "}") == at(size + 4));
  CHECK(says(nul + small_header) == at(1));
  std::string within = small_header;
  within[size - 3] = '\0';
  CHECK(says(within) == at(size - 2));
  // The format's padding is spaces behind it, and it begins with the bracket.
  CHECK(says(small_header + "\n") == at(size + 1));
  CHECK(says(small_header + "  \t ") == at(size + 3));
  CHECK(says(" " + small_header) == at(1));
  CHECK(says("\xEF\xBB\xBF" + small_header) == at(1));
  const auto path = folder.file("good", safetensors(small_header + "     ", zeros));
  CHECK(io::load<Layer<float, Tanh>>(path).n_in() == 2);
}

TEST_CASE("safetensors: of two spellings of a place the last one won") {
  const TemporaryFolder folder;
  for (const char* second : {"00", "-0", "0x"}) {
    CAPTURE(second);
    std::string header = small_header;
    header.pop_back();
    header.append(",\"").append(second).append(R"(.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[12,20]}})");
    CHECK(refused<Layer<float, Tanh>>(folder, safetensors(header, std::string(20, '\0'))) ==
          "tensors named as '0.weight' and '0.bias', given '" + std::string(second) + ".weight'");
  }
}

TEST_CASE(
    "safetensors: layers that do not chain are refused, before their numbers would be written beyond the network") {
  const TemporaryFolder folder;
  const auto file = [](int n_h, int n_in) {
    auto add = [at = 0](const std::string& name, const std::string& shape, int count) mutable {
      std::string text = "\"" + name + R"(":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[)" +
                         std::to_string(at) + "," + std::to_string(at + 4 * count) + "]}";
      at += 4 * count;
      return text;
    };
    std::string header = "{" + add("0.weight", std::to_string(n_h) + ",2", 2 * n_h) + ",";
    header += add("0.bias", std::to_string(n_h), n_h) + ",";
    header += add("2.weight", "1," + std::to_string(n_in), n_in) + "," + add("2.bias", "1", 1) + "}";
    return safetensors(header, std::string(static_cast<std::size_t>(4 * (3 * n_h + n_in + 1)), '\0'));
  };
  CHECK(io::load<TwoLayerNet<float>>(folder.file("good", file(3, 3))).parameter_count() == 13);
  for (const int n_in : {2, 4, 1000}) {
    CAPTURE(n_in);
    const std::string expected =
        "3 inputs of '2.weight', the outputs of the layer before, given " + std::to_string(n_in);
    CHECK(refused<TwoLayerNet<float>>(folder, file(3, n_in)) == expected);
    CHECK(refused<Network<Layer<float, Tanh>, Layer<float, Sigmoid>>>(folder, file(3, n_in)) == expected);
    CHECK(refused(folder, file(3, n_in), {.activations = {Tanh{}, Sigmoid{}}}) == expected);
  }
}

TEST_CASE("safetensors: means without scales, scales without means, and scales that are not > 0 were taken") {
  const TemporaryFolder folder;
  const auto says = [&](const std::string& means, const std::string& scales) {
    std::string text;
    if (!means.empty()) text += "\"shallow.means\":\"" + means + "\"";
    if (!scales.empty()) text += (text.empty() ? "" : ",") + ("\"shallow.scales\":\"" + scales + "\"");
    const std::string bytes = with_metadata(text);
    std::string of_load = refused<Scaled<Layer<float, Tanh>>>(folder, bytes);
    const auto path = folder.file("bad", bytes);
    const std::string of_info = file_refusal("load_info", path, [&] { io::load_info(path); });
    CHECK((of_info == of_load || of_info.starts_with("no refusal")));
    return of_load;
  };
  CHECK(says("1 2", "") == "shallow.scales beside shallow.means, given none");
  CHECK(says("", "1 2") == "shallow.means beside shallow.scales, given none");
  CHECK(says("1 2", "1") == "2 shallow.scales, as many as shallow.means, given 1");
  CHECK(says("1 2 3", "1 2 3") == "2 shallow.means and shallow.scales, given 3");
  CHECK(says("1 2", "1 0") == "shallow.scales > 0, given 0");
  CHECK(says("1 2", "-0.0 1") == "shallow.scales > 0, given -0");
  CHECK(says("1 2", "1 -3") == "shallow.scales > 0, given -3");
  CHECK(says("1 2", "1 inf") == "finite numbers separated by spaces as shallow.scales, given 'inf'");
  CHECK(says("nan 2", "1 1") == "finite numbers separated by spaces as shallow.means, given 'nan'");
  // Beyond the range of float, which only a network of floats knows.
  CHECK(says("1 2", "1 1e-60") == "finite shallow.means, and shallow.scales > 0, given 2 and 0");
  CHECK(says("1 1e60", "1 1") == "finite shallow.means, and shallow.scales > 0, given inf and 1");
  CHECK(says("1 2", "1 1e60") == "finite shallow.means, and shallow.scales > 0, given 2 and inf");
  CHECK(refusal<FileError>([&] {
          io::load<Layer<float, Tanh>>(folder.file("bad", with_metadata(R"("shallow.scales":"1 2")")));
        }).ends_with("shallow.means beside shallow.scales, given none"));
}

TEST_CASE("safetensors: load_info handed out control characters, which steer a terminal") {
  const TemporaryFolder folder;
  const std::string escape = "\\u001b]0;title\\u0007\\u0000\\u009b1m\\u007f ";
  const std::string text = R"("shallow.version":")" + escape + R"(","shallow.loss":")" + escape +
                           R"(","shallow.activations":"tanh, )" + escape + R"(","shallow.classes":"[\"\\u001b[2J\"]")";
  const auto path = folder.file("a", with_metadata(text));
  const auto info = io::load_info(path);
  const std::string shown = "\\u001b]0;title\\u0007\\u0000\\u009b1m\\u007f ";
  CHECK(info.version == shown);
  CHECK(info.loss == shown);
  CHECK(info.activations == std::vector<std::string>{"tanh", shown});
  CHECK(info.classes == std::vector<std::string>{"\\u001b[2J"});

  // And errors have none, wherever the text stood.
  const auto is_clean = [](const std::string& message) {
    return !message.empty() && !shallow::detail::has_controls(message);
  };
  const std::string hostile = "\\u001b[2J\\u009b\\u0007";
  for (const char* from : {"0.bias", "F32", "dtype"}) {
    CAPTURE(from);
    std::string header = small_header;
    header.replace(header.find(from), std::string_view(from).size(), hostile);
    CHECK(is_clean(refused<Layer<float, Tanh>>(folder, safetensors(header, zeros))));
  }
  for (const char* key : {"shallow.activations", "shallow.means", "shallow.scales", "shallow.classes"}) {
    CAPTURE(key);
    const std::string bytes = with_metadata("\"" + std::string(key) + "\":\"" + hostile + "\"");
    CHECK(is_clean(refused<Layer<float, Tanh>>(folder, bytes)));
    CHECK(is_clean(refused(folder, bytes)));
  }
}

TEST_CASE("safetensors: names that load_info could not give back are refused before anything is written") {
  const TemporaryFolder folder;
  const TwoLayerNet<float> net(2, 4, 1);
  for (const auto& pair : {std::pair("a\n", "a\\u000a"), std::pair("\x1B[2J", "\\u001b[2J"),
                           std::pair("\x7F", "\\u007f"), std::pair("\xC2\x9B", "\\u009b")}) {
    const char* const name = pair.first;
    const char* const shown = pair.second;
    CAPTURE(shown);
    const std::string expected = ": expected names without control characters, given '" + std::string(shown) + "'";
    CHECK(refusal<ValueError>([&] {
            io::save(net, folder / "a", {.classes = {"b", name}});
          }) == "save: classes" + expected);
    CHECK(refusal<ValueError>([&] { io::save(net, folder / "a", {.loss = name}); }) == "save: loss" + expected);
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

namespace {

/// A model as the writers know it, in a state that none of the library's gets into any more.
struct Husk {
  using Scalar = double;
  Vector<double> numbers{};
  const Vector<double>& parameters() const { return numbers; }
  Index parameter_count() const { return numbers.size(); }
  Index n_x() const { return 2; }
};

/// Settings of every kind.
struct Counted : user::Softsign {
  static constexpr std::string_view name = "counted";
  std::int64_t count = 1;
  bool flag = false;
  long double exact = 0.5L;
  static constexpr std::tuple settings{&Counted::count, &Counted::flag, &Counted::exact};
  friend bool operator==(const Counted& a, const Counted& b) {
    return a.count == b.count && a.flag == b.flag && a.exact == b.exact;
  }
};

}  // namespace

TEST_CASE("safetensors: what load would refuse of a model was written") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(shallow::detail::check_model("save", Husk{}),
                       "save: net: expected a network with parameters, given one without (it was moved from)",
                       ShapeError);

  // The network in a Scaled is open to change.
  Scaled model(StandardScaler<double>(Vector<double>::Zero(2), Vector<double>::Ones(2)),
               DynamicNetwork<double>(2, {{1, Sigmoid{}}}));
  model.net() = DynamicNetwork<double>(3, {{1, Sigmoid{}}});
  CHECK(refusal<ShapeError>([&] { io::save(model, folder / "a"); }) ==
        "save: scaler: expected 3 features, n_x of the network, given 2");
  CHECK(std::filesystem::is_empty(folder.path()));

  // Means and scales to the ends of the range come back.
  using Limits = std::numeric_limits<double>;
  const Scaled<Layer<double, Sigmoid>> extreme(
      StandardScaler<double>(Vector<double>{{Limits::lowest(), Limits::denorm_min()}},
                             Vector<double>{{Limits::denorm_min(), Limits::max()}}),
      Layer<double, Sigmoid>(2, 1));
  io::save(extreme, folder / "a");
  CHECK(io::load<Scaled<Layer<double, Sigmoid>>>(folder / "a") == extreme);
}

TEST_CASE("safetensors: settings that a double does not hold were saved as others") {
  const TemporaryFolder folder;
  using Net = Layer<float, Counted>;
  const auto net = [](const Counted& g) { return Net(2, 1, {.activation = g}); };
  const Counted good{{}, -9007199254740991, true, static_cast<long double>(-0.1)};
  io::save(net(good), folder / "a");
  CHECK(io::load<Net>(folder / "a") == net(good));
  std::filesystem::remove(folder / "a");
  const std::string expected = "save: activation: expected settings that a double holds in layer 1, given 'counted(";
  for (const Counted& bad :
       {Counted{{}, 9007199254740993, true, 0}, Counted{{}, std::numeric_limits<std::int64_t>::min(), true, 0}}) {
    CHECK(refusal<ValueError>([&] { io::save(net(bad), folder / "a"); }).starts_with(expected));
  }
  if constexpr (std::numeric_limits<long double>::digits > 53) {
    CHECK(refusal<ValueError>([&] { io::save(net({{}, 1, true, 0.1L}), folder / "a"); }).starts_with(expected));
  }
  CHECK(std::filesystem::is_empty(folder.path()));

  // And a file may not say others than the type holds.
  for (const char* settings :
       {"1.5 0 0", "1e300 0 0", "9007199254740992 0 0", "1 2 0", "1 -1 0", "1 0.5 0", "1 1 inf"}) {
    CAPTURE(settings);
    CHECK(refused<Net>(folder, with_metadata("\"shallow.activations\":\"counted(" + std::string(settings) + ")\"")) ==
          "settings that counted accepts in layer 1, given '" + std::string(settings) + "'");
  }
  CHECK(refused<Layer<float, Bent>>(folder, with_metadata("\"shallow.activations\":\"bent(1 1e300)\"")) ==
        "settings that bent accepts in layer 1, given '1 1e300'");
}

TEST_CASE("safetensors: numbers as text come back whatever the rounding mode, on both sides") {
  const TemporaryFolder folder;
  const Vector<double> numbers{{0.1, 1.0 / 3, 1e23, 5e-324, 123456.789}};
  const Scaled<Layer<double, LeakyReLU>> model(StandardScaler<double>(-numbers, numbers),
                                               Layer<double, LeakyReLU>(5, 1, {.activation = {.slope = 0.7}}));
  io::save(model, folder / "nearest");
  const std::string expected = content_of(folder / "nearest");
  std::vector<int> modes{FE_TONEAREST};
#ifdef FE_UPWARD
  modes.push_back(FE_UPWARD);
#endif
#ifdef FE_DOWNWARD
  modes.push_back(FE_DOWNWARD);
#endif
#ifdef FE_TOWARDZERO
  modes.push_back(FE_TOWARDZERO);
#endif
  for (const int mode : modes) {
    std::fesetround(mode);
    io::save(model, folder / "other");
    const auto loaded = io::load<Scaled<Layer<double, LeakyReLU>>>(folder / "other");
    const auto info = io::load_info(folder / "nearest");
    std::fesetround(FE_TONEAREST);
    CAPTURE(mode);
    CHECK(content_of(folder / "other") == expected);
    CHECK(loaded == model);
    CHECK(info.scales == std::vector<double>(numbers.data(), numbers.data() + numbers.size()));
  }
}

TEST_CASE("safetensors: numbers as text come back whatever the locale") {
  const TemporaryFolder folder;
  const Vector<double> numbers{{0.1, 1234567.25}};
  const Scaled<Layer<double, LeakyReLU>> model(StandardScaler<double>(-numbers, numbers),
                                               Layer<double, LeakyReLU>(2, 1, {.activation = {.slope = 0.7}}));
  // A comma as the point, and groups of three digits, in whatever streams and the C library print.
  struct Commas : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Commas));
  const std::string c_before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  }
  io::save(model, folder / "a");
  const auto loaded = io::load<Scaled<Layer<double, LeakyReLU>>>(folder / "a");
  const auto info = io::load_info(folder / "a");
  std::setlocale(LC_ALL, c_before.c_str());
  std::locale::global(before);
  CHECK(loaded == model);
  CHECK(info.activations[0] == "leaky_relu(0.7)");
  CHECK(info.means[1] == -1234567.25);
}
