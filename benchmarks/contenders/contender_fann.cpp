// SPDX-License-Identifier: MIT
/// FANN, in float (libfloatfann) or, W1 only, in double (libdoublefann): CONTENDER_FANN_DOUBLE, defined by the build,
/// chooses.
///
/// It knows the squared error only, of a sample half of ours, and neither ReLU nor softmax nor Adam. So all start from
/// the workloads' weights, but
///
///     W1  minimises the squared error of the sigmoid, by gradient descent over all samples (FANN_TRAIN_BATCH);
///     W2  has sigmoids in both layers and the squared error, with one such descent step a batch; only the first 6,000
///         samples of the order are trained on (for W2/full as one batch), and the time is multiplied by 10;
///     W3  narrow is the workload's; wide and batch have sigmoids in both layers, batch being a loop over the samples;
///     W4  is stochastic gradient descent of rate 0.001, a step a sample (FANN_TRAIN_INCREMENTAL);
///     W5  is gradient descent over all samples, 10 epochs of them.
///
/// Therefore only W3/narrow is checked. Batches are lists of pointers to the samples: nothing is copied.

#include "workloads.hpp"

#ifdef CONTENDER_FANN_DOUBLE
#include <doublefann.h>
#else
#include <floatfann.h>
#endif

#include <algorithm>
#include <memory>
#include <numeric>

namespace {

using workloads::Index;
using workloads::Matrix;
using workloads::Result;
using Weights = std::vector<Matrix<fann_type>>;

struct Destroy {
  void operator()(fann* net) const { fann_destroy(net); }
};
using Net = std::unique_ptr<fann, Destroy>;

/// A network with these weights. FANN keeps the weights of a neuron together, that of the bias last, neuron after
/// neuron.
Net begin(const Weights& weights, fann_activationfunc_enum hidden, fann_activationfunc_enum output) {
  std::vector<unsigned> widths = {static_cast<unsigned>(weights.front().cols())};
  for (const auto& w : weights) widths.push_back(static_cast<unsigned>(w.rows()));
  Net net(fann_create_standard_array(static_cast<unsigned>(widths.size()), widths.data()));
  fann_set_activation_function_hidden(net.get(), hidden);
  fann_set_activation_function_output(net.get(), output);
  // FANN's sigmoid is that of twice its argument, so that the steepness of ours is 1/2.
  fann_set_activation_steepness_hidden(net.get(), hidden == FANN_SIGMOID ? fann_type(0.5) : fann_type(1));
  fann_set_activation_steepness_output(net.get(), output == FANN_SIGMOID ? fann_type(0.5) : fann_type(1));
  fann_set_train_error_function(net.get(), FANN_ERRORFUNC_LINEAR);
  // Not fann_set_weight_array, which looks for every connection among all others.
  fann_type* at = net->weights;
  for (const auto& w : weights) {
    for (const auto row : w.rowwise()) {
      at = std::copy(row.begin(), row.end(), at);
      *at++ = 0;
    }
  }
  return net;
}

/// FANN's training data are lists of pointers; these point to samples of ours.
class Batch {
 public:
  Batch(Matrix<fann_type>& X, Matrix<fann_type>& Y) : X_(X), Y_(Y) {
    data_.num_input = static_cast<unsigned>(X.rows());
    data_.num_output = static_cast<unsigned>(Y.rows());
  }

  fann_train_data* list(const Index* order, Index count) {
    input_.clear();
    output_.clear();
    for (Index j = 0; j < count; ++j) {
      input_.push_back(X_.col(order[j]).data());
      output_.push_back(Y_.col(order[j]).data());
    }
    data_.num_data = static_cast<unsigned>(count);
    data_.input = input_.data();
    data_.output = output_.data();
    return &data_;
  }

 private:
  Matrix<fann_type>& X_;
  Matrix<fann_type>& Y_;
  std::vector<fann_type*> input_, output_;
  fann_train_data data_{};
};

/// Epochs over all samples, a step each; seconds of one.
double full_batch_epoch(fann* net, workloads::Samples<fann_type> samples, Index epochs, double learning_rate) {
  fann_set_training_algorithm(net, FANN_TRAIN_BATCH);
  fann_set_learning_rate(net, float(learning_rate));
  std::vector<Index> order(static_cast<std::size_t>(samples.X.cols()));
  std::iota(order.begin(), order.end(), Index(0));
  Batch batch(samples.X, samples.Y);
  fann_train_data* const all = batch.list(order.data(), samples.X.cols());
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < epochs; ++epoch) fann_train_epoch(net, all);
  });
  return time / double(epochs);
}

