// SPDX-License-Identifier: MIT
/// Mistakes that people make, one for each value of MISTAKE, and what the compiler is to say of it within its first ten
/// lines: first_lines.cmake reads the comments. All others stand here as they are right.

#include <shallow/shallow.hpp>
#include <shallow/threads.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace shallow;

namespace {

using Net = Network<Layer<double, Tanh>, Layer<double, Sigmoid>>;

/// What is the same in all activations, losses, optimisers and models below.
struct Softsign {
  double operator()(double z) const { return z / (1 + std::abs(z)); }
#if MISTAKE == 30  // says: lacks derivative(z) const
  double derivate(double z) const { return 1 / ((1 + std::abs(z)) * (1 + std::abs(z))); }
#else
  double derivative(double z) const { return 1 / ((1 + std::abs(z)) * (1 + std::abs(z))); }
#endif
};

struct Cube {
#if MISTAKE == 31  // says: lacks its value, operator()(z) const
  double operator()(double z) { return z * z * z; }
#else
  double operator()(double z) const { return z * z * z; }
#endif
  double derivative(double z) const { return 3 * z * z; }
};

struct Centred {
  template <class Z, class A>
  void forward(const Z& z, A&& a) const {
    a = z.rowwise() - z.colwise().mean();
  }
#if MISTAKE == 32  // says: lacks backward(A, D) const
#else
  template <class A, class D>
  void backward(const A&, D&& d) const {
    d = (d.rowwise() - d.colwise().mean()).eval();
  }
#endif
};

struct LogCosh {
#if MISTAKE == 40  // says: lacks value(a, y) const, which returns a number
  template <class A, class Y>
  void value(const A& a, const Y& y) const {
    (void)(a - y).cosh().log().sum();
  }
#else
  template <class A, class Y>
  auto value(const A& a, const Y& y) const {
    return (a - y).cosh().log().sum();
  }
#endif
#if MISTAKE == 41  // says: lacks gradient(a, y, dA) const
#else
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dA) const {
    dA = (a - y).tanh();
  }
#endif
};

struct Plain {
#if MISTAKE == 50  // says: lacks template <class T> struct State
  struct State {};
#else
  template <class T>
  struct State {};
#endif
#if MISTAKE == 51  // says: lacks check() const
#else
  void check() const {}
#endif
#if MISTAKE == 52  // says: only State<T>& tells T
  template <class T>
  void step(Eigen::Ref<Vector<T>> theta, const Vector<T>& g, State<T>&) const {
    theta -= T(0.1) * g;
  }
#elif MISTAKE == 50
  template <class P, class G, class S>
  void step(P& theta, const G& g, S&) const {
    theta -= 0.1 * g;
  }
#else
  template <class P, class G, class T>
  void step(P& theta, const G& g, State<T>&) const {
    theta -= T(0.1) * g;
  }
#endif
};

/// y = w x.
struct Line {
  using Scalar = double;
#if MISTAKE == 60  // says: it lacks Scalar, a number type, or Workspace
#else
  struct Workspace {};
#endif
  Vector<double> w = Vector<double>::Zero(1);

