// SPDX-License-Identifier: MIT
#include "shallow/io/npy.hpp"
#include "shallow/random.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>

#include <csignal>
#endif

using shallow::FileError;
using shallow::Index;
using shallow::Matrix;
using shallow::io::NpyOrder;
using shallow::io::read_npy;
using shallow::io::write_npy;

namespace {

/// A .npy file of version 1.0 with this header and these bytes.
std::string npy(std::string header, std::string_view data, std::string_view version = std::string_view("\1\0", 2)) {
  std::string bytes("\x93NUMPY", 6);
  bytes.append(version);
  header.push_back('\n');
  const std::size_t size = header.size();
  bytes.push_back(static_cast<char>(size & 0xFFU));
  bytes.push_back(static_cast<char>(size >> 8U));
  if (version[0] != 1) bytes.append(2, '\0');
  return bytes.append(header).append(data);
}

template <class T>
std::string refused(const TemporaryFolder& folder, const std::string& bytes) {
  const auto path = folder.file("bad.npy", bytes);
  return file_refusal("read_npy", path, [&] { read_npy<T>(path); });
}

}  // namespace

TEST_CASE_TEMPLATE("npy: what is written is read back, in both orders", T, float, double, std::int8_t, std::int16_t,
                   std::int32_t, std::int64_t, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t) {
  const TemporaryFolder folder;
  for (const Index rows : {0, 1, 2, 7}) {
    for (const Index cols : {0, 1, 5}) {
      Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> matrix(rows, cols);
      for (Index k = 0; k < matrix.size(); ++k) matrix.data()[k] = T(k * 7 + 1);
      if (matrix.size() > 1) matrix(0, 0) = std::numeric_limits<T>::max();
      if (matrix.size() > 2) matrix(1 % rows, cols - 1) = std::numeric_limits<T>::lowest();
      for (const NpyOrder order : {NpyOrder::columns, NpyOrder::rows}) {
        write_npy(folder / "a.npy", matrix, order);
        const auto back = read_npy<T>(folder / "a.npy");
        CHECK(back.rows() == rows);
        CHECK(back.cols() == cols);
        CHECK(back == matrix);
        const std::string bytes = content_of(folder / "a.npy");
        CHECK(bytes.find(std::string("'fortran_order': ") + (order == NpyOrder::columns ? "True" : "False")) < 64);
        CHECK(bytes.find('\n') % 64 == 63);  // the values begin at a multiple of 64
      }
    }
  }
}

TEST_CASE("npy: expressions, blocks and row-major matrices are written as what they stand for") {
  const TemporaryFolder folder;
  const Matrix<double> A = shallow::RandomState(1).randn(5, 6);
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_rows = A;
  write_npy(folder / "a.npy", 2 * A.block(1, 1, 3, 4));
  CHECK(read_npy<double>(folder / "a.npy") == 2 * A.block(1, 1, 3, 4));
  write_npy(folder / "a.npy", by_rows, NpyOrder::rows);
  CHECK(read_npy<double>(folder / "a.npy") == A);
  write_npy(folder / "a.npy", A.col(2));
  CHECK(read_npy<double>(folder / "a.npy") == A.col(2));
}

TEST_CASE("npy: headers of other programs: versions, byte orders, quotes, one dimension and none") {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& bytes) { return read_npy<std::uint16_t>(folder.file("a.npy", bytes)); };
  using Expected = Eigen::Matrix<std::uint16_t, Eigen::Dynamic, Eigen::Dynamic>;
  const Expected column{{1}, {2}, {3}};
  CHECK(read(npy("{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }", std::string_view("\1\0\2\0\3\0", 6))) ==
        column);
  CHECK(read(npy("{\"shape\":(3),\"fortran_order\":True,\"descr\":\">u2\"}", std::string_view("\0\1\0\2\0\3", 6))) ==
        column);
  for (const std::string_view version : {std::string_view("\2\0", 2), std::string_view("\3\0", 2)}) {
    CHECK(read(npy("{'descr': '<u2', 'fortran_order': False, 'shape': (), }", std::string_view("\5\0", 2), version)) ==
          Expected::Constant(1, 1, 5));
  }
  CHECK(read(npy("{'descr': '<u2', 'fortran_order': False, 'shape': (0, 3)}", "")).cols() == 3);
}

