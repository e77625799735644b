// SPDX-License-Identifier: MIT
#include "shallow/activation.hpp"
#include "shallow/loss.hpp"
#include "shallow/softmax.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using shallow::Dynamic;
using shallow::Identity;
using shallow::Index;
using shallow::LeakyReLU;
using shallow::Matrix;
using shallow::ReLU;
using shallow::Sigmoid;
using shallow::Softmax;
using shallow::Tanh;
using shallow::ValueError;
using user::Softsign;

namespace {

/// A user's activation with everything that one may offer.
struct Cubic {
  static constexpr std::string_view name = "cubic";
  static constexpr bool takes_arrays = true;
  template <class Z>
  auto operator()(const Z& z) const {
    if constexpr (std::is_floating_point_v<Z>) {
      return z * z * z;
    } else {
      return z.array() * z.array() * z.array();
    }
  }
  template <class Z>
  auto derivative(const Z& z) const {
    if constexpr (std::is_floating_point_v<Z>) {
      return Z(3) * z * z;
    } else {
      return typename Z::Scalar(3) * z.array() * z.array();
    }
  }
};

/// A user's function of a column, with mean zero.
struct Centre {
  template <class Z, class A>
  void forward(const Z& z, A&& a) const {
    for (Index j = 0; j < z.cols(); ++j) a.col(j) = z.col(j) - z.col(j).mean();
  }
  template <class A, class D>
  void backward(const A&, D&& d) const {
    for (Index j = 0; j < d.cols(); ++j) d.col(j) -= d.col(j).mean();
  }
};

struct NoDerivative {
  double operator()(double z) const { return z; }
};
struct NoValue {
  double derivative(double) const { return 1; }
};
struct GivesText {
  std::string operator()(double) const { return "a"; }
  double derivative(double) const { return 1; }
};
struct NotCopyable : Softsign {
  NotCopyable(const NotCopyable&) = delete;
};
struct NotConst {
  double operator()(double z) { return z; }
  double derivative(double) { return 1; }
};
struct OnlyForward {
  template <class Z, class A>
  void forward(const Z& z, A&& a) const {
    a = z;
  }
};

// ---- Who models what ------------------------------------------------------------------------------------------------

template <class G>
constexpr bool elementwise = shallow::ElementwiseActivation<G, float>&& shallow::ElementwiseActivation<G, double>;
template <class G>
constexpr bool column = shallow::ColumnActivation<G, float>&& shallow::ColumnActivation<G, double>;
template <class G>
constexpr bool any = shallow::Activation<G, float> || shallow::Activation<G, double> || shallow::Activation<G>;

static_assert(elementwise<Sigmoid> && elementwise<Tanh> && elementwise<ReLU> && elementwise<LeakyReLU> &&
              elementwise<Identity> && elementwise<Softsign> && elementwise<Cubic>);
static_assert(shallow::ElementwiseActivation<Tanh, long double>);
static_assert(column<Softmax> && column<Centre>);
static_assert(shallow::Activation<Sigmoid> && shallow::Activation<Softmax, float> && shallow::Activation<Softsign> &&
              shallow::Activation<Centre>);
static_assert(!elementwise<Softmax> && !elementwise<Centre>);
static_assert(!column<Sigmoid> && !column<LeakyReLU> && !column<Softsign>);
static_assert(!any<int> && !any<std::string> && !any<NoDerivative> && !any<NoValue> && !any<GivesText> &&
              !any<NotCopyable> && !any<NotConst> && !any<OnlyForward> && !any<double (*)(double)>);

// Settings travel with the object; the others hold nothing and compare equal.
static_assert(LeakyReLU{}.slope == 0.01);
static_assert(LeakyReLU{.slope = 0.2} == LeakyReLU{.slope = 0.2} && LeakyReLU{} != LeakyReLU{.slope = 0.2});
static_assert(std::is_empty_v<Sigmoid> && std::is_empty_v<Softmax> && Sigmoid{} == Sigmoid{} && Softmax{} == Softmax{});

// ---- The laws of a function of one number ---------------------------------------------------------------------------

template <class T>
constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();

/// Ordinary, tiny and huge numbers of both signs, and the zeros.
template <class T>
std::vector<T> inputs(T largest) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> z{T(0), -T(0)};
  for (const double size : {1e-3,
                            0.1,
                            0.5,
                            0.7,
                            1.0,
                            1.5,
                            2.75,
                            5.0,
                            9.5,
                            17.0,
                            20.0,
                            40.0,
                            89.0,
                            104.0,
                            710.0,
                            750.0,
                            1e4,
                            1e10,
                            1e30,
                            double(Limits::denorm_min()),
                            double(Limits::min()),
                            double(Limits::epsilon()),
                            3e-20,
                            double(Limits::max())}) {
    if (size > double(largest)) continue;
    z.push_back(T(size));
    z.push_back(-T(size));
  }
  return z;
}

