// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// exp, sigmoid, tanh and softplus of a whole packet of numbers: what math.hpp applies to arrays and single numbers.
///
/// The packets are Eigen's, the operations its generic ones. No branch, and no operation that the compiler is free to
/// fuse or not: every lane, every packet size and every copy of the code gives the same bits. What a flag might let it
/// rearrange or assume goes through as_rounded() and is_finite().

#include "shallow/types.hpp"

#include <Eigen/Core>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace shallow::detail {

template <class Packet>
using packet_scalar_t = typename Eigen::internal::unpacket_traits<Packet>::type;

template <class Packet>
inline constexpr bool is_single = std::is_same_v<Packet, packet_scalar_t<Packet>>;

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

/// The same number in every lane.
template <class Packet, class Number>
EIGEN_ALWAYS_INLINE Packet all(const Number& value) {
  return Eigen::internal::pset1<Packet>(packet_scalar_t<Packet>(value));
}

/// The same number, rounded to its type, and nothing that the compiler knows of: flags such as -fassociative-math let
/// it take a - b + b for a, and the x87 unit keeps more digits than a double has. Costs no instruction where the number
/// is in a register.
template <class P>
EIGEN_ALWAYS_INLINE P as_rounded(P number) {
#if defined(__GNUC__) && defined(__SSE2__)
  __asm__("" : "+v"(number));
#elif defined(__GNUC__) && (defined(__i386__) || defined(__x86_64__))
  __asm__("" : "+m"(number));
#else
  EIGEN_OPTIMIZATION_BARRIER(number)
#endif
  return number;
}

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

/// a b + c. All sums of products go through here: left to the compiler, it would fuse some copies of the code and not
/// others, and a value would depend on its place in the array.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet multiply_add(const Packet& a, const Packet& b, const Packet& c) {
#ifdef FP_FAST_FMA
  if constexpr (std::is_same_v<Packet, double>) return std::fma(a, b, c);
#endif
#ifdef FP_FAST_FMAF
  if constexpr (std::is_same_v<Packet, float>) return std::fma(a, b, c);
#endif
  return Eigen::internal::pmadd(a, b, c);
}

/// c[0] + c[1] x + c[2] x^2 + ..., Horner's rule. A pack, not a loop: it is unrolled at every optimisation level.
template <class Packet, class T, std::size_t N>
EIGEN_ALWAYS_INLINE Packet polynomial(const Packet& x, const std::array<T, N>& c) {
  return [&]<std::size_t... K>(std::index_sequence<K...>) {
    Packet sum = all<Packet>(c[N - 1]);
    ((sum = multiply_add(sum, x, all<Packet>(c[N - 2 - K]))), ...);
    return sum;
  }
  (std::make_index_sequence<N - 1>{});
}

// 32-bit ARM has no division and no square root of packets: Eigen estimates them, with errors of more than a hundred
// units in the last place, and a tanh of 1 + 1e-5 follows. There the scalar unit works lane by lane.
#if defined(EIGEN_VECTORIZE_NEON) && !EIGEN_ARCH_ARM64
template <class Packet, class F>
EIGEN_ALWAYS_INLINE Packet by_lanes(const Packet& a, const Packet& b, F&& f) {
  std::array<packet_scalar_t<Packet>, Eigen::internal::unpacket_traits<Packet>::size> left, right;
  Eigen::internal::pstoreu(left.data(), a);
  Eigen::internal::pstoreu(right.data(), b);
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = f(left[i], right[i]);
  return Eigen::internal::ploadu<Packet>(left.data());
}
#endif

/// a / b.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet divide(const Packet& a, const Packet& b) {
#if defined(EIGEN_VECTORIZE_NEON) && !EIGEN_ARCH_ARM64
  return by_lanes(a, b, [](const auto& x, const auto& y) { return x / y; });
#else
  return Eigen::internal::pdiv(a, b);
#endif
}

/// The square root of a >= 0.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet square_root(const Packet& a) {
#if defined(EIGEN_VECTORIZE_NEON) && !EIGEN_ARCH_ARM64
  return by_lanes(a, a, [](const auto& x, const auto&) {
    using std::sqrt;
    return sqrt(x);
  });
#else
  return Eigen::internal::psqrt(a);
#endif
}

