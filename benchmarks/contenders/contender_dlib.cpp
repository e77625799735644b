// SPDX-License-Identifier: MIT
/// dlib's networks in float, driven the way its dnn_trainer drives them (compute_parameter_gradients,
/// update_parameters), but in this thread and on tensors that are filled once or gathered into, not on lists of
/// matrices. Its products are those of the system's BLAS, whose threads the environment counts. Start and mathematics
/// are those of the workloads, with two differences: the gradient of its squared error (W4, W5) is half of ours, which
/// Adam does not notice but for its epsilon; and it always computes the gradient by the first layer's input, which
/// nobody needs.

#include "workloads.hpp"
#include <dlib/dnn.h>

#include <algorithm>

namespace {

using namespace dlib;
using workloads::Index;
using workloads::Matrix;
using workloads::Result;

using Input = input<matrix<float>>;
using NarrowNet = fc<1, htan<fc<4, Input>>>;
using WideNet = fc<10, relu<fc<128, Input>>>;
template <unsigned long n1, unsigned long n2, unsigned long n3>
using DeepNet = fc<n3, htan<fc<n2, htan<fc<n1, Input>>>>>;

/// Room for `count` samples of `size` numbers, one after the other as they are in our columns.
resizable_tensor room(Index count, Index size) { return resizable_tensor(count, 1, size, 1); }
resizable_tensor tensor_of(const auto& columns) {
  resizable_tensor tensor = room(columns.cols(), columns.rows());
  Matrix<float>::Map(tensor.host_write_only(), columns.rows(), columns.cols()) = columns;
  return tensor;
}

/// Allocates the parameters of a network and copies the start into them; its weights lie as ours do. Biases begin at 0.
template <class Net>
void begin(Net& net, const std::vector<Matrix<float>>& weights) {
  const matrix<float> sample = zeros_matrix<float>(weights.front().cols(), 1);
  resizable_tensor x;
  net.to_tensor(&sample, &sample + 1, x);
  net.forward(x);
  auto weight = weights.rbegin();
  visit_computational_layers(net, [&weight](auto& layer) {
    if constexpr (requires { layer.get_biases(); }) {
      std::copy_n(weight->data(), weight->size(), layer.get_layer_params().host());
      ++weight;
    }
  });
}

template <class Net, class Solver, class Labels>
void step(Net& net, std::vector<Solver>& solvers, double learning_rate, const tensor& X, Labels labels) {
  net.compute_parameter_gradients(X, labels);
  net.update_parameters(solvers, learning_rate);
}

/// Calls f(X, labels) of every batch of an epoch, gathered in this order.
template <class Label, class F>
void for_batches(const Matrix<float>& X, const std::vector<Label>& labels, const std::vector<Index>& order,
                 Index batch_size, F&& f) {
  resizable_tensor x = room(batch_size, X.rows());
  std::vector<Label> y(static_cast<std::size_t>(batch_size));
  for (Index first = 0; first < X.cols(); first += batch_size) {
    const Index count = std::min(batch_size, X.cols() - first);
    x.set_size(count, 1, X.rows(), 1);
    float* const to = x.host_write_only();
    for (Index j = 0; j < count; ++j) {
      const Index from = order[static_cast<std::size_t>(first + j)];
      std::copy_n(X.data() + from * X.rows(), X.rows(), to + j * X.rows());
      y[static_cast<std::size_t>(j)] = labels[static_cast<std::size_t>(from)];
    }
    f(x, y.begin());
  }
}

Result w1(const std::string&) {
  using W = workloads::W1;
  const auto samples = W::samples<float>();
  const resizable_tensor X = tensor_of(samples.X);
  const Matrix<float> labels = (2 * samples.Y.array() - 1).matrix();  // of loss_binary_log: 1 and -1
  loss_binary_log<NarrowNet> net;
  begin(net, W::start<float>());
  std::vector<sgd> solvers(net.num_computational_layers, sgd(0, 0));
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < W::iterations; ++i) step(net, solvers, W::learning_rate, X, labels.data());
  });
  return {time / double(W::iterations), net.compute_loss(X, labels.data())};
}

