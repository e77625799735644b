// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Vectorised exp, sigmoid, tanh and softplus; log_sum_exp.
///
/// The four functions take a number or any dense Eigen expression, Matrix or Array:
///
///     double p = shallow::sigmoid(0.3);
///     A = shallow::tanh(W * X);            // coefficient by coefficient, on matrices too
///
/// For float and double they are the engine's (engine/functions.inl): one text for SSE2, AVX2, AVX-512, NEON and plain
/// numbers, chosen at run time. The result has the same bits wherever a value stands in an array and for a single
/// number, and with every target that has a fused multiply-add; without one it differs in the last places.
/// Largest errors measured over the whole range, in units in the last place (139 million floats, 20 million doubles;
/// engine/numbers.hpp has them as numbers):
///
///                                  exp    sigmoid   tanh   softplus
///     with multiply-add   float    1.61   2.49      2.46   2.79
///                         double   1.54   2.45      2.59   2.82
///     without             float    1.91   2.49      2.46   2.79
///                         double   1.82   2.45      2.57   2.85
///
/// Finite input gives a finite result (exp overflows to +inf as it must), NaN gives NaN, infinities give their limits,
/// tanh keeps the sign of zero, |tanh| <= 1 and 0 <= sigmoid <= 1. Where the true result is below the smallest normal
/// number the absolute error is at most that number (sigmoid and softplus may give 0 there).
///
/// All this is for the rounding mode "to nearest", which is a precondition. In the other ones (std::fesetround) sigmoid
/// and tanh stay in their ranges and softplus stays finite, with fewer right digits. -ffast-math without
/// -ffinite-math-only (which does not compile) costs half a unit in the last place, on x86-64 and ARM; nothing here
/// raises a floating-point exception but for inexact, underflow, and overflow where e^x overflows.
///
/// Any other number type (long double, a dual number) goes through exp, tanh, log and, where it has one, log1p of its
/// own namespace or of std. An integer is taken as double.

#include "shallow/each_entry.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/types.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

namespace shallow {
namespace detail {

template <class T>
concept Number = !DenseExpression<T> && !std::integral<T> && Scalar<T>;

/// A dense Eigen expression of numbers that a function of numbers takes.
template <class X>
concept DenseArgument = DenseExpression<std::remove_cvref_t<X>> && Scalar<typename std::remove_cvref_t<X>::Scalar>;

template <class Derived>
using ArrayReference = const Eigen::ArrayBase<Derived>&;

/// An integer, taken as double.
struct Whole {
  template <std::integral T>
  Whole(T x) : value(static_cast<double>(x)) {}  // implicit, see below
  double value;
};

}  // namespace detail

// Each of these returns for an Eigen expression an expression again, evaluated when assigned. Like Eigen's own x.tanh()
// it refers to the matrices in x, which must outlive it; for a matrix or array that is a temporary itself, as in
// exp(make_matrix()), the result is a matrix or array of its own. (In exp(make_matrix() + 1) the temporary is a part of
// an expression: as everywhere with Eigen, that is for use within the statement, not for `auto`.)
//
// Functions and no objects, so that beside `using namespace shallow` a bare tanh(0.5) is an overload of the C library's
// and of std's. Never an ambiguous one: the C library's tanh(double) is no template and comes first; Eigen's, of a
// base class, come after a template of the expression itself; and for an integer, which std takes by a template that
// matches as well as any, these ask for a conversion.

/// e^x.
template <detail::Number T>
T exp(const T& x) {
  return detail::each<detail::Values>(detail::Exponential{}, x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument X>
auto exp(X&& x) {
  return detail::each<detail::Values>(detail::Exponential{}, std::forward<X>(x));
}
/// The same of what a function takes as ArrayBase, where Eigen's own exp is as good a match and less constrained.
template <class Derived>
  requires detail::DenseArgument<detail::ArrayReference<Derived>>
auto exp(const Eigen::ArrayBase<Derived>& x) { return detail::each<detail::Values>(detail::Exponential{}, x); }
/// The same of an integer, taken as double.
inline double exp(detail::Whole x) { return exp(x.value); }

/// 1 / (1 + e^-x).
template <detail::Number T>
T sigmoid(const T& x) {
  return detail::each<detail::Values>(detail::Logistic{}, x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument X>
auto sigmoid(X&& x) {
  return detail::each<detail::Values>(detail::Logistic{}, std::forward<X>(x));
}
/// The same of an integer, taken as double.
inline double sigmoid(detail::Whole x) { return sigmoid(x.value); }

/// (e^x - e^-x) / (e^x + e^-x).
template <detail::Number T>
T tanh(const T& x) {
  return detail::each<detail::Values>(detail::HyperbolicTangent{}, x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument X>
auto tanh(X&& x) {
  return detail::each<detail::Values>(detail::HyperbolicTangent{}, std::forward<X>(x));
}
/// The same of what a function takes as ArrayBase, where Eigen's own tanh is as good a match and less constrained.
template <class Derived>
  requires detail::DenseArgument<detail::ArrayReference<Derived>>
auto tanh(const Eigen::ArrayBase<Derived>& x) { return detail::each<detail::Values>(detail::HyperbolicTangent{}, x); }
/// The same of an integer, taken as double.
inline double tanh(detail::Whole x) { return tanh(x.value); }

/// log(1 + e^x), a smooth max(x, 0); its derivative is sigmoid(x).
template <detail::Number T>
T softplus(const T& x) {
  return detail::each<detail::Values>(detail::Softplus{}, x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument X>
auto softplus(X&& x) {
  return detail::each<detail::Values>(detail::Softplus{}, std::forward<X>(x));
}
/// The same of an integer, taken as double.
inline double softplus(detail::Whole x) { return softplus(x.value); }

/// log(sum of e^x_i) of a row or column, as max + log(sum of e^(x_i - max)), which cannot overflow.
///
/// Absolute error: a few epsilons times max(1, largest |x_i|, |result|). -inf for an empty vector and if all entries
/// are -inf; +inf if one is and none is NaN; NaN if one is. Allocates nothing for vectors, their parts and cheap
/// expressions; one that is dear to evaluate, a matrix product say, is evaluated once, into a temporary.
template <class Derived>
  requires(Scalar<typename Derived::Scalar>&& Derived::IsVectorAtCompileTime != 0)
typename Derived::Scalar log_sum_exp(const Eigen::DenseBase<Derived>& x) {
  using T = typename Derived::Scalar;
  using std::log;
  if (x.size() == 0) return T(-std::numeric_limits<double>::infinity());
  const typename Eigen::internal::nested_eval<Derived, 2>::type values(x.derived());
  const T largest = values.maxCoeff();
  // An infinite or NaN shift would make NaN of everything; unshifted the sum comes out as stated above.
  const bool finite = T(largest - largest) < T(1);
  const T shift = finite ? largest : T(0);
  // A sum of sums: in a single long one the roundings would add up.
  constexpr Index block = 64;
  // Side by side, wherever x has them: the sum is then taken the same way, for the same bits.
  Eigen::Array<T, Dynamic, 1, Eigen::ColMajor, int(block), 1> part;
  T sum(0);
  for (Index i = 0; i < values.size(); i += block) {
    part = values.segment(i, (std::min)(block, values.size() - i)).array() - shift;
    sum = T(sum +
            detail::with_engine<T>([&](auto engine) { return engine.sum_of_exponentials(part.size(), part.data()); }));
  }
  return T(shift + log(sum));
}

}  // namespace shallow
