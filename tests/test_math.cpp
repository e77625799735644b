// SPDX-License-Identifier: MIT

#include "shallow/math.hpp"

#include <Eigen/Core>

#include <doctest/doctest.h>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow {

// Unqualified calls inside of the namespace, where Eigen's functions of these names are candidates by their argument.
template <class Derived>
typename Derived::PlainObject sum_of_unqualified_calls(const Eigen::ArrayBase<Derived>& x) {
  return exp(x) + tanh(x) + sigmoid(x) + softplus(x);
}

}  // namespace shallow

namespace {

template <class T>
using ArrayX = Eigen::Array<T, Eigen::Dynamic, 1>;

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();
template <class T>
constexpr T smallest_normal = std::numeric_limits<T>::min();
template <class T>
constexpr T largest_finite = std::numeric_limits<T>::max();
template <class T>
constexpr T epsilon = std::numeric_limits<T>::epsilon();

// The four functions with their definitions in long double, which do not cancel anywhere.

struct ExpCase {
  static constexpr const char* name = "exp";
  static constexpr double shallow::detail::LargestErrors::*bound = &shallow::detail::LargestErrors::exp;
  static constexpr auto function = [](auto&& x) { return shallow::exp(std::forward<decltype(x)>(x)); };
  static long double reference(long double x) { return std::exp(x); }
};

struct SigmoidCase {
  static constexpr const char* name = "sigmoid";
  static constexpr double shallow::detail::LargestErrors::*bound = &shallow::detail::LargestErrors::sigmoid;
  static constexpr auto function = [](auto&& x) { return shallow::sigmoid(std::forward<decltype(x)>(x)); };
  static long double reference(long double x) {
    const long double e = std::exp(-std::abs(x));
    return (x < 0 ? e : 1) / (1 + e);
  }
};

struct TanhCase {
  static constexpr const char* name = "tanh";
  static constexpr double shallow::detail::LargestErrors::*bound = &shallow::detail::LargestErrors::tanh;
  static constexpr auto function = [](auto&& x) { return shallow::tanh(std::forward<decltype(x)>(x)); };
  static long double reference(long double x) { return std::tanh(x); }
};

struct SoftplusCase {
  static constexpr const char* name = "softplus";
  static constexpr double shallow::detail::LargestErrors::*bound = &shallow::detail::LargestErrors::softplus;
  static constexpr auto function = [](auto&& x) { return shallow::softplus(std::forward<decltype(x)>(x)); };
  static long double reference(long double x) { return std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x))); }
};

template <class Check>
void for_each_function(const Check& check) {
  check(ExpCase{});
  check(SigmoidCase{});
  check(TanhCase{});
  check(SoftplusCase{});
}

// The k-th of a sequence that fills [0, 1) evenly whatever its length: multiples of the golden ratio.
double even(int k) {
  const double x = 0.6180339887498949 * k;
  return x - std::floor(x);
}

// Every exponent of both signs, the interval where the functions bend, and the one where they do not yet saturate.
template <class T>
ArrayX<T> sweep() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x;
  const int mantissas = 80'000 / (Limits::max_exponent - Limits::min_exponent + Limits::digits);
  int k = 0;
  for (int exponent = Limits::min_exponent - Limits::digits; exponent < Limits::max_exponent; ++exponent) {
    for (int i = 0; i < mantissas; ++i, ++k) {
      x.push_back(static_cast<T>(std::ldexp(i == 0 ? 1.0 : 1 + even(k), exponent)) * (k % 2 == 0 ? T(1) : T(-1)));
    }
  }
  const double saturated = 1.05 * std::log(2.0) * Limits::max_exponent;
  for (k = 0; k < 50'000; ++k) x.push_back(static_cast<T>(8 * even(k) - 4));
  for (k = 0; k < 50'000; ++k) x.push_back(static_cast<T>(60 * even(k) - 30));
  for (k = 0; k < 50'000; ++k) x.push_back(static_cast<T>(saturated * (2 * even(k) - 1)));
  return Eigen::Map<const ArrayX<T>>(x.data(), static_cast<Eigen::Index>(x.size()));
}

// Distance in units in the last place of the true value; below the smallest normal number 0 if within that number.
template <class T>
double error_in_ulp(T given, long double truth) {
  if (std::isnan(given)) return infinity<double>;
  if (std::isinf(given)) return truth > static_cast<long double>(largest_finite<T>) ? 0 : infinity<double>;
  const long double error = std::abs(static_cast<long double>(given) - truth);
  // NEON of 32-bit ARM takes a subnormal intermediate result, such as half of a sum, for zero.
#if defined(__ARM_NEON) && !defined(__aarch64__)
  const long double tiny = 4 * static_cast<long double>(smallest_normal<T>);
#else
  const auto tiny = static_cast<long double>(smallest_normal<T>);
#endif
  if (truth < tiny && truth > -tiny) return error <= tiny ? 0 : infinity<double>;
  int exponent = 0;
  std::frexp(truth, &exponent);
  return static_cast<double>(error / std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits));
}

template <class T>
bool same_bits(T a, T b) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return shallow::detail::bit_cast<Bits>(a) == shallow::detail::bit_cast<Bits>(b);
}