/// |a - b| <= (some roundings) of the larger.
template <class T>
bool close(T a, T b, double roundings = 4) {
  if (a == b) return true;
  const double scale = std::max(std::abs(double(a)), std::abs(double(b)));
  return std::abs(double(a) - double(b)) <= roundings * double(std::numeric_limits<T>::epsilon()) * scale;
}

/// Equal, or both NaN.
template <class T>
bool same(T a, T b) {
#if defined(__ARM_NEON) && !defined(__aarch64__)
  // NEON of 32-bit ARM, in which arrays of floats go, takes a subnormal number for zero.
  if (std::is_same_v<T, float> && std::abs(a - b) < std::numeric_limits<T>::min()) return true;
#endif
  return a == b || (std::isnan(a) && std::isnan(b));
}

struct Character {
  bool smooth = true;  ///< otherwise something bends at z = 0, and no central difference is taken across it
  bool odd = false;    ///< g(-z) = -g(z)
  double largest = std::numeric_limits<double>::max();  ///< beyond it g overflows
};

/// An activation as three functions, so that the laws below are compiled once a number type.
template <class T>
struct Functions {
  std::function<T(T)> value, derivative, derivative_from_value;

  template <class G>
  explicit Functions(const G& g)
      : value([g](T z) { return T(g(z)); }), derivative([g](T z) { return T(g.derivative(z)); }) {
    if constexpr (requires(T a) { g.derivative_from_value(a); }) {
      derivative_from_value = [g](T a) { return T(g.derivative_from_value(a)); };
    }
  }
};

template <class T>
void laws_of_numbers(const Functions<T>& g, const Functions<double>& in_double, const Character& is,
                     const std::vector<T>& z) {
  constexpr auto epsilon = double(std::numeric_limits<T>::epsilon());
  for (const T x : z) {
    CAPTURE(x);
    const T a = g.value(x);
    const T slope = g.derivative(x);
    CHECK(std::isfinite(a));
    CHECK(std::isfinite(slope));
    if (is.odd) CHECK(g.value(-x) == -a);
    if (is.odd) CHECK(g.derivative(-x) == slope);
    if (g.derivative_from_value) {
      // In terms of a the derivative is known to the rounding of 1 - a.
      const double bound = 4 * epsilon * std::max(1.0, std::abs(double(slope)));
      CHECK(std::abs(double(g.derivative_from_value(a)) - double(slope)) <= bound);
    }
  }
  CHECK(std::isnan(g.value(not_a_number<T>)));
  CHECK(std::isnan(g.value(-not_a_number<T>)));

  // (g(z + h) - g(z - h)) / 2h, in double whatever T is.
  int compared = 0;
  for (const T input : z) {
    const auto x = double(input);
    CAPTURE(x);
    const double slope = in_double.derivative(x);
    // In T the derivative is the one in double, rounded.
    CHECK(std::abs(double(g.derivative(input)) - slope) <= 8 * epsilon * std::max(1.0, slope));
    if (std::abs(x) > 0.9 * std::min(is.largest, double(std::numeric_limits<T>::max()))) continue;
    double h = std::cbrt(std::numeric_limits<double>::epsilon()) * std::max(1.0, std::abs(x));
    if (!is.smooth) h = std::min(h, std::abs(x) / 2);
    const double above = x + h;
    const double below = x - h;
    if (!(above - below > 1e-300)) continue;  // at the corner
    const double difference = (in_double.value(above) - in_double.value(below)) / (above - below);
    CHECK(std::abs(difference - slope) <= 1e-9 * std::max(1.0, std::abs(difference)));
    ++compared;
  }
  CHECK(compared > 20);
}

