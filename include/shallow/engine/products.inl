// SPDX-License-Identifier: MIT
//
// The products of a dense layer over a tile of samples (tile.hpp), for one target (simd.inl). The one place where speed
// lives.
//
// With W (n_out x n_in), A = A[l-1], Z = Z[l], D = dJ/dZ[l], the products are
//
//     forward            Z  = W A + b
//     weight gradient    dW = D A',  db = (row sums of D)
//     input gradient     dA = W' D
//
// All are calls of one kernel, `multiply`, with other strides, but for two, where the sum runs along the lanes: the
// weight gradient with the samples along the lanes (`multiply_dot`), and the forward product of a single output with
// the units along the lanes. There a sum has as many lanes as a line of the cache has numbers, whatever a vector holds.

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
template <int Depth, class T, std::size_t... n>
EIGEN_DONT_INLINE void multiply_columns(Start start, Index rows, Index depth, const T* a, Index a_k, const T* b,
                                        Index b_k, Index b_n, const T* bias, T* c, Index c_n,
                                        std::index_sequence<n...> columns) {
  // As many sums as there are registers for: with 6 columns, 4 packs of A, one of B and 24 sums of 32, or 2, 1 and 12
  // of 16. A single column, a single sample that is, needs more rows at a time, or every sum would wait for the one
  // before: a multiply-add takes 4 to 5 cycles, and 2 can begin in each.
  constexpr std::size_t M = sizeof...(n) == 1 ? 8 : registers >= 32 ? 4 : 2;
  constexpr Index p = pack_size<T>;
  const Index bias_step = start == Start::rows ? 1 : 0;
  Index i = 0;
  for (; i + Index(M) * p <= rows; i += Index(M) * p) {
    multiply_tile<Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias + i * bias_step, c + i, c_n,
                         std::make_index_sequence<M>{}, columns);
  }
  if constexpr (M > 2) {
    for (; i + 2 * p <= rows; i += 2 * p) {
      multiply_tile<Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias + i * bias_step, c + i, c_n,
                           std::make_index_sequence<2>{}, columns);
    }
  }
  for (; i < rows; i += p) {
    multiply_tile<Depth>(start, depth, a + i, a_k, b, b_k, b_n, bias + i * bias_step, c + i, c_n,
                         std::make_index_sequence<1>{}, columns);
  }
}

