// SPDX-License-Identifier: MIT
/// The library's half of the tests of written firmware; host.hpp and target.cpp are the other.
///
///     firmware nets FOLDER      random networks as headers, translation units that call them, samples and outputs
///     firmware arm FOLDER       the two networks that the page on model files measures, and samples for them
///     firmware compare FOLDER   what an ARM processor made of those samples, against the library
///     firmware names FOLDER     of the identifiers in names.txt, those that are taken as names, as headers in
///     names.cpp

#include <shallow/io/firmware.hpp>
#include <shallow/shallow.hpp>

#include "../random_network.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace shallow;

constexpr int networks = 160;
constexpr int batches = 4;
constexpr Index samples = 32;
constexpr Index extremes = 16;

/// A file of bare numbers.
class Numbers {
 public:
  explicit Numbers(const fs::path& path) : file_(path, std::ios::binary) {}
  template <class T>
  void write(const Matrix<T>& numbers) {
    file_.write(reinterpret_cast<const char*>(numbers.data()),
                static_cast<std::streamsize>(static_cast<std::size_t>(numbers.size()) * sizeof(T)));
    if (!file_) throw std::runtime_error("cannot write the numbers");
  }

 private:
  std::ofstream file_;
};

void write_text(const fs::path& path, const std::string& text) { detail::write_file("firmware", path, {text}); }

/// Finite numbers of every size.
template <class T>
Matrix<T> extreme(Index rows, Index cols, RandomState& random) {
  using Limits = std::numeric_limits<T>;
  const T choice[] = {Limits::max(),
                      Limits::lowest(),
                      Limits::max() / 3,
                      -Limits::max() / 100,
                      Limits::min(),
                      Limits::denorm_min(),
                      T(0),
                      T(-1)};
  Matrix<T> x(rows, cols);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = choice[random.below(8)];
  return x;
}

/// What a host program needs of a network: its header, its call, samples with outputs, and samples of any size.
class Batches {
 public:
  explicit Batches(const fs::path& folder) : folder_(folder), numbers_(folder / "numbers.bin") {}

  /// `model` as it is written, and `reference`, whose outputs it must have.
  template <class Model, class Reference>
  void add(const Model& model, const Reference& reference, const io::FirmwareOptions& options, RandomState& random) {
    using T = typename Reference::Scalar;
    const Matrix<T> X = random.randn<T>(model.n_x(), samples);
    add(model, X, reference.predict(X), options, random);
  }
  template <class Model, class T>
  void add(const Model& model, const Matrix<T>& X, const Matrix<T>& A, io::FirmwareOptions options,
           RandomState& random) {
    options.name = detail::numbered("net_", count_);
    io::write_firmware(model, folder_ / (options.name + ".hpp"), options);
    const Matrix<T> large = extreme<T>(model.n_x(), extremes, random);
    numbers_.write<T>(X);
    numbers_.write<T>(A);
    numbers_.write<T>(large);
    const int batch = count_++ * batches / networks;
    std::string& includes = includes_[batch];
    std::string& calls = calls_[batch];
    includes += "#include \"" + options.name + ".hpp\"\n";
    calls += "  check(\"" + options.name + "\", " + options.name + "::n_x, " + options.name + "::n_y, " +
             std::to_string(X.cols()) + ", " + std::to_string(large.cols()) + ", " + options.name +
             "::predict, numbers, worst);\n";
  }
  int count() const { return count_; }

  void write() const {
    std::string declarations = "#include \"host.hpp\"\n";
    std::string calls;
    for (int batch = 0; batch < batches; ++batch) {
      const std::string name = detail::numbered("batch_", batch);
      const std::string head = "void " + name + "(std::FILE* numbers, Worst& worst)";
      std::string text = "#include \"host.hpp\"\n";
      text.append(includes_[batch]).append(head).append(";\n").append(head).append(" {\n");
      write_text(folder_ / (name + ".cpp"), text.append(calls_[batch]).append("}\n"));
      declarations += head + ";\n";
      calls += "  " + name + "(numbers, worst);\n";
    }
    // Some of the headers a second time, as a program of several translation units would have them.
    write_text(folder_ / "main.cpp", declarations + includes_[0] +
                                         "int main(int, char** argv) {\n"
                                         "  Worst worst;\n"
                                         "  std::FILE* const numbers = std::fopen(argv[1], \"rb\");\n"
                                         "  if (numbers == nullptr) return 1;\n" +
                                         calls +
                                         "  if (std::fgetc(numbers) != EOF) return 1;\n"
                                         "  float y[net_0::n_y];\n"
                                         "  const float x[net_0::n_x] = {};\n"
                                         "  net_0::predict(x, y);\n"
                                         "  return worst.verdict();\n}\n");
  }

