// SPDX-License-Identifier: MIT
/// tiny-dnn in float, one thread, with its AVX products, driven through fit and predict. All start from the workloads'
/// weights. What differs:
///
///     W2  only the first 6,000 samples of the order are trained on, and the time is multiplied by 10. Not W2/full: it
///         keeps a gradient of the weights for every sample, which would be 24 GB;
///     W4, W5  its Adam counts a step for every weight matrix and bias, begins with the second, and has epsilon under
///         the root; W5 is 10 epochs instead of 100.
///
/// Therefore these are not checked. fit copies its samples before it begins, and no interface avoids it: once for all
/// epochs of W1 and W5, once an epoch in W2 and W4, together with the gathering well below a tenth of the time.

#include "workloads.hpp"

#define CNN_SINGLE_THREAD
#ifdef __AVX__
#define CNN_USE_AVX
#endif
#include <tiny_dnn/tiny_dnn.h>

namespace {

using tiny_dnn::vec_t;
using workloads::Index;
using workloads::Matrix;
using workloads::Result;
using Net = tiny_dnn::network<tiny_dnn::sequential>;
using Vectors = std::vector<vec_t>;
namespace activation = tiny_dnn::activation;
template <class Activation>
using Layer = tiny_dnn::fully_connected_layer<Activation>;

vec_t vector_of(const auto& column) { return vec_t(column.begin(), column.end()); }
Vectors vectors_of(const auto& columns) {
  Vectors vectors;
  for (const auto column : columns.colwise()) vectors.push_back(vector_of(column));
  return vectors;
}
/// The first `count` samples in this order.
Vectors gather(const Vectors& all, const std::vector<Index>& order, Index count) {
  Vectors some;
  for (Index j = 0; j < count; ++j) some.push_back(all[std::size_t(order[std::size_t(j)])]);
  return some;
}

/// Allocates the parameters of a network and copies the start into them; its weights lie as ours do.
void begin(Net& net, const std::vector<Matrix<float>>& weights) {
  net.init_weight();
  for (std::size_t l = 0; l < weights.size(); ++l) {
    std::copy_n(weights[l].data(), weights[l].size(), net[l]->weights()[0]->begin());
    std::fill(net[l]->weights()[1]->begin(), net[l]->weights()[1]->end(), 0.0f);
  }
}

void build_narrow(Net& net, const std::vector<Matrix<float>>& weights) {
  net << Layer<activation::tan_h>(2, 4) << Layer<activation::sigmoid>(4, 1);
  begin(net, weights);
}
void build_wide(Net& net) {
  net << Layer<activation::relu>(784, 128) << Layer<activation::softmax>(128, 10);
  begin(net, workloads::W2::start<float>());
}
void build_deep(Net& net, const std::vector<Matrix<float>>& weights) {
  const auto in = [&](std::size_t l) { return static_cast<unsigned>(weights[l].cols()); };
  const auto out = [&](std::size_t l) { return static_cast<unsigned>(weights[l].rows()); };
  net << Layer<activation::tan_h>(in(0), out(0)) << Layer<activation::tan_h>(in(1), out(1))
      << Layer<activation::identity>(in(2), out(2));
  begin(net, weights);
}

/// Adam that goes on where the last call of fit ended.
struct Adam : tiny_dnn::adam {
  void reset() override {}
};

Result w1(const std::string&) {
  using W = workloads::W1;
  const auto samples = W::samples<float>();
  const Vectors X = vectors_of(samples.X), Y = vectors_of(samples.Y);
  Net net;
  build_narrow(net, W::start<float>());
  tiny_dnn::gradient_descent optimizer;
  optimizer.alpha = float(W::learning_rate);
  const double time = workloads::seconds(
      [&] { net.fit<tiny_dnn::cross_entropy>(optimizer, X, Y, X.size(), static_cast<int>(W::iterations)); });
  return {time / double(W::iterations), double(net.get_loss<tiny_dnn::cross_entropy>(X, Y)) / double(samples.X.cols())};
}

Result w2(const std::string& name) {
  using W = workloads::W2;
  constexpr Index share = 10;
  const auto samples = W::samples<float>();
  const auto order = W::order();
  const Vectors X = vectors_of(samples.X), Y = vectors_of(samples.Y);
  Net net;
  build_wide(net);
  tiny_dnn::gradient_descent optimizer;
  optimizer.alpha = float(W::learning_rate);
  const double time = workloads::seconds([&] {
    net.fit<tiny_dnn::cross_entropy_multiclass>(optimizer, gather(X, order, W::m / share),
                                                gather(Y, order, W::m / share),
                                                static_cast<std::size_t>(W::batch_size(name)), 1);
  });
  return {time * double(share), std::nullopt};
}

/// One sample after the other, each made of the last one's output.
Result one_by_one(Net& net, vec_t x, Index calls) {
  net.set_netphase(tiny_dnn::net_phase::test);
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < calls; ++i) x[0] = net.predict(x)[0];
  });
  return {time / double(calls), double(x[0])};
}

