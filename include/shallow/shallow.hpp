// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Everything that needs Eigen alone. What reads files has headers of its own in io/.

#include "shallow/activation.hpp"
#include "shallow/datasets.hpp"
#include "shallow/dynamic_network.hpp"
#include "shallow/error.hpp"
#include "shallow/fit.hpp"
#include "shallow/gradient_check.hpp"
#include "shallow/initializer.hpp"
#include "shallow/layer.hpp"
#include "shallow/loss.hpp"
#include "shallow/math.hpp"
#include "shallow/metrics.hpp"
#include "shallow/network.hpp"
#include "shallow/optimizer.hpp"
#include "shallow/preprocessing.hpp"
#include "shallow/random.hpp"
#include "shallow/softmax.hpp"
#include "shallow/trainable.hpp"
#include "shallow/two_layer_net.hpp"
#include "shallow/types.hpp"
#include "shallow/version.hpp"