/// However the numbers are handed over, each gives what it gives alone: values to the bit.
template <class T, class G>
void laws_of_arrays(const G& g, const Functions<T>& numbers, const std::vector<T>& z) {
  using Array = Eigen::Array<T, Dynamic, Dynamic>;
  constexpr auto epsilon = double(std::numeric_limits<T>::epsilon());
  for (const Index rows : {Index(1), Index(3), Index(7)}) {
    CAPTURE(rows);
    const Index cols = Index(z.size()) / rows;
    const Array array = Eigen::Map<const Array>(z.data(), rows, cols);
    const Matrix<T> matrix = array.matrix();
    const Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor> row_major = array;
    Array larger = Array::Zero(rows + 2, cols + 2);
    larger.block(1, 1, rows, cols) = array;
    const Array negative = -array;

    const auto agrees = [&](const Array& all, const std::function<T(T)>& one, double roundings) {
      if (all.rows() != rows || all.cols() != cols) return false;
      for (Index k = 0; k < all.size(); ++k) {
        const T expected = one(array(k));
        const double bound = roundings * std::max(1.0, std::abs(double(expected)));
        if (!same(all(k), expected) && !(std::abs(double(all(k)) - double(expected)) <= bound)) return false;
      }
      return true;
    };
    CHECK(agrees(g(array).array(), numbers.value, 0));
    CHECK(agrees(g(matrix).array(), numbers.value, 0));
    CHECK(agrees(g(row_major).array(), numbers.value, 0));
    CHECK(agrees(g(larger.block(1, 1, rows, cols)).array(), numbers.value, 0));
    CHECK(agrees(g(-negative).array(), numbers.value, 0));
    CHECK(agrees(g.derivative(array).array(), numbers.derivative, 4 * epsilon));
    CHECK(agrees(g.derivative(matrix).array(), numbers.derivative, 4 * epsilon));
    CHECK(agrees(g.derivative(row_major).array(), numbers.derivative, 4 * epsilon));
    if constexpr (requires(T a) { g.derivative_from_value(a); }) {
      const Array a = g(array);
      const auto slope = [&](T x) { return numbers.derivative_from_value(numbers.value(x)); };
      CHECK(agrees(g.derivative_from_value(a).array(), slope, 4 * epsilon));
    }
  }
}

