// SPDX-License-Identifier: MIT
/// The parts that speed is made of, one by one, with Google Benchmark: the functions of math.hpp over an array beside
/// std's and Eigen's, and the products of the engine beside Eigen's.
///
///     taskset -c 1 build/bench/benchmarks/bench_micro --benchmark_filter=tanh

#include <shallow/shallow.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace {

using shallow::Index;
using shallow::Matrix;
using shallow::detail::Lanes;
using shallow::detail::Start;
using shallow::detail::TileLayout;

template <class T>
using Array = Eigen::Array<T, Eigen::Dynamic, 1>;

template <class T>
std::string named(const char* what) {
  return std::string(what) + (sizeof(T) == 4 ? "/float" : "/double");
}

// ---- math.hpp: an item is a number

template <class T, class F>
void math(const char* name, F f) {
  benchmark::RegisterBenchmark(named<T>(name).c_str(), [f](benchmark::State& state) {
    constexpr Index size = 4096;
    const Array<T> x = 4 * Array<T>::Random(size);
    Array<T> y(size);
    for ([[maybe_unused]] auto step : state) {
      f(x, y);
      benchmark::DoNotOptimize(y.data());
      benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * size);
  });
}

/// One number after the other, as a loop over std does.
template <class F>
auto one_by_one(F f) {
  return [f](const auto& x, auto& y) {
    for (Index i = 0; i < x.size(); ++i) y[i] = f(x[i]);
  };
}

template <class T>
void register_math() {
  math<T>("exp/std", one_by_one([](T v) { return std::exp(v); }));
  math<T>("exp/Eigen", [](const auto& x, auto& y) { y = x.exp(); });
  math<T>("exp/shallow", [](const auto& x, auto& y) { y = shallow::exp(x); });
  math<T>("sigmoid/std", one_by_one([](T v) { return 1 / (1 + std::exp(-v)); }));
  math<T>("sigmoid/Eigen", [](const auto& x, auto& y) { y = x.logistic(); });
  math<T>("sigmoid/shallow", [](const auto& x, auto& y) { y = shallow::sigmoid(x); });
  math<T>("tanh/std", one_by_one([](T v) { return std::tanh(v); }));
  math<T>("tanh/Eigen", [](const auto& x, auto& y) { y = x.tanh(); });
  math<T>("tanh/shallow", [](const auto& x, auto& y) { y = shallow::tanh(x); });
  math<T>("softplus/std", one_by_one([](T v) { return std::max(v, T(0)) + std::log1p(std::exp(-std::abs(v))); }));
  math<T>("softplus/Eigen", [](const auto& x, auto& y) { y = x.max(T(0)) + (-x.abs()).exp().log1p(); });
  math<T>("softplus/shallow", [](const auto& x, auto& y) { y = shallow::softplus(x); });
}

// ---- engine/products.inl: an item is a flop

template <class T, Lanes L>
struct LayerTile {
  LayerTile(Index inputs, Index outputs, Index samples)
      : n_in(inputs),
        n_out(outputs),
        t(samples),
        parameters((inputs + 1) * outputs + shallow::detail::line<T>),
        gradient(Array<T>::Zero((inputs + 1) * outputs)),
        a(Array<T>::Random(TileLayout<T, L>{inputs, samples}.size())),
        d(Array<T>::Random(TileLayout<T, L>{outputs, samples}.size())) {
    parameters.setRandom();
    scratch.resize(shallow::detail::scratch_size<T>(n_in, n_out, true));
    with_kernel([](auto kernel) { kernel.pack_weights(0, kernel.n_out); });
  }
  template <class F>
  void with_kernel(F f) {
    shallow::detail::with_engine<T>([&](auto engine) {
      f(typename decltype(engine)::template Dense<T, L, Eigen::Dynamic, Eigen::Dynamic>{
          n_in, n_out, parameters.data(), parameters.data() + n_in * n_out, scratch.data()});
    });
  }

