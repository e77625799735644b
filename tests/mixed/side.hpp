// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What two object files of one program, compiled for different processors, pass to each other.

#include "shallow/shallow.hpp"

#include <cstddef>
#include <vector>

/// A type as one object file sees it.
struct Layout {
  const char* type;
  std::size_t size;
  std::size_t alignment;
};

/// What is done with a model.
template <class M>
struct Operations {
  using T = typename M::Scalar;
  using State = shallow::TrainingState<shallow::Adam, T>;

  M (*make)();
  void (*fit)(M&, const shallow::Matrix<T>& X, const shallow::Matrix<T>& Y, State&);
  T(*gradient)
  (const M&, const shallow::Matrix<T>& X, const shallow::Matrix<T>& Y, shallow::Vector<T>&, typename M::Workspace&);
  shallow::Matrix<T> (*predict)(const M&, const shallow::Matrix<T>& X);
};

using Narrow = shallow::TwoLayerNet<float, shallow::Tanh, shallow::Sigmoid, 3, 5, 1>;
using RunTime = shallow::Network<shallow::Layer<double, shallow::ReLU>, shallow::Layer<double, shallow::Tanh>,
                                 shallow::Layer<double, shallow::Softmax>>;
using Wide = shallow::DynamicNetwork<float>;

/// One of the two object files.
struct Side {
  std::vector<Layout> layouts;
  Operations<Narrow> narrow;
  Operations<RunTime> run_time;
  Operations<Wide> wide;
};
Side baseline();
Side vectors();
