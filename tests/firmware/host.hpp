// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Calls a written network on samples and compares. Compiled as firmware is: C++17, no exceptions, no RTTI, no Eigen.

#include <cmath>
#include <cstdio>
#include <cstdlib>

/// What is found over all networks, in units of a network's largest output.
struct Worst {
  int networks = 0;
  int samples = 0;
  int extremes = 0;
  int not_finite = 0;
  double in_float = 0;
  double in_double = 0;

  double& difference(float) { return in_float; }
  double& difference(double) { return in_double; }

  int verdict() const {
    std::printf("%d networks, %d samples: outputs differ by at most %.1e (float), %.1e (double) of the largest\n",
                networks, samples, in_float, in_double);
    std::printf("%d samples of any size: %d outputs that are not finite\n", extremes, not_finite);
    return networks >= 100 && samples > 0 && extremes > 0 && not_finite == 0 && in_float <= 1e-6 && in_double <= 1e-12
               ? 0
               : 1;
  }
};

template <class T>
T* read(std::FILE* file, int rows, int cols) {
  const auto count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
  T* const numbers = static_cast<T*>(std::calloc(count, sizeof(T)));
  if (numbers == nullptr || std::fread(numbers, sizeof(T), count, file) != count) std::abort();
  return numbers;
}

/// `file` goes on with samples, their outputs, and samples of any size; a column is a sample.
template <class T>
void check(const char* name, int n_x, int n_y, int samples, int extremes, void (*predict)(const T*, T*) noexcept,
           std::FILE* file, Worst& worst) {
  T* const x = read<T>(file, n_x, samples);
  T* const expected = read<T>(file, n_y, samples);
  T* const any = read<T>(file, n_x, extremes);
  T* const y = static_cast<T*>(std::calloc(static_cast<std::size_t>(n_y), sizeof(T)));
  double largest = 0;
  double difference = 0;
  for (int j = 0; j < samples; ++j) {
    predict(x + j * n_x, y);
    for (int i = 0; i < n_y; ++i) {
      const double given = static_cast<double>(y[i]);
      const double wanted = static_cast<double>(expected[j * n_y + i]);
      if (!std::isfinite(given)) ++worst.not_finite;
      largest = std::fmax(largest, std::fabs(wanted));
      difference = std::fmax(difference, std::fabs(given - wanted));
    }
  }
  const double relative = largest > 0 ? difference / largest : difference;
  // NaN does not become the largest of anything.
  if (!(relative <= worst.difference(T()))) {
    worst.difference(T()) = relative;
    std::printf("%s: %.2e\n", name, relative);
  }
  for (int j = 0; j < extremes; ++j) {
    predict(any + j * n_x, y);
    for (int i = 0; i < n_y; ++i) worst.not_finite += std::isfinite(y[i]) ? 0 : 1;
  }
  ++worst.networks;
  worst.samples += samples;
  worst.extremes += extremes;
  std::free(x);
  std::free(expected);
  std::free(any);
  std::free(y);
}
