// SPDX-License-Identifier: MIT
/// Programs that must not compile, one for each value of MISTAKE, and what the compiler is to say of them.

#include <shallow/shallow.hpp>

using namespace shallow;

int main() {
  const Matrix<double> X = Matrix<double>::Ones(2, 3);
  const Matrix<double> Y = Matrix<double>::Ones(1, 3);
  TwoLayerNet<double, Tanh, Sigmoid> net(2, 4, 1);
#if MISTAKE == 0  // none: the rest of the program is right
  Network<Layer<double, Tanh, 2, 5>, Layer<double, Sigmoid, 5, 1>> fits;
  (void)loss(net, X, Y);
#elif MISTAKE == 1  // widths that do not chain: both are named
  Network<Layer<double, Tanh, 2, 5>, Layer<double, Sigmoid, 4, 1>> unfit;
#elif MISTAKE == 2  // a cross-entropy on another output than its own
  const Layer<double, Tanh> layer(2, 1);
  (void)loss(layer, X, Y, BinaryCrossEntropy{});
#elif MISTAKE == 3  // another number type
  (void)net.predict(Matrix<float>::Ones(2, 3));
#elif MISTAKE == 4  // a state of another optimiser
  TrainingState<Momentum, double> state;
  fit(net, X, Y, Adam{}, {.epochs = 1}, state);
#elif MISTAKE == 5  // two losses
  fit(net, X, Y, Adam{}, {.epochs = 1}, BinaryCrossEntropy{}, MeanSquaredError{});
#elif MISTAKE == 6  // no loss at all
  fit(net, X, Y, Adam{}, {.epochs = 1}, 3);
#elif MISTAKE == 7  // complex numbers have no order
  const TwoLayerNet<std::complex<double>, Tanh, Sigmoid> complex(2, 4, 1);
#endif
}
