// SPDX-License-Identifier: MIT
#include "shallow/error.hpp"

#include <doctest/doctest.h>

#include <concepts>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

using shallow::FileError;
using shallow::ShapeError;
using shallow::ValueError;
using shallow::detail::raise;
using shallow::detail::raise_expected;
using shallow::detail::shape_text;
using shallow::detail::to_text;

// Bad arguments are std::invalid_argument, bad files std::runtime_error, and neither of ours is another of ours.
static_assert(std::derived_from<ShapeError, std::invalid_argument>);
static_assert(std::derived_from<ValueError, std::invalid_argument>);
static_assert(std::derived_from<FileError, std::runtime_error>);
static_assert(!std::derived_from<ShapeError, ValueError> && !std::derived_from<ValueError, ShapeError>);
static_assert(!std::derived_from<FileError, std::logic_error> && !std::derived_from<ShapeError, std::runtime_error>);
// An exception that is copied as it is caught must not throw then.
static_assert(std::is_nothrow_copy_constructible_v<ShapeError> && std::is_nothrow_copy_constructible_v<ValueError> &&
              std::is_nothrow_copy_constructible_v<FileError>);

TEST_CASE_TEMPLATE("An error keeps its text, and is caught as a std::exception", Error, ShapeError, ValueError,
                   FileError) {
  CHECK_THROWS_WITH_AS(raise(Error("what went wrong")), "what went wrong", Error);
  CHECK_THROWS_WITH_AS(raise(Error(std::string("what went wrong"))), "what went wrong", std::exception);
}

TEST_CASE_TEMPLATE("The text names function, argument, what was expected and what was given", Error, ShapeError,
                   ValueError, FileError) {
  CHECK_THROWS_WITH_AS(raise_expected<Error>("fit", "X", "2 rows (n_x)", "3 x 400"),
                       "fit: X: expected 2 rows (n_x), given 3 x 400", Error);
  CHECK_THROWS_WITH_AS(raise_expected<Error>(std::string("a"), std::string("b"), std::string("c"), std::string("d")),
                       "a: b: expected c, given d", Error);
}

TEST_CASE("shape_text is rows x columns") {
  CHECK(shape_text(3, 400) == "3 x 400");
  CHECK(shape_text(0, 0) == "0 x 0");
}

TEST_CASE_TEMPLATE("to_text of whole numbers gives every digit", T, signed char, int, long, long long, unsigned,
                   unsigned long long) {
  CHECK(to_text(T(0)) == "0");
  CHECK(to_text(T(42)) == "42");
  CHECK(to_text(std::numeric_limits<T>::max()) == std::to_string(std::numeric_limits<T>::max()));
  CHECK(to_text(std::numeric_limits<T>::min()) == std::to_string(std::numeric_limits<T>::min()));
}

TEST_CASE_TEMPLATE("to_text of a number is short and recognisable", T, float, double, long double) {
  CHECK(to_text(T(0)) == "0");
  CHECK(to_text(T(1.5)) == "1.5");
  CHECK(to_text(T(-2)) == "-2");
  CHECK(to_text(T(1024)) == "1024");
  CHECK(to_text(std::numeric_limits<T>::infinity()) == "inf");
  CHECK(to_text(-std::numeric_limits<T>::infinity()) == "-inf");
  CHECK(to_text(std::numeric_limits<T>::quiet_NaN()) == "nan");
}

TEST_CASE("to_text: nine digits, which name a float exactly") {
  CHECK(to_text(0.1) == "0.1");
  CHECK(to_text(1e-12) == "1e-12");
  CHECK(to_text(1.0000001) == "1.0000001");
  for (const float x : {0.1F, 1.0000001F, -3.4028235e38F, 1.17549435e-38F, 0.33333334F, 16777217.0F}) {
    CHECK(std::strtof(to_text(x).c_str(), nullptr) == x);
  }
}

TEST_CASE("to_text of a user's number that converts to double") {
  struct Half {
    double twice;
    explicit operator double() const { return twice / 2; }
  };
  CHECK(to_text(Half{3}) == "1.5");
}
