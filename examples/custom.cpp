// SPDX-License-Identifier: MIT
//
// An activation, a loss, an optimiser and a model of your own.
//
// Task. Learn y = f(x) = sin(3 x) / (1 + x^2) on [-2, 2] from m = 200 measurements, of which one in ten is spoilt: it
// is off by 3. The squared error gives a spoilt measurement a pull in proportion to its size, and the curve follows;
// the loss of Huber ("Robust estimation of a location parameter", 1964) caps that pull. Neither it nor Swish, the
// activation used here (Ramachandran, Zoph and Le, "Searching for activation functions", 2017), is in the library. What
// they need to say is a value and a derivative each:
//
//     Swish    g(z) = z sigma(z)                                  g'(z) = sigma(z) + z sigma(z) sigma(-z)
//     Huber    L(a, y) = sum_i h(a_i - y_i)                       dL/da_i = clamp(a_i - y_i, -delta, delta)
//              h(r) = r^2 / 2               for |r| <= delta
//              h(r) = delta (|r| - delta/2) beyond
//
// Backpropagation is only as right as these derivatives. check_gradients compares all that it gives with differences
// (J(theta + e) - J(theta - e)) / 2e, and a slip shows.
//
// An optimiser says what it remembers and how it moves the parameters theta against g = dJ/dtheta. RMSprop (Tieleman
// and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012) divides by the root of a running mean
// square:
//
//     v := rho v + (1 - rho) g^2          theta := theta - alpha g / (sqrt(v) + epsilon)
//
// Last a whole model of another kind, a polynomial of degree n, as a sum of Chebyshev's polynomials T_k, which unlike
// bare powers differ so much from each other that gradient descent tells them apart:
//
//     a = c_0 T_0(t) + ... + c_n T_n(t),   t = x / 2 in [-1, 1]        dJ/dc_k = sum_j dJ/da_j T_k(t_j)
//     T_0 = 1,   T_1 = t,   T_k = 2 t T_{k-1} - T_{k-2}

#include <shallow/shallow.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using shallow::Index;
using shallow::Matrix;
using shallow::Vector;

/// An activation: g and g' of a number; with takes_arrays the same two lines get whole arrays, and run vectorised.
struct Swish {
  static constexpr std::string_view name = "swish";
  static constexpr bool takes_arrays = true;

  template <class Z>
  auto operator()(const Z& z) const {
    return z * shallow::sigmoid(z);
  }
  template <class Z>
  auto derivative(const Z& z) const {
    return shallow::sigmoid(z) + z * shallow::sigmoid(z) * shallow::sigmoid(-z);
  }
};

/// The slip to be caught: a product, and only one of its factors differentiated.
struct WrongSwish : Swish {
  template <class Z>
  auto derivative(const Z& z) const {
    return shallow::sigmoid(z);
  }
};

/// A loss: its sum over the samples, and its derivative by what the network puts out. The arrays are (n_y x m).
struct Huber {
  double delta = 1;

  template <class A, class Y>
  auto value(const A& a, const Y& y) const {
    using T = typename A::Scalar;
    const auto capped = (a - y).abs().min(T(delta));  // h(r) = capped (|r| - capped / 2) on both sides of delta
    return (capped * ((a - y).abs() - capped / 2)).sum();
  }
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dA) const {
    using T = typename A::Scalar;
    dA = (a - y).max(T(-delta)).min(T(delta));
  }
};

/// An optimiser: settings, a state that begins empty, and a step.
struct RMSprop {
  double learning_rate = 0.001;
  double rho = 0.9;
  double epsilon = 1e-8;

  template <class T>
  struct State {
    std::int64_t steps = 0;
    Vector<T> v;

    /// What a checkpoint keeps of it.
    template <class S, class F>
    static void each_member(S& state, F&& f) {
      f("steps", state.steps);
      f("v", state.v);
    }
  };

  void check() const {
    if (!(learning_rate > 0)) throw shallow::ValueError("RMSprop: learning_rate: expected > 0");
    if (!(rho >= 0 && rho < 1)) throw shallow::ValueError("RMSprop: rho: expected >= 0 and < 1");
  }
  /// Room for v, so that not even the first step of `fit` allocates.
  template <class T>
  void prepare(Index size, State<T>& state) const {
    if (state.v.size() == 0) state.v = Vector<T>::Zero(size);
  }
  /// theta is a vector or a part of one: type_identity leaves it to the other two to tell T.
  template <class T>
  void step(std::type_identity_t<Eigen::Ref<Vector<T>>> theta, const Vector<T>& g, State<T>& state) const {
    prepare(theta.size(), state);
    state.v = T(rho) * state.v + T(1 - rho) * g.cwiseAbs2();
    theta.array() -= T(learning_rate) * g.array() / (state.v.array().sqrt() + T(epsilon));
    ++state.steps;
  }
};

/// A model: whatever has parameters, a cost and a gradient can be fitted and checked (concept Trainable).
class Polynomial {
 public:
  using Scalar = double;
  struct Workspace {};  // storage that a pass may keep for the next; this one keeps none

  /// degree >= 1.
  explicit Polynomial(Index degree) : c_(Vector<double>::Zero(degree + 1)) {}

  Vector<double>& parameters() { return c_; }
  const Vector<double>& parameters() const { return c_; }
  std::vector<shallow::ParameterBlock> parameter_blocks() const { return {{"c", c_.size(), 1, 0}}; }
  shallow::MeanSquaredError default_loss() const { return {}; }

