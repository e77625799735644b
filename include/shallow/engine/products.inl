// SPDX-License-Identifier: MIT
//
// Products of matrices, for one target (simd.inl): the one place where speed lives.
//
// The products of a layer (dense.inl) are calls of one kernel, `multiply`, with other strides, but for two, where the
// sum runs along the lanes: the weight gradient with the samples along the lanes (`multiply_dot`), and the forward
// product of a single output with the units along the lanes. There a sum has as many lanes as a line of the cache has
// numbers, whatever a vector holds.

/// Where the packs that sums start from lie: pack m of column n at data + m row_step + n column_step.
template <class T>
struct StartFrom {
  const T* data;
  Index row_step;
  Index column_step;
};
template <class T>
EIGEN_ALWAYS_INLINE StartFrom<T> start_from(Start start, const T* bias, const T* c, Index c_n) {
  alignas(64) static const T zeros[std::size_t(pack_size<T>)]{T(0)};
  if (start == Start::accumulate) return {c, pack_size<T>, c_n};
  if (start == Start::rows) return {bias, pack_size<T>, 0};
  return {zeros, 0, 0};
}

/// A register tile of C: sizeof...(m) packs of rows by sizeof...(n) columns.
///
/// The accumulators are an array, but only ever indexed by constants: GCC 12 keeps an array that a loop indexes in
/// memory, which halves the speed.
template <int Depth, class T, std::size_t... m, std::size_t... n>
EIGEN_ALWAYS_INLINE void multiply_tile(Start start, Index depth, const T* a, Index a_k, const T* b, Index b_k,
                                       Index b_n, const T* bias, T* c, Index c_n, std::index_sequence<m...>,
                                       std::index_sequence<n...>) {
  using P = Pack<T>;
  constexpr Index p = pack_size<T>;
  constexpr std::size_t M = sizeof...(m);
  constexpr auto all_sums = std::make_index_sequence<M * sizeof...(n)>{};
  P sum[M * sizeof...(n)];
  if (start == Start::columns) {
    [&]<std::size_t... at>(std::index_sequence<at...>) SHALLOW_LAMBDA { ((sum[at] = all<P>(bias[at / M])), ...); }
    (all_sums);
  } else {
    const StartFrom<T> from = start_from<T>(start, bias, c, c_n);
    [&]<std::size_t... at>(std::index_sequence<at...>) SHALLOW_LAMBDA {
      ((sum[at] = load<P>(from.data + Index(at % M) * from.row_step + Index(at / M) * from.column_step)), ...);
    }
    (all_sums);
  }

  const auto multiply_step = [&]() SHALLOW_LAMBDA {
    const P left[M] = {load<P>(a + Index(m) * p)...};
    const auto multiply_column = [&](std::size_t column, const T& entry) SHALLOW_LAMBDA {
      const P right = all<P>(entry);
      ((sum[column * M + m] = fma(left[m], right, sum[column * M + m])), ...);
    };
    (multiply_column(n, b[Index(n) * b_n]), ...);
    a += a_k;
    b += b_k;
  };
  if constexpr (Depth != Dynamic) {
    for_constants<std::size_t(Depth)>([&](auto) SHALLOW_LAMBDA { multiply_step(); });
  } else {
    for (Index k = 0; k < depth; ++k) multiply_step();
  }

  [&]<std::size_t... at>(std::index_sequence<at...>) SHALLOW_LAMBDA {
    (store(c + Index(at / M) * c_n + Index(at % M) * p, sum[at]), ...);
  }
  (all_sums);
}

