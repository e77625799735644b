// SPDX-License-Identifier: MIT
/// The definitions that engine_once.hpp declares: with SHALLOW_ENGINE_ONCE defined as nothing.

#include "engine_once.hpp"