// Numbers of all kinds, so that each lane of a packet may take another branch than its neighbour.
template <class T>
std::vector<T> mixed_numbers() {
  std::vector<T> x{T(0),
                   T(-0.0),
                   infinity<T>,
                   -infinity<T>,
                   largest_finite<T>,
                   -largest_finite<T>,
                   smallest_normal<T>,
                   std::numeric_limits<T>::denorm_min(),
                   T(-87.5),
                   T(88.5),
                   T(-708.5),
                   T(709.5)};
  for (int k = 0; x.size() < 80; ++k) x.push_back(static_cast<T>((k % 3 == 0 ? 100 : 6) * (even(k) - 0.5)));
  return x;
}

// A user's own number: value and derivative. It has no log1p.
struct Dual {
  double value = 0, slope = 0;
  Dual() = default;
  Dual(double v) : value(v) {}  // NOLINT: numbers convert
  Dual(double v, double s) : value(v), slope(s) {}
  friend Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(const Dual& a, const Dual& b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator-(const Dual& a) { return {-a.value, -a.slope}; }
  friend Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend Dual operator/(const Dual& a, const Dual& b) {
    const double q = a.value / b.value;
    return {q, (a.slope - q * b.slope) / b.value};
  }
  friend bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend Dual exp(const Dual& a) { return {std::exp(a.value), std::exp(a.value) * a.slope}; }
  friend Dual log(const Dual& a) { return {std::log(a.value), a.slope / a.value}; }
  friend Dual tanh(const Dual& a) {
    const double t = std::tanh(a.value);
    return {t, (1 - t * t) * a.slope};
  }
};

}  // namespace

template <>
struct Eigen::NumTraits<Dual> : Eigen::GenericNumTraits<Dual> {};

TEST_CASE_TEMPLATE("the whole range is accurate to a few units in the last place", T, float, double) {
  const ArrayX<T> x = sweep<T>();
  // Where long double is no longer than T, or the C library computes its functions in double (musl, and so Emscripten),
  // the reference itself may be off by two.
  const volatile long double one = 1;
  const bool in_double = std::exp(one) == static_cast<long double>(std::exp(static_cast<double>(one)));
  const int digits = in_double ? std::numeric_limits<double>::digits : std::numeric_limits<long double>::digits;
  const double slack = digits > std::numeric_limits<T>::digits ? 0.005 : 2;  // the table has two places
  const auto errors = shallow::detail::with_engine<T>(
      [](auto engine) { return shallow::detail::largest_errors<T>(decltype(engine)::multiplies_and_adds_in_one); });
  for_each_function([&](auto f) {
    const ArrayX<T> y = f.function(x);
    double worst = 0;
    T at = 0;
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      const double error = error_in_ulp(y[i], f.reference(static_cast<long double>(x[i])));
      if (error > worst) worst = error, at = x[i];
    }
    MESSAGE(std::string(f.name) << ": " << worst << " ulp at " << at << ", of " << x.size() << " points");
    CHECK(worst <= errors.*f.bound + slack);
    CHECK(worst >= errors.*f.bound / 2);  // and the table does not promise too little
  });
}