  Index n_in, n_out, t;
  Array<T> parameters, gradient, a, d, scratch;
};

template <class T, Lanes L, class F>
void product(const char* name, F f) {
  benchmark::RegisterBenchmark(named<T>(name).c_str(),
                               [f](benchmark::State& state) {
                                 LayerTile<T, L> tile(state.range(0), state.range(1), state.range(2));
                                 for ([[maybe_unused]] auto step : state) {
                                   f(tile);
                                   benchmark::ClobberMemory();
                                 }
                                 state.SetItemsProcessed(state.iterations() * 2 * tile.n_in * tile.n_out * tile.t);
                               })
      ->ArgNames({"n_in", "n_out", "t"})
      ->Args({784, 128, 64})
      ->Args({64, 64, 64})
      ->Args({784, 128, 1})
      ->Args({32, 16, 384})
      ->Args({2, 4, 400});
}

template <class T>
void register_products() {
  product<T, Lanes::units>("forward/units", [](auto& tile) {
    const TileLayout<T, Lanes::units> in{tile.n_in, tile.t};
    tile.with_kernel([&](auto kernel) { kernel.forward(tile.t, tile.a.data(), 1, in.stride(), tile.d.data()); });
  });
  product<T, Lanes::samples>("forward/samples", [](auto& tile) {
    const TileLayout<T, Lanes::samples> in{tile.n_in, tile.t};
    tile.with_kernel([&](auto kernel) { kernel.forward(tile.t, tile.a.data(), in.stride(), 1, tile.d.data()); });
  });
  product<T, Lanes::units>("forward/Eigen", [](auto& tile) {
    const TileLayout<T, Lanes::units> in{tile.n_in, tile.t};
    const TileLayout<T, Lanes::units> out{tile.n_out, tile.t};
    const Eigen::Map<const Matrix<T>> W(tile.parameters.data(), tile.n_out, tile.n_in);
    out.view(tile.d.data()).matrix().noalias() = W * in.view(tile.a.data()).matrix();
  });
  product<T, Lanes::units>("weight_gradient/units", [](auto& tile) {
    const TileLayout<T, Lanes::units> in{tile.n_in, tile.t};
    tile.with_kernel([&](auto kernel) {
      kernel.weight_gradient(Start::accumulate, tile.t, tile.d.data(), tile.a.data(), 1, in.stride(),
                             tile.gradient.data(), tile.gradient.data() + tile.n_in * tile.n_out);
    });
  });
  product<T, Lanes::samples>("weight_gradient/samples", [](auto& tile) {
    const TileLayout<T, Lanes::samples> in{tile.n_in, tile.t};
    tile.with_kernel([&](auto kernel) {
      kernel.weight_gradient(Start::accumulate, tile.t, tile.d.data(), tile.a.data(), in.stride(), 1,
                             tile.gradient.data(), tile.gradient.data() + tile.n_in * tile.n_out);
    });
  });
  product<T, Lanes::units>("weight_gradient/Eigen", [](auto& tile) {
    const TileLayout<T, Lanes::units> in{tile.n_in, tile.t};
    const TileLayout<T, Lanes::units> out{tile.n_out, tile.t};
    Eigen::Map<Matrix<T>> dW(tile.gradient.data(), tile.n_out, tile.n_in);
    dW.noalias() += out.view(tile.d.data()).matrix() * in.view(tile.a.data()).matrix().transpose();
  });
  product<T, Lanes::units>("input_gradient/units", [](auto& tile) {
    tile.with_kernel([&](auto kernel) { kernel.input_gradient(tile.t, tile.d.data(), tile.a.data()); });
  });
  product<T, Lanes::samples>("input_gradient/samples", [](auto& tile) {
    tile.with_kernel([&](auto kernel) { kernel.input_gradient(tile.t, tile.d.data(), tile.a.data()); });
  });
}

}  // namespace

int main(int argc, char** argv) {
  register_math<float>();
  register_math<double>();
  register_products<float>();
  register_products<double>();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