Result w1(const std::string&) {
  using W = workloads::W1;
  const Net net = begin(W::start<fann_type>(), FANN_SIGMOID_SYMMETRIC, FANN_SIGMOID);
  return {full_batch_epoch(net.get(), W::samples<fann_type>(), W::iterations, W::learning_rate), std::nullopt};
}

#ifndef CONTENDER_FANN_DOUBLE

Result w2(const std::string& name) {
  using W = workloads::W2;
  constexpr Index share = 10;
  constexpr Index m = W::m / share;
  auto samples = W::samples<fann_type>();
  const Net net = begin(W::start<fann_type>(), FANN_SIGMOID, FANN_SIGMOID);
  fann_set_training_algorithm(net.get(), FANN_TRAIN_BATCH);
  fann_set_learning_rate(net.get(), float(W::learning_rate));
  const auto order = W::order();
  const Index batch_size = W::batch_size(name);
  Batch batch(samples.X, samples.Y);
  const double time = workloads::seconds([&] {
    for (Index first = 0; first < m; first += batch_size) {
      fann_train_epoch(net.get(), batch.list(order.data() + first, std::min(batch_size, m - first)));
    }
  });
  return {time * double(share), std::nullopt};
}

/// One sample after the other, each made of the last one's output.
Result one_by_one(fann* net, Matrix<fann_type> x, Index calls) {
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < calls; ++i) x(0) = *fann_run(net, x.data());
  });
  return {time / double(calls), double(x(0))};
}

Result w3_narrow(const std::string&) {
  using W = workloads::W3;
  const Net net = begin(W::narrow_start<fann_type>(), FANN_SIGMOID_SYMMETRIC, FANN_SIGMOID);
  Matrix<fann_type> x(2, 1);
  x << fann_type(W::first_x[0]), fann_type(W::first_x[1]);
  return one_by_one(net.get(), x, W::narrow_calls);
}

Result w3_wide(const std::string&) {
  using W = workloads::W2;
  const Net net = begin(W::start<fann_type>(), FANN_SIGMOID, FANN_SIGMOID);
  return {one_by_one(net.get(), W::samples<fann_type>().X.col(0), workloads::W3::wide_calls).seconds, std::nullopt};
}

Result w3_batch(const std::string&) {
  using W = workloads::W2;
  constexpr Index m = workloads::W3::batch;
  auto samples = W::samples<fann_type>();
  const Net net = begin(W::start<fann_type>(), FANN_SIGMOID, FANN_SIGMOID);
  Matrix<fann_type> A(10, m);
  const double time = workloads::seconds([&] {
    for (Index j = 0; j < m; ++j) std::copy_n(fann_run(net.get(), samples.X.col(j).data()), 10, A.col(j).data());
  });
  return {time / double(m), std::nullopt};
}

Result w4(const std::string&) {
  using W = workloads::W4;
  auto samples = W::samples<fann_type>();
  const Net net = begin(W::start<fann_type>(), FANN_SIGMOID_SYMMETRIC, FANN_LINEAR);
  fann_set_training_algorithm(net.get(), FANN_TRAIN_INCREMENTAL);
  fann_set_learning_rate(net.get(), float(W::learning_rate));
  shallow::RandomState random(0);
  Batch batch(samples.X, samples.Y);
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < W::epochs; ++epoch) {
      fann_train_epoch(net.get(), batch.list(random.permutation(W::m).data(), W::m));
    }
  });
  return {time / double(W::epochs), std::nullopt};
}

Result w5(const std::string&) {
  using W = workloads::W5;
  const Net net = begin(W::start<fann_type>(), FANN_SIGMOID_SYMMETRIC, FANN_LINEAR);
  return {full_batch_epoch(net.get(), W::samples<fann_type>(), W::epochs / 10, W::learning_rate), std::nullopt};
}

#endif

}  // namespace

int main(int argc, char** argv) {
#ifdef CONTENDER_FANN_DOUBLE
  return workloads::contender(argc, argv, {{"W1", "double", w1}});
#else
  std::vector<workloads::Case> cases;
  workloads::add(
      cases, "float",
      {.w1 = w1, .w2 = w2, .w3_narrow = w3_narrow, .w3_wide = w3_wide, .w3_batch = w3_batch, .w4 = w4, .w5 = w5});
  return workloads::contender(argc, argv, cases);
#endif
}
