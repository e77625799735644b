// SPDX-License-Identifier: MIT
#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/layer.hpp"
#include "shallow/loss.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using shallow::BinaryCrossEntropy;
using shallow::CategoricalCrossEntropy;
using shallow::Dynamic;
using shallow::Identity;
using shallow::Index;
using shallow::Layer;
using shallow::Matrix;
using shallow::MeanSquaredError;
using shallow::OutputLoss;
using shallow::ShapeError;
using shallow::Sigmoid;
using shallow::Softmax;
using shallow::Tanh;
using shallow::ValueError;
using user::LogCosh;

namespace {

/// A user's loss built on one of the library's: it is this class whose functions count.
struct HalfSquaredError : MeanSquaredError {
  template <class A, class Y>
  auto value(const A& a, const Y& y) const {
    return typename A::Scalar(0.5) * MeanSquaredError::value(a, y);
  }
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dA) const {
    dA = a - y;
  }
};

/// A user's loss from the logits of an output activation: focal terms with gamma = 0 are the cross-entropy, twice.
struct TwiceBinaryCrossEntropy {
  using Output = Sigmoid;
  template <class Z, class Y>
  auto value(const Z& z, const Y& y) const {
    using T = typename Z::Scalar;
    return T(T(2) * BinaryCrossEntropy{}.value(z, y));
  }
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& dZ) const {
    dZ = typename A::Scalar(2) * (a - y);
  }
};

struct NoGradient {
  template <class A, class Y>
  auto value(const A& a, const Y&) const {
    return a.sum();
  }
};
struct NoLossValue {
  template <class A, class Y, class D>
  void gradient(const A& a, const Y&, D& d) const {
    d = a;
  }
};
struct NothingReturned : NoLossValue {
  template <class A, class Y>
  void value(const A&, const Y&) const {}
};
struct GivesText : NoLossValue {
  template <class A, class Y>
  std::string value(const A&, const Y&) const {
    return {};
  }
};
struct NotConst : NoLossValue {
  template <class A, class Y>
  auto value(const A& a, const Y&) {
    return a.sum();
  }
};
struct NotCopyable : LogCosh {
  NotCopyable(const NotCopyable&) = delete;
};

// ---- Who models what ------------------------------------------------------------------------------------------------

template <class L>
constexpr bool is_loss = shallow::Loss<L, float>&& shallow::Loss<L, double>;
template <class L>
constexpr bool no_loss = !shallow::Loss<L, float> && !shallow::Loss<L, double>;

static_assert(is_loss<BinaryCrossEntropy> && is_loss<CategoricalCrossEntropy> && is_loss<MeanSquaredError> &&
              is_loss<OutputLoss> && is_loss<LogCosh> && is_loss<TwiceBinaryCrossEntropy>);
static_assert(no_loss<int> && no_loss<Sigmoid> && no_loss<NoGradient> && no_loss<NoLossValue> &&
              no_loss<NothingReturned> && no_loss<GivesText> && no_loss<NotConst> && no_loss<NotCopyable>);
static_assert(shallow::LogitLoss<BinaryCrossEntropy> && shallow::LogitLoss<CategoricalCrossEntropy> &&
              shallow::LogitLoss<TwiceBinaryCrossEntropy>);
static_assert(!shallow::LogitLoss<MeanSquaredError> && !shallow::LogitLoss<LogCosh>);

template <class G, class L>
constexpr bool leads_to = std::is_same_v<shallow::default_loss<G>, L>;
static_assert(leads_to<Sigmoid, BinaryCrossEntropy> && leads_to<Softmax, CategoricalCrossEntropy>);
static_assert(leads_to<Identity, MeanSquaredError> && leads_to<Tanh, MeanSquaredError> &&
              leads_to<shallow::ReLU, MeanSquaredError> && leads_to<shallow::LeakyReLU, MeanSquaredError>);
static_assert(leads_to<LogCosh, MeanSquaredError>, "anything else, a user's own activation included");

// ---- Samples --------------------------------------------------------------------------------------------------------

template <class T>
using Array = Eigen::Array<T, Dynamic, Dynamic>;
template <class T>
using RowMajorArray = Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor>;

template <class T>
constexpr T epsilon = std::numeric_limits<T>::epsilon();

/// Normal numbers.
Array<double> normals(Index rows, Index cols, std::uint32_t seed) {
  return shallow::RandomState(seed).randn(rows, cols).array();
}

Array<double> softmax(const Array<double>& z) { return Softmax{}(z); }

/// A loss as functions of v, what its value is taken of (the logits, or the outputs themselves), so that the laws below
/// are compiled once a number type.
template <class T>
struct Functions {
  using A = Array<T>;
  std::function<T(const A& v, const A& y)> value;
  std::function<A(const A& v, const A& y)> gradient;         ///< by v
  std::function<T(const A& v, const A& y)> row_major_value;  ///< the same of arrays that lie row after row
  std::function<A(const A& v, const A& y)> row_major_gradient;