/// All rows of a few columns of C.
template <class T, std::size_t... n>
EIGEN_DONT_INLINE void multiply_columns(Start start, Index rows, Index depth, const T* a, Index a_k, const T* b,
                                        Index b_k, Index b_n, const T* bias, T* c, Index c_n,
                                        std::index_sequence<n...> columns) {
  // As many sums as there are registers for: with 6 columns, 4 packs of A, one of B and 24 sums of 32, or 2, 1 and 12
  // of 16. A single column, a single sample that is, needs more rows at a time, or every sum would wait for the one
  // before: a multiply-add takes 4 to 5 cycles, and 2 can begin in each.
  constexpr bool single = sizeof...(n) == 1;
  constexpr std::size_t M = single ? 8 : registers >= 32 ? 4 : 2;
  constexpr Index p = pack_size<T>;
  const Index bias_step = start == Start::rows ? 1 : 0;
  Index i = 0;
  const auto run = [&]<std::size_t... m>(std::index_sequence<m...> packs) SHALLOW_LAMBDA {
    for (; i + Index(sizeof...(m)) * p <= rows; i += Index(sizeof...(m)) * p) {
      multiply_tile<Dynamic>(start, depth, a + i, a_k, b, b_k, b_n, bias + i * bias_step, c + i, c_n, packs, columns);
    }
  };
  run(std::make_index_sequence<M>{});
  // What may be left: rows come in whole packs for a single column, and in whole lines for others.
  constexpr std::size_t whole = single ? 1 : packs_in_line<T>;
  if constexpr (M > 2 && whole < M) run(std::make_index_sequence<2>{});
  if constexpr (whole == 1) run(std::make_index_sequence<1>{});
}

/// C (rows x columns) = A (rows x depth) B (depth x columns), started as `start` says. The rows lie along the lanes:
///
///     A(i, k) at a[i + k a_k]    B(k, n) at b[k b_k + n b_n]    C(i, n) at c[i + n c_n]
///
/// `rows` are whole lines, of a single column (Columns = 1) whole packs: so far A (and a bias by rows) must be
/// readable, and C writable. Columns is their number if known at compile time (see `narrow`). A known depth is worth
/// nothing here, as measured, and would be a copy of the kernel for each.
template <int Columns = Dynamic, class T>
void multiply(Start start, Index rows, Index columns, Index depth, const T* a, Index a_k, const T* b, Index b_k,
              Index b_n, const T* bias, T* c, Index c_n) {
  constexpr int width = 6;
  const auto run = [&](Index n, auto indices) {
    multiply_columns(start, rows, depth, a, a_k, b + n * b_n, b_k, b_n, start == Start::columns ? bias + n : bias,
                     c + n * c_n, c_n, indices);
  };
  const Index count = Columns == Dynamic ? columns : Columns;
  Index n = 0;
  if constexpr (Columns == Dynamic || Columns >= width) {
    for (; n + width <= count; n += width) run(n, std::make_index_sequence<width>{});
  }
  if constexpr (Columns != Dynamic) {
    if constexpr (Columns % width != 0) run(n, std::make_index_sequence<std::size_t(Columns % width)>{});
  } else {
    // A kernel for each of 1 to 5 would be faster by less than it costs to compile. Two at a time are no faster than
    // one and one where there are 16 registers.
    if (n + 4 <= count) {
      run(n, std::make_index_sequence<4>{});
      n += 4;
    }
    if constexpr (registers >= 32) {
      if (n + 2 <= count) {
        run(n, std::make_index_sequence<2>{});
        n += 2;
      }
    }
    for (; n < count; ++n) run(n, std::make_index_sequence<1>{});
  }
}

/// C(r, q) = (what `start` says) + sum over j < depth, whole lines, of L(r, j) R(q, j), for sizeof...(r) rows of L and
/// sizeof...(q) rows of R.
template <class T, std::size_t... r, std::size_t... q>
EIGEN_DONT_INLINE void multiply_dot_tile(Start start, Index depth, const T* left_rows, Index l_stride,
                                         const T* right_rows, Index r_stride, T* c, Index c_q,
                                         std::index_sequence<r...>, std::index_sequence<q...>) {
  using P = Pack<T>;
  constexpr std::size_t R = sizeof...(r);
  constexpr std::size_t K = packs_in_line<T>;
  P sum[R * sizeof...(q) * K];
  for_constants<R * sizeof...(q) * K>([&](auto at) SHALLOW_LAMBDA { sum[at] = all<P>(T(0)); });
  for (Index j = 0; j < depth; j += line<T>) {
    for_constants<K>([&](auto k) SHALLOW_LAMBDA {
      const Index place = j + Index(k) * pack_size<T>;
      const P left[R] = {load<P>(left_rows + Index(r) * l_stride + place)...};
      const auto column = [&](std::size_t i, P right) SHALLOW_LAMBDA {
        ((sum[(i * R + r) * K + k] = fma(left[r], right, sum[(i * R + r) * K + k])), ...);
      };
      (column(q, load<P>(right_rows + Index(q) * r_stride + place)), ...);
    });
  }
  constexpr std::size_t p = std::size_t(pack_size<T>);
  alignas(64) T totals[(R * sizeof...(q) + p - 1) / p * p];
  sums_of_lines<R * sizeof...(q)>(sum, totals);
  const auto put = [&](const T& total, T& entry) { entry = T((start == Start::zero ? T(0) : entry) + total); };
  for_constants<R * sizeof...(q)>([&](auto at)
                                      SHALLOW_LAMBDA { put(totals[at], c[Index(at % R) + Index(at / R) * c_q]); });
}