TEST_CASE_TEMPLATE("results stay in their ranges", T, float, double) {
  const ArrayX<T> x = sweep<T>();
  CHECK((shallow::tanh(x).abs() <= T(1)).all());
  CHECK((shallow::sigmoid(x) >= T(0)).all());
  CHECK((shallow::sigmoid(x) <= T(1)).all());
  CHECK((shallow::softplus(x) >= x.max(T(0))).all());
  CHECK(shallow::softplus(x).isFinite().all());
  CHECK((shallow::exp(x) >= T(0)).all());
}

TEST_CASE_TEMPLATE("infinities, NaN, signed zeros and the ends of the range", T, float, double) {
  const T inf = infinity<T>, nan = not_a_number<T>, tiny = std::numeric_limits<T>::denorm_min();
  CHECK(shallow::exp(inf) == inf);
  CHECK(shallow::exp(-inf) == T(0));
  CHECK(shallow::exp(T(0)) == T(1));
  CHECK(shallow::exp(T(-0.0)) == T(1));
  CHECK(std::isfinite(shallow::exp(std::nextafter(std::log(largest_finite<T>), T(0)))));
  CHECK(shallow::exp(std::nextafter(std::log(largest_finite<T>), inf) * (1 + 2 * epsilon<T>)) == inf);
  CHECK(shallow::exp(largest_finite<T>) == inf);
  CHECK(shallow::exp(-largest_finite<T>) == T(0));

  CHECK(shallow::sigmoid(inf) == T(1));
  CHECK(shallow::sigmoid(-inf) == T(0));
  CHECK(shallow::sigmoid(T(0)) == T(0.5));
  CHECK(shallow::sigmoid(largest_finite<T>) == T(1));
  CHECK(shallow::sigmoid(-largest_finite<T>) == T(0));

  CHECK(shallow::tanh(inf) == T(1));
  CHECK(shallow::tanh(-inf) == T(-1));
  CHECK(same_bits(shallow::tanh(T(0)), T(0)));
  CHECK(same_bits(shallow::tanh(T(-0.0)), T(-0.0)));
  CHECK(shallow::tanh(smallest_normal<T>) == smallest_normal<T>);
  CHECK(std::abs(shallow::tanh(tiny)) <= smallest_normal<T>);
  CHECK(shallow::tanh(largest_finite<T>) == T(1));

  CHECK(shallow::softplus(inf) == inf);
  CHECK(shallow::softplus(-inf) == T(0));
  CHECK(shallow::softplus(largest_finite<T>) == largest_finite<T>);
  CHECK(shallow::softplus(-largest_finite<T>) == T(0));
  CHECK(shallow::softplus(T(0)) == doctest::Approx(std::log(2.0)).epsilon(2 * double(epsilon<T>)));

  for_each_function([&](auto f) {
    INFO(std::string(f.name));
    CHECK(std::isnan(f.function(nan)));
    CHECK(std::isnan(f.function(-nan)));
    CHECK(f.function(ArrayX<T>::Constant(19, nan).eval()).isNaN().all());
    // NaN stays in its lane.
    ArrayX<T> x = ArrayX<T>::LinSpaced(19, T(-3), T(3));
    x[7] = nan;
    const ArrayX<T> y = f.function(x);
    CHECK(y.isNaN().count() == 1);
    CHECK(std::isnan(y[7]));
  });
}

#ifdef FE_UPWARD
// The functions are accurate in the mode "to nearest", which is a precondition; in no mode do they leave their ranges.
TEST_CASE_TEMPLATE("in other rounding modes sigmoid(-1e30) was 1 and softplus(999.95) NaN", T, float, double) {
  const ArrayX<T> x = sweep<T>();
  const auto in_mode = [&](int mode, const auto& f) {
    std::fesetround(mode);
    ArrayX<T> y = f.function(x);
    std::fesetround(FE_TONEAREST);
    return y;
  };
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    CAPTURE(mode);
    const ArrayX<T> s = in_mode(mode, SigmoidCase{}), t = in_mode(mode, TanhCase{}), p = in_mode(mode, SoftplusCase{}),
                    e = in_mode(mode, ExpCase{});
    int wrong = 0;
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      const auto near = [&](T given, long double truth, long double size) {
        return std::abs(static_cast<long double>(given) - truth) <= 0.01L * size;
      };
      const auto z = static_cast<long double>(x[i]);
      if (!(s[i] >= T(0) && s[i] <= T(1) && near(s[i], SigmoidCase::reference(z), 1))) ++wrong;
      if (!(t[i] >= T(-1) && t[i] <= T(1) && near(t[i], TanhCase::reference(z), 1))) ++wrong;
      if (!(p[i] >= T(0) && std::isfinite(p[i]) && near(p[i], SoftplusCase::reference(z), 1 + std::abs(z)))) ++wrong;
      if (!(e[i] >= T(0))) ++wrong;
    }
    CHECK(wrong == 0);
  }
}
#endif

