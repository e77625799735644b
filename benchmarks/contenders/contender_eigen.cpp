// SPDX-License-Identifier: MIT
/// The same equations in plain Eigen, as one would write them for these networks by hand: sizes at run time, every
/// matrix allocated once, whole batches at a time, no temporaries. Mathematics and start are those of the workloads.
/// Like this library it gathers nothing where the batch is all samples, whose order does not matter.

#include <Eigen/Dense>

#include "workloads.hpp"

#include <algorithm>

namespace {

using workloads::Index;
using workloads::Matrix;
using workloads::Result;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// Activations, in place, and the derivative by the activation itself, multiplied onto the gradient.
struct Tanh {
  static void apply(auto& z) { z = z.array().tanh().matrix(); }
  static void chain(const auto& a, auto& dz) { dz.array() *= 1 - a.array().square(); }
};
struct ReLU {
  static void apply(auto& z) { z = z.cwiseMax(typename std::decay_t<decltype(z)>::Scalar(0)); }
  static void chain(const auto& a, auto& dz) { dz = (a.array() > 0).select(dz, 0); }
};
/// The outputs, whose gradient by z is taken together with the loss.
struct Sigmoid {
  static void apply(auto& z) { z = z.array().logistic().matrix(); }
};
struct Softmax {
  static void apply(auto& z) {
    for (auto column : z.colwise()) column.array() -= column.maxCoeff();
    z = z.array().exp().matrix();  // of all at once: the columns are shorter than packets
    for (auto column : z.colwise()) column /= column.sum();
  }
};
struct Linear {
  static void apply(auto&) {}
};

/// The layers of a network as views of one vector, so that an optimiser is one expression: W[1], b[1], W[2], b[2], ...
template <class T>
struct Layers {
  Vector<T> all;
  std::vector<Eigen::Map<Matrix<T>>> W;
  std::vector<Eigen::Map<Vector<T>>> b;

  explicit Layers(const std::vector<Matrix<T>>& weights) {
    Index size = 0;
    for (const auto& w : weights) size += w.size() + w.rows();
    all.setZero(size);
    T* at = all.data();
    for (const auto& w : weights) {
      W.emplace_back(at, w.rows(), w.cols()) = w;
      b.emplace_back(at + w.size(), w.rows());
      at += w.size() + w.rows();
    }
  }
  Layers(const Layers&) = delete;
  Layers& operator=(const Layers&) = delete;
};

/// A network whose hidden layers share an activation, with room for one batch.
template <class T, class Hidden, class Output>
struct Net {
  Layers<T> parameters;
  Layers<T> gradients;
  std::vector<Matrix<T>> A;  ///< of the layers 1, 2, ..., and in turn
  std::vector<Matrix<T>> D;  ///< dJ/dZ

  explicit Net(const std::vector<Matrix<T>>& start)
      : parameters(start), gradients(start), A(start.size()), D(start.size()) {}

  /// Allocates only where the batch has another size than the last one.
  const Matrix<T>& forward(const auto& X) {
    for (std::size_t l = 0; l < A.size(); ++l) {
      A[l].resize(parameters.W[l].rows(), X.cols());
      if (l == 0) {
        A[l].noalias() = parameters.W[l] * X;
      } else {
        A[l].noalias() = parameters.W[l] * A[l - 1];
      }
      A[l].colwise() += parameters.b[l];
      l + 1 < A.size() ? Hidden::apply(A[l]) : Output::apply(A[l]);
    }
    return A.back();
  }

  /// The gradients, where dJ/dZ of the outputs is (A - Y) * scale: of the squared error with linear outputs and of the
  /// cross-entropies with their outputs.
  void backward(const auto& X, const auto& Y, T scale) {
    D.back() = (A.back() - Y) * scale;
    for (std::size_t l = A.size(); l-- > 0;) {
      gradients.b[l] = D[l].rowwise().sum();
      if (l == 0) {
        gradients.W[l].noalias() = D[l] * X.transpose();
      } else {
        gradients.W[l].noalias() = D[l] * A[l - 1].transpose();
        D[l - 1].resize(A[l - 1].rows(), X.cols());
        D[l - 1].noalias() = parameters.W[l].transpose() * D[l];
        Hidden::chain(A[l - 1], D[l - 1]);
      }
    }
  }

  void gradient_descent(double learning_rate) { parameters.all -= T(learning_rate) * gradients.all; }
};

/// m and v are the running means of g and g^2.
template <class T>
struct Adam {
  double learning_rate;
  Vector<T> m, v;
  int t = 0;

  Adam(double learning_rate_, Index size)
      : learning_rate(learning_rate_), m(Vector<T>::Zero(size)), v(Vector<T>::Zero(size)) {}