Result w2(const std::string& name) {
  using W = workloads::W2;
  const auto samples = W::samples<float>();
  const std::vector<unsigned long> labels(samples.labels.begin(), samples.labels.end());
  const Index batch_size = W::batch_size(name);
  loss_multiclass_log<WideNet> net;
  begin(net, W::start<float>());
  std::vector<sgd> solvers(net.num_computational_layers, sgd(0, 0));
  const auto train = [&](const tensor& X, auto y) { step(net, solvers, W::learning_rate, X, y); };
  double time = 0;
  if (batch_size == W::m) {
    const resizable_tensor X = tensor_of(samples.X);
    time = workloads::seconds([&] { train(X, labels.begin()); });
  } else {
    time = workloads::seconds([&] { for_batches(samples.X, labels, W::order(), batch_size, train); });
  }
  return {time, net.compute_loss(tensor_of(samples.X.leftCols(W::checked)), labels.begin())};
}

/// One sample after the other, each made of the last one's output.
template <class Net>
Result one_by_one(const std::vector<Matrix<float>>& weights, const Eigen::VectorXf& first, Index calls) {
  Net net;
  begin(net, weights);
  resizable_tensor x = tensor_of(first);
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < calls; ++i) *x.host() = *net.forward(x).host();
  });
  return {time / double(calls), double(*x.host())};
}

Result w3_narrow(const std::string&) {
  using W = workloads::W3;
  return one_by_one<sig<NarrowNet>>(W::narrow_start<float>(),
                                    Eigen::Vector2f(float(W::first_x[0]), float(W::first_x[1])), W::narrow_calls / 5);
}

Result w3_wide(const std::string&) {
  using W = workloads::W2;
  return one_by_one<softmax<WideNet>>(W::start<float>(), W::samples<float>().X.col(0), workloads::W3::wide_calls);
}

Result w3_batch(const std::string&) {
  using W = workloads::W2;
  constexpr Index m = workloads::W3::batch;
  const resizable_tensor X = tensor_of(W::samples<float>().X.leftCols(m));
  softmax<WideNet> net;
  begin(net, W::start<float>());
  net.forward(X);
  const double time = workloads::seconds([&] { net.forward(X); });
  return {time / double(m), double(mean(colm(mat(net.get_output()), 0)))};
}

Result w4(const std::string&) {
  using W = workloads::W4;
  const auto samples = W::samples<float>();
  const std::vector<float> labels(samples.Y.data(), samples.Y.data() + W::m);
  loss_mean_squared<DeepNet<64, 64, 1>> net;
  begin(net, W::start<float>());
  std::vector<adam> solvers(net.num_computational_layers, adam(0, 0.9f, 0.999f));
  shallow::RandomState random(0);
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < W::epochs; ++epoch) {
      for_batches(samples.X, labels, random.permutation(W::m), W::batch_size,
                  [&](const tensor& X, auto y) { step(net, solvers, W::learning_rate, X, y); });
    }
  });
  return {time / double(W::epochs), net.compute_loss(tensor_of(samples.X), labels.begin())};
}

Result w5(const std::string&) {
  using W = workloads::W5;
  const auto samples = W::samples<float>();
  const resizable_tensor X = tensor_of(samples.X);
  std::vector<matrix<float>> labels;
  for (Index j = 0; j < W::m; ++j) labels.emplace_back(mat(samples.Y.data() + j * 4, 4, 1));
  loss_mean_squared_multioutput<DeepNet<32, 16, 4>> net;
  begin(net, W::start<float>());
  std::vector<adam> solvers(net.num_computational_layers, adam(0, 0.9f, 0.999f));
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < W::epochs; ++epoch) step(net, solvers, W::learning_rate, X, labels.begin());
  });
  return {time / double(W::epochs), net.compute_loss(X, labels.begin())};
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<workloads::Case> cases;
  workloads::add(
      cases, "float",
      {.w1 = w1, .w2 = w2, .w3_narrow = w3_narrow, .w3_wide = w3_wide, .w3_batch = w3_batch, .w4 = w4, .w5 = w5});
  return workloads::contender(argc, argv, cases);
}
