// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Activations g with their derivatives: Sigmoid, Tanh, ReLU, LeakyReLU and Identity (course, "Activations and
/// derivatives"; Softmax has a header of its own), and what a type must offer to be one.
///
/// An activation of your own needs a value and a derivative of one number, and then works in every network, fixed or
/// run-time, and in the gradient check:
///
///     struct Softsign {                                    // g(z) = z / (1 + |z|),  g'(z) = 1 / (1 + |z|)^2
///       template <class T>
///       T operator()(const T& z) const { using std::abs; return z / (1 + abs(z)); }
///       template <class T>
///       T derivative(const T& z) const { using std::abs; return 1 / ((1 + abs(z)) * (1 + abs(z))); }
///     };
///
/// It may also offer `derivative_from_value(a)`, g' in terms of a = g(z), which spares the networks from keeping z; a
/// `name`, which summaries print; `check()`, which throws if its settings are out of range; and `==`. Where the value
/// and the derivatives accept Eigen arrays too, as those below do, say `static constexpr bool takes_arrays = true;` and
/// they are applied to whole arrays, vectorised, instead of number by number.

#include "shallow/error.hpp"
#include "shallow/math.hpp"
#include "shallow/types.hpp"

#include <cmath>
#include <concepts>
#include <string_view>

namespace shallow {

namespace detail {

/// f(x) of a number; the lazy coefficient-wise expression of a matrix or array. As with Eigen's own expressions, a
/// plain matrix is held by reference and must outlive what is returned.
template <class Functor, class X>
auto each(const Functor& f, const X& x) {
  if constexpr (DenseExpression<X>) {
    return x.derived().array().unaryExpr(f);
  } else {
    return f(x);
  }
}

/// x >= 0 ? x : slope x, NaN stays NaN.
template <class T>
struct LeakyReLUValue {
  T slope;
  T operator()(const T& z) const { return z < T(0) ? slope * z : z; }
  template <class Packet>
  Packet packetOp(const Packet& z) const {
    return if_less(z, all<Packet>(T(0)), Eigen::internal::pmul(z, all<Packet>(slope)), z);
  }
};

/// x > 0 ? 1 : slope.
template <class T>
struct LeakyReLUDerivative {
  T slope;
  T operator()(const T& z) const { return T(0) < z ? T(1) : slope; }
  template <class Packet>
  Packet packetOp(const Packet& z) const {
    return if_less(all<Packet>(T(0)), z, all<Packet>(T(1)), all<Packet>(slope));
  }
};

template <class X>
struct ScalarOf {
  using type = X;
};
template <DenseExpression X>
struct ScalarOf<X> {
  using type = typename X::Scalar;
};
template <class X>
using scalar_of = typename ScalarOf<X>::type;

}  // namespace detail

/// A function of one number with its derivative, applied to every entry of Z (and, where a layer does not fill the SIMD
/// lanes, to numbers beside them that are never looked at):
///
///     g(z)             the value
///     g.derivative(z)  dg/dz
template <class G, class T>
concept ElementwiseActivation = std::copyable<G> && requires(const G g, const T z) {
  { g(z) } -> std::convertible_to<T>;
  { g.derivative(z) } -> std::convertible_to<T>;
};

/// A function of a whole column (a sample), as Softmax: `g.forward(Z, A)` writes A = g(Z), and `g.backward(A, D)` turns
/// D = dJ/dA into dJ/dZ in place. Z, A and D are Eigen arrays (n x m) of either storage order; A may be Z.
template <class G, class T>
concept ColumnActivation = std::copyable<G> &&
    requires(const G g, const Eigen::Array<T, Dynamic, Dynamic> in, Eigen::Array<T, Dynamic, Dynamic> out) {
  g.forward(in, out);
  g.backward(in, out);
};

/// What a layer can apply: one of the two above.
template <class G, class T = double>
concept Activation = ElementwiseActivation<G, T> || ColumnActivation<G, T>;

/// sigma(z) = 1 / (1 + e^-z), between 0 and 1.   sigma'(z) = sigma(z) sigma(-z) = a (1 - a)
struct Sigmoid {
  static constexpr std::string_view name = "sigmoid";
  static constexpr bool takes_arrays = true;

  /// sigma(z) of a number or, entry by entry, of an array.
  template <class Z>
  auto operator()(const Z& z) const {
    return sigmoid(z);
  }
  /// sigma'(z), without the cancellation of 1 - a for large z.
  template <class Z>
  auto derivative(const Z& z) const {
    if constexpr (detail::DenseExpression<Z>) {
      return sigmoid(z.derived().array()) * sigmoid(-z.derived().array());
    } else {
      return sigmoid(z) * sigmoid(-z);
    }
  }
  /// sigma' in terms of a = sigma(z): a (1 - a).
  template <class A>
  auto derivative_from_value(const A& a) const {
    using T = detail::scalar_of<A>;
    if constexpr (detail::DenseExpression<A>) {
      return a.derived().array() * (T(1) - a.derived().array());
    } else {
      return a * (T(1) - a);
    }
  }
  friend bool operator==(const Sigmoid&, const Sigmoid&) = default;
};

/// tanh(z) = (e^z - e^-z) / (e^z + e^-z), between -1 and 1.   tanh'(z) = 1 - tanh(z)^2 = 1 - a^2
struct Tanh {
  static constexpr std::string_view name = "tanh";
  static constexpr bool takes_arrays = true;