  template <class L>
  explicit Functions(const L& loss)
      : value([loss](const A& v, const A& y) { return T(loss.value(v, y)); }),
        gradient([loss](const A& v, const A& y) { return gradient_of<A>(loss, v, y); }),
        row_major_value([loss](const A& v, const A& y) {
          const RowMajorArray<T> v_rows = v, y_rows = y;
          return T(loss.value(v_rows, y_rows));
        }),
        row_major_gradient([loss](const A& v, const A& y) {
          const RowMajorArray<T> v_rows = v, y_rows = y;
          return A(gradient_of<RowMajorArray<T>>(loss, v_rows, y_rows));
        }) {}

 private:
  template <class Plain, class L>
  static Plain gradient_of(const L& loss, const Plain& v, const Plain& y) {
    Plain d(v.rows(), v.cols());
    if constexpr (shallow::LogitLoss<L>) {
      Plain a = v;
      if constexpr (shallow::ColumnActivation<typename L::Output, T>) {
        typename L::Output{}.forward(v, a);
      } else {
        a = typename L::Output{}(v);
      }
      loss.gradient(a, y, d);
    } else {
      loss.gradient(v, y, d);
    }
    return d;
  }
};

struct Character {
  std::function<Array<double>(const Array<double>& y)> best;  ///< the v at which the loss for y is least
  std::function<double(double v, double y)> textbook;         ///< of one entry, where that is a formula of one entry
  bool columns = false;                                       ///< a function of a whole column
};

template <class T>
void laws(const std::string& name, const Functions<T>& loss, const Functions<double>& in_double, const Character& is) {
  CAPTURE(name);
  for (const Index n : {1, 2, 5}) {
    for (const Index m : {1, 3, 70}) {
      CAPTURE(n);
      CAPTURE(m);
      const Array<double> v = 2 * normals(n, m, 1);
      const Array<double> y = softmax(normals(n + 1, m, 2)).topRows(n);  // inside of (0, 1)
      const Array<double> targets = is.columns ? Array<double>(softmax(normals(n, m, 2))) : y;
      const Array<T> v_T = v.cast<T>();
      const Array<T> y_T = targets.cast<T>();
      const double J = in_double.value(v, targets);
      const Array<double> g = in_double.gradient(v, targets);
      const double tolerance = 32 * double(epsilon<T>) * double(n * m);

      // In T as in double, and row after row as column after column.
      CHECK(std::abs(double(loss.value(v_T, y_T)) - J) <= tolerance * std::max(1.0, v.abs().maxCoeff()));
      CHECK((loss.gradient(v_T, y_T).template cast<double>() - g).abs().maxCoeff() <= 64 * double(epsilon<T>));
      CHECK(std::abs(double(loss.row_major_value(v_T, y_T)) - J) <= tolerance * std::max(1.0, v.abs().maxCoeff()));
      CHECK((loss.row_major_gradient(v_T, y_T).template cast<double>() - g).abs().maxCoeff() <=
            64 * double(epsilon<T>));

      // The value is least at the target, and the gradient zero.
      const Array<double> best = is.best(targets);
      const double least = in_double.value(best, targets);
      CHECK(in_double.gradient(best, targets).abs().maxCoeff() <= 1e-14);
      for (const double step : {1e-3, 0.1, 1.0, 10.0}) {
        Array<double> away = normals(n, m, 3);
        if (is.columns) away.row(0) += 3;  // the loss ignores a shift of a whole column
        if (is.columns && n == 1) break;
        CHECK(in_double.value(best + step * away, targets) > least);
      }

      // A sum over samples; over outputs too, where each output stands alone.
      double over_samples = 0;
      for (Index j = 0; j < m; ++j) over_samples += in_double.value(v.col(j), targets.col(j));
      CHECK(std::abs(over_samples - J) <= 1e-14 * double(n * m) * std::max(1.0, std::abs(J)));
      double over_outputs = 0;
      for (Index i = 0; i < n; ++i) over_outputs += in_double.value(v.row(i), targets.row(i));
      if (!is.columns) CHECK(std::abs(over_outputs - J) <= 1e-14 * double(n * m) * std::max(1.0, std::abs(J)));

      // The textbook's formula, where it is finite.
      if (is.textbook) {
        double sum = 0;
        for (Index k = 0; k < v.size(); ++k) sum += is.textbook(v(k), targets(k));
        CHECK(std::abs(sum - J) <= 1e-13 * std::max(1.0, J));
      }

      // (value(v + h) - value(v - h)) / 2h, entry by entry.
      const double h = std::cbrt(epsilon<double>);
      double worst = 0;
      for (Index k = 0; k < std::min<Index>(v.size(), 40); ++k) {
        Array<double> above = v;
        Array<double> below = v;
        above(k) += h;
        below(k) -= h;
        const double difference =
            (in_double.value(above, targets) - in_double.value(below, targets)) / (above(k) - below(k));
        worst = std::max(worst, std::abs(difference - g(k)));
      }
      CHECK(worst <= 1e-10 * std::max({1.0, std::abs(J), v.abs().sum()}));
      if (!(is.columns && n == 1)) CHECK(g.abs().maxCoeff() > 0.01);  // or nothing was compared
    }
  }
}

double logit(double p) { return std::log(p / (1 - p)); }

Eigen::RowVectorXi row(std::initializer_list<int> labels) {
  Eigen::RowVectorXi result(Index(labels.size()));
  std::copy(labels.begin(), labels.end(), result.data());
  return result;
}

