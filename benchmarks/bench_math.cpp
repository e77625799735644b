// SPDX-License-Identifier: MIT
//
// Nanoseconds per element of exp, sigmoid, tanh and softplus over 4096 numbers: a loop over std, Eigen's own vectorised
// form and shallow's. Compile with optimisation and for your processor:
//
//     c++ -std=c++20 -O3 -march=native -I include -I /usr/include/eigen3 benchmarks/bench_math.cpp -o bench_math
//
// The variants take turns, round after round, so that a busy neighbour disturbs all of them alike; printed are medians.

#include <shallow/math.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

namespace {

constexpr int size = 4096;
constexpr int rounds = 21;
constexpr int repetitions = 50;  // per round: long enough for the clock

double nanoseconds_per_element(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < repetitions; ++i) work();
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / (double(size) * repetitions);
}

void compare(const char* name, const std::function<void()>& standard, const std::function<void()>& eigen,
             const std::function<void()>& ours) {
  std::vector<double> times[3];
  for (int round = 0; round < rounds; ++round) {
    times[0].push_back(nanoseconds_per_element(standard));
    times[1].push_back(nanoseconds_per_element(eigen));
    times[2].push_back(nanoseconds_per_element(ours));
  }
  for (auto& t : times) std::nth_element(t.begin(), t.begin() + rounds / 2, t.end());
  const double s = times[0][rounds / 2], e = times[1][rounds / 2], o = times[2][rounds / 2];
  std::printf("%-16s %8.2f %8.2f %8.2f %11.1f %11.1f\n", name, s, e, o, s / o, e / o);
}

template <class T>
void compare_all(const char* type) {
  const Eigen::Array<T, Eigen::Dynamic, 1> x = 4 * Eigen::Array<T, Eigen::Dynamic, 1>::Random(size);
  Eigen::Array<T, Eigen::Dynamic, 1> y(size);
  const auto loop = [&](auto f) {
    return [&x, &y, f] {
      for (int i = 0; i < size; ++i) y[i] = f(x[i]);
    };
  };
  std::printf("\n%-16s %8s %8s %8s %11s %11s\n", type, "std", "Eigen", "shallow", "std/ours", "Eigen/ours");
  compare(
      "exp", loop([](T v) { return std::exp(v); }), [&] { y = x.exp(); }, [&] { y = shallow::exp(x); });
  compare(
      "sigmoid", loop([](T v) { return 1 / (1 + std::exp(-v)); }), [&] { y = x.logistic(); },
      [&] { y = shallow::sigmoid(x); });
  compare(
      "tanh", loop([](T v) { return std::tanh(v); }), [&] { y = x.tanh(); }, [&] { y = shallow::tanh(x); });
  compare(
      "softplus", loop([](T v) { return std::max(v, T(0)) + std::log1p(std::exp(-std::abs(v))); }),
      [&] { y = x.max(T(0)) + (-x.abs()).exp().log1p(); }, [&] { y = shallow::softplus(x); });
}

}  // namespace

int main() {
  std::printf("%s\nnanoseconds per element, medians of %d rounds\n", Eigen::SimdInstructionSetsInUse(), rounds);
  compare_all<float>("float");
  compare_all<double>("double");
}
