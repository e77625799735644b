// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The workloads that every contender runs, and how it reports: one process, one measurement.
///
///     contender list           prints the cases it runs, one "case variant" a line
///     contender CASE VARIANT   runs one and prints "seconds=... check=..." (check=none where
///                              the mathematics cannot be the same)
///
/// The cases, of what one is timed, and the check:
///
///     W1          2-4-1 tanh/sigmoid: full batch gradient descent at rate 1.2 on the flower's 400 samples, 10,000
///                 iterations; one iteration; J afterwards
///     W2/32, W2/128, W2/1024, W2/full
///                 784-128-10 ReLU/softmax: an epoch of plain SGD at rate 0.1 over the 60,000 images of Fashion-MNIST,
///                 gathered batch by batch in the order RandomState(0).permutation(60000); one epoch; mean
///                 cross-entropy of the first 1,000 images afterwards
///     W3/narrow   2-4-1 tanh/sigmoid, one sample a call, x(0) of the next call being the last output; one call; the
///                 last output
///     W3/wide     784-128-10 ReLU/softmax, the same, beginning with the first image; one call; the first number of the
///                 last output
///     W3/batch    784-128-10 ReLU/softmax, the first 10,000 images in one call; one sample; mean of the first output
///     W4          8-64-64-1 tanh/tanh/linear: 3 epochs of Adam (0.001), squared error, 20,000 samples in batches of 64
///                 in the order of RandomState(0).permutation(20000), drawn anew every epoch; one epoch; mean squared
///                 error of all samples afterwards
///     W5          4-32-16-4 tanh/tanh/linear: 100 full-batch epochs of Adam (0.0003), squared error, 10,000 samples;
///                 one epoch; mean squared error afterwards
///
/// Every start is W[l] = randn(n_l, n_{l-1}) * s_l, drawn layer after layer from one RandomState, b = 0; squared errors
/// are summed over the outputs and averaged over the samples, without a factor 1/2. The Python contenders draw the same
/// numbers from numpy.random.RandomState (workloads.py).

#include <shallow/datasets.hpp>
#include <shallow/io/idx.hpp>
#include <shallow/random.hpp>
#include <shallow/types.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace workloads {

using shallow::Index;
using shallow::Matrix;

/// W[1], W[2], ...; the biases begin at zero.
template <class T>
std::vector<Matrix<T>> start(std::uint32_t seed, const std::vector<Index>& widths, const std::vector<double>& scales) {
  shallow::RandomState random(seed);
  std::vector<Matrix<T>> weights;
  for (std::size_t l = 1; l < widths.size(); ++l) {
    const Matrix<double> drawn = random.randn(widths[l], widths[l - 1]);
    weights.push_back((drawn * scales[l - 1]).template cast<T>());
  }
  return weights;
}

template <class T>
struct Samples {
  Matrix<T> X;             ///< n_x x m
  Matrix<T> Y;             ///< n_y x m, for classes one-hot
  Eigen::VectorXi labels;  ///< of W2
};

struct W1 {
  static constexpr Index iterations = 10'000;
  static constexpr double learning_rate = 1.2;
  template <class T>
  static std::vector<Matrix<T>> start() {
    return workloads::start<T>(2, {2, 4, 1}, {0.01, 0.01});
  }
  template <class T>
  static Samples<T> samples() {
    auto flower = shallow::datasets::flower<T>();
    return {std::move(flower.X), std::move(flower.Y), {}};
  }
};

struct W2 {
  static constexpr double learning_rate = 0.1;
  static constexpr Index m = 60'000;
  static constexpr Index checked = 1'000;
  template <class T>
  static std::vector<Matrix<T>> start() {
    return workloads::start<T>(1, {784, 128, 10}, {std::sqrt(2.0 / 784), std::sqrt(1.0 / 128)});
  }
  /// Fashion-MNIST, pixel / 255, with labels and one-hot columns.
  template <class T>
  static Samples<T> samples() {
    const std::string folder = "/usr/share/datasets/fashion-mnist/";
    Samples<T> s;
    s.X = shallow::io::read_idx_images<T>(folder + "train-images-idx3-ubyte.gz");
    s.labels = shallow::io::read_idx_labels(folder + "train-labels-idx1-ubyte.gz").transpose();
    s.Y = Matrix<T>::Zero(10, m);
    for (Index j = 0; j < m; ++j) s.Y(s.labels(j), j) = 1;
    return s;
  }
  static std::vector<Index> order() { return shallow::RandomState(0).permutation(m); }
  /// "W2/32" -> 32, "W2/full" -> 60,000.
  static Index batch_size(const std::string& name) {
    const std::string text = name.substr(3);
    return text == "full" ? m : std::stol(text);
  }
  /// Mean cross-entropy of probabilities A (10 x `checked`) for the first images.
  template <class A>
  static double check(const A& a, const Eigen::VectorXi& labels) {
    double sum = 0;
    for (Index j = 0; j < checked; ++j) sum -= std::log(double(a(labels(j), j)));
    return sum / double(checked);
  }
};

