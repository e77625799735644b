// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Before every file of the unit tests, by a flag: the products of layers that most of them use are compiled once, in
/// engine_once.cpp, not in each. (Under the sanitizers they are half of what a file takes to compile.) Elsewhere
/// than on x86-64 with all three targets this is nothing.

#include "shallow/engine/layer_products.hpp"

#if defined(__x86_64__) && !defined(__AVX__) && !defined(_WIN32)

#ifndef SHALLOW_ENGINE_ONCE
#define SHALLOW_ENGINE_ONCE extern
#endif

#define SHALLOW_COLUMNS(T, ...)                                                                                    \
  SHALLOW_ENGINE_ONCE template void multiply_columns(Start, Index, Index, const T*, Index, const T*, Index, Index, \
                                                     const T*, T*, Index, std::index_sequence<__VA_ARGS__>);
#define SHALLOW_NUMBER(T)                                                                                       \
  SHALLOW_COLUMNS(T, 0)                                                                                         \
  SHALLOW_COLUMNS(T, 0, 1)                                                                                      \
  SHALLOW_COLUMNS(T, 0, 1, 2, 3)                                                                                \
  SHALLOW_COLUMNS(T, 0, 1, 2, 3, 4, 5)                                                                          \
  SHALLOW_ENGINE_ONCE template void transpose(Index, Index, const T*, Index, T*, Index);                        \
  SHALLOW_ENGINE_ONCE template void multiply_dot<Dynamic, Dynamic>(Start, Index, Index, Index, const T*, Index, \
                                                                   const T*, Index, T*, T*);
#define SHALLOW_TARGET_ONCE(target) \
  namespace target {                \
  SHALLOW_NUMBER(float)             \
  SHALLOW_NUMBER(double)            \
  }

namespace shallow::detail {

SHALLOW_TARGET_ONCE(sse2)
SHALLOW_TARGET_ONCE(avx2)
SHALLOW_TARGET_ONCE(avx512)
SHALLOW_ENGINE_ONCE template class LayerProducts<float, Lanes::samples, Dynamic, Dynamic>;
SHALLOW_ENGINE_ONCE template class LayerProducts<float, Lanes::units, Dynamic, Dynamic>;
SHALLOW_ENGINE_ONCE template class LayerProducts<double, Lanes::samples, Dynamic, Dynamic>;
SHALLOW_ENGINE_ONCE template class LayerProducts<double, Lanes::units, Dynamic, Dynamic>;

}  // namespace shallow::detail

#undef SHALLOW_TARGET_ONCE
#undef SHALLOW_NUMBER
#undef SHALLOW_COLUMNS

#endif
