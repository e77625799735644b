// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Work that is done side by side. Threads themselves are in threads.hpp, which a program that wants them includes.

#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <atomic>
#include <concepts>
#include <type_traits>

namespace shallow {

namespace detail {

/// What an executor is asked to do.
struct AnyWork {
  void operator()(Index) const noexcept {}
};

}  // namespace detail

/// Does things side by side: ThreadPool, or a class of your own around the threads that your program has.
///
///     Index concurrency()    how many at once, >= 1
///     void run(n, f)         n >= 2: calls f(0) .. f(n - 1), each once, in any order
///
/// run calls f on any threads, several at once if it likes, and returns when all calls have; f does not throw.
/// What this library computes with one has the same bits whatever it does.
template <class E>
concept Executor = requires(E& executor, Index n, const detail::AnyWork& f) {
  { executor.concurrency() } -> std::convertible_to<Index>;
  executor.run(n, f);
};

namespace detail {

/// One after the other.
struct Serial {
  static constexpr Index concurrency() { return 1; }
  template <class F>
  static void run(Index n, F&& f) {
    for (Index i = 0; i < n; ++i) f(i);
  }
};

inline constexpr Serial serial{};

template <class E>
inline constexpr bool is_serial = std::is_same_v<std::remove_cvref_t<E>, Serial>;

/// What makes an executor for the time of a call, as Threads does.
template <class E>
concept GivesExecutor = requires(const E& request) {
  { request.executor() } -> Executor;
};
template <class E>
inline constexpr bool works_side_by_side =
    Executor<std::remove_reference_t<E>> || GivesExecutor<std::remove_reference_t<E>>;

/// Calls f(executor).
template <class E, class F>
decltype(auto) with_executor(E& given, F&& f) {
  if constexpr (GivesExecutor<E>) {
    auto executor = given.executor();
    return f(executor);
  } else {
    return f(given);
  }
}

/// Calls f(i) for i < n by way of the executor. What the first of them to fail threw is thrown here, when all have
/// ended.
template <class E, class F>
void run_all(E& executor, Index n, F&& f) {
  if constexpr (is_serial<E>) {
    executor.run(n, f);
  } else if (n <= 1) {
    if (n == 1) f(Index(0));
  } else {
    FirstError first;
    executor.run(n, [&](Index i) noexcept { first.watch([&] { f(i); }); });
    first.raise_again();
  }
}

/// Gives out 0, 1, 2, ... to those who work side by side.
template <class E>
class Counter {
 public:
  Index take() { return next_++; }

 private:
  std::conditional_t<is_serial<E>, Index, std::atomic<Index>> next_{0};
};

/// So many multiplications are worth to be shared by two: about 20 microseconds of work.
inline constexpr double kSharedWork = 300'000;

/// How many should share so much work, as far as that decides.
inline double worth_sharing(Index samples, Index work_per_sample) {
  return 2 * static_cast<double>(samples) * static_cast<double>(work_per_sample) / kSharedWork;
}
/// How many do. Whatever comes out, the numbers are the same.
template <class E>
Index sharers(E& executor, Index samples, Index work_per_sample) {
  if constexpr (is_serial<E>) {
    return 1;
  } else {
    const auto most = static_cast<double>(std::clamp(Index(executor.concurrency()), Index(1), Index(1024)));
    return static_cast<Index>(std::clamp(worth_sharing(samples, work_per_sample), 1.0, most));
  }
}

/// The part k of `parts` of `count` things, in whole `units`: from share(k) to share(k + 1).
constexpr Index share(Index count, Index unit, Index k, Index parts) {
  const Index units = (count + unit - 1) / unit;
  return (std::min)(count, units * k / parts * unit);
}

/// Calls f(first, last) for parts of `size` numbers, side by side.
template <class E, class F>
void share_numbers(E& executor, Index size, Index work_per_number, F&& f) {
  const Index sharing = sharers(executor, size, work_per_number);
  constexpr Index unit = 1024;
  run_all(executor, sharing, [&](Index k) { f(share(size, unit, k, sharing), share(size, unit, k + 1, sharing)); });
}

}  // namespace detail
}  // namespace shallow