struct W3 {
  static constexpr double first_x[] = {0.5, -0.25};  ///< of W3/narrow
  static constexpr Index narrow_calls = 1'000'000;   ///< a contender that needs microseconds a call may do fewer,
  static constexpr Index wide_calls = 20'000;        ///< the output has settled long before
  static constexpr Index batch = 10'000;
  template <class T>
  static std::vector<Matrix<T>> narrow_start() {
    return workloads::start<T>(2, {2, 4, 1}, {1, 1});
  }
};

struct W4 {
  static constexpr Index m = 20'000, batch_size = 64, epochs = 3;
  static constexpr double learning_rate = 0.001;
  template <class T>
  static std::vector<Matrix<T>> start() {
    return workloads::start<T>(1, {8, 64, 64, 1}, {std::sqrt(1.0 / 8), 0.125, 0.125});
  }
  /// X normal, y = sin(sum of x).
  template <class T>
  static Samples<T> samples() {
    const Matrix<double> X = shallow::RandomState(4).randn(8, m);
    const Matrix<double> Y = X.colwise().sum().array().sin().matrix();
    return {X.cast<T>(), Y.cast<T>(), {}};
  }
};

struct W5 {
  static constexpr Index m = 10'000, epochs = 100;
  static constexpr double learning_rate = 0.0003;
  template <class T>
  static std::vector<Matrix<T>> start() {
    return workloads::start<T>(1, {4, 32, 16, 4}, {0.5, std::sqrt(1.0 / 32), 0.25});
  }
  /// X normal, y_i = sin(x_i + x_{i+1}), the last with the first.
  template <class T>
  static Samples<T> samples() {
    const Matrix<double> X = shallow::RandomState(5).randn(4, m);
    Matrix<double> Y(4, m);
    for (Index i = 0; i < 4; ++i) Y.row(i) = (X.row(i) + X.row((i + 1) % 4)).array().sin().matrix();
    return {X.cast<T>(), Y.cast<T>(), {}};
  }
};

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Seconds of f(), the least of ten.
template <class F>
double fastest(F&& f) {
  double best = seconds(f);
  for (int i = 1; i < 10; ++i) best = std::min(best, seconds(f));
  return best;
}

struct Result {
  double seconds = 0;                ///< of one unit, see the list above
  std::optional<double> check = {};  ///< nothing where the mathematics is not the workload's
};

/// Runs the case of this name.
using Run = Result (*)(const std::string& name);

struct Case {
  std::string name;
  std::string variant;
  Run run;
};

/// What a contender has for each workload.
struct Runs {
  Run w1 = nullptr, w2 = nullptr, w3_narrow = nullptr, w3_wide = nullptr, w3_batch = nullptr, w4 = nullptr,
      w5 = nullptr;
};

/// Adds the cases of those workloads that there is a run for.
inline void add(std::vector<Case>& cases, const std::string& variant, const Runs& runs) {
  const auto add_if = [&](const char* name, Run run) {
    if (run) cases.push_back({name, variant, run});
  };
  add_if("W1", runs.w1);
  for (const char* name : {"W2/32", "W2/128", "W2/1024", "W2/full"}) add_if(name, runs.w2);
  add_if("W3/narrow", runs.w3_narrow);
  add_if("W3/wide", runs.w3_wide);
  add_if("W3/batch", runs.w3_batch);
  add_if("W4", runs.w4);
  add_if("W5", runs.w5);
}

inline int contender(int argc, char** argv, const std::vector<Case>& cases) {
  if (argc == 2 && argv[1] == std::string("list")) {
    for (const Case& c : cases) std::printf("%s %s\n", c.name.c_str(), c.variant.c_str());
    return 0;
  }
  for (const Case& c : cases) {
    if (argc == 3 && c.name == argv[1] && c.variant == argv[2]) {
      const Result result = c.run(c.name);
      std::printf("seconds=%.9g ", result.seconds);
      result.check ? std::printf("check=%.9g\n", *result.check) : std::printf("check=none\n");
      return 0;
    }
  }
  std::fprintf(stderr, "usage: %s list | CASE VARIANT, one of the lines that list prints\n", argv[0]);
  return 2;
}

}  // namespace workloads
