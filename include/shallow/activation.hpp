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
/// `name`, which summaries print and model files need; `settings`, pointers to the numbers that it is set by, which
/// summaries print and model files keep: `static constexpr std::tuple settings{&Elu::alpha};`; `check()`, which throws
/// if these are out of range and is called when a layer is made; and `==`. Where the value and the derivatives accept
/// Eigen arrays too, as those below do, say `static constexpr bool takes_arrays = true;` and they are applied to whole
/// arrays, vectorised, instead of number by number.

#include "shallow/error.hpp"
#include "shallow/math.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow {

namespace detail {

/// `each` of an array: what activations make of a matrix, too.
template <class Which, class G, class Argument>
auto each_of_array(const G& g, Argument&& x) {
  if constexpr (TemporaryMatrix<Argument>) {
    return each<Which>(g, x.derived().array()).eval();
  } else if constexpr (DenseExpression<std::remove_cvref_t<Argument>>) {
    return each<Which>(g, x.derived().array());
  } else {
    return each<Which>(g, x);
  }
}

/// False: for what the compiler is to say of a type.
template <class... T>
inline constexpr bool never = false;

// What activations are made of, each with a name that compilers print.

template <class G, class T>
concept HasValue = requires(const G g, const T z) {
  { g(z) } -> std::convertible_to<T>;
};
template <class G, class T>
concept HasDerivative = requires(const G g, const T z) {
  { g.derivative(z) } -> std::convertible_to<T>;
};
template <class G, class T>
concept HasForward = requires(const G g, const Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> in,
                              Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> out) {
  g.forward(in, out);
};
template <class G, class T>
concept HasBackward = requires(const G g, const Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> in,
                               Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> out) {
  g.backward(in, out);
};

}  // namespace detail

/// A function of one number with its derivative, applied to every entry of Z (and, where a layer does not fill the SIMD
/// lanes, to numbers beside them that are never looked at):
///
///     g(z)             the value
///     g.derivative(z)  dg/dz
template <class G, class T = double>
concept ElementwiseActivation = std::copyable<G> && detail::HasValue<G, T> && detail::HasDerivative<G, T>;

/// A function of a whole column (a sample), as Softmax: `g.forward(Z, A)` writes A = g(Z), and `g.backward(A, D)` turns
/// D = dJ/dA into dJ/dZ in place. Z, A and D are Eigen arrays (n x m) of either storage order; A may be Z.
template <class G, class T = double>
concept ColumnActivation = std::copyable<G> && detail::HasForward<G, T> && detail::HasBackward<G, T>;

/// What a layer can apply: an ElementwiseActivation or a ColumnActivation.
template <class G, class T = double>
concept Activation = ElementwiseActivation<G, T> || ColumnActivation<G, T>;

namespace detail {

/// True, or an error of the compiler that says what G lacks of an activation.
template <class G, class T>
constexpr bool require_activation() {
  if constexpr (!Activation<G, T>) {
    if constexpr (!std::is_class_v<G>) {
      static_assert(never<G>,
                    "shallow: an activation is a struct with g(z) and g.derivative(z): a function alone, or "
                    "a number, does not tell its derivative");
    } else if constexpr (HasForward<G, T> || HasBackward<G, T>) {
      static_assert(HasForward<G, T>, "shallow: this activation lacks forward(Z, A) const, which writes A = g(Z)");
      static_assert(HasBackward<G, T>,
                    "shallow: this activation lacks backward(A, D) const, which turns D = dJ/dA into "
                    "dJ/dZ");
    } else {
      static_assert(HasValue<G, T>,
                    "shallow: this activation lacks its value, operator()(z) const, a number of a number");
      static_assert(HasDerivative<G, T>, "shallow: this activation lacks derivative(z) const, a number of a number");
    }
    static_assert(std::copyable<G>, "shallow: an activation can be copied and assigned");
  }
  return true;
}

}  // namespace detail

/// sigma(z) = 1 / (1 + e^-z), between 0 and 1.   sigma'(z) = sigma(z) sigma(-z) = a (1 - a)
struct Sigmoid {
  /// What summaries and model files call it.
  static constexpr std::string_view name = "sigmoid";
  /// It takes whole Eigen arrays as well as numbers.
  static constexpr bool takes_arrays = true;

  /// sigma(z) of a number or, entry by entry, of an array.
  template <class Z>
  auto operator()(Z&& z) const {
    return detail::each_of_array<detail::Values>(*this, std::forward<Z>(z));
  }
  /// sigma'(z), without the cancellation of 1 - a for large z.
  template <class Z>
  auto derivative(Z&& z) const {
    return detail::each_of_array<detail::Derivatives>(*this, std::forward<Z>(z));
  }
  /// sigma' in terms of a = sigma(z): a (1 - a).
  template <class A>
  auto derivative_from_value(A&& a) const {
    return detail::each_of_array<detail::DerivativesFromValues>(*this, std::forward<A>(a));
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const Sigmoid&, const Sigmoid&) = default;

  /// \private What the engine applies, and no class derived from it.
  using Entries = Sigmoid;
};

/// tanh(z) = (e^z - e^-z) / (e^z + e^-z), between -1 and 1.   tanh'(z) = 1 - tanh(z)^2 = 1 - a^2
struct Tanh {
  /// What summaries and model files call it.
  static constexpr std::string_view name = "tanh";
  /// It takes whole Eigen arrays as well as numbers.
  static constexpr bool takes_arrays = true;

