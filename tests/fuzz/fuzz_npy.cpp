// SPDX-License-Identifier: MIT

/// \file
/// Choice: bits 0 to 3 the type of the values, bit 7 a file whose version and length of the header are written here.

#include "shallow/io/npy.hpp"

#include "fuzz.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace {

template <class T>
void check(std::string_view bytes) {
  using shallow::io::NpyOrder;
  const auto read = [](const auto& path) { return shallow::io::read_npy<T>(path); };
  const auto matrix = fuzz::taken("read_npy", fuzz::file_of(bytes), read);
  if (!matrix) return;
  const std::size_t size = static_cast<std::size_t>(matrix->size()) * sizeof(T);
  fuzz::demand(size < bytes.size(), "values take no more bytes than the file has");
  if (size != 0) {
    // The first and the last value stand at the same places whatever the order.
    std::string ends(reinterpret_cast<const char*>(matrix->data()), sizeof(T));
    ends.append(reinterpret_cast<const char*>(matrix->data() + matrix->size() - 1), sizeof(T));
    std::string given(bytes.substr(bytes.size() - size, sizeof(T)));
    given.append(bytes.substr(bytes.size() - sizeof(T)));
    std::string swapped = given;
    std::reverse(swapped.begin(), swapped.begin() + sizeof(T));
    std::reverse(swapped.begin() + sizeof(T), swapped.end());
    fuzz::demand(ends == given || ends == swapped, "the values are those of the file");
  }
  for (const NpyOrder order : {NpyOrder::columns, NpyOrder::rows}) {
    const auto again =
        fuzz::written_and_read([&](const auto& path) { shallow::io::write_npy(path, *matrix, order); }, read);
    fuzz::demand(fuzz::same_bits(again, *matrix), "what is written comes back to the last bit");
  }
}

/// Version 1.0 or 2.0, then a header of that text.
std::string framed(std::string_view text, std::string_view data, bool wide) {
  const std::size_t length_size = wide ? 4 : 2;
  std::string bytes("\x93NUMPY\x01\x00", 8);
  if (wide) bytes[6] = 2;
  shallow::detail::append_little_endian(bytes, text.size(), length_size);
  return bytes.append(text).append(data);
}

}  // namespace

void fuzz::run(const Input& input) {
  std::string frame;
  std::string_view bytes = input.bytes;
  if ((input.choice & 0x80U) != 0) {
    const auto [text, data] = header_and_data(bytes);
    frame = framed(text, data, (input.choice & 0x40U) != 0);
    bytes = frame;
  }
  switch (input.choice & 0x0FU) {
    case 0: return check<float>(bytes);
    case 1: return check<double>(bytes);
    case 2: return check<std::int8_t>(bytes);
    case 3: return check<std::int16_t>(bytes);
    case 4: return check<std::int32_t>(bytes);
    case 5: return check<std::int64_t>(bytes);
    case 6: return check<std::uint8_t>(bytes);
    case 7: return check<std::uint16_t>(bytes);
    case 8: return check<std::uint32_t>(bytes);
    default: return check<std::uint64_t>(bytes);
  }
}