TEST_CASE("npy: files that are refused, and what is said") {
  const TemporaryFolder folder;
  const std::string good = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", std::string(8, '\0'));
  REQUIRE(read_npy<float>(folder.file("good.npy", good)) == Matrix<float>::Zero(1, 2));
  // Cut off anywhere, it is never taken for whole.
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(refused<float>(folder, good.substr(0, size)).find("no refusal") == std::string::npos);
  }
  const auto header = [&](const std::string& text) { return refused<float>(folder, npy(text, std::string(8, '\0'))); };
  CHECK(refused<float>(folder, good + "x") == "the end of the file after 1 x 2 values, given 1 more bytes");
  CHECK(refused<float>(folder, "PK" + good) == "\\x93NUMPY at the start of a .npy file, given something else");
  CHECK(refused<float>(folder, npy("{}", "", std::string_view("\4\0", 2))) == "version 1.0, 2.0 or 3.0, given 4.0");
  CHECK(refused<float>(folder, npy("{}", "", std::string_view("\1\1", 2))) == "version 1.0, 2.0 or 3.0, given 1.1");
  CHECK(refused<double>(folder, good) == "values of type 'f8', given '<f4'");
  CHECK(refused<std::int32_t>(folder, good) == "values of type 'i4', given '<f4'");
  CHECK(header("{'descr': '=f4', 'fortran_order': False, 'shape': (1, 2), }") == "values of type 'f4', given '=f4'");
  CHECK(header("{'descr': '', 'fortran_order': False, 'shape': (1, 2), }") == "values of type 'f4', given ''");
  CHECK(header("{'descr': '\x01', 'fortran_order': False, 'shape': (1, 2), }") == "values of type 'f4', given '?'");
  CHECK(header("{'fortran_order': False, 'shape': (1, 2), }") ==
        "'descr', 'fortran_order' and 'shape' in the header, given a header without one of them");
  CHECK(header("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}") ==
        "every key of the header once, given 'descr' twice");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), 'more': 1}") ==
        "the keys 'descr', 'fortran_order' and 'shape' in the header, given another key");
  CHECK(header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2)}") ==
        "one type of number as 'descr', given a structured dtype (a list of fields) at byte 10 of the header");
  CHECK(header("{'descr': 4, 'fortran_order': False, 'shape': (1, 2)}") ==
        "a quoted string in the header, given something else");
  CHECK(header("{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 2)}") ==
        "True or False for 'fortran_order', given something else");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2)}") == "at most 2 dimensions, given more");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}") ==
        "a whole number >= 0 in 'shape', given something else");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 0)}") ==
        "a dimension below 2^64, given a larger one");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807)}") ==
        "9223372036854775807 x 9223372036854775807 values of 4 bytes, given 8 bytes (truncated)");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}") ==
        "4611686018427387904 x 4 values of 4 bytes, given 8 bytes (truncated)");
  // As many as 64 bits count, and one more; dimensions that an Index does not count, beside none.
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 18446744073709551615)}") ==
        "the end of the file after 0 x 18446744073709551615 values, given 8 more bytes");
  for (const std::string shape :
       {"0, 9223372036854775808", "9223372036854775808, 0", "0, 18446744073709551615", "18446744073709551615, 0"}) {
    CAPTURE(shape);
    const std::size_t comma = shape.find(',');
    CHECK(refused<float>(folder, npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + ")}", "")) ==
          "dimensions that fit an Index, given " + shape.substr(0, comma) + " x " + shape.substr(comma + 2));
  }
  REQUIRE(std::numeric_limits<Index>::max() == std::numeric_limits<std::int64_t>::max());
  CHECK(read_npy<float>(folder.file("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': "
                                                 "(0, 9223372036854775807)}",
                                                 "")))
            .cols() == std::numeric_limits<Index>::max());
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)} x") ==
        "a header that ends after its dictionary, given 2 more bytes");
  CHECK(header("{'descr': '<f4") == "a quoted string in the header, given one without an end");
  CHECK(header("{'de\\x73cr': '<f4'}") == "a string without escapes in the header, given a backslash");
  CHECK(header("") == "'{' in the header, given its end");
  CHECK(refusal<FileError>([&] { read_npy<float>(folder / "none.npy"); }) ==
        "read_npy: " + (folder / "none.npy").string() + ": expected a .npy file, given no file of this name");
  CHECK(refusal<FileError>([&] { read_npy<float>(folder.path()); }) ==
        "read_npy: " + folder.path().string() + ": expected a .npy file, given a directory");
}

