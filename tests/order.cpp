// SPDX-License-Identifier: MIT
/// Prints numbers from every part of the library, to the last digit. Compiled once as it is and once with
/// EIGEN_DEFAULT_TO_ROW_MAJOR, as some projects are: both print the same. (Then a network read beyond its weights.)

#include <shallow/io/csv.hpp>
#include <shallow/io/npy.hpp>
#include <shallow/shallow.hpp>

#include <cstdio>
#include <filesystem>
#include <random>
#include <string>

namespace {

using namespace shallow;

template <class M>
void print(const char* what, const M& matrix) {
  std::printf("%s: %s\n", what,
              std::to_string(matrix.rows()).append(" x ").append(std::to_string(matrix.cols())).c_str());
  for (Index i = 0; i < matrix.rows(); ++i) {
    for (Index j = 0; j < matrix.cols(); ++j) std::printf(" %a", static_cast<double>(matrix(i, j)));
    std::printf("\n");
  }
}
void print(const char* what, double number) { std::printf("%s: %a\n", what, number); }

/// All that is done with a network; X and Y in the order that this program has by default.
template <class Net, class Y, class L>
void use(const Net& net, const Eigen::MatrixXd& X, const Y& y, const L& loss_of_net) {
  std::printf("%s\n", net.summary().c_str());
  print("W1", net.template layer<0>().weights());
  print("A", net.predict(X));
  print("a", net.predict(X.col(1)));
  print("J", shallow::loss(net, X, y, loss_of_net));
  const auto gradient = gradients(net, X, y, loss_of_net);
  print("gradient", gradient.parameters);
  print("dW1", gradient.dW(1));
  print("dX", gradient.X);
  print("backward", net.backward(X, Eigen::MatrixXd::Ones(net.n_y(), X.cols())).parameters);
  print("check", double(check_gradients(net, X, y, loss_of_net).passed));
  Net trained = net;
  for (const double J : fit(trained, X, y, Momentum{}, {.epochs = 2, .batch_size = 3}, loss_of_net).loss) print("J", J);
  fit(trained, X, y, Adam{}, {.epochs = 2}, loss_of_net, Validation(X, y));
  print("trained", trained.parameters());
}

}  // namespace

int main() {
  const Eigen::MatrixXd X = RandomState(1).randn(3, 20);
  const Eigen::MatrixXd Y = RandomState(2).randn(2, 20);
  const Eigen::MatrixXd unit = (Y.array() > 0).cast<double>();
  Eigen::VectorXi labels(20);
  for (int j = 0; j < 20; ++j) labels(j) = j % 2;

  use(Layer<double, Tanh>({3, 2}, {.seed = 1}), X, Y, MeanSquaredError{});
  use(Layer<double, Identity, 3, 2>({.seed = 1}), X, Y, MeanSquaredError{});
  use(TwoLayerNet<double, Tanh, Sigmoid, 3, 4, 2>({.seed = 1, .initializer = Initializer::glorot()}), X, unit,
      BinaryCrossEntropy{});
  use(Network<Layer<double, ReLU>, Layer<double, LeakyReLU>, Layer<double, Softmax>>({3, 64, 48, 16}, {.seed = 1}), X,
      labels, CategoricalCrossEntropy{});
  use(Network<Layer<double, Softmax>, Layer<double, Softmax>>({3, 5, 2}, {.seed = 1}), X, labels,
      CategoricalCrossEntropy{});
  DynamicNetwork<double> dynamic({3, 5, 2}, {Tanh{}, Softmax{}}, {.seed = 1});
  use(dynamic, X, labels, dynamic.default_loss());

  const StandardScaler<double> scaler(X);
  print("scaled", scaler.transform(X));
  print("back", scaler.inverse_transform(scaler.transform(X)));
  print("model", Scaled(scaler, dynamic).predict(X));
  print("classes", classes(dynamic.predict(X)));
  print("confusion", confusion_matrix(dynamic.predict(X), labels));
  print("accuracy", accuracy(dynamic.predict(X), labels));
  print("softmax", Softmax{}(X));
  print("backward", Softmax{}.backward_from_value(Softmax{}(X), X));
  print("tanh", shallow::tanh(X));
  print("log_sum_exp", log_sum_exp(X.row(1)));
  print("flower", datasets::flower().X.leftCols(5));

  const auto folder =
      std::filesystem::temp_directory_path() / ("shallow_order_" + std::to_string(std::random_device{}()));
  std::filesystem::create_directory(folder);
  io::write_npy(folder / "X.npy", X);
  print("npy", io::read_npy<double>(folder / "X.npy"));
  io::write_csv(folder / "X.csv", X);
  print("csv", io::read_csv(folder / "X.csv").values);
  std::filesystem::remove_all(folder);
}