template <class T>
Array<T> one_hot(const Eigen::RowVectorXi& labels, Index n) {
  Array<T> Y = Array<T>::Zero(n, labels.size());
  for (Index j = 0; j < labels.size(); ++j) Y(labels(j), j) = T(1);
  return Y;
}

/// A layer that hands its input to its activation: Z = X.
template <class T, class G>
Layer<T, G> unit_layer(Index n) {
  Layer<T, G> layer(n, n);
  layer.weights().setIdentity();
  layer.bias().setZero();
  return layer;
}

}  // namespace

// ---- The laws -------------------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("laws of BinaryCrossEntropy, by the logits", T, float, double) {
  const Character is{.best = [](const Array<double>& y) -> Array<double> { return y.unaryExpr(&logit); },
                     .textbook =
                         [](double z, double y) {
                           const double a = 1 / (1 + std::exp(-z));
                           return -(y * std::log(a) + (1 - y) * std::log(1 - a));
                         },
                     .columns = false};
  laws<T>("BinaryCrossEntropy", Functions<T>(BinaryCrossEntropy{}), Functions<double>(BinaryCrossEntropy{}), is);
}

TEST_CASE_TEMPLATE("laws of CategoricalCrossEntropy, by the logits, with soft labels", T, float, double) {
  const Character is{
      .best = [](const Array<double>& y) -> Array<double> { return y.log() + 7; }, .textbook = {}, .columns = true};
  laws<T>("CategoricalCrossEntropy", Functions<T>(CategoricalCrossEntropy{}),
          Functions<double>(CategoricalCrossEntropy{}), is);
}

TEST_CASE_TEMPLATE("laws of MeanSquaredError: a sum over outputs, no factor 1/2", T, float, double) {
  const Character is{.best = [](const Array<double>& y) { return y; },
                     .textbook = [](double a, double y) { return (a - y) * (a - y); },
                     .columns = false};
  laws<T>("MeanSquaredError", Functions<T>(MeanSquaredError{}), Functions<double>(MeanSquaredError{}), is);
  const Array<T> a = Array<T>::Constant(3, 2, T(5));
  const Array<T> y = Array<T>::Constant(3, 2, T(3));
  Array<T> d(3, 2);
  MeanSquaredError{}.gradient(a, y, d);
  CHECK(MeanSquaredError{}.value(a, y) == T(6 * 4));
  CHECK((d == T(4)).all());
}

TEST_CASE_TEMPLATE("laws of a user's own loss, by outputs or by logits", T, float, double) {
  const Character log_cosh{.best = [](const Array<double>& y) { return y; },
                           .textbook = [](double a, double y) { return std::log(std::cosh(a - y)); },
                           .columns = false};
  laws<T>("LogCosh", Functions<T>(LogCosh{}), Functions<double>(LogCosh{}), log_cosh);
  const Character twice{.best = [](const Array<double>& y) -> Array<double> { return y.unaryExpr(&logit); },
                        .textbook = {},
                        .columns = false};
  laws<T>("TwiceBinaryCrossEntropy", Functions<T>(TwiceBinaryCrossEntropy{}),
          Functions<double>(TwiceBinaryCrossEntropy{}), twice);
}

TEST_CASE_TEMPLATE("CategoricalCrossEntropy from logits is - sum of y log softmax(z)", T, float, double) {
  const Array<double> z = 2 * normals(4, 9, 1);
  const Array<double> y = softmax(normals(4, 9, 2));
  const double expected = -(y * softmax(z).log()).sum();
  CHECK(std::abs(double(CategoricalCrossEntropy{}.value(Array<T>(z.cast<T>()), Array<T>(y.cast<T>()))) - expected) <=
        64 * double(epsilon<T>) * expected);
}

