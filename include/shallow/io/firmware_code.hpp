// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The C++ that every header of write_firmware (firmware.hpp) is made of, and how C++ spells numbers, texts and names.

#include "shallow/io/number_formats.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>

namespace shallow::detail {

/// Whether a written network may have this name. It is that of a namespace in an inline namespace (kFirmwareFile),
/// where it hides nothing and is hidden by nothing: before `::` C++ looks for namespaces and types alone, so that
/// functions and variables of the C library (`random`, `signal`, `y0`) are not in the way. What is in the way:
///
///     keywords; what belongs to the implementation or the standard (`__`, `_` in front, std, posix, main)
///     macros            have a form, all but a few: in front a capital that no lower-case letter follows (NAN, M_PIf)
///     types of C        have a form, all but a few: `_t` at the end, `u_` in front, a capital in front as above (FILE)
///
/// The functions of <cmath> are refused, too: in their place a reader would expect a number.
inline bool is_free_identifier(std::string_view name) {
  static constexpr std::string_view taken =
      " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class "
      "co_await "
      "co_return co_yield compl concept const contract_assert const_cast consteval constexpr constinit continue "
      "decltype default "
      "delete do "
      "double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable "
      "namespace "
      "new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires "
      "return "
      "short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try "
      "typedef "
      "typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq main "
      "posix std "
      "abs acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh div erf erfc exp exp2 expm1 fabs fdim "
      "floor fma "
      "fmax fmin fmod fpclassify frexp gamma hypot ilogb isfinite isinf isnan isnormal j0 j1 jn ldexp lgamma llrint "
      "llround "
      "log log10 log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow remainder remquo rint round "
      "scalbln "
      "scalbn signbit sin sinh sqrt tan tanh tgamma trunc y0 y1 yn ";
  // The few without a form: macros of C, POSIX, GCC's GNU mode (of other processors, too) and newlib, then types that
  // <cmath> brings along or C has.
  static constexpr std::string_view formless =
      " complex environ errno imaginary linux math_errhandling signgam stderr stdin stdout unix "
      "arm avr hppa i386 i486 i586 i686 m68k mips pic sparc sun vax "
      "drand48_data fd_mask fd_set lconv random_data timespec timeval tm uint ulong ushort shallow_firmware ";
  constexpr std::string_view capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::string_view lower_case = "abcdefghijklmnopqrstuvwxyz";
  constexpr std::string_view digits = "0123456789";
  const auto is_in = [](std::string_view letters, char c) { return letters.find(c) != std::string_view::npos; };
  const auto in_identifiers = [&](char c) {
    return c == '_' || is_in(lower_case, c) || is_in(capitals, c) || is_in(digits, c);
  };
  if (!std::all_of(name.begin(), name.end(), in_identifiers) || name.find("__") != std::string_view::npos) return false;
  const std::string_view first = name.substr(0, 1);
  const std::string_view second = name.substr(std::min<std::size_t>(1, name.size()), 1);
  const bool word = !first.empty() && is_in(lower_case, first[0]);
  const bool title = !second.empty() && is_in(capitals, first[0]) && is_in(lower_case, second[0]);
  if (!word && !title) return false;
  if (name.starts_with("u_") || name.ends_with("_t")) return false;
  const std::string spaced = " " + std::string(name) + " ";
  return taken.find(spaced) == std::string_view::npos && formless.find(spaced) == std::string_view::npos;
}

/// A text as a string literal of C++: outside of printable ASCII in octal, always three digits, so that neither the
/// compiler's idea of the file's encoding nor a digit that follows changes a byte, and without trigraphs.
inline std::string string_literal(std::string_view text) {
  std::string literal = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 32 || byte > 126) {
      literal.push_back('\\');
      for (const unsigned shift : {6U, 3U, 0U}) literal.push_back(static_cast<char>('0' + (byte >> shift & 7U)));
      continue;
    }
    if (byte == '"' || byte == '\\' || (byte == '?' && i > 0 && text[i - 1] == '?')) literal.push_back('\\');
    literal.push_back(text[i]);
  }
  return literal.append("\"");
}

/// A finite number as a literal of its type: 1.0f, -2.5e-05f, 0.1.
template <class T>
std::string number_literal(T number) {
  std::string literal = exact_text(number);
  if (literal.find_first_of(".e") == std::string::npos) literal.append(".0");
  if constexpr (std::is_same_v<T, float>) literal.push_back('f');
  return literal;
}

/// `text` with what stands in `parts` for every @{name}. One pass: what is put in is left as it is.
inline std::string filled(std::string_view text, const std::map<std::string_view, std::string>& parts) {
  std::string result;
  for (std::size_t at = text.find("@{"); at != std::string_view::npos; at = text.find("@{")) {
    const std::size_t end = text.find('}', at);
    result.append(text.substr(0, at)).append(parts.at(text.substr(at + 2, end - at - 2)));
    text.remove_prefix(end + 1);
  }
  return result.append(text);
}