TEST_CASE_TEMPLATE("laws of the four functions", T, float, double) {
  const ArrayX<T> x = sweep<T>();
  const ArrayX<T> mirrored = -x;
  const ArrayX<T> odd = shallow::tanh(mirrored);
  const ArrayX<T> t = shallow::tanh(x);
  bool exactly_odd = true;
  for (Eigen::Index i = 0; i < x.size(); ++i) exactly_odd = exactly_odd && same_bits(odd[i], T(-t[i]));
  CHECK(exactly_odd);
  CHECK(((shallow::sigmoid(mirrored) - (T(1) - shallow::sigmoid(x))).abs() <= T(1.5) * epsilon<T>).all());
  const ArrayX<T> difference = shallow::softplus(x) - shallow::softplus(mirrored);
  CHECK(((difference - x).abs() <= 3 * epsilon<T> * (T(1) + x.abs().min(largest_finite<T> / 4))).all());
  // tanh(x) = 2 sigmoid(2 x) - 1, and e^softplus(x) = 1 + e^x where neither overflows.
  const ArrayX<T> doubled = x.min(T(100)).max(T(-100)) * T(2);
  CHECK(((t - (2 * shallow::sigmoid(doubled) - 1)).abs() <= 4 * epsilon<T>).all());
  const ArrayX<T> moderate = x.min(T(5)).max(T(-5));
  const ArrayX<T> grown = 1 + shallow::exp(moderate);
  CHECK(((shallow::exp(shallow::softplus(moderate)) - grown).abs() <= 12 * epsilon<T> * grown).all());
}

TEST_CASE_TEMPLATE("a value has the same bits at every place of every kind of array", T, float, double) {
  const std::vector<T> numbers = mixed_numbers<T>();
  for_each_function([&](auto f) {
    INFO(std::string(f.name));
    int differences = 0;
    using Plain = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic>;
    const auto compare = [&](const Plain& x, const Plain& y) {
      for (Eigen::Index i = 0; i < x.size(); ++i) {
        differences += same_bits(*(y.data() + i), f.function(*(x.data() + i))) ? 0 : 1;
      }
    };
    for (Eigen::Index length = 1; length <= 70; ++length) {
      for (Eigen::Index offset = 0; offset < 4; ++offset) {
        const Eigen::Map<const ArrayX<T>> x(numbers.data() + offset, length);
        ArrayX<T> y = f.function(x);
        compare(x, y);
        ArrayX<T> shifted = ArrayX<T>::Zero(length + offset);
        shifted.segment(offset, length) = f.function(x.reverse());
        compare(x.reverse(), shifted.segment(offset, length));
      }
    }
    CHECK(differences == 0);

    // Eigen takes smaller packets for small fixed sizes.
    const auto fixed = [&]<class Fixed>(const Fixed&) {
      for (int start = 0; start < 40; start += 3) {
        const Fixed x(Eigen::Map<const Fixed>(numbers.data() + start));
        const Fixed y = f.function(x);
        compare(x.array(), y.array());
      }
    };
    fixed(Eigen::Array<T, 1, 1>());
    fixed(Eigen::Array<T, 2, 1>());
    fixed(Eigen::Array<T, 3, 1>());
    fixed(Eigen::Array<T, 4, 1>());
    fixed(Eigen::Array<T, 6, 1>());
    fixed(Eigen::Matrix<T, 8, 1>());
    fixed(Eigen::Matrix<T, 17, 1>());
    fixed(Eigen::Matrix<T, 2, 2>());
    fixed(Eigen::Matrix<T, 3, 5>());
    fixed(Eigen::Matrix<T, 4, 4>());
    CHECK(differences == 0);

    using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const RowMajor a = Eigen::Map<const RowMajor>(numbers.data(), 8, 10);
    const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> b = f.function(a);  // another storage order
    compare(a.array(), b.array());
    const RowMajor c = f.function(a.block(1, 1, 6, 7));
    compare(a.block(1, 1, 6, 7).array(), c.array());
    const RowMajor d = f.function(a.transpose());
    compare(a.transpose().array(), d.array());
    const Eigen::Map<const ArrayX<T>, 0, Eigen::InnerStride<3>> strided(numbers.data(), 26);
    const ArrayX<T> e = f.function(strided);
    compare(strided, e);
    CHECK(differences == 0);
  });
}

