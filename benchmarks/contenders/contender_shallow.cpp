// SPDX-License-Identifier: MIT
/// This library on every workload, in float and double, with sizes in the type ("fixed") and given at run time.

#include <shallow/shallow.hpp>

#include "workloads.hpp"

#include <algorithm>
#include <cstring>

namespace {

using namespace shallow;
using workloads::Result;

/// A network of these layers with the weights that the workload starts from.
template <class Net, class T>
Net begin(Net net, const std::vector<Matrix<T>>& weights) {
  net.parameters().setZero();
  const auto set = [&]<std::size_t... l>(std::index_sequence<l...>) {
    ((net.template layer<l>().weights() = weights[l]), ...);
  };
  set(std::make_index_sequence<Net::layers>{});
  return net;
}

// Sizes in the type, or none of them.
template <class T, bool fixed, class G1, class G2, int n0, int n1, int n2>
auto network() {
  if constexpr (fixed) {
    return Network<Layer<T, G1, n0, n1>, Layer<T, G2, n1, n2>>();
  } else {
    return Network<Layer<T, G1>, Layer<T, G2>>({n0, n1, n2});
  }
}
template <class T, bool fixed, int n0, int n1, int n2, int n3>
auto deep_network() {
  if constexpr (fixed) {
    return Network<Layer<T, Tanh, n0, n1>, Layer<T, Tanh, n1, n2>, Layer<T, Identity, n2, n3>>();
  } else {
    return Network<Layer<T, Tanh>, Layer<T, Tanh>, Layer<T, Identity>>({n0, n1, n2, n3});
  }
}

template <class T, bool fixed>
Result w1(const std::string&) {
  using W = workloads::W1;
  const auto samples = W::samples<T>();
  auto net = begin(network<T, fixed, Tanh, Sigmoid, 2, 4, 1>(), W::start<T>());
  const double time = workloads::seconds([&] {
    fit(net, samples.X, samples.Y, GradientDescent{.learning_rate = W::learning_rate}, {.epochs = W::iterations});
  });
  return {time / double(W::iterations), double(loss(net, samples.X, samples.Y))};
}

template <class T, bool fixed>
Result w2(const std::string& name) {
  using W = workloads::W2;
  const auto samples = W::samples<T>();
  auto net = begin(network<T, fixed, ReLU, Softmax, 784, 128, 10>(), W::start<T>());
  const double time = workloads::seconds([&] {
    fit(net, samples.X, samples.labels, GradientDescent{.learning_rate = W::learning_rate},
        {.epochs = 1, .batch_size = W::batch_size(name)});
  });
  return {time, W::check(net.predict(samples.X.leftCols(W::checked)), samples.labels)};
}

/// One sample after the other, each made of the last one's output.
template <class T, class Net>
Result one_by_one(const Net& net, Vector<T> x, Index calls) {
  typename Net::Workspace workspace;
  Matrix<T> a(net.n_y(), 1);
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < calls; ++i) {
      net.predict(x, a, workspace);
      x(0) = a(0);
    }
  });
  return {time / double(calls), double(a(0))};
}

template <class T, bool fixed>
Result w3_narrow(const std::string&) {
  using W = workloads::W3;
  const auto net = begin(network<T, fixed, Tanh, Sigmoid, 2, 4, 1>(), W::narrow_start<T>());
  Vector<T> x(2);
  x << T(W::first_x[0]), T(W::first_x[1]);
  return one_by_one(net, x, W::narrow_calls);
}

template <class T, bool fixed>
Result w3_wide(const std::string&) {
  const auto samples = workloads::W2::samples<T>();
  const auto net = begin(network<T, fixed, ReLU, Softmax, 784, 128, 10>(), workloads::W2::start<T>());
  return one_by_one<T>(net, samples.X.col(0), workloads::W3::wide_calls);
}

template <class T, bool fixed>
Result w3_batch(const std::string&) {
  constexpr Index m = workloads::W3::batch;
  const auto samples = workloads::W2::samples<T>();
  const auto net = begin(network<T, fixed, ReLU, Softmax, 784, 128, 10>(), workloads::W2::start<T>());
  PassWorkspace<T> workspace;
  Matrix<T> a(10, m);
  net.predict(samples.X.leftCols(m), a, workspace);
  const double time = workloads::seconds([&] { net.predict(samples.X.leftCols(m), a, workspace); });
  return {time / double(m), double(a.row(0).mean())};
}

template <class W, class T, class Net>
Result adam(Net net, Index batch_size) {
  const auto samples = W::template samples<T>();
  net = begin(net, W::template start<T>());
  const double time = workloads::seconds([&] {
    fit(net, samples.X, samples.Y, Adam{.learning_rate = W::learning_rate},
        {.epochs = W::epochs, .batch_size = batch_size});
  });
  return {time / double(W::epochs), double(loss(net, samples.X, samples.Y))};
}
template <class T, bool fixed>
Result w4(const std::string&) {
  return adam<workloads::W4, T>(deep_network<T, fixed, 8, 64, 64, 1>(), workloads::W4::batch_size);
}
template <class T, bool fixed>
Result w5(const std::string&) {
  return adam<workloads::W5, T>(deep_network<T, fixed, 4, 32, 16, 4>(), 0);
}

template <class T, bool fixed>
void add(std::vector<workloads::Case>& cases, const std::string& variant) {
  workloads::add(cases, variant,
                 {.w1 = w1<T, fixed>,
                  .w2 = w2<T, fixed>,
                  .w3_narrow = w3_narrow<T, fixed>,
                  .w3_wide = w3_wide<T, fixed>,
                  .w3_batch = w3_batch<T, fixed>,
                  .w4 = w4<T, fixed>,
                  .w5 = w5<T, fixed>});
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<workloads::Case> cases;
  add<float, true>(cases, "float-fixed");
  add<float, false>(cases, "float-run-time");
  add<double, true>(cases, "double-fixed");
  add<double, false>(cases, "double-run-time");
  return workloads::contender(argc, argv, cases);
}
