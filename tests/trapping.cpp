// SPDX-License-Identifier: MIT
/// Programs that trap floating-point exceptions (simulations do, and debuggers of numbers) can train and predict: on
/// ordinary input nothing raises invalid, division by zero or overflow. Not in the lanes either that hold nothing:
/// every size from 1 to 20 is run, so that every packet is partly filled somewhere.
///
/// A trap ends the program, so each part is run in a process of its own, and the parent reports. With the argument
/// `planted` each part begins with a division by zero and must fail: a test that cannot fail is none.

#include "shallow/shallow.hpp"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cfenv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace {

using namespace shallow;

int passed = 0;
int failed = 0;
bool planted = false;

/// A number that no compiler knows: it computes nothing before the program runs.
template <class T>
T opaque(T number) {
  volatile T kept = number;
  return kept;
}

template <class F>
void part(const char* what, F&& f) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
    if (planted) opaque(opaque(1.0) / opaque(0.0));
    f();
    _exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  const bool through = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  std::printf("%-60s %s\n", what, through ? "through" : "killed");
  ++(through ? passed : failed);
}

template <class T>
using ArrayX = Eigen::Array<T, Dynamic, 1>;

/// Every exponent of both signs, zeros, the largest and the smallest.
template <class T>
ArrayX<T> every_size() {
  using Limits = std::numeric_limits<T>;
  const int low = Limits::min_exponent - Limits::digits, high = Limits::max_exponent;
  ArrayX<T> x(6 * (high - low));
  Index i = 0;
  for (int e = low; e < high; ++e) {
    for (const double m : {1.0, -1.0, 1.4, -1.4, 1.9999, -1.9999}) x(i++) = static_cast<T>(std::ldexp(m, e));
  }
  x.head(4) << T(0), T(-0.0), Limits::max(), Limits::lowest();
  return x;
}

template <class T, class F>
void apply(const F& f, const ArrayX<T>& x) {
  ArrayX<T> y = f(x);
  for (Index size = 1; size <= 20; ++size) {
    for (Index first = 0; first + size <= x.size(); first += 97) {
      y.segment(first, size) = f(x.segment(first, size));
    }
  }
  for (Index i = 0; i < x.size(); ++i) y(i) = f(T(x(i)));
  opaque(y(0));
}

template <class T>
void functions() {
  const ArrayX<T> x = every_size<T>();
  // e^x overflows as it must from here on.
  const ArrayX<T> bounded = x.min(std::log(std::numeric_limits<T>::max()) * T(0.999));
  apply<T>([](const auto& z) { return shallow::exp(z); }, bounded);
  apply<T>([](const auto& z) { return shallow::sigmoid(z); }, x);
  apply<T>([](const auto& z) { return shallow::tanh(z); }, x);
  apply<T>([](const auto& z) { return shallow::softplus(z); }, x);
  const auto activation = [&](const auto& g) {
    apply<T>(g, x);
    apply<T>([&](const auto& z) { return g.derivative(z); }, x);
    const ArrayX<T> a = g(x);
    const ArrayX<T> values = a.max(T(-1)).min(T(1));
    apply<T>([&](const auto& v) { return g.derivative_from_value(v); }, values);
  };
  activation(Sigmoid{});
  activation(Tanh{});
  activation(ReLU{});
  activation(LeakyReLU{});
  activation(Identity{});
}

/// Logits that are far apart, and labels of every kind.
template <class T>
void columns() {
  const ArrayX<T> sizes = every_size<T>();
  for (Index n = 1; n <= 20; ++n) {
    for (const double size : {0.0, 1.0, 80.0, 1e4, 1e30}) {
      Eigen::Array<T, Dynamic, Dynamic> z(n, 7);
      for (Index i = 0; i < z.size(); ++i) z(i) = static_cast<T>(size * (double(i * 5 % 11) / 5.5 - 1));
      const Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor> rows = z;
      Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor> row_values(n, 7);
      const Eigen::Array<T, Dynamic, Dynamic> a = Softmax{}(z);
      Softmax{}.forward(rows, row_values);
      Eigen::Array<T, Dynamic, Dynamic> d = a;
      Softmax{}.backward(a, d);
      Eigen::RowVectorXi labels(7);
      for (Index j = 0; j < 7; ++j) labels(j) = int(j % n);
      opaque(CategoricalCrossEntropy{}.value(z, labels));
      opaque(CategoricalCrossEntropy{}.value(rows, labels));
      opaque(CategoricalCrossEntropy{}.value(z, a));
      CategoricalCrossEntropy{}.gradient(a, labels, d);
      opaque(BinaryCrossEntropy{}.value(z, a));
      opaque(log_sum_exp(z.col(3)));
      const Eigen::Array<T, Dynamic, Dynamic> moderate = z.max(T(-1e4)).min(T(1e4));
      opaque(MeanSquaredError{}.value(moderate, a));
      MeanSquaredError{}.gradient(moderate, a, d);
    }
    opaque(detail::all_finite(n, sizes.data()));
    opaque(log_sum_exp(sizes.head(n) * T(0.5)));
  }
}

