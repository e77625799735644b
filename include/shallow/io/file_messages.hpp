// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What errors say of files: the system's reason, a path, an excerpt of the text, and the format of a file that is not
/// of the one expected.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace shallow::detail {

/// What the system says about `code`.
inline std::string system_reason(int code) { return std::generic_category().message(code); }

/// Text of a file as a message shows it, in quotes: at most `length` bytes, with "..." if there are more, no UTF-8
/// character cut in two; '?' for control characters (also those of two bytes in UTF-8), which could end a C string or
/// steer a terminal.
inline std::string quoted_excerpt(std::string_view text, std::size_t length = 60) {
  const auto code = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };  // char may have a sign
  const bool cut = text.size() > length;
  if (cut) {
    std::size_t end = length;
    while (end > 0 && length - end < 3 && (code(end) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end);
  }
  std::string excerpt = "'";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool two_bytes = i > 0 && code(i - 1) == 0xC2U && code(i) >= 0x80U && code(i) < 0xA0U;
    if (two_bytes) excerpt.pop_back();
    excerpt.push_back(two_bytes || code(i) < 32 || code(i) == 127 ? '?' : text[i]);
  }
  return excerpt.append(cut ? "...'" : "'");
}

/// A path as messages show it: a zero byte would end the text there.
inline std::string path_text(const std::filesystem::path& path) {
  std::string text = path.string();
  std::replace(text.begin(), text.end(), '\0', '?');
  return text;
}

/// "a gzip file (to be decompressed first)": which other format a file begins like; "" if none that is known here.
inline std::string_view other_format(std::string_view bytes) {
  struct Format {
    std::string_view start;
    std::string_view name;
  };
  using namespace std::string_view_literals;
  constexpr std::array<Format, 9> formats{
      {{"\x1F\x8B"sv, "a gzip file (to be decompressed first)"},
       {"PK\x03\x04"sv, "a zip archive, as .npz and .xlsx files are (its members are files of their own)"},
       {"PK\x05\x06"sv, "an empty zip archive"},
       {"BZh91AY&SY"sv, "a bzip2 file (to be decompressed first)"},
       {"\xFD"
        "7zXZ\0"sv,
        "an xz file (to be decompressed first)"},
       {"\x28\xB5\x2F\xFD"sv, "a zstd file (to be decompressed first)"},
       {"\x89HDF"sv, "an HDF5 file"},
       {"\x93NUMPY"sv, "a .npy file"},
       {"\x80\x04\x95"sv, "a Python pickle"}}};
  for (const Format& format : formats) {
    if (bytes.starts_with(format.start)) return format.name;
  }
  return {};
}

}  // namespace shallow::detail
