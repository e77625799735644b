// SPDX-License-Identifier: MIT
//
// The engine for one target: its parts, in the order in which they need each other, and its door, what the rest of the
// library calls. targets.hpp includes this file once for each target, in a namespace of its own.

// Each needs the one before.
// clang-format off
#include "shallow/engine/simd.inl"
#include "shallow/engine/lanes.inl"
#include "shallow/engine/functions.inl"
#include "shallow/engine/entries.inl"
#include "shallow/engine/products.inl"
#include "shallow/engine/dense.inl"
#include "shallow/engine/loops.inl"
#include "shallow/engine/columns.inl"
// clang-format on

/// The door. Its functions are calls into the code of this target; packs stay behind them.
struct Engine {
  static constexpr SimdTarget target = SHALLOW_TARGET;
  static constexpr bool multiplies_and_adds_in_one = fused;

  /// The products of a layer.
  template <class T, Lanes L, int In, int Out>
  using Dense = DenseKernel<T, L, In, Out>;

  /// C += A B of matrices that lie column after column in whole lines: the kernel alone, for benchmarks.
  template <class T>
  static void add_product(Index rows, Index columns, Index depth, const T* a, const T* b, T* c) {
    const T* const none = nullptr;
    multiply(Start::accumulate, rows, columns, depth, a, rows, b, Index(1), depth, none, c, rows);
  }

  /// g(x), g'(x) and g' in terms of a = g(z), of a number.
  template <class G, class T>
  static T value_of(const G& g, const T& x) {
    return value(g, x);
  }
  template <class G, class T>
  static T derivative_of(const G& g, const T& x) {
    return derivative(g, x);
  }
  template <class G, class T>
  static T derivative_from_value_of(const G& g, const T& a) {
    return derivative_from_value(g, a);
  }

  /// The same of `size` numbers x; y may be x.
  template <class G, class T>
  static void values(const G& g, Index size, const T* x, T* y) {
    for_packs<T>(size, [&](Index i, Index count)
                           SHALLOW_LAMBDA { store_up_to(y + i, value(g, load_up_to<Pack<T>>(x + i, count)), count); });
  }
  template <class G, class T>
  static void derivatives(const G& g, Index size, const T* x, T* y) {
    for_packs<T>(size, [&](Index i, Index count) SHALLOW_LAMBDA {
      store_up_to(y + i, derivative(g, load_up_to<Pack<T>>(x + i, count)), count);
    });
  }
  template <class G, class T>
  static void derivatives_from_values(const G& g, Index size, const T* a, T* y) {
    for_packs<T>(size, [&](Index i, Index count) SHALLOW_LAMBDA {
      store_up_to(y + i, derivative_from_value(g, load_up_to<Pack<T>>(a + i, count)), count);
    });
  }

  /// a[i] = g(z[i]), and d[i] *= g'(z[i]) from a[i], of whole lines.
  template <class G, class T>
  static void activate(const G& g, Index size, const T* z, T* a) {
    activate_packs(g, size, z, a);
  }
  template <class G, class T>
  static void activate_backward(const G& g, Index size, const T* a, T* d) {
    activate_packs_backward(g, size, a, d);
  }
  /// A = softmax(Z) of a tile, and D := dJ/dZ from D = dJ/dA.
  template <class T, Lanes L>
  static void softmax(TileLayout<T, L> tile, const T* z, T* a) {
    softmax_of_tile(tile, z, a);
  }
  template <class T, Lanes L>
  static void softmax_backward(TileLayout<T, L> tile, const T* a, T* d) {
    softmax_of_tile_backward(tile, a, d);
  }

  /// Sum of a loss over a tile, from V = Z or A as the loss wants, y_stride being that of Y.
  template <class T, Lanes L, class Loss, class Target>
  static T loss(const Loss& loss, TileLayout<T, L> tile, const T* v, const Target* y, Index y_stride) {
    return sum_of_lines(loss, tile.lines(), tile.length(), v, tile.stride(), y, y_stride);
  }
  /// D = scale dL/dv; zeros in the padding of its lines.
  template <class T, Lanes L, class Loss, class Target>
  static void loss_gradient(const Loss& loss, TileLayout<T, L> tile, const T& scale, const T* a, const Target* y,
                            Index y_stride, T* d) {
    derivatives_of_lines(loss, scale, tile.lines(), tile.length(), a, tile.stride(), y, y_stride, d);
  }
  /// Sum over samples j of log(sum_i e^z_i) - logit(j), the logit of its class.
  template <class T, Lanes L, class F>
  static T cross_entropy(TileLayout<T, L> tile, const T* z, const F& logit) {
    return cross_entropy_of_tile(tile, z, logit);
  }

  /// The sum of e^x_i of n numbers.
  template <class T>
  static T sum_of_exponentials(Index n, const T* x) {
    return exponentials(n, x);
  }

  /// theta := theta - alpha g
  template <class T>
  static void descend(Index size, const T& alpha, const T* g, T* theta) {
    gradient_descent(size, alpha, g, theta);
  }
  /// v := mu v + g,  theta := theta - alpha v
  template <class T>
  static void descend(Index size, const T& alpha, const T& mu, const T* g, T* v, T* theta) {
    momentum(size, alpha, mu, g, v, theta);
  }
  /// One step of Adam.
  template <class T>
  static void descend(Index size, const AdamFactors<T>& factors, const T* g, T* m, T* v, T* theta) {
    adam(size, factors, g, m, v, theta);
  }

  /// Whether none of the numbers is NaN or infinite.
  template <class T>
  static bool all_finite(Index size, const T* x) {
    return all_are_finite(size, x);
  }

  /// Forward propagation of one sample through layers in a tuple of views; `columns`, two of `stride` numbers, hold
  /// what goes from one to the next. Returns where the output is. `lanes` are those of batches.
  template <class T, class... Views>
  static const T* forward_sample(Lanes lanes, const std::tuple<Views...>& layers, const T* x, T* columns,
                                 Index stride) {
    for_constants<sizeof...(Views)>([&](auto l) SHALLOW_LAMBDA {
      T* const z = columns + Index(l % 2) * stride;
      forward_sample(lanes, std::get<l>(layers), x, z);
      x = z;
    });
    return x;
  }
  /// a = A[L] of one sample, of a model whose widest layer has `Size` units, whole lines: all on the stack. views() are
  /// the layers; they are made here, so that they stay in registers.
  template <Index Size, class T, class Views>
  static void predict_sample(Lanes lanes, const Views& views, const T* x, T* a, Index n_y) {
    alignas(64) T columns[std::size_t(2 * Size)];
    std::copy_n(forward_sample(lanes, views, x, columns, Size), n_y, a);
  }
  /// The same through one layer, to z.
  template <class T, class View>
  static void forward_sample(Lanes lanes, const View& layer, const T* x, T* z) {
    const Index n_out = shared_size<View::outputs>(layer.n_out());
    const DenseKernel<T, Lanes::units, View::inputs, View::outputs> kernel{
        shared_size<View::inputs>(layer.n_in()), n_out, layer.weights().data(), layer.bias().data()};
    kernel.forward_sample(lanes, x, z);
    if constexpr (EntryWise<typename View::Activation>) {
      activate_packs(layer.activation(), round_up_to_packs<T>(n_out), z, z);
    } else {
      apply_activation(layer.activation(), TileLayout<T, Lanes::units>{n_out, 1}, z, z);
    }
  }
};

#undef SHALLOW_TARGET
#undef SHALLOW_VECTOR_BYTES
#undef SHALLOW_FUSED
#undef SHALLOW_REGISTERS