TEST_CASE_TEMPLATE("expressions stay expressions", T, float, double) {
  const ArrayX<T> x = ArrayX<T>::LinSpaced(33, T(-4), T(4));
  for_each_function([&](auto f) {
    using Expression = decltype(f.function(x));
    static_assert(!std::is_same_v<Expression, ArrayX<T>>);
  });
  // Kinds are kept: Matrix in, Matrix out.
  const Eigen::Matrix<T, 2, 2> w = Eigen::Matrix<T, 2, 2>::Identity();
  const Eigen::Matrix<T, 2, 2> product = shallow::tanh(w * w) * w;
  CHECK(product(0, 0) == shallow::tanh(T(1)));
  CHECK(product(0, 1) == T(0));
  const ArrayX<T> sum = shallow::exp(x) + shallow::tanh(x) + shallow::sigmoid(x) + shallow::softplus(x);
  CHECK((shallow::sum_of_unqualified_calls(x) == sum).all());
}

TEST_CASE_TEMPLATE("auto e = exp(make_matrix()) referred to a matrix that was gone", T, float, double) {
  using Plain = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  const auto make_matrix = [] { return Plain(Plain::Constant(40, 50, T(0.5))); };
  const auto overwrite = [] { return Plain(Plain::Constant(40, 50, T(-7))); };  // where the temporary was
  for_each_function([&](auto f) {
    INFO(std::string(f.name));
    const auto e = f.function(make_matrix());
    const Plain other = overwrite();
    CHECK((e.array() == f.function(T(0.5))).all());
    static_assert(std::is_same_v<std::remove_const_t<decltype(e)>, Plain>);
    const Plain kept = make_matrix();
    Plain moved = make_matrix();
    static_assert(std::is_same_v<decltype(f.function(std::move(moved))), Plain>);
    static_assert(std::is_same_v<decltype(f.function(std::move(kept))), Plain>);
    static_assert(!std::is_same_v<decltype(f.function(kept)), Plain>, "lvalues stay expressions");
    static_assert(!std::is_same_v<decltype(f.function(kept.block(1, 1, 3, 3))), Plain>, "so do views");
    const auto small = f.function(Eigen::Array<T, 2, 1>(T(0.5), T(0.25)));
    static_assert(std::is_same_v<std::remove_const_t<decltype(small)>, Eigen::Array<T, 2, 1>>);
    CHECK(small(1) == f.function(T(0.25)));
    // A Ref to a constant expression holds what it was evaluated to.
    const auto of_copy = f.function(Eigen::Ref<const Plain>(kept + kept));
    const Plain another = overwrite();
    CHECK((of_copy.array() == f.function(T(1))).all());
    CHECK(other == another);
  });
}

TEST_CASE_TEMPLATE("exp(x.head(3)) did not compile: a part of a vector is derived from an expression", T, float,
                   double) {
  const ArrayX<T> x = ArrayX<T>::LinSpaced(33, T(-4), T(4));
  for_each_function([&](auto f) {
    const ArrayX<T> y = f.function(x), head = f.function(x.head(3)), middle = f.function(x.matrix().segment(5, 20));
    CHECK((head == y.head(3)).all());
    CHECK((middle == y.segment(5, 20)).all());
  });
}