  /// tanh(z) of a number or, entry by entry, of an array.
  template <class Z>
  auto operator()(const Z& z) const {
    return shallow::tanh(z);
  }
  /// tanh'(z) = 1 - tanh(z)^2.
  template <class Z>
  auto derivative(const Z& z) const {
    return derivative_from_value(shallow::tanh(z));
  }
  /// tanh' in terms of a = tanh(z): 1 - a^2.
  template <class A>
  auto derivative_from_value(const A& a) const {
    using T = detail::scalar_of<A>;
    if constexpr (detail::DenseExpression<A>) {
      return T(1) - a.derived().array().square();
    } else {
      return T(1) - a * a;
    }
  }
  friend bool operator==(const Tanh&, const Tanh&) = default;
};

/// relu(z) = max(0, z).   relu'(z) = 0 if z <= 0, 1 if z > 0: at the corner the derivative is chosen to be 0.
struct ReLU {
  static constexpr std::string_view name = "relu";
  static constexpr bool takes_arrays = true;

  /// max(0, z) of a number or, entry by entry, of an array; NaN stays NaN.
  template <class Z>
  auto operator()(const Z& z) const {
    return detail::each(Value<detail::scalar_of<Z>>{}, z);
  }
  /// 1 where z > 0, else 0.
  template <class Z>
  auto derivative(const Z& z) const {
    using T = detail::scalar_of<Z>;
    return detail::each(detail::LeakyReLUDerivative<T>{T(0)}, z);
  }
  /// 1 where a > 0, else 0.
  template <class A>
  auto derivative_from_value(const A& a) const {
    return derivative(a);
  }
  friend bool operator==(const ReLU&, const ReLU&) = default;

  /// \private A slope of 0 would not do: 0 times -inf is NaN.
  template <class T>
  struct Value {
    T operator()(const T& z) const { return z < T(0) ? T(0) : z; }
    template <class Packet>
    Packet packetOp(const Packet& z) const {
      const auto zero = detail::all<Packet>(T(0));
      return detail::if_less(z, zero, zero, z);
    }
  };
};

/// g(z) = z if z > 0, slope z otherwise.   g'(z) = 1 if z > 0, slope otherwise (at 0, too).
struct LeakyReLU {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr bool takes_arrays = true;

  /// The slope left of zero, finite and >= 0: a negative one would hide the sign of z in g(z).
  double slope = 0.01;

  /// g(z) of a number or, entry by entry, of an array; NaN stays NaN.
  template <class Z>
  auto operator()(const Z& z) const {
    using T = detail::scalar_of<Z>;
    return detail::each(detail::LeakyReLUValue<T>{T(slope)}, z);
  }
  /// 1 where z > 0, else slope.
  template <class Z>
  auto derivative(const Z& z) const {
    using T = detail::scalar_of<Z>;
    return detail::each(detail::LeakyReLUDerivative<T>{T(slope)}, z);
  }
  /// The same in terms of a = g(z), which has the sign of z.
  template <class A>
  auto derivative_from_value(const A& a) const {
    return derivative(a);
  }
  /// \throws ValueError slope: expected finite and >= 0
  void check() const {
    if (!(slope >= 0) || !std::isfinite(slope)) {
      detail::raise_expected<ValueError>("LeakyReLU", "slope", "finite and >= 0", detail::to_text(slope));
    }
  }
  friend bool operator==(const LeakyReLU&, const LeakyReLU&) = default;
};

/// g(z) = z, the linear output of regression.   g'(z) = 1
struct Identity {
  static constexpr std::string_view name = "identity";
  static constexpr bool takes_arrays = true;

  /// z itself.
  template <class Z>
  auto operator()(const Z& z) const {
    return detail::each(Value<detail::scalar_of<Z>>{}, z);
  }
  /// 1, in the shape of z.
  template <class Z>
  auto derivative(const Z& z) const {
    using T = detail::scalar_of<Z>;
    if constexpr (detail::DenseExpression<Z>) {
      return Eigen::Array<T, Z::RowsAtCompileTime, Z::ColsAtCompileTime>::Constant(z.rows(), z.cols(), T(1));
    } else {
      return T(1);
    }
  }
  /// 1, in the shape of a.
  template <class A>
  auto derivative_from_value(const A& a) const {
    return derivative(a);
  }
  friend bool operator==(const Identity&, const Identity&) = default;

  /// \private
  template <class T>
  struct Value {
    T operator()(const T& z) const { return z; }
    template <class Packet>
    Packet packetOp(const Packet& z) const {
      return z;
    }
  };
};

namespace detail {

/// The text that summaries and errors use for an activation.
template <class G>
std::string_view activation_name(const G& g) {
  if constexpr (requires { std::string_view(g.name); }) {
    return g.name;
  } else if constexpr (requires { std::string_view(g.name()); }) {
    return g.name();
  } else {
    return "custom";
  }
}

/// Lets an activation refuse its own settings.
template <class G>
void check_activation(const G& g) {
  if constexpr (requires { g.check(); }) g.check();
}

}  // namespace detail
}  // namespace shallow

namespace Eigen::internal {
template <class T>
struct functor_traits<shallow::detail::LeakyReLUValue<T>> {
  enum { Cost = 2 * NumTraits<T>::MulCost, PacketAccess = packet_traits<T>::Vectorizable && packet_traits<T>::HasCmp };
};
template <class T>
struct functor_traits<shallow::detail::LeakyReLUDerivative<T>> {
  enum { Cost = NumTraits<T>::MulCost, PacketAccess = packet_traits<T>::Vectorizable && packet_traits<T>::HasCmp };
};
template <class T>
struct functor_traits<shallow::ReLU::Value<T>> {
  enum { Cost = NumTraits<T>::MulCost, PacketAccess = packet_traits<T>::Vectorizable && packet_traits<T>::HasCmp };
};
template <class T>
struct functor_traits<shallow::Identity::Value<T>> {
  enum { Cost = 0, PacketAccess = packet_traits<T>::Vectorizable };
};
}  // namespace Eigen::internal
