// SPDX-License-Identifier: MIT
//
// What goes across the lanes of packs, for one target (simd.inl): sums, parts of packs, transposition.

/// The lane `from`[i] of a, then b, in lane i.
template <std::size_t... from, class P>
EIGEN_ALWAYS_INLINE P shuffled(P a, [[maybe_unused]] P b) {
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
EIGEN_ALWAYS_INLINE Number<P> sum_of_lanes(P pack) {
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
/// totals[i] := the sum of the lanes of packs[i], `Width` lanes of a pack being left of each, side by side.
template <std::size_t Count, std::size_t Width, class P>
EIGEN_ALWAYS_INLINE void sums_of_lanes(P* packs, Number<P>* totals) {
  constexpr std::size_t p = std::size_t(pack_size<Number<P>>);
  if constexpr (Width == 1) {
    for_constants<(Count + p - 1) / p>([&](auto k) SHALLOW_LAMBDA { store(totals + k * p, packs[k]); });
  } else {
    // Two packs become one: the halves of what is left of each, one on the other.
    constexpr std::size_t half = Width / 2, per_pack = p / Width, left = (Count + per_pack - 1) / per_pack;
    for_constants<(left + 1) / 2>([&](auto k) SHALLOW_LAMBDA {
      constexpr std::size_t other = 2 * k + 1 < left ? 2 * k + 1 : 2 * k;
      const P first = packs[2 * k], second = packs[other];
      [&]<std::size_t... lane>(std::index_sequence<lane...>) SHALLOW_LAMBDA {
        packs[k] = add(shuffled<(lane / half * Width + lane % half)...>(first, second),
                       shuffled<(lane / half * Width + half + lane % half)...>(first, second));
      }
      (std::make_index_sequence<p>{});
    });
    sums_of_lanes<Count, half>(packs, totals);
  }
}
/// The sums of all lanes of `Count` lines, made as sum_of_line makes one; room for whole packs in `totals`.
template <std::size_t Count, class P>
EIGEN_ALWAYS_INLINE void sums_of_lines(P* packs, Number<P>* totals) {
  constexpr std::size_t N = packs_in_line<Number<P>>;
  for_constants<Count>([&](auto i) SHALLOW_LAMBDA {
    fold<N>(packs + i * N);
    packs[i] = packs[i * N];
  });
  sums_of_lanes<Count, std::size_t(pack_size<Number<P>>)>(packs, totals);
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
EIGEN_ALWAYS_INLINE void store_some(Number<P>* to, P pack, Index count) {
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
