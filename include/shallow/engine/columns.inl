// SPDX-License-Identifier: MIT
//
// Softmax and the cross-entropy that belongs to it, for one target (simd.inl).

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
EIGEN_ALWAYS_INLINE P shifted_by(const Number<P>* z, Index count, P top) {
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
    constexpr Index p = pack_size<T>;
    for (Index j = 0; j < tile.samples; j += p) {
      const P top = largest_across<P>(n, z + j, stride);
      const P sum = sum_across<P>(
          n, [&](Index i) SHALLOW_LAMBDA { return value(Exponential{}, sub(load<P>(z + j + i * stride), top)); });
      alignas(64) T tops[std::size_t(p)];
      alignas(64) T sums[std::size_t(p)];
      store(tops, top);
      store(sums, sum);
      const Index count = (std::min)(p, tile.samples - j);
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
