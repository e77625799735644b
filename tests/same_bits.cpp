// SPDX-License-Identifier: MIT
/// Prints, as bits, what the library makes of one seed: to be compiled in several ways, which must print the same.
/// An argument is the target to compute with: those with a multiply-add print the same, too. Exit status 77 where the
/// processor lacks it.

#include <shallow/shallow.hpp>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace {

using namespace shallow;

/// FNV-1a of the bits of numbers, the lowest byte first.
class Digest {
 public:
  template <class T>
  void add(const T& given) {
    if constexpr (requires { given.derived(); }) {
      const typename T::PlainObject plain(given);
      for (Index i = 0; i < plain.size(); ++i) add(plain.data()[i]);
    } else {
      std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> bits;
      static_assert(sizeof(bits) == sizeof(T));
      std::memcpy(&bits, &given, sizeof(T));
      for (std::size_t i = 0; i < sizeof(T); ++i) sum_ = (sum_ ^ ((bits >> 8 * i) & 0xff)) * 1'099'511'628'211U;
    }
  }
  std::uint64_t value() const { return sum_; }

 private:
  std::uint64_t sum_ = 14'695'981'039'346'656'037U;
};

template <class... Numbers>
void print(const char* what, const Numbers&... numbers) {
  Digest digest;
  (digest.add(numbers), ...);
  std::printf("%-40s %016" PRIx64 "\n", what, digest.value());
}

template <class T>
void functions() {
  Vector<T> x(1'003);
  for (Index i = 0; i < x.size(); ++i) x(i) = T(double(i - 501) / 8);
  print("exp", exp(x));
  print("sigmoid", sigmoid(x));
  print("tanh", tanh(x));
  print("softplus", softplus(x));
  print("exp of numbers", exp(x(1)), exp(x(500)), tanh(x(3)), sigmoid(x(700)), softplus(x(1'000)));
  print("log_sum_exp", log_sum_exp(x));
  print("Softmax", Softmax{}(x));
}

template <class T>
Matrix<T> data(Index rows, Index cols, std::uint32_t seed) {
  RandomState random(seed);
  return random.randn<T>(rows, cols);
}

template <class T, class Net, class O, class Y>
void training(const char* what, Net net, const Matrix<T>& X, const Y& targets, const O& optimizer, Index batch_size) {
  print("  its first parameters", net.parameters());
  print("  its gradient", gradients(net, X, targets).parameters);
  const History history = fit(net, X, targets, optimizer, {.epochs = 20, .batch_size = batch_size, .seed = 3});
  Digest losses;
  for (const double loss : history.loss) losses.add(loss);
  print(what, net.parameters());
  print("  its losses", losses.value());
  print("  its predictions", net.predict(X));
  print("  one of them", net.predict(X.col(7)));
  print("  its loss", loss(net, X, targets));
}

template <class T>
void networks() {
  const Matrix<T> X = data<T>(2, 403, 1);
  const Matrix<T> Y = (X.row(0).array() > X.row(1).array()).template cast<T>();
  print("randn", X);
  training("2-4-1", TwoLayerNet<T, Tanh, Sigmoid, 2, 4, 1>({.seed = 1}), X, Y, GradientDescent{0.5}, 0);
  training("2-4-1, batches", TwoLayerNet<T, Tanh, Sigmoid>({2, 4, 1}, {.seed = 1}), X, Y, Momentum{0.1, 0.9}, 50);
  const Matrix<T> Z = data<T>(37, 210, 2);
  Eigen::VectorXi labels(210);
  for (Index j = 0; j < labels.size(); ++j) labels(j) = int(j % 11);
  training("37-64-11", DynamicNetwork<T>(37, {{64, ReLU{}}, {11, Softmax{}}}, {.seed = 4}), Z, labels,
           Adam{.learning_rate = 0.01, .weight_decay = 0.001}, 32);
  training("37-33-17-5", DynamicNetwork<T>(37, {{33, LeakyReLU{0.1}}, {17, Tanh{}}, {5, Identity{}}}, {.seed = 5}), Z,
           data<T>(5, 210, 6), Adam{}, 64);
  training("37-1", Layer<T, Sigmoid>(37, 1), Z, Matrix<T>((Z.row(0).array() > 0).template cast<T>()), GradientDescent{},
           0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const std::string_view wanted = argv[1];
    bool found = false;
    for (const auto target : {SimdTarget::sse2, SimdTarget::avx2, SimdTarget::avx512}) {
      found = found || (name_of(target) == wanted && detail::use_target(target));
    }
    if (!found) return 77;
  }
  std::printf("float\n");
  functions<float>();
  networks<float>();
  std::printf("double\n");
  functions<double>();
  networks<double>();
}