TEST_CASE("types: what the functions accept and return") {
  using Tanh = decltype(
      [](const auto& x) requires requires { shallow::tanh(x); } { return shallow::tanh(x); });
  static_assert(std::is_same_v<decltype(shallow::tanh(1.0F)), float>);
  static_assert(std::is_same_v<decltype(shallow::tanh(1.0)), double>);
  static_assert(std::is_same_v<decltype(shallow::tanh(1.0L)), long double>);
  static_assert(std::is_same_v<decltype(shallow::tanh(1)), double>);
  static_assert(!std::is_invocable_v<Tanh, std::complex<double>>);
  static_assert(!std::is_invocable_v<Tanh, Eigen::ArrayXcd>);
  static_assert(!std::is_invocable_v<Tanh, Eigen::ArrayXi>);
  static_assert(!std::is_invocable_v<Tanh, std::string>);
  CHECK(shallow::sigmoid(2) == shallow::sigmoid(2.0));
}

TEST_CASE("long double keeps its precision and stays finite") {
  const long double eps = std::numeric_limits<long double>::epsilon();
  for (long double x : {-11000.0L, -50.5L, -1.0L, -1e-3L, 0.0L, 1e-3L, 0.7L, 1.0L, 50.5L, 11000.0L}) {
    for_each_function([&](auto f) {
      INFO(std::string(f.name));
      const long double truth = f.reference(x);
      if (!std::isfinite(truth)) return;  // e^11000, where long double has the range of double
      CHECK(std::abs(f.function(x) - truth) <= 4 * eps * std::abs(truth));
      const Eigen::Array<long double, 3, 1> filled = Eigen::Array<long double, 3, 1>::Constant(x);
      const Eigen::Array<long double, 3, 1> y = f.function(filled);
      CHECK((y == f.function(x)).all());
    });
  }
  const long double huge = std::numeric_limits<long double>::max();
  CHECK(shallow::sigmoid(-huge) == 0);
  CHECK(shallow::sigmoid(huge) == 1);
  CHECK(shallow::softplus(huge) == huge);
  CHECK(shallow::softplus(-huge) == 0);
}

TEST_CASE("a user's dual number carries derivatives through") {
  for (double x : {-800.0, -3.0, -0.25, 0.0, 0.25, 3.0, 800.0}) {
    CAPTURE(x);
    const double s = shallow::sigmoid(x), t = shallow::tanh(x);
    const auto close = [](double truth) { return doctest::Approx(truth).epsilon(1e-14); };
    CHECK(shallow::sigmoid(Dual(x, 1)).value == close(s));
    CHECK(shallow::sigmoid(Dual(x, 1)).slope == close(s * shallow::sigmoid(-x)));
    CHECK(shallow::tanh(Dual(x, 1)).slope == close(1 - t * t));
    CHECK(shallow::softplus(Dual(x, 1)).value == close(shallow::softplus(x)));
    CHECK(shallow::softplus(Dual(x, 1)).slope == close(s));
    const Eigen::Array<Dual, 2, 1> pair = Eigen::Array<Dual, 2, 1>::Constant(Dual(x, 1));
    const Eigen::Array<Dual, 2, 1> y = shallow::softplus(pair);
    CHECK(y[1].slope == close(s));
  }
  CHECK(shallow::exp(Dual(0.25, 1) * Dual(2)).slope == doctest::Approx(2 * std::exp(0.5)));
  // The gradient of log_sum_exp is the softmax.
  const Eigen::Array<Dual, 3, 1> x(Dual(1000, 1), Dual(999), Dual(-5));
  CHECK(shallow::log_sum_exp(x).value == doctest::Approx(1000 + std::log1p(std::exp(-1.0))).epsilon(1e-14));
  CHECK(shallow::log_sum_exp(x).slope == doctest::Approx(1 / (1 + std::exp(-1.0))).epsilon(1e-12));
}

