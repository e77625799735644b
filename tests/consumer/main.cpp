// SPDX-License-Identifier: MIT
//
// A stranger's program of two translation units. With the word "mistake" it makes one, and ends as errors end.
#include <shallow/shallow.hpp>
#ifdef USE_IDX
#include <shallow/io/idx.hpp>
#endif
#ifdef USE_SAFETENSORS
#include <shallow/io/safetensors.hpp>
#endif
#ifdef USE_ONNX
#include <shallow/io/onnx.hpp>
#endif
#ifdef USE_HIDDEN
#include "hidden/hidden.h"
#endif

#include <cstdio>

double accuracy_in_other(const shallow::Matrix<double>& X, const shallow::Matrix<double>& Y);

// Every component answers: no file is there, which is an error, which is an exception where there are exceptions.
static bool components_answer() {
#ifdef __cpp_exceptions
#ifdef USE_IDX
  try {
    shallow::io::read_idx_labels("no-such-file");
    return false;
  } catch (const shallow::FileError&) {
  }
#endif
#ifdef USE_SAFETENSORS
  try {
    shallow::io::load_info("no-such-file");
    return false;
  } catch (const shallow::FileError&) {
  }
#endif
#ifdef USE_ONNX
  try {
    shallow::io::write_onnx(shallow::Layer<float, shallow::Tanh>(2, 1), "no-such-folder/a.onnx");
    return false;
  } catch (const shallow::FileError&) {
  }
#endif
#endif
  return true;
}

int main(int argc, char**) {
  shallow::TwoLayerNet<double, shallow::Tanh, shallow::Sigmoid> net(2, 4, 1, {.seed = 2});
  const auto flower = shallow::datasets::flower();
  if (argc > 1) {
    const shallow::Matrix<double> three_rows = shallow::Matrix<double>::Ones(3, flower.Y.cols());
    shallow::fit(net, three_rows, flower.Y, shallow::GradientDescent{.learning_rate = 1.2}, {.epochs = 1});
    return 0;
  }
  shallow::fit(net, flower.X, flower.Y, shallow::GradientDescent{.learning_rate = 1.2}, {.epochs = 50});
  const double here = shallow::accuracy(net.predict(flower.X), flower.Y);
  const double other = accuracy_in_other(flower.X, flower.Y);
  std::printf("%g %g\n", here, other);
#ifdef USE_HIDDEN
  double hidden = 0;
  if (hidden_accuracy(2, &hidden) != 0 || hidden != here) return 1;
  if (hidden_accuracy(3, &hidden) != 1) return 1;  // a shape that does not fit: caught inside, told as a number
#endif
  return components_answer() && here > 0.5 && here == other ? 0 : 1;
}
