// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the engine knows of numbers, whichever target computes with them (targets.hpp).

#include "shallow/types.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace shallow {

// The engine tells activations and losses apart by their types; activation.hpp, softmax.hpp and loss.hpp say what they
// are.
struct Sigmoid;
struct Tanh;
struct ReLU;
struct LeakyReLU;
struct Identity;
struct Softmax;
struct BinaryCrossEntropy;
struct MeanSquaredError;

namespace detail {

struct GivenDerivative;
// The functions of math.hpp, as values.
struct Exponential {};
struct Logistic {};
struct HyperbolicTangent {};
struct Softplus {};

/// Constants per type. The polynomials are minimax fits (Remez exchange, 50 digits), lowest power first.
template <class T>
struct MathConstants;

template <>
struct MathConstants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Bits exponent_bits = 0x7ff0000000000000U;
  /// 1.5 * 2^52 + 1023: added to a number it leaves round(number) + exponent bias in the low bits.
  static constexpr double magic = 0x1.8p52 + 1023;
  /// ln 2 in two parts; the first ends in so many zeros that its product with every exponent is exact.
  static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
  /// tanh(s) = s + s^3 w(s^2), |s| <= ln(2) / 4, relative error 4e-18.
  static constexpr std::array tanh{-0x1.55555555554bap-2, 0x1.11111110e0022p-3,  -0x1.ba1ba1150eeb2p-5,
                                   0x1.664ec8cc7539cp-6,  -0x1.223c2bdb6b533p-7, 0x1.c375942561a82p-9};
  /// 2 atanh(s) = 2 s + s^3 v(s^2), |s| <= 0.1717, relative error 1e-18.
  static constexpr std::array atanh{0x1.5555555555595p-1, 0x1.999999997ee2p-2,  0x1.24924942e0931p-2,
                                    0x1.c71c5138f342dp-3, 0x1.74666c4de942dp-3, 0x1.399ce76af11c5p-3,
                                    0x1.2f3864bccdbcp-3};
  /// e^r = 1 + r + r^2 (q_even(r^2) + r q_odd(r^2)), |r| <= ln 2, relative error 1e-17.
  static constexpr std::array exp_even{0x1.ffffffffffff3p-2,  0x1.5555555556954p-5,  0x1.6c16c169bf416p-10,
                                       0x1.a01a058318f1cp-16, 0x1.27e1c9529c6b8p-22, 0x1.217ae8f73c378p-29};
  static constexpr std::array exp_odd{0x1.55555555555b7p-3,  0x1.11111111081dep-7,  0x1.a01a01b243bep-13,
                                      0x1.71de29f856e7ap-19, 0x1.ae713740fa8f4p-26, 0x1.5e6d1034e78c2p-33};
  static constexpr double tanh_limit = 19.1;               // from here on tanh rounds to 1
  static constexpr double sigmoid_limit = 709.6 / 2;       // e^(2 * limit) has the scale 2^1024 = inf, its inverse 0
  static constexpr double softplus_limit = 709.0 / 2;      // e^(-2 * limit) has the scale 2^-1023, which is stored as 0
  static constexpr double exp_low = -746, exp_high = 710;  // beyond these e^x rounds to 0, overflows
  // The exponents of the two in the middle, 1023.7 and -1022.9, are short of the whole numbers that they round to, so
  // that no rounding mode takes them any further: one more, and the bits would be those of another number.
};

template <>
struct MathConstants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Bits exponent_bits = 0x7f800000U;
  static constexpr float magic = 0x1.8p23F + 127;
  static constexpr float ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;
  static constexpr std::array tanh{-0x1.554fe6p-2F, 0x1.0c7dc2p-3F};
  static constexpr std::array atanh{0x1.55557ap-1F, 0x1.995e98p-2F, 0x1.31eb4ep-2F};
  static constexpr std::array exp_even{0x1.00000cp-1F, 0x1.554a04p-5F, 0x1.71bd7ep-10F};
  static constexpr std::array exp_odd{0x1.55550ep-3F, 0x1.11284ep-7F, 0x1.9b48fcp-13F};
  static constexpr float tanh_limit = 9.1F;
  static constexpr float sigmoid_limit = 88.6F / 2;
  static constexpr float softplus_limit = 88.0F / 2;
  static constexpr float exp_low = -105, exp_high = 89;
};

/// The largest errors of the engine's functions over the whole range, in units in the last place, as measured (139
/// million floats, 20 million doubles).
struct LargestErrors {
  double exp, sigmoid, tanh, softplus;
};
/// With a multiply-add that rounds once, or without.
template <class T>
constexpr LargestErrors largest_errors(bool fused) {
  constexpr bool single = std::is_same_v<T, float>;
  if (fused) return single ? LargestErrors{1.61, 2.49, 2.46, 2.79} : LargestErrors{1.54, 2.45, 2.59, 2.82};
  return single ? LargestErrors{1.91, 2.49, 2.46, 2.79} : LargestErrors{1.82, 2.45, 2.57, 2.85};
}

/// Whether the engine has packs and functions of its own for numbers of this type.
template <class T>
inline constexpr bool has_constants = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// Numbers of type T in a line of the cache; of other types each number is a line.
template <class T>
inline constexpr Index line = has_constants<T> ? Index(64 / sizeof(T)) : 1;

template <class T>
constexpr Index round_up_to_lines(Index n) {
  return (n + line<T> - 1) / line<T> * line<T>;
}

/// 0, 1, 2, ...
template <class T>
inline constexpr std::array lane_numbers{T(0), T(1), T(2),  T(3),  T(4),  T(5),  T(6),  T(7),
                                         T(8), T(9), T(10), T(11), T(12), T(13), T(14), T(15)};

/// Whether a number is neither NaN nor infinite: by its bits, as some flags let a compiler assume that every one is.
template <class T>
bool is_finite(const T& number) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    using C = MathConstants<T>;
    return (bit_cast<typename C::Bits>(number) & C::exponent_bits) != C::exponent_bits;
  } else if constexpr (std::is_floating_point_v<T> && std::numeric_limits<T>::digits == 64) {
    std::array<unsigned char, sizeof(T)> bytes;  // of the x87 unit: 64 bits of mantissa, 15 of exponent, the sign
    std::memcpy(bytes.data(), &number, sizeof(T));
    return bytes[8] != 0xff || (bytes[9] & 0x7f) != 0x7f;
  } else if constexpr (std::is_floating_point_v<T>) {
    return std::isfinite(number);
  } else if constexpr (requires { isfinite(number); }) {
    return isfinite(number);
  } else if constexpr (requires { number.value(); }) {
    return is_finite(number.value());
  } else {
    return (Eigen::numext::isfinite)(number);
  }
}

}  // namespace detail
}  // namespace shallow
