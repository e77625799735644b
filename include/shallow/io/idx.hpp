// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Reader of IDX files, the format of MNIST and its kin, plain or compressed by gzip (needs zlib: link shallow::idx).
///
///     byte 0, 1   0
///     byte 2      type: 0x08 uint8, 0x09 int8, 0x0B int16, 0x0C int32, 0x0D float, 0x0E double
///     byte 3      number of dimensions, here 1 to 8
///     4 each      the dimensions, unsigned, big endian
///     then        the values, big endian, the last dimension running fastest
///
/// Files are read as hostile: what the header promises is held against the size of the file before anything is
/// allocated. Plain: header and values are the file, to the byte. Compressed: deflate expands at most 1032 to 1, so the
/// values are at most 1032 times the file. Memory: the values once, and once more as what a function returns; a file
/// for which there is not so much is refused before the values are read.

#include "shallow/error.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/open_file.hpp"
#include "shallow/types.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallow::io {

/// A type of number that an IDX file can hold.
template <class T>
concept IdxValue = std::same_as<T, std::uint8_t> || std::same_as<T, std::int8_t> || std::same_as<T, std::int16_t> ||
    std::same_as<T, std::int32_t> || std::same_as<T, float> || std::same_as<T, double>;

/// The content of an IDX file: the values with the last dimension running fastest (row after row, image after image).
template <IdxValue T>
struct IdxArray {
  std::vector<Index> shape;  ///< 1 to 8 dimensions, none of them zero
  std::vector<T> values;     ///< as many as the product of the shape
};

}  // namespace shallow::io

namespace shallow::detail {

template <class T>
inline constexpr int idx_code = 0;
template <>
inline constexpr int idx_code<std::uint8_t> = 0x08;
template <>
inline constexpr int idx_code<std::int8_t> = 0x09;
template <>
inline constexpr int idx_code<std::int16_t> = 0x0B;
template <>
inline constexpr int idx_code<std::int32_t> = 0x0C;
template <>
inline constexpr int idx_code<float> = 0x0D;
template <>
inline constexpr int idx_code<double> = 0x0E;

/// "uint8 (0x08)"; a code that the format does not know is "unknown (0x..)".
inline std::string idx_type_text(int code) {
  constexpr std::array<std::pair<int, const char*>, 6> names{
      {{0x08, "uint8"}, {0x09, "int8"}, {0x0B, "int16"}, {0x0C, "int32"}, {0x0D, "float"}, {0x0E, "double"}}};
  const auto* const known =
      std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == code; });
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text = known == names.end() ? "unknown" : known->second;
  text.append(" (0x").append(1, digits[static_cast<std::size_t>(code / 16)]);
  return text.append(1, digits[static_cast<std::size_t>(code % 16)]).append(")");
}

/// "60000 x 28 x 28".
inline std::string idx_shape_text(const std::vector<Index>& shape) {
  std::string text;
  for (const Index size : shape) text.append(text.empty() ? "" : " x ").append(std::to_string(size));
  return text;
}

/// An IDX file whose header has been read and believed; values() reads the rest.
class IdxReader {
 public:
  /// Opens `path` and reads its header for values of `value_size` bytes and type `code`; errors name `function`.
  IdxReader(std::string_view function, const std::filesystem::path& path, int code, std::size_t value_size)
      : function_(function), path_(path.string()), file_path_(path) {
    open(path);
    read_header(code);
    check_size(value_size);
  }

  const std::vector<Index>& shape() const { return shape_; }

  /// What f() returns, which takes `times` times the bytes of the values.
  /// \throws FileError (path): expected an IDX file that fits into memory, given so many bytes of values
  template <class F>
  auto with_memory(std::size_t times, F&& f) const {
    check_memory(function_, file_path_, kWhat, value_bytes_, times);
    return within_memory(function_, file_path_, kWhat, value_bytes_, f);
  }