Result w3_narrow(const std::string&) {
  using W = workloads::W3;
  Net net;
  build_narrow(net, W::narrow_start<float>());
  return one_by_one(net, {float(W::first_x[0]), float(W::first_x[1])}, W::narrow_calls / 5);
}

Result w3_wide(const std::string&) {
  Net net;
  build_wide(net);
  return one_by_one(net, vector_of(workloads::W2::samples<float>().X.col(0)), workloads::W3::wide_calls);
}

Result w3_batch(const std::string&) {
  constexpr Index m = workloads::W3::batch;
  std::vector<tiny_dnn::tensor_t> X;
  for (auto& x : vectors_of(workloads::W2::samples<float>().X.leftCols(m))) X.push_back({std::move(x)});
  Net net;
  build_wide(net);
  net.set_netphase(tiny_dnn::net_phase::test);
  auto A = net.predict(X);
  const double time = workloads::seconds([&] { A = net.predict(X); });
  double sum = 0;
  for (const auto& a : A) sum += double(a[0][0]);
  return {time / double(m), sum / double(m)};
}

/// Seconds of one of `epochs`, which train(net, optimizer, X, Y) does.
template <class W, class Train>
Result adam(Index epochs, Train&& train) {
  const auto samples = W::template samples<float>();
  const Vectors X = vectors_of(samples.X), Y = vectors_of(samples.Y);
  Net net;
  build_deep(net, W::template start<float>());
  Adam optimizer;
  optimizer.alpha = float(W::learning_rate);
  const double time = workloads::seconds([&] { train(net, optimizer, X, Y); });
  return {time / double(epochs), std::nullopt};
}

Result w4(const std::string&) {
  using W = workloads::W4;
  return adam<W>(W::epochs, [](Net& net, Adam& optimizer, const Vectors& X, const Vectors& Y) {
    shallow::RandomState random(0);
    for (Index epoch = 0; epoch < W::epochs; ++epoch) {
      const auto order = random.permutation(W::m);
      net.fit<tiny_dnn::mse>(optimizer, gather(X, order, W::m), gather(Y, order, W::m),
                             static_cast<std::size_t>(W::batch_size), 1);
    }
  });
}

Result w5(const std::string&) {
  using W = workloads::W5;
  constexpr Index epochs = W::epochs / 10;
  return adam<W>(epochs, [](Net& net, Adam& optimizer, const Vectors& X, const Vectors& Y) {
    net.fit<tiny_dnn::mse>(optimizer, X, Y, X.size(), static_cast<int>(epochs));
  });
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<workloads::Case> cases;
  workloads::add(
      cases, "float",
      {.w1 = w1, .w2 = w2, .w3_narrow = w3_narrow, .w3_wide = w3_wide, .w3_batch = w3_batch, .w4 = w4, .w5 = w5});
  std::erase_if(cases, [](const workloads::Case& c) { return c.name == "W2/full"; });
  return workloads::contender(argc, argv, cases);
}
