// SPDX-License-Identifier: MIT
//
// The same on every processor: what an x86-64 wrote and trained stands in tests/reference. Every processor, whatever
// the order of its bytes, writes the same files byte for byte and reads these; and trains from the same seed to the
// same parameters, to rounding. To write the files anew: shallow_tests --no-skip --test-case="portable: write*"
#include "shallow/io/checkpoint.hpp"
#include "shallow/io/csv.hpp"
#include "shallow/io/npy.hpp"
#include "shallow/io/safetensors.hpp"
#include "shallow/shallow.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

using namespace shallow;

namespace {

const std::filesystem::path reference = SHALLOW_REFERENCE;

/// Uniform numbers between -1 and 1: the same bits everywhere, as nothing is rounded on the way.
template <class T>
Matrix<T> uniform(Index rows, Index cols, std::uint32_t seed) {
  RandomState random(seed);
  Matrix<T> numbers(rows, cols);
  for (Index j = 0; j < cols; ++j) {
    for (Index i = 0; i < rows; ++i) numbers(i, j) = T(std::floor(random.uniform() * 1024) / 512 - 1);
  }
  return numbers;
}

/// A network whose parameters no rounding has touched.
template <class T>
DynamicNetwork<T> exact_net() {
  DynamicNetwork<T> net(3, {{5, LeakyReLU{.slope = 0.25}}, {9, Tanh{}}, {4, Softmax{}}});
  net.parameters() = uniform<T>(net.parameter_count(), 1, 1);
  return net;
}

/// Numbers of all kinds that have one representation.
template <class T>
Matrix<T> exact_numbers() {
  using Limits = std::numeric_limits<T>;
  Matrix<T> numbers(3, 4);
  numbers << T(0), T(-0.0), T(1), T(-1.5), Limits::max(), Limits::min(), Limits::lowest(), Limits::epsilon(), T(0.1),
      T(1) / T(3), T(100000), T(-123456.75);
  return numbers;
}

template <class T>
std::string with_type(const char* name, const char* ending) {
  return std::string(name) + (sizeof(T) == 4 ? ".float." : ".double.") + ending;
}

template <class T>
void write_exact(const std::filesystem::path& folder) {
  io::save(exact_net<T>(), folder / with_type<T>("exact", "safetensors"), {.classes = {"a", "b", "c", "d"}});
  io::write_npy(folder / with_type<T>("exact", "npy"), exact_numbers<T>());
  io::write_csv(folder / with_type<T>("exact", "csv"), exact_numbers<T>());

  DynamicNetwork<T> net = exact_net<T>();
  TrainingState<Momentum, T> state;
  state.random = RandomState(5);
  state.random.uniform();
  state.seeded = true;
  state.epochs = 3;
  io::Checkpoint(folder / with_type<T>("exact", "checkpoint"), net, state).save();
}

/// A narrow and a wide network, trained for a while: with the samples along the lanes, and with the units.
template <class T>
DynamicNetwork<T> trained_narrow() {
  const Matrix<T> X = uniform<T>(2, 100, 2);
  const Matrix<T> Y = (X.row(0).array() * X.row(1).array() > T(0)).template cast<T>();
  DynamicNetwork<T> net(2, {{4, Tanh{}}, {3, Sigmoid{}}, {1, Sigmoid{}}}, {.seed = 1});
  fit(net, X, Y, GradientDescent{.learning_rate = 0.5}, {.epochs = 50, .batch_size = 30, .seed = 2});
  return net;
}
template <class T>
DynamicNetwork<T> trained_wide() {
  const Matrix<T> X = uniform<T>(20, 90, 3);
  Matrix<T> Y = Matrix<T>::Zero(16, 90);
  for (Index j = 0; j < 90; ++j) Y(X(0, j) > T(0) ? j % 16 : 0, j) = T(1);
  DynamicNetwork<T> net(20, {{64, Tanh{}}, {32, LeakyReLU{}}, {16, Softmax{}}}, {.seed = 3});
  fit(net, X, Y, Momentum{.learning_rate = 0.05}, {.epochs = 20, .batch_size = 32, .seed = 4});
  return net;
}

/// The largest difference, in units of the type's epsilon and of the larger of 1 and the number.
template <class T, class A, class B>
double largest_difference(const A& a, const B& b) {
  double largest = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const double x = double(a.reshaped()[i]);
    const double y = double(b.reshaped()[i]);
    const double difference = std::abs(x - y) / std::max(1.0, std::abs(y));
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference);
  }
  return largest / double(std::numeric_limits<T>::epsilon());
}

template <class T>
void check_trained(const char* name, const DynamicNetwork<T>& net) {
  const auto theirs = io::load<DynamicNetwork<T>>(reference / with_type<T>(name, "safetensors"));
  const double parameters = largest_difference<T>(net.parameters(), theirs.parameters());
  const Matrix<T> X = uniform<T>(net.n_x(), 50, 6);
  const double predictions = largest_difference<T>(net.predict(X), theirs.predict(X));
  MESSAGE(std::string(name) << ": parameters differ by " << parameters << " epsilons, predictions by " << predictions);
  CHECK(parameters <= 100);
  CHECK(predictions <= 100);
}

void check_same_bytes(const std::filesystem::path& folder, const std::string& name) {
  CAPTURE(name);
  const std::string bytes = content_of(reference / name);
  CHECK_FALSE(bytes.empty());
  CHECK(content_of(folder / name) == bytes);
}

}  // namespace

TEST_CASE_TEMPLATE("portable: files are the same, byte for byte", T, float, double) {
  const TemporaryFolder folder;
  write_exact<T>(folder.path());
  check_same_bytes(folder.path(), with_type<T>("exact", "safetensors"));
  check_same_bytes(folder.path(), with_type<T>("exact", "npy"));
  check_same_bytes(folder.path(), with_type<T>("exact", "checkpoint"));
  // Without std::to_chars a number may be written in more characters.
  if constexpr (requires(char* at) { std::to_chars(at, at, T(1)); }) {
    check_same_bytes(folder.path(), with_type<T>("exact", "csv"));
  }
}

TEST_CASE_TEMPLATE("portable: files of another processor are read", T, float, double) {
  CHECK(io::load<DynamicNetwork<T>>(reference / with_type<T>("exact", "safetensors")) == exact_net<T>());
  const Matrix<T> numbers = exact_numbers<T>();
  for (const Matrix<T>& read : {io::read_npy<T>(reference / with_type<T>("exact", "npy")),
                                io::read_csv<T>(reference / with_type<T>("exact", "csv"), {.header = false}).values}) {
    CHECK(read == numbers);
    CHECK(std::signbit(read(0, 1)));
  }

  DynamicNetwork<T> net = exact_net<T>();
  net.parameters().setZero();
  TrainingState<Momentum, T> state;
  CHECK(io::Checkpoint(reference / with_type<T>("exact", "checkpoint"), net, state).resume());
  CHECK(net == exact_net<T>());
  CHECK(state.epochs == 3);
  RandomState random(5);
  random.uniform();
  CHECK(state.random == random);
}

TEST_CASE_TEMPLATE("portable: the same seed trains to the same parameters, to rounding", T, float, double) {
  check_trained<T>("narrow", trained_narrow<T>());
  check_trained<T>("wide", trained_wide<T>());
}

TEST_CASE_TEMPLATE("portable: write the reference" * doctest::skip(), T, float, double) {
  write_exact<T>(reference);
  io::save(trained_narrow<T>(), reference / with_type<T>("narrow", "safetensors"));
  io::save(trained_wide<T>(), reference / with_type<T>("wide", "safetensors"));
}
