// SPDX-License-Identifier: MIT
/// Compiled with flags that let a compiler take liberties with numbers, those that docs/install.md calls fine: the four
/// functions keep the bounds of math.hpp but for half a unit, and neither NaN nor infinity gets past the check of X,
/// into a step or into a loss that counts as finite.
///
/// With such flags a comparison with NaN need not say what it is, so everything here looks at the bits.

#include "shallow/fit.hpp"
#include "shallow/loss.hpp"
#include "shallow/math.hpp"
#include "shallow/two_layer_net.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>

namespace {

using namespace shallow;

int failed = 0;

void check(bool right, const char* what, double number = 0) {
  if (!right) std::printf("failed: %s (%g)\n", what, number);
  if (!right) ++failed;
}

/// A number that the compiler knows nothing about.
template <class T>
T opaque(T number) {
  volatile T kept = number;
  return kept;
}
template <class T>
T from_bits(std::uint64_t bits) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return detail::bit_cast<T>(static_cast<Bits>(opaque(bits)));
}
template <class T>
T nan() {
  return from_bits<T>(sizeof(T) == 4 ? 0x7fc00000U : 0x7ff8000000000000U);
}
template <class T>
T infinity() {
  return from_bits<T>(sizeof(T) == 4 ? 0x7f800000U : 0x7ff0000000000000U);
}
template <class T>
bool is_normal_or_zero(T number) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const Bits all_ones = sizeof(T) == 4 ? Bits(0xff) : Bits(0x7ff);
  const int shift = sizeof(T) == 4 ? 23 : 52;
  return ((detail::bit_cast<Bits>(number) >> shift) & all_ones) != all_ones;
}

template <class T, class F, class Reference>
void check_accuracy(const char* name, const F& function, const Reference& reference, double bound) {
  using Limits = std::numeric_limits<T>;
  constexpr Index size = 60'000;
  Eigen::Array<T, Dynamic, 1> x(size), y(size);
  const double saturated = 0.99 * std::log(2.0) * Limits::max_exponent;
  for (Index k = 0; k < size; ++k) {
    const double golden = 0.6180339887498949 * double(k);
    const double even = golden - std::floor(golden);
    const double range = k % 3 == 0 ? 4 : k % 3 == 1 ? 30 : saturated;
    x(k) = static_cast<T>(range * (2 * even - 1));
  }
  y = function(x);
  double worst = 0;
  for (Index k = 0; k < size; ++k) {
    check(is_normal_or_zero(y(k)), name, double(x(k)));
    const long double truth = reference(static_cast<long double>(x(k)));
    if (std::abs(truth) < 4 * static_cast<long double>(Limits::min())) continue;  // some flags take these for zero
    int exponent = 0;
    std::frexp(truth, &exponent);
    const long double error = std::abs(static_cast<long double>(y(k)) - truth);
    worst = std::max(worst, static_cast<double>(error / std::ldexp(1.0L, exponent - Limits::digits)));
  }
  std::printf("%-9s %-7s %.2f units in the last place\n", name, sizeof(T) == 4 ? "float" : "double", worst);
  check(worst <= bound, name, worst);
}

template <class T>
void check_functions() {
  check_accuracy<T>(
      "exp", [](const auto& z) { return shallow::exp(z); }, [](long double x) { return std::exp(x); }, 2.5);
  check_accuracy<T>(
      "sigmoid", [](const auto& z) { return shallow::sigmoid(z); },
      [](long double x) { return 1 / (1 + std::exp(-x)); }, 3);
  check_accuracy<T>(
      "tanh", [](const auto& z) { return shallow::tanh(z); }, [](long double x) { return std::tanh(x); }, 3.25);
  check_accuracy<T>(
      "softplus", [](const auto& z) { return shallow::softplus(z); },
      [](long double x) { return std::log1p(std::exp(x)); }, 3.5);
  const T huge = opaque(std::numeric_limits<T>::max());
  check(shallow::sigmoid(-huge) == T(0) && shallow::sigmoid(huge) == T(1), "sigmoid of the largest numbers");
  check(shallow::tanh(-huge) == T(-1) && shallow::softplus(-huge) == T(0) && shallow::softplus(huge) == huge,
        "the ends of tanh and softplus");
  check(!is_normal_or_zero(shallow::sigmoid(nan<T>())) && !is_normal_or_zero(shallow::tanh(nan<T>())), "NaN of NaN");
  check(!is_normal_or_zero(shallow::exp(nan<T>())) && !is_normal_or_zero(shallow::softplus(nan<T>())), "NaN of NaN");
}

template <class T>
void check_finite_numbers() {
  for (const Index rows : {1, 3, 16, 67}) {
    Matrix<T> X = Matrix<T>::Constant(rows, 5, opaque(std::numeric_limits<T>::max()));
    check(detail::all_finite(X), "finite numbers are finite");
    for (Index i = 0; i < rows; ++i) {
      for (const T bad : {nan<T>(), T(-nan<T>()), infinity<T>(), T(-infinity<T>())}) {
        const T kept = X(i, 3);
        X(i, 3) = bad;
        check(!detail::all_finite(X), "NaN and infinity are found", double(i));
        check(!detail::is_finite(bad), "NaN and infinity as single numbers");
        X(i, 3) = kept;
      }
    }
  }
  const Matrix<T> X = RandomState(1).randn<T>(2, 20);
  const Matrix<T> Y = (X.row(0).array() > T(0)).template cast<T>();
  TwoLayerNet<T, Tanh, Sigmoid> net(2, 3, 1, {.seed = 1});
  for (const T bad : {nan<T>(), infinity<T>()}) {
    Matrix<T> spoilt = X;
    spoilt(1, 17) = bad;
    std::string text;
    try {
      fit(net, spoilt, Y, Adam{}, {.epochs = 2});
    } catch (const ValueError& error) {
      text = error.what();
    }
    check(text.find("fit: X: expected finite numbers") == 0, "fit refuses X that is not finite");
    check(text.find("in row 1, column 17") != std::string::npos, "fit says where");
  }
  // A run that leaves the numbers says so.
  TwoLayerNet<T, Identity, Identity> linear(2, 3, 1, {.seed = 1, .initializer = Initializer::gaussian(1)});
  const History history = fit(linear, X, Y, GradientDescent{.learning_rate = 1e6}, {.epochs = 500});
  check(history.reason == StopReason::diverged, "a diverged run says so");
  check(detail::all_finite(linear.parameters()), "and goes back to finite parameters");
}

}  // namespace

int main() {
  check_functions<float>();
  check_functions<double>();
  check_finite_numbers<float>();
  check_finite_numbers<double>();
  std::printf(failed == 0 ? "all right\n" : "%d failed\n", failed);
  return failed == 0 ? 0 : 1;
}
