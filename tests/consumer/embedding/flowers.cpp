// SPDX-License-Identifier: MIT
#include "flowers.hpp"

namespace flowers {

Net planted() { return Net(2, 4, 1, {.seed = 2}); }

}  // namespace flowers
