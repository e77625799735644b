// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Reader and writer of NumPy's .npy files (numpy.lib.format, versions 1.0 to 3.0), for matrices and vectors.
///
///     bytes 0 .. 5   \x93NUMPY
///     byte 6, 7      version
///     2 or 4 bytes   length of the header (4 from version 2.0 on), little endian
///     header         a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }
///     then           the values, row after row, or column after column in Fortran order
///
/// Files are read as hostile: the shape is held against the size of the file before anything is allocated. Memory: the
/// file, and the matrix that is returned; a file that memory does not hold twice is refused before it is read.

#include "shallow/error.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/io/open_file.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace shallow::io {

/// A type of number that a .npy file can hold.
template <class T>
concept NpyValue = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int8_t> ||
    std::same_as<T, std::int16_t> || std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::uint8_t> || std::same_as<T, std::uint16_t> || std::same_as<T, std::uint32_t> ||
    std::same_as<T, std::uint64_t>;

/// In which order the values of a matrix stand in a file.
enum class NpyOrder {
  columns,  ///< column after column, as this library's matrices lie in memory: NumPy's Fortran order
  rows      ///< row after row, NumPy's own
};

}  // namespace shallow::io

namespace shallow::detail {

/// NumPy's letter and size: "f4", "i8", "u1".
template <class T>
std::string npy_type() {
  const char* const letter = std::is_floating_point_v<T> ? "f" : std::is_signed_v<T> ? "i" : "u";
  return numbered(letter, sizeof(T));
}

/// What NumPy means by a type that is no plain number of this library's: "an object array, pickled by Python"; "" if it
/// is not known here.
inline std::string_view npy_kind(std::string_view descr) {
  if (descr.find_first_of("<>|=") == 0) descr.remove_prefix(1);
  switch (descr.empty() ? '\0' : descr.front()) {
    case 'O': return "an object array, pickled by Python";
    case 'U': return "text";
    case 'S': return "text in bytes";
    case 'b': return descr == "b1" ? "truth values" : "";
    case 'c': return "complex numbers";
    case 'M':
    case 'm': return "dates or times";
    case 'V': return "a structured dtype";
    default: return "";
  }
}

/// What a header says.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;
};

/// Reads the dictionary of a header, strictly: the three keys once each, in any order.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view function, std::string_view path, std::string_view text)
      : function_(function), path_(path), whole_(text), text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool seen[3] = {false, false, false};
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (which < 0) fail("the keys 'descr', 'fortran_order' and 'shape' in the header", "another key");
      if (seen[which]) fail("every key of the header once", "'" + key + "' twice");
      seen[which] = true;
      if (which == 0) header.descr = type();
      if (which == 1) header.fortran_order = boolean();
      if (which == 2) header.shape = tuple();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!seen[0] || !seen[1] || !seen[2]) {
      fail("'descr', 'fortran_order' and 'shape' in the header", "a header without one of them");
    }
    skip_spaces();
    if (!text_.empty()) fail("a header that ends after its dictionary", numbered("", text_.size()) + " more bytes");
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view expected, std::string_view given) const {
    raise_expected<FileError>(function_, path_, expected, given);
  }
  /// Where in the header the parser stands, for an error.
  std::string here() const { return numbered(" at byte ", whole_.size() - text_.size()) + " of the header"; }
  void skip_spaces() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n' || text_.front() == '\t')) {
      text_.remove_prefix(1);
    }
  }
  bool accept(char c) {
    skip_spaces();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("'") + c + "' in the header", text_.empty() ? "its end" : "something else");
  }
  std::string string() {
    skip_spaces();
    const char quote = text_.empty() ? '\0' : text_.front();
    if (quote != '\'' && quote != '"') fail("a quoted string in the header", "something else");
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) fail("a quoted string in the header", "one without an end");
    const std::string_view content = text_.substr(1, end - 1);
    if (content.find('\\') != std::string_view::npos) fail("a string without escapes in the header", "a backslash");
    text_.remove_prefix(end + 1);
    return std::string(content);
  }
  std::string type() {
    skip_spaces();
    if (text_.starts_with('[') || text_.starts_with('(')) {
      fail("one type of number as 'descr'", "a structured dtype (a list of fields)" + here());
    }
    return string();
  }
  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return word == "True";
      }
    }
    fail("True or False for 'fortran_order'", "something else");
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> sizes;
    expect('(');
    while (!accept(')')) {
      if (sizes.size() == 2) fail("at most 2 dimensions", "more");
      sizes.push_back(number());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }
  std::uint64_t number() {
    skip_spaces();
    std::uint64_t value = 0;
    std::size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      const auto digit = static_cast<std::uint64_t>(text_[digits] - '0');
      if (value > ((std::numeric_limits<std::uint64_t>::max)() - digit) / 10) {
        fail("a dimension below 2^64", "a larger one");
      }
      value = 10 * value + digit;
    }
    if (digits == 0) fail("a whole number >= 0 in 'shape'", "something else");
    if (digits < text_.size() && (text_[digits] == 'L' || text_[digits] == 'l')) {
      const std::string written = quoted_excerpt(text_.substr(0, digits + 1));
      fail("whole numbers in 'shape' as Python 3 writes them", written + here() + ": a header of Python 2");
    }
    text_.remove_prefix(digits);
    return value;
  }

  std::string_view function_;
  std::string_view path_;
  std::string_view whole_;
  std::string_view text_;
};

}  // namespace shallow::detail

