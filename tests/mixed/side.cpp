// SPDX-License-Identifier: MIT
//
// Compiled twice, as SIDE baseline and as SIDE vectors, with different flags.
#include "side.hpp"

namespace {

template <class T>
Layout layout(const char* type) {
  return {type, sizeof(T), alignof(T)};
}

// Of this type each object file has its own, and so of the functions that take it: they enter the engine as this file's
// flags say, even though the linker keeps only one of all that the two have in common.
struct Same {
  template <class T>
  T operator()(const T& x) const {
    return x;
  }
};

template <class M>
Operations<M> operations(M (*make)()) {
  using T = typename M::Scalar;
  using Matrix = shallow::Matrix<T>;
  return {make,
          [](M& model, const Matrix& X, const Matrix& Y, typename Operations<M>::State& state) {
            shallow::fit(model, X, Y, shallow::Adam{.learning_rate = 0.01}, {.epochs = 5, .batch_size = 37}, state);
          },
          [](const M& model, const Matrix& X, const Matrix& Y, shallow::Vector<T>& gradient,
             typename M::Workspace& workspace) {
            return model.loss_and_gradient(X.unaryExpr(Same{}), Y, shallow::MeanSquaredError{}, gradient, workspace);
          },
          [](const M& model, const Matrix& X) { return Matrix(model.predict(X.unaryExpr(Same{}))); }};
}

}  // namespace

Side SIDE() {
  using namespace shallow;
  return {
      {layout<Sigmoid>("Sigmoid"),
       layout<Tanh>("Tanh"),
       layout<ReLU>("ReLU"),
       layout<LeakyReLU>("LeakyReLU"),
       layout<Identity>("Identity"),
       layout<Softmax>("Softmax"),
       layout<BinaryCrossEntropy>("BinaryCrossEntropy"),
       layout<CategoricalCrossEntropy>("CategoricalCrossEntropy"),
       layout<MeanSquaredError>("MeanSquaredError"),
       layout<Initializer>("Initializer"),
       layout<RandomState>("RandomState"),
       layout<Matrix<float>>("Matrix<float>"),
       layout<Vector<double>>("Vector<double>"),
       layout<ParameterBlock>("ParameterBlock"),
       layout<Gradients<float>>("Gradients<float>"),
       layout<PassWorkspace<float>>("PassWorkspace<float>"),
       layout<PassWorkspace<double>>("PassWorkspace<double>"),
       layout<Layer<float, Tanh>>("Layer<float, Tanh>"),
       layout<Layer<double, LeakyReLU, 8, 8>>("Layer<double, LeakyReLU, 8, 8>"),
       layout<Narrow>("TwoLayerNet"),
       layout<RunTime>("Network"),
       layout<Wide>("DynamicNetwork"),
       layout<LayerSpec<float>>("LayerSpec"),
       layout<AnyActivation<float>>("AnyActivation"),
       layout<GradientDescent>("GradientDescent"),
       layout<Momentum>("Momentum"),
       layout<Adam>("Adam"),
       layout<Momentum::State<float>>("Momentum::State<float>"),
       layout<Adam::State<float>>("Adam::State<float>"),
       layout<TrainingState<Adam, float>>("TrainingState<Adam, float>"),
       layout<TrainingState<Adam, double>>("TrainingState<Adam, double>"),
       layout<FitOptions>("FitOptions"),
       layout<History>("History"),
       layout<Progress>("Progress"),
       layout<GradientCheck>("GradientCheck"),
       layout<StandardScaler<float>>("StandardScaler<float>"),
       layout<datasets::Dataset<double>>("Dataset<double>")},
      operations<Narrow>(+[] { return Narrow({.seed = 3}); }),
      operations<RunTime>(+[] {
        return RunTime({5, 7, 9, 3}, {.seed = 1});
      }),
      operations<Wide>(+[] {
        return Wide(21, {{33, ReLU{}}, {17, Tanh{}}, {10, Softmax{}}}, {.seed = 4});
      }),
  };
}