  void step(Vector<T>& theta, const Vector<T>& g) {
    ++t;
    const T rate = T(learning_rate / (1 - std::pow(0.9, t)));
    const T correction = T(1 / (1 - std::pow(0.999, t)));
    m += T(0.1) * (g - m);
    v.array() += T(0.001) * (g.array().square() - v.array());
    theta.array() -= rate * m.array() / ((v.array() * correction).sqrt() + T(1e-8));
  }
};

/// Calls f(X, Y) of every batch of an epoch, gathered in this order.
template <class T, class F>
void for_batches(const workloads::Samples<T>& samples, const std::vector<Index>& order, Index batch_size, Matrix<T>& X,
                 Matrix<T>& Y, F&& f) {
  for (Index first = 0; first < samples.X.cols(); first += batch_size) {
    const Index count = std::min(batch_size, samples.X.cols() - first);
    for (Index j = 0; j < count; ++j) {
      const Index from = order[static_cast<std::size_t>(first + j)];
      X.col(j) = samples.X.col(from);
      Y.col(j) = samples.Y.col(from);
    }
    f(X.leftCols(count), Y.leftCols(count));
  }
}

template <class T>
double squared_error(const Matrix<T>& A, const Matrix<T>& Y) {
  return double((A - Y).squaredNorm()) / double(Y.cols());
}

template <class T>
Result w1(const std::string&) {
  using W = workloads::W1;
  const auto samples = W::samples<T>();
  const T scale = T(1) / T(samples.X.cols());
  Net<T, Tanh, Sigmoid> net(W::start<T>());
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < W::iterations; ++i) {
      net.forward(samples.X);
      net.backward(samples.X, samples.Y, scale);
      net.gradient_descent(W::learning_rate);
    }
  });
  const auto a = net.forward(samples.X).array();
  const auto y = samples.Y.array();
  return {time / double(W::iterations), -double((y * a.log() + (1 - y) * (1 - a).log()).mean())};
}

Result w2(const std::string& name) {
  using W = workloads::W2;
  const auto samples = W::samples<float>();
  const Index batch_size = W::batch_size(name);
  Net<float, ReLU, Softmax> net(W::start<float>());
  const auto train = [&](const auto& X, const auto& Y) {
    net.forward(X);
    net.backward(X, Y, 1.0f / float(X.cols()));
    net.gradient_descent(W::learning_rate);
  };
  const double time = workloads::seconds([&] {
    if (batch_size == W::m) {
      train(samples.X, samples.Y);
    } else {
      Matrix<float> X(784, batch_size), Y(10, batch_size);
      for_batches(samples, W::order(), batch_size, X, Y, train);
    }
  });
  return {time, W::check(net.forward(samples.X.leftCols(W::checked)), samples.labels)};
}

/// One sample after the other, each made of the last one's output.
Result one_by_one(auto net, Vector<float> x, Index calls) {
  const double time = workloads::seconds([&] {
    for (Index i = 0; i < calls; ++i) x(0) = net.forward(x)(0);
  });
  return {time / double(calls), double(x(0))};
}

Result w3_narrow(const std::string&) {
  using W = workloads::W3;
  Vector<float> x(2);
  x << float(W::first_x[0]), float(W::first_x[1]);
  return one_by_one(Net<float, Tanh, Sigmoid>(W::narrow_start<float>()), x, W::narrow_calls);
}

Result w3_wide(const std::string&) {
  using W = workloads::W2;
  return one_by_one(Net<float, ReLU, Softmax>(W::start<float>()), W::samples<float>().X.col(0),
                    workloads::W3::wide_calls);
}

Result w3_batch(const std::string&) {
  using W = workloads::W2;
  constexpr Index m = workloads::W3::batch;
  const auto samples = W::samples<float>();
  Net<float, ReLU, Softmax> net(W::start<float>());
  net.forward(samples.X.leftCols(m));
  const double time = workloads::seconds([&] { net.forward(samples.X.leftCols(m)); });
  return {time / double(m), double(net.A.back().row(0).mean())};
}

Result w4(const std::string&) {
  using W = workloads::W4;
  const auto samples = W::samples<float>();
  Net<float, Tanh, Linear> net(W::start<float>());
  Adam<float> adam(W::learning_rate, net.parameters.all.size());
  shallow::RandomState random(0);
  Matrix<float> X(8, W::batch_size), Y(1, W::batch_size);
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < W::epochs; ++epoch) {
      for_batches(samples, random.permutation(W::m), W::batch_size, X, Y, [&](const auto& x, const auto& y) {
        net.forward(x);
        net.backward(x, y, 2.0f / float(x.cols()));
        adam.step(net.parameters.all, net.gradients.all);
      });
    }
  });
  return {time / double(W::epochs), squared_error(net.forward(samples.X), samples.Y)};
}

Result w5(const std::string&) {
  using W = workloads::W5;
  const auto samples = W::samples<float>();
  Net<float, Tanh, Linear> net(W::start<float>());
  Adam<float> adam(W::learning_rate, net.parameters.all.size());
  const double time = workloads::seconds([&] {
    for (Index epoch = 0; epoch < W::epochs; ++epoch) {
      net.forward(samples.X);
      net.backward(samples.X, samples.Y, 2.0f / float(W::m));
      adam.step(net.parameters.all, net.gradients.all);
    }
  });
  return {time / double(W::epochs), squared_error(net.forward(samples.X), samples.Y)};
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<workloads::Case> cases = {{"W1", "double", w1<double>}};
  workloads::add(cases, "float",
                 {.w1 = w1<float>,
                  .w2 = w2,
                  .w3_narrow = w3_narrow,
                  .w3_wide = w3_wide,
                  .w3_batch = w3_batch,
                  .w4 = w4,
                  .w5 = w5});
  return workloads::contender(argc, argv, cases);
}