  /// The values, in the machine's byte order. To be called once.
  template <io::IdxValue T>
  std::vector<T> values() {
    std::vector<T> result(value_bytes_ / sizeof(T));
    auto* const bytes = reinterpret_cast<unsigned char*>(result.data());
    const std::size_t count = read(bytes, value_bytes_);
    if (count != value_bytes_) {
      fail(std::to_string(value_bytes_) + " bytes of values (" + idx_shape_text(shape_) + ")",
           std::to_string(count) + " (truncated)");
    }
    // Reading past the end makes zlib compare its checksum, too.
    unsigned char beyond = 0;
    if (read(&beyond, 1) != 0) fail("the end of the file after " + idx_shape_text(shape_) + " values", "more data");
    if (const int status = gzclose_r(file_.release()); status != Z_OK) {
      fail("a whole gzip stream", detail::numbered("a broken one (zlib status ", status) + ")");
    }
    if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) {
      for (std::size_t at = 0; at < value_bytes_; at += sizeof(T)) std::reverse(bytes + at, bytes + at + sizeof(T));
    }
    return result;
  }

  [[noreturn]] void fail(std::string_view expected, std::string_view given) const {
    raise_expected<FileError>(function_, path_, expected, given);
  }

 private:
  static constexpr std::string_view kWhat = "an IDX file of values";
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  void open(const std::filesystem::path& path) {
    constexpr std::string_view what = "an IDX file";
    std::uintmax_t size = 0;
#if defined(__unix__) || defined(__APPLE__)
    Descriptor opened = open_to_read(function_, path, what, size);
    errno = 0;
    file_.reset(gzdopen(opened.number(), "rb"));
    zlib_name_ = numbered("<fd:", opened.number()) + ">: ";
    if (file_) opened.release();  // which closes it
#else
    check_regular_file(function_, path, what);
    zlib_name_ = path_ + ": ";
    errno = 0;
#ifdef _WIN32
    file_.reset(gzopen_w(path.c_str(), "rb"));
#else
    file_.reset(gzopen(path.c_str(), "rb"));
#endif
    if (file_) size = size_of_open(function_, path);
#endif
    if (!file_) fail("a readable file", system_reason(errno));
    file_size_ = size;
    gzbuffer(file_.get(), 1U << 16U);
  }

  void read_header(int code) {
    std::array<unsigned char, 4> magic{};
    if (const std::size_t count = read(magic.data(), magic.size()); count != magic.size()) {
      fail("an IDX header of at least 8 bytes", std::to_string(count) + " bytes");
    }
    if (magic[0] != 0 || magic[1] != 0) {
      const std::string_view start(reinterpret_cast<const char*>(magic.data()), magic.size());
      const std::string_view other = other_format(start);
      std::string given = numbered("", int{magic[0]}).append(numbered(" and ", int{magic[1]}));
      if (!other.empty()) given.append(": ").append(other);
      fail("two zero bytes at the start of an IDX file", given);
    }
    if (magic[2] != code) fail("values of type " + idx_type_text(code), idx_type_text(magic[2]));
    if (magic[3] < 1 || magic[3] > 8) fail("1 to 8 dimensions", std::to_string(magic[3]));
    const std::size_t dimensions = magic[3];
    std::array<unsigned char, 4 * 8> bytes{};
    if (const std::size_t count = read(bytes.data(), 4 * dimensions); count != 4 * dimensions) {
      fail(detail::numbered("a header of ", 4 + 4 * dimensions) + " bytes", std::to_string(4 + count) + " (truncated)");
    }
    for (std::size_t dimension = 0; dimension < dimensions; ++dimension) {
      std::uint32_t size = 0;
      for (std::size_t at = 4 * dimension; at < 4 * dimension + 4; ++at) size = size << 8U | bytes[at];
      if (size == 0) fail("no dimension of zero", detail::numbered("dimension ", dimension) + " of zero");
      if (!std::in_range<Index>(size)) fail("a dimension that fits an Index", std::to_string(size));
      shape_.push_back(static_cast<Index>(size));
    }
  }

  /// Sets value_bytes_; the shape is refused if a file of this size cannot hold it.
  void check_size(std::size_t value_size) {
    constexpr std::uint64_t expansion = 1032;  // of deflate, at most: zlib's technical notes
    constexpr auto representable = static_cast<std::uint64_t>((std::numeric_limits<std::ptrdiff_t>::max)());
    const bool plain = gzdirect(file_.get()) != 0;
    const std::uint64_t header = 4 + 4 * shape_.size();
    std::uint64_t most = plain ? file_size_ - (std::min)(file_size_, header)
                               : expansion * (std::min)(file_size_, representable / expansion);
    most = (std::min)(most, representable);
    std::uint64_t bytes = value_size;
    for (const Index size : shape_) {
      const auto factor = static_cast<std::uint64_t>(size);
      if (bytes > most / factor) {
        fail(detail::numbered("at most ", most) + " bytes of values in " + (plain ? "a file" : "a compressed file") +
                 detail::numbered(" of ", file_size_) + " bytes",
             "a header that declares " + idx_shape_text(shape_) + " values of " + std::to_string(value_size) +
                 (value_size == 1 ? " byte" : " bytes"));
      }
      bytes *= factor;
    }
    if (plain && bytes != most) {
      fail(detail::numbered("a file of ", header + bytes) + " bytes for " + idx_shape_text(shape_) + " values",
           std::to_string(file_size_) + " bytes");
    }
    value_bytes_ = static_cast<std::size_t>(bytes);
  }

  /// Reads up to `size` bytes and returns how many there were; a stream that zlib finds broken is an error.
  std::size_t read(unsigned char* to, std::size_t size) {
    constexpr std::size_t chunk = std::size_t{1} << 30U;  // gzread counts in int
    std::size_t total = 0;
    while (total < size) {
      const int count = gzread(file_.get(), to + total, static_cast<unsigned>((std::min)(chunk, size - total)));
      if (count <= 0) break;
      total += static_cast<std::size_t>(count);
    }
    int status = Z_OK;
    std::string_view message = gzerror(file_.get(), &status);
    if (message.starts_with(zlib_name_)) message.remove_prefix(zlib_name_.size());
    if (status == Z_ERRNO) fail("a readable file", system_reason(errno));
    if (status == Z_BUF_ERROR) fail("a whole gzip stream", "one that ends early (truncated)");
    if (status != Z_OK) fail("a whole gzip stream", message);
    return total;
  }

  std::string function_;
  std::string path_;
  std::string zlib_name_;  ///< what zlib's messages begin with
  std::filesystem::path file_path_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::uint64_t file_size_ = 0;
  std::size_t value_bytes_ = 0;
  std::vector<Index> shape_;
};

}  // namespace shallow::detail

