// SPDX-License-Identifier: MIT
/// onnx FOLDER: random networks as ONNX models, raw or Scaled, with inputs and outputs, for ONNX Runtime (onnx.mjs) to
/// compute the same and for ONNX's own checker (onnx_checker.py).

#include <shallow/io/npy.hpp>
#include <shallow/io/onnx.hpp>
#include <shallow/shallow.hpp>

#include "../random_network.hpp"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

namespace {

using namespace shallow;

/// A network of type T, and its model with numbers of type Written.
template <class T, class Written>
void write(const std::filesystem::path& folder, int number, RandomState& random) {
  const auto net = random_network<T>(1 + number / 2 % 4, random);
  const bool scaled = number % 2 == 1;
  Matrix<T> X = random.randn<T>(net.n_x(), 1 + random.below(60));
  if (scaled) X = (T(20) * X.array() + T(100)).matrix();
  const StandardScaler<T> scaler(X);
  const std::string stem = (folder / (std::string(sizeof(Written) == 4 ? "float32_" : "float64_") +
                                      std::to_string(number) + (sizeof(T) == sizeof(Written) ? "" : "_rounded")))
                               .string();
  const io::OnnxOptions options{.round_to_float = sizeof(Written) < sizeof(T)};
  if (scaled) {
    io::write_onnx(Scaled(scaler, net), stem + ".onnx", options);
  } else {
    io::write_onnx(net, stem + ".onnx", options);
  }
  const Matrix<T> A = net.predict(scaled ? scaler.transform(X) : X);
  io::write_npy(stem + ".X.npy", X.template cast<Written>());
  io::write_npy(stem + ".A.npy", A.template cast<Written>());
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fputs("onnx: expected FOLDER\n", stderr);
    return 2;
  }
  RandomState random(3);
  for (int number = 0; number < 100; ++number) write<float, float>(argv[1], number, random);
  for (int number = 100; number < 140; ++number) write<double, double>(argv[1], number, random);
  for (int number = 140; number < 160; ++number) write<double, float>(argv[1], number, random);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "onnx: %s\n", error.what());
  return 1;
}
