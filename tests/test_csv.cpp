// SPDX-License-Identifier: MIT
#include "shallow/io/csv.hpp"
#include "shallow/random.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <locale>
#include <string>
#include <vector>

using shallow::FileError;
using shallow::Index;
using shallow::Matrix;
using shallow::ShapeError;
using shallow::ValueError;
using shallow::detail::quoted_excerpt;
using shallow::io::CsvOptions;
using shallow::io::read_csv;
using shallow::io::write_csv;

namespace {

using Names = std::vector<std::string>;

/// What read_csv says about a text it refuses, after the path.
std::string refused(const TemporaryFolder& folder, const std::string& text, const CsvOptions& options = {}) {
  const auto path = folder.file("bad.csv", text);
  return file_refusal("read_csv", path, [&] { read_csv(path, options); });
}

}  // namespace

TEST_CASE("csv: a line is a sample and becomes a column") {
  const TemporaryFolder folder;
  const auto table = read_csv(folder.file("a.csv", "size,rooms\n50.5,2\n120,5\n-3e-2,+1\n"));
  CHECK(table.names == Names{"size", "rooms"});
  CHECK(table.values == Matrix<double>{{50.5, 120, -0.03}, {2, 5, 1}});
  const auto bare = read_csv<float>(folder.file("b.csv", "1;2\n3;4"), {.separator = ';', .header = false});
  CHECK(bare.names.empty());
  CHECK(bare.values == Matrix<float>{{1, 3}, {2, 4}});
}

TEST_CASE("csv: quotes, ends of lines, spaces and a byte order mark") {
  const TemporaryFolder folder;
  const auto table = read_csv(folder.file(
      "a.csv", "\xEF\xBB\xBF\"a, \"\"quoted\"\"\",\"two\nlines\",c\r\n 1 ,\"2\",\t3\r\n\"4\",5,6\r7,8,\"9\""));
  CHECK(table.names == Names{"a, \"quoted\"", "two\nlines", "c"});
  CHECK(table.values == Matrix<double>{{1, 4, 7}, {2, 5, 8}, {3, 6, 9}});
}

TEST_CASE("csv: missing values are errors with line and column, or NaN if asked for") {
  const TemporaryFolder folder;
  const std::string text = "\"a\n b\",c\n1,2\n,3\n";
  CHECK(refused(folder, text) == "a number in column 1 ('a? b') in line 4, given nothing (a missing value)");
  CHECK(refused(folder, "1,NA\n", {.header = false}) ==
        "a number in column 2 in line 1, given nothing (a missing value)");
  const auto table = read_csv(folder.file("a.csv", "a,b\n1,\nNA,NaN\nnull,\" \"\n"), {.missing_as_nan = true});
  CHECK(table.values(0, 0) == 1);
  CHECK(table.values.array().isNaN().count() == 5);
}

TEST_CASE("csv: what is no number, too many and too few fields, and files without lines") {
  const TemporaryFolder folder;
  CHECK(refused(folder, "a,b\n1,2\n3,x1\n") == "a number in column 2 ('b') in line 3, given 'x1'");
  for (const char* word :
       {"1.5.2", "0x10", "1e", "--1", "+-1", "++1", "1 2", "inf", "-inf", "1e999", "1,5", "e5", "."}) {
    CAPTURE(word);
    CHECK(refused(folder, "\"" + std::string(word) + "\"\n", {.header = false}) ==
          "a number in column 1 in line 1, given '" + std::string(word) + "'");
  }
  CHECK(refused(folder, "a,b\n1,2\n3\n") == "2 fields in line 3, given 1");
  CHECK(refused(folder, "a,b\n1,2\n3,4,5\n") == "2 fields in line 3, given more");
  CHECK(refused(folder, "1,2\n\n3,4\n", {.header = false}) ==
        "a number in column 1 in line 2, given nothing (a missing value)");
  CHECK(refused(folder, "") == "at least one line of numbers, given none");
  CHECK(refused(folder, "a,b\n") == "at least one line of numbers, given none");
  CHECK(refused(folder, "a\n\"1") == "a quoted field that ends in line 2, given the end of the file");
  CHECK(refused(folder, "a\n\"1\"2\n") ==
        "a separator or the end of the line after a quoted field in line 2, given something else");
  CHECK(refusal<FileError>([&] { read_csv(folder / "none.csv"); }) ==
        "read_csv: " + (folder / "none.csv").string() + ": expected a CSV file, given no file of this name");
}

TEST_CASE("csv: a separator that is part of a number or of the format would not keep fields apart") {
  const TemporaryFolder folder;
  const std::string expected =
      ": separator: expected an ASCII character, no letter, digit, sign, point, quote or end of a line, given ";
  for (const char separator : {'"', '\n', '\r', '0', '9', 'a', 'Z', '+', '-', '.', '\xEF'}) {
    CAPTURE(static_cast<int>(separator));
    const std::string text = refusal<ValueError>([&] { read_csv(folder / "none.csv", {.separator = separator}); });
    CHECK(text.starts_with("read_csv" + expected));
    CHECK(refusal<ValueError>([&] { write_csv(folder / "a.csv", Matrix<double>{{1.5}}, {}, separator); }) ==
          "write_csv" + text.substr(8));
  }
  CHECK(refusal<ValueError>([&] { read_csv(folder / "none.csv", {.separator = '.'}); }).ends_with(", given '.'"));
  CHECK(refusal<ValueError>([&] {
          read_csv(folder / "none.csv", {.separator = '\n'});
        }).ends_with(", given character 10"));
  CHECK_FALSE(std::filesystem::exists(folder / "a.csv"));
  for (const char separator : {',', ';', '\t', ' ', '|', ':', '\0', '@', '[', '`', '{', '/'}) {
    CAPTURE(static_cast<int>(separator));
    write_csv(folder / "b.csv", Matrix<double>{{1.5}, {-2e-20}}, {"a b", "c;d"}, separator);
    const auto table = read_csv(folder / "b.csv", {.separator = separator});
    CHECK(table.names == Names{"a b", "c;d"});
    CHECK(table.values == Matrix<double>{{1.5}, {-2e-20}});
  }
}

