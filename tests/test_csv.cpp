// SPDX-License-Identifier: MIT
#include "shallow/io/csv.hpp"
#include "shallow/random.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>

#include <cfenv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <locale>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
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

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text.append(part);
  return text;
}

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
  CHECK(refused(folder, "1,NA\n", {.header = false}) == "a number in column 2 in line 1, given 'NA' (a missing value)");
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
  CHECK(refused(folder, "1,2\n\n3,4\n", {.header = false}) == "2 fields in line 2, given a blank line");
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

TEST_CASE("csv: a blank line in the midst of a file was a missing value; those at its end are none") {
  const TemporaryFolder folder;
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    for (const std::string blank : {"", " ", "\t  "}) {
      CAPTURE(end);
      CAPTURE(blank);
      const std::string line = blank + end;
      for (const bool missing : {false, true}) {
        const CsvOptions bare{.header = false, .missing_as_nan = missing};
        const CsvOptions named{.missing_as_nan = missing};
        CHECK(refused(folder, joined({"1,2", end, line, "3,4"}), bare) == "2 fields in line 2, given a blank line");
        CHECK(refused(folder, joined({"a,b", end, "1,2", end, line, line, "3,4", end}), named) ==
              "2 fields in line 3, given a blank line");
        CHECK(refused(folder, joined({"a,b", end, line, "3,4"}), named) == "2 fields in line 2, given a blank line");
        CHECK(refused(folder, joined({line, "a,b", end, "3,4"}), named) == "names in line 1, given a blank line");
        for (const std::string& last : {line, line + line, line + blank}) {
          const auto values = read_csv(folder.file("a.csv", joined({"a,b", end, "1,2", end}) + last), named).values;
          CHECK(values == Matrix<double>{{1}, {2}});
        }
      }
      CHECK(refused(folder, line + "3,4", {.header = false}) == "numbers in line 1, given a blank line");
      CHECK(refused(folder, joined({"1", end, line, "3"}), {.header = false}) ==
            "1 fields in line 2, given a blank line");
      CHECK(read_csv(folder.file("a.csv", joined({"a", end, "1", end, line}))).values == Matrix<double>{{1}});
      // One column, in which nothing may stand for NaN: each is one.
      const auto values =
          read_csv(folder.file("a.csv", joined({"a", end, "1", end, line, "3", end, line})), {.missing_as_nan = true})
              .values;
      REQUIRE(values.cols() == 4);
      CHECK(std::isnan(values(0, 1)));
      CHECK(values(0, 2) == 3);
      CHECK(std::isnan(values(0, 3)));
    }
  }
  // Tabs that keep fields apart are no blanks.
  CHECK(refused(folder, "1\t2\n\t\n", {.separator = '\t', .header = false}) ==
        "a number in column 1 in line 2, given nothing (a missing value)");
  CHECK(refused(folder, "1\t2\n\n\t\n", {.separator = '\t', .header = false}) ==
        "2 fields in line 2, given a blank line");
  CHECK(refused(folder, "\n\n") == "at least one line of numbers, given none");
  CHECK(refused(folder, "a,b\n\n\n") == "at least one line of numbers, given none");
}

TEST_CASE("csv: lines are counted by their ends, of whichever kind, also in quotes") {
  const TemporaryFolder folder;
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    CAPTURE(end);
    CHECK(refused(folder, joined({"\"a", end, end, "b\"", end, "1", end, "x", end})) ==
          "a number in column 1 (" + quoted_excerpt(joined({"a", end, end, "b"})) + ") in line 5, given 'x'");
  }
}

TEST_CASE("csv: UTF-16, and files of other formats, were lines without numbers") {
  const TemporaryFolder folder;
  const auto wide = [](std::string_view text, bool high_first) {
    std::string bytes;
    for (const char c : text) bytes.append(high_first ? 1 : 0, '\0').append(1, c).append(high_first ? 0 : 1, '\0');
    return bytes;
  };
  const std::string expected = "a CSV file, text in UTF-8, given ";
  CHECK(refused(folder, "\xFF\xFE" + wide("a,b\n1,2\n", false)) ==
        expected + "UTF-16 by its byte order mark FF FE (to be saved as UTF-8)");
  CHECK(refused(folder, "\xFE\xFF" + wide("a,b\n1,2\n", true)) ==
        expected + "UTF-16 by its byte order mark FE FF (to be saved as UTF-8)");
  for (const bool high_first : {false, true}) {
    CHECK(refused(folder, wide("a,b\n1,2\n", high_first)) ==
          expected + "UTF-16 by its zero bytes (to be saved as UTF-8)");
    CHECK(refused(folder, wide("12", high_first)) == expected + "UTF-16 by its zero bytes (to be saved as UTF-8)");
  }
  CHECK(refused(folder, std::string("\xFF\xFE\0\0\x31\0\0\0", 8)) ==
        expected + "UTF-32 by its byte order mark (to be saved as UTF-8)");
  CHECK(refused(folder, std::string("\0\0\xFE\xFF\0\0\0\x31", 8)) ==
        expected + "UTF-32 by its byte order mark (to be saved as UTF-8)");
  CHECK(refused(folder, "\x1F\x8B\x08") == expected + "a gzip file (to be decompressed first)");
  CHECK(refused(folder, "PK\x03\x04 a.xlsx").starts_with(expected + "a zip archive"));
  CHECK(refused(folder, "\x93NUMPY").starts_with(expected + "a .npy file"));
}