// On x86 Eigen estimates square roots as a times 1 / sqrt(a), of float and, with AVX-512, of double; and 0 times
// infinity is an invalid operation on ordinary input. The exact ones are as fast with SSE. For longer packets the same
// estimate is taken, with one or two steps of Newton's, of the next number that has a finite one.
#ifdef EIGEN_VECTORIZE_SSE2
EIGEN_ALWAYS_INLINE Eigen::internal::Packet4f square_root(const Eigen::internal::Packet4f& a) { return _mm_sqrt_ps(a); }
#endif
#ifdef EIGEN_VECTORIZE_AVX
template <int steps, class Packet, class Estimate>
EIGEN_ALWAYS_INLINE Packet estimated_square_root(const Packet& a, Estimate&& inverse_square_root) {
  namespace ei = Eigen::internal;
  using T = packet_scalar_t<Packet>;
  const Packet positive = ei::pmax(a, all<Packet>((std::numeric_limits<T>::min)()));
  const Packet half = ei::pmul(positive, all<Packet>(T(-0.5)));
  Packet inverse = inverse_square_root(positive);
  const auto newton = [&] {
    const Packet error = multiply_add(half, Packet(ei::pmul(inverse, inverse)), all<Packet>(T(1.5)));
    inverse = ei::pmul(inverse, error);
  };
  newton();
  if constexpr (steps == 2) newton();
  return ei::pmul(a, inverse);
}
EIGEN_ALWAYS_INLINE Eigen::internal::Packet8f square_root(const Eigen::internal::Packet8f& a) {
  return estimated_square_root<1>(a, [](const auto& x) { return Eigen::internal::Packet8f(_mm256_rsqrt_ps(x)); });
}
#endif
#ifdef EIGEN_VECTORIZE_AVX512
EIGEN_ALWAYS_INLINE Eigen::internal::Packet16f square_root(const Eigen::internal::Packet16f& a) {
  return estimated_square_root<1>(a, [](const auto& x) { return Eigen::internal::Packet16f(_mm512_rsqrt14_ps(x)); });
}
EIGEN_ALWAYS_INLINE Eigen::internal::Packet8d square_root(const Eigen::internal::Packet8d& a) {
  return estimated_square_root<2>(a, [](const auto& x) { return Eigen::internal::Packet8d(_mm512_rsqrt14_pd(x)); });
}
#endif

/// `magnitude` (>= 0) with the sign of `from`.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet with_sign(const Packet& magnitude, const Packet& from) {
  if constexpr (is_single<Packet>) {
    return std::copysign(magnitude, from);
  } else {
    return Eigen::internal::por(magnitude, Eigen::internal::pand(from, all<Packet>(packet_scalar_t<Packet>(-0.0))));
  }
}

/// a < b ? yes : no.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet if_less(const Packet& a, const Packet& b, const Packet& yes, const Packet& no) {
  if constexpr (is_single<Packet>) {
    return a < b ? yes : no;
  } else {
    return Eigen::internal::pselect(Eigen::internal::pcmp_lt(a, b), yes, no);
  }
}

/// Moves the low bits, a biased exponent, to where exponents stand: 2^n from n + magic.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet power_of_two(const Packet& shifted) {
  using C = MathConstants<packet_scalar_t<Packet>>;
  namespace ei = Eigen::internal;
  if constexpr (is_single<Packet>) {
    return bit_cast<Packet>(bit_cast<typename C::Bits>(shifted) << C::mantissa_bits);
  } else if constexpr (requires { typename ei::unpacket_traits<Packet>::integer_packet; }) {
    using Integers = typename ei::unpacket_traits<Packet>::integer_packet;
    return ei::preinterpret<Packet>(ei::plogical_shift_left<C::mantissa_bits>(ei::preinterpret<Integers>(shifted)));
  } else {
    return ei::pldexp(all<Packet>(1), ei::psub(shifted, all<Packet>(C::magic)));
  }
}

// Eigen 3.4 has no packets of 64-bit integers on x86.
#ifdef EIGEN_VECTORIZE_SSE2
EIGEN_ALWAYS_INLINE Eigen::internal::Packet2d power_of_two(const Eigen::internal::Packet2d& shifted) {
  return _mm_castsi128_pd(_mm_slli_epi64(_mm_castpd_si128(shifted), 52));
}
#endif
#ifdef EIGEN_VECTORIZE_AVX
EIGEN_ALWAYS_INLINE Eigen::internal::Packet4d power_of_two(const Eigen::internal::Packet4d& shifted) {
#ifdef EIGEN_VECTORIZE_AVX2
  return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(shifted), 52));
