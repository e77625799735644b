// SPDX-License-Identifier: MIT
//
// Loops over arrays and tiles, for one target (simd.inl): entries.inl applied to whole arrays, Softmax and the
// cross-entropy that belongs to it, one step of an optimiser.

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
EIGEN_ALWAYS_INLINE void store_up_to(Number<P>* to, const P& pack, Index count) {
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
EIGEN_ALWAYS_INLINE P first_lanes(const P& pack, Index count) {
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
  /// Adds term(i, count) for the packs of `length` numbers.
  template <class F>
  EIGEN_ALWAYS_INLINE void add_terms(Index length, F&& term) {
    Index i = 0;
    for (; i + line<T> <= length; i += line<T>) {
      for_constants<N>(
          [&](auto k) SHALLOW_LAMBDA { packs[k] = add(packs[k], term(i + Index(k) * pack_size<T>, pack_size<T>)); });
    }
    for_constants<N>([&](auto k) SHALLOW_LAMBDA {
      const Index from = i + Index(k) * pack_size<T>;
      if (from >= length) return;
      const Index count = (std::min)(pack_size<T>, length - from);
      packs[k] = add(packs[k], first_lanes(term(from, count), count));
    });
  }
  EIGEN_ALWAYS_INLINE T total() const { return sum_of_line(packs); }
};

/// Sum over lines of `length` contiguous numbers of L(v, y). V is a tile, in whole lines; Y may end with its numbers.
template <class T, class L>
EIGEN_DONT_INLINE T sum_of_lines(const L& loss, Index lines, Index length, const T* v, Index v_stride, const T* y,
                                 Index y_stride) {
  using P = Pack<T>;
  LineSum<T> sum;
  for (Index i = 0; i < lines; ++i) {
    sum.add_terms(length, [&](Index at, Index count) SHALLOW_LAMBDA {
      return entry(loss, load_first<P>(v + at, count), load_up_to<P>(y + at, count));
    });
    v += v_stride;
    y += y_stride;
  }
  return sum.total();
}

/// D = scale dL/dv over such lines; from the last of its numbers to the end of a line of D, zeros.
template <class T, class L>
EIGEN_DONT_INLINE void derivatives_of_lines(const L& loss, const T& scale, Index lines, Index length, const T* a,
                                            Index a_stride, const T* y, Index y_stride, T* d) {
  using P = Pack<T>;
  const P factor = all<P>(scale);
  for (Index i = 0; i < lines; ++i) {
    for_packs<T>(length, [&](Index at, Index count) SHALLOW_LAMBDA {
      const P slope = entry_derivative(loss, load_first<P>(a + at, count), load_up_to<P>(y + at, count));
      store(d + at, mul(slope, factor));
    });
    std::fill(d + length, d + a_stride, T(0));
    a += a_stride;
    y += y_stride;
    d += a_stride;
  }
}

// ---- Columns: a column is a sample, of n entries. A sum over them has as many lanes as a line of the cache, entry i
// in lane i modulo that, whichever way the tile lies: the same bits for a sample alone and in a batch.

/// The largest of n entries a stride apart, of P samples that lie beside each other.
template <class P>
EIGEN_ALWAYS_INLINE P largest_across(Index n, const Number<P>* z, Index stride) {
  P top = load<P>(z);
  for (Index i = 1; i < n; ++i) top = larger(top, load<P>(z + i * stride));
  return top;
}
/// The sum of term(i) over such entries, each a pack of samples.
template <class P, class F>
EIGEN_ALWAYS_INLINE P sum_across(Index n, F&& term) {
  constexpr std::size_t N = std::size_t(line<Number<P>>);
  P sums[N];
  for (P& sum : sums) sum = all<P>(0);
  for (Index i = 0; i < n; ++i) {
    P& sum = sums[std::size_t(i) % N];
    sum = add(sum, term(i));
  }
  fold<N>(sums);
  return sums[0];
}
/// The largest of n contiguous entries.
template <class T>
EIGEN_ALWAYS_INLINE T largest_along(Index n, const T* z) {
  T top = z[0];
  for (Index i = 1; i < n; ++i) top = larger(top, z[i]);
  return top;
}

/// z - top; 0 beyond `count` entries.
template <class P>
EIGEN_ALWAYS_INLINE P shifted_by(const Number<P>* z, Index count, const P& top) {
  const P difference = sub(load<P>(z), top);
  return count == pack_size<Number<P>> ? difference : first_lanes(difference, count);
}

/// A = softmax(Z), from Z less its column's maximum, so that nothing overflows.
template <class T, Lanes L>
EIGEN_DONT_INLINE void softmax_of_tile(TileLayout<T, L> tile, const T* z, T* a) {
  using P = Pack<T>;
  const Index n = tile.units, stride = tile.stride();
  if constexpr (L == Lanes::samples) {
    for (Index j = 0; j < stride; j += pack_size<T>) {
      const P top = largest_across<P>(n, z + j, stride);
      const P sum = sum_across<P>(n, [&](Index i) SHALLOW_LAMBDA {
        const P e = value(Exponential{}, sub(load<P>(z + j + i * stride), top));
        store(a + j + i * stride, e);
        return e;
      });
      for (Index i = 0; i < n; ++i) store(a + j + i * stride, div(load<P>(a + j + i * stride), sum));
    }
  } else {
    for (Index j = 0; j < tile.samples; ++j, z += stride, a += stride) {
      const P top = all<P>(largest_along(n, z));
      LineSum<T> sum;
      sum.add_terms(n, [&](Index i, Index count) SHALLOW_LAMBDA {
        const P e = value(Exponential{}, shifted_by<P>(z + i, count, top));
        store(a + i, e);
        return e;
      });
      const P total = all<P>(sum.total());
      for (Index i = 0; i < n; i += pack_size<T>) store(a + i, div(load<P>(a + i), total));
    }
  }
}

/// D := A o (D - 1 (column sums of A o D)): dJ/dA becomes dJ/dZ.
template <class T, Lanes L>
EIGEN_DONT_INLINE void softmax_of_tile_backward(TileLayout<T, L> tile, const T* a, T* d) {
  using P = Pack<T>;
  const Index n = tile.units, stride = tile.stride();
  if constexpr (L == Lanes::samples) {
    for (Index j = 0; j < stride; j += pack_size<T>) {
      const P mean = sum_across<P>(
          n, [&](Index i) SHALLOW_LAMBDA { return mul(load<P>(a + j + i * stride), load<P>(d + j + i * stride)); });
      for (Index i = 0; i < n; ++i) {
        const P difference = sub(load<P>(d + j + i * stride), mean);
        store(d + j + i * stride, mul(load<P>(a + j + i * stride), difference));
      }
    }
  } else {
    for (Index j = 0; j < tile.samples; ++j, a += stride, d += stride) {
      LineSum<T> sum;
      sum.add_terms(n, [&](Index i, Index count)
                           SHALLOW_LAMBDA { return mul(load_first<P>(a + i, count), load_first<P>(d + i, count)); });
      const P mean = all<P>(sum.total());
      for_packs<T>(n, [&](Index i, Index count) SHALLOW_LAMBDA {
        const P difference = sub(load_first<P>(d + i, count), mean);
        store(d + i, mul(load<P>(a + i), difference));
      });
    }
  }
}

/// Sum over the samples of log(sum of e^z_i) - z_target, as two numbers >= 0 of each sample, max - z_target and
/// log(sum of e^(z_i - max)): no sum of losses comes out negative. target(j) is y' z of sample j.
template <class T, Lanes L, class F>
EIGEN_DONT_INLINE T cross_entropy_of_tile(TileLayout<T, L> tile, const T* z, const F& target) {
  using P = Pack<T>;
  using std::log;
  const Index n = tile.units, stride = tile.stride();
  T loss(0);
  if constexpr (L == Lanes::samples) {
    for (Index j = 0; j < tile.samples; j += pack_size<T>) {
      const P top = largest_across<P>(n, z + j, stride);
      const P sum = sum_across<P>(
          n, [&](Index i) SHALLOW_LAMBDA { return value(Exponential{}, sub(load<P>(z + j + i * stride), top)); });
      alignas(64) T tops[std::size_t(pack_size<T>)];
      alignas(64) T sums[std::size_t(pack_size<T>)];
      store(tops, top);
      store(sums, sum);
      const Index count = (std::min)(pack_size<T>, tile.samples - j);
      for (Index k = 0; k < count; ++k) loss = T(loss + T((tops[k] - target(j + k)) + log(sums[k])));
    }
  } else {
    for (Index j = 0; j < tile.samples; ++j, z += stride) {
      const T top = largest_along(n, z);
      const P shift = all<P>(top);
      LineSum<T> sum;
      sum.add_terms(n, [&](Index i, Index count)
                           SHALLOW_LAMBDA { return value(Exponential{}, shifted_by<P>(z + i, count, shift)); });
      loss = T(loss + T((top - target(j)) + log(sum.total())));
    }
  }
  return loss;
}

/// The sum of e^x_i of n numbers.
template <class T>
EIGEN_DONT_INLINE T exponentials(Index n, const T* x) {
  LineSum<T> sum;
  sum.add_terms(
      n, [&](Index i, Index count) SHALLOW_LAMBDA { return value(Exponential{}, load_up_to<Pack<T>>(x + i, count)); });
  return sum.total();
}

// ---- One step of an optimiser over `size` parameters (optimizer.hpp)

/// theta := theta - alpha g
template <class T>
EIGEN_DONT_INLINE void gradient_descent(Index size, const T& alpha, const T* g, T* theta) {
  using P = Pack<T>;
  const P rate = all<P>(T(-alpha));
  for_packs<T>(size, [&](Index i, Index count) SHALLOW_LAMBDA {
    store_up_to(theta + i, fma(rate, load_up_to<P>(g + i, count), load_up_to<P>(theta + i, count)), count);
  });
}

/// v := mu v + g,  theta := theta - alpha v
template <class T>
EIGEN_DONT_INLINE void momentum(Index size, const T& alpha, const T& mu, const T* g, T* v, T* theta) {
  using P = Pack<T>;
  const P rate = all<P>(T(-alpha));
  const P kept = all<P>(mu);
  for_packs<T>(size, [&](Index i, Index count) SHALLOW_LAMBDA {
    const P velocity = fma(kept, load_up_to<P>(v + i, count), load_up_to<P>(g + i, count));
    store_up_to(v + i, velocity, count);
    store_up_to(theta + i, fma(rate, velocity, load_up_to<P>(theta + i, count)), count);
  });
}

/// m := m + (1 - beta1) (g - m),  v := v + (1 - beta2) (g^2 - v),
/// theta := theta decay - rate m / (sqrt(v second_correction) + epsilon)
template <class T>
EIGEN_DONT_INLINE void adam(Index size, const AdamFactors<T>& by, const T* g, T* m, T* v, T* theta) {
  using P = Pack<T>;
  const P first_share = all<P>(by.first_share), second_share = all<P>(by.second_share), rate = all<P>(by.rate);
  const P correction = all<P>(by.second_correction), epsilon = all<P>(by.epsilon), decay = all<P>(by.decay);
  for_packs<T>(size, [&](Index i, Index count) SHALLOW_LAMBDA {
    const P slope = load_up_to<P>(g + i, count);
    const P old_first = load_up_to<P>(m + i, count);
    const P old_second = load_up_to<P>(v + i, count);
    const P first = fma(first_share, sub(slope, old_first), old_first);
    const P second = fma(second_share, sub(mul(slope, slope), old_second), old_second);
    const P deviation = square_root(mul(second, correction));
    const P step = div(mul(rate, first), add(deviation, epsilon));
    store_up_to(m + i, first, count);
    store_up_to(v + i, second, count);
    store_up_to(theta + i, sub(mul(load_up_to<P>(theta + i, count), decay), step), count);
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
