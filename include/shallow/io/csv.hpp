// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Reader and writer of CSV files of numbers (RFC 4180): a line is a sample and becomes a column of the matrix.
///
/// Fields are separated by commas or what the options say, and may stand in double quotes, in which a quote is doubled
/// and a line may end. Lines end in LF, CR LF or CR; a UTF-8 byte order mark is skipped, and so are blank lines at the
/// end. Numbers are read and written with a point whatever the locale and the rounding mode, and written with as many
/// digits as bring back the same number.
///
/// Memory: the file, twice the matrix, and the names; at most 40 times the file, whatever stands in it. What memory
/// does not hold is refused: the file twice before it is read, the numbers before they are.

#include "shallow/error.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/io/open_file.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallow::io {

/// How a CSV file is written down.
struct CsvOptions {
  char separator = ',';         ///< between fields: of ASCII, no letter, digit, sign, point, quote or end of a line
  bool header = true;           ///< whether the first line has the names of the columns
  bool missing_as_nan = false;  ///< an empty field, NA, NaN or null becomes NaN instead of an error
};

/// The content of a CSV file.
template <std::floating_point T>
struct CsvTable {
  std::vector<std::string> names;  ///< of the fields, from the header; empty without one
  Matrix<T> values;                ///< (fields x lines): a line of the file is a column
};

}  // namespace shallow::io

namespace shallow::detail {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A separator that is part of a number, or of the format, would not keep fields apart.
/// \throws ValueError separator: expected an ASCII character, no letter, digit, sign, point, quote or end of a line
inline void check_separator(std::string_view function, char separator) {
  const auto code = static_cast<unsigned char>(separator);
  const bool letter_or_digit = (code >= '0' && code <= '9') || ((code | 32U) >= 'a' && (code | 32U) <= 'z');
  if (code > 127 || letter_or_digit || std::string_view("+-.\"\r\n").find(separator) != std::string_view::npos) {
    raise_expected<ValueError>(
        function, "separator", "an ASCII character, no letter, digit, sign, point, quote or end of a line",
        code > 32 && code < 127 ? std::string("'").append(1, separator).append("'") : numbered("character ", code));
  }
}

/// In which coding that is not UTF-8, or in which other format, a text seems to be written; "" if in none.
inline std::string_view other_than_csv(std::string_view text, char separator) {
  using namespace std::string_view_literals;
  if (text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv)) {
    return "UTF-32 by its byte order mark (to be saved as UTF-8)";
  }
  if (text.starts_with("\xFF\xFE"sv)) return "UTF-16 by its byte order mark FF FE (to be saved as UTF-8)";
  if (text.starts_with("\xFE\xFF"sv)) return "UTF-16 by its byte order mark FE FF (to be saved as UTF-8)";
  // Without a mark: of the first two characters and of the last, if they are of ASCII, one byte is zero. So may the
  // separator be.
  const auto zero = [&](std::size_t at) { return text[at] == '\0'; };
  const std::size_t size = text.size();
  if (separator != '\0' && size >= 4 && zero(0) == zero(2) && zero(1) == zero(3) && zero(0) != zero(1) &&
      zero(size - 2) == zero(0) && zero(size - 1) == zero(1)) {
    return "UTF-16 by its zero bytes (to be saved as UTF-8)";
  }
  return other_format(text);
}

/// The names as the first line of a file, without its end: in quotes where they must be, and the first if asked for.
inline std::string csv_header(const std::vector<std::string>& names, char separator, bool quote_first) {
  const std::string special = std::string("\"\r\n") + separator;
  std::string text;
  for (const std::string& name : names) {
    const bool first = &name == &names.front();
    const bool quoted = (first && quote_first) || name.find_first_of(special) != std::string::npos;
    if (!first) text.push_back(separator);
    if (quoted) text.push_back('"');
    for (const char c : name) text.append(c == '"' ? 2 : 1, c);
    if (quoted) text.push_back('"');
  }
  return text;
}

/// Goes through a CSV text field by field.
class CsvReader {
 public:
  CsvReader(std::string_view function, std::string path, std::string_view text, char separator)
      : function_(function), path_(std::move(path)), text_(text), separator_(separator) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  bool at_end() const { return at_ == text_.size(); }
  /// Whether nothing stands in the line that begins here, but spaces and tabs that are no separators.
  bool at_blank_line() const {
    std::size_t at = at_;
    while (at < text_.size() && text_[at] != separator_ && (text_[at] == ' ' || text_[at] == '\t')) ++at;
    return at == text_.size() || text_[at] == '\n' || text_[at] == '\r';
  }
  /// Whether nothing else follows.
  bool only_blank_lines_follow() const {
    const std::size_t next = text_.find_first_not_of(" \t\r\n", at_);
    return next == std::string_view::npos && text_.find(separator_, at_) == std::string_view::npos;
  }
  /// The line of the file, counted from 1, in which the field read last begins.
  std::int64_t line() const { return field_line_; }
  /// The line in which the next one will begin.
  std::int64_t next_line() const { return line_; }

