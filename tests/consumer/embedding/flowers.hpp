// SPDX-License-Identifier: MIT
//
// A library whose own header includes shallow's: who links it needs both.
#pragma once

#include <shallow/shallow.hpp>

namespace flowers {

using Net = shallow::TwoLayerNet<double, shallow::Tanh, shallow::Sigmoid>;

/// A new network for points of the flower.
Net planted();

}  // namespace flowers