#ifndef __EMSCRIPTEN__  // which would store the zeros
TEST_CASE("csv: a file of 15 TiB was an error of memory") {
  const TemporaryFolder folder;
  const auto path = folder.file("a.csv", "1,2\n");
  std::error_code error;
  std::filesystem::resize_file(path, std::uintmax_t{15} << 40U, error);
  if (error) {
    MESSAGE("no files of 15 TiB here");
    return;
  }
  CHECK(file_refusal("read_csv", path, [&] { read_csv(path); }) ==
        "a CSV file that fits into memory, given 16492674416640 bytes");
}
#endif

TEST_CASE("csv: names of any bytes come back, a CR among them, and those that begin as another format does") {
  const TemporaryFolder folder;
  const std::vector<std::string> hard{"",
                                      " ",
                                      "\t",
                                      "a\rb",
                                      "\r",
                                      "a\r\nb",
                                      "\n",
                                      "\"",
                                      "\"\"a\"",
                                      " a ",
                                      ",",
                                      ";",
                                      std::string("\xEF\xBB\xBF").append("a"),
                                      std::string("\xFF\xFE").append("a"),
                                      std::string("\xFE\xFF").append("a"),
                                      "\x1F\x8B",
                                      "PK\x03\x04",
                                      "PK\x03",
                                      "\x93NUMPY",
                                      std::string("a\0b\0", 4),
                                      std::string("\0", 1),
                                      std::string("\0a\0b", 4),
                                      std::string("a\0", 2),
                                      std::string("gr\xC3\xB6\xC3\x9F").append("e")};
  for (const std::string& name : hard) {
    for (const char separator : {',', ';', '\t', ' ', '\0', '\x04'}) {
      CAPTURE(name);
      CAPTURE(static_cast<int>(separator));
      const CsvOptions options{.separator = separator};
      write_csv(folder / "a.csv", Matrix<double>{{1, 2}}, {name}, separator);
      CHECK(read_csv(folder / "a.csv", options).names == Names{name});
      for (const std::string& other : hard) {
        write_csv(folder / "a.csv", Matrix<double>{{1}, {2}}, {name, other}, separator);
        const auto table = read_csv(folder / "a.csv", options);
        CHECK(table.names == Names{name, other});
        CHECK(table.values == Matrix<double>{{1}, {2}});
      }
    }
  }
  write_csv(folder / "a.csv", Matrix<double>{{1}, {2}}, {"plain", "a\rb"});
  CHECK(content_of(folder / "a.csv") == "plain,\"a\rb\"\n1,2\n");
}

TEST_CASE("csv: NaN anywhere, and a matrix without numbers: what is saved loads or is not saved") {
  const TemporaryFolder folder;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Matrix<double>& values : {Matrix<double>{{nan}}, Matrix<double>{{nan, nan, nan}}, Matrix<double>{{1, nan}},
                                       Matrix<double>{{nan}, {nan}}, Matrix<double>{{nan, 1, nan}, {2, nan, nan}}}) {
    for (const bool header : {false, true}) {
      const Names names(header ? static_cast<std::size_t>(values.rows()) : 0, "a");
      write_csv(folder / "a.csv", values, names);
      const auto back = read_csv(folder / "a.csv", {.header = header, .missing_as_nan = true}).values;
      REQUIRE(back.rows() == values.rows());
      REQUIRE(back.cols() == values.cols());
      for (Index k = 0; k < values.size(); ++k) {
        CHECK(std::isnan(back.data()[k]) == std::isnan(values.data()[k]));
        if (!std::isnan(values.data()[k])) CHECK(back.data()[k] == values.data()[k]);
      }
    }
  }
  // Separators of zero bytes, and nothing between them, were taken for UTF-16.
  const CsvOptions zeros{.separator = '\0', .missing_as_nan = true};
  write_csv(folder / "a.csv", Matrix<double>{{nan}, {nan}}, {"", ""}, '\0');
  CHECK(read_csv(folder / "a.csv", zeros).values.array().isNaN().count() == 2);
  // Python's csv and pandas skip a line with nothing in it.
  write_csv(folder / "a.csv", Matrix<double>{{nan, 1}});
  CHECK(content_of(folder / "a.csv") == "\"\"\n1\n");
  for (const auto& shape : {std::pair<Index, Index>{0, 0}, {0, 2}, {2, 0}}) {
    const Index rows = shape.first, cols = shape.second;
    const std::string text = refusal<ShapeError>([&] { write_csv(folder / "none.csv", Matrix<double>(rows, cols)); });
    CHECK(text == "write_csv: values: expected at least one row and one column, given " + std::to_string(rows) + " x " +
                      std::to_string(cols));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "none.csv"));
}

TEST_CASE_TEMPLATE("csv: where rounding is not to nearest, numbers came back as their neighbours", T, float, double) {
  const TemporaryFolder folder;
  const Matrix<T> values = shallow::RandomState(1).randn<T>(3, 50);
  const auto short_numbers = folder.file("short.csv", "0.1,0.2,0.3,-0.7,123.456,1e22,1e23\n");
  const auto expected = read_csv<T>(short_numbers, {.header = false}).values;
  std::vector<int> modes{FE_TONEAREST};
#ifdef FE_UPWARD
  modes.insert(modes.end(), {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO});
#endif
  for (const int mode : modes) {
    const int before = std::fegetround();
    std::fesetround(mode);
    write_csv(folder / "a.csv", values);
    const auto back = read_csv<T>(folder / "a.csv", {.header = false}).values;
    const auto numbers = read_csv<T>(short_numbers, {.header = false}).values;
    std::fesetround(before);
    CAPTURE(mode);
    CHECK(back == values);
    CHECK(numbers == expected);
  }
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
