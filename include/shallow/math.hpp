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
/// For float and double they are written in Eigen's packet operations, so one text serves SSE, AVX, AVX-512, NEON and
/// plain scalars. The result has the same bits wherever a value stands in an array and for a single number, since a
/// single number is computed as a whole packet; it does depend on whether the processor has a fused multiply-add.
/// Largest errors measured over the whole range, in units in the last place (139 million floats, 20 million doubles):
///
///                                  exp    sigmoid   tanh   softplus
///     with multiply-add   float    1.61   2.49      2.46   2.79
///                         double   1.54   2.45      2.59   2.82
///     without             float    1.91   2.49      2.46   2.79
///                         double   1.82   2.45      2.56   2.85
///
/// Finite input gives a finite result (exp overflows to +inf as it must), NaN gives NaN, infinities give their limits,
/// tanh keeps the sign of zero, |tanh| <= 1 and 0 <= sigmoid <= 1. Where the true result is below the smallest normal
/// number the absolute error is at most that number (sigmoid and softplus may give 0 there); four times that number for
/// float on 32-bit ARM, whose packets take subnormal numbers for zero.
///
/// All this is for the rounding mode "to nearest", which is a precondition. In the other ones (std::fesetround) sigmoid
/// and tanh stay in their ranges and softplus stays finite, with fewer right digits. -ffast-math without
/// -ffinite-math-only (which does not compile) costs half a unit in the last place, on x86-64 and ARM; nothing here
/// raises a floating-point exception but for inexact, underflow, and overflow where e^x overflows.
///
/// Any other number type (long double, a dual number) goes through exp, tanh, log and, where it has one, log1p of its
/// own namespace or of std. An integer is taken as double.

#include "shallow/packet_math.hpp"
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

// The four functions as a pair each: on a packet, and on a number of any other type.

struct ExpKernel {
  template <class Packet>
  static EIGEN_ALWAYS_INLINE Packet packet(const Packet& x) {
    return packet_exp(x);
  }
  template <class T>
  static T generic(const T& x) {
    using std::exp;
    return T(exp(x));
  }
};

struct SigmoidKernel {
  template <class Packet>
  static EIGEN_ALWAYS_INLINE Packet packet(const Packet& x) {
    return packet_sigmoid(x);
  }
  template <class T>
  static T generic(const T& x) {
    const bool negative = x < T(0);
    const T e = ExpKernel::generic(T(negative ? x : T(-x)));
    return T((negative ? e : T(1)) / (T(1) + e));
  }
};

struct TanhKernel {
  template <class Packet>
  static EIGEN_ALWAYS_INLINE Packet packet(const Packet& x) {
    return packet_tanh(x);
  }
  template <class T>
  static T generic(const T& x) {
    using std::tanh;
    return T(tanh(x));
  }
};

struct SoftplusKernel {
  template <class Packet>
  static EIGEN_ALWAYS_INLINE Packet packet(const Packet& x) {
    return packet_softplus(x);
  }
  template <class T>
  static T generic(const T& x) {
    using std::log;
    using std::log1p;
    const bool positive = T(0) < x;
    const T e = ExpKernel::generic(T(positive ? T(-x) : x));
    const T base = positive ? x : T(0);
    if constexpr (requires { log1p(e); }) {
      return T(base + log1p(e));
    } else {
      return T(base + log(T(1) + e));
    }
  }
};

/// A single number, computed as a whole packet. Not inlined, or every loop of Eigen's would hold further copies of the
/// code for the coefficients before and after its packets.
template <class Kernel, class T>
EIGEN_DONT_INLINE T single(T x) {
  using Packet = typename Eigen::internal::packet_traits<T>::type;
  return Eigen::internal::pfirst(Kernel::packet(all<Packet>(x)));
}

/// Whether there are kernels for packets of T: those of float and double.
template <class T>
inline constexpr bool has_packet_functions = packet_size<T> != 1 &&
                                             (std::is_same_v<T, float> || std::is_same_v<T, double>);

/// What Eigen applies to each coefficient or packet.
template <class Kernel, class T>
struct CoefficientOp {
  T operator()(const T& x) const {
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
      return single<Kernel>(x);
    } else {
      return Kernel::generic(x);
    }
  }
  template <class Packet>
  EIGEN_ALWAYS_INLINE Packet packetOp(const Packet& x) const {
    return Kernel::packet(x);
  }
};

/// The kernel of a packet or, as a packet of one, of a number.
template <class Kernel, class P>
EIGEN_ALWAYS_INLINE P apply(const P& x) {
  if constexpr (is_single<P>) {
    return CoefficientOp<Kernel, P>{}(x);
  } else {
    return Kernel::packet(x);
  }
}

template <class Derived>
void takes_dense(const Eigen::DenseBase<Derived>&);

/// A matrix, array or expression of Eigen's, or what is derived from one, as x.head(3) is.
template <class T>
concept DenseExpression = requires(const T& x) {
  detail::takes_dense(x);
};

