// SPDX-License-Identifier: MIT
/// Nothing allocates after the first step: `fit`, `step` and `predict` into given storage, a shorter last batch
/// included (dlib 471: a last, shorter mini-batch reallocated everything). And what the first step allocates does not
/// grow with the number of samples.
///
/// Eigen's own check for that vanishes with NDEBUG. With the argument `planted` the program takes a temporary in the
/// loop on purpose and must then fail: a test that cannot fail is none.

#include "shallow/shallow.hpp"
#include "shallow/threads.hpp"

#include "counted_malloc.hpp"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace {
using counted::allocations;
using counted::bytes;
using counted::counting;

/// An address stored here has to exist: a compiler may leave out an allocation that nobody sees (Clang does).
const void* volatile seen = nullptr;
}  // namespace

namespace {

using namespace shallow;

int passed = 0;
int failed = 0;
bool planted = false;

void verdict(const char* what) {
  counting = false;
  std::printf("%-72s %ld allocations\n", what, allocations);
  ++(allocations == 0 ? passed : failed);
  allocations = 0;
  bytes = 0;
}

/// What `f` allocates, in bytes.
template <class F>
std::size_t bytes_of(F&& f) {
  bytes = 0;
  counting = true;
  f();
  counting = false;
  allocations = 0;
  return bytes;
}

/// Memory to train on few and on many samples.
void verdict_on_bytes(const char* what, std::size_t few, std::size_t many) {
  constexpr std::size_t most = 2 << 20;
  std::printf("%-72s %zu and %zu bytes\n", what, few, many);
  ++(few > 0 && few == many && many < most ? passed : failed);
}

// Parts of a user's own that are made of this library's.

struct MyTanh : Tanh {};

/// z sigmoid(z), of whole arrays.
struct Swish {
  static constexpr bool takes_arrays = true;
  template <class Z>
  auto operator()(const Z& z) const {
    return z * shallow::sigmoid(z);
  }
  template <class Z>
  auto derivative(const Z& z) const {
    return shallow::sigmoid(z) * (1 + z * shallow::sigmoid(-z));
  }
};

struct MyLoss {
  template <class A, class Y>
  auto value(const A& a, const Y& y) const {
    return MeanSquaredError{}.value(a, y);
  }
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dA) const {
    MeanSquaredError{}.gradient(a, y, dA);
  }
};

/// The workspace of a pass, and everything that `fit` allocates but the order of the samples.
template <class T>
void check_memory() {
  using Net = Network<Layer<T, ReLU>, Layer<T, Softmax>>;
  constexpr Index few = 1000, many = 9000;
  const Net net({784, 128, 10});
  const Matrix<T> X = RandomState(1).randn<T>(784, many);
  Eigen::VectorXi labels(many);
  for (Index j = 0; j < many; ++j) labels(j) = int(j % 10);
  Vector<T> gradient(net.parameter_count());
  const auto workspace_bytes = [&](Index m) {
    typename Net::Workspace workspace;
    return bytes_of([&] {
      net.loss_and_gradient(X.leftCols(m), labels.head(m), net.default_loss(), gradient, workspace);
      if (planted) seen = std::malloc(std::size_t(m));
    });
  };
  verdict_on_bytes("the workspace of a pass of 784-128-10, 1,000 and 9,000 samples", workspace_bytes(few),
                   workspace_bytes(many));
  const auto fit_bytes = [&](Index m) {
    Net trained = net;
    const std::size_t order = sizeof(Index) * std::size_t(m);
    return bytes_of([&] {
             fit(trained, X.leftCols(m), labels.head(m), GradientDescent{}, {.batch_size = 500});
             if (planted) seen = std::malloc(std::size_t(m));
           }) -
           order - 3 * sizeof(T) * std::size_t(net.parameter_count());
  };
  verdict_on_bytes("fit, batches of 500, without the order and three copies of the parameters", fit_bytes(few),
                   fit_bytes(many));
}