// ---- Huge logits ----------------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("BinaryCrossEntropy is finite up to |z| = 1e4, with the right asymptote", T, float, double) {
  for (const double size : {40.0, 89.0, 104.0, 710.0, 750.0, 1e4}) {
    for (const double sign : {-1.0, 1.0}) {
      for (const double label : {0.0, 0.25, 1.0}) {
        CAPTURE(size * sign);
        CAPTURE(label);
        const Array<T> z = Array<T>::Constant(1, 1, T(size * sign));
        const Array<T> y = Array<T>::Constant(1, 1, T(label));
        const double wrong = sign > 0 ? 1 - label : label;  // the share of the label on the other side
        const auto value = double(BinaryCrossEntropy{}.value(z, y));
        CHECK(std::abs(value - wrong * size) <= 2 * double(epsilon<T>) * std::max(size, 1.0));
        CHECK(value >= 0);
        Array<T> d(1, 1);
        BinaryCrossEntropy{}.gradient(Array<T>(Sigmoid{}(z)), y, d);
        CHECK(double(d(0, 0)) == doctest::Approx((sign > 0 ? 1 : 0) - label).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE_TEMPLATE("BinaryCrossEntropy of a right and certain sample is e^-|z|, not 0", T, float, double) {
  for (const double size : {10.0, 20.0, 40.0, 80.0}) {
    const Array<T> z = Array<T>::Constant(1, 1, T(size));
    const Array<T> y = Array<T>::Ones(1, 1);
    const double expected = std::log1p(std::exp(-size));
    CHECK(std::abs(double(BinaryCrossEntropy{}.value(z, y)) - expected) <= 16 * double(epsilon<T>) * expected);
    CHECK(std::abs(double(BinaryCrossEntropy{}.value(-z, T(1) - y)) - expected) <= 16 * double(epsilon<T>) * expected);
  }
}

TEST_CASE_TEMPLATE("CategoricalCrossEntropy is finite up to |z| = 1e4, with the right asymptote", T, float, double) {
  for (const double size : {40.0, 104.0, 750.0, 1e4}) {
    CAPTURE(size);
    Array<T> z(3, 3);
    z << T(size), T(-size), T(size),  //
        T(-size), T(-size), T(size),  //
        T(0), T(-size), T(-size);
    const Eigen::RowVectorXi wrong = row({1, 2, 2});
    const Array<T> y = one_hot<T>(wrong, 3);
    const double expected = 2 * size + std::log(3.0) + 2 * size + std::log(2.0);
    const RowMajorArray<T> z_rows = z, y_rows = y;
    const double tolerance = 8 * double(epsilon<T>) * expected;
    CHECK(std::abs(double(CategoricalCrossEntropy{}.value(z, y)) - expected) <= tolerance);
    CHECK(std::abs(double(CategoricalCrossEntropy{}.value(z_rows, y_rows)) - expected) <= tolerance);
    CHECK(std::abs(double(CategoricalCrossEntropy{}.value(z, wrong)) - expected) <= tolerance);
    Array<T> d(3, 3);
    CategoricalCrossEntropy{}.gradient(Softmax{}(z), y, d);
    CHECK(d.isFinite().all());
    CHECK(d(0, 0) == T(1));
    CHECK(d(1, 0) == T(-1));
  }
}

TEST_CASE("CategoricalCrossEntropy of right and certain samples: in float what it is in double, to the rounding of z") {
  Array<double> z = normals(10, 64, 12);
  Eigen::RowVectorXi labels(64);
  for (Index j = 0; j < 64; ++j) {
    labels(j) = int(j % 10);
    z(labels(j), j) = 20 + 0.37 * double(j % 7);
  }
  const Array<float> z_float = z.cast<float>();
  const double J = CategoricalCrossEntropy{}.value(Array<double>(z_float.cast<double>()), labels) / 64;
  CHECK(J > 0);
  CHECK(std::abs(double(CategoricalCrossEntropy{}.value(z_float, labels)) / 64 - J) <=
        2 * double(epsilon<float>) * z.maxCoeff());
}

TEST_CASE_TEMPLATE("A confidently wrong sample has gradient 1 or -1, not 0 (clamped in kann, mlpack, OpenNN)", T, float,
                   double) {
  for (const double size : {20.0, 40.0, 100.0, 800.0, 1e4}) {
    CAPTURE(size);
    const auto net = unit_layer<T, Sigmoid>(1);
    Matrix<T> X(1, 2), Y(1, 2);
    X << T(size), T(-size);
    Y << T(0), T(1);
    const auto g = shallow::gradients(net, X, Y);
    CHECK(double(g.X(0, 0)) * 2 == doctest::Approx(1).epsilon(1e-8));
    CHECK(double(g.X(0, 1)) * 2 == doctest::Approx(-1).epsilon(1e-8));

    const auto several = unit_layer<T, Softmax>(2);
    Matrix<T> Z(2, 1), target(2, 1);
    Z << T(size), T(-size);
    target << T(0), T(1);
    const auto s = shallow::gradients(several, Z, target);
    CHECK(double(s.X(0, 0)) == doctest::Approx(1).epsilon(1e-8));
    CHECK(double(s.X(1, 0)) == doctest::Approx(-1).epsilon(1e-8));
  }
}

TEST_CASE_TEMPLATE("z = 40, y = 0: a loss of 40 and finite parameters (inf and NaN in MiniDNN, tiny-dnn)", T, float,
                   double) {
  auto net = unit_layer<T, Sigmoid>(1);
  net.weights()(0, 0) = T(40);
  const Matrix<T> X = Matrix<T>::Ones(1, 1);
  const Matrix<T> Y = Matrix<T>::Zero(1, 1);
  typename shallow::GradientDescent::State<T> state;
  const T J = shallow::step(net, X, Y, shallow::GradientDescent{.learning_rate = 0.5}, state);
  CHECK(double(J) == doctest::Approx(40).epsilon(1e-7));
  CHECK(double(net.weights()(0, 0)) == doctest::Approx(39.5).epsilon(1e-7));
  CHECK(double(net.bias()(0)) == doctest::Approx(-0.5).epsilon(1e-7));
}

TEST_CASE("The course's cost of A2 = [0.5002307, 0.49985831, 0.50023963] for Y = [1, 0, 0]") {
  Array<double> A(1, 3), Y(1, 3);
  A << 0.5002307, 0.49985831, 0.50023963;
  Y << 1, 0, 0;
  const Array<double> Z = (A / (1 - A)).log();
  CHECK(std::abs(BinaryCrossEntropy{}.value(Z, Y) / 3 - 0.6930587610394646) <= 1e-15);
}

// ---- Class labels ---------------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("Class labels and one-hot columns are the same targets", T, float, double) {
  Eigen::RowVectorXi labels(70);
  for (Index j = 0; j < 70; ++j) labels(j) = int(j * 7 + j / 9) % 4;
  const Array<T> Y = one_hot<T>(labels, 4);
  const Array<T> Z = (2 * normals(4, 70, 5)).cast<T>();
  const Array<T> A = Softmax{}(Z);
  const RowMajorArray<T> Z_rows = Z, Y_rows = Y, A_rows = A;
  const CategoricalCrossEntropy loss;

  const auto J = double(loss.value(Z, Y));
  const double tolerance = 64 * double(epsilon<T>) * J;
  CHECK(std::abs(double(loss.value(Z, labels)) - J) <= tolerance);
  CHECK(std::abs(double(loss.value(Z_rows, labels)) - J) <= tolerance);
  CHECK(std::abs(double(loss.value(Z_rows, Y_rows)) - J) <= tolerance);

  Array<T> from_columns(4, 70), from_labels(4, 70);
  RowMajorArray<T> rows_from_columns(4, 70), rows_from_labels(4, 70);
  loss.gradient(A, Y, from_columns);
  loss.gradient(A, labels, from_labels);
  loss.gradient(A_rows, Y_rows, rows_from_columns);
  loss.gradient(A_rows, labels, rows_from_labels);
  CHECK((from_labels == from_columns).all());
  CHECK((rows_from_columns == from_columns).all());
  CHECK((rows_from_labels == from_columns).all());
}

TEST_CASE("Class labels may be any integers, in a row or a column, and Y of whole numbers is a matrix") {
  const auto net = unit_layer<double, Softmax>(3);
  const Matrix<double> X = normals(3, 4, 6).matrix();
  const Eigen::RowVectorXi labels = row({2, 0, 1, 2});
  const Matrix<double> columns = one_hot<double>(labels, 3).matrix();
  const double J = shallow::loss(net, X, columns);
  CHECK(shallow::loss(net, X, labels) == doctest::Approx(J).epsilon(1e-14));
  CHECK(shallow::loss(net, X, labels.transpose()) == doctest::Approx(J).epsilon(1e-14));
  CHECK(shallow::loss(net, X, labels.cast<std::uint8_t>()) == doctest::Approx(J).epsilon(1e-14));
  CHECK(shallow::loss(net, X, labels.cast<long>()) == doctest::Approx(J).epsilon(1e-14));
  CHECK(shallow::loss(net, X, columns.cast<int>()) == doctest::Approx(J).epsilon(1e-14));
  const auto binary = unit_layer<double, Sigmoid>(1);
  const Eigen::RowVectorXi zeros_and_ones = row({1, 0, 1, 1});
  CHECK(shallow::loss(binary, X.topRows(1), zeros_and_ones) ==
        shallow::loss(binary, X.topRows(1), zeros_and_ones.cast<double>()));
}

// ---- One convention -------------------------------------------------------------------------------------------------

namespace {

/// J of a network that puts out its input: sum over outputs, mean over samples, and its gradient is that of the same J.
template <class G, class L>
void keeps_the_convention(const L& loss, const Matrix<double>& X, const Matrix<double>& Y, bool columns) {
  const Index n = X.rows();
  const Index m = X.cols();
  const auto net = unit_layer<double, G>(n);
  const double J = shallow::loss(net, X, Y, loss);
  const auto g = shallow::gradients(net, X, Y, loss);
  CHECK(g.loss == J);

  // J is the mean over the samples: the same ones twice change nothing.
  CHECK(shallow::loss(net, X.replicate(1, 2), Y.replicate(1, 2), loss) == doctest::Approx(J).epsilon(1e-14));
  double mean = 0;
  for (Index j = 0; j < m; ++j) mean += shallow::loss(net, X.col(j), Y.col(j), loss) / double(m);
  CHECK(mean == doctest::Approx(J).epsilon(1e-14));
  // and the sum over the outputs: the same ones twice double it.
  if (!columns) {
    CHECK(shallow::loss(unit_layer<double, G>(2 * n), X.replicate(2, 1), Y.replicate(2, 1), loss) ==
          doctest::Approx(2 * J).epsilon(1e-14));
  }

  const double h = 1e-5;
  for (Index k = 0; k < X.size(); ++k) {
    Matrix<double> above = X;
    Matrix<double> below = X;
    above.data()[k] += h;
    below.data()[k] -= h;
    const double difference =
        (shallow::loss(net, above, Y, loss) - shallow::loss(net, below, Y, loss)) / (above.data()[k] - below.data()[k]);
    CHECK(std::abs(difference - g.X.data()[k]) <= 1e-9);
  }
  CHECK(g.X.cwiseAbs().maxCoeff() > 1e-2);
}

}  // namespace

TEST_CASE("Value and gradient are of one function: sum over outputs, mean over samples (mlpack 2444)") {
  const Matrix<double> X = normals(3, 5, 7).matrix();
  const Matrix<double> Y = softmax(normals(3, 5, 8)).matrix();
  keeps_the_convention<Sigmoid>(BinaryCrossEntropy{}, X, Y, false);
  keeps_the_convention<Softmax>(CategoricalCrossEntropy{}, X, Y, true);
  keeps_the_convention<Identity>(MeanSquaredError{}, X, Y, false);
  keeps_the_convention<Sigmoid>(MeanSquaredError{}, X, Y, false);
  keeps_the_convention<Softmax>(MeanSquaredError{}, X, Y, true);
  keeps_the_convention<Identity>(LogCosh{}, X, Y, false);
}

TEST_CASE("Soft labels that sum to one only nearly: the gradient is still that of the value") {
  const Matrix<double> X = normals(3, 5, 7).matrix();
  Matrix<double> Y = softmax(normals(3, 5, 8)).matrix();
  Y *= 1 - 5e-5;
  keeps_the_convention<Softmax>(CategoricalCrossEntropy{}, X, Y, true);
}

// ---- Of a run-time network ------------------------------------------------------------------------------------------

TEST_CASE("The loss of a run-time network follows from its output layer") {
  using Kind = OutputLoss::Kind;
  const auto kind = [](const shallow::AnyActivation<double>& output) {
    return shallow::DynamicNetwork<double>(2, {{3, output}}).default_loss().kind();
  };
  CHECK(kind(Sigmoid{}) == Kind::binary_cross_entropy);
  CHECK(kind(Softmax{}) == Kind::categorical_cross_entropy);
  CHECK(kind(Identity{}) == Kind::mean_squared_error);
  CHECK(kind(Tanh{}) == Kind::mean_squared_error);
  CHECK(kind(shallow::ReLU{}) == Kind::mean_squared_error);
  CHECK(OutputLoss(Kind::mean_squared_error) == OutputLoss(Kind::mean_squared_error));
  CHECK(OutputLoss(Kind::mean_squared_error) != OutputLoss(Kind::binary_cross_entropy));
}

namespace {

template <class T, class L>
void stands_for(OutputLoss::Kind kind, const L& loss) {
  const OutputLoss output(kind);
  const Array<T> v = normals(3, 6, 9).cast<T>();
  const Array<T> a = softmax(normals(3, 6, 11)).cast<T>();
  const Array<T> y = softmax(normals(3, 6, 10)).cast<T>();
  CHECK(double(output.value(v, y)) == doctest::Approx(double(loss.value(v, y))).epsilon(16 * double(epsilon<T>)));
  Array<T> d(3, 6), expected(3, 6);
  output.gradient(a, y, d);
  loss.gradient(a, y, expected);
  CHECK((d == expected).all());
}

}  // namespace

TEST_CASE_TEMPLATE("OutputLoss is the loss that it stands for", T, float, double) {
  using Kind = OutputLoss::Kind;
  stands_for<T>(Kind::binary_cross_entropy, BinaryCrossEntropy{});
  stands_for<T>(Kind::categorical_cross_entropy, CategoricalCrossEntropy{});
  stands_for<T>(Kind::mean_squared_error, MeanSquaredError{});

  Eigen::Array<int, 1, Dynamic> labels(6);
  labels << 0, 1, 2, 2, 1, 0;
  const Array<T> z = normals(3, 6, 9).cast<T>();
  const Array<T> a = Softmax{}(z);
  const OutputLoss output(Kind::categorical_cross_entropy);
  CHECK(output.value(z, labels) == CategoricalCrossEntropy{}.value(z, labels));
  Array<T> d(3, 6), expected(3, 6);
  output.gradient(a, labels, d);
  CategoricalCrossEntropy{}.gradient(a, labels, expected);
  CHECK((d == expected).all());
  // One output and whole numbers: labels 0 and 1 are targets like any other.
  const Eigen::Array<int, 1, Dynamic> bits = labels.min(1);
  const Array<T> targets = bits.cast<T>();
  const Array<T> first = z.topRows(1);
  const auto about = [](T value) { return doctest::Approx(double(value)).epsilon(16 * double(epsilon<T>)); };
  CHECK(double(OutputLoss(Kind::binary_cross_entropy).value(first, bits)) ==
        about(BinaryCrossEntropy{}.value(first, targets)));
  CHECK(double(OutputLoss(Kind::mean_squared_error).value(first, bits)) ==
        about(MeanSquaredError{}.value(first, targets)));
}

// ---- Targets that a loss does not take ------------------------------------------------------------------------------

namespace {

template <class T, class L>
void refuses(const L& loss, const Matrix<T>& Y, const char* text) {
  CHECK_THROWS_WITH_AS(loss.check_targets("fit", Y, Y.rows()), text, ValueError);
}

template <class T>
Matrix<T> with(Matrix<T> Y, Index row, Index col, double bad) {
  Y(row, col) = T(bad);
  return Y;
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// What both cross-entropies refuse.
template <class T, class L>
void refuses_labels_outside_of_the_unit_interval(const L& loss, const Matrix<T>& good) {
  CHECK_NOTHROW(loss.check_targets("fit", good, good.rows()));
  refuses<T>(loss, with<T>(good, 1, 2, -0.5), "fit: Y: expected labels in [0, 1], given -0.5 in row 1, column 2");
  refuses<T>(loss, with<T>(good, 0, 1, 1.5), "fit: Y: expected labels in [0, 1], given 1.5 in row 0, column 1");
  refuses<T>(loss, with<T>(good, 1, 0, 2), "fit: Y: expected labels in [0, 1], given 2 in row 1, column 0");
  refuses<T>(loss, with<T>(good, 0, 0, not_a_number),
             "fit: Y: expected labels in [0, 1], given nan in row 0, column 0");
  refuses<T>(loss, with<T>(good, 1, 2, infinity), "fit: Y: expected labels in [0, 1], given inf in row 1, column 2");
  refuses<T>(loss, with<T>(good, 1, 2, -infinity), "fit: Y: expected labels in [0, 1], given -inf in row 1, column 2");
}

}  // namespace

TEST_CASE_TEMPLATE("Cross-entropies refuse labels outside of [0, 1]", T, float, double) {
  Matrix<T> Y(2, 3);
  Y << T(0), T(1), T(0.25),  //
      T(1), T(0), T(0.75);
  refuses_labels_outside_of_the_unit_interval<T>(BinaryCrossEntropy{}, Y);
  refuses_labels_outside_of_the_unit_interval<T>(CategoricalCrossEntropy{}, Y);
  refuses_labels_outside_of_the_unit_interval<T>(OutputLoss(OutputLoss::Kind::binary_cross_entropy), Y);
  refuses_labels_outside_of_the_unit_interval<T>(OutputLoss(OutputLoss::Kind::categorical_cross_entropy), Y);
}

TEST_CASE_TEMPLATE("Labels just outside of [0, 1] are outside", T, float, double) {
  const Matrix<T> Y = Matrix<T>::Constant(1, 2, T(0.5));
  const BinaryCrossEntropy loss;
  for (const T bad : {T(1.001), std::nextafter(T(1), T(2)), T(-0.001), -std::numeric_limits<T>::min()}) {
    Matrix<T> spoilt = Y;
    spoilt(0, 1) = bad;
    CHECK_THROWS_AS(loss.check_targets("fit", spoilt, 1), ValueError);
  }
  for (const T good : {T(0), T(-0.0), T(1), std::nextafter(T(1), T(0)), std::numeric_limits<T>::min()}) {
    Matrix<T> kept = Y;
    kept(0, 1) = good;
    CHECK_NOTHROW(loss.check_targets("fit", kept, 1));
  }
}

TEST_CASE_TEMPLATE("CategoricalCrossEntropy refuses sums of labels from 1 +- 2e-4 on", T, float, double) {
  const CategoricalCrossEntropy loss;
  for (const double sign : {-1.0, 1.0}) {
    Matrix<T> Y(2, 1);
    Y << T(0.25), T(0.75 + sign * 2e-4);
    CHECK_THROWS_AS(loss.check_targets("fit", Y, 2), ValueError);
    Y(1) = T(0.75 + sign * 0.5e-4);
    CHECK_NOTHROW(loss.check_targets("fit", Y, 2));
  }
}

TEST_CASE_TEMPLATE("Of many numbers that are not finite the first is named, sample after sample", T, float, double,
                   long double) {
  using shallow::detail::check_finite;
  Matrix<T> X = Matrix<T>::Ones(4, 6);
  X(3, 1) = T(-infinity);
  X(1, 2) = T(not_a_number);
  X(0, 5) = T(infinity);
  CHECK_THROWS_WITH_AS(check_finite("fit", "X", X), "fit: X: expected finite numbers, given -inf in row 3, column 1",
                       ValueError);
  CHECK_THROWS_WITH_AS(check_finite("fit", "X", X.rightCols(4)),
                       "fit: X: expected finite numbers, given nan in row 1, column 0", ValueError);
  X(1, 2) = -T(not_a_number);  // printf says "-nan" of it
  CHECK_THROWS_WITH_AS(check_finite("fit", "X", X.block(1, 2, 3, 4)),
                       "fit: X: expected finite numbers, given nan in row 0, column 0", ValueError);
  CHECK_THROWS_WITH_AS(check_finite("fit", "X", X.rightCols(3)),
                       "fit: X: expected finite numbers, given inf in row 0, column 2", ValueError);
  X(2, 5) = T(not_a_number);  // of two in a column it is the first that is named
  CHECK_THROWS_WITH_AS(check_finite("fit", "X", X.rightCols(1)),
                       "fit: X: expected finite numbers, given inf in row 0, column 0", ValueError);
  CHECK_NOTHROW(check_finite("fit", "X", X.leftCols(1)));
  // Mantissas of all kinds beside the exponent of what is not finite.
  if constexpr (std::is_same_v<T, float>) {
    for (const std::uint32_t bits : {0x7f800001U, 0x7fbfffffU, 0xff800100U}) {
      CHECK_FALSE(shallow::detail::is_finite(shallow::detail::bit_cast<float>(bits)));
    }
  }
}

TEST_CASE_TEMPLATE("CategoricalCrossEntropy refuses columns that do not sum to one", T, float, double) {
  Matrix<T> Y(2, 3);
  Y << T(0), T(1), T(0.25),  //
      T(1), T(0), T(0.75);
  const CategoricalCrossEntropy loss;
  refuses<T>(loss, with<T>(Y, 1, 2, 0.25), "fit: Y: expected columns that sum to 1, given the sum 0.5 in column 2");
  refuses<T>(loss, with<T>(Y, 0, 0, 1), "fit: Y: expected columns that sum to 1, given the sum 2 in column 0");
  refuses<T>(loss, with<T>(Y, 0, 1, 0), "fit: Y: expected columns that sum to 1, given the sum 0 in column 1");
  CHECK_THROWS_AS(loss.check_targets("fit", with<T>(Y, 1, 2, 0.7505), 2), ValueError);
  CHECK_NOTHROW(loss.check_targets("fit", with<T>(Y, 1, 2, 0.75005), 2));  // the rounding of soft labels
  CHECK_NOTHROW(BinaryCrossEntropy{}.check_targets("fit", with<T>(Y, 1, 2, 0.25), 2));
}

TEST_CASE("CategoricalCrossEntropy refuses class labels outside of 0 .. n_y - 1") {
  const CategoricalCrossEntropy loss;
  const OutputLoss output(OutputLoss::Kind::categorical_cross_entropy);
  const auto refuses_label = [&](int label, const char* text) {
    Eigen::RowVectorXi labels = row({0, 1, 2, 0});
    CHECK_NOTHROW(loss.check_targets("fit", labels, 3));
    labels(1) = label;
    CHECK_THROWS_WITH_AS(loss.check_targets("fit", labels, 3), text, ValueError);
    CHECK_THROWS_WITH_AS(output.check_targets("fit", labels, 3), text, ValueError);
  };
  refuses_label(-1, "fit: Y: expected class labels in 0 .. 2, given -1 in column 1");
  refuses_label(3, "fit: Y: expected class labels in 0 .. 2, given 3 in column 1");
}

TEST_CASE("A class label beyond the range of int is refused, not taken for another class") {
  const auto net = unit_layer<double, Softmax>(3);
  const Matrix<double> X = Matrix<double>::Zero(3, 2);
  for (const long long label : {1LL << 32, (1LL << 32) + 2, -(1LL << 32)}) {
    Eigen::Matrix<long long, 1, Dynamic> labels(2);
    labels << 0, label;
    CAPTURE(label);
    CHECK_THROWS_AS(shallow::loss(net, X, labels), ValueError);
  }
}

TEST_CASE("Losses of a run-time network without classes refuse class labels") {
  const Eigen::RowVectorXi labels = row({0, 1, 1, 0});
  for (const auto kind : {OutputLoss::Kind::binary_cross_entropy, OutputLoss::Kind::mean_squared_error}) {
    CHECK_THROWS_WITH_AS(OutputLoss(kind).check_targets("fit", labels, 3),
                         "fit: Y: expected 3 x 4 (n_y x m), given 1 x 4 class labels", ShapeError);
    CHECK_NOTHROW(OutputLoss(kind).check_targets("fit", labels, 1));
  }
}

TEST_CASE_TEMPLATE("MeanSquaredError and losses without a word of their own refuse what is not finite", T, float,
                   double) {
  const Matrix<T> Y = Matrix<T>::Constant(2, 3, T(-70));
  const auto check = [](const auto& loss, const Matrix<T>& y) { shallow::detail::check_targets(loss, "fit", y, 2); };
  const auto refuses_all = [&](const auto& loss) {
    CHECK_NOTHROW(check(loss, Y));
    CHECK_NOTHROW(check(loss, with<T>(Y, 0, 1, double(std::numeric_limits<T>::max()))));
    for (const double bad : {not_a_number, infinity, -infinity}) {
      const std::string given = std::isnan(bad) ? "nan" : bad > 0 ? "inf" : "-inf";
      CHECK_THROWS_WITH_AS(check(loss, with<T>(Y, 1, 2, bad)),
                           ("fit: Y: expected finite numbers, given " + given + " in row 1, column 2").c_str(),
                           ValueError);
    }
  };
  refuses_all(MeanSquaredError{});
  refuses_all(OutputLoss(OutputLoss::Kind::mean_squared_error));
  refuses_all(LogCosh{});
}

TEST_CASE_TEMPLATE("A number that is not finite is found wherever it stands", T, float, double, long double) {
  for (const Index rows : {1, 2, 7, 16, 67}) {
    CAPTURE(rows);
    Matrix<T> big = Matrix<T>::Constant(rows + 2, 5, std::numeric_limits<T>::max());
    CHECK(shallow::detail::all_finite(big));
    CHECK(shallow::detail::all_finite(Matrix<T>(0, 3)));
    for (Index i = 0; i < rows + 2; ++i) {
      for (Index j = 0; j < 5; ++j) {
        for (const double bad : {not_a_number, infinity, -infinity}) {
          big(i, j) = T(bad);
          CHECK_FALSE(shallow::detail::all_finite(big));
          // A block, whose columns do not touch, sees it only if it stands inside.
          const bool inside = i >= 1 && i <= rows && j >= 1;
          CHECK(shallow::detail::all_finite(big.block(1, 1, rows, 4)) == !inside);
        }
        big(i, j) = std::numeric_limits<T>::max();
      }
    }
  }
}

TEST_CASE_TEMPLATE("A loss derived from one of the library's is applied as it says, not as its base does", T, float,
                   double) {
  const Layer<T, Tanh> net(3, 20, {.seed = 1});
  const Matrix<T> X = shallow::RandomState(2).randn<T>(3, 50);
  const Matrix<T> Y = shallow::RandomState(3).randn<T>(20, 50);
  const auto half = shallow::gradients(net, X, Y, HalfSquaredError{});
  const auto whole = shallow::gradients(net, X, Y, MeanSquaredError{});
  CHECK(double(half.loss) == doctest::Approx(double(whole.loss) / 2).epsilon(1e-6));
  CHECK((2 * half.parameters).isApprox(whole.parameters, T(1e-5)));
}