  Vector<double>& parameters() { return w; }
#if MISTAKE == 61  // says: the model lacks parameters()
#else
  const Vector<double>& parameters() const { return w; }
#endif
#if MISTAKE == 62  // says: the model lacks parameter_blocks() const
#else
  std::vector<ParameterBlock> parameter_blocks() const { return {{"w", 1, 1, 0}}; }
#endif
#if MISTAKE == 63  // says: the model lacks default_loss() const
  MeanSquaredError default_loss() { return {}; }
#else
  MeanSquaredError default_loss() const { return {}; }
#endif
  template <class A, class B, class L, class W>
#if MISTAKE == 64  // says: the model lacks loss(X, Y, loss, workspace) const
  double loss(const A& x, const B& y, const L&, W&) {
#else
  double loss(const A& x, const B& y, const L&, W&) const {
#endif
    return (w(0) * x - y).squaredNorm() / double(x.cols());
  }
#if MISTAKE == 65  // says: the model lacks loss_and_gradient(X, Y, loss, gradient, workspace) const
  template <class A, class B, class L, class G>
  double loss_and_gradient(const A& x, const B& y, const L&, G& gradient) const {
#else
  template <class A, class B, class L, class G, class W>
  double loss_and_gradient(const A& x, const B& y, const L&, G& gradient, W&) const {
#endif
      gradient(0) = 2 * (w(0) * x - y).cwiseProduct(x).sum() / double(x.cols());
  return (w(0) * x - y).squaredNorm() / double(x.cols());
}
};  // namespace

}  // namespace

int main() {
  const Matrix<double> X = Matrix<double>::Ones(2, 3);
  const Matrix<double> Y = Matrix<double>::Ones(1, 3);
  Net net({2, 4, 1}, {.seed = 1});

  // ---- The options

#if MISTAKE == 1  // says: FitOptions has no such option
  fit(net, X, Y, Adam{.learning_rate = 0.1}, {.epoch = 10});
#elif MISTAKE == 2  // says: FitOptions has no such option
  fit(net, X, Y, Adam{}, {.epochs = 10, .batchsize = 2, .shuffle = false});
#elif MISTAKE == 3  // says: what a step does is the optimiser's
  fit(net, X, Y, Adam{}, {.epochs = 10, .learning_rate = 0.1});
#elif MISTAKE == 4  // says: or of another type
  fit(net, X, Y, Adam{}, {.epochs = "10"});
#elif MISTAKE == 5  // says: FitOptions
  fit(net, X, Y, Adam{}, {.epohcs = 10});
#elif MISTAKE == 6  // says: the options are missing before what may follow them
  fit(net, X, Y, Adam{}, Validation(X, Y));
#elif MISTAKE == 7  // says: the options are missing before what may follow them
  TrainingState<Adam, double> state;
  fit(net, X, Y, Adam{}, state);
#elif MISTAKE == 8  // says: the options are missing before what may follow them
  fit(net, X, Y, Adam{}, BinaryCrossEntropy{});
#elif MISTAKE == 9  // says: the options are missing before what may follow them
  fit(net, X, Y, Adam{}, 100);
#else
  fit(net, X, Y, Adam{.learning_rate = 0.1}, {.epochs = 10, .batch_size = 2, .shuffle = false});
  fit(net, X, Y, Adam{}, {});
  fit(net, X, Y, Adam{}, {10, 0, 2});
#endif

  // ---- The optimiser

#if MISTAKE == 10  // says: the optimiser is missing
  fit(net, X, Y, {.epochs = 10});
#elif MISTAKE == 11  // says: the optimiser is missing
  const FitOptions options{.epochs = 10};
  fit(net, X, Y, options);
#elif MISTAKE == 12  // says: the optimiser is missing
  fit(net, X, Y);
#elif MISTAKE == 13  // says: or comes after the options
  fit(net, X, Y, {.epochs = 10}, Adam{});
#elif MISTAKE == 14  // says: has no name
  fit(net, X, Y, {.learning_rate = 0.1}, {.epochs = 10});
#elif MISTAKE == 15  // says: the fourth argument is no optimiser
  fit(net, X, Y, 0.1, {.epochs = 10});
#elif MISTAKE == 16  // says: the fourth argument is no optimiser
  fit(net, X, Y, BinaryCrossEntropy{}, {.epochs = 10});
#elif MISTAKE == 17  // says: there is one optimiser
  fit(net, X, Y, Adam{}, {.epochs = 10}, Momentum{});
#else
  fit(net, X, Y, Adam{.learning_rate = 0.1}, {.epochs = 10}, BinaryCrossEntropy{});
#endif
  fit(net, X, Y, Plain{});

  // ---- The model

#if MISTAKE == 20  // says: the model is const
  const Net constant = net;
  fit(constant, X, Y, Adam{});
#elif MISTAKE == 21  // says: the model is a temporary
  fit(Net({2, 4, 1}), X, Y, Adam{});
#elif MISTAKE == 22  // says: the model comes first
  fit(X, Y, net, Adam{});
#elif MISTAKE == 23  // says: the first argument is no model
  fit(std::make_unique<Net>(net), X, Y, Adam{});
#elif MISTAKE == 24  // says: the model is const
  const Net constant = net;
  Adam::State<double> state;
  step(constant, X, Y, Adam{}, state);
#elif MISTAKE == 25  // says: the model is a temporary
  Adam::State<double> state;
  const double J = step(Net({2, 4, 1}), X, Y, Adam{}, state);
#else
  Net copy = net;
  fit(copy, X, Y, Adam{});
  Adam::State<double> state;
  step(copy, X, Y, Adam{}, state);
#endif
  Line line;
  fit(line, Y, Y, Adam{});

  // ---- Activations

  TwoLayerNet<double, Softsign, Cube> own(2, 4, 1);
  Layer<double, Centred> centred(2, 2);
#if MISTAKE == 33  // says: a function alone
  Layer<double, double (*)(double)> function(2, 1);
#elif MISTAKE == 34  // says: lacks derivative(z) const
  const auto square = [](double z) { return z * z; };
  Network<Layer<double, Tanh>, Layer<double, decltype(square)>> lambda({2, 4, 1});
#endif

  // ---- Losses

  fit(line, Y, Y, Adam{}, {}, LogCosh{});
#if MISTAKE == 42  // says: what follows the options is no loss
  fit(net, X, Y, Adam{}, {}, std::string("mse"));
#elif MISTAKE == 43  // says: validation data come as Validation(X, Y)
  fit(net, X, Y, Adam{}, {}, X, Y);
#elif MISTAKE == 44  // says: validation data come as Validation(X, Y)
  fit(net, X, Y, Adam{}, {}, X);
#elif MISTAKE == 45  // says: what follows the state is no loss
  step(net, X, Y, Adam{}, state, 3);
#else
  fit(net, X, Y, Adam{}, {}, MeanSquaredError{}, Validation(X, Y));
  step(net, X, Y, Adam{}, state, MeanSquaredError{});
#endif

  // ---- Samples

  const std::vector<double> numbers(6, 1.0);
  const double more[6] = {1, 1, 1, 1, 1, 1};
#if MISTAKE == 70  // says: X is no matrix of Eigen
  fit(net, numbers, Y, Adam{});
#elif MISTAKE == 71  // says: X is no matrix of Eigen
  fit(net, more, Y, Adam{});
#elif MISTAKE == 72  // says: Y is neither a matrix of Eigen nor integers
  fit(net, X, 1.0, Adam{});
#elif MISTAKE == 73  // says: X has another number type than the network
  fit(net, X.cast<float>(), Y, Adam{});
#elif MISTAKE == 74  // says: labels are Y, which comes after X
  fit(net, Y.cast<int>(), X, Adam{});
#elif MISTAKE == 75  // says: Y has another number type than the network
  fit(net, X, Y.cast<float>(), Adam{});
#elif MISTAKE == 76  // says: Validation: X has another number type than the network
  fit(net, X, Y, Adam{}, {}, Validation(X.cast<float>(), Y));
#elif MISTAKE == 77  // says: X is no matrix of Eigen
  step(net, numbers, Y, Adam{}, state);
#elif MISTAKE == 78  // says: Validation: X is no matrix of Eigen
  fit(net, X, Y, Adam{}, {}, Validation(numbers, Y));
#else
  const Eigen::Map<const Matrix<double>> mapped(numbers.data(), 2, 3);
  fit(net, mapped, Y, Adam{});
  fit(net, Eigen::Map<const Matrix<double>>(more, 2, 3), Y, Adam{}, {}, Validation(mapped, Y));
  step(net, mapped, Y, Adam{}, state);
  fit(net, X, Y.cast<int>(), Adam{});
  fit(net, X, std::vector<int>{0, 1, 1}, Adam{});
#endif

  // ---- States

#if MISTAKE == 80  // says: belongs to another optimiser or number type
  TrainingState<Momentum, double> training;
  fit(net, X, Y, Adam{}, {}, training);
#elif MISTAKE == 81  // says: belongs to another optimiser or number type
  TrainingState<Adam, float> training;
  fit(net, X, Y, Adam{}, {}, training);
#elif MISTAKE == 82  // says: the TrainingState is const
  const TrainingState<Adam, double> training;
  fit(net, X, Y, Adam{}, {}, training);
#elif MISTAKE == 83  // says: of a TrainingState its member `optimizer`
  TrainingState<Adam, double> training;
  step(net, X, Y, Adam{}, training);
#elif MISTAKE == 84  // says: after the optimiser comes its state
  step(net, X, Y, Adam{});
#elif MISTAKE == 85  // says: after the optimiser comes its state
  step(net, X, Y, Adam{}, MeanSquaredError{}, state);
#else
  TrainingState<Adam, double> training;
  fit(net, X, Y, Adam{}, {}, training);
  StepWorkspace<Net> workspace;
  step(net, X, Y, Adam{}, training.optimizer);
  step(net, X, Y, Adam{}, training.optimizer, workspace);
  step(net, X, Y, Adam{}, training.optimizer, MeanSquaredError{}, workspace);
#endif

  // ---- Callbacks

#if MISTAKE == 90  // says: a callback is called with one argument, a const Progress&
  fit(net, X, Y, Adam{}, {.epochs = 2, .on_epoch = [](Index, double) { return true; }});
#elif MISTAKE == 91  // says: a callback is called with one argument, a const Progress&
  fit(net, X, Y, Adam{}, {.on_batch = [](Progress&) {}});
#elif MISTAKE == 92  // says: a callback returns nothing, or a bool
  fit(net, X, Y, Adam{}, {.on_epoch = [](const Progress&) { return std::string(); }});
#elif MISTAKE == 93  // says: a callback is copied
  fit(net, X, Y, Adam{}, {.on_epoch = [held = std::make_unique<int>(1)](const Progress&) {}});
#elif MISTAKE == 94  // says: callbacks belong to the options
  fit(net, X, Y, Adam{}, {}, [](const Progress&) {});
#elif MISTAKE == 95  // says: callbacks belong to the options
  fit(net, X, Y, Adam{}, {}, FitOptions{});
#elif MISTAKE == 96  // says: a callback is called with one argument, a const Progress&
  fit(net, X, Y, Adam{}, {.on_epoch = 3});
#else
  const auto held = std::make_unique<int>(1);
  fit(net, X, Y, Adam{}, {.on_epoch = [&](const Progress&) { return *held == 1; }});
  fit(net, X, Y, Adam{}, {.epochs = 2, .on_epoch = [](Progress) {}, .on_batch = [](auto) { return 1; }});
  fit(net, X, Y, Adam{}, {.on_epoch = nullptr, .on_batch = std::function<void(const Progress&)>()});
#endif

  // ---- Networks

#if MISTAKE == 100  // says: write net.layer<0>(): the layers are of different types
  (void)net.layer(0).weights();
#elif MISTAKE == 101  // says: a network of L layers has L + 1 widths
  const Network<Layer<double, Tanh>, Layer<double, Tanh>, Layer<double, Sigmoid>> few({2, 4, 1});
#elif MISTAKE == 102  // says: a network of L layers has L + 1 widths
  const Net many({2, 4, 4, 1}, {.seed = 1});
#elif MISTAKE == 103  // says: a network of L layers has L + 1 widths
  const TwoLayerNet<double> two({2, 4}, {.seed = 1});
#elif MISTAKE == 104  // says: a network of L layers has L + 1 widths
  const DynamicNetwork<double> dynamic({2, 4, 1}, {Tanh{}}, {.seed = 1});
#elif MISTAKE == 105  // says: a network of L layers has L + 1 widths
  const Layer<double, Tanh> layer({2, 4, 1}, {.seed = 1});
#elif MISTAKE == 106  // says: X: expected n_x rows, one column a sample
  (void)TwoLayerNet<double, Tanh, Sigmoid, 2, 4, 1>().predict(Eigen::Vector3d(1, 2, 3));
#elif MISTAKE == 107  // says: a view of a model that is about to be gone
  const auto view = Net({2, 4, 1}, {.seed = 1}).layer<0>();
#elif MISTAKE == 108  // says: a view of a model that is about to be gone
  const auto view = DynamicNetwork<double>({2, 1}, {Sigmoid{}}).layer(0);
#elif MISTAKE == 109  // says: X is no matrix of Eigen
  (void)net.predict(std::vector<double>{1, 2});
#elif MISTAKE == 110  // says: A, where the outputs go, lies column after column
  Net::Workspace kept;
  Matrix<double> outputs(3, X.cols());
  net.predict(X, outputs.row(1), kept);
#elif MISTAKE == 111  // says: A, where the outputs go, lies column after column
  Net::Workspace kept;
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> outputs(1, X.cols());
  net.predict(X, outputs, kept);
#elif MISTAKE == 112  // says: a TrainingState and Threads{n} follow the options
  fit(net, X, Y, Adam{}, {.epochs = 10, .threads = 4});
#elif MISTAKE == 113  // says: at most one loss, one Validation, one TrainingState and one of Threads
  fit(net, X, Y, Adam{}, {.epochs = 10}, Threads{4}, Threads{2});
#else
  fit(net, X, Y, Adam{}, {.epochs = 1}, Threads{2});
  const std::size_t n_h = 4;
  Net::Workspace kept;
  Matrix<double> outputs(3, X.cols());
  net.predict(X, outputs.middleRows(1, 1), kept);
  (void)net.layer<0>().weights();
  Network<Layer<double, Sigmoid>> single({2, 1});
  fit(single, X, Y, Adam{});
  const Net written[] = {Net({2, n_h, 1}, {.seed = 1}), Net({2, n_h, 1}), Net(2, n_h, 1)};
  const TwoLayerNet<double> two({2, n_h, 1}, {.seed = 1});
  const DynamicNetwork<double> dynamic({2, n_h, 1}, {Tanh{}, Sigmoid{}}, {.seed = 1});
  (void)TwoLayerNet<double, Tanh, Sigmoid, 2, 4, 1>().predict(Eigen::Vector2d(1, 2));
  (void)(written[0] == Net({2, 4, 1}, {.seed = 1}) && two == two && dynamic == dynamic);
#endif
}