TEST_CASE_TEMPLATE("log_sum_exp: definition, shift, huge inputs", T, float, double) {
  const T eps = epsilon<T>;
  for (Eigen::Index n : {1, 2, 3, 10, 64, 65, 1000}) {
    for (double spread : {1e-3, 1.0, 30.0, 1e4}) {
      CAPTURE(n);
      CAPTURE(spread);
      ArrayX<T> x(n);
      for (Eigen::Index i = 0; i < n; ++i) x[i] = static_cast<T>(spread * (2 * even(static_cast<int>(i) + 1) - 1));
      const auto largest = static_cast<long double>(x.maxCoeff());
      long double sum = 0;
      for (T value : x) sum += std::exp(static_cast<long double>(value) - largest);
      const long double truth = largest + std::log(sum);
      const long double size = std::max({1.0L, static_cast<long double>(x.abs().maxCoeff()), std::abs(truth)});
      const long double tolerance = 3 * static_cast<long double>(eps) * size;
      CHECK(std::abs(static_cast<long double>(shallow::log_sum_exp(x)) - truth) <= tolerance);
      // Whole numbers shift a sum of their own size exactly enough.
      const T shift = 100;
      const ArrayX<T> shifted = x + shift;
      CHECK(std::abs(shallow::log_sum_exp(shifted) - shallow::log_sum_exp(x) - shift) <=
            8 * eps * std::max(T(200), shifted.abs().maxCoeff()));
      CHECK(shallow::log_sum_exp(x.matrix().transpose()) == shallow::log_sum_exp(x));
      // A row among others, which is not side by side, was added up in another order.
      Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> rows =
          Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>::Zero(3, x.size());
      rows.row(1) = x.matrix();
      CHECK(shallow::log_sum_exp(rows.row(1)) == shallow::log_sum_exp(x));
    }
  }
  const T huge = largest_finite<T>;
  for (T single : {T(0), T(-3.25), huge, -huge}) {
    CHECK(shallow::log_sum_exp(Eigen::Array<T, 1, 1>::Constant(single)) == single);
  }
  CHECK(shallow::log_sum_exp(Eigen::Array<T, 3, 1>(huge, huge, huge)) == huge);
  CHECK(shallow::log_sum_exp(Eigen::Array<T, 3, 1>(-huge, huge, 0)) == huge);
  Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  CHECK(shallow::log_sum_exp(m.row(1)) == doctest::Approx(std::log(std::exp(4.0) + std::exp(5.0) + std::exp(6.0))));
  CHECK(shallow::log_sum_exp(m.col(0)) == doctest::Approx(std::log(std::exp(1.0) + std::exp(4.0))));
}

TEST_CASE_TEMPLATE("log_sum_exp: infinities, NaN, nothing", T, float, double) {
  const T inf = infinity<T>, nan = not_a_number<T>;
  CHECK(shallow::log_sum_exp(ArrayX<T>()) == -inf);
  for (Eigen::Index n : {1, 2, 7, 33}) {
    for (Eigen::Index at : {Eigen::Index(0), n / 2, n - 1}) {
      CAPTURE(n);
      CAPTURE(at);
      ArrayX<T> x = ArrayX<T>::Constant(n, -inf);
      CHECK(shallow::log_sum_exp(x) == -inf);
      x[at] = T(2.5);
      CHECK(shallow::log_sum_exp(x) == T(2.5));
      x[at] = inf;
      CHECK(shallow::log_sum_exp(x) == inf);
      x[at] = nan;
      CHECK(std::isnan(shallow::log_sum_exp(x)));
      x.setConstant(T(1));
      x[at] = nan;
      CHECK(std::isnan(shallow::log_sum_exp(x)));
      x.setConstant(inf);
      x[at] = nan;
      CHECK(std::isnan(shallow::log_sum_exp(x)));
    }
  }
}

TEST_CASE_TEMPLATE("an RNN's step: what the functions are of may hold what they are assigned to", T, float, double) {
  using M = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  const auto close = [](const auto& a, const auto& b) { CHECK((a - b).cwiseAbs().maxCoeff() <= 8 * epsilon<T>); };
  const auto one_by_one = [](const auto& x) { return x.unaryExpr([](const T& z) { return T(std::tanh(z)); }).eval(); };
  for (const Eigen::Index n : {2, 6, 70}) {
    CAPTURE(n);
    const M W = M::NullaryExpr(
        n, n, [&](Eigen::Index i, Eigen::Index j) { return T(std::sin(double(3 * i + 5 * j)) / double(n)); });
    const M b = W.col(1), start = W.col(0) * T(double(n));
    M h = start;
    h = shallow::tanh(W * h);
    close(h, one_by_one(W * start));
    h = start;
    h = shallow::tanh(b + W * h);
    close(h, one_by_one(b + W * start));
    h = start;
    h += shallow::tanh(W * h);
    close(h, start + one_by_one(W * start));
    h = start;
    h = b.cwiseProduct(shallow::tanh(W * h));
    close(h, b.cwiseProduct(one_by_one(W * start)));
    M A = W;
    A = shallow::tanh(A * A);
    close(A, one_by_one(W * W));
    A = W;
    A += shallow::tanh(A.rowwise() - A.colwise().mean());
    close(A, W + one_by_one(W.rowwise() - W.colwise().mean()));
    A = W;
    A.col(1) = shallow::tanh(W * A.col(1));
    close(A.col(1), one_by_one(W * W.col(1)));
    // Into fewer numbers than it is made of.
    A = W.col(0);
    A = shallow::tanh(W.topRows(1) * A);
    close(A, one_by_one(W.topRows(1) * W.col(0)));
  }
  Eigen::Matrix<T, 5, 1> fixed = Eigen::Matrix<T, 5, 1>::Constant(T(0.5));
  const Eigen::Matrix<T, 5, 5> twice = Eigen::Matrix<T, 5, 5>::Ones();
  fixed = shallow::tanh(twice * fixed);
  close(fixed, Eigen::Matrix<T, 5, 1>::Constant(T(std::tanh(2.5))));
}