namespace shallow::io {

/// The matrix in the .npy file at `path`, whose type must be T: `read_npy<float>("weights.npy")`. One dimension gives a
/// column vector, none (a scalar) 1 x 1. Either order of values, either byte order.
///
/// \throws FileError (path): expected a .npy file, and what else is wrong with it: missing, unreadable, larger than
/// what
///         memory holds twice, of another format (.npz, gzip), truncated, of an unknown version, more than 2
///         dimensions, values of another type than T (objects, structures), a header of Python 2, a size that is not
///         that of the shape
template <NpyValue T>
Eigen::Matrix<T, Dynamic, Dynamic, Eigen::ColMajor> read_npy(const std::filesystem::path& path) {
  const std::string name = path.string();
  const auto fail = [&](std::string_view expected, std::string_view given) {
    detail::raise_expected<FileError>("read_npy", name, expected, given);
  };
  const std::string bytes = detail::read_file("read_npy", path, "a .npy file", 2);
  constexpr std::string_view magic("\x93NUMPY", 6);
  const bool ours = bytes.starts_with(magic);
  if (const std::string_view other = detail::other_format(bytes); !ours && !other.empty()) {
    fail("\\x93NUMPY at the start of a .npy file", other);
  }
  if (bytes.size() < 10) fail("a .npy file of at least 10 bytes", std::to_string(bytes.size()));
  if (!ours) fail("\\x93NUMPY at the start of a .npy file", "something else");
  const int major = static_cast<unsigned char>(bytes[6]);
  const int minor = static_cast<unsigned char>(bytes[7]);
  if (major < 1 || major > 3 || minor != 0) {
    fail("version 1.0, 2.0 or 3.0", std::to_string(major) + "." + std::to_string(minor));
  }
  const std::size_t length_size = major == 1 ? 2 : 4;
  const std::size_t start = 8 + length_size;
  if (bytes.size() < start) fail("the length of the header", "the end of the file (truncated)");
  const std::uint64_t length = detail::little_endian(bytes.data() + 8, length_size);
  if (length > bytes.size() - start) {
    fail(detail::numbered("a header of ", length) + " bytes", std::to_string(bytes.size() - start) + " (truncated)");
  }
  const std::string_view text(bytes.data() + start, static_cast<std::size_t>(length));
  const detail::NpyHeader header = detail::NpyHeaderParser("read_npy", name, text).parse();

  // '<' little endian, '>' big endian, '|' one byte.
  const std::string type = detail::npy_type<T>();
  const char order = header.descr.empty() ? '\0' : header.descr.front();
  const bool known_order = order == '<' || order == '>' || (order == '|' && sizeof(T) == 1);
  if (!known_order || header.descr.substr(1) != type) {
    const std::string_view kind = detail::npy_kind(header.descr);
    fail("values of type '" + type + "'",
         detail::quoted_excerpt(header.descr).append(kind.empty() ? "" : ", ").append(kind));
  }

  const std::uint64_t rows = header.shape.empty() ? 1 : header.shape[0];
  const std::uint64_t cols = header.shape.size() < 2 ? 1 : header.shape[1];
  const std::uint64_t available = bytes.size() - start - length;
  const std::string shape = std::to_string(rows) + " x " + std::to_string(cols);
  if (rows != 0 && cols > available / sizeof(T) / rows) {
    fail(shape + " values of " + std::to_string(sizeof(T)) + " bytes",
         std::to_string(available) + " bytes (truncated)");
  }
  if (rows * cols * sizeof(T) != available) {
    fail("the end of the file after " + shape + " values",
         std::to_string(available - rows * cols * sizeof(T)) + " more bytes");
  }

  constexpr auto most = static_cast<std::uint64_t>((std::numeric_limits<Index>::max)());
  if (rows > most || cols > most) fail("dimensions that fit an Index", shape);
  using Result = Eigen::Matrix<T, Dynamic, Dynamic, Eigen::ColMajor>;
  Result matrix = detail::within_memory("read_npy", path, "a .npy file", bytes.size(),
                                        [&] { return Result(static_cast<Index>(rows), static_cast<Index>(cols)); });
  const char* from = bytes.data() + start + length;
  const bool swap = sizeof(T) > 1 && (order == '<') != (std::endian::native == std::endian::little);
  for (Index k = 0; k < matrix.size(); ++k) {
    std::array<char, sizeof(T)> value;
    std::memcpy(value.data(), from + static_cast<std::size_t>(k) * sizeof(T), sizeof(T));
    if (swap) std::reverse(value.begin(), value.end());
    const Index cols_or_rows = header.fortran_order ? matrix.rows() : matrix.cols();
    T& to =
        header.fortran_order ? matrix(k % cols_or_rows, k / cols_or_rows) : matrix(k / cols_or_rows, k % cols_or_rows);
    to = detail::bit_cast<T>(value);
  }
  return matrix;
}

/// Writes a matrix or vector (any Eigen expression) as a .npy file of version 1.0, little endian, two-dimensional.
/// Atomic: a crash leaves the old file or the new one.
/// \throws FileError (path): expected a file that can be written, given the system's reason
template <class Derived>
  requires NpyValue<typename Derived::Scalar>
void write_npy(const std::filesystem::path& path, const Eigen::DenseBase<Derived>& values,
               NpyOrder order = NpyOrder::columns) {
  using T = typename Derived::Scalar;
  const bool columns = order == NpyOrder::columns;
  std::string header = "{'descr': '" + std::string(sizeof(T) == 1 ? "|" : "<") + detail::npy_type<T>() +
                       "', 'fortran_order': " + (columns ? "True" : "False") + ", 'shape': (" +
                       std::to_string(values.rows()) + ", " + std::to_string(values.cols()) + "), }";
  // Spaces and a line's end, so that the values begin at a multiple of 64.
  header.append(63 - (10 + header.size()) % 64, ' ').append("\n");
  std::string start("\x93NUMPY\x01\x00", 8);
  detail::append_little_endian(start, header.size(), 2);

  const Eigen::Array<T, Dynamic, Dynamic, Eigen::ColMajor> plain = values.derived().array();
  std::string bytes(static_cast<std::size_t>(plain.size()) * sizeof(T), '\0');
  std::size_t at = 0;
  const auto put = [&](const T& value) {
    auto raw = detail::bit_cast<std::array<char, sizeof(T)>>(value);
    if constexpr (std::endian::native == std::endian::big) std::reverse(raw.begin(), raw.end());
    std::memcpy(bytes.data() + at, raw.data(), sizeof(T));
    at += sizeof(T);
  };
  for (Index k = 0; k < plain.size(); ++k) {
    put(columns ? plain(k % plain.rows(), k / plain.rows()) : plain(k / plain.cols(), k % plain.cols()));
  }
  detail::write_file("write_npy", path, {start, header, bytes});
}

}  // namespace shallow::io