namespace shallow::io {

/// The content of the IDX file at `path`, whose type must be T: `read_idx<std::uint8_t>("train-images-idx3-ubyte.gz")`.
///
/// Throws FileError, which names the path, what was expected and what was given, when `path` is missing, unreadable or
/// no regular file; when the header is short, does not begin with two zero bytes, has another type than T, fewer than 1
/// or more than 8 dimensions or one that is zero; when the file is too small for the shape or has data beyond it; when
/// memory does not hold the values; when a compressed stream is broken, ends early or fails its checksum. (What follows
/// a compressed stream and is none itself is ignored, as gzip does.)
template <IdxValue T>
IdxArray<T> read_idx(const std::filesystem::path& path) {
  detail::IdxReader reader("read_idx", path, detail::idx_code<T>, sizeof(T));
  return reader.with_memory(1, [&] { return IdxArray<T>{reader.shape(), reader.template values<T>()}; });
}

/// Images (n_x x m) of an IDX file of bytes with dimensions m x ...: a column is an image, its pixels in the file's
/// order (row after row), scaled from 0..255 to [0,1]. Memory: the bytes of the file and the result.
///
/// Throws FileError as read_idx does, and when the file has fewer than 2 dimensions: it holds labels.
template <Scalar S>
Matrix<S> read_idx_images(const std::filesystem::path& path) {
  detail::IdxReader reader("read_idx_images", path, detail::idx_code<std::uint8_t>, 1);
  if (reader.shape().size() < 2) {
    reader.fail("2 or more dimensions (m x ...)",
                detail::idx_shape_text(reader.shape()) + ": the file holds labels (1 dimension)");
  }
  return reader.with_memory(1 + sizeof(S), [&] {
    const std::vector<std::uint8_t> bytes = reader.values<std::uint8_t>();
    const Index m = reader.shape().front();
    const Index n_x = static_cast<Index>(bytes.size()) / m;
    Matrix<S> images(n_x, m);
    std::transform(bytes.begin(), bytes.end(), images.data(),
                   [](std::uint8_t byte) { return S(static_cast<double>(byte)) / S(255.0); });
    return images;
  });
}

/// Class labels (1 x m), 0 to 255, of an IDX file of bytes with one dimension.
///
/// Throws FileError as read_idx does, and when the file has more than one dimension: it holds images.
inline Eigen::RowVectorXi read_idx_labels(const std::filesystem::path& path) {
  detail::IdxReader reader("read_idx_labels", path, detail::idx_code<std::uint8_t>, 1);
  if (reader.shape().size() != 1) {
    reader.fail("1 dimension (m labels)", detail::idx_shape_text(reader.shape()) +
                                              detail::numbered(": the file holds images (", reader.shape().size()) +
                                              " dimensions)");
  }
  return reader.with_memory(1 + sizeof(int), [&] {
    const std::vector<std::uint8_t> bytes = reader.values<std::uint8_t>();
    Eigen::RowVectorXi labels(static_cast<Index>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), labels.data());
    return labels;
  });
}

}  // namespace shallow::io
