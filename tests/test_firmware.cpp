// SPDX-License-Identifier: MIT
#include "shallow/dynamic_network.hpp"
#include "shallow/io/firmware.hpp"
#include "shallow/layer.hpp"
#include "shallow/network.hpp"
#include "shallow/random.hpp"
#include "shallow/two_layer_net.hpp"

#include "temporary_folder.hpp"
#include "user_types.hpp"
#include <doctest/doctest.h>

#include <cfenv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <locale>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace shallow;

// That what is written compiles without warnings and computes what the library does is tried by the tests `firmware`
// and `firmware_arm`.

namespace {

template <class Model>
std::string written(const Model& model, io::FirmwareOptions options = {}) {
  const TemporaryFolder folder;
  if (options.name.empty()) options.name = "net";
  io::write_firmware(model, folder / "net.hpp", options);
  return content_of(folder / "net.hpp");
}

/// The numbers of the array `name`, read back; all must be literals of type T.
template <class T>
std::vector<T> numbers_of(const std::string& text, const std::string& name) {
  std::size_t at = text.find(" " + name + "[");
  REQUIRE(at != std::string::npos);
  at = text.find("{\n", at) + 2;
  std::string_view rest = std::string_view(text).substr(at, text.find("};", at) - at);
  std::vector<T> numbers;
  while (!rest.empty()) {
    if (rest.starts_with("    // ")) rest.remove_prefix(rest.find('\n'));
    if (rest.front() == ' ' || rest.front() == '\n') {
      rest.remove_prefix(1);
      continue;
    }
    std::string_view literal = rest.substr(0, rest.find(','));
    rest.remove_prefix(literal.size() + 1);
    CAPTURE(literal);
    CHECK(literal.find_first_of(".e") != std::string_view::npos);
    CHECK(literal.ends_with('f') == std::is_same_v<T, float>);
    if (literal.ends_with('f')) literal.remove_suffix(1);
    T number(0);
    CHECK(detail::parse_number(literal, number));
    numbers.push_back(number);
  }
  return numbers;
}

/// Equal to the last bit: zeros of both signs differ.
template <class T, class Numbers>
bool same_bits(const std::vector<T>& given, const Numbers& expected) {
  using shallow::detail::bit_cast;
  using Bits = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;
  if (static_cast<Index>(given.size()) != expected.size()) return false;
  for (Index i = 0; i < expected.size(); ++i) {
    if (bit_cast<Bits>(given[static_cast<std::size_t>(i)]) != bit_cast<Bits>(T(expected(i)))) return false;
  }
  return true;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE_TEMPLATE("firmware: every number comes back to the last bit, weights row after row", T, float, double) {
  using Limits = std::numeric_limits<T>;
  RandomState random(1);
  Layer<T, Tanh> layer(300, 5);
  layer.weights() = random.randn<T>(5, 300).array() * (T(20) * random.randn<T>(5, 300).array()).exp();
  layer.weights().topLeftCorner(5, 2) << T(0), T(-0.0), T(1), T(-1), Limits::max(), Limits::lowest(), Limits::min(),
      Limits::denorm_min(), T(123456), T(1e10);
  layer.bias() << T(0.1), T(1) / 3, Limits::epsilon(), -Limits::denorm_min(), T(-7);
  const Vector<T> means = random.randn<T>(300, 1);
  const Vector<T> scales = random.randn<T>(300, 1).array().abs() + T(0.1);
  const std::string text = written(Scaled(StandardScaler<T>(means, scales), layer));
  const Eigen::Matrix<T, Dynamic, Dynamic, Eigen::RowMajor> rows = layer.weights();
  CHECK(same_bits(numbers_of<T>(text, "weights_1"), Eigen::Map<const Vector<T>>(rows.data(), rows.size())));
  CHECK(same_bits(numbers_of<T>(text, "biases_1"), layer.bias()));
  CHECK(same_bits(numbers_of<T>(text, "means"), means));
  CHECK(same_bits(numbers_of<T>(text, "scales"), scales));
  CHECK(contains(text, "inline constexpr Scalar weights_1[5 * 300] = {\n    // Unit 0\n"));
}

TEST_CASE("firmware: a small net in full, but for the functions that all have") {
  Network<Layer<float, LeakyReLU>, Layer<float, Softmax>> net(
      Layer<float, LeakyReLU>(2, 3, {.activation = {.slope = 0.2}}), Layer<float, Softmax>(3, 2));
  net.parameters() = Vector<float>::LinSpaced(17, -8, 8) / 4.0F;
  const Scaled model(StandardScaler<float>(Vector<float>::Ones(2), Vector<float>::Constant(2, 0.5F)), net);
  const std::string text = written(model, {.name = "flower", .classes = {"red", "blue"}});
  CHECK(text.starts_with("// Written by shallow " + detail::version_text() +
                         R"(. Not to be edited: a net that is trained again is written again.
#pragma once

/// \file
/// A trained neural net:
///
///     2 -> 3 leaky_relu(0.2) -> 2 softmax (float), 17 parameters, behind (x - mean) / scale of each feature
///
/// Use:
///
///     float x[flower::n_x] = {...};
///     float y[flower::n_y];
///     flower::predict(x, y);
///
/// Bytes: 84 of numbers; on the stack 20 of arrays in predict, and what calls save.
/// Needs C++17 and <cmath>; no heap, no exceptions, no RTTI.

#include <cmath>

// Inline: what is in it is named as if it were not. Its name may be that of a function of C, which is then called with
// std:: before it, as the name alone may be either.
inline namespace shallow_firmware {
namespace flower {

/// How many numbers predict reads, and writes.
inline constexpr int n_x = 2;
inline constexpr int n_y = 2;

/// What y[0], y[1], ... stand for.
inline constexpr const char* classes[2] = {
    "red",
    "blue",
};

namespace detail {

using Scalar = float;
inline constexpr Scalar largest = 3.4028235e+38f;
inline constexpr Scalar tiny = 0x1p-80f;

// The mean of each feature, and what it is divided by.
inline constexpr Scalar means[n_x] = {
    1.0f, 1.0f,
};
inline constexpr Scalar scales[n_x] = {
    0.5f, 0.5f,
};

// Layer 1: 2 -> 3, leaky_relu(0.2). A row of the weights belongs to one unit.
inline constexpr Scalar weights_1[3 * 2] = {
    -2.0f, -1.25f,
    -1.75f, -1.0f,
    -1.5f, -0.75f,
};
inline constexpr Scalar biases_1[3] = {
    -0.5f, -0.25f, 0.0f,
};
)"));
  CHECK(text.ends_with(R"(
/// x (n_x numbers) to y (n_y numbers), which must not overlap.
inline void predict(const float* x, float* y) noexcept {
  float odd[3];  // what layers 1, 3, ... give
  float even[2];  // the scaled x, and what layers 2, 4, ... give
  for (int i = 0; i < n_x; ++i) even[i] = detail::scaled(x[i], detail::means[i], detail::scales[i]);
  // Layer 1: 2 -> 3, leaky_relu(0.2)
  detail::dense(detail::weights_1, detail::biases_1, even, 2, odd, 3);
  for (int o = 0; o < 3; ++o) odd[o] = detail::leaky_relu(odd[o], 0.2f);
  // Layer 2: 3 -> 2, softmax
  detail::dense(detail::weights_2, detail::biases_2, odd, 3, y, 2);
  detail::softmax(y, 2);
}

}  // namespace flower
}  // namespace shallow_firmware
)"));
}

TEST_CASE_TEMPLATE("firmware: one text for one net, whatever its type", T, float, double) {
  const TwoLayerNet<T, Tanh, Sigmoid> two(3, 4, 2, {.seed = 1});
  TwoLayerNet<T, Tanh, Sigmoid, 3, 4, 2> fixed;
  Network<Layer<T, Tanh>, Layer<T, Sigmoid>> chain({3, 4, 2});
  DynamicNetwork<T> any(3, {{4, Tanh{}}, {2, Sigmoid{}}});
  fixed.parameters() = chain.parameters() = any.parameters() = two.parameters();
  CHECK(written(fixed) == written(two));
  CHECK(written(chain) == written(two));
  CHECK(written(any) == written(two));
  const Layer<T, Sigmoid> layer(3, 2, {.seed = 1});
  DynamicNetwork<T> single(3, {{2, Sigmoid{}}});
  single.parameters() = layer.parameters();
  CHECK(written(single) == written(layer));
}

TEST_CASE("firmware: only the functions that a net needs, and each once") {
  const auto text = [](const AnyActivation<double>& g) { return written(DynamicNetwork<double>(2, {{2, g}, {2, g}})); };
  for (const std::string_view function : {"Scalar sigmoid(", "Scalar relu(", "Scalar leaky_relu(", "void softmax("}) {
    CAPTURE(function);
    const auto count = [&](const std::string& in) {
      int found = 0;
      for (std::size_t at = in.find(function); at != std::string::npos; at = in.find(function, at + 1)) ++found;
      return found;
    };
    CHECK(count(text(Sigmoid{})) == (function == "Scalar sigmoid(" ? 1 : 0));
    CHECK(count(text(ReLU{})) == (function == "Scalar relu(" ? 1 : 0));
    CHECK(count(text(LeakyReLU{})) == (function == "Scalar leaky_relu(" ? 1 : 0));
    CHECK(count(text(Softmax{})) == (function == "void softmax(" ? 1 : 0));
    CHECK(count(text(Tanh{})) == 0);
    CHECK(count(text(Identity{})) == 0);
  }
  CHECK(contains(text(Tanh{}), "odd[o] = std::tanh(odd[o]);"));
  CHECK(!contains(text(Identity{}), "odd[o] ="));
  // The only #include, and nothing of this library or Eigen.
  CHECK(text(Softmax{}).find("#include") == text(Softmax{}).rfind("#include"));
}

TEST_CASE("firmware: the slope is that of the network, in full; one above 1 may leave the range and is held in it") {
  const auto text = [](double slope) {
    return written(Layer<double, LeakyReLU>(1, 1, {.activation = {.slope = slope}}));
  };
  CHECK(contains(text(0.1 + 0.2), "y[o] = detail::leaky_relu(y[o], 0.30000000000000004);"));
  CHECK(contains(text(0), "y[o] = detail::leaky_relu(y[o], 0.0);"));
  CHECK(contains(text(2), "y[o] = detail::bounded(detail::leaky_relu(y[o], 2.0));"));
  CHECK(contains(written(Layer<float, LeakyReLU>(1, 1, {.activation = {.slope = 0.1 + 0.2}})), "(y[o], 0.3f);"));
}

TEST_CASE(
    "firmware: predict has the values of the widest odd and the widest even layer on the stack, but for the last") {
  const auto text = [](Index n_x, const std::vector<LayerSpec<double>>& layers) {
    return written(DynamicNetwork<double>(n_x, layers));
  };
  const std::string one = text(100, {{3, Tanh{}}});
  CHECK(contains(one, "on the stack 0 of arrays"));
  CHECK(!contains(one, "double odd"));
  CHECK(!contains(one, "double even"));
  const std::string deep = text(100, {{3, Tanh{}}, {9, Tanh{}}, {5, Tanh{}}, {4, Tanh{}}, {50, Tanh{}}});
  CHECK(contains(deep, "  double odd[5];"));
  CHECK(contains(deep, "  double even[9];  // what layers 2, 4, ... give"));
  CHECK(contains(deep, "on the stack 112 of arrays"));
  // Wide layers that are not neighbours, an odd and an even one.
  const std::string apart = text(1, {{100, Tanh{}}, {1, Tanh{}}, {1, Tanh{}}, {90, Tanh{}}, {1, Tanh{}}});
  CHECK(contains(apart, "  double odd[100];"));
  CHECK(contains(apart, "  double even[90];"));
}

TEST_CASE("firmware: names of classes are escaped") {
  const auto literal = [](const std::string& name) {
    const std::string text = written(Layer<float, Softmax>(1, 2), {.classes = {name, "other"}});
    const std::size_t start = text.find("classes[2] = {\n    ") + 19;
    return text.substr(start, text.find(",\n    \"other\",\n};\n", start) - start);
  };
  CHECK(literal("red") == R"("red")");
  CHECK(literal("") == R"("")");
  CHECK(literal("a \"b\" \\ c") == R"("a \"b\" \\ c")");
  CHECK(literal("*/ // %s @{name}") == R"("*/ // %s @{name}")");
  // A digit after an octal number does not become part of it.
  CHECK(literal("\n1\t\x7F" + std::string("\0", 1)) == R"("\0121\011\177\000")");
  CHECK(literal("gr\xC3\xBCn7") == R"("gr\303\274n7")");
  // No trigraph: ??/ would be a backslash.
  CHECK(literal("what" + std::string(4, '?') + "/") == R"("what?\?\?\?/")");
  // Two names for a single output.
  CHECK(contains(written(Layer<float, Sigmoid>(1, 1), {.classes = {"no", "yes"}}),
                 "/// What y[0] <= 0.5 and y[0] > 0.5 stand for.\ninline constexpr const char* classes[2] = {\n"));
  CHECK(!contains(written(Layer<float, Sigmoid>(1, 1)), "classes"));
}

TEST_CASE("firmware: a network of doubles as float code, each number rounded") {
  const TwoLayerNet<double, LeakyReLU, Softmax> wide(3, 4, 2, {.seed = 1, .hidden = {.slope = 0.1}});
  TwoLayerNet<float, LeakyReLU, Softmax> rounded(3, 4, 2, {.hidden = {.slope = 0.1}});
  rounded.parameters() = wide.parameters().cast<float>();
  CHECK(written(wide, {.round_to_float = true}) == written(rounded));
  CHECK(written(rounded, {.round_to_float = true}) == written(rounded));
  CHECK(contains(written(wide), "inline void predict(const double* x, double* y) noexcept {"));
  const StandardScaler<double> scaler(Vector<double>::Constant(3, 0.1), Vector<double>::Constant(3, 1.0 / 3));
  CHECK(numbers_of<float>(written(Scaled(scaler, wide), {.round_to_float = true}), "scales")[2] == 1.0F / 3);
}

TEST_CASE("firmware: what is refused, and that nothing is written then") {
  const TemporaryFolder folder;
  const auto path = folder / "net.hpp";
  TwoLayerNet<double, LeakyReLU, Sigmoid> net(2, 4, 1, {.seed = 1});
  const auto says = [&](const auto& model, const io::FirmwareOptions& options) {
    std::string text = refusal<ValueError>([&] { io::write_firmware(model, path, options); });
    CHECK(!std::filesystem::exists(path));
    return text;
  };

  const std::string not_free =
      "write_firmware: name: expected an identifier that begins as 'flower' or 'Flower' does, and is no keyword, "
      "reserved or a name of C's, given ";
  for (const std::string name :
       {"",         "7up",   "a b", "a-b",   "a::b", "gr\xC3\xBCn", "_net",  "a__b", "class", "float", "and",
        "co_await", "while", "std", "posix", "main", "exp",         "gamma", "y0",   "linux", "net\n"}) {
    CAPTURE(name);
    CHECK(says(net, {.name = name}) == not_free + detail::string_literal(name));
  }
  // Forms of macros and of types of C, and those of either that have none.
  for (const std::string name : {"NAN",         "M_PI",
                                 "M_PIf",       "A",
                                 "B0",          "M_",
                                 "FILE",        "DIR",
                                 "I",           "L_tmpnam",
                                 "size_t",      "my_t",
                                 "u_char",      "uint",
                                 "timeval",     "tm",
                                 "errno",       "signgam",
                                 "stdin",       "math_errhandling",
                                 "random_data", "shallow_firmware"}) {
    CAPTURE(name);
    CHECK(says(net, {.name = name}) == not_free + detail::string_literal(name));
  }
  for (const std::string name : {"a", "Net_2", "standard", "classes", "detail", "predict", "x1_", "Xt", "u", "t",
                                 "mnistCNN", "expf", "random", "signal", "flower"}) {
    CAPTURE(name);
    CHECK(contains(written(net, {.name = name}), "namespace " + name + " {"));
  }

  CHECK(refusal<ValueError>([&] {
          io::write_firmware(net, path, {.name = "net", .classes = {"a", "\xFF"}});
        }) == "write_firmware: classes: expected names in UTF-8, given other bytes in name 1");
  CHECK(refusal<ShapeError>([&] { io::write_firmware(net, path, {.name = "net", .classes = {"one"}}); }) ==
        "write_firmware: classes: expected 2 names, or none, given 1");
  CHECK(!std::filesystem::exists(path));

  const io::FirmwareOptions as_float{.name = "net", .round_to_float = true};
  net.parameters()(3) = -1e39;
  CHECK(contains(written(net), "-1e+39"));
  CHECK(says(net, as_float) == "write_firmware: net: expected numbers within the range of float, given -1e+39");
  // Half a step above the largest float, and so to be rounded to infinity.
  net.parameters()(3) = 3.4028235677973366e38;
  CHECK(says(net, as_float) ==
        "write_firmware: net: expected numbers within the range of float, given 3.4028235677973366e+38");
  net.parameters()(3) = 1e-300;
  CHECK(numbers_of<float>(written(net, as_float), "weights_1")[6] == 0);
  net.parameters()(3) = std::numeric_limits<double>::infinity();
  CHECK(says(net, {.name = "net"}) ==
        "write_firmware: net: expected finite parameters, given NaN or infinity among them");
  net.parameters()(3) = std::numeric_limits<double>::quiet_NaN();
  CHECK(says(net, {.name = "net"}) ==
        "write_firmware: net: expected finite parameters, given NaN or infinity among them");
  net.parameters()(3) = 0;

  const auto scaled = [&](double mean, double scale) {
    return Scaled(StandardScaler<double>(Vector<double>::Constant(2, mean), Vector<double>::Constant(2, scale)), net);
  };
  CHECK(says(scaled(1e40, 1), as_float) ==
        "write_firmware: means: expected numbers within the range of float, given 1e+40");
  CHECK(says(scaled(0, 1e40), as_float) ==
        "write_firmware: scales: expected numbers within the range of float, given 1e+40");
  CHECK(says(scaled(0, 1e-50), as_float) ==
        "write_firmware: scales: expected numbers > 0 within the range of float, given 1e-50");
  CHECK(contains(written(scaled(0, 1e-50)), "1e-50"));

  // Whatever the type: a scaler that was not made for this network, and more numbers than an int counts.
  Scaled other(StandardScaler<double>(Vector<double>::Zero(2), Vector<double>::Ones(2)),
               DynamicNetwork<double>(2, {{1, Sigmoid{}}}));
  other.net() = DynamicNetwork<double>(3, {{1, Sigmoid{}}});
  CHECK(refusal<ShapeError>([&] { io::write_firmware(other, path, {.name = "net"}); }) ==
        "write_firmware: scaler: expected 3 features, n_x of the network, given 2");
  CHECK(!std::filesystem::exists(path));
  detail::check_firmware_size(2147483647);
  CHECK_THROWS_WITH_AS(detail::check_firmware_size(Index(2147483647) + 1),
                       "write_firmware: net: expected fewer than 2^31 parameters, given 2147483648", ValueError);

  const Layer<float, LeakyReLU> steep(1, 1, {.activation = {.slope = 1e39}});
  CHECK(says(steep, {.name = "net"}) ==
        "write_firmware: slope: expected numbers within the range of float, given 1e+39");

  const std::string known =
      "write_firmware: activation: expected sigmoid, tanh, relu, leaky_relu, identity or softmax of this "
      "library in layer ";
  CHECK(says(Layer<float, user::Softsign>(1, 1), {.name = "net"}) == known + "1, given 'custom'");
  CHECK(says(DynamicNetwork<double>(1, {{1, Tanh{}}, {1, user::Softsign{}}}), {.name = "net"}) ==
        known + "2, given 'custom'");
}

TEST_CASE("firmware: one text, whatever the rounding mode and the locale") {
  TwoLayerNet<double, LeakyReLU, Sigmoid> net(2, 4, 1, {.seed = 1, .hidden = {.slope = 0.7}});
  net.parameters()(3) = 1234567.25;
  const std::string expected = written(net);
  struct Commas : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Commas));
  const std::string in_commas = written(net);
  std::locale::global(before);
  CHECK(in_commas == expected);
#ifdef FE_UPWARD
  std::fesetround(FE_UPWARD);
  const std::string upwards = written(net);
  std::fesetround(FE_TONEAREST);
  CHECK(upwards == expected);
#endif
}

TEST_CASE("firmware: an old file is replaced; where none can be written, the error says why") {
  const TemporaryFolder folder;
  const Layer<float, Tanh> net(1, 1);
  const auto path = folder.file("net.hpp", "old");
  io::write_firmware(net, path, {.name = "net"});
  CHECK(content_of(path).starts_with("// Written by shallow "));
  CHECK(refusal<FileError>([&] { io::write_firmware(net, folder / "nowhere" / "a", {.name = "net"}); }) ==
        "write_firmware: " + (folder / "nowhere" / "a").string() +
            ": expected a file that can be written, given No such file or directory");
}
