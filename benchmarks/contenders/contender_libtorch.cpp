// SPDX-License-Identifier: MIT
/// libtorch, PyTorch's C++ interface: torch::nn modules, its optimisers, autograd, one thread, float. Mathematics and
/// start are those of the workloads. While training the sigmoid and the softmax are part of the loss, as is usual
/// there (binary_cross_entropy_with_logits, cross_entropy); inference has them as modules. Batches are gathered by
/// index_select into tensors allocated once; a full batch is not gathered.

#include "workloads.hpp"
#include <torch/torch.h>

#include <algorithm>

namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using workloads::Index;
using workloads::Matrix;
using workloads::Result;

/// A matrix of ours, one column a sample, is one of theirs, one row a sample, in the same memory.
torch::Tensor tensor(const Matrix<float>& matrix) {
  return torch::from_blob(const_cast<float*>(matrix.data()), {matrix.cols(), matrix.rows()}, torch::kFloat32);
}

/// Copies the start into the linear modules of a network.
nn::Sequential begin(nn::Sequential net, const std::vector<Matrix<float>>& weights) {
  const torch::NoGradGuard guard;
  auto weight = weights.begin();
  for (const auto& module : net->children()) {
    if (auto* linear = module->as<nn::Linear>()) {
      linear->weight.copy_(tensor(*weight++).t());
      linear->bias.zero_();
    }
  }
  return net;
}

nn::Sequential narrow_net() { return nn::Sequential(nn::Linear(2, 4), nn::Tanh(), nn::Linear(4, 1)); }
nn::Sequential wide_net() { return nn::Sequential(nn::Linear(784, 128), nn::ReLU(), nn::Linear(128, 10)); }
nn::Sequential deep_net(Index n0, Index n1, Index n2, Index n3) {
  return nn::Sequential(nn::Linear(n0, n1), nn::Tanh(), nn::Linear(n1, n2), nn::Tanh(), nn::Linear(n2, n3));
}

/// Summed over the outputs, which mse_loss by itself would average, too.
torch::Tensor squared_error(const torch::Tensor& a, const torch::Tensor& y) {
  return F::mse_loss(a, y, F::MSELossFuncOptions(torch::kSum)) / double(y.size(0));
}

/// One step of the optimiser.
void step(nn::Sequential& net, torch::optim::Optimizer& optimizer, const torch::Tensor& X, const torch::Tensor& Y,
          torch::Tensor (*loss)(const torch::Tensor&, const torch::Tensor&)) {
  // As zero_grad does by default in Python: no gradient to fill with zeros, and none to add to.
  for (auto& parameter : net->parameters()) parameter.mutable_grad().reset();
  loss(net->forward(X), Y).backward();
  optimizer.step();
}

/// Samples and, for one batch after the other, room to gather it.
class Batches {
 public:
  Batches(const torch::Tensor& X, const torch::Tensor& Y, Index batch_size)
      : X_(X), Y_(Y), x_(X.new_empty({batch_size, X.size(1)})), batch_size_(batch_size) {
    auto sizes = Y.sizes().vec();
    sizes[0] = batch_size;
    y_ = Y.new_empty(sizes);
  }

  /// Calls f(X, Y) of every batch of an epoch in this order.
  template <class Use>
  void for_each(const std::vector<Index>& order, Use&& use) {
    const auto m = Index(order.size());
    for (Index first = 0; first < m; first += batch_size_) {
      const Index count = std::min(batch_size_, m - first);
      const auto from = torch::from_blob(const_cast<Index*>(order.data() + first), {count}, torch::kInt64);
      auto x = x_.narrow(0, 0, count);
      auto y = y_.narrow(0, 0, count);
      torch::index_select_out(x, X_, 0, from);
      torch::index_select_out(y, Y_, 0, from);
      use(x, y);
    }
  }

 private:
  torch::Tensor X_, Y_, x_, y_;
  Index batch_size_;
};

Result w1(const std::string&) {
  using W = workloads::W1;
  const auto samples = W::samples<float>();
  const auto X = tensor(samples.X), Y = tensor(samples.Y);
  auto net = begin(narrow_net(), W::start<float>());
  torch::optim::SGD optimizer(net->parameters(), W::learning_rate);
  const auto loss = [](const torch::Tensor& z, const torch::Tensor& y) {
    return F::binary_cross_entropy_with_logits(z, y);
  };
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < W::iterations; ++i) step(net, optimizer, X, Y, loss);
  });
  return {time / double(W::iterations), loss(net->forward(X), Y).item<double>()};
}

