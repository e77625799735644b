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
template <class T, class Integer>
struct VectorOf {
  typedef T type __attribute__((vector_size(SHALLOW_VECTOR_BYTES)));
  typedef T unaligned __attribute__((vector_size(SHALLOW_VECTOR_BYTES), aligned(alignof(T)), may_alias));
  typedef Integer integers __attribute__((vector_size(SHALLOW_VECTOR_BYTES)));
};
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
EIGEN_ALWAYS_INLINE void store(Number<P>* to, const P& pack) {
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
EIGEN_ALWAYS_INLINE P add(const P& a, const P& b) {
  return P(a + b);
}
template <class P>
EIGEN_ALWAYS_INLINE P sub(const P& a, const P& b) {
  return P(a - b);
}
template <class P>
EIGEN_ALWAYS_INLINE P mul(const P& a, const P& b) {
  return as_rounded(P(a * b));
}
template <class P>
EIGEN_ALWAYS_INLINE P div(const P& a, const P& b) {
  return P(a / b);
}
template <class P>
EIGEN_ALWAYS_INLINE P negate(const P& a) {
  return P(-a);
}

#if SHALLOW_VECTOR_BYTES > 0
// What the compilers have no operator for.
#if defined(__clang__) && __has_builtin(__builtin_elementwise_fma)
template <class P>
EIGEN_ALWAYS_INLINE P vector_fma(const P& a, const P& b, const P& c) {
  return __builtin_elementwise_fma(a, b, c);
}
#elif SHALLOW_FUSED && SHALLOW_VECTOR_BYTES == 64
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(const Pack<float>& a, const Pack<float>& b, const Pack<float>& c) {
  return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4);
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(const Pack<double>& a, const Pack<double>& b, const Pack<double>& c) {
  return __builtin_ia32_vfmaddpd512_mask(a, b, c, -1, 4);
}
#elif SHALLOW_FUSED && SHALLOW_VECTOR_BYTES == 32
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(const Pack<float>& a, const Pack<float>& b, const Pack<float>& c) {
  return __builtin_ia32_vfmaddps256(a, b, c);
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(const Pack<double>& a, const Pack<double>& b, const Pack<double>& c) {
  return __builtin_ia32_vfmaddpd256(a, b, c);
}
#elif SHALLOW_FUSED && defined(__x86_64__)
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(const Pack<float>& a, const Pack<float>& b, const Pack<float>& c) {
  return __builtin_ia32_vfmaddps(a, b, c);
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(const Pack<double>& a, const Pack<double>& b, const Pack<double>& c) {
  return __builtin_ia32_vfmaddpd(a, b, c);
}
#elif SHALLOW_FUSED && defined(__aarch64__)
EIGEN_ALWAYS_INLINE Pack<float> vector_fma(const Pack<float>& a, const Pack<float>& b, const Pack<float>& c) {
  return Pack<float>(vfmaq_f32(float32x4_t(c), float32x4_t(a), float32x4_t(b)));
}
EIGEN_ALWAYS_INLINE Pack<double> vector_fma(const Pack<double>& a, const Pack<double>& b, const Pack<double>& c) {
  return Pack<double>(vfmaq_f64(float64x2_t(c), float64x2_t(a), float64x2_t(b)));
}
#elif SHALLOW_FUSED
template <class P>
EIGEN_ALWAYS_INLINE P vector_fma(const P& a, const P& b, P c) {
  for (Index i = 0; i < pack_size<Number<P>>; ++i) c[i] = std::fma(a[i], b[i], c[i]);
  return c;
}
#endif
#if defined(__clang__) && __has_builtin(__builtin_elementwise_sqrt)
template <class P>
EIGEN_ALWAYS_INLINE P vector_sqrt(const P& a) {
  return __builtin_elementwise_sqrt(a);
}
#elif defined(__SSE2__)
EIGEN_ALWAYS_INLINE Pack<float> vector_sqrt(const Pack<float>& a) {
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
EIGEN_ALWAYS_INLINE Pack<double> vector_sqrt(const Pack<double>& a) {
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
EIGEN_ALWAYS_INLINE Pack<float> vector_max(const Pack<float>& a, const Pack<float>& b) {
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
EIGEN_ALWAYS_INLINE Pack<double> vector_max(const Pack<double>& a, const Pack<double>& b) {
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
EIGEN_ALWAYS_INLINE Pack<float> vector_min(const Pack<float>& a, const Pack<float>& b) {
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
EIGEN_ALWAYS_INLINE Pack<double> vector_min(const Pack<double>& a, const Pack<double>& b) {
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

/// a b + c: rounded once where `fused`.
template <class P>
EIGEN_ALWAYS_INLINE P fma(const P& a, const P& b, const P& c) {
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
EIGEN_ALWAYS_INLINE P square_root(const P& a) {
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
EIGEN_ALWAYS_INLINE P if_less(const P& a, const P& b, const P& yes, const P& no) {
  return a < b ? yes : no;
}
/// The larger one; a, if one of them is NaN.
template <class P>
EIGEN_ALWAYS_INLINE P larger(const P& a, const P& b) {
#if SHALLOW_VECTOR_BYTES > 0 && defined(__SSE2__)
  if constexpr (!is_single<P>) return vector_max(b, a);
#endif
  return if_less(a, b, b, a);
}
/// The smaller one; a, if one of them is NaN.
template <class P>
EIGEN_ALWAYS_INLINE P smaller(const P& a, const P& b) {
#if SHALLOW_VECTOR_BYTES > 0 && defined(__SSE2__)
  if constexpr (!is_single<P>) return vector_min(b, a);
#endif
  return if_less(b, a, b, a);
}

/// The bits of a pack, as integers of its numbers' size.
template <class P>
EIGEN_ALWAYS_INLINE auto bits_of(const P& pack) {
  if constexpr (is_single<P>) {
    return __builtin_bit_cast(typename MathConstants<P>::Bits, pack);
  } else {
    return __builtin_bit_cast(typename PackOf<Number<P>>::integers, pack);
  }
}
/// |a|.
template <class P>
EIGEN_ALWAYS_INLINE P magnitude(const P& a) {
  if constexpr (has_constants<Number<P>>) {
    return __builtin_bit_cast(P, bits_of(a) & ~bits_of(all<P>(-0.0)));
  } else {
    using std::abs;
    return P(abs(a));
  }
}
/// `magnitude` >= 0 with the sign of `from`.
template <class P>
EIGEN_ALWAYS_INLINE P with_sign(const P& a, const P& from) {
  return __builtin_bit_cast(P, bits_of(a) | (bits_of(from) & bits_of(all<P>(-0.0))));
}
/// Moves the low bits, a biased exponent, to where exponents stand: 2^n from n + MathConstants::magic.
template <class P>
EIGEN_ALWAYS_INLINE P power_of_two(const P& shifted) {
  return __builtin_bit_cast(P, bits_of(shifted) << MathConstants<Number<P>>::mantissa_bits);
}

/// The lane `from`[i] of a, then b, in lane i.
template <std::size_t... from, class P>
EIGEN_ALWAYS_INLINE P shuffled(const P& a, [[maybe_unused]] const P& b) {
#if SHALLOW_VECTOR_BYTES > 0
#if defined(__clang__)
  return __builtin_shufflevector(a, b, int(from)...);
#else
  using Places = typename PackOf<Number<P>>::integers;
  return __builtin_shuffle(a, b, Places{std::ptrdiff_t(from)...});
#endif
#else
  return a;
#endif
}

/// The sum of the lanes: halves on halves.
template <std::size_t Width, class P>
EIGEN_ALWAYS_INLINE Number<P> sum_of_lanes(const P& pack) {
  if constexpr (is_single<P>) {
    return pack;
  } else if constexpr (Width == 1) {
    return pack[0];
  } else {
    return [&]<std::size_t... lane>(std::index_sequence<lane...>) __attribute__((always_inline)) {
      const P folded = add(pack, shuffled<(lane + Width / 2) % sizeof...(lane)...>(pack, pack));
      return sum_of_lanes<Width / 2>(folded);
    }
    (std::make_index_sequence<std::size_t(pack_size<Number<P>>)>{});
  }
}

// A line of the cache is one pack or several. Where numbers are summed up along the lanes, the sum has as many as a
// line holds, so that its order does not depend on the target.

/// Packs in a line.
template <class T>
inline constexpr std::size_t packs_in_line = std::size_t(line<T> / pack_size<T>);

/// f(0), f(1), ... as constants: GCC 12 keeps an array that a loop indexes in memory.
template <std::size_t N, class F>
EIGEN_ALWAYS_INLINE void for_constants(F&& f) {
  [&]<std::size_t... k>(std::index_sequence<k...>) SHALLOW_LAMBDA {
    (f(std::integral_constant<std::size_t, k>{}), ...);
  }
  (std::make_index_sequence<N>{});
}

/// halves[0] := the sum of N packs, the second half added to the first as long as there are two.
template <std::size_t N, class P>
EIGEN_ALWAYS_INLINE void fold(P* halves) {
  if constexpr (N > 1) {
    for_constants<N / 2>([&](auto k) SHALLOW_LAMBDA { halves[k] = add(halves[k], halves[k + N / 2]); });
    fold<N / 2>(halves);
  }
}
/// The sum of all lanes of a line.
template <class P>
EIGEN_ALWAYS_INLINE Number<P> sum_of_line(const P* packs) {
  constexpr std::size_t N = packs_in_line<Number<P>>;
  P halves[N];
  for_constants<N>([&](auto k) SHALLOW_LAMBDA { halves[k] = packs[k]; });
  fold<N>(halves);
  return sum_of_lanes<std::size_t(pack_size<Number<P>>)>(halves[0]);
}
/// The sum of `size` numbers, whole lines.
template <class T>
EIGEN_DONT_INLINE T sum_of_row(Index size, const T* row) {
  using P = Pack<T>;
  constexpr std::size_t N = packs_in_line<T>;
  P sum[N];
  for_constants<N>([&](auto k) SHALLOW_LAMBDA { sum[k] = all<P>(T(0)); });
  for (Index i = 0; i < size; i += line<T>) {
    for_constants<N>([&](auto k) SHALLOW_LAMBDA { sum[k] = add(sum[k], load<P>(row + i + Index(k) * pack_size<T>)); });
  }
  return sum_of_line(sum);
}

template <class T>
constexpr Index round_up_to_packs(Index n) {
  return (n + pack_size<T> - 1) / pack_size<T> * pack_size<T>;
}

/// The first `count` lanes of a pack, zeros in the others: of memory that ends there.
template <class P>
EIGEN_ALWAYS_INLINE P load_some(const Number<P>* from, Index count) {
  alignas(64) Number<P> lanes[std::size_t(pack_size<Number<P>>)] = {};
  for (Index i = 0; i < count; ++i) lanes[i] = from[i];
  return load<P>(lanes);
}
template <class P>
EIGEN_ALWAYS_INLINE void store_some(Number<P>* to, const P& pack, Index count) {
  alignas(64) Number<P> lanes[std::size_t(pack_size<Number<P>>)];
  store(lanes, pack);
  for (Index i = 0; i < count; ++i) to[i] = lanes[i];
}

/// square := its transpose: as many packs as a pack has lanes. Each round interleaves the first half of the packs with
/// the second.
template <std::size_t N, std::size_t round = 1, class P>
EIGEN_ALWAYS_INLINE void transpose_square(P* square) {
  if constexpr (round < N) {
    P mixed[N];
    for_constants<N / 2>([&](auto k) SHALLOW_LAMBDA {
      [&]<std::size_t... lane>(std::index_sequence<lane...>) SHALLOW_LAMBDA {
        constexpr std::size_t half = N / 2;
        mixed[2 * k] = shuffled<(lane / 2 + lane % 2 * N)...>(square[k], square[k + half]);
        mixed[2 * k + 1] = shuffled<(half + lane / 2 + lane % 2 * N)...>(square[k], square[k + half]);
      }
      (std::make_index_sequence<N>{});
    });
    for_constants<N>([&](auto k) SHALLOW_LAMBDA { square[k] = mixed[k]; });
    transpose_square<N, 2 * round>(square);
  }
}
