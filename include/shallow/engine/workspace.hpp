// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The memory of the engine: of a model's parameters, and of a pass.

#include "shallow/engine/layout.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cstddef>
#include <new>
#include <type_traits>
#include <vector>

namespace shallow {

namespace detail {

/// Memory of a cache line's alignment, whatever the compiler's flags: what is stored in it has one layout in every
/// object file of a program.
template <class T>
struct CacheAligned {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  CacheAligned() = default;
  template <class U>
  CacheAligned(const CacheAligned<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
  friend bool operator==(const CacheAligned&, const CacheAligned&) { return true; }
};

template <class T>
using AlignedVector = std::vector<T, CacheAligned<T>>;

/// The parameters of a model: so many numbers, and behind them a cache line of zeros, because the engine reads W and b
/// in whole packs.
template <class T>
class ParameterStorage {
 public:
  ParameterStorage() = default;
  explicit ParameterStorage(std::size_t count) { resize(count); }

  void resize(std::size_t count) { numbers_.resize(count + line); }
  std::size_t size() const { return numbers_.size() - (std::min)(numbers_.size(), line); }
  T* data() { return numbers_.data(); }
  const T* data() const { return numbers_.data(); }
  friend bool operator==(const ParameterStorage& a, const ParameterStorage& b) {
    return std::equal(a.data(), a.data() + a.size(), b.data(), b.data() + b.size());
  }

 private:
  static constexpr std::size_t line = std::max<std::size_t>(64 / sizeof(T), 1);
  AlignedVector<T> numbers_;
};

template <class Model, shallow::Scalar T>
class Pass;
template <class Model, shallow::Scalar T>
class TilePass;
template <class Model, shallow::Scalar T>
class SamplePass;

}  // namespace detail

/// The reusable storage of a pass: give one to repeated calls and only the first of them allocates. It belongs to no
/// model; one call uses it at a time.
template <shallow::Scalar T>
class PassWorkspace {
 public:
  /// Forgets and frees everything.
  void clear() { *this = PassWorkspace(); }

 private:
  template <class, shallow::Scalar>
  friend class detail::Pass;
  template <class, shallow::Scalar>
  friend class detail::TilePass;
  template <class, shallow::Scalar>
  friend class detail::SamplePass;

  /// Where a layer keeps what belongs to it.
  struct Slot {
    Index z = 0;
    Index a = 0;
    Index d = 0;        ///< dJ/dZ
    Index scratch = 0;  ///< of the products
  };

  T* at(Index offset) { return memory_.data() + offset; }
  /// Where the targets of a tile go: numbers, or class labels.
  template <class Target>
  Target* targets() {
    if constexpr (std::is_same_v<Target, T>) {
      return at(targets_);
    } else {
      return labels_.data();
    }
  }
  /// Room for so many numbers; false if what was there is gone.
  bool hold(Index count) {
    if (memory_.size() >= static_cast<std::size_t>(count)) return true;
    memory_ = detail::AlignedVector<T>();  // frees before it allocates
    memory_.resize(static_cast<std::size_t>(count));
    return false;
  }
  /// The workspace of one of several that work side by side.
  PassWorkspace& of(Index worker) { return worker == 0 ? *this : others_[static_cast<std::size_t>(worker - 1)]; }

  detail::AlignedVector<T> memory_;
  std::vector<Slot> slots_;
  std::vector<int> labels_;
  Index input_ = 0;
  Index targets_ = 0;
  Index input_d_ = 0;  ///< dJ/dX
  // Of those who work side by side.
  std::vector<PassWorkspace> others_;
  detail::AlignedVector<T> gradients_;  ///< of several tiles
  std::vector<T> losses_;
};

}  // namespace shallow