  /// No more fields than this follow.
  std::size_t most_fields() const {
    const auto ends = std::count_if(text_.begin() + static_cast<std::ptrdiff_t>(at_), text_.end(),
                                    [this](char c) { return ends_field(c); });
    return static_cast<std::size_t>(ends) + 1;
  }

  /// The next field; `last` becomes true if its line ends after it.
  std::string_view field(bool& last) {
    field_line_ = line_;
    std::string_view content;
    if (at_ < text_.size() && text_[at_] == '"') {
      content = quoted();
    } else {
      const std::size_t start = at_;
      while (at_ < text_.size() && !ends_field(text_[at_])) ++at_;
      content = text_.substr(start, at_ - start);
    }
    last = at_ == text_.size() || text_[at_] != separator_;
    if (last) {
      end_line();
    } else {
      ++at_;
    }
    return content;
  }

  [[noreturn]] void fail(std::int64_t line, std::string_view expected, std::string_view given) const {
    raise_expected<FileError>(function_, path_, std::string(expected).append(numbered(" in line ", line)), given);
  }

 private:
  bool ends_field(char c) const { return c == separator_ || c == '\n' || c == '\r'; }

  std::string_view quoted() {
    unquoted_.clear();
    ++at_;
    while (true) {
      if (at_ == text_.size()) fail(field_line_, "a quoted field that ends", "the end of the file");
      const char c = text_[at_++];
      if (c == '"') {
        if (at_ == text_.size() || text_[at_] != '"') break;
        ++at_;
      } else if (c == '\n' || (c == '\r' && (at_ == text_.size() || text_[at_] != '\n'))) {
        ++line_;
      }
      unquoted_.push_back(c);
    }
    if (at_ < text_.size() && !ends_field(text_[at_])) {
      fail(field_line_, "a separator or the end of the line after a quoted field", "something else");
    }
    return unquoted_;
  }
  void end_line() {
    if (at_ == text_.size()) return;
    const bool carriage_return = text_[at_++] == '\r';
    if (carriage_return && at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  std::string_view function_;
  std::string path_;
  std::string_view text_;
  char separator_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
  std::int64_t field_line_ = 1;
  std::string unquoted_;
};

/// What read_csv returns for `text`, the content of the file at `path`.
template <std::floating_point T>
io::CsvTable<T> csv_table(const std::filesystem::path& path, std::string_view text, const io::CsvOptions& options) {
  CsvReader reader("read_csv", path.string(), text, options.separator);
  io::CsvTable<T> table;
  std::size_t fields = 0;
  if (options.header && !reader.at_end()) {
    if (reader.at_blank_line() && !reader.only_blank_lines_follow()) {
      reader.fail(reader.next_line(), "names", "a blank line");
    }
    // Counted first: as they grow, vectors take three times what they hold.
    CsvReader ahead = reader;
    for (bool last = false; !last; ++fields) ahead.field(last);
    table.names.reserve(fields);
    for (bool last = false; !last;) table.names.emplace_back(reader.field(last));
  }

  const std::size_t most = reader.most_fields();
  check_memory("read_csv", path, "a table of numbers", most * sizeof(T), 2);  // and the matrix that is made of it
  std::vector<T> values;
  values.reserve(most);
  Index lines = 0;
  while (!reader.at_end()) {
    // A line of one column with nothing in it is a missing value, which may be wanted.
    const bool one_column_of_nan = options.missing_as_nan && (lines == 0 ? fields <= 1 : fields == 1);
    if (!one_column_of_nan && reader.at_blank_line()) {
      if (reader.only_blank_lines_follow()) break;
      const std::string expected = fields == 0 ? "numbers" : numbered("", fields) + " fields";
      reader.fail(reader.next_line(), expected, "a blank line");
    }
    std::size_t count = 0;
    for (bool last = false; !last;) {
      const std::string_view raw = reader.field(last);
      ++count;
      if (fields != 0 && count > fields) {
        reader.fail(reader.line(), std::to_string(fields) + " fields", "more");
      }
      const std::size_t first = raw.find_first_not_of(" \t");
      const std::string_view word = first == std::string_view::npos
                                        ? raw.substr(raw.size())
                                        : raw.substr(first, raw.find_last_not_of(" \t") - first + 1);
      const bool missing = word.empty() || word == "NA" || word == "NaN" || word == "nan" || word == "null";
      T number = std::numeric_limits<T>::quiet_NaN();
      if (!(missing && options.missing_as_nan) && (!parse_number(word, number) || !finite_number(number))) {
        std::string where = numbered("a number in column ", count);
        if (count <= table.names.size()) where.append(" (").append(quoted_excerpt(table.names[count - 1])).append(")");
        std::string given = word.empty() ? "nothing" : quoted_excerpt(word);
        if (missing) given.append(" (a missing value)");
        reader.fail(reader.line(), where, given);
      }
      values.push_back(number);
    }
    if (fields == 0) fields = count;
    if (count != fields) {
      reader.fail(reader.line(), std::to_string(fields) + " fields", std::to_string(count));
    }
    ++lines;
  }
  if (lines == 0) {
    raise_expected<FileError>("read_csv", path.string(), "at least one line of numbers", "none");
  }
  table.values = Eigen::Map<const Matrix<T>>(values.data(), static_cast<Index>(fields), lines);
  return table;
}

}  // namespace shallow::detail

namespace shallow::io {

/// The numbers in the CSV file at `path`: line j of the file becomes column j of `values`, a sample.
///
///     const auto table = io::read_csv<float>("houses.csv");
///     const auto X = table.values.topRows(7), Y = table.values.bottomRows(1);
///
/// Blank lines at the end are skipped. (Not those of a file of one column with `missing_as_nan`: each is a NaN.)
///
/// \throws FileError (path): expected a CSV file that fits into memory; text in UTF-8, given UTF-16 or another format;
///         expected a number in line l, column c (name), given what stands there (or nothing: a missing value);
///         expected as many fields in line l as in the first, given fewer, more or a blank line; at least one line
/// \throws ValueError separator: expected an ASCII character, no letter, digit, sign, point, quote or end of a line
template <std::floating_point T = double>
CsvTable<T> read_csv(const std::filesystem::path& path, const CsvOptions& options = {}) {
  detail::check_separator("read_csv", options.separator);
  const std::string text = detail::read_file("read_csv", path, "a CSV file", 2);
  if (const std::string_view other = detail::other_than_csv(text, options.separator); !other.empty()) {
    detail::raise_expected<FileError>("read_csv", path.string(), "a CSV file, text in UTF-8", other);
  }
  return detail::within_memory("read_csv", path, "a CSV file", text.size(),
                               [&] { return detail::csv_table<T>(path, text, options); });
}

/// Writes a matrix (any Eigen expression of floats or doubles) as a CSV file, column j becoming line j, with a header
/// if there are names. Atomic: a crash leaves the old file or the new one. NaN is written as an empty field, which
/// `missing_as_nan` reads. What is written is read back by read_csv: the same names, the same numbers.
///
/// \throws FileError (path): expected a file that can be written, given the system's reason
/// \throws ShapeError names: expected none, or one for every row; values: expected at least one row and one column
/// \throws ValueError values: expected numbers that are finite or NaN
/// \throws ValueError separator: expected an ASCII character, no letter, digit, sign, point, quote or end of a line
template <class Derived>
  requires std::floating_point<typename Derived::Scalar>
void write_csv(const std::filesystem::path& path, const Eigen::DenseBase<Derived>& matrix,
               const std::vector<std::string>& names = {}, char separator = ',') {
  using T = typename Derived::Scalar;
  detail::check_separator("write_csv", separator);
  const Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> values = matrix.derived().array();
  if (!names.empty() && static_cast<Index>(names.size()) != values.rows()) {
    detail::raise_expected<ShapeError>("write_csv", "names",
                                       "none or " + std::to_string(values.rows()) + ", one for every row",
                                       std::to_string(names.size()));
  }
  if (values.size() == 0) {
    detail::raise_expected<ShapeError>("write_csv", "values", "at least one row and one column",
                                       detail::shape_text(values.rows(), values.cols()));
  }
  std::string text = detail::csv_header(names, separator, false);
  // Quoted, what would be a blank line, a byte order mark or another format at the beginning of a file stays a name.
  const bool blank = names.size() == 1 && text.find_first_not_of(" \t") == std::string::npos;
  if (blank || text.starts_with(detail::kByteOrderMark) || !detail::other_than_csv(text, separator).empty()) {
    text = detail::csv_header(names, separator, true);
  }
  if (!names.empty()) text.push_back('\n');
  for (Index j = 0; j < values.cols(); ++j) {
    for (Index i = 0; i < values.rows(); ++i) {
      if (i > 0) text.push_back(separator);
      const T value = values(i, j);
      if (detail::finite_number(value)) {
        detail::append_exact(text, value);
      } else if (!detail::nan_number(value)) {
        detail::raise_expected<ValueError>("write_csv", "values", "numbers that are finite or NaN", "infinity");
      } else if (values.rows() == 1) {
        text.append("\"\"");  // a line with nothing in it many a program skips
      }
    }
    text.push_back('\n');
  }
  detail::write_file("write_csv", path, {text});
}

}  // namespace shallow::io
