// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The engine, compiled for several processors in one program, and the choice among them at run time.
///
/// The text of the engine (*.inl) is compiled once for every target, each in a namespace of its own that says what its
/// vectors are. On x86-64, with GCC or Clang, the targets are what the flags ask for, AVX2 with FMA, and AVX-512, less
/// those that the flags already exceed; elsewhere there is one, that of the flags. Which one computes is chosen once,
/// by what the processor has, and not by flags: one machine, one result.

#include "shallow/engine/layout.hpp"
#include "shallow/engine/numbers.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#ifdef __GNUC__
/// For lambdas that take or make packs: a function of another target could not.
#define SHALLOW_LAMBDA __attribute__((always_inline))
#else
#define SHALLOW_LAMBDA
#endif

namespace shallow {

/// What the engine computes with: one of the instruction sets that it was compiled for.
enum class SimdTarget {
  numbers,  ///< numbers one by one, where the compiler has no vectors
  sse2,     ///< x86-64, vectors of 16 bytes
  avx2,     ///< x86-64, vectors of 32 bytes with multiply-add
  avx512,   ///< x86-64, vectors of 64 bytes with multiply-add
  vectors   ///< vectors of 16 bytes of any other processor: NEON, WebAssembly, s390x
};

namespace detail {

/// An activation or a loss that the engine applies entry by entry: one of this library's, and no class derived from it.
template <class G>
concept EntryWise = requires {
  requires std::is_same_v<typename G::Entries, G>;
};

/// Applies any other activation, a user's own, say, to a tile (elementwise.hpp).
template <class T, Lanes L, class G>
void apply_activation(const G& g, TileLayout<T, L> layout, T* z, T* a);

// Every number type but float and double; and these, where there are no vectors.
namespace numbers {
#define SHALLOW_TARGET SimdTarget::numbers
#define SHALLOW_VECTOR_BYTES 0
#if defined(FP_FAST_FMA) && defined(FP_FAST_FMAF)
#define SHALLOW_FUSED 1
#else
#define SHALLOW_FUSED 0
#endif
#define SHALLOW_REGISTERS 16
#include "shallow/engine/engine.inl"
}  // namespace numbers

#if defined(__GNUC__) && defined(__x86_64__) && defined(__SSE2_MATH__)

// 0: SSE2, 1: AVX2, 2: AVX-512; from what the flags ask for to what there may be.
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && \
    defined(__FMA__) && defined(__BMI2__) && (!defined(_WIN32) || defined(__clang__))
#define SHALLOW_LOWEST 2
#elif defined(__AVX2__) && defined(__FMA__) && defined(__BMI2__)
#define SHALLOW_LOWEST 1
#else
#define SHALLOW_LOWEST 0
#endif
#if defined(_WIN32) && !defined(__clang__)
// GCC does not align the stack of Windows for longer vectors (its bug 54412).
#define SHALLOW_HIGHEST 1
#define SHALLOW_AVX2_BYTES 16
#else
#define SHALLOW_HIGHEST 2
#define SHALLOW_AVX2_BYTES 32
#endif

#if SHALLOW_LOWEST == 0
namespace sse2 {
#define SHALLOW_TARGET SimdTarget::sse2
#define SHALLOW_VECTOR_BYTES 16
#define SHALLOW_FUSED 0
#define SHALLOW_REGISTERS 16
#include "shallow/engine/engine.inl"
}  // namespace sse2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif
#endif
#if SHALLOW_LOWEST <= 1
namespace avx2 {
#define SHALLOW_TARGET SimdTarget::avx2
#define SHALLOW_VECTOR_BYTES SHALLOW_AVX2_BYTES
#define SHALLOW_FUSED 1
#define SHALLOW_REGISTERS 16
#include "shallow/engine/engine.inl"
}  // namespace avx2
#endif
#if SHALLOW_LOWEST == 0
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
#if SHALLOW_HIGHEST == 2
#if SHALLOW_LOWEST < 2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,avx512f,avx512vl,avx512dq,avx512bw"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2,avx512f,avx512vl,avx512dq,avx512bw")
#endif
#endif
namespace avx512 {
#define SHALLOW_TARGET SimdTarget::avx512
#define SHALLOW_VECTOR_BYTES 64
#define SHALLOW_FUSED 1
#define SHALLOW_REGISTERS 32
#include "shallow/engine/engine.inl"
}  // namespace avx512
#if SHALLOW_LOWEST < 2
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
#endif

/// Whether there is a choice.
inline constexpr bool several_targets = SHALLOW_LOWEST < SHALLOW_HIGHEST;

/// Calls f with the engine of a target that was compiled.
template <class F>
EIGEN_ALWAYS_INLINE decltype(auto) with_target([[maybe_unused]] SimdTarget target, F&& f) {
#if SHALLOW_LOWEST == 0
  if (target == SimdTarget::sse2) return f(sse2::Engine{});
#endif
#if SHALLOW_HIGHEST == 1
  return f(avx2::Engine{});
#else
#if SHALLOW_LOWEST <= 1
  if (target != SimdTarget::avx512) return f(avx2::Engine{});
#endif
  return f(avx512::Engine{});
#endif
}

/// The best target that was compiled and that this processor has.
inline SimdTarget best_target() {
  __builtin_cpu_init();
  const bool avx2 = SHALLOW_LOWEST >= 1 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                                            __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"));
  const bool avx512 = SHALLOW_LOWEST == 2 || (SHALLOW_HIGHEST == 2 && avx2 && __builtin_cpu_supports("avx512f") &&
                                              __builtin_cpu_supports("avx512vl") &&
                                              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"));
  return avx512 ? SimdTarget::avx512 : avx2 ? SimdTarget::avx2 : SimdTarget::sse2;
}
#undef SHALLOW_LOWEST
#undef SHALLOW_HIGHEST
#undef SHALLOW_AVX2_BYTES

#elif defined(__GNUC__) && \
    (defined(__aarch64__) || defined(__wasm_simd128__) || (defined(__VX__) && defined(__ARCH__) && __ARCH__ >= 12))

namespace vectors {
#define SHALLOW_TARGET SimdTarget::vectors
#define SHALLOW_VECTOR_BYTES 16
#ifdef __wasm__
#define SHALLOW_FUSED 0
#define SHALLOW_REGISTERS 16
#else
#define SHALLOW_FUSED 1
#define SHALLOW_REGISTERS 32
#endif
#include "shallow/engine/engine.inl"
}  // namespace vectors
inline constexpr bool several_targets = false;
template <class F>
EIGEN_ALWAYS_INLINE decltype(auto) with_target(SimdTarget, F&& f) {
  return f(vectors::Engine{});
}
inline SimdTarget best_target() { return SimdTarget::vectors; }

#else

inline constexpr bool several_targets = false;
template <class F>
EIGEN_ALWAYS_INLINE decltype(auto) with_target(SimdTarget, F&& f) {
  return f(numbers::Engine{});
}
inline SimdTarget best_target() { return SimdTarget::numbers; }

#endif

/// The target in use, and 1: 0 before it is chosen.
inline constinit std::atomic<int> target_in_use{0};

EIGEN_DONT_INLINE inline SimdTarget choose_target() {
  const SimdTarget best = best_target();
  target_in_use.store(int(best) + 1, std::memory_order_relaxed);
  return best;
}

/// Calls f with the engine for numbers of type T.
template <class T, class F>
EIGEN_ALWAYS_INLINE decltype(auto) with_engine(F&& f) {
  if constexpr (!has_constants<T>) {
    return f(numbers::Engine{});
  } else if constexpr (!several_targets) {
    return with_target(SimdTarget(), f);
  } else {
    const int chosen = target_in_use.load(std::memory_order_relaxed);
    return with_target(chosen != 0 ? SimdTarget(chosen - 1) : choose_target(), f);
  }
}

/// For tests, which see that all targets compute alike: calls f with the engine of every target that was compiled and
/// that this processor has, the one of single numbers first.
template <class F>
void for_each_target(F&& f) {
  f(numbers::Engine{});
  SimdTarget last = SimdTarget::numbers;
  for (const SimdTarget target : {SimdTarget::sse2, SimdTarget::avx2, SimdTarget::avx512, SimdTarget::vectors}) {
    if (target > best_target()) break;
    with_target(target, [&](auto engine) {
      if (std::exchange(last, engine.target) != engine.target) f(engine);
    });
  }
}
/// For tests: computes with this target from now on, if it was compiled and the processor has it; says whether.
inline bool use_target(SimdTarget wanted) {
  bool found = false;
  for_each_target([&](auto engine) { found = found || (engine.target == wanted && wanted != SimdTarget::numbers); });
  if (found) target_in_use.store(int(wanted) + 1, std::memory_order_relaxed);
  return found;
}

}  // namespace detail

/// The instruction set that the engine computes with on this machine.
inline SimdTarget simd_target() {
  return detail::with_engine<float>([](auto engine) { return decltype(engine)::target; });
}
/// "avx512", say.
inline std::string_view name_of(SimdTarget target) {
  constexpr std::array<std::string_view, 5> names{"numbers", "sse2", "avx2", "avx512", "vectors"};
  return names[static_cast<std::size_t>(target)];
}

}  // namespace shallow

#undef SHALLOW_LAMBDA
