// SPDX-License-Identifier: MIT
//
// exp, sigmoid, tanh and softplus of a pack, for one target (simd.inl). No branch, and no operation that the compiler
// is free to fuse or not: every lane, every size of a vector and every copy of the code gives the same bits.

/// c[0] + c[1] x + c[2] x^2 + ..., Horner's rule. A pack, not a loop: it is unrolled at every optimisation level.
template <class P, class T, std::size_t N>
EIGEN_ALWAYS_INLINE P polynomial(P x, const std::array<T, N>& c) {
  P sum = all<P>(c[N - 1]);
  const auto horner = [&](std::size_t k) SHALLOW_LAMBDA { sum = fma(sum, x, all<P>(c[k])); };
  [&]<std::size_t... k>(std::index_sequence<k...>) SHALLOW_LAMBDA { (horner(N - 2 - k), ...); }
  (std::make_index_sequence<N - 1>{});
  return sum;
}

/// round(x / ln 2 * share) + magic.
template <class P>
EIGEN_ALWAYS_INLINE P shifted_exponent(P x, double share) {
  using T = Number<P>;
  constexpr double log2_e = 0x1.71547652b82fep+0;
  return as_rounded(fma(x, all<P>(log2_e * share), all<P>(MathConstants<T>::magic)));
}

/// The whole number in round(..) + magic.
template <class P>
EIGEN_ALWAYS_INLINE P exponent_of(P shifted) {
  return as_rounded(sub(shifted, all<P>(MathConstants<Number<P>>::magic)));
}

/// x - n ln 2 * share, with ln 2 in one or two parts.
template <int parts, class P>
EIGEN_ALWAYS_INLINE P without_exponent(P x, P n, double share) {
  using C = MathConstants<Number<P>>;
  if constexpr (parts == 1) return fma(n, all<P>(-double(C::ln2_high + C::ln2_low) * share), x);
  const P rest = as_rounded(fma(n, all<P>(-double(C::ln2_high) * share), x));
  return fma(n, all<P>(-double(C::ln2_low) * share), rest);
}

/// e^(2h) = scale (1 + t) / (1 - t), scale = 2^n, t = tanh(h - n ln(2) / 2), |t| < 0.18: the argument reduction of Cody
/// and Waite ("Software Manual for the Elementary Functions", 1980), n ln(2) taken off in one or two `parts`. One part
/// is enough where the result flattens faster than the error n eps grows, as tanh does.
///
/// A quotient suits the three functions below: whatever they do to it, one division remains.
template <class P>
struct Quotient {
  P scale, t;
};

template <int parts, class P>
EIGEN_ALWAYS_INLINE Quotient<P> exponential(P h) {
  using C = MathConstants<Number<P>>;
  const P shifted = shifted_exponent(h, 2.0);
  const P s = without_exponent<parts>(h, exponent_of(shifted), 0.5);
  const P z = mul(s, s);
  return {power_of_two(shifted), fma(mul(s, z), polynomial(z, C::tanh), s)};
}

// In the clamps below the argument comes first, so that NaN stays.

/// e^x = 2^n (2^n e^r), n = round(x / (2 ln 2)): 2^n twice, as 2^(2n) would overflow before e^x does.
template <class P>
EIGEN_ALWAYS_INLINE P exp_of(P argument) {
  using C = MathConstants<Number<P>>;
  const P x = larger(smaller(argument, all<P>(C::exp_high)), all<P>(C::exp_low));
  const P shifted = shifted_exponent(x, 0.5);
  const P r = without_exponent<2>(x, exponent_of(shifted), 2.0);
  const P scale = power_of_two(shifted);
  const P z = mul(r, r), one = all<P>(1);
  // Even and odd powers apart: two short chains of dependent operations instead of a long one.
  const P q = fma(r, polynomial(z, C::exp_odd), polynomial(z, C::exp_even));
  const P e = fma(r, fma(r, q, one), one);
  return mul(mul(e, scale), scale);
}

/// 1 / (1 + e^-x), with e^-x as above: (1 - t) / ((1 - t) + scale (1 + t)).
template <class P>
EIGEN_ALWAYS_INLINE P sigmoid_of(P x) {
  using C = MathConstants<Number<P>>;
  const P limit = all<P>(C::sigmoid_limit), one = all<P>(1);
  const P h = mul(x, all<P>(-0.5));
  const auto [scale, t] = exponential<2>(larger(smaller(h, limit), all<P>(-C::tanh_limit)));
  const P below = sub(one, t);
  return div(below, fma(scale, add(one, t), below));
}

/// (e^2a - 1) / (e^2a + 1), a = |x|, with e^2a as above: ((scale - 1) + t (scale + 1)) / ((scale + 1) + t (scale - 1)).
template <class P>
EIGEN_ALWAYS_INLINE P tanh_of(P x) {
  using C = MathConstants<Number<P>>;
  const P one = all<P>(1);
  const auto [scale, t] = exponential<1>(smaller(magnitude(x), all<P>(C::tanh_limit)));
  const P below = as_rounded(sub(scale, one)), above = add(scale, one);
  return with_sign(div(fma(t, above, below), fma(t, below, above)), x);
}

/// log(1 + e^x) = max(x, 0) + log(1 + e), e = e^-|x|, and
///
///     log(1 + e) = 2 atanh(e / (2 + e))                      e small
///                = ln 2 + 2 atanh((e - 1) / (e + 3))         e near 1
///
/// so that |the argument of atanh| <= 0.172. With e = n / m, m = 1 - t, both are quotients of sums of n and m.
template <class P>
EIGEN_ALWAYS_INLINE P softplus_of(P x) {
  using C = MathConstants<Number<P>>;
  const P zero = all<P>(0), one = all<P>(1);
  const P a = smaller(mul(magnitude(x), all<P>(0.5)), all<P>(C::softplus_limit));
  const auto [scale, t] = exponential<2>(negate(a));
  const P n = as_rounded(mul(scale, add(one, t))), m = as_rounded(sub(one, t));
  const P near_one = if_less(a, all<P>(0.4406867935097715), one, zero);  // e > sqrt(2) - 1
  const P s = div(fma(negate(near_one), m, n), fma(add(all<P>(2), near_one), m, n));
  const P base = as_rounded(fma(near_one, all<P>(0x1.62e42fefa39efp-1), larger(x, zero)));
  const P z = mul(s, s);
  return add(base, as_rounded(fma(mul(s, z), polynomial(z, C::atanh), add(s, s))));
}