 private:
  fs::path folder_;
  Numbers numbers_;
  std::string includes_[batches];
  std::string calls_[batches];
  int count_ = 0;
};

template <class T, class Net>
auto scaled(const Net& net, RandomState& random) {
  const Vector<T> means = random.randn<T>(net.n_x(), 1);
  const Vector<T> scales = random.randn<T>(net.n_x(), 1).array().abs() + T(0.1);
  return Scaled<Net>(StandardScaler<T>(means, scales), net);
}

/// A network of doubles written as float code: it has the outputs of the network whose numbers were rounded.
void add_rounded(Batches& out, Index depth, RandomState& random) {
  const auto net = random_network<double>(depth, random);
  out.add(net, converted<float>(net), {.round_to_float = true}, random);
}

/// Sums beyond the range, and sums back in it whose parts are beyond: expected is what a wider type says, or the
/// largest number.
void add_large(Batches& out, RandomState& random) {
  Layer<float, Identity> layer(3, 6);
  layer.weights() << 5, 5, 0, 1, 1, 1, 1e30F, 1e30F, 0, -1e30F, 0, 0, 3e38F, -3e38F, 1, 0.5F, -2, 0;
  layer.bias() << 1, 2, 3, 4, 5, 6;
  const Matrix<float> X = 1e38F * random.randn<float>(3, samples).cwiseMin(3).cwiseMax(-3);
  const Matrix<double> Z =
      (layer.weights().cast<double>() * X.cast<double>()).colwise() + Vector<double>(layer.bias().cast<double>());
  const auto largest = static_cast<double>(std::numeric_limits<float>::max());
  out.add(layer, X, Matrix<float>(Z.cwiseMin(largest).cwiseMax(-largest).cast<float>()), {}, random);
}

void write_networks(const fs::path& folder) {
  RandomState random(1);
  Batches out(folder);
  const auto add = [&]<class Net>(const Net& net, bool with_scaler) {
    if (!with_scaler) return out.add(net, net, {}, random);
    const auto model = scaled<typename Net::Scalar>(net, random);
    out.add(model, model, {}, random);
  };
  // Every kind of network.
  add(Layer<float, Sigmoid>(7, 1, {.seed = 1}), false);
  add(Layer<double, LeakyReLU>(3, 5, {.seed = 2, .activation = {.slope = 1.0 / 3}}), true);
  add(TwoLayerNet<float, Tanh, Sigmoid, 2, 4, 1>({.seed = 3, .initializer = Initializer::glorot()}), true);
  add(TwoLayerNet<double, LeakyReLU, Softmax>(2, 9, 4, {.seed = 4, .initializer = Initializer::glorot()}), false);
  add(Network<Layer<float, ReLU>, Layer<float, Identity>, Layer<float, Tanh>>({5, 17, 3, 2}, {.seed = 5}), true);
  add_large(out, random);
  for (Index depth = 1; depth <= 4; ++depth) add_rounded(out, depth, random);
  for (int number = 0; out.count() < networks; ++number) {
    const Index depth = 1 + number % 4;
    const bool with_scaler = number / 4 % 2 == 1;
    if (number / 8 % 2 == 0) add(random_network<float>(depth, random), with_scaler);
    if (number / 8 % 2 == 1) add(random_network<double>(depth, random), with_scaler);
  }
  out.write();
}

// ---- The two networks for ARM
// ----------------------------------------------------------------------------------------