TEST_CASE("the entries of what a function is of are read once, however the result is read") {
  Eigen::MatrixXd X = Eigen::MatrixXd::Constant(10, 300, 0.5);
  Eigen::Index reads = 0;
  const auto counted = X.unaryExpr([&](double x) {
    ++reads;
    return x;
  });
  const auto expect_once = [&](double given, double expected, Eigen::Index in_vain = 0) {
    CHECK(given == doctest::Approx(expected));
    CHECK(reads >= X.size());
    CHECK(reads <= X.size() + in_vain);
    reads = 0;
  };
  const double tanh_half = std::tanh(0.5);
  expect_once(shallow::tanh(counted).sum(), 3'000 * tanh_half);
  // A column is an expression of its own, and may read a few entries of the next.
  expect_once(shallow::tanh(counted).colwise().sum().maxCoeff(), 10 * tanh_half, X.size());
  expect_once(shallow::tanh(counted).rowwise().sum().maxCoeff(), 300 * tanh_half);
  expect_once((X + shallow::tanh(counted)).eval()(9, 299), 0.5 + tanh_half);
  double sum = 0;
  for (Eigen::Index j = 0; j < X.cols(); ++j) sum += shallow::tanh(counted).col(j).sum();
  expect_once(sum, 3'000 * tanh_half, X.size());
}

TEST_CASE("functions of a large Map of fixed size, of repeated places, of places in any order") {
  std::vector<float> numbers(128 * 784, 0.25F);
  const Eigen::Map<const Eigen::Matrix<float, 128, 784>> W(numbers.data());
  CHECK(shallow::tanh(W).sum() == doctest::Approx(128 * 784 * std::tanh(0.25)).epsilon(1e-2));

  Eigen::Vector3d a = Eigen::Vector3d::Zero();
  const Eigen::Vector3d b(0.5, 0.7, 0.9);
  a(std::vector<int>{0, 0, 1}) = shallow::tanh(b);
  CHECK(a(0) == shallow::tanh(0.7));
  CHECK(a(1) == shallow::tanh(0.9));

  const Eigen::MatrixXd X =
      Eigen::MatrixXd::NullaryExpr(7, 90, [](Eigen::Index i, Eigen::Index j) { return std::sin(double(i + 7 * j)); });
  const auto same = [&](const auto& given, const auto& of) {
    for (Eigen::Index j = 0; j < given.cols(); ++j) {
      for (Eigen::Index i = 0; i < given.rows(); ++i) CHECK(given(i, j) == shallow::tanh(of(i, j)));
    }
  };
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = shallow::tanh(2 * X);
  same(rows, 2 * X);
  const Eigen::MatrixXd columns = shallow::tanh(2 * X.transpose());
  same(columns, 2 * X.transpose());
  const Eigen::MatrixXd backwards = shallow::tanh((X + X).reverse());
  same(backwards, (2 * X).reverse().eval());
  Eigen::MatrixXd wide = Eigen::MatrixXd::Zero(14, 90);
  wide(Eigen::seq(0, 12, 2), Eigen::all) = shallow::tanh(X + X);
  same(wide(Eigen::seq(0, 12, 2), Eigen::all), 2 * X);
}
