// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Whether numbers are finite, seen by their bits and vectorised, and what is said of the first that is not.

#include "shallow/engine/numbers.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <string>
#include <type_traits>

namespace shallow {
namespace detail {

/// True if none of the numbers is NaN or infinite. Vectorised, unlike Eigen's allFinite().
template <class T>
bool all_finite(Index size, const T* x) {
  return with_engine<T>([&](auto engine) { return engine.all_finite(size, x); });
}

/// The same of a matrix or array that lies in memory column after column.
template <class Derived>
bool all_finite(const Eigen::DenseBase<Derived>& matrix) {
  using T = typename Derived::Scalar;
  const Derived& x = matrix.derived();
  if constexpr (Eigen::NumTraits<T>::IsInteger) {
    return true;
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(!Derived::IsRowMajor || Derived::IsVectorAtCompileTime);
    if (x.size() == 0) return true;
    if (x.outerStride() == x.innerSize()) return all_finite(x.size(), x.data());
    for (Index j = 0; j < x.outerSize(); ++j) {
      if (!all_finite(x.innerSize(), x.data() + j * x.outerStride())) return false;
    }
    return true;
  } else {
    for (Index j = 0; j < x.cols(); ++j) {
      for (Index i = 0; i < x.rows(); ++i) {
        if (!is_finite(T(x.coeff(i, j)))) return false;
      }
    }
    return true;
  }
}

/// "<text> in row i, column j".
EIGEN_DONT_INLINE inline std::string at_entry(std::string text, Index i, Index j) {
  return text.append(numbered(" in row ", i)).append(numbered(", column ", j));
}

/// What a number is that is not finite. (printf may put a sign or more beside NaN.)
template <class T>
std::string not_finite_text(const T& number) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    using C = MathConstants<T>;
    if ((bit_cast<typename C::Bits>(number) & ((typename C::Bits(1) << C::mantissa_bits) - 1)) != 0) return "nan";
  }
  if (T(0) < number) return "inf";
  return number < T(0) ? "-inf" : "nan";
}

/// Throws for the first number, sample after sample, that is not finite. Not inlined: it is the rare end of a check.
template <class Derived>
[[noreturn]] EIGEN_DONT_INLINE void raise_not_finite(const char* function, const char* argument,
                                                     const Eigen::DenseBase<Derived>& numbers) {
  using T = typename Derived::Scalar;
  std::string given;
  for (Index j = 0; j < numbers.cols() && given.empty(); ++j) {
    for (Index i = 0; i < numbers.rows() && given.empty(); ++i) {
      const T number = numbers.derived().coeff(i, j);
      if (!is_finite(number)) given = at_entry(not_finite_text(number), i, j);
    }
  }
  raise_expected<ValueError>(function, argument, "finite numbers", given);
}

/// \throws ValueError `argument`: expected finite numbers, with the first that is not: "nan in row i, column j"
template <class M>
void check_finite(const char* function, const char* argument, const M& numbers) {
  if (!all_finite(numbers)) raise_not_finite(function, argument, numbers);
}

}  // namespace detail
}  // namespace shallow