TwoLayerNet<float, Tanh, Sigmoid> small() {
  const auto flower = datasets::flower<float>();
  TwoLayerNet<float, Tanh, Sigmoid> net(2, 4, 1, {.seed = 2});
  fit(net, flower.X, flower.Y, GradientDescent{.learning_rate = 1.2}, {.epochs = 1'000});
  return net;
}
TwoLayerNet<float, ReLU, Softmax> wide() {
  return TwoLayerNet<float, ReLU, Softmax>(784, 32, 10, {.seed = 1, .initializer = Initializer::he()});
}
Matrix<float> small_samples() { return datasets::flower<float>().X.leftCols(samples); }
/// Numbers between 0 and 1, as of pixels.
Matrix<float> wide_samples() { return RandomState(2).randn<float>(784, samples).cwiseAbs().cwiseMin(1); }

std::string array_text(const std::string& name, const Matrix<float>& values) {
  std::string text = "inline constexpr float " + name + "[] = {\n";
  for (Index i = 0; i < values.size(); ++i) text += detail::number_literal(values.data()[i]) + ",\n";
  return text + "};\n";
}

void write_arm(const fs::path& folder) {
  io::write_firmware(small(), folder / "small.hpp", {.name = "small", .classes = {"red", "blue"}});
  io::write_firmware(wide(), folder / "wide.hpp", {.name = "wide"});
  for (const std::string name : {"small", "wide"}) {
    const std::string head = "extern \"C\" void predict_" + name + "(const float* x, float* y)";
    std::string text = "#include \"" + name + ".hpp\"\n";
    text.append(head).append(";\n").append(head).append(" { ").append(name).append("::predict(x, y); }\n");
    write_text(folder / (name + ".cpp"), text);
  }
  write_text(folder / "samples.hpp",
             array_text("small_samples", small_samples()) + array_text("wide_samples", wide_samples()));
}

/// Behind the headers that names.cpp includes, a network under every name that is taken, each with a call.
void write_names(const fs::path& folder) {
  const Layer<float, Sigmoid> net(1, 1);
  std::ifstream list(folder / "names.txt");
  std::string text = "#include \"before.hpp\"\n";
  int taken = 0, refused = 0;
  for (std::string name; std::getline(list, name);) {
    std::string header;
    try {
      header = detail::firmware_text(net, {.name = name});
    } catch (const ValueError&) {
      ++refused;
      continue;
    }
    ++taken;
    // Each header is a file of its own elsewhere.
    const std::string once = "#pragma once\n";
    header.erase(header.find(once), once.size());
    text.append(header).append("namespace program {\ninline void call_").append(std::to_string(taken));
    text.append("(const float* x, float* y) { ").append(name).append("::predict(x, y); }\n}\n");
  }
  write_text(folder / "names.cpp", text);
  std::printf("%d names taken, %d refused\n", taken, refused);
}

/// The largest difference of the numbers in `file` from `expected`, in units of the largest of `expected`.
double difference(std::ifstream& file, const Matrix<float>& expected) {
  Matrix<float> given(expected.rows(), expected.cols());
  file.read(reinterpret_cast<char*>(given.data()),
            static_cast<std::streamsize>(static_cast<std::size_t>(given.size()) * sizeof(float)));
  if (!file) throw std::runtime_error("fewer outputs than expected");
  if (!given.allFinite()) throw std::runtime_error("NaN or infinity among the outputs");
  return double((given - expected).cwiseAbs().maxCoeff()) / double(expected.cwiseAbs().maxCoeff());
}

bool compare_arm(const fs::path& folder) {
  std::ifstream file(folder / "outputs.bin", std::ios::binary);
  const double of_small = difference(file, small().predict(small_samples()));
  const double of_wide = difference(file, wide().predict(wide_samples()));
  std::printf("outputs differ by at most %.1e (2-4-1) and %.1e (784-32-10) of the largest\n", of_small, of_wide);
  return of_small <= 1e-6 && of_wide <= 1e-6;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  const fs::path folder = argc == 3 ? argv[2] : "";
  if (mode == "nets") {
    write_networks(folder);
    return 0;
  }
  if (mode == "arm") {
    write_arm(folder);
    return 0;
  }
  if (mode == "names") {
    write_names(folder);
    return 0;
  }
  if (mode == "compare") return compare_arm(folder) ? 0 : 1;
  std::fputs("firmware: expected nets FOLDER, arm FOLDER, compare FOLDER or names FOLDER\n", stderr);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "firmware: %s\n", error.what());
  return 1;
}