#else
  const __m128d low = power_of_two(Eigen::internal::Packet2d(_mm256_castpd256_pd128(shifted)));
  const __m128d high = power_of_two(Eigen::internal::Packet2d(_mm256_extractf128_pd(shifted, 1)));
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(low), high, 1);
#endif
}
#endif
#ifdef EIGEN_VECTORIZE_AVX512
EIGEN_ALWAYS_INLINE Eigen::internal::Packet8d power_of_two(const Eigen::internal::Packet8d& shifted) {
  return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(shifted), 52));
}
#endif

/// round(x / ln 2 * share) + magic.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet shifted_exponent(const Packet& x, double share) {
  using T = packet_scalar_t<Packet>;
  constexpr double log2_e = 0x1.71547652b82fep+0;
  return as_rounded(multiply_add(x, all<Packet>(T(log2_e * share)), all<Packet>(MathConstants<T>::magic)));
}

/// The whole number in round(..) + magic.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet exponent_of(const Packet& shifted) {
  return as_rounded(Eigen::internal::psub(shifted, all<Packet>(MathConstants<packet_scalar_t<Packet>>::magic)));
}

/// x - n ln 2 * share, with ln 2 in one or two parts.
template <int parts, class Packet>
EIGEN_ALWAYS_INLINE Packet without_exponent(const Packet& x, const Packet& n, double share) {
  using T = packet_scalar_t<Packet>;
  using C = MathConstants<T>;
  if constexpr (parts == 1) return multiply_add(n, all<Packet>(T(-double(C::ln2_high + C::ln2_low) * share)), x);
  const Packet rest = as_rounded(multiply_add(n, all<Packet>(T(-double(C::ln2_high) * share)), x));
  return multiply_add(n, all<Packet>(T(-double(C::ln2_low) * share)), rest);
}

/// e^(2h) = scale (1 + t) / (1 - t), scale = 2^n, t = tanh(h - n ln(2) / 2), |t| < 0.18: the argument reduction of Cody
/// and Waite ("Software Manual for the Elementary Functions", 1980), n ln(2) taken off in one or two `parts`. One part
/// is enough where the result flattens faster than the error n eps grows, as tanh does.
///
/// A quotient suits the three functions below: whatever they do to it, one division remains.
template <class Packet>
struct Exponential {
  Packet scale, t;
};

template <int parts, class Packet>
EIGEN_ALWAYS_INLINE Exponential<Packet> exponential(const Packet& h) {
  namespace ei = Eigen::internal;
  using C = MathConstants<packet_scalar_t<Packet>>;
  const Packet shifted = shifted_exponent(h, 2.0);
  const Packet s = without_exponent<parts>(h, exponent_of(shifted), 0.5);
  const Packet z = ei::pmul(s, s);
  return {power_of_two(shifted), multiply_add(ei::pmul(s, z), polynomial(z, C::tanh), s)};
}

// In the clamps below the argument comes first: Eigen's pmin and pmax return the first operand if one is NaN.

/// e^x = 2^n (2^n e^r), n = round(x / (2 ln 2)): 2^n twice, as 2^(2n) would overflow before e^x does.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet packet_exp(const Packet& argument) {
  namespace ei = Eigen::internal;
  using C = MathConstants<packet_scalar_t<Packet>>;
  const Packet x = ei::pmax(ei::pmin(argument, all<Packet>(C::exp_high)), all<Packet>(C::exp_low));
  const Packet shifted = shifted_exponent(x, 0.5);
  const Packet r = without_exponent<2>(x, exponent_of(shifted), 2.0);
  const Packet scale = power_of_two(shifted);
  const Packet z = ei::pmul(r, r), one = all<Packet>(1);
  // Even and odd powers apart: two short chains of dependent operations instead of a long one.
  const Packet q = multiply_add(r, polynomial(z, C::exp_odd), polynomial(z, C::exp_even));
  const Packet e = multiply_add(r, multiply_add(r, q, one), one);
  return ei::pmul(ei::pmul(e, scale), scale);
}

