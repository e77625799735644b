// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Several threads for `fit` and `predict`:
///
///     fit(net, X, Y, Adam{}, {.epochs = 10}, Threads{4});       // of this call's own
///     ThreadPool pool(4);                                       // or of many calls
///     fit(net, X, Y, Adam{}, {.epochs = 10}, pool);
///     net.predict(X, pool);
///
/// Whatever their number, the bits are those of one thread. Batches that are not worth it stay on one.

#include "shallow/engine/executor.hpp"
#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<thread>) && !(defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__))
#include <thread>
#endif

namespace shallow {

namespace detail {

#if __has_include(<thread>) && !(defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__))
using Thread = std::thread;
inline constexpr bool have_threads = true;
inline Index hardware_threads() { return (std::max)(Index(1), Index(std::thread::hardware_concurrency())); }
inline void give_way() { std::this_thread::yield(); }
#else
/// Where there are none, every pool is of one.
struct Thread {
  template <class F>
  explicit Thread(F&&) {}
  void join() {}
};
inline constexpr bool have_threads = false;
inline Index hardware_threads() { return 1; }
inline void give_way() {}
#endif

/// \throws ValueError threads: expected 0 to 1024
inline void require_thread_count(Index threads) {
  if (threads < 0 || threads > 1024) {
    raise_expected<ValueError>("ThreadPool", "threads", "0 to 1024", to_text(threads));
  }
}

/// Tells the processor that this thread waits for another.
inline void spin_once() {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
  __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace detail

/// Threads that wait for work: an Executor. The one that asks for work takes part in it. A pool serves one call at a
/// time; of calls at the same time, the second does its work alone.
///
/// Between two pieces of work, which in training are a few microseconds apart, the threads stay awake, for about 50
/// microseconds; then they sleep.
class ThreadPool {
 public:
  /// `threads` of them, the caller's own among them; 0: as many as the machine has. Fewer, if the system gives no more.
  /// \throws ValueError threads: expected 0 to 1024
  explicit ThreadPool(Index threads = 0) {
    detail::require_thread_count(threads);
    if (!detail::have_threads) return;
    const Index wanted = threads == 0 ? (std::min)(detail::hardware_threads(), Index(1024)) : threads;
    threads_.reserve(static_cast<std::size_t>(wanted - 1));
    while (Index(threads_.size()) < wanted - 1 &&
           detail::succeeds([&] { threads_.emplace_back([this] { serve(); }); })) {
    }
  }
  /// Ends the threads.
  ~ThreadPool() {
    ended_.store(true, std::memory_order_relaxed);
    wake();
    for (detail::Thread& thread : threads_) thread.join();
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Threads that work at once, the caller's own among them.
  Index concurrency() const { return Index(threads_.size()) + 1; }

  /// Calls f(0) .. f(n - 1), each once, and returns when all have returned. f does not throw. n < 2^32.
  template <class F>
  void run(Index n, F&& f) {
    if (n <= 1 || threads_.empty() || busy_.exchange(true, std::memory_order_acquire)) {
      for (Index i = 0; i < n; ++i) f(i);
      return;
    }
    using Work = std::remove_reference_t<F>;
    call_ = [](void* work, Index i) { (*static_cast<Work*>(work))(i); };
    work_ = const_cast<void*>(static_cast<const void*>(std::addressof(f)));
    left_.store(n, std::memory_order_relaxed);
    const std::uint64_t round = (tickets_.load(std::memory_order_relaxed) >> 32) + 1;
    tickets_.store(round << 32 | static_cast<std::uint32_t>(n), std::memory_order_release);
    wake();
    take_part(round);
    for (int spins = 0; left_.load(std::memory_order_acquire) != 0; ++spins) {
      if (spins < kSpins) {
        detail::spin_once();
      } else {
        detail::give_way();
      }
    }
    busy_.store(false, std::memory_order_release);
  }

 private:
  static constexpr int kSpins = 2'000;

  void wake() {
    round_.fetch_add(1, std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst) > 0) round_.notify_all();
  }

  /// Takes tickets of a round as long as there are any. Who holds one keeps the round from ending.
  void take_part(std::uint64_t round) {
    std::uint64_t ticket = tickets_.load(std::memory_order_acquire);
    while (ticket >> 32 == round && static_cast<std::uint32_t>(ticket) != 0) {
      if (!tickets_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acquire)) continue;
      call_(work_, static_cast<Index>(static_cast<std::uint32_t>(ticket)) - 1);
      left_.fetch_sub(1, std::memory_order_release);
      ticket = tickets_.load(std::memory_order_acquire);
    }
  }

  /// What a thread does.
  void serve() {
    int seen = 0;
    while (true) {
      int now = round_.load(std::memory_order_acquire);
      for (int spins = 0; now == seen && spins < kSpins; ++spins) {
        detail::spin_once();
        now = round_.load(std::memory_order_acquire);
      }
      if (now == seen) {
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        round_.wait(seen, std::memory_order_seq_cst);
        sleeping_.fetch_sub(1, std::memory_order_seq_cst);
        continue;
      }
      seen = now;
      if (ended_.load(std::memory_order_relaxed)) return;
      take_part(tickets_.load(std::memory_order_acquire) >> 32);
    }
  }

  // What the threads write lies on cache lines of its own.
  alignas(64) std::atomic<std::uint64_t> tickets_{0};  ///< the round, and below it how many are left to take
  alignas(64) std::atomic<Index> left_{0};             ///< not done yet
  alignas(64) std::atomic<int> round_{0};              ///< changes when there is work, or an end
  std::atomic<int> sleeping_{0};
  std::atomic<bool> ended_{false};
  std::atomic<bool> busy_{false};
  void (*call_)(void* work, Index i) = nullptr;
  void* work_ = nullptr;
  std::vector<detail::Thread> threads_;
};

/// Asks `fit` or `predict` for so many threads, for the time of the call.
struct Threads {
  Index count = 0;  ///< 0: as many as the machine has

  /// \private
  ThreadPool executor() const { return ThreadPool(count); }
  /// \private For who does not come to start them.
  void require_count() const { detail::require_thread_count(count); }
};

}  // namespace shallow
