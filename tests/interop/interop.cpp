// SPDX-License-Identifier: MIT
/// The C++ half of the tests against PyTorch, NumPy and scikit-learn; interop.py is the other half and starts this one.
///
///     interop write FOLDER   random networks, inputs, targets, outputs and gradients, for PyTorch to compare
///     interop read FOLDER    networks and outputs of PyTorch and scikit-learn, to compare here

#include <shallow/io/npy.hpp>
#include <shallow/io/safetensors.hpp>
#include <shallow/shallow.hpp>

#include "../random_network.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace shallow;

constexpr int networks = 50;

template <class T>
void write(const fs::path& folder, int number, RandomState& random) {
  const auto net = random_network<T>(1 + number / 2 % 4, random);
  const Matrix<T> X = random.randn<T>(net.n_x(), 1 + random.below(60));
  // One distribution a column, which every loss takes.
  const Matrix<T> Y = Softmax{}(random.randn<T>(net.n_y(), X.cols())).matrix();

  const fs::path stem = folder / ("ours_" + std::to_string(number));
  const auto file = [&](const char* ending) { return fs::path(stem.string() + ending); };
  io::save(net, file(".safetensors"));
  io::write_npy(file(".X.npy"), X);
  io::write_npy(file(".Y.npy"), Y, io::NpyOrder::rows);
  io::write_npy(file(".A.npy"), net.predict(X));
  const auto gradient = gradients(net, X, Y);
  io::write_npy(file(".gradient.npy"), gradient.parameters);
  io::write_npy(file(".J.npy"), Vector<T>::Constant(1, gradient.loss));
}

/// The largest difference of `given` from `expected`, in units of the largest of `expected`.
template <class T>
double difference(const Matrix<T>& given, const Matrix<T>& expected) {
  if (!given.allFinite() || !expected.allFinite()) return std::numeric_limits<double>::infinity();
  return double((given - expected).cwiseAbs().maxCoeff()) / std::max(1e-30, double(expected.cwiseAbs().maxCoeff()));
}

template <class T>
double read(const fs::path& file) {
  const std::string stem = (file.parent_path() / file.stem()).string();
  const auto net = io::load<DynamicNetwork<T>>(
      file, {.activations = std::vector<AnyActivation<T>>{Tanh{}, LeakyReLU{.slope = 0.25}, Softmax{}}});
  return difference<T>(net.predict(io::read_npy<T>(stem + ".X.npy")), io::read_npy<T>(stem + ".A.npy"));
}

/// scikit-learn's MLPClassifier, whose weights came as .npy files: n_x x n_h and n_h x n_y.
double read_classifier(const fs::path& folder) {
  const auto load = [&](const char* name) { return io::read_npy<double>(folder / name); };
  const Matrix<double> W1 = load("sklearn.W1.npy").transpose(), W2 = load("sklearn.W2.npy").transpose();
  TwoLayerNet<double, ReLU, Softmax> net(W1.cols(), W1.rows(), W2.rows());
  net.layer<0>().weights() = W1;
  net.layer<0>().bias() = load("sklearn.b1.npy");
  net.layer<1>().weights() = W2;
  net.layer<1>().bias() = load("sklearn.b2.npy");
  // A row is a sample there.
  const Matrix<double> A = net.predict(load("sklearn.X.npy").transpose());
  const auto labels = io::read_npy<std::int64_t>(folder / "sklearn.labels.npy");
  for (Index j = 0; j < A.cols(); ++j) {
    Index predicted = 0;
    A.col(j).maxCoeff(&predicted);
    if (predicted != labels(j)) return 1;
  }
  return difference<double>(A, load("sklearn.A.npy").transpose());
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string mode = argc == 3 ? argv[1] : "";
  const fs::path folder = argc == 3 ? argv[2] : "";
  if (mode == "write") {
    RandomState random(1);
    for (int number = 0; number < networks; ++number) {
      if (number % 2 == 0) write<double>(folder, number, random);
      if (number % 2 == 1) write<float>(folder, number, random);
    }
    return 0;
  }
  if (mode == "read") {
    double worst_double = 0, worst_float = 0;
    int files = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("torch_") || !name.ends_with(".safetensors")) continue;
      if (name.find("float64") != std::string::npos) worst_double = std::max(worst_double, read<double>(entry.path()));
      if (name.find("float32") != std::string::npos) worst_float = std::max(worst_float, read<float>(entry.path()));
      ++files;
    }
    const double sklearn = read_classifier(folder);
    std::printf("%d files of PyTorch: outputs differ by %.1e (double), %.1e (float) of the largest\n", files,
                worst_double, worst_float);
    std::printf("scikit-learn's MLPClassifier: same classes, probabilities differ by %.1e\n", sklearn);
    return files == 20 && worst_double <= 1e-12 && worst_float <= 1e-5 && sklearn <= 1e-12 ? 0 : 1;
  }
  std::fputs("interop: expected write FOLDER or read FOLDER\n", stderr);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "interop: %s\n", error.what());
  return 1;
}