  template <class X>
  Matrix<double> predict(const X& x) const {
    return c_.transpose() * basis(x);
  }
  template <class X, class Y, class L>
  double loss(const X& x, const Y& y, const L& loss, Workspace&) const {
    const Matrix<double> a = predict(x);
    return loss.value(a.array(), y.array()) / static_cast<double>(x.cols());
  }
  template <class X, class Y, class L>
  double loss_and_gradient(const X& x, const Y& y, const L& loss, Eigen::Ref<Vector<double>> gradient,
                           Workspace&) const {
    const Matrix<double> a = predict(x);
    Eigen::ArrayXXd dA(1, x.cols());
    loss.gradient(a.array(), y.array(), dA);
    gradient = basis(x) * dA.matrix().transpose() / static_cast<double>(x.cols());
    return loss.value(a.array(), y.array()) / static_cast<double>(x.cols());
  }

 private:
  /// Row k holds T_k(t); 2 t = x.
  template <class X>
  Matrix<double> basis(const X& x) const {
    Matrix<double> T = Matrix<double>::Ones(c_.size(), x.cols());
    T.row(1) = x / 2;
    for (Index k = 2; k < c_.size(); ++k) T.row(k) = x.cwiseProduct(T.row(k - 1)) - T.row(k - 2);
    return T;
  }

  Vector<double> c_;  // (n + 1 x 1)
};

static_assert(shallow::Activation<Swish> && shallow::Loss<Huber> && shallow::Optimizer<RMSprop> &&
              shallow::Trainable<Polynomial>);

struct Data {
  Matrix<double> X;  // (1 x m)
  Matrix<double> f;  // (1 x m), the truth
  Matrix<double> Y;  // (1 x m), what was measured
};

Data measure(Index m) {
  Data data;
  shallow::RandomState random(1);
  data.X = Eigen::RowVectorXd::LinSpaced(m, -2, 2);
  data.f = ((3 * data.X.array()).sin() / (1 + data.X.array().square())).matrix();
  data.Y = data.f + 0.05 * random.randn(1, m);
  for (Index j = 0; j < m; ++j) {
    if (random.uniform() < 0.1) data.Y(0, j) += 3;
  }
  return data;
}

/// How far the curve of a model is from the truth: the root of the mean square.
template <class Model>
double distance(const Model& model, const Data& data) {
  return std::sqrt((model.predict(data.X) - data.f).squaredNorm() / static_cast<double>(data.X.cols()));
}

}  // namespace

int main() {
  using shallow::DynamicNetwork;
  using shallow::Identity;
  using shallow::Layer;
  using Net = shallow::Network<Layer<double, Swish>, Layer<double, Swish>, Layer<double, Identity>>;

  const Data data = measure(200);
  const Huber huber{.delta = 0.1};
  const shallow::Adam adam{.learning_rate = 0.01};
  const shallow::FitOptions training{.epochs = 300, .batch_size = 20, .seed = 1};

  // Depth and activations known to the compiler, or chosen while the program runs: a type of yours goes into both.
  Net net({1, 16, 16, 1}, {.seed = 1});
  DynamicNetwork<double> dynamic(1, {{16, Swish{}}, {16, Swish{}}, {1, Identity{}}}, {.seed = 1});
  const DynamicNetwork<double> wrong(1, {{16, Swish{}}, {16, WrongSwish{}}, {1, Identity{}}}, {.seed = 1});
  Polynomial polynomial(11);

  const auto of_net = shallow::check_gradients(net, data.X, data.Y, huber);
  const auto of_dynamic = shallow::check_gradients(dynamic, data.X, data.Y, huber);
  const auto of_polynomial = shallow::check_gradients(polynomial, data.X, data.Y, huber);
  const auto of_wrong = shallow::check_gradients(wrong, data.X, data.Y, huber);
  std::cout << "Gradients of\n"
            << "  Network: " << of_net << '\n'
            << "  DynamicNetwork: " << of_dynamic << '\n'
            << "  Polynomial: " << of_polynomial << '\n'
            << "  DynamicNetwork with the slip: " << of_wrong << "\n\n";
  const bool checked = of_net && of_dynamic && of_polynomial && !of_wrong;

  Net squared = net;
  Net by_rmsprop = net;
  shallow::fit(net, data.X, data.Y, adam, training, huber);
  shallow::fit(dynamic, data.X, data.Y, adam, training, huber);
  for (const double rate : {0.01, 0.0003}) {  // the small one settles what the large one leaves trembling
    shallow::fit(by_rmsprop, data.X, data.Y, RMSprop{.learning_rate = rate}, training, huber);
  }
  shallow::fit(squared, data.X, data.Y, adam, training);
  shallow::fit(polynomial, data.X, data.Y, adam, {.epochs = 300}, huber);

  std::cout << dynamic << "\n\n";
  std::puts("Distance of the curve from the truth");
  std::printf("  Network, Huber           %.3f\n", distance(net, data));
  std::printf("  Network, Huber, RMSprop  %.3f\n", distance(by_rmsprop, data));
  std::printf("  DynamicNetwork, Huber    %.3f\n", distance(dynamic, data));
  std::printf("  Polynomial, Huber        %.3f\n", distance(polynomial, data));
  std::printf("  Network, squared error   %.3f\n\n", distance(squared, data));
  const bool robust = distance(net, data) < 0.05 && distance(by_rmsprop, data) < 0.05 &&
                      distance(dynamic, data) < 0.05 && distance(polynomial, data) < 0.05 &&
                      distance(squared, data) > 0.2;

  const bool as_claimed = checked && robust;
  std::puts(as_claimed ? "As claimed: right gradients pass, the slip is caught, Huber's loss ignores what is spoilt."
                       : "NOT as claimed: a gradient, the slip or a curve is not as it should be.");
  return as_claimed ? 0 : 1;
}
