// SPDX-License-Identifier: MIT
#include "shallow/io/idx.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<unsigned char>;

/// A folder for files of bytes, plain or compressed.
class Directory : public TemporaryFolder {
 public:
  fs::path plain(const Bytes& bytes) const {
    return file("plain", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

  fs::path gzip(const Bytes& bytes) const {
    fs::path path = *this / "compressed.gz";
    gzFile file = gzopen(path.string().c_str(), "wb9");
    REQUIRE(file != nullptr);
    if (!bytes.empty()) CHECK(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) > 0);
    CHECK(gzclose(file) == Z_OK);
    return path;
  }
};

Bytes content(const fs::path& path) {
  const std::string bytes = content_of(path);
  return Bytes(bytes.begin(), bytes.end());
}

/// An IDX file: header for `type` and `shape`, then `values` as they stand.
Bytes idx(int type, std::initializer_list<std::uint32_t> shape, const Bytes& values) {
  Bytes bytes{0, 0, static_cast<unsigned char>(type), static_cast<unsigned char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<unsigned char>(size >> shift & 0xFFU));
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

/// What read_idx<T> says about a file it refuses; "" if it takes it.
template <class T = std::uint8_t>
std::string idx_refusal(const fs::path& path) {
  return refusal<shallow::FileError>([&] { shallow::io::read_idx<T>(path); });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Int16Case {
  using T = std::int16_t;
  static constexpr int type = 0x0B;
  static Bytes bytes() { return {0x01, 0x02, 0x80, 0x00, 0xFF, 0xFF}; }
  static std::vector<T> values() { return {258, -32768, -1}; }
};
struct Int32Case {
  using T = std::int32_t;
  static constexpr int type = 0x0C;
  static Bytes bytes() { return {0x01, 0x02, 0x03, 0x04, 0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFE}; }
  static std::vector<T> values() { return {16909060, std::numeric_limits<T>::min(), -2}; }
};
struct UInt8Case {
  using T = std::uint8_t;
  static constexpr int type = 0x08;
  static Bytes bytes() { return {0, 127, 255}; }
  static std::vector<T> values() { return {0, 127, 255}; }
};
struct Int8Case {
  using T = std::int8_t;
  static constexpr int type = 0x09;
  static Bytes bytes() { return {0, 127, 255}; }
  static std::vector<T> values() { return {0, 127, -1}; }
};
struct FloatCase {
  using T = float;
  static constexpr int type = 0x0D;
  static Bytes bytes() { return {0x3F, 0x80, 0, 0, 0xC0, 0x20, 0, 0, 0x7F, 0x80, 0, 0}; }
  static std::vector<T> values() { return {1.0F, -2.5F, std::numeric_limits<T>::infinity()}; }
};
struct DoubleCase {
  using T = double;
  static constexpr int type = 0x0E;
  static Bytes bytes() {
    return {0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0xC0, 0x04, 0, 0, 0, 0, 0, 0, 0x3F, 0xB9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9A};
  }
  static std::vector<T> values() { return {1.0, -2.5, 0.1}; }
};

}  // namespace

TEST_CASE_TEMPLATE("idx: every type is read, plain and compressed", Case, UInt8Case, Int8Case, Int16Case, Int32Case,
                   FloatCase, DoubleCase) {
  using T = typename Case::T;
  const Directory directory;
  const Bytes bytes = idx(Case::type, {1, 3}, Case::bytes());
  for (const fs::path& path : {directory.plain(bytes), directory.gzip(bytes)}) {
    CAPTURE(path.string());
    const auto array = shallow::io::read_idx<T>(path);
    CHECK(array.shape == std::vector<shallow::Index>{1, 3});
    CHECK(array.values == Case::values());
  }
}

TEST_CASE("idx: eight dimensions, the last fastest") {
  const Directory directory;
  const auto array =
      shallow::io::read_idx<std::uint8_t>(directory.plain(idx(0x08, {1, 1, 2, 1, 1, 1, 3, 1}, {1, 2, 3, 4, 5, 6})));
  CHECK(array.shape == std::vector<shallow::Index>{1, 1, 2, 1, 1, 1, 3, 1});
  CHECK(array.values == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
}

TEST_CASE_TEMPLATE("idx: an image is a column, scaled to [0,1]", S, float, double) {
  const Directory directory;
  const shallow::Matrix<S> X = shallow::io::read_idx_images<S>(
      directory.gzip(idx(0x08, {3, 2, 2}, {0, 255, 51, 0, 1, 2, 3, 4, 255, 0, 0, 102})));
  REQUIRE(X.rows() == 4);
  REQUIRE(X.cols() == 3);
  CHECK(X(0, 0) == S(0));
  CHECK(X(1, 0) == S(1));
  CHECK(X(2, 0) == S(51) / S(255));
  CHECK(X(0, 1) == S(1) / S(255));
  CHECK(X(3, 2) == S(102) / S(255));
}

TEST_CASE("idx: labels are a row of integers") {
  const Directory directory;
  const Eigen::RowVectorXi labels = shallow::io::read_idx_labels(directory.plain(idx(0x08, {4}, {9, 0, 255, 3})));
  CHECK(labels == Eigen::RowVector4i(9, 0, 255, 3));
}

TEST_CASE("idx: images for labels and labels for images are refused") {
  const Directory directory;
  const fs::path labels = directory.plain(idx(0x08, {2}, {1, 2}));
  CHECK_THROWS_WITH_AS(shallow::io::read_idx_images<float>(labels),
                       ("read_idx_images: " + labels.string() +
                        ": expected 2 or more dimensions (m x ...), given 2: the file holds "
                        "labels (1 dimension)")
                           .c_str(),
                       shallow::FileError);
  const fs::path images = directory.plain(idx(0x08, {1, 2, 1}, {1, 2}));
  CHECK_THROWS_WITH_AS(shallow::io::read_idx_labels(images),
                       ("read_idx_labels: " + images.string() +
                        ": expected 1 dimension (m labels), given 1 x 2 x 1: the file holds "
                        "images (3 dimensions)")
                           .c_str(),
                       shallow::FileError);
}

TEST_CASE("idx: two dimensions are images, and no labels") {
  const Directory directory;
  const fs::path path = directory.plain(idx(0x08, {2, 2}, {0, 255, 255, 0}));
  CHECK(shallow::io::read_idx_images<double>(path) == shallow::Matrix<double>{{0, 1}, {1, 0}});
  CHECK(refusal<shallow::FileError>([&] { shallow::io::read_idx_labels(path); }) ==
        "read_idx_labels: " + path.string() +
            ": expected 1 dimension (m labels), given 2 x 2: the file holds images (2 dimensions)");
}

TEST_CASE("idx: what is no file is refused by name") {
  const Directory directory;
  const fs::path missing = directory.path() / "missing";
  CHECK(idx_refusal(missing) == "read_idx: " + missing.string() + ": expected an IDX file, given no file of this name");
  CHECK(idx_refusal(directory.path()) ==
        "read_idx: " + directory.path().string() + ": expected an IDX file, given a directory");
  CHECK(contains(idx_refusal("/dev/null"), "no regular file"));
}

TEST_CASE("idx: bad headers are refused, plain and compressed") {
  const Directory directory;
  struct Row {
    Bytes bytes;
    const char* message;
  };
  const std::vector<Row> rows{
      {{}, "expected an IDX header of at least 8 bytes, given 0 bytes"},
      {{0, 0, 8}, "expected an IDX header of at least 8 bytes, given 3 bytes"},
      {{0, 0, 8, 1}, "expected a header of 8 bytes, given 4 (truncated)"},
      {{0, 0, 8, 2, 0, 0, 0, 1, 0, 0}, "expected a header of 12 bytes, given 10 (truncated)"},
      {{'P', 'X', 3, 4, 0, 0, 0, 0}, "expected two zero bytes at the start of an IDX file, given 80 and 88"},
      {{0, 1, 8, 1, 0, 0, 0, 0}, "expected two zero bytes at the start of an IDX file, given 0 and 1"},
      {{'P', 'K', 3, 4, 0, 0, 0, 0},
       "expected two zero bytes at the start of an IDX file, given 80 and 75: a zip archive, as .npz and .xlsx files "
       "are "
       "(its members are files of their own)"},
      {{0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0},
       "expected two zero bytes at the start of an IDX file, given 40 and 181: a zstd file (to be decompressed first)"},
      {idx(0x0D, {1}, {0, 0, 0, 0}), "expected values of type uint8 (0x08), given float (0x0D)"},
      {idx(0x0A, {1}, {0}), "expected values of type uint8 (0x08), given unknown (0x0A)"},
      {idx(0x08, {}, {1}), "expected 1 to 8 dimensions, given 0"},
      {idx(0x08, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1}), "expected 1 to 8 dimensions, given 9"},
      {idx(0x08, {3, 0, 5}, {}), "expected no dimension of zero, given dimension 1 of zero"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    for (const fs::path& path : {directory.plain(row.bytes), directory.gzip(row.bytes)}) {
      CHECK(idx_refusal(path) == "read_idx: " + path.string() + ": " + row.message);
    }
  }
}

TEST_CASE("idx: a shape that the file cannot hold is refused before memory is taken") {
  const Directory directory;
  const std::uint32_t huge = 0xFFFFFFFF;
  // 2^32 - 1 cubed and to the eighth overflow 64 bits; 4 GB in 12 bytes would merely be allocated.
  for (const Bytes& bytes : {idx(0x08, {huge}, {}), idx(0x08, {huge, huge, huge}, {1}),
                             idx(0x08, {huge, huge, huge, huge, huge, huge, huge, huge}, {1}),
                             idx(0x08, {0x10000, 0x10000, 0x10000, 0x10000}, {})}) {  // the product wraps to 0
    const std::string plain = idx_refusal(directory.plain(bytes));
    CHECK(contains(plain, "bytes of values in a file of " + std::to_string(bytes.size()) + " bytes"));
    CHECK(contains(plain, "given a header that declares"));
    CHECK(contains(idx_refusal(directory.gzip(bytes)), "bytes of values in a compressed file of"));
  }
  CHECK(contains(idx_refusal<double>(directory.plain(idx(0x0E, {0x40000000, 0x40000000}, {}))), "values of 8 bytes"));
}

#ifndef __EMSCRIPTEN__  // which would store the zeros
TEST_CASE("idx: a file of 15 TiB was an error of memory") {
  const Directory directory;
  // 7680 x 2^31 bytes, as labels that many dimensions less.
  const fs::path images = directory.plain(idx(0x08, {7680, 0x80000000U}, {}));
  std::error_code error;
  fs::resize_file(images, (std::uintmax_t{15} << 40U) + 12, error);
  if (error) {
    MESSAGE("no files of 15 TiB here");
    return;
  }
  const std::string expected = ": " + images.string() +
                               ": expected an IDX file of values that fits into memory, given "
                               "16492674416640 bytes";
  CHECK(idx_refusal(images) == "read_idx" + expected);
  CHECK(refusal<shallow::FileError>([&] { shallow::io::read_idx_images<float>(images); }) ==
        "read_idx_images" + expected);
  // A compressed file of 16 GiB may hold as much.
  const fs::path compressed = directory.gzip(idx(0x08, {7680, 0x80000000U}, {}));
  fs::resize_file(compressed, std::uintmax_t{17} << 30U, error);
  if (!error) {
    const std::string text = idx_refusal(compressed);
    CHECK(contains(text, "expected an IDX file of values that fits into memory, given 16492674416640 bytes"));
  }
}
#endif

TEST_CASE("idx: as much as deflate can expand is believed") {
  const Directory directory;
  const Bytes zeros(1'000'000);  // compressed about 1000 to 1
  const auto array = shallow::io::read_idx<std::uint8_t>(directory.gzip(idx(0x08, {1000, 1000}, zeros)));
  CHECK(array.values == zeros);
}

TEST_CASE("idx: truncated and trailing data are refused") {
  const Directory directory;
  const Bytes shorter = idx(0x08, {2, 2}, {1, 2, 3});
  const Bytes longer = idx(0x08, {2, 2}, {1, 2, 3, 4, 5});
  CHECK(contains(idx_refusal(directory.plain(shorter)), "expected at most 3 bytes of values in a file of 15 bytes"));
  CHECK(contains(idx_refusal(directory.plain(longer)), "expected a file of 16 bytes for 2 x 2 values, given 17 bytes"));
  CHECK(contains(idx_refusal(directory.gzip(shorter)), "expected 4 bytes of values (2 x 2), given 3 (truncated)"));
  CHECK(contains(idx_refusal(directory.gzip(longer)),
                 "expected the end of the file after 2 x 2 values, given more data"));
}

TEST_CASE("idx: a compressed file cut or changed anywhere is refused or means the same") {
  const Directory directory;
  Bytes values(300);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<unsigned char>(i * i % 251);
  const Bytes whole = content(directory.gzip(idx(0x08, {3, 100}, values)));

  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK(idx_refusal(directory.plain(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)))) !=
          "");
  }
  std::size_t harmless = 0;  // in gzip's header: flags, time, system; at the end of the stream: padding
  for (std::size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    Bytes changed = whole;
    changed[at] ^= 0x10U;
    const fs::path path = directory.plain(changed);
    if (idx_refusal(path).empty()) {
      ++harmless;
      CHECK(shallow::io::read_idx<std::uint8_t>(path).values == values);
    }
  }
  CHECK(harmless <= 8);
  Bytes checksum = whole;
  checksum[checksum.size() - 8] ^= 1U;
  CHECK(contains(idx_refusal(directory.plain(checksum)), "expected a whole gzip stream, given incorrect data check"));

  Bytes twice = whole;  // two members: their contents follow each other
  twice.insert(twice.end(), whole.begin(), whole.end());
  CHECK(contains(idx_refusal(directory.plain(twice)), "given more data"));
}

#ifdef SHALLOW_TEST_EXCHANGE
TEST_CASE("idx: a file that took the place of another between two looks was refused for the other's size") {
  const Directory directory;
  const auto bytes_of = [](std::uint32_t count) {
    const Bytes bytes = idx(0x08, {count}, Bytes(count, 1));
    return std::string(bytes.begin(), bytes.end());
  };
  int broken = 0;
  const int exchanges = while_exchanged(directory, directory / "labels", bytes_of(3), bytes_of(4000), 10'000,
                                        [&] { broken += idx_refusal(directory / "labels").empty() ? 0 : 1; });
  CHECK(exchanges > 0);
  CHECK(broken == 0);
}
#endif