template <class T, class G>
void laws(const G& g, const Character& is) {
  const std::string name(shallow::detail::activation_name(g));
  CAPTURE(name);
  const Functions<T> numbers(g);
  std::vector<T> z = inputs<T>(T(std::min(is.largest, double(std::numeric_limits<T>::max()))));
  laws_of_numbers<T>(numbers, Functions<double>(g), is, z);
  if constexpr (requires { requires G::takes_arrays; }) {
    laws_of_arrays<T>(g, numbers, z);
    z.insert(z.begin() + 5, not_a_number<T>);
    z.push_back(not_a_number<T>);
    const Eigen::Map<const Eigen::Array<T, Dynamic, 1>> array(z.data(), Index(z.size()));
    const Eigen::Array<T, Dynamic, 1> values = g(array);
    bool agree = true;
    for (Index i = 0; i < array.size(); ++i) agree &= same(values(i), numbers.value(array(i)));
    CHECK(agree);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("laws of Sigmoid", T, float, double) {
  const Sigmoid g;
  laws<T>(g, {});
  for (const T z : inputs<T>(std::numeric_limits<T>::max())) {
    CAPTURE(z);
    CHECK(std::abs(g(z) + g(-z) - T(1)) <= std::numeric_limits<T>::epsilon());
    CHECK(g(z) >= T(0));
    CHECK(g(z) <= T(1));
    CHECK(g.derivative(z) == g.derivative(-z));
  }
  CHECK(g(T(0)) == T(0.5));
  CHECK(g.derivative(T(0)) == T(0.25));
}

TEST_CASE_TEMPLATE("Sigmoid's derivative far to the right is e^-z, not the 0 of a (1 - a)", T, float, double) {
  for (const T z : {T(20), T(30), T(40), T(60), T(80)}) {
    CAPTURE(z);
    CHECK(close(Sigmoid{}.derivative(z), T(std::exp(-double(z)) / std::pow(1 + std::exp(-double(z)), 2)), 16));
  }
}

TEST_CASE_TEMPLATE("laws of Tanh", T, float, double) {
  const Tanh g;
  laws<T>(g, {.odd = true});
  CHECK(g(T(0)) == T(0));
  CHECK(g.derivative(T(0)) == T(1));
  for (const T z : {T(0.1), T(1), T(3)}) {
    CAPTURE(z);
    const double e = std::exp(double(z));
    CHECK(close(g(z), T((e - 1 / e) / (e + 1 / e)), 8));  // the definition
    CHECK(close(g(z), T(2) * Sigmoid{}(T(2) * z) - T(1), 32));
  }
}

TEST_CASE_TEMPLATE("laws of ReLU", T, float, double) {
  const ReLU g;
  laws<T>(g, {.smooth = false});
  for (const T z : inputs<T>(std::numeric_limits<T>::max())) {
    CAPTURE(z);
    CHECK(g(z) == std::max(z, T(0)));
    CHECK(g(z) - g(-z) == z);
  }
  constexpr T infinity = std::numeric_limits<T>::infinity();
  CHECK(g(infinity) == infinity);
  CHECK(g(-infinity) == T(0));
}

TEST_CASE_TEMPLATE("At the corner the derivative of ReLU is 0, that of LeakyReLU its slope", T, float, double) {
  const Eigen::Array<T, 9, 1> zeros = Eigen::Array<T, 9, 1>::Zero();
  CHECK(ReLU{}.derivative(T(0)) == T(0));
  CHECK(ReLU{}.derivative(-T(0)) == T(0));
  CHECK(ReLU{}.derivative_from_value(T(0)) == T(0));
  CHECK((ReLU{}.derivative(zeros) == T(0)).all());
  CHECK((ReLU{}.derivative(-zeros) == T(0)).all());
  CHECK((ReLU{}.derivative_from_value(zeros) == T(0)).all());
  for (const LeakyReLU g : {LeakyReLU{}, LeakyReLU{.slope = 0.2}, LeakyReLU{.slope = 0}, LeakyReLU{.slope = 3}}) {
    CAPTURE(g.slope);
    CHECK(g.derivative(T(0)) == T(g.slope));
    CHECK(g.derivative(-T(0)) == T(g.slope));
    CHECK(g.derivative_from_value(T(0)) == T(g.slope));
    CHECK((g.derivative(zeros) == T(g.slope)).all());
    CHECK((g.derivative_from_value(zeros) == T(g.slope)).all());
  }
}

TEST_CASE_TEMPLATE("laws of LeakyReLU, whatever its slope", T, float, double) {
  for (const LeakyReLU g : {LeakyReLU{}, LeakyReLU{.slope = 0.2}, LeakyReLU{.slope = 0}, LeakyReLU{.slope = 1}}) {
    CAPTURE(g.slope);
    laws<T>(g, {.smooth = false});
    for (const T z : inputs<T>(std::numeric_limits<T>::max())) {
      CAPTURE(z);
      CHECK(g(z) == (z > T(0) ? z : T(g.slope) * z));
    }
  }
}

TEST_CASE_TEMPLATE("laws of Identity", T, float, double) {
  laws<T>(Identity{}, {.odd = true});
  for (const T z : inputs<T>(std::numeric_limits<T>::max())) {
    CHECK(Identity{}(z) == z);
    CHECK(Identity{}.derivative(z) == T(1));
  }
}

TEST_CASE_TEMPLATE("laws of a user's own activation, of numbers or of arrays", T, float, double) {
  laws<T>(Softsign{}, {.smooth = false, .odd = true, .largest = 1e18});  // its derivative squares z
  laws<T>(Cubic{}, {.odd = true, .largest = 1e6});
}

TEST_CASE("long double works, number by number") {
  const long double z = 0.75L;
  CHECK(Sigmoid{}(z) == doctest::Approx(1 / (1 + std::exp(-0.75))).epsilon(1e-15));
  CHECK(Tanh{}.derivative(z) == doctest::Approx(1 - std::pow(std::tanh(0.75), 2)).epsilon(1e-15));
  CHECK(ReLU{}(-z) == 0.0L);
  CHECK(LeakyReLU{.slope = 0.5}(-z) == -0.375L);
}

TEST_CASE("LeakyReLU refuses a slope that is negative, NaN or infinite") {
  const auto refuses = [](double slope, const char* text) {
    CHECK_THROWS_WITH_AS(LeakyReLU{.slope = slope}.check(), text, ValueError);
  };
  refuses(-0.01, "LeakyReLU: slope: expected finite and >= 0, given -0.01");
  refuses(not_a_number<double>, "LeakyReLU: slope: expected finite and >= 0, given nan");
  refuses(std::numeric_limits<double>::infinity(), "LeakyReLU: slope: expected finite and >= 0, given inf");
  refuses(-std::numeric_limits<double>::infinity(), "LeakyReLU: slope: expected finite and >= 0, given -inf");
  for (const double slope : {0.0, 0.01, 0.3, 1.0, 5.0}) CHECK_NOTHROW(LeakyReLU{.slope = slope}.check());
}

// ---- Softmax --------------------------------------------------------------------------------------------------------

namespace {

/// Numbers in [-3, 3) that look arbitrary; more columns than one chunk holds.
template <class Array>
Array scattered(Index rows, Index cols) {
  Array z(rows, cols);
  for (Index j = 0; j < cols; ++j) {
    for (Index i = 0; i < rows; ++i) {
      z(i, j) = typename Array::Scalar(double((i * 7919 + j * 104729 + i * j * 31) % 600) / 100 - 3);
    }
  }
  return z;
}

template <class T, int Order>
void softmax_laws() {
  using Array = Eigen::Array<T, Dynamic, Dynamic, Order>;
  constexpr auto epsilon = double(std::numeric_limits<T>::epsilon());
  const Softmax g;
  for (const Index rows : {1, 2, 3, 10, 33}) {
    for (const Index cols : {1, 5, 64, 65, 130}) {
      CAPTURE(rows);
      CAPTURE(cols);
      const Array z = scattered<Array>(rows, cols);
      Array a(rows, cols);
      g.forward(z, a);

      // The definition, a column at a time.
      double worst = 0;
      for (Index j = 0; j < cols; ++j) {
        double sum = 0;
        for (Index i = 0; i < rows; ++i) sum += std::exp(double(z(i, j)));
        for (Index i = 0; i < rows; ++i) {
          worst = std::max(worst, std::abs(double(a(i, j)) - std::exp(double(z(i, j))) / sum));
        }
      }
      CHECK(worst <= 8 * epsilon);
      CHECK((a > T(0)).all());
      CHECK(double((a.colwise().sum() - T(1)).abs().maxCoeff()) <= 4 * double(rows) * epsilon);
      if (rows == 1) CHECK((a == T(1)).all());

      // A shift of a column changes nothing; one that rounds nothing away changes no bit.
      const Array shifted_z = z + T(4096);
      Array shifted(rows, cols);
      g.forward(shifted_z, shifted);
      CHECK(double((shifted - a).abs().maxCoeff()) <= 8 * 4096 * epsilon);

      // In place, through the call operator, and of a matrix.
      Array in_place = z;
      g.forward(in_place, in_place);
      CHECK((in_place == a).all());
      const Array called = g(z);
      CHECK(double((called - a).abs().maxCoeff()) <= 8 * epsilon);
      const Array of_matrix = g(z.matrix());
      CHECK((of_matrix == called).all());
      const Array of_expression = g(z + T(0));
      CHECK((of_expression == called).all());
    }
  }
}

template <class T, int Order>
void softmax_of_huge_inputs() {
  using Array = Eigen::Array<T, Dynamic, Dynamic, Order>;
  Array z(3, 5);
  z << T(1e4), T(-1e4), T(1e4), T(0), std::numeric_limits<T>::max(),  //
      T(-1e4), T(-1e4), T(1e4), T(-1e4), T(0),                        //
      T(0), T(-1e4), T(-1e4), T(-1e4), std::numeric_limits<T>::lowest() / 2;
  Array a(3, 5);
  Softmax{}.forward(z, a);
  CHECK(a.isFinite().all());
  Array expected(3, 5);
  expected << T(1), T(1) / T(3), T(0.5), T(1), T(1),  //
      T(0), T(1) / T(3), T(0.5), T(0), T(0),          //
      T(0), T(1) / T(3), T(0), T(0), T(0);
  CHECK(double((a - expected).abs().maxCoeff()) <= 2 * double(std::numeric_limits<T>::epsilon()));
}

template <int Order>
void softmax_jacobian() {
  using Array = Eigen::Array<double, Dynamic, Dynamic, Order>;
  const Softmax g;
  const double h = std::cbrt(std::numeric_limits<double>::epsilon());
  for (const Index rows : {1, 2, 5}) {
    CAPTURE(rows);
    const Index cols = 3;
    const Array z = scattered<Array>(rows, cols);
    const Array dA = scattered<Array>(rows, cols).cos();
    const auto softmax = [&](const Array& x) {
      Array result(rows, cols);
      g.forward(x, result);
      return result;
    };
    // J = sum of dA o A, so that dJ/dA = dA.
    const Array a = softmax(z);
    Array d = dA;
    g.backward(a, d);
    const Eigen::ArrayXXd returned = g.backward_from_value(a, dA);
    CHECK((returned - d).abs().maxCoeff() <= 1e-15);
    for (Index j = 0; j < cols; ++j) {
      CHECK(std::abs(d.col(j).sum()) <= 1e-15);  // a shift of the column moves nothing
      for (Index i = 0; i < rows; ++i) {
        Array above = z;
        Array below = z;
        above(i, j) += h;
        below(i, j) -= h;
        const double difference = (dA * (softmax(above) - softmax(below))).sum() / (above(i, j) - below(i, j));
        CHECK(std::abs(d(i, j) - difference) <= 1e-9);
      }
    }
    if (rows > 1) CHECK(d.abs().maxCoeff() > 1e-3);  // or nothing was compared
  }
}

}  // namespace

TEST_CASE_TEMPLATE("laws of Softmax, column after column and row after row in memory", T, float, double) {
  softmax_laws<T, Eigen::ColMajor>();
  softmax_laws<T, Eigen::RowMajor>();
}

TEST_CASE_TEMPLATE("Softmax of huge inputs is finite and right", T, float, double) {
  softmax_of_huge_inputs<T, Eigen::ColMajor>();
  softmax_of_huge_inputs<T, Eigen::RowMajor>();
}

TEST_CASE_TEMPLATE("Softmax: whichever row has the largest number, it is what the others are taken from", T, float,
                   double) {
  const auto check = [](auto z) {
    using Array = decltype(z);
    for (Index largest = 0; largest < z.rows(); ++largest) {
      CAPTURE(largest);
      z.setConstant(T(-3e4));
      z.row(largest).setConstant(T(2e4));  // e^2e4 overflows, and so does the sum of e^-5e4 vanish
      Array a(z.rows(), z.cols());
      Softmax{}.forward(z, a);
      CHECK((a.row(largest) == T(1)).all());
      CHECK(a.sum() == T(z.cols()));
      const Eigen::RowVectorXi labels = Eigen::RowVectorXi::Constant(z.cols(), int(largest));
      CHECK(shallow::CategoricalCrossEntropy{}.value(z, labels) == T(0));
    }
  };
  for (const Index rows : {1, 2, 5, 17}) {
    check(Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor>(rows, 70));
    check(Eigen::Array<T, Dynamic, Dynamic>(rows, 70));
  }
}

TEST_CASE_TEMPLATE("Softmax has the same bits column after column and row after row", T, float, double) {
  for (const Index rows : {2, 4, 7, 10, 33}) {
    const auto z = scattered<Eigen::Array<T, Dynamic, Dynamic>>(rows, 70);
    const Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor> z_rows = z;
    auto a = z;
    auto a_rows = z_rows;
    Softmax{}.forward(z, a);
    Softmax{}.forward(z_rows, a_rows);
    CHECK((a == a_rows).all());
    // Backwards the order of the caller's matrices, and with it that of the sums, was taken over.
    const auto dA = scattered<Eigen::Array<T, Dynamic, Dynamic>>(rows, 70).cos().eval();
    const Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor> dA_rows = dA;
    CHECK((Softmax{}.backward_from_value(a, dA) == Softmax{}.backward_from_value(a_rows, dA_rows)).all());
    CHECK((Softmax{}.backward_from_value(a, dA) == Softmax{}.backward_from_value(a_rows, dA)).all());
  }
}

TEST_CASE_TEMPLATE("Softmax: NaN stays in its column", T, float, double) {
  Eigen::ArrayXX<T> z = Eigen::ArrayXX<T>::Zero(3, 4);
  z(1, 2) = not_a_number<T>;
  Eigen::ArrayXX<T> a(3, 4);
  Softmax{}.forward(z, a);
  Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor> row_major = z;
  Softmax{}.forward(row_major, row_major);
  for (Index j = 0; j < 4; ++j) {
    CHECK(a.col(j).isNaN().all() == (j == 2));
    CHECK(a.col(j).isNaN().any() == (j == 2));
    CHECK(row_major.col(j).isNaN().all() == (j == 2));
    CHECK(row_major.col(j).isNaN().any() == (j == 2));
  }
}

TEST_CASE("Softmax times its Jacobian agrees with central differences") {
  softmax_jacobian<Eigen::ColMajor>();
  softmax_jacobian<Eigen::RowMajor>();
}

TEST_CASE_TEMPLATE("Softmax of fixed sizes, of a single row and of no columns", T, float, double) {
  const Eigen::Array<T, 3, 1> z(T(1), T(2), T(3));
  const Eigen::Array<T, 3, 1> a = Softmax{}(z);
  CHECK(double(std::abs(a.sum() - T(1))) <= 4 * double(std::numeric_limits<T>::epsilon()));
  CHECK(close(a(2) / a(1), T(std::exp(1.0)), 8));
  const Eigen::Array<T, 1, 4> row = Eigen::Array<T, 1, 4>::LinSpaced(T(-1e4), T(1e4));
  CHECK((Softmax{}(row) == T(1)).all());
  CHECK(Softmax{}(Matrix<T>(3, 0)).cols() == 0);
}

TEST_CASE_TEMPLATE("auto a = Tanh{}(make_matrix()) referred to a matrix that was gone", T, float, double) {
  using Plain = Matrix<T>;
  const auto make_matrix = [] { return Plain(Plain::Constant(40, 50, T(0.5))); };
  const auto overwrite = [] { return Plain(Plain::Constant(40, 50, T(-7))); };  // where the temporary was
  const auto check = [&](const auto& g) {
    const auto a = g(make_matrix());
    const auto slope = g.derivative(make_matrix());
    const auto from_value = g.derivative_from_value(make_matrix());
    const Plain other = overwrite();
    const Plain kept = make_matrix();
    CHECK((a == g(kept)).all());
    CHECK((slope == g.derivative(kept)).all());
    CHECK((from_value == g.derivative_from_value(kept)).all());
    static_assert(std::is_same_v<std::remove_const_t<decltype(a)>, Eigen::Array<T, Dynamic, Dynamic>>);
    static_assert(!std::is_same_v<decltype(g(kept)), Eigen::Array<T, Dynamic, Dynamic>>, "lvalues stay expressions");
  };
  check(Sigmoid{});
  check(Tanh{});
  check(ReLU{});
  check(LeakyReLU{});
  check(shallow::Identity{});
}

TEST_CASE("Names that summaries and model files use") {
  using shallow::detail::activation_name;
  CHECK(activation_name(Sigmoid{}) == "sigmoid");
  CHECK(activation_name(Tanh{}) == "tanh");
  CHECK(activation_name(ReLU{}) == "relu");
  CHECK(activation_name(LeakyReLU{}) == "leaky_relu");
  CHECK(activation_name(Identity{}) == "identity");
  CHECK(activation_name(Softmax{}) == "softmax");
  CHECK(activation_name(Cubic{}) == "cubic");
  CHECK(activation_name(Softsign{}) == "custom");
}