Result w2(const std::string& name) {
  using W = workloads::W2;
  const Index batch_size = W::batch_size(name);
  const auto samples = W::samples<float>();
  const auto X = tensor(samples.X);
  const auto Y = torch::from_blob(const_cast<int*>(samples.labels.data()), {W::m}, torch::kInt32).to(torch::kInt64);
  auto net = begin(wide_net(), W::start<float>());
  torch::optim::SGD optimizer(net->parameters(), W::learning_rate);
  const auto loss = [](const torch::Tensor& z, const torch::Tensor& y) { return F::cross_entropy(z, y); };
  const double time = workloads::seconds([&] {
    if (batch_size == W::m) {
      step(net, optimizer, X, Y, loss);
    } else {
      Batches(X, Y, batch_size).for_each(W::order(), [&](const torch::Tensor& x, const torch::Tensor& y) {
        step(net, optimizer, x, y, loss);
      });
    }
  });
  return {time, loss(net->forward(X.narrow(0, 0, W::checked)), Y.narrow(0, 0, W::checked)).item<double>()};
}

/// One sample after the other, each made of the last one's output.
Result one_by_one(nn::Sequential net, torch::Tensor x, Index calls) {
  const torch::InferenceMode guard;
  net->eval();
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < calls; ++i) *x.data_ptr<float>() = *net->forward(x).data_ptr<float>();
  });
  return {time / double(calls), double(*x.data_ptr<float>())};
}

Result w3_narrow(const std::string&) {
  using W = workloads::W3;
  auto net = begin(narrow_net(), W::narrow_start<float>());
  net->push_back(nn::Sigmoid());
  return one_by_one(net, torch::tensor({{W::first_x[0], W::first_x[1]}}, torch::kFloat32), W::narrow_calls / 20);
}

Result w3_wide(const std::string&) {
  using W = workloads::W2;
  auto net = begin(wide_net(), W::start<float>());
  net->push_back(nn::Softmax(1));
  return one_by_one(net, tensor(W::samples<float>().X.col(0)).clone(), workloads::W3::wide_calls);
}

Result w3_batch(const std::string&) {
  using W = workloads::W2;
  constexpr Index m = workloads::W3::batch;
  const auto samples = W::samples<float>();
  const auto X = tensor(samples.X).narrow(0, 0, m);
  auto net = begin(wide_net(), W::start<float>());
  net->push_back(nn::Softmax(1));
  net->eval();
  const torch::InferenceMode guard;
  torch::Tensor a = net->forward(X);
  const double time = workloads::seconds([&] { a = net->forward(X); });
  return {time / double(m), a.select(1, 0).mean().item<double>()};
}

Result w4(const std::string&) {
  using W = workloads::W4;
  const auto samples = W::samples<float>();
  const auto X = tensor(samples.X), Y = tensor(samples.Y);
  auto net = begin(deep_net(8, 64, 64, 1), W::start<float>());
  torch::optim::Adam optimizer(net->parameters(), W::learning_rate);
  shallow::RandomState random(0);
  Batches batches(X, Y, W::batch_size);
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < W::epochs; ++epoch) {
      batches.for_each(random.permutation(W::m), [&](const torch::Tensor& x, const torch::Tensor& y) {
        step(net, optimizer, x, y, squared_error);
      });
    }
  });
  return {time / double(W::epochs), squared_error(net->forward(X), Y).item<double>()};
}

Result w5(const std::string&) {
  using W = workloads::W5;
  const auto samples = W::samples<float>();
  const auto X = tensor(samples.X), Y = tensor(samples.Y);
  auto net = begin(deep_net(4, 32, 16, 4), W::start<float>());
  torch::optim::Adam optimizer(net->parameters(), W::learning_rate);
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < W::epochs; ++epoch) step(net, optimizer, X, Y, squared_error);
  });
  return {time / double(W::epochs), squared_error(net->forward(X), Y).item<double>()};
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  at::set_num_interop_threads(1);
  std::vector<workloads::Case> cases;
  workloads::add(
      cases, "float",
      {.w1 = w1, .w2 = w2, .w3_narrow = w3_narrow, .w3_wide = w3_wide, .w3_batch = w3_batch, .w4 = w4, .w5 = w5});
  return workloads::contender(argc, argv, cases);
}
