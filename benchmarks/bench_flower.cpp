// SPDX-License-Identifier: MIT
/// The course's flower run (2-4-1 tanh/sigmoid, m = 400, full batch, 10,000 iterations, one thread) against the same
/// six equations in plain Eigen of run-time size, taken in turns in one run. Prints medians and their ratios.

#include <shallow/shallow.hpp>

#include "../tests/oracle.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

namespace {

constexpr shallow::Index iterations = 10'000;
constexpr int rounds = 7;

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

template <class T>
void compare(const char* name) {
  const auto flower = shallow::datasets::flower<T>();
  const shallow::TwoLayerNet<T, shallow::Tanh, shallow::Sigmoid> start(2, 4, 1, {.seed = 2});
  const shallow::GradientDescent descent{.learning_rate = 1.2};
  std::vector<double> plain, run_time, fixed;
  double plain_cost = 0, run_time_cost = 0, fixed_cost = 0;
  for (int round = 0; round < rounds; ++round) {
    oracle::TwoLayerNet<T> net(start.template layer<0>().weights(), start.template layer<1>().weights());
    plain.push_back(seconds([&] {
      for (shallow::Index i = 0; i < iterations; ++i) plain_cost = double(net.step(flower.X, flower.Y, T(1.2)));
    }));
    auto dynamic = start;
    run_time.push_back(seconds(
        [&] { run_time_cost = fit(dynamic, flower.X, flower.Y, descent, {.epochs = iterations}).loss.back(); }));
    shallow::TwoLayerNet<T, shallow::Tanh, shallow::Sigmoid, 2, 4, 1> small({.seed = 2});
    fixed.push_back(
        seconds([&] { fixed_cost = fit(small, flower.X, flower.Y, descent, {.epochs = iterations}).loss.back(); }));
  }
  const double base = median(plain);
  const double us = 1e6 / double(iterations);
  std::printf("%-6s plain Eigen          %7.2f us an iteration, last cost %.6f\n", name, base * us, plain_cost);
  std::printf("%-6s shallow, run time    %7.2f us, last cost %.6f: %5.2f times as fast\n", name, median(run_time) * us,
              run_time_cost, base / median(run_time));
  std::printf("%-6s shallow, fixed sizes %7.2f us, last cost %.6f: %5.2f times as fast\n", name, median(fixed) * us,
              fixed_cost, base / median(fixed));
}

}  // namespace

int main() {
  compare<float>("float");
  compare<double>("double");
}
