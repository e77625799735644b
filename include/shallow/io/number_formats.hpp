// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Numbers as files hold them: as bytes, the lowest first, whatever the order of the machine; as text, whatever the
/// locale and the rounding.

#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <cfenv>
#include <charconv>
#include <clocale>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

namespace shallow::detail {

/// An unsigned number of `size` bytes, the lowest first.
inline std::uint64_t little_endian(const char* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}
/// The way back: appends it to `bytes`.
inline void append_little_endian(std::string& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
}

/// Appends numbers of 32 or 64 bits, each with its lowest byte first.
template <class T>
void append_numbers(std::string& bytes, const std::vector<T>& numbers) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  for (const T& number : numbers) append_little_endian(bytes, bit_cast<Bits>(number), sizeof(T));
}

/// Whether a decimal number that is out of range is too small, not too large: by the power of ten of the first of its
/// digits that is not zero.
inline bool is_tiny(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find_first_of("eE"));
  const std::size_t point = (std::min)(digits.find('.'), digits.size());
  const std::size_t first = (std::min)(digits.find_first_of("123456789"), digits.size());
  std::string_view written = text.substr((std::min)(digits.size() + 1, text.size()));
  if (written.starts_with('+')) written.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto error = std::from_chars(written.data(), written.data() + written.size(), exponent).ec;
  // No text is long enough to make up for such an exponent.
  if (error == std::errc::result_out_of_range) return written.starts_with('-');
  return exponent < static_cast<std::int64_t>(first) - static_cast<std::int64_t>(point);
}

/// Whether a number is neither infinite nor NaN, by its bits: a compiler may be told that there are no others
/// (-ffinite-math-only), and then takes a comparison for true.
template <std::floating_point T>
bool finite_number(T number) {
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits exponent = sizeof(T) == 4 ? Bits(0x7F800000U) : Bits(0x7FF0000000000000U);
    return (bit_cast<Bits>(number) & exponent) != exponent;
  } else {
    return std::isfinite(number);
  }
}
/// Whether a number that is not finite is NaN.
template <std::floating_point T>
bool nan_number(T number) {
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits fraction = sizeof(T) == 4 ? Bits(0x007FFFFFU) : Bits(0x000FFFFFFFFFFFFFU);
    return (bit_cast<Bits>(number) & fraction) != 0;
  } else {
    return std::isnan(number);
  }
}

/// While one lives, numbers are rounded to nearest, as text and numbers come from each other by. The C library's
/// functions take the mode that is set, and so do those of libstdc++ that read a short number by a division.
class RoundToNearest {
 public:
#ifdef FE_TONEAREST
  RoundToNearest() : before_(std::fegetround()) {
    if (before_ != FE_TONEAREST) std::fesetround(FE_TONEAREST);
  }
  ~RoundToNearest() {
    if (before_ != FE_TONEAREST) std::fesetround(before_);
  }
#else
  RoundToNearest() : before_(0) {}
  ~RoundToNearest() {}
#endif
  RoundToNearest(const RoundToNearest&) = delete;
  RoundToNearest& operator=(const RoundToNearest&) = delete;

 private:
  int before_;
};

/// The number that strtod makes of all of `text`, which has a point whatever the locale's is; false if it is none.
template <std::floating_point T>
bool to_number(std::string_view text, T& number) {
  std::string digits(text);
  const std::string_view point = std::localeconv()->decimal_point;
  if (const std::size_t at = digits.find('.'); at != std::string::npos && point != ".") digits.replace(at, 1, point);
  char* end = nullptr;
  if constexpr (std::same_as<T, float>) {
    number = std::strtof(digits.c_str(), &end);
  } else if constexpr (std::same_as<T, double>) {
    number = std::strtod(digits.c_str(), &end);
  } else {
    number = std::strtold(digits.c_str(), &end);
  }
  return end == digits.c_str() + digits.size();
}

/// A number written with a point, in full; false if the text is something else.
template <std::floating_point T>
bool parse_number(std::string_view text, T& number) {
  const RoundToNearest nearest;
  if (text.size() > 1 && text.front() == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
#if defined(__cpp_lib_to_chars) && __cpp_lib_to_chars >= 201611L
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range && end == text.data() + text.size()) {
    // Too small is the nearest number, 0 or one that is not normal; too large is no number that could be worked with.
    return is_tiny(text) && to_number(text, number);
  }
  return error == std::errc() && end == text.data() + text.size();
#else
  // libc++ before 20. A stream would refuse what is too small to be normal; strtod takes more than a number is written
  // with: spaces, hexadecimal digits, and the locale's point instead of a point.
  const std::string_view magnitude = text.substr(text.starts_with('-') ? 1 : 0);
  const bool word = !magnitude.empty() && std::string_view("iInN").find(magnitude.front()) != std::string_view::npos;
  if (!word && (magnitude.empty() || magnitude.find_first_not_of("0123456789.eE+-") != std::string_view::npos)) {
    return false;
  }
  return to_number(text, number) && (word || finite_number(number));
#endif
}

/// Appends a number as text, with a point and no more digits than bring back the same number.
template <std::floating_point T>
void append_exact(std::string& text, T number) {
  if constexpr (requires(char* at) { std::to_chars(at, at, number); }) {
    std::array<char, 64> digits;
    text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  } else {
    // libc++ before 14, and so Emscripten 3.1.6. The same number, though not always in as few characters.
    const RoundToNearest nearest;
    std::string candidate;
    T back{};
    for (int digits = 1; digits <= std::numeric_limits<T>::max_digits10; ++digits) {
      std::ostringstream stream;
      stream.imbue(std::locale::classic());
      stream.precision(digits);
      stream << number;
      candidate = stream.str();
      if (parse_number(candidate, back) && back == number) break;
    }
    text.append(candidate);
  }
}
template <std::floating_point T>
std::string exact_text(T number) {
  std::string text;
  append_exact(text, number);
  return text;
}

}  // namespace shallow::detail