TEST_CASE("npy: what other files are was not said: objects, structures, Python 2, archives") {
  const TemporaryFolder folder;
  const auto header = [&](const std::string& text) { return refused<float>(folder, npy(text, std::string(8, '\0'))); };
  const auto descr = [&](const std::string& text) {
    return header("{'descr': '" + text + "', 'fortran_order': False, 'shape': (1, 2), }");
  };
  CHECK(descr("|O") == "values of type 'f4', given '|O', an object array, pickled by Python");
  CHECK(descr("O") == "values of type 'f4', given 'O', an object array, pickled by Python");
  CHECK(descr("<U5") == "values of type 'f4', given '<U5', text");
  CHECK(descr("|S5") == "values of type 'f4', given '|S5', text in bytes");
  CHECK(descr("|b1") == "values of type 'f4', given '|b1', truth values");
  CHECK(descr("<c8") == "values of type 'f4', given '<c8', complex numbers");
  CHECK(descr("<M8[D]") == "values of type 'f4', given '<M8[D]', dates or times");
  CHECK(descr("|V8") == "values of type 'f4', given '|V8', a structured dtype");
  CHECK(descr("|f4") == "values of type 'f4', given '|f4'");  // four bytes of no order
  CHECK(descr("<f2") == "values of type 'f4', given '<f2'");
  CHECK(header("{'fortran_order': False, 'shape': (1, 2), 'descr':  [('a', '<f4'), ('b', '<f4')]}") ==
        "one type of number as 'descr', given a structured dtype (a list of fields) at byte 52 of the header");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 2L), }") ==
        "whole numbers in 'shape' as Python 3 writes them, given '1L' at byte 51 of the header: a header of Python 2");
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2l)}") ==
        "whole numbers in 'shape' as Python 3 writes them, given '2l' at byte 54 of the header: a header of Python 2");
  const std::string start = "\\x93NUMPY at the start of a .npy file, given ";
  CHECK(refused<float>(folder, "PK\x03\x04") ==
        start + "a zip archive, as .npz and .xlsx files are (its members are files of their own)");
  CHECK(refused<float>(folder, "\x1F\x8B\x08 and more bytes") == start + "a gzip file (to be decompressed first)");
  CHECK(refused<float>(folder, "\x80\x04\x95 and more bytes") == start + "a Python pickle");
}

#ifndef __EMSCRIPTEN__  // which would store the zeros
TEST_CASE("npy: a file of 15 TiB was an error of memory") {
  const TemporaryFolder folder;
  const auto path = folder.file("a.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4), }", ""));
  std::error_code error;
  std::filesystem::resize_file(path, std::uintmax_t{15} << 40U, error);
  if (error) {
    MESSAGE("no files of 15 TiB here");
    return;
  }
  CHECK(file_refusal("read_npy", path, [&] { read_npy<std::uint8_t>(path); }) ==
        "a .npy file that fits into memory, given 16492674416640 bytes");
}
#endif

TEST_CASE("npy: a folder that is not there is an error with the path and the system's reason") {
  const TemporaryFolder folder;
  const auto path = folder / "nowhere" / "a.npy";
  CHECK(refusal<FileError>([&] { write_npy(path, Matrix<double>::Ones(1, 1)); }) ==
        "write_npy: " + path.string() + ": expected a file that can be written, given No such file or directory");
}

TEST_CASE("npy: writing replaces the file as a whole and leaves nothing beside it") {
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", Matrix<double>::Ones(3, 3));
  write_npy(folder / "a.npy", Matrix<double>::Zero(2, 2));
  CHECK(read_npy<double>(folder / "a.npy") == Matrix<double>::Zero(2, 2));
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++files;
  CHECK(files == 1);
}

#if __has_include(<sys/resource.h>) && !defined(__EMSCRIPTEN__)
TEST_CASE("npy: where there is no room for the new file, the old one stands and nothing lies beside it") {
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", Matrix<double>::Ones(3, 3));
  struct rlimit before {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit small = before;
  small.rlim_cur = 1000;
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text = refusal<FileError>([&] { write_npy(folder / "a.npy", Matrix<double>::Zero(100, 100)); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(text ==
        "write_npy: " + (folder / "a.npy").string() + ": expected a file that can be written, given File too large");
  CHECK(read_npy<double>(folder / "a.npy") == Matrix<double>::Ones(3, 3));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
#endif