template <class T, class O>
void optimizer(const O& o) {
  for (Index size = 1; size <= 20; ++size) {
    for (const double g : {0.0, 1e-44, 1e-30, 1e-10, -1.0, 1e4}) {
      Vector<T> theta = Vector<T>::Ones(size);
      typename O::template State<T> state;
      for (int t = 0; t < 5; ++t) {
        Vector<T> gradient = Vector<T>::Constant(size, static_cast<T>(g));
        gradient(t % size) = T(t % 2);
        o.step(theta, gradient, state);
      }
      opaque(theta(0));
    }
  }
}

/// Wide layers have their units along the lanes, narrow ones their samples.
template <class Net, class Y>
void train(const Net& net, const Matrix<typename Net::Scalar>& X, const Y& y) {
  Net trained = net;
  fit(trained, X, y, Adam{}, {.epochs = 3, .batch_size = 7});
  opaque(accuracy(trained.predict(X), y));
  (void)trained.predict(X.col(0));
}

template <class T>
void networks() {
  RandomState random(1);
  const Matrix<T> all_X = random.randn<T>(20, 20);
  for (Index n = 1; n <= 20; ++n) {
    const Index m = 21 - n;
    const Matrix<T> X = all_X.topLeftCorner(n, m);
    const Matrix<T> Y = (X.row(0).array() > T(0)).template cast<T>();
    Eigen::RowVectorXi labels(m);
    for (Index j = 0; j < m; ++j) labels(j) = int(j % 2);
    train(TwoLayerNet<T, Tanh, Sigmoid>(n, n, 1, {.seed = 1}), X, Y);
    train(Network<Layer<T, ReLU>, Layer<T, Softmax>>({n, n, 2}, {.seed = 1}), X, labels);
  }
  const Matrix<T> X = all_X.topRows(3);
  const Matrix<T> Y = (X.row(0).array() > T(0)).template cast<T>();
  Eigen::RowVectorXi labels(20);
  for (Index j = 0; j < 20; ++j) labels(j) = int(j % 10);
  train(Network<Layer<T, ReLU>, Layer<T, Softmax>>({3, 64, 10}, {.seed = 1}), X, labels);
  train(TwoLayerNet<T, Tanh, Sigmoid>(3, 128, 1, {.seed = 1}), X, Y);
  train(DynamicNetwork<T>(3, {{33, ReLU{}}, {17, Tanh{}}, {1, Sigmoid{}}}, {.seed = 1}), X, Y);
  if constexpr (sizeof(T) == 8) {
    opaque(check_gradients(TwoLayerNet<T, Tanh, Sigmoid>(3, 4, 1, {.seed = 1}), X, Y).worst);
  }
}

/// Every ReLU is dead: Adam sees packets of zeros.
template <class T>
void dead_units() {
  const Matrix<T> X = Matrix<T>::Constant(2, 8, T(-1)), Y = Matrix<T>::Ones(1, 8);
  TwoLayerNet<T, ReLU, Identity> net(2, 8, 1, {.initializer = Initializer::zeros()});
  net.template layer<0>().weights().setOnes();
  fit(net, X, Y, Adam{}, {.epochs = 3});
}

template <class T>
void scaler() {
  for (Index n = 1; n <= 20; ++n) {
    Matrix<T> X = RandomState(1).randn<T>(n, 21 - n);
    X.row(0).setConstant(T(7));
    if (n > 1) X.row(1).setZero();
    const StandardScaler<T> fitted(X);
    const Matrix<T> scaled = fitted.transform(X);
    opaque(fitted.inverse_transform(scaled)(0, 0));
  }
}

template <class T>
void check(const char* type) {
  std::printf("%s\n", type);
  part("the four functions, the activations, over the whole range", functions<T>);
  part("softmax, log_sum_exp and the losses", columns<T>);
  part("GradientDescent", [] { optimizer<T>(GradientDescent{}); });
  part("Momentum", [] { optimizer<T>(Momentum{}); });
  part("Adam", [] { optimizer<T>(Adam{.weight_decay = 0.01}); });
  part("networks of every size, samples and units along the lanes", networks<T>);
  part("Adam on a packet of zeros", dead_units<T>);
  part("StandardScaler", scaler<T>);
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_PERTURB, 0x80);  // new memory is full of 3.4e38, or 1.4e306: what reads it squares it
  if (feenableexcept(FE_DIVBYZERO) == -1) return 77;  // some processors do not trap
  fedisableexcept(FE_DIVBYZERO);
  planted = argc > 1 && std::strcmp(argv[1], "planted") == 0;
  check<float>("float");
  check<double>("double");
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
