// SPDX-License-Identifier: MIT
//
// Loops over arrays and tiles, for one target (simd.inl): entries.inl applied to whole arrays, and one step of an
// optimiser.

/// Calls f(i, count) for the packs of an array of `size` numbers, count being how many of the pack's belong to it.
template <class T, class F>
EIGEN_ALWAYS_INLINE void for_packs(Index size, F&& f) {
  Index i = 0;
  for (; i + pack_size<T> <= size; i += pack_size<T>) f(i, pack_size<T>);
  if (i < size) f(i, size - i);
}
/// A pack of an array, which ends after `count` numbers.
template <class P>
EIGEN_ALWAYS_INLINE P load_up_to(const Number<P>* from, Index count) {
  return count == pack_size<Number<P>> ? load<P>(from) : load_some<P>(from, count);
}
template <class P>
EIGEN_ALWAYS_INLINE void store_up_to(Number<P>* to, P pack, Index count) {
  if (count == pack_size<Number<P>>) return store(to, pack);
  store_some(to, pack, count);
}

/// a[i] = g(z[i]) for whole packs.
template <class T, class G>
EIGEN_ALWAYS_INLINE void activate_packs(const G& activation, Index size, const T* z, T* a) {
  const G g = activation;  // its settings, out of reach of what is written
  for (Index i = 0; i < size; i += pack_size<T>) store(a + i, value(g, load<Pack<T>>(z + i)));
}

/// d[i] *= g'(z[i]), from a[i] = g(z[i]), for whole packs.
template <class T, class G>
EIGEN_DONT_INLINE void activate_packs_backward(const G& activation, Index size, const T* a, T* d) {
  const G g = activation;
  for (Index i = 0; i < size; i += pack_size<T>) {
    store(d + i, mul(load<Pack<T>>(d + i), derivative_from_value(g, load<Pack<T>>(a + i))));
  }
}

/// Lanes from `count` on := 0.
template <class P>
EIGEN_ALWAYS_INLINE P first_lanes(P pack, Index count) {
  using T = Number<P>;
  if constexpr (is_single<P>) {
    return pack;
  } else {
    alignas(64) static constexpr auto numbers = lane_numbers<T>;
    return if_less(load<P>(numbers.data()), all<P>(count), pack, all<P>(0));
  }
}

/// A pack of memory in whole packs, of which `count` numbers mean something; zeros in the place of the others.
template <class P>
EIGEN_ALWAYS_INLINE P load_first(const Number<P>* from, Index count) {
  const P pack = load<P>(from);
  return count == pack_size<Number<P>> ? pack : first_lanes(pack, count);
}

/// Sums along lines: a sum for every lane of a line, wherever a vector ends.
template <class T>
struct LineSum {
  using P = Pack<T>;
  static constexpr std::size_t N = packs_in_line<T>;
  P packs[N];

  EIGEN_ALWAYS_INLINE LineSum() {
    for_constants<N>([&](auto k) SHALLOW_LAMBDA { packs[k] = all<P>(0); });
  }
  /// Adds term(i, count) for the packs of `length` numbers. (One loop for all of them: every further copy of the term
  /// costs what it costs to compile.)
  template <class F>
  EIGEN_ALWAYS_INLINE void add_terms(Index length, F&& term) {
    constexpr Index p = pack_size<T>;
    std::size_t k = 0;
    for (Index i = 0; i < length; i += p) {
      const Index count = (std::min)(p, length - i);
      const P addend = term(i, count);
      packs[k] = add(packs[k], count == p ? addend : first_lanes(addend, count));
      if constexpr (N > 1) k = (k + 1) % N;
    }
  }
  EIGEN_ALWAYS_INLINE T total() const { return sum_of_line(packs); }
};

/// Targets: numbers, or integers, which a network of one output takes for numbers.
template <class P, class Target>
EIGEN_ALWAYS_INLINE P load_targets(const Target* y, Index count) {
  using T = Number<P>;
  if constexpr (std::is_same_v<Target, T>) {
    return load_up_to<P>(y, count);
  } else {
    alignas(64) T numbers[std::size_t(pack_size<T>)] = {};
    for (Index i = 0; i < count; ++i) numbers[i] = T(y[i]);
    return load<P>(numbers);
  }
}

/// Sum over lines of `length` contiguous numbers of L(v, y). V is a tile, in whole lines; Y may end with its numbers.
template <class T, class L, class Target>
EIGEN_DONT_INLINE T sum_of_lines(const L& loss, Index lines, Index length, const T* v, Index v_stride, const Target* y,
                                 Index y_stride) {
  using P = Pack<T>;
  LineSum<T> sum;
  if (length < pack_size<T>) {  // lane by lane
    alignas(64) T lanes[std::size_t(pack_size<T>)] = {};
    for (Index i = 0; i < lines; ++i) {
      for (Index k = 0; k < length; ++k) {
        T& lane = lanes[k];
        lane = add(lane, entry(loss, v[i * v_stride + k], T(y[i * y_stride + k])));
      }
    }
    sum.packs[0] = load<P>(lanes);
    return sum.total();
  }
  for (Index i = 0; i < lines; ++i) {
    sum.add_terms(length, [&](Index at, Index count) SHALLOW_LAMBDA {
      return entry(loss, load_first<P>(v + at, count), load_targets<P>(y + at, count));
    });
    v += v_stride;
    y += y_stride;
  }
  return sum.total();
}