/// True, or an error of the compiler.
template <class X>
constexpr bool require_matrix() {
  static_assert(
      DenseExpression<X>,
      "shallow: X is no matrix of Eigen: Eigen::Map<const shallow::Matrix<double>>(data, n_x, m) makes one of "
      "numbers in memory");
  return true;
}

template <class T>
concept Number = !DenseExpression<T> && !std::integral<T> && Scalar<T>;

template <class Derived>
void takes_plain(const Eigen::PlainObjectBase<Derived>&);
template <class T>
inline constexpr bool is_constant_ref = false;
template <class M, int Options, class Stride>
inline constexpr bool is_constant_ref<Eigen::Ref<const M, Options, Stride>> = true;

/// What is passed as X&& is a matrix or array of its own that ends with the statement (a Ref to a constant matrix may
/// hold a copy, too): an expression must not refer to it.
template <class X>
concept TemporaryMatrix = !std::is_lvalue_reference_v<X> && DenseExpression<std::remove_cv_t<X>> &&
                          (requires(const X& x) { detail::takes_plain(x); } || is_constant_ref<std::remove_cv_t<X>>);

/// A function of numbers and of Eigen expressions.
template <class Kernel>
struct Elementwise {
  template <Number T>
  T operator()(const T& x) const {
    return CoefficientOp<Kernel, T>{}(x);
  }
  double operator()(std::integral auto x) const { return (*this)(static_cast<double>(x)); }

  template <class Derived>
    requires Scalar<typename Derived::Scalar>
  auto operator()(const Eigen::DenseBase<Derived>& x) const {
    return x.derived().unaryExpr(CoefficientOp<Kernel, typename Derived::Scalar>{});
  }
  template <TemporaryMatrix X>
    requires Scalar<typename std::remove_cv_t<X>::Scalar>
  auto operator()(X&& x) const { return (*this)(std::as_const(x)).eval(); }
};

/// What is no number, and yet a function of numbers takes it: a dense Eigen expression.
template <class X, class Kernel>
concept DenseArgument = !Number<std::remove_cvref_t<X>> && !std::integral<std::remove_cvref_t<X>> &&
                        std::invocable<const Elementwise<Kernel>&, X>;

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
  return detail::Elementwise<detail::ExpKernel>{}(x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument<detail::ExpKernel> X>
auto exp(X&& x) {
  return detail::Elementwise<detail::ExpKernel>{}(std::forward<X>(x));
}
/// The same of what a function takes as ArrayBase, where Eigen's own exp is as good a match and less constrained.
template <class Derived>
  requires detail::DenseArgument<detail::ArrayReference<Derived>, detail::ExpKernel>
auto exp(const Eigen::ArrayBase<Derived>& x) { return detail::Elementwise<detail::ExpKernel>{}(x); }
/// The same of an integer, taken as double.
inline double exp(detail::Whole x) { return exp(x.value); }

/// 1 / (1 + e^-x).
template <detail::Number T>
T sigmoid(const T& x) {
  return detail::Elementwise<detail::SigmoidKernel>{}(x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument<detail::SigmoidKernel> X>
auto sigmoid(X&& x) {
  return detail::Elementwise<detail::SigmoidKernel>{}(std::forward<X>(x));
}
/// The same of an integer, taken as double.
inline double sigmoid(detail::Whole x) { return sigmoid(x.value); }

/// (e^x - e^-x) / (e^x + e^-x).
template <detail::Number T>
T tanh(const T& x) {
  return detail::Elementwise<detail::TanhKernel>{}(x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument<detail::TanhKernel> X>
auto tanh(X&& x) {
  return detail::Elementwise<detail::TanhKernel>{}(std::forward<X>(x));
}
/// The same of what a function takes as ArrayBase, where Eigen's own tanh is as good a match and less constrained.
template <class Derived>
  requires detail::DenseArgument<detail::ArrayReference<Derived>, detail::TanhKernel>
auto tanh(const Eigen::ArrayBase<Derived>& x) { return detail::Elementwise<detail::TanhKernel>{}(x); }
/// The same of an integer, taken as double.
inline double tanh(detail::Whole x) { return tanh(x.value); }

/// log(1 + e^x), a smooth max(x, 0); its derivative is sigmoid(x).
template <detail::Number T>
T softplus(const T& x) {
  return detail::Elementwise<detail::SoftplusKernel>{}(x);
}
/// The same of a dense Eigen expression, coefficient by coefficient.
template <detail::DenseArgument<detail::SoftplusKernel> X>
auto softplus(X&& x) {
  return detail::Elementwise<detail::SoftplusKernel>{}(std::forward<X>(x));
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
    sum = T(sum + exp(part).sum());
  }
  return T(shift + log(sum));
}

}  // namespace shallow

namespace Eigen::internal {

template <class Kernel, class T>
struct functor_traits<shallow::detail::CoefficientOp<Kernel, T>> {
  enum { Cost = 25 * int(NumTraits<T>::MulCost), PacketAccess = shallow::detail::has_packet_functions<T> };
};

}  // namespace Eigen::internal
