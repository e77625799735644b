// SPDX-License-Identifier: MIT

/// \file
/// Choice: bit 0 no header, bit 1 missing values become NaN, bit 2 floats, bits 3 and 4 the separator; with bit 7 the
/// bytes are no file but one number.

#include "shallow/io/csv.hpp"

#include "fuzz.hpp"

#include <cmath>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

using shallow::io::CsvOptions;

template <class T>
void check_file(std::string_view bytes, const CsvOptions& options) {
  const auto read = [&](const auto& path) { return shallow::io::read_csv<T>(path, options); };
  const auto table = fuzz::taken("read_csv", fuzz::file_of(bytes), read);
  if (!table) return;
  const auto& values = table->values;
  fuzz::demand(values.rows() > 0 && values.cols() > 0, "a table has a line with a field");
  fuzz::demand(static_cast<std::size_t>(values.size()) <= bytes.size() + 1, "a field takes a byte, but for the last");
  fuzz::demand(
      options.header ? values.rows() == static_cast<shallow::Index>(table->names.size()) : table->names.empty(),
      "a name for every field, if there is a header");
  for (const T value : values.reshaped()) {
    fuzz::demand(std::isfinite(value) || (options.missing_as_nan && std::isnan(value)), "numbers are finite");
  }
  const auto again = fuzz::written_and_read(
      [&](const auto& path) { shallow::io::write_csv(path, values, table->names, options.separator); }, read);
  fuzz::demand(again.names == table->names, "names come back");
  fuzz::demand(fuzz::same_bits(again.values, values), "what is written comes back to the last bit");
}

/// The C library, whose locale is "C" here, is of the same opinion on every number.
template <class T>
void check_number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string::npos) return;
  char* end = nullptr;
  T expected = 0;
  if constexpr (std::is_same_v<T, float>) {
    expected = std::strtof(text.c_str(), &end);
  } else {
    expected = std::strtod(text.c_str(), &end);
  }
  const bool number = end == text.c_str() + text.size() && std::isfinite(expected);
  T given = 0;
  fuzz::demand(shallow::detail::parse_number(text, given) == number, "the same texts are numbers");
  fuzz::demand(!number || (given == expected && std::signbit(given) == std::signbit(expected)), "the same number");
}

}  // namespace

void fuzz::run(const Input& input) {
  const bool as_float = (input.choice & 4U) != 0;
  if ((input.choice & 0x80U) != 0) {
    const std::string text(input.bytes);
    return as_float ? check_number<float>(text) : check_number<double>(text);
  }
  const CsvOptions options{.separator = ",;\t\0"[input.choice >> 3U & 3U],
                           .header = (input.choice & 1U) == 0,
                           .missing_as_nan = (input.choice & 2U) != 0};
  if (as_float) {
    check_file<float>(input.bytes, options);
  } else {
    check_file<double>(input.bytes, options);
  }
}
