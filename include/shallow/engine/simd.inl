// SPDX-License-Identifier: MIT
//
// Packs of numbers for one target. targets.hpp includes this file once for each, in a namespace of its own, with
//
//     SHALLOW_VECTOR_BYTES   in a vector; 0: numbers one by one
//     SHALLOW_FUSED          1 where there is a multiply-add that rounds once, else 0
//     SHALLOW_REGISTERS      for vectors
//
// A function is written once for every pack P: a vector of float or double, or a single number of any type. Each is one
// correctly rounded operation that no flag lets the compiler fuse with another: all targets with a multiply-add give
// the same bits, in every lane and for a single number, and so do all without.

inline constexpr bool fused = SHALLOW_FUSED != 0;
inline constexpr int registers = SHALLOW_REGISTERS;

template <class T>
struct PackOf {
  using type = T;
};
template <class P>
struct NumberOf {
  using type = P;
};
#if SHALLOW_VECTOR_BYTES > 0
// NOLINTBEGIN(modernize-use-using): an alias takes no such attributes of a type that depends on T
template <class T, class Integer>
struct VectorOf {
  typedef T type __attribute__((vector_size(SHALLOW_VECTOR_BYTES)));
  typedef T unaligned __attribute__((vector_size(SHALLOW_VECTOR_BYTES), aligned(alignof(T)), may_alias));
  typedef Integer integers __attribute__((vector_size(SHALLOW_VECTOR_BYTES)));
};
// NOLINTEND(modernize-use-using)
template <>
struct PackOf<float> : VectorOf<float, std::int32_t> {};
template <>
struct PackOf<double> : VectorOf<double, std::int64_t> {};
template <>
struct NumberOf<PackOf<float>::type> {
  using type = float;
};
template <>
struct NumberOf<PackOf<double>::type> {
  using type = double;
};
#endif

/// A vector of numbers of type T; T itself where there are none.
template <class T>
using Pack = typename PackOf<T>::type;
/// The type of the numbers in a pack.
template <class P>
using Number = typename NumberOf<P>::type;
/// Whether a pack is a number.
template <class P>
inline constexpr bool is_single = std::is_same_v<P, Number<P>>;
/// Numbers in a pack.
template <class T>
inline constexpr Index pack_size = Index(sizeof(Pack<T>) / sizeof(T));

template <class P>
EIGEN_ALWAYS_INLINE P load(const Number<P>* from) {
  if constexpr (is_single<P>) {
    return *from;
  } else {
    return *reinterpret_cast<const typename PackOf<Number<P>>::unaligned*>(from);
  }
}
template <class P>
EIGEN_ALWAYS_INLINE void store(Number<P>* to, P pack) {
  if constexpr (is_single<P>) {
    *to = pack;
  } else {
    *reinterpret_cast<typename PackOf<Number<P>>::unaligned*>(to) = pack;
  }
}

/// The same number in every lane.
template <class P, class X>
EIGEN_ALWAYS_INLINE P all(const X& x) {
  if constexpr (is_single<P>) {
    return P(x);
  } else {
    return Number<P>(x) - P{};  // and not P{} + x, which would lose the sign of -0
  }
}

/// The same, and nothing that the compiler knows of. It would fuse a product with a sum here and not there; flags such
/// as -fassociative-math let it take a - b + b for a, and the x87 unit keeps more digits than a double has. No
/// instruction where the pack is in a register.
template <class P>
EIGEN_ALWAYS_INLINE P as_rounded(P pack) {
  if constexpr (has_constants<Number<P>>) {
#if defined(__GNUC__) && defined(__SSE2__)
    __asm__("" : "+v"(pack));
#elif defined(__GNUC__) && defined(__i386__)
    __asm__("" : "+m"(pack));
#elif defined(__GNUC__) && (defined(__aarch64__) || defined(__ARM_NEON))
    __asm__("" : "+w"(pack));
#elif defined(__GNUC__) && defined(__VX__)
    __asm__("" : "+v"(pack));
#elif defined(__GNUC__) && !defined(__wasm__)  // which has nothing to fuse
    EIGEN_OPTIMIZATION_BARRIER(pack)
#endif
  }
  return pack;
}

template <class P>
EIGEN_ALWAYS_INLINE P add(P a, P b) {
  return P(a + b);
}
template <class P>
EIGEN_ALWAYS_INLINE P sub(P a, P b) {
  return P(a - b);
}
template <class P>
EIGEN_ALWAYS_INLINE P mul(P a, P b) {
  return as_rounded(P(a * b));
}
template <class P>
EIGEN_ALWAYS_INLINE P div(P a, P b) {
  return P(a / b);
}
template <class P>
EIGEN_ALWAYS_INLINE P negate(P a) {
  return P(-a);
}