/// 1 / (1 + e^-x), with e^-x as above: (1 - t) / ((1 - t) + scale (1 + t)).
template <class Packet>
EIGEN_ALWAYS_INLINE Packet packet_sigmoid(const Packet& x) {
  namespace ei = Eigen::internal;
  using C = MathConstants<packet_scalar_t<Packet>>;
  const Packet limit = all<Packet>(C::sigmoid_limit), one = all<Packet>(1);
  const Packet h = ei::pmul(x, all<Packet>(packet_scalar_t<Packet>(-0.5)));
  const auto [scale, t] = exponential<2>(ei::pmax(ei::pmin(h, limit), all<Packet>(-C::tanh_limit)));
  const Packet below = ei::psub(one, t);
  return divide(below, multiply_add(scale, ei::padd(one, t), below));
}

/// (e^2a - 1) / (e^2a + 1), a = |x|, with e^2a as above: ((scale - 1) + t (scale + 1)) / ((scale + 1) + t (scale - 1)).
template <class Packet>
EIGEN_ALWAYS_INLINE Packet packet_tanh(const Packet& x) {
  namespace ei = Eigen::internal;
  using C = MathConstants<packet_scalar_t<Packet>>;
  const Packet one = all<Packet>(1);
  const auto [scale, t] = exponential<1>(ei::pmin(ei::pabs(x), all<Packet>(C::tanh_limit)));
  const Packet below = as_rounded(ei::psub(scale, one)), above = ei::padd(scale, one);
  return with_sign(divide(multiply_add(t, above, below), multiply_add(t, below, above)), x);
}

/// log(1 + e^x) = max(x, 0) + log(1 + e), e = e^-|x|, and
///
///     log(1 + e) = 2 atanh(e / (2 + e))                      e small
///                = ln 2 + 2 atanh((e - 1) / (e + 3))         e near 1
///
/// so that |the argument of atanh| <= 0.172. With e = n / m, m = 1 - t, both are quotients of sums of n and m.
template <class Packet>
EIGEN_ALWAYS_INLINE Packet packet_softplus(const Packet& x) {
  namespace ei = Eigen::internal;
  using T = packet_scalar_t<Packet>;
  using C = MathConstants<T>;
  const Packet zero = all<Packet>(0), one = all<Packet>(1);
  const Packet a = ei::pmin(ei::pmul(ei::pabs(x), all<Packet>(T(0.5))), all<Packet>(C::softplus_limit));
  const auto [scale, t] = exponential<2>(ei::pnegate(a));
  const Packet n = as_rounded(ei::pmul(scale, ei::padd(one, t))), m = as_rounded(ei::psub(one, t));
  const Packet near_one = if_less(a, all<Packet>(T(0.4406867935097715)), one, zero);  // e > sqrt(2) - 1
  const Packet s =
      divide(multiply_add(ei::pnegate(near_one), m, n), multiply_add(ei::padd(all<Packet>(2), near_one), m, n));
  const Packet base =
      as_rounded(multiply_add(near_one, all<Packet>(T(0x1.62e42fefa39efp-1)), Packet(ei::pmax(x, zero))));
  const Packet z = ei::pmul(s, s);
  return ei::padd(base, as_rounded(multiply_add(ei::pmul(s, z), polynomial(z, C::atanh), ei::padd(s, s))));
}

/// The widest packet of numbers of type T; T itself where Eigen has none.
template <class T>
using Packet = typename Eigen::internal::packet_traits<T>::type;

/// Lanes of a packet: 1 for a number type that Eigen does not vectorise, so that every kernel serves it as well.
template <class T>
inline constexpr Index packet_size = Eigen::internal::unpacket_traits<Packet<T>>::size;

// Two object files of a program may be compiled for different processors, and the linker keeps one of two functions of
// the same name. So the packet's size is a template parameter, which nobody gives, of every function that shares it
// with its caller: whichever functions the linker keeps, those that call each other agree on it.

/// Calls f(i, x) for the places i of an array of `count` numbers: first for its whole packets, x being a packet, then
/// one by one, x being a number. Only the type of x counts. The division depends on the count alone and not, as
/// Eigen's, on where the array lies: sums come out the same in every run.
template <class T, class F>
EIGEN_ALWAYS_INLINE void for_packets(Index count, F&& f) {
  Index i = 0;
  for (; i + packet_size<T> <= count; i += packet_size<T>) f(i, Packet<T>{});
  if constexpr (packet_size<T> != 1) {
    for (; i < count; ++i) f(i, T(0));
  }
}

/// A packet, or a number, as the type P says.
template <class P>
EIGEN_ALWAYS_INLINE P load(const packet_scalar_t<P>* from) {
  return Eigen::internal::ploadu<P>(from);
}

}  // namespace shallow::detail