/// Counts from the end of the first step of `fit` to its last callback.
template <class Net, class X, class Y, class O, class... Extras>
void check_fit(const char* what, Net net, const X& x, const Y& y, const O& optimizer, Index batch_size,
               Extras&&... extras) {
  Index steps = 0;
  const auto on_batch = [&](const Progress&) {
    counting = true;
    if (planted) {
      const Matrix<double> temporary = Matrix<double>::Ones(3, 3);
      seen = temporary.data();
    }
    ++steps;
    return true;
  };
  const auto on_epoch = [&](const Progress& p) {
    if (p.epoch == p.epochs) counting = false;
    return true;
  };
  fit(net, x, y, optimizer, {.epochs = 4, .batch_size = batch_size, .on_epoch = on_epoch, .on_batch = on_batch},
      extras...);
  if (steps < 4) ++failed;
  verdict(what);
}

template <class T>
void check(const char* type) {
  std::printf("%s\n", type);
  check_memory<T>();
  RandomState random(1);
  const Matrix<T> X = random.randn<T>(20, 1000);
  const Matrix<T> narrow_X = X.topRows(2);
  const Matrix<T> Y = (X.row(0).array() > T(0)).template cast<T>();
  Eigen::VectorXi labels(1000);
  for (Index j = 0; j < 1000; ++j) labels(j) = int(j % 10);
  const Matrix<T> wide_X = random.randn<T>(784, 300);
  const Eigen::VectorXi wide_labels = labels.head(300);

  const TwoLayerNet<T, Tanh, Sigmoid> small(2, 4, 1);
  const TwoLayerNet<T, Tanh, Sigmoid, 2, 4, 1> fixed;
  const Network<Layer<T, ReLU>, Layer<T, Softmax>> wide({784, 128, 10});
  const Network<Layer<T, Softmax>, Layer<T, LeakyReLU>, Layer<T, Sigmoid>> deep({20, 64, 48, 1});
  const DynamicNetwork<T> dynamic(20, {{7, Tanh{}}, {64, ReLU{}}, {10, Softmax{}}});

  check_fit("fit, 2-4-1, full batch", small, narrow_X, Y, GradientDescent{}, 0);
  check_fit("fit, 2-4-1 fixed, batches of 64, the last of 40, Adam", fixed, narrow_X, Y, Adam{}, 64);
  check_fit("fit, 784-128-10, labels, batches of 128, the last of 44, Momentum", wide, wide_X, wide_labels, Momentum{},
            128);
  check_fit("fit, 784-128-10, full batch", wide, wide_X, wide_labels, GradientDescent{}, 0);
  check_fit("fit, 20-64-48-1, squared error, batches of 7, with validation", deep, X, Y, Adam{}, 7, MeanSquaredError{},
            Validation(X, Y));
  check_fit("fit, run-time network, labels, batches of 33", dynamic, X, labels, Adam{.weight_decay = 0.01}, 33);
  check_fit("dlib 471: fit, batches of 500 of 900, the last of 400", small, narrow_X.leftCols(900), Y.leftCols(900),
            GradientDescent{}, 500);
  check_fit("fit, a block as input, read in place", small, X.topRows(2), Y, GradientDescent{}, 50);

  check_fit("fit, an activation derived from Tanh", Network<Layer<T, MyTanh>, Layer<T, Sigmoid>>({20, 33, 1}), X, Y,
            GradientDescent{}, 100);
  check_fit("fit, an activation of arrays made of sigmoid", Network<Layer<T, Swish>, Layer<T, Sigmoid>>({20, 33, 1}), X,
            Y, GradientDescent{}, 100);
  check_fit("fit, a loss made of the squared error", deep, X, Y, GradientDescent{}, 100, MyLoss{});

  ThreadPool pool(3);
  check_fit("fit, three threads, the samples of a tile and then its columns shared", wide, wide_X, wide_labels,
            Momentum{}, 128, pool);
  check_fit("fit, three threads, tiles shared, with validation", deep, X, Y, Adam{}, 900, MeanSquaredError{}, pool,
            Validation(X, Y));

  const auto check_predict = [&](const char* what, const auto& net, const Matrix<T>& x) {
    typename std::remove_cvref_t<decltype(net)>::Workspace workspace;
    Matrix<T> a(net.n_y(), x.cols());
    net.predict(x, a, workspace);
    counting = true;
    for (Index m = x.cols(); m > 0; m /= 3) net.predict(x.leftCols(m), a.leftCols(m), workspace);
    if (planted) a = (Matrix<T>(a) + a).eval();
    verdict(what);
  };
  check_predict("predict into given storage, 2-4-1", small, narrow_X);
  check_predict("predict into given storage, 2-4-1 fixed", fixed, narrow_X);
  check_predict("predict into given storage, 784-128-10", wide, wide_X);
  check_predict("predict into given storage, 20-64-48-1", deep, X);
  check_predict("predict into given storage, run-time network", dynamic, X);
  check_predict("predict into given storage, behind a scaler", Scaled(StandardScaler(X), dynamic), X);

  {
    typename DynamicNetwork<T>::Workspace workspace;
    Matrix<T> a(dynamic.n_y(), X.cols());
    dynamic.predict(X, a, workspace, pool);
    counting = true;
    for (Index m = X.cols(); m > 0; m /= 3) dynamic.predict(X.leftCols(m), a.leftCols(m), workspace, pool);
    if (planted) a = (Matrix<T>(a) + a).eval();
    verdict("predict into given storage, three threads");
  }

  const Eigen::Matrix<T, 2, 1> sample = narrow_X.col(0);
  counting = true;
  T sum(0);
  for (Index j = 0; j < 10; ++j) sum += fixed.predict(sample)(0);
  if (planted) seen = Matrix<T>(fixed.predict(sample)).data();
  verdict(sum > T(0) ? "predict of a sample, all sizes in the types" : "predict of a sample: not positive");

  Vector<T> gradient(deep.parameter_count());
  Matrix<T> dX(X.rows(), X.cols());
  const Matrix<T> dA = Matrix<T>::Ones(deep.n_y(), X.cols());
  typename std::remove_cvref_t<decltype(deep)>::Workspace pass;
  deep.backward(X, dA, gradient, pass, &dX);
  counting = true;
  deep.backward(X, dA, gradient, pass, &dX);
  if (planted) seen = Matrix<T>(dA).data();
  verdict("backward into given storage");

  auto online = small;
  StepWorkspace<TwoLayerNet<T, Tanh, Sigmoid>> workspace;
  typename Adam::State<T> state;
  const auto loss = online.default_loss();
  shallow::step(online, narrow_X.leftCols(1), Y.leftCols(1), Adam{}, state, loss, workspace);
  counting = true;
  for (Index j = 0; j < 100; ++j) {
    shallow::step(online, narrow_X.col(j), Y.col(j), Adam{}, state, loss, workspace);
    if (planted) workspace.gradient = Vector<T>(workspace.gradient).eval();
  }
  verdict("step, one sample at a time, with a workspace");

  auto classes = dynamic;
  StepWorkspace<DynamicNetwork<T>> class_workspace;
  typename Adam::State<T> class_state;
  const auto class_loss = classes.default_loss();
  shallow::step(classes, X.leftCols(5), labels.head(5), Adam{}, class_state, class_loss, class_workspace);
  counting = true;
  for (Index j = 0; j < 100; ++j) {
    shallow::step(classes, X.middleCols(j, 5), labels.segment(j, 5), Adam{}, class_state, class_loss, class_workspace);
    if (planted) class_workspace.gradient = Vector<T>(class_workspace.gradient).eval();
  }
  verdict("step with class labels, five samples at a time, with a workspace");
}

}  // namespace

int main(int argc, char** argv) {
  planted = argc > 1 && std::strcmp(argv[1], "planted") == 0;
  counting = true;
  void* probed = std::malloc(1);  // is the count connected at all?
  seen = probed;
  std::free(probed);
  Eigen::VectorXd probe = Eigen::VectorXd::Ones(100);
  counting = false;
  if (allocations < 2 || probe.sum() != 100) {
    std::puts("malloc is not intercepted");
    return 2;
  }
  allocations = 0;
  check<float>("float");
  check<double>("double");
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
