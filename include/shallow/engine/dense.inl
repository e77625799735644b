// SPDX-License-Identifier: MIT
//
// The products of a dense layer over a tile of samples (layout.hpp), for one target (simd.inl).
//
// With W (n_out x n_in), A = A[l-1], Z = Z[l], D = dJ/dZ[l], the products are
//
//     forward            Z  = W A + b
//     weight gradient    dW = D A',  db = (row sums of D)
//     input gradient     dA = W' D

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
      multiply<narrow<Out>>(Start::columns, out.stride(), n_out, n_in, a, a_unit, weights, n_out, 1, bias, z,
                            out.stride());
    } else if (n_out == 1) {
      forward_dot(samples, a, a_sample, z, out.stride());
    } else {
      multiply(Start::rows, out.stride(), samples, n_in, weights, n_out, a, a_unit, a_sample, bias, z, out.stride());
    }
  }

  /// The same for a single sample, its units along the lanes whatever `lanes` says of batches; z has room for whole
  /// lines. Every sum is made in the order of the batch's, so that a sample comes out the same to the last bit.
  void forward_sample(Lanes lanes, const T* x, T* z) const {
    if (lanes == Lanes::units && n_out == 1) return forward_dot(1, x, n_in, z, line<T>);
    if constexpr (narrow<In> != Dynamic && narrow<Out> != Dynamic) {
      constexpr std::size_t packs = std::size_t((Out + pack_size<T> - 1) / pack_size<T>);
      multiply_tile<In>(Start::rows, Index(In), weights, Index(Out), x, Index(1), Index(0), bias, z, Index(0),
                        std::make_index_sequence<packs>{}, std::index_sequence<0>{});
    } else {
      multiply<1>(Start::rows, round_up_to_packs<T>(n_out), Index(1), n_in, weights, n_out, x, Index(1), Index(0), bias,
                  z, Index(0));
    }
  }

  /// dW = D A', db = row sums of D, or added to what is there, as `start` says. With the samples along the lanes the
  /// padding of D holds zeros, that of A finite numbers.
  void weight_gradient(Start start, Index samples, const T* d, const T* a, Index a_unit, Index a_sample, T* dW,
                       T* db) const {
    if constexpr (L == Lanes::samples) {
      const Index stride = TileLayout<T, L>{n_out, samples}.stride();
      multiply_dot<narrow<Out>, narrow<In>>(start, n_out, n_in, stride, d, stride, a, a_unit, dW, db);
    } else {
      weight_gradient(start, samples, d, a, a_unit, a_sample, dW, db, 0, n_in);
    }
  }

  /// With the units along the lanes: the same of the columns first .. last of dW, whole lines but for the last, which
  /// takes db with it. The bits do not depend on how the columns are cut.
  void weight_gradient(Start start, Index samples, const T* d, const T* a, Index a_unit, Index a_sample, T* dW, T* db,
                       Index first, Index last) const {
    const Index stride = TileLayout<T, Lanes::units>{n_out, samples}.stride();
    const Index whole = n_out / line<T> * line<T>;
    T* const bias_gradient = last == n_in ? db : nullptr;
    if (whole > 0) {
      row_products(start, whole, last - first, samples, d, stride, a + first * a_unit, a_unit, a_sample,
                   dW + first * n_out, bias_gradient, n_out);
    }
    if (whole == n_out) return;
    // The last rows would not fill a line. The whole lines of inputs do: there the inputs lie along the lanes, and what
    // comes out is the transpose, (inputs x rest). What remains is a corner and db, whose lanes are not full.
    const Index rest = n_out - whole;
    const Index full = (std::min)(last, n_in / line<T> * line<T>)-first;
    const T* const last_rows = d + whole;
    T* const sums = scratch + first * line<T>;
    if (full > 0) {
      const T* const none = nullptr;
      multiply(Start::zero, full, rest, samples, a + first * a_unit, a_sample, last_rows, stride, Index(1), none, sums,
               full);
      for (Index i = 0; i < full; ++i) {
        for (Index o = 0; o < rest; ++o) put(start, sums[i + o * full], dW[whole + o + (first + i) * n_out]);
      }
    }
    if (last < n_in) return;
    const Index corner = n_in - first - full;
    row_products(Start::zero, line<T>, corner, samples, last_rows, stride, a + (first + full) * a_unit, a_unit,
                 a_sample, sums, sums + corner * line<T>, line<T>);
    for (Index i = 0; i <= corner; ++i) {
      T* const to = (i < corner ? dW + (first + full + i) * n_out : db) + whole;
      for (Index o = 0; o < rest; ++o) put(start, sums[i * line<T> + o], to[o]);
    }
  }

  /// dA = W' D, padding included.
  void input_gradient(Index samples, const T* d, T* dA) const {
    const TileLayout<T, L> in{n_in, samples};
    const TileLayout<T, L> out{n_out, samples};
    const T* const none = nullptr;
    if constexpr (L == Lanes::samples) {
      multiply<narrow<In>>(Start::zero, in.stride(), n_in, n_out, d, out.stride(), weights, 1, n_out, none, dA,
                           in.stride());
    } else {
      multiply(Start::zero, in.stride(), samples, n_out, scratch + last_rows_size<T>(n_in), in.stride(), d, 1,
               out.stride(), none, dA, in.stride());
    }
  }

  /// Writes W' to the scratch memory: of the rows first .. last of W, whole packs but for the last.
  void pack_weights(Index first, Index last) const {
    const Index stride = round_up_to_lines<T>(n_in);
    T* const transposed = scratch + last_rows_size<T>(n_in) + first * stride;
    transpose(last - first, n_in, weights + first, n_out, transposed, stride);
    for (Index o = 0; o < last - first; ++o) {
      std::fill(transposed + o * stride + n_in, transposed + (o + 1) * stride, T(0));
    }
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

  /// Rows of [dW db], for `inputs` columns of dW; db, unless it is null, is one more column, against a row of ones.
  void row_products(Start start, Index rows, Index inputs, Index samples, const T* d, Index d_stride, const T* a,
                    Index a_unit, Index a_sample, T* dW, T* db, Index dW_stride) const {
    const T* const none = nullptr;
    const T one(1);
    multiply(start, rows, inputs, samples, d, d_stride, a, a_sample, a_unit, none, dW, dW_stride);
    if (!db) return;
    multiply<1>(start, rows, Index(1), samples, d, d_stride, &one, Index(0), Index(0), none, db, dW_stride);
  }
};