/// Calls f(first, index_sequence) for `count` things in blocks of `Block`, and then for the rest: one by one or, where
/// the count is known at compile time, as one smaller block.
template <int Count, std::size_t Block, class F>
EIGEN_ALWAYS_INLINE void for_blocks(Index count, F&& f) {
  Index i = 0;
  if constexpr (Count == Dynamic) {
    for (; i + Index(Block) <= count; i += Index(Block)) f(i, std::make_index_sequence<Block>{});
    for (; i < count; ++i) f(i, std::index_sequence<0>{});
  } else {
    constexpr std::size_t rest = std::size_t(Count) % Block;
    for (; i < Count - Index(rest); i += Index(Block)) f(i, std::make_index_sequence<Block>{});
    if constexpr (rest != 0) f(i, std::make_index_sequence<rest>{});
  }
}

/// C (n_out x n_in) = D A' (or +=, as `start` says) with the samples of D (n_out x t) and A (n_in x t) along the lanes;
/// b the same of the row sums of D.
template <int Out, int In, class T>
EIGEN_DONT_INLINE void multiply_dot(Start start, Index n_out, Index n_in, Index samples, const T* d, Index d_stride,
                                    const T* a, Index a_stride, T* c, T* b) {
  // 4 x 4 sums and what they are made of fit in 32 registers, 4 x 2 in 16; where a line is more than one vector, as
  // many vectors.
  constexpr std::size_t K = packs_in_line<T>;
  constexpr std::size_t down = K == 1 ? 4 : K == 2 ? 2 : 1;
  constexpr std::size_t across = registers >= 32 ? 4 : K == 1 ? 2 : 3;
  for_blocks<Out, down>(n_out, [&](Index o, auto rows) {
    for_blocks<In, across>(n_in, [&](Index i, auto columns) {
      multiply_dot_tile(start, samples, d + o * d_stride, d_stride, a + i * a_stride, a_stride, c + o + i * n_out,
                        n_out, rows, columns);
    });
    for (Index r = 0; r < Index(rows.size()); ++r) {
      const T* const row = d + (o + r) * d_stride;
      b[o + r] = T((start == Start::zero ? T(0) : b[o + r]) + sum_of_row(samples, row));
    }
  });
}

/// B (cols x rows) = A' (rows x cols), both column after column, in squares of whole packs.
template <class T>
void transpose(Index rows, Index cols, const T* a, Index a_stride, T* b, Index b_stride) {
  using P = Pack<T>;
  constexpr Index p = pack_size<T>;
  Index whole_rows = 0;
  Index whole_cols = 0;
  if constexpr (p > 1) {
    whole_rows = rows / p * p;
    whole_cols = cols / p * p;
    for (Index j = 0; j < whole_cols; j += p) {
      for (Index i = 0; i < whole_rows; i += p) {
        P square[std::size_t(p)];
        for_constants<std::size_t(p)>([&](auto k)
                                          SHALLOW_LAMBDA { square[k] = load<P>(a + i + (j + Index(k)) * a_stride); });
        transpose_square<std::size_t(p)>(square);
        for_constants<std::size_t(p)>([&](auto k)
                                          SHALLOW_LAMBDA { store(b + j + (i + Index(k)) * b_stride, square[k]); });
      }
    }
  }
  const auto one_by_one = [&](Index first_row, Index last_row, Index first_col) {
    for (Index i = first_row; i < last_row; ++i) {
      for (Index j = first_col; j < cols; ++j) b[j + i * b_stride] = a[i + j * a_stride];
    }
  };
  one_by_one(0, whole_rows, whole_cols);
  one_by_one(whole_rows, rows, 0);
}