#if SHALLOW_VECTOR_BYTES > 0
// What the compilers have no operator for. The mask of all lanes is -1, of a signed type here and an unsigned one
// there.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#if defined(__clang__) && __has_builtin(__builtin_elementwise_fma)
template <class P>
EIGEN_ALWAYS_INLINE P vector_fma(P a, P b, P c) {
  return __builtin_elementwise_fma(a, b, c);
}
#elif SHALLOW_FUSED && SHALLOW_VECTOR_BYTES == 64
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(Pack<float> a, Pack<float> b, Pack<float> c) {
  return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4);
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(Pack<double> a, Pack<double> b, Pack<double> c) {
  return __builtin_ia32_vfmaddpd512_mask(a, b, c, -1, 4);
}
#elif SHALLOW_FUSED && SHALLOW_VECTOR_BYTES == 32
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(Pack<float> a, Pack<float> b, Pack<float> c) {
  return __builtin_ia32_vfmaddps256(a, b, c);
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(Pack<double> a, Pack<double> b, Pack<double> c) {
  return __builtin_ia32_vfmaddpd256(a, b, c);
}
#elif SHALLOW_FUSED && defined(__x86_64__)
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(Pack<float> a, Pack<float> b, Pack<float> c) {
  return __builtin_ia32_vfmaddps(a, b, c);
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(Pack<double> a, Pack<double> b, Pack<double> c) {
  return __builtin_ia32_vfmaddpd(a, b, c);
}
#elif SHALLOW_FUSED && defined(__aarch64__)
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(Pack<float> a, Pack<float> b, Pack<float> c) {
  return Pack<float>(vfmaq_f32(float32x4_t(c), float32x4_t(a), float32x4_t(b)));
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(Pack<double> a, Pack<double> b, Pack<double> c) {
  return Pack<double>(vfmaq_f64(float64x2_t(c), float64x2_t(a), float64x2_t(b)));
}
#elif SHALLOW_FUSED
template <class P>
EIGEN_ALWAYS_INLINE P vector_fma(P a, P b, P c) {
  for (Index i = 0; i < pack_size<Number<P>>; ++i) c[i] = std::fma(a[i], b[i], c[i]);
  return c;
}
#endif
#if defined(__clang__) && __has_builtin(__builtin_elementwise_sqrt)
template <class P>
EIGEN_ALWAYS_INLINE P vector_sqrt(P a) {
  return __builtin_elementwise_sqrt(a);
}
#elif defined(__SSE2__)
EIGEN_ALWAYS_INLINE Pack<float> vector_sqrt(Pack<float> a) {
#if SHALLOW_VECTOR_BYTES == 64 && defined(__clang__)
  return __builtin_ia32_sqrtps512(a, 4);
#elif SHALLOW_VECTOR_BYTES == 64
  return __builtin_ia32_sqrtps512_mask(a, a, -1, 4);
#elif SHALLOW_VECTOR_BYTES == 32
  return __builtin_ia32_sqrtps256(a);
#else
  return __builtin_ia32_sqrtps(a);
#endif
}
EIGEN_ALWAYS_INLINE Pack<double> vector_sqrt(Pack<double> a) {
#if SHALLOW_VECTOR_BYTES == 64 && defined(__clang__)
  return __builtin_ia32_sqrtpd512(a, 4);
#elif SHALLOW_VECTOR_BYTES == 64
  return __builtin_ia32_sqrtpd512_mask(a, a, -1, 4);
#elif SHALLOW_VECTOR_BYTES == 32
  return __builtin_ia32_sqrtpd256(a);
#else
  return __builtin_ia32_sqrtpd(a);
#endif
}
#else
template <class P>
EIGEN_ALWAYS_INLINE P vector_sqrt(P a) {
  for (Index i = 0; i < pack_size<Number<P>>; ++i) a[i] = std::sqrt(a[i]);
  return a;
}
#endif
#endif

#if SHALLOW_VECTOR_BYTES > 0 && defined(__SSE2__)
// One instruction, which gives b if one of them is NaN; from a comparison the compilers make two.
EIGEN_ALWAYS_INLINE Pack<float> vector_max(Pack<float> a, Pack<float> b) {
#if SHALLOW_VECTOR_BYTES == 64 && defined(__clang__)
  return __builtin_ia32_maxps512(a, b, 4);
#elif SHALLOW_VECTOR_BYTES == 64
  return __builtin_ia32_maxps512_mask(a, b, a, -1, 4);
#elif SHALLOW_VECTOR_BYTES == 32
  return __builtin_ia32_maxps256(a, b);
#else
  return __builtin_ia32_maxps(a, b);
#endif
}
EIGEN_ALWAYS_INLINE Pack<double> vector_max(Pack<double> a, Pack<double> b) {
#if SHALLOW_VECTOR_BYTES == 64 && defined(__clang__)
  return __builtin_ia32_maxpd512(a, b, 4);
#elif SHALLOW_VECTOR_BYTES == 64
  return __builtin_ia32_maxpd512_mask(a, b, a, -1, 4);
#elif SHALLOW_VECTOR_BYTES == 32
  return __builtin_ia32_maxpd256(a, b);
#else
  return __builtin_ia32_maxpd(a, b);
#endif
}
EIGEN_ALWAYS_INLINE Pack<float> vector_min(Pack<float> a, Pack<float> b) {
#if SHALLOW_VECTOR_BYTES == 64 && defined(__clang__)
  return __builtin_ia32_minps512(a, b, 4);
#elif SHALLOW_VECTOR_BYTES == 64
  return __builtin_ia32_minps512_mask(a, b, a, -1, 4);
#elif SHALLOW_VECTOR_BYTES == 32
  return __builtin_ia32_minps256(a, b);
#else
  return __builtin_ia32_minps(a, b);
#endif
}
EIGEN_ALWAYS_INLINE Pack<double> vector_min(Pack<double> a, Pack<double> b) {
#if SHALLOW_VECTOR_BYTES == 64 && defined(__clang__)
  return __builtin_ia32_minpd512(a, b, 4);
#elif SHALLOW_VECTOR_BYTES == 64
  return __builtin_ia32_minpd512_mask(a, b, a, -1, 4);
#elif SHALLOW_VECTOR_BYTES == 32
  return __builtin_ia32_minpd256(a, b);
#else
  return __builtin_ia32_minpd(a, b);
#endif
}
#endif

#if SHALLOW_VECTOR_BYTES > 0
#pragma GCC diagnostic pop
#endif

/// a b + c: rounded once where `fused`.
template <class P>
EIGEN_ALWAYS_INLINE P fma(P a, P b, P c) {
  if constexpr (!fused || !has_constants<Number<P>>) {
    return add(mul(a, b), c);
  } else if constexpr (is_single<P>) {
#ifdef __GNUC__
    if constexpr (std::is_same_v<P, float>) return __builtin_fmaf(a, b, c);
    if constexpr (std::is_same_v<P, double>) return __builtin_fma(a, b, c);
#else
    return std::fma(a, b, c);
#endif
  } else {
#if SHALLOW_FUSED && SHALLOW_VECTOR_BYTES > 0
    return vector_fma(a, b, c);
#endif
  }
}

/// The square root of a >= 0.
template <class P>
EIGEN_ALWAYS_INLINE P square_root(P a) {
  if constexpr (is_single<P>) {
    using std::sqrt;
    return P(sqrt(a));
  } else {
#if SHALLOW_VECTOR_BYTES > 0
    return vector_sqrt(a);
#endif
  }
}

/// a < b ? yes : no, lane by lane.
template <class P>
EIGEN_ALWAYS_INLINE P if_less(P a, P b, P yes, P no) {
  return a < b ? yes : no;
}
/// The larger one; a, if one of them is NaN.
template <class P>
EIGEN_ALWAYS_INLINE P larger(P a, P b) {
#if SHALLOW_VECTOR_BYTES > 0 && defined(__SSE2__)
  if constexpr (!is_single<P>) return vector_max(b, a);
#ifdef __clang__
  // With -fno-honor-nans, which no macro tells, a comparison lets the NaN of a single number go.
  if constexpr (is_single<P> && !is_single<Pack<P>>) return vector_max(Pack<P>{b}, Pack<P>{a})[0];
#endif
#endif
  return if_less(a, b, b, a);
}
/// The smaller one; a, if one of them is NaN.
template <class P>
EIGEN_ALWAYS_INLINE P smaller(P a, P b) {
#if SHALLOW_VECTOR_BYTES > 0 && defined(__SSE2__)
  if constexpr (!is_single<P>) return vector_min(b, a);
#ifdef __clang__
  if constexpr (is_single<P> && !is_single<Pack<P>>) return vector_min(Pack<P>{b}, Pack<P>{a})[0];
#endif
#endif
  return if_less(b, a, b, a);
}

/// The bits of a pack, as integers of its numbers' size.
template <class P>
EIGEN_ALWAYS_INLINE auto bits_of(P pack) {
  if constexpr (is_single<P>) {
    return __builtin_bit_cast(typename MathConstants<P>::Bits, pack);
  } else {
    return __builtin_bit_cast(typename PackOf<Number<P>>::integers, pack);
  }
}
/// |a|.
template <class P>
EIGEN_ALWAYS_INLINE P magnitude(P a) {
  if constexpr (has_constants<Number<P>>) {
    return __builtin_bit_cast(P, bits_of(a) & ~bits_of(all<P>(-0.0)));
  } else {
    return a < P(0) ? P(-a) : a;
  }
}
/// `magnitude` >= 0 with the sign of `from`.
template <class P>
EIGEN_ALWAYS_INLINE P with_sign(P a, P from) {
  return __builtin_bit_cast(P, bits_of(a) | (bits_of(from) & bits_of(all<P>(-0.0))));
}
/// Moves the low bits, a biased exponent, to where exponents stand: 2^n from n + MathConstants::magic.
template <class P>
EIGEN_ALWAYS_INLINE P power_of_two(P shifted) {
  return __builtin_bit_cast(P, bits_of(shifted) << MathConstants<Number<P>>::mantissa_bits);
}
