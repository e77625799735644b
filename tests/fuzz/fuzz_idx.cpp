// SPDX-License-Identifier: MIT

/// \file
/// Choice: bits 0 to 3 the type or the function, bit 7 a file that is compressed here.

#include "shallow/io/idx.hpp"
#include "shallow/io/number_formats.hpp"

#include "fuzz.hpp"
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

using shallow::Index;

/// As gzip writes them, in one stored block: with the checksum that no mutation finds.
std::string compressed(std::string_view bytes) {
  bytes = bytes.substr(0, 0xFFFF);
  std::string file("\x1F\x8B\x08\0\0\0\0\0\0\xFF\x01", 11);
  const auto append = [&](std::uint64_t value, std::size_t size) {
    shallow::detail::append_little_endian(file, value, size);
  };
  append(bytes.size(), 2);
  append(~bytes.size(), 2);
  file.append(bytes);
  append(::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())), 4);
  append(bytes.size(), 4);
  return file;
}

template <class T>
auto read(const std::filesystem::path& path) {
  return shallow::io::read_idx<T>(path);
}

template <class T>
void check_values(std::string_view bytes) {
  const auto array = fuzz::taken("read_idx", fuzz::file_of(bytes), read<T>);
  if (!array) return;
  fuzz::demand(!array->shape.empty() && array->shape.size() <= 8, "1 to 8 dimensions");
  Index count = 1;
  for (const Index size : array->shape) {
    fuzz::demand(size > 0, "no dimension of zero");
    count *= size;
  }
  fuzz::demand(static_cast<Index>(array->values.size()) == count, "as many values as the shape says");
  fuzz::demand(array->values.size() * sizeof(T) <= 1032 * bytes.size(), "deflate expands at most 1032 to 1");
  if (!bytes.starts_with('\0')) return;

  // A plain file: the last value, and the whole file compressed.
  std::string last(bytes.substr(bytes.size() - sizeof(T)));
  std::reverse(last.begin(), last.end());
  fuzz::demand(std::memcmp(last.data(), &array->values.back(), sizeof(T)) == 0, "the values are those of the file");
  const auto again = read<T>(fuzz::file_of(compressed(bytes)));
  fuzz::demand(again.shape == array->shape &&
                   std::memcmp(again.values.data(), array->values.data(), array->values.size() * sizeof(T)) == 0,
               "a file and the same file compressed say the same");
}

template <class S>
void check_images(std::string_view bytes) {
  const auto images = fuzz::taken("read_idx_images", fuzz::file_of(bytes),
                                  [](const auto& path) { return shallow::io::read_idx_images<S>(path); });
  if (!images) return;
  fuzz::demand(images->rows() > 0 && images->cols() > 0, "an image with a pixel");
  fuzz::demand((images->array() >= S(0)).all() && (images->array() <= S(1)).all(), "pixels are from 0 to 1");
  const auto array = read<std::uint8_t>(fuzz::file_of(bytes));
  fuzz::demand(images->cols() == array.shape.front() && images->size() == static_cast<Index>(array.values.size()),
               "a column is an image");
}

void check_labels(std::string_view bytes) {
  const auto labels = fuzz::taken("read_idx_labels", fuzz::file_of(bytes),
                                  [](const auto& path) { return shallow::io::read_idx_labels(path); });
  if (!labels) return;
  const auto array = read<std::uint8_t>(fuzz::file_of(bytes));
  fuzz::demand(
      array.shape.size() == 1 && std::equal(array.values.begin(), array.values.end(), labels->begin(), labels->end()),
      "labels are the bytes of the file");
}

}  // namespace

void fuzz::run(const Input& input) {
  std::string frame;
  std::string_view bytes = input.bytes;
  if ((input.choice & 0x80U) != 0) {
    frame = compressed(bytes);
    bytes = frame;
  }
  switch (input.choice & 0x0FU) {
    case 0: return check_values<std::uint8_t>(bytes);
    case 1: return check_values<std::int8_t>(bytes);
    case 2: return check_values<std::int16_t>(bytes);
    case 3: return check_values<std::int32_t>(bytes);
    case 4: return check_values<float>(bytes);
    case 5: return check_values<double>(bytes);
    case 6: return check_images<float>(bytes);
    case 7: return check_images<double>(bytes);
    default: return check_labels(bytes);
  }
}
