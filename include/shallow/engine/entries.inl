// SPDX-License-Identifier: MIT
//
// The mathematics of single entries, of a pack or a number, for one target (simd.inl): what the activations and losses
// of this library compute.
//
//     value(g, z)                   g(z)
//     derivative(g, z)              g'(z)
//     derivative_from_value(g, a)   g'(z) in terms of a = g(z)
//     entry(loss, v, y)             L of an entry, v being z for a loss from logits and a for all others
//     entry_derivative(loss, a, y)  dL/dv

// A number type without constants goes through the functions of its own namespace or of std.

template <class P>
EIGEN_ALWAYS_INLINE P value(const Exponential&, P x) {
  if constexpr (has_constants<Number<P>>) {
    return exp_of(x);
  } else {
    using std::exp;
    return P(exp(x));
  }
}

template <class P>
EIGEN_ALWAYS_INLINE P value(const Softplus&, P x) {
  if constexpr (has_constants<Number<P>>) {
    return softplus_of(x);
  } else {
    using std::log;
    using std::log1p;
    const bool positive = P(0) < x;
    const P e = value(Exponential{}, P(positive ? P(-x) : x));
    const P base = positive ? x : P(0);
    if constexpr (requires { log1p(e); }) {
      return P(base + log1p(e));
    } else {
      return P(base + log(P(1) + e));
    }
  }
}

template <class P>
EIGEN_ALWAYS_INLINE P value(const Logistic&, P x) {
  if constexpr (has_constants<Number<P>>) {
    return sigmoid_of(x);
  } else {
    const bool negative = x < P(0);
    const P e = value(Exponential{}, P(negative ? x : P(-x)));
    return P((negative ? e : P(1)) / (P(1) + e));
  }
}

template <class P>
EIGEN_ALWAYS_INLINE P value(const HyperbolicTangent&, P x) {
  if constexpr (has_constants<Number<P>>) {
    return tanh_of(x);
  } else {
    using std::tanh;
    return P(tanh(x));
  }
}

// sigma(z);  sigma(z) sigma(-z), without the cancellation of 1 - a for large z;  a (1 - a)
template <class P>
EIGEN_ALWAYS_INLINE P value(const Sigmoid&, P z) {
  return value(Logistic{}, z);
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative(const Sigmoid&, P z) {
  return mul(value(Logistic{}, z), value(Logistic{}, negate(z)));
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative_from_value(const Sigmoid&, P a) {
  return mul(a, sub(all<P>(1), a));
}

// tanh(z);  1 - tanh(z)^2;  1 - a^2
template <class P>
EIGEN_ALWAYS_INLINE P value(const Tanh&, P z) {
  return value(HyperbolicTangent{}, z);
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative_from_value(const Tanh&, P a) {
  return sub(all<P>(1), mul(a, a));
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative(const Tanh& g, P z) {
  return derivative_from_value(g, value(g, z));
}

// max(0, z), NaN staying NaN;  0 if z <= 0, else 1;  the same of a
template <class P>
EIGEN_ALWAYS_INLINE P positive_part(P z) {
  const P zero = all<P>(0);
  return if_less(z, zero, zero, z);
}
template <class P>
EIGEN_ALWAYS_INLINE P value(const ReLU&, P z) {
  return positive_part(z);
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative(const ReLU&, P z) {
  const P zero = all<P>(0);
  return if_less(zero, z, all<P>(1), zero);
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative_from_value(const ReLU& g, P a) {
  return derivative(g, a);
}

// z if z > 0, else slope z;  1 if z > 0, else slope;  the same of a, which has the sign of z
template <std::same_as<LeakyReLU> G, class P>
EIGEN_ALWAYS_INLINE P value(const G& g, P z) {
  return if_less(z, all<P>(0), mul(z, all<P>(g.slope)), z);
}
template <std::same_as<LeakyReLU> G, class P>
EIGEN_ALWAYS_INLINE P derivative(const G& g, P z) {
  return if_less(all<P>(0), z, all<P>(1), all<P>(g.slope));
}
template <std::same_as<LeakyReLU> G, class P>
EIGEN_ALWAYS_INLINE P derivative_from_value(const G& g, P a) {
  return derivative(g, a);
}

// z;  1
template <class P>
EIGEN_ALWAYS_INLINE P value(const Identity&, P z) {
  return z;
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative(const Identity&, P) {
  return all<P>(1);
}
template <class P>
EIGEN_ALWAYS_INLINE P derivative_from_value(const Identity&, P) {
  return all<P>(1);
}

// max(z, 0) - z y + log(1 + e^-|z|);  a - y
template <class P>
EIGEN_ALWAYS_INLINE P entry(const BinaryCrossEntropy&, P z, P y) {
  const P linear = sub(positive_part(z), mul(z, y));
  return add(linear, value(Softplus{}, negate(magnitude(z))));
}
template <class P>
EIGEN_ALWAYS_INLINE P entry_derivative(const BinaryCrossEntropy&, P a, P y) {
  return sub(a, y);
}

// (a - y)^2;  2 (a - y)
template <class P>
EIGEN_ALWAYS_INLINE P entry(const MeanSquaredError&, P a, P y) {
  const P difference = sub(a, y);
  return mul(difference, difference);
}
template <class P>
EIGEN_ALWAYS_INLINE P entry_derivative(const MeanSquaredError&, P a, P y) {
  const P difference = sub(a, y);
  return add(difference, difference);
}

// 0;  dJ/dA, which stands in the place of y
template <class P>
EIGEN_ALWAYS_INLINE P entry(const GivenDerivative&, P, P) {
  return all<P>(0);
}
template <class P>
EIGEN_ALWAYS_INLINE P entry_derivative(const GivenDerivative&, P, P y) {
  return y;
}