  /// tanh(z) of a number or, entry by entry, of an array.
  template <class Z>
  auto operator()(Z&& z) const {
    return detail::each_of_array<detail::Values>(*this, std::forward<Z>(z));
  }
  /// tanh'(z) = 1 - tanh(z)^2.
  template <class Z>
  auto derivative(Z&& z) const {
    return detail::each_of_array<detail::Derivatives>(*this, std::forward<Z>(z));
  }
  /// tanh' in terms of a = tanh(z): 1 - a^2.
  template <class A>
  auto derivative_from_value(A&& a) const {
    return detail::each_of_array<detail::DerivativesFromValues>(*this, std::forward<A>(a));
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const Tanh&, const Tanh&) = default;

  /// \private What the engine applies, and no class derived from it.
  using Entries = Tanh;
};

/// relu(z) = max(0, z).   relu'(z) = 0 if z <= 0, 1 if z > 0: at the corner the derivative is chosen to be 0.
struct ReLU {
  /// What summaries and model files call it.
  static constexpr std::string_view name = "relu";
  /// It takes whole Eigen arrays as well as numbers.
  static constexpr bool takes_arrays = true;

  /// max(0, z) of a number or, entry by entry, of an array; NaN stays NaN.
  template <class Z>
  auto operator()(Z&& z) const {
    return detail::each_of_array<detail::Values>(*this, std::forward<Z>(z));
  }
  /// 1 where z > 0, else 0.
  template <class Z>
  auto derivative(Z&& z) const {
    return detail::each_of_array<detail::Derivatives>(*this, std::forward<Z>(z));
  }
  /// 1 where a > 0, else 0.
  template <class A>
  auto derivative_from_value(A&& a) const {
    return detail::each_of_array<detail::DerivativesFromValues>(*this, std::forward<A>(a));
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const ReLU&, const ReLU&) = default;

  /// \private What the engine applies, and no class derived from it.
  using Entries = ReLU;
};

/// g(z) = z if z > 0, slope z otherwise.   g'(z) = 1 if z > 0, slope otherwise (at 0, too).
struct LeakyReLU {
  /// What summaries and model files call it.
  static constexpr std::string_view name = "leaky_relu";
  /// It takes whole Eigen arrays as well as numbers.
  static constexpr bool takes_arrays = true;

  /// The slope left of zero, finite and >= 0: a negative one would hide the sign of z in g(z).
  double slope = 0.01;
  /// What summaries and model files say beside the name.
  static constexpr std::tuple settings{&LeakyReLU::slope};

  /// g(z) of a number or, entry by entry, of an array; NaN stays NaN.
  template <class Z>
  auto operator()(Z&& z) const {
    return detail::each_of_array<detail::Values>(*this, std::forward<Z>(z));
  }
  /// 1 where z > 0, else slope.
  template <class Z>
  auto derivative(Z&& z) const {
    return detail::each_of_array<detail::Derivatives>(*this, std::forward<Z>(z));
  }
  /// The same in terms of a = g(z), which has the sign of z.
  template <class A>
  auto derivative_from_value(A&& a) const {
    return detail::each_of_array<detail::DerivativesFromValues>(*this, std::forward<A>(a));
  }
  /// \throws ValueError slope: expected finite and >= 0
  void(check)() const {
    if (!(slope >= 0) || !detail::is_finite(slope)) {
      detail::raise_expected<ValueError>("LeakyReLU", "slope", "finite and >= 0", detail::to_text(slope));
    }
  }
  /// The same slope.
  friend bool operator==(const LeakyReLU&, const LeakyReLU&) = default;

  /// \private What the engine applies, and no class derived from it.
  using Entries = LeakyReLU;
};

/// g(z) = z, the linear output of regression.   g'(z) = 1
struct Identity {
  /// What summaries and model files call it.
  static constexpr std::string_view name = "identity";
  /// It takes whole Eigen arrays as well as numbers.
  static constexpr bool takes_arrays = true;

  /// z itself.
  template <class Z>
  auto operator()(Z&& z) const {
    return detail::each_of_array<detail::Values>(*this, std::forward<Z>(z));
  }
  /// 1, in the shape of z.
  template <class Z>
  auto derivative(Z&& z) const {
    return detail::each_of_array<detail::Derivatives>(*this, std::forward<Z>(z));
  }
  /// 1, in the shape of a.
  template <class A>
  auto derivative_from_value(A&& a) const {
    return detail::each_of_array<detail::DerivativesFromValues>(*this, std::forward<A>(a));
  }
  /// Always true: there is nothing to set.
  friend bool operator==(const Identity&, const Identity&) = default;

  /// \private What the engine applies, and no class derived from it.
  using Entries = Identity;
};

namespace detail {

/// The text that summaries and errors use for an activation; `otherwise` if it has none.
template <class G>
std::string_view activation_name(const G& g, std::string_view otherwise = "custom") {
  if constexpr (requires { std::string_view(g.name); }) {
    return g.name;
  } else if constexpr (requires { std::string_view(g.name()); }) {
    return g.name();
  } else {
    return otherwise;
  }
}

/// Whether the type says which numbers its activations are set by.
template <class G>
inline constexpr bool has_settings = requires {
  G::settings;
};

/// The numbers that an activation is set by.
template <class G>
std::vector<double> setting_values(const G& g) {
  if constexpr (has_settings<G>) {
    return std::apply([&](auto... member) { return std::vector<double>{static_cast<double>(g.*member)...}; },
                      G::settings);
  } else if constexpr (requires { g.setting_values(); }) {
    return g.setting_values();
  } else {
    return {};
  }
}

/// Whether name and settings say all that there is to say about an activation.
template <class G>
bool is_described(const G& g) {
  if constexpr (requires { g.is_described(); }) {
    return g.is_described();
  } else {
    return !activation_name(g, "").empty() && (std::is_empty_v<G> || has_settings<G>);
  }
}

/// Lets an activation refuse its own settings.
template <class G>
void check_activation(const G& g) {
  if constexpr (requires { (g.check)(); }) (g.check)();
}

}  // namespace detail
}  // namespace shallow
