// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the library throws. Every message names the function, the argument, what was expected and what was given:
///
///     fit: X: expected 2 rows (n_x), one column a sample, given 3 x 400
///
/// Where exceptions are switched off (-fno-exceptions), an error prints "shallow: " and its message to stderr and calls
/// std::abort(); nothing of the library but this file knows the difference. What needs Eigen alone compiles so, and
/// without run-time type information (-fno-rtti). A "Throws" line then reads: aborts.

#include "shallow/types.hpp"

#include <atomic>
#include <clocale>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace shallow {

/// A matrix has another shape than the function needs.
class ShapeError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// A number, label or setting is outside of what the function takes.
class ValueError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// A file cannot be read or written, or does not hold what its format promises.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

// None of what follows is inlined: an error's text would otherwise be the larger part of many a function.

/// Throws `error`; where exceptions are switched off, prints its text and aborts.
template <class Error>
[[noreturn]] void raise(const Error& error) {
#ifdef __cpp_exceptions
  throw error;
#else
  std::fprintf(stderr, "shallow: %s\n", error.what());
  std::abort();
#endif
}

/// Whether f() returns. Where exceptions are switched off, it does or the program ends.
template <class F>
bool succeeds(F&& f) {
#ifdef __cpp_exceptions
  try {
    f();
  } catch (...) {
    return false;
  }
#else
  f();
#endif
  return true;
}

/// The first error of several things that are done side by side.
class FirstError {
 public:
  /// Calls f(), and keeps what it throws. Nothing more is called after an error.
  template <class F>
  void watch(F&& f) noexcept {
#ifdef __cpp_exceptions
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      f();
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
#else
    f();
#endif
  }
  /// Throws it, if there was one. Everything has returned by then.
  void raise_again() const {
#ifdef __cpp_exceptions
    if (error_) std::rethrow_exception(error_);
#endif
  }

 private:
#ifdef __cpp_exceptions
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
#endif
};

/// What f() returns; where memory that it asks for is not to be had, what refuse() throws.
template <class F, class Refuse>
auto within_memory(F&& f, [[maybe_unused]] Refuse&& refuse) {
#ifdef __cpp_exceptions
  try {
    return f();
  } catch (const std::bad_alloc&) {
    refuse();
  } catch (const std::length_error&) {
    refuse();
  }
  std::abort();  // refuse() does not return
#else
  return f();
#endif
}

/// The parts one after the other. One function for all texts: what each would append by itself is 4 KiB of a small
/// program. (And at -O3 GCC 12 sees an overlap in sums of strings that is not there, its bug 105651.)
EIGEN_DONT_INLINE inline std::string concatenated(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text.append(part);
  return text;
}

/// "function: argument: expected ..., given ..." thrown as `Error`.
template <class Error>
[[noreturn]] EIGEN_DONT_INLINE void raise_expected(std::string_view function, std::string_view argument,
                                                   std::string_view expected, std::string_view given) {
  raise(Error(concatenated({function, ": ", argument, ": expected ", expected, ", given ", given})));
}

/// A number as text, short and exact enough to recognise it; with a point, whatever the locale's is.
EIGEN_DONT_INLINE inline std::string to_text(double number) {
  // printf may put a sign or more beside it.
  if (number != number) return "nan";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.9g", number);
  std::string text = buffer;
  const std::string_view point = std::localeconv()->decimal_point;
  if (point.empty() || point == ".") return text;
  if (const std::size_t at = text.find(point); at != std::string::npos) text.replace(at, point.size(), ".");
  return text;
}
template <class Number>
EIGEN_DONT_INLINE std::string to_text(const Number& number) {
  if constexpr (std::is_integral_v<Number>) {
    return std::to_string(number);
  } else if constexpr (ConvertsToDouble<Number>) {
    return to_text(as_double(number));
  } else {
    return "a number that has no text";
  }
}

/// "W1"
template <class Number>
EIGEN_DONT_INLINE std::string numbered(const char* words, Number number) {
  return concatenated({words, std::to_string(number)});
}

/// "rows x cols" of a shape.
EIGEN_DONT_INLINE inline std::string shape_text(Index rows, Index cols) {
  return concatenated({to_text(rows), " x ", to_text(cols)});
}

}  // namespace detail
}  // namespace shallow