/// D = scale dL/dv over such lines; from the last of its numbers to the end of a line of D, zeros.
template <class T, class L, class Target>
EIGEN_DONT_INLINE void derivatives_of_lines(const L& loss, const T& scale, Index lines, Index length, const T* a,
                                            Index a_stride, const Target* y, Index y_stride, T* d) {
  using P = Pack<T>;
  const T by = scale;
  const P factor = all<P>(by);
  const Index whole = length / pack_size<T> * pack_size<T>;
  for (Index i = 0; i < lines; ++i) {
    for (Index at = 0; at < whole; at += pack_size<T>) {
      store(d + at, mul(entry_derivative(loss, load<P>(a + at), load_targets<P>(y + at, pack_size<T>)), factor));
    }
    for (Index at = whole; at < length; ++at) d[at] = mul(entry_derivative(loss, a[at], T(y[at])), by);
    std::fill(d + length, d + a_stride, T(0));
    a += a_stride;
    y += y_stride;
    d += a_stride;
  }
}

// ---- One step of an optimiser over `size` parameters (optimizer.hpp)

/// Calls f(i, pack) for the places of whole packs, and then of single numbers; of `pack` the type says which.
template <class T, class F>
EIGEN_ALWAYS_INLINE void for_packs_and_numbers(Index size, F&& f) {
  Index i = 0;
  for (; i + pack_size<T> <= size; i += pack_size<T>) f(i, Pack<T>{});
  for (; i < size; ++i) f(i, T{});
}

/// theta := theta - alpha g
template <class T>
EIGEN_DONT_INLINE void gradient_descent(Index size, const T& alpha, const T* g, T* theta) {
  const T rate(-alpha);
  for_packs_and_numbers<T>(size, [&]<class P>(Index i, P) SHALLOW_LAMBDA {
    store(theta + i, fma(all<P>(rate), load<P>(g + i), load<P>(theta + i)));
  });
}

/// v := mu v + g,  theta := theta - alpha v
template <class T>
EIGEN_DONT_INLINE void momentum(Index size, const T& alpha, const T& mu, const T* g, T* v, T* theta) {
  const T rate(-alpha), kept = mu;
  for_packs_and_numbers<T>(size, [&]<class P>(Index i, P) SHALLOW_LAMBDA {
    const P velocity = fma(all<P>(kept), load<P>(v + i), load<P>(g + i));
    store(v + i, velocity);
    store(theta + i, fma(all<P>(rate), velocity, load<P>(theta + i)));
  });
}

/// m := m + (1 - beta1) (g - m),  v := v + (1 - beta2) (g^2 - v),
/// theta := theta decay - rate m / (sqrt(v second_correction) + epsilon)
template <class T>
EIGEN_DONT_INLINE void adam(Index size, const AdamFactors<T>& factors, const T* g, T* m, T* v, T* theta) {
  const AdamFactors<T> by = factors;  // out of reach of what is written
  for_packs_and_numbers<T>(size, [&]<class P>(Index i, P) SHALLOW_LAMBDA {
    const P slope = load<P>(g + i);
    const P old_first = load<P>(m + i), old_second = load<P>(v + i);
    const P first = fma(all<P>(by.first_share), sub(slope, old_first), old_first);
    const P second = fma(all<P>(by.second_share), sub(mul(slope, slope), old_second), old_second);
    const P deviation = square_root(mul(second, all<P>(by.second_correction)));
    const P step = div(mul(all<P>(by.rate), first), add(deviation, all<P>(by.epsilon)));
    store(m + i, first);
    store(v + i, second);
    store(theta + i, sub(mul(load<P>(theta + i), all<P>(by.decay)), step));
  });
}

/// Whether none of the numbers is NaN or infinite: by the bits of the exponents alone, which are those of a power of
/// two, of 0, or of infinity for what is not finite. The largest says all.
template <class T>
EIGEN_DONT_INLINE bool all_are_finite(Index size, const T* x) {
  Index i = 0;
  if constexpr (pack_size < T >> 1) {
    using P = Pack<T>;
    constexpr Index p = pack_size<T>;
    const auto exponents = bits_of(all<P>(std::numeric_limits<T>::infinity()));
    // Four at a time: a single one would wait for the one before.
    P largest[4] = {all<P>(0), all<P>(0), all<P>(0), all<P>(0)};
    for (; i + 4 * p <= size; i += 4 * p) {
      for_constants<4>([&](auto k) SHALLOW_LAMBDA {
        const auto exponent = bits_of(load<P>(x + i + Index(k) * p)) & exponents;
        largest[k] = larger(largest[k], __builtin_bit_cast(P, exponent));
      });
    }
    alignas(64) T lanes[std::size_t(p)];
    store(lanes, larger(larger(largest[0], largest[1]), larger(largest[2], largest[3])));
    for (const T& lane : lanes) {
      if (!is_finite(lane)) return false;
    }
  }
  for (; i < size; ++i) {
    if (!is_finite(x[i])) return false;
  }
  return true;
}
