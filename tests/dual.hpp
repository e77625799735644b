// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A dual number a + b e, e^2 = 0: carries a derivative through any computation, so that a forward pass gives the same
/// derivative as backpropagation. Also the test of a number type that the library has never heard of.

#include <Eigen/Core>

#include <cmath>

namespace dual {

struct Dual {
  double value = 0;
  double slope = 0;

  Dual() = default;
  explicit Dual(double v) : value(v) {}  // all that Scalar asks for
  Dual(double v, double s) : value(v), slope(s) {}
  explicit operator double() const { return value; }

  Dual& operator+=(const Dual& o) { return *this = *this + o; }
  Dual& operator-=(const Dual& o) { return *this = *this - o; }
  Dual& operator*=(const Dual& o) { return *this = *this * o; }
  Dual& operator/=(const Dual& o) { return *this = *this / o; }
  friend Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(const Dual& a, const Dual& b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend Dual operator/(const Dual& a, const Dual& b) {
    return {a.value / b.value, (a.slope * b.value - a.value * b.slope) / (b.value * b.value)};
  }
  friend Dual operator-(const Dual& a) { return {-a.value, -a.slope}; }
  friend bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
  friend bool operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  friend bool operator>=(const Dual& a, const Dual& b) { return a.value >= b.value; }
  friend bool operator==(const Dual& a, const Dual& b) { return a.value == b.value; }
  friend bool operator!=(const Dual& a, const Dual& b) { return a.value != b.value; }
};

inline Dual exp(const Dual& x) { return {std::exp(x.value), std::exp(x.value) * x.slope}; }
inline Dual log(const Dual& x) { return {std::log(x.value), x.slope / x.value}; }
inline Dual log1p(const Dual& x) { return {std::log1p(x.value), x.slope / (1 + x.value)}; }
inline Dual expm1(const Dual& x) { return {std::expm1(x.value), std::exp(x.value) * x.slope}; }
inline Dual sqrt(const Dual& x) { return {std::sqrt(x.value), x.slope / (2 * std::sqrt(x.value))}; }
inline Dual tanh(const Dual& x) {
  const double t = std::tanh(x.value);
  return {t, (1 - t * t) * x.slope};
}
inline Dual abs(const Dual& x) { return x.value < 0 ? -x : x; }
inline bool isfinite(const Dual& x) { return std::isfinite(x.value) && std::isfinite(x.slope); }
inline bool(isnan)(const Dual& x) { return std::isnan(x.value); }
inline bool(isinf)(const Dual& x) { return std::isinf(x.value); }

}  // namespace dual

/// What Eigen asks of a real number type of a test's own.
template <class Number>
struct RealNumTraits : Eigen::NumTraits<double> {
  using Real = Number;
  using NonInteger = Number;
  using Nested = Number;
  using Literal = Number;
  enum {
    IsComplex = 0,
    IsInteger = 0,
    IsSigned = 1,
    RequireInitialization = 1,
    ReadCost = 2,
    AddCost = 2,
    MulCost = 6
  };
};

namespace Eigen {
template <>
struct NumTraits<dual::Dual> : RealNumTraits<dual::Dual> {
  static dual::Dual epsilon() { return dual::Dual(2.2e-16); }
  static dual::Dual highest() { return dual::Dual(1.7e308); }
  static dual::Dual lowest() { return dual::Dual(-1.7e308); }
};
}  // namespace Eigen