/// C (rows x columns) = A (rows x depth) B (depth x columns), started as `start` says. The rows lie along the lanes:
///
///     A(i, k) at a[i + k a_k]    B(k, n) at b[k b_k + n b_n]    C(i, n) at c[i + n c_n]
///
/// `rows` is rounded up to whole packs: so far A (and a bias by rows) must be readable, and C writable. Columns and
/// Depth are the sizes if known at compile time (see `narrow`).
template <int Columns = Dynamic, int Depth = Dynamic, class T>
void multiply(Start start, Index rows, Index columns, Index depth, const T* a, Index a_k, const T* b, Index b_k,
              Index b_n, const T* bias, T* c, Index c_n) {
  constexpr int width = 6;
  const auto run = [&]<std::size_t... n>(std::index_sequence<n...> indices) {
    multiply_columns<Depth>(start, rows, depth, a, a_k, b, b_k, b_n, bias, c, c_n, indices);
  };
  const Index count = Columns == Dynamic ? columns : Columns;
  Index n = 0;
  if constexpr (Columns == Dynamic || Columns >= width) {
    for (; n + width <= count; n += width) {
      run(std::make_index_sequence<width>{});
      b += width * b_n;
      c += width * c_n;
      if (start == Start::columns) bias += width;
    }
  }
  if constexpr (Columns != Dynamic) {
    if constexpr (Columns % width != 0) run(std::make_index_sequence<Columns % width>{});
  } else {
    switch (count - n) {
      case 1: run(std::make_index_sequence<1>{}); break;
      case 2: run(std::make_index_sequence<2>{}); break;
      case 3: run(std::make_index_sequence<3>{}); break;
      case 4: run(std::make_index_sequence<4>{}); break;
      case 5: run(std::make_index_sequence<5>{}); break;
      default: break;
    }
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
  constexpr auto all_sums = std::make_index_sequence<R * sizeof...(q)>{};
  P sum[R * sizeof...(q) * K];
  for_constants<R * sizeof...(q) * K>([&](auto at) SHALLOW_LAMBDA { sum[at] = all<P>(T(0)); });
  for (Index j = 0; j < depth; j += line<T>) {
    for_constants<K>([&](auto k) SHALLOW_LAMBDA {
      const Index place = j + Index(k) * pack_size<T>;
      const P left[R] = {load<P>(left_rows + Index(r) * l_stride + place)...};
      const auto column = [&](std::size_t i, const P& right) SHALLOW_LAMBDA {
        ((sum[(i * R + r) * K + k] = fma(left[r], right, sum[(i * R + r) * K + k])), ...);
      };
      (column(q, load<P>(right_rows + Index(q) * r_stride + place)), ...);
    });
  }
  const auto put = [&](const P* lanes, T& entry)
                       SHALLOW_LAMBDA { entry = T((start == Start::zero ? T(0) : entry) + sum_of_line(lanes)); };
  [&]<std::size_t... at>(std::index_sequence<at...>) SHALLOW_LAMBDA {
    (put(sum + at * K, c[Index(at % R) + Index(at / R) * c_q]), ...);
  }
  (all_sums);
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

/// The products of a layer, on its parameters W (n_out x n_in, column after column) and b as the user has them. They
/// are read in whole packs, so that memory must be readable for a line beyond them (ParameterStorage). With the units
/// along the lanes the backward products need `scratch` memory: `scratch_size` numbers, `pack_weights` having been
/// there before an input gradient.
template <class T, Lanes L, int In, int Out>
struct DenseKernel {
  Index n_in;
  Index n_out;
  const T* weights;
  const T* bias;
  T* scratch = nullptr;

  /// Z = W A + b. A(i, j) at a[i a_unit + j a_sample].
  void forward(Index samples, const T* a, Index a_unit, Index a_sample, T* z) const {
    const TileLayout<T, L> out{n_out, samples};
    if constexpr (L == Lanes::samples) {
      multiply<narrow<Out>, narrow<In>>(Start::columns, out.stride(), n_out, n_in, a, a_unit, weights, n_out, 1, bias,
                                        z, out.stride());
    } else if (n_out == 1) {
      forward_dot(samples, a, a_sample, z, out.stride());
    } else {
      multiply(Start::rows, n_out, samples, n_in, weights, n_out, a, a_unit, a_sample, bias, z, out.stride());
      // What follows goes over whole lines, and is to find numbers in them.
      const Index written = round_up_to_packs<T>(n_out);
      if (written == out.stride()) return;
      for (Index j = 0; j < samples; ++j) std::fill(z + j * out.stride() + written, z + (j + 1) * out.stride(), T(0));
    }
  }

  /// The same for a single sample, its units along the lanes whatever L says of batches; z has room for whole lines.
  /// Every sum is made in the order of `forward`, so that a sample comes out the same to the last bit.
  void forward_sample(const T* x, T* z) const {
    if constexpr (L == Lanes::units) {
      if (n_out == 1) return forward_dot(1, x, n_in, z, line<T>);
    }
    if constexpr (narrow<In> != Dynamic && narrow<Out> != Dynamic) {
      constexpr std::size_t packs = std::size_t((Out + pack_size<T> - 1) / pack_size<T>);
      multiply_tile<In>(Start::rows, Index(In), weights, Index(Out), x, Index(1), Index(0), bias, z, Index(0),
                        std::make_index_sequence<packs>{}, std::index_sequence<0>{});
    } else {
      multiply<1>(Start::rows, n_out, Index(1), n_in, weights, n_out, x, Index(1), Index(0), bias, z, Index(0));
    }
  }

  /// dW = D A', db = row sums of D, or added to what is there, as `start` says. With the samples along the lanes the
  /// padding of D holds zeros, that of A finite numbers.
  void weight_gradient(Start start, Index samples, const T* d, const T* a, Index a_unit, Index a_sample, T* dW,
                       T* db) const {
    const Index stride = TileLayout<T, L>{n_out, samples}.stride();
    if constexpr (L == Lanes::samples) {
      multiply_dot<narrow<Out>, narrow<In>>(start, n_out, n_in, stride, d, stride, a, a_unit, dW, db);
    } else {
      const Index whole = n_out / line<T> * line<T>;
      if (whole > 0) row_products(start, whole, n_in, samples, d, stride, a, a_unit, a_sample, dW, db, n_out);
      if (whole == n_out) return;
      // The last rows would not fill a line. The whole lines of inputs do: there the inputs lie along the lanes, and
      // what comes out is the transpose, (n_in x rest). What remains is a corner and db, whose lanes are not full.
      const Index rest = n_out - whole;
      const Index full = n_in / line<T> * line<T>;
      const T* const last = d + whole;
      if (full > 0) {
        const T* const none = nullptr;
        multiply(Start::zero, full, rest, samples, a, a_sample, last, stride, Index(1), none, scratch, full);
        for (Index i = 0; i < full; ++i) {
          for (Index o = 0; o < rest; ++o) put(start, scratch[i + o * full], dW[whole + o + i * n_out]);
        }
      }
      const Index corner = n_in - full;
      row_products(Start::zero, rest, corner, samples, last, stride, a + full, a_unit, a_sample, scratch,
                   scratch + corner * line<T>, line<T>);
      for (Index i = 0; i <= corner; ++i) {
        T* const to = (i < corner ? dW + (full + i) * n_out : db) + whole;
        for (Index o = 0; o < rest; ++o) put(start, scratch[i * line<T> + o], to[o]);
      }
    }
  }

  /// dA = W' D, padding included.
  void input_gradient(Index samples, const T* d, T* dA) const {
    const TileLayout<T, L> in{n_in, samples};
    const TileLayout<T, L> out{n_out, samples};
    const T* const none = nullptr;
    if constexpr (L == Lanes::samples) {
      multiply<narrow<In>, narrow<Out>>(Start::zero, in.stride(), n_in, n_out, d, out.stride(), weights, 1, n_out, none,
                                        dA, in.stride());
    } else {
      multiply(Start::zero, in.stride(), samples, n_out, scratch + last_rows_size<T>(n_in), in.stride(), d, 1,
               out.stride(), none, dA, in.stride());
    }
  }

  /// Writes W' to the scratch memory.
  void pack_weights() const {
    const Index stride = round_up_to_lines<T>(n_in);
    T* const transposed = scratch + last_rows_size<T>(n_in);
    transpose(n_out, n_in, weights, n_out, transposed, stride);
    for (Index o = 0; o < n_out; ++o) std::fill(transposed + o * stride + n_in, transposed + (o + 1) * stride, T(0));
  }

 private:
  static void put(Start start, const T& value, T& to) { to = start == Start::zero ? value : T(to + value); }

  /// z = w'a + b, the inputs along the lanes as far as they fill lines: W is a single row, and so contiguous.
  EIGEN_DONT_INLINE void forward_dot(Index samples, const T* a, Index a_sample, T* z, Index z_sample) const {
    const Index full = n_in / line<T> * line<T>;
    constexpr std::size_t across = packs_in_line<T> == 1 ? 4 : 2;
    for_blocks<Dynamic, across>(samples, [&](Index j, auto columns) {
      const T* const sample = a + j * a_sample;
      T* const to = z + j * z_sample;
      multiply_dot_tile(Start::zero, full, weights, Index(0), sample, a_sample, to, z_sample, std::index_sequence<0>{},
                        columns);
      for (Index q = 0; q < Index(columns.size()); ++q) {
        T sum = to[q * z_sample] + *bias;
        for (Index i = full; i < n_in; ++i) sum = fma(weights[i], sample[i + q * a_sample], sum);
        // In all of a line: what an activation makes of the others is never looked at, but it is handed defined
        // numbers.
        std::fill_n(to + q * z_sample, line<T>, sum);
      }
    });
  }

  /// Rows of [dW db], for `inputs` columns of dW; db is one more column, against a row of ones.
  void row_products(Start start, Index rows, Index inputs, Index samples, const T* d, Index d_stride, const T* a,
                    Index a_unit, Index a_sample, T* dW, T* db, Index dW_stride) const {
    const T* const none = nullptr;
    const T one(1);
    multiply(start, rows, inputs, samples, d, d_stride, a, a_sample, a_unit, none, dW, dW_stride);
    multiply<1>(start, rows, Index(1), samples, d, d_stride, &one, Index(0), Index(0), none, db, dW_stride);
  }
};