TEST_CASE("csv: a byte order mark in the first name was taken for the file's when it was read again") {
  const TemporaryFolder folder;
  write_csv(folder / "a.csv", Matrix<double>{{1}}, {"\xEF\xBB\xBFname"});
  CHECK(read_csv(folder / "a.csv").names == Names{"\xEF\xBB\xBFname"});
}

TEST_CASE("csv: a zero byte cut the message of the refusal short; control characters are not passed on") {
  const TemporaryFolder folder;
  const auto path = folder.file("a.csv", std::string("a\0\x1B[1m\n\0\x7F\xC3\xBC\n", 11));
  CHECK(file_refusal("read_csv", path, [&] { read_csv(path); }) ==
        "a number in column 1 ('a??[1m') in line 2, given '??\xC3\xBC'");
}

TEST_CASE("csv: numbers too small to be normal are numbers") {
  const TemporaryFolder folder;
  const auto values = read_csv(folder.file("a.csv", "5e-324,-1e-999,0.0000\n"), {.header = false}).values;
  CHECK(values(0, 0) == std::numeric_limits<double>::denorm_min());
  CHECK(values(1, 0) == 0);
  CHECK(std::signbit(values(1, 0)));
  CHECK(values(2, 0) == 0);
}

TEST_CASE_TEMPLATE(
    "csv: a number out of range is too large or too small by its first digit, not by its exponent's sign", T, float,
    double) {
  const TemporaryFolder folder;
  const std::string zeros(400, '0');
  const auto refused_number = [&](const std::string& word) {
    const auto path = folder.file("bad.csv", word + "\n");
    return file_refusal("read_csv", path, [&] { read_csv<T>(path, {.header = false}); });
  };
  // 10^390: became 0.
  for (const std::string& word : {"1" + zeros + "e-10", "-1" + zeros, "1" + zeros + "e5",
                                  std::string("1e+99999999999999999999"), "0.0001e" + std::string(30, '9')}) {
    CAPTURE(word);
    CHECK(refused_number(word) == "a number in column 1 in line 1, given " + quoted_excerpt(word));
  }
  // 10^-390 and the like: were refused.
  for (const std::string& word :
       {"-0." + zeros + "1e10", "-." + zeros + "1e+10", "-00." + zeros + "1", "-1" + zeros + "e-900",
        std::string("-1e-99999999999999999999"), "-." + zeros + "1"}) {
    CAPTURE(word);
    const auto values = read_csv<T>(folder.file("a.csv", word), {.header = false}).values;
    CHECK(values(0, 0) == 0);
    CHECK(std::signbit(values(0, 0)));
  }
  const auto values =
      read_csv<T>(folder.file("a.csv", "1" + zeros + "e-400,0." + zeros + "1e401"), {.header = false}).values;
  CHECK(values(0, 0) == 1);
  CHECK(values(1, 0) == 1);
}

TEST_CASE_TEMPLATE("csv: what is written comes back, to the last bit", T, float, double) {
  const TemporaryFolder folder;
  Matrix<T> values = shallow::RandomState(1).randn<T>(3, 50);
  values(0, 0) = std::numeric_limits<T>::max();
  values(1, 0) = std::numeric_limits<T>::denorm_min();
  values(2, 0) = T(-0.0);
  const Names names{"plain", "with, comma", "with \"quote\"\nand line"};
  write_csv(folder / "a.csv", values, names);
  const auto table = read_csv<T>(folder / "a.csv");
  CHECK(table.names == names);
  CHECK(table.values == values);
  CHECK(std::signbit(table.values(2, 0)));
  write_csv(folder / "b.csv", 2 * values.block(0, 1, 2, 3), {}, ';');
  CHECK(read_csv<T>(folder / "b.csv", {.separator = ';', .header = false}).values == 2 * values.block(0, 1, 2, 3));
  values(1, 3) = std::numeric_limits<T>::quiet_NaN();
  write_csv(folder / "c.csv", values);
  CHECK(std::isnan(read_csv<T>(folder / "c.csv", {.header = false, .missing_as_nan = true}).values(1, 3)));
  CHECK_THROWS_WITH_AS(write_csv(folder / "a.csv", values, {"a"}),
                       "write_csv: names: expected none or 3, one for every row, given 1", ShapeError);
  values(1, 3) = std::numeric_limits<T>::infinity();
  CHECK_THROWS_WITH_AS(write_csv(folder / "a.csv", values),
                       "write_csv: values: expected numbers that are finite or NaN, given infinity", ValueError);
  CHECK(read_csv<T>(folder / "a.csv").names == names);  // as it was
}

TEST_CASE("csv: a locale with a decimal comma changes nothing") {
  const TemporaryFolder folder;
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  write_csv(folder / "a.csv", Matrix<double>{{1.5}});
  const auto values = read_csv(folder / "a.csv", {.header = false}).values;
  std::locale::global(before);
  CHECK(content_of(folder / "a.csv") == "1.5\n");
  CHECK(values(0, 0) == 1.5);
}