/// What stands in every written header, the parts in @{...} being its own.
inline constexpr std::string_view kFirmwareFile =
    R"(// Written by shallow @{version}. Not to be edited: a net that is trained again is written again.
#pragma once

/// \file
/// A trained neural net:
///
///     @{shape} (@{scalar}), @{parameters} parameters@{scaler}
///
/// Use:
///
///     @{scalar} x[@{name}::n_x] = {...};
///     @{scalar} y[@{name}::n_y];
///     @{name}::predict(x, y);
///
/// Bytes: @{constant bytes} of numbers; on the stack @{array bytes} of arrays in predict, and what calls save.
/// Needs C++17 and <cmath>; no heap, no exceptions, no RTTI.

#include <cmath>

// Inline: what is in it is named as if it were not. Its name may be that of a function of C, which is then called with
// std:: before it, as the name alone may be either.
inline namespace shallow_firmware {
namespace @{name} {

/// How many numbers predict reads, and writes.
inline constexpr int n_x = @{n_x};
inline constexpr int n_y = @{n_y};
@{classes}
namespace detail {

using Scalar = @{scalar};
inline constexpr Scalar largest = @{largest};
inline constexpr Scalar tiny = @{tiny};
@{constants}
/// v, or the largest number where v is beyond it.
inline Scalar bounded(Scalar v) noexcept { return v > largest ? largest : v < -largest ? -largest : v; }

/// (b + the sum of the n products w[i] x[i]) times scale^2.
inline Scalar unit(const Scalar* w, Scalar b, const Scalar* x, int n, Scalar scale) noexcept {
  Scalar sum = b * scale * scale;
  for (int i = 0; i < n; ++i) sum += (w[i] * scale) * (x[i] * scale);
  return sum;
}

/// z = W x + b: n_out sums of n_in products, W row after row.
inline void dense(const Scalar* w, const Scalar* b, const Scalar* x, int n_in, Scalar* z, int n_out) noexcept {
  const Scalar* row = w;
  int o = 0;
  // Four at a time: their sums do not wait for each other.
  for (; n_out - o >= 4; o += 4) {
    const Scalar* const row1 = row + n_in;
    const Scalar* const row2 = row1 + n_in;
    const Scalar* const row3 = row2 + n_in;
    Scalar z0 = b[o], z1 = b[o + 1], z2 = b[o + 2], z3 = b[o + 3];
    for (int i = 0; i < n_in; ++i) {
      z0 += row[i] * x[i];
      z1 += row1[i] * x[i];
      z2 += row2[i] * x[i];
      z3 += row3[i] * x[i];
    }
    z[o] = z0;
    z[o + 1] = z1;
    z[o + 2] = z2;
    z[o + 3] = z3;
    row = row3 + n_in;
  }
  for (; o < n_out; ++o, row += n_in) z[o] = unit(row, b[o], x, n_in, 1);
  // A sum that left the range, and may be NaN by now, is made again of smaller numbers.
  for (o = 0, row = w; o < n_out; ++o, row += n_in) {
    if (!(z[o] <= largest && z[o] >= -largest)) z[o] = bounded(unit(row, b[o], x, n_in, tiny) / tiny / tiny);
  }
}
@{functions}
}  // namespace detail

/// x (n_x numbers) to y (n_y numbers), which must not overlap.
inline void predict(const @{scalar}* x, @{scalar}* y) noexcept {
@{arrays}@{body}}

}  // namespace @{name}
}  // namespace shallow_firmware
)";

// Functions that a header has if its net needs them, at @{functions}.

inline constexpr std::string_view kFirmwareScaled = R"(
/// A feature on the scale that the net was trained on.
inline Scalar scaled(Scalar x, Scalar mean, Scalar scale) noexcept { return bounded((x - mean) / scale); }
)";

inline constexpr std::string_view kFirmwareSigmoid = R"(
/// 1 / (1 + e^-z), of the exponential that cannot overflow.
inline Scalar sigmoid(Scalar z) noexcept {
  const Scalar e = std::exp(z < 0 ? z : -z);
  return (z < 0 ? e : 1) / (1 + e);
}
)";

inline constexpr std::string_view kFirmwareReLU = R"(
/// max(0, z); NaN stays NaN.
inline Scalar relu(Scalar z) noexcept { return z < 0 ? 0 : z; }
)";

inline constexpr std::string_view kFirmwareLeakyReLU = R"(
/// z, times slope left of zero.
inline Scalar leaky_relu(Scalar z, Scalar slope) noexcept { return z < 0 ? slope * z : z; }
)";

inline constexpr std::string_view kFirmwareSoftmax = R"(
/// e^z[i] / (sum of all e^z[k]), in place; less the largest z, so that nothing overflows.
inline void softmax(Scalar* z, int n) noexcept {
  Scalar top = z[0];
  for (int i = 1; i < n; ++i) top = z[i] > top ? z[i] : top;
  Scalar sum = 0;
  for (int i = 0; i < n; ++i) {
    z[i] = std::exp(z[i] - top);
    sum += z[i];
  }
  for (int i = 0; i < n; ++i) z[i] /= sum;
}
)";

}  // namespace shallow::detail
