// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the readers and writers of formats share: whole files, read with a limit, written so that a crash leaves the
/// old one or the new one; numbers as text, whatever the locale.

#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <locale>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#if __has_include(<unistd.h>)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <fstream>
#endif

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

/// A file that is to be read: exists, is a regular file, and has this size.
/// \throws FileError (path): expected `what`, given why not
inline std::uintmax_t checked_file_size(std::string_view function, const std::filesystem::path& path,
                                        std::string_view what) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  const auto fail = [&](std::string_view given) { raise_expected<FileError>(function, path.string(), what, given); };
  if (!std::filesystem::exists(status)) {
    fail(error && error != std::errc::no_such_file_or_directory ? error.message() : "no file of this name");
  }
  if (std::filesystem::is_directory(status)) fail("a directory");
  if (!std::filesystem::is_regular_file(status)) fail("something that is no regular file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) fail(error.message());
  return size;
}

/// The bytes of a file, no more than its size was when it was opened, and no more than an Index counts.
/// \throws FileError (path): expected `what`, given why not; expected at most so many bytes
inline std::string read_file(std::string_view function, const std::filesystem::path& path, std::string_view what) {
  constexpr auto most = static_cast<std::uintmax_t>((std::numeric_limits<Index>::max)());
  const std::uintmax_t size = checked_file_size(function, path, what);
  const auto fail = [&](std::string_view expected, std::string_view given) {
    raise_expected<FileError>(function, path.string(), expected, given);
  };
  if (size > most) fail(numbered("at most ", most) + " bytes", std::to_string(size));
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  errno = 0;
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.string().c_str(), "rb"));
  if (!file) fail("a readable file", system_reason(errno));
  std::string bytes(static_cast<std::size_t>(size), '\0');
  const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), file.get());
  if (std::ferror(file.get()) != 0) fail("a readable file", system_reason(errno));
  if (count != bytes.size()) fail(numbered("", size) + " bytes", std::to_string(count) + " (the file has shrunk)");
  return bytes;
}

/// Writes a file so that at every moment the old one or the new one stands under `path`: the parts go to a new file
/// beside it, which is flushed to the disk (where the system is a POSIX one) and then renamed. A symbolic link stays
/// one; what it leads to is written. What is there and no regular file, a device say, is left alone. \throws FileError
/// (path): expected a file that can be written, given the system's reason
inline void write_file(std::string_view function, const std::filesystem::path& path,
                       const std::vector<std::string_view>& parts) {
  const auto fail = [&](std::string_view given) {
    raise_expected<FileError>(function, path.string(), "a file that can be written", given);
  };
  std::error_code error;
  std::filesystem::path target = path;
  for (int links = 0; std::filesystem::is_symlink(target, error); ++links) {
    constexpr int limit = 40;  // as Linux has it
    if (links == limit) fail(std::make_error_code(std::errc::too_many_symbolic_link_levels).message());
    target = target.parent_path() / std::filesystem::read_symlink(target, error);
    if (error) fail(error.message());
  }
  const auto status = std::filesystem::status(target, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    fail(std::filesystem::is_directory(status) ? "a directory" : "something that is no regular file");
  }
#if __has_include(<unistd.h>)
  const std::string name = target.string();
  // A name of its own for each writer: process, and a count within it. A file that a crash left is not in the way.
  static std::atomic<unsigned> writers{0};
  std::string beside;
  int file = -1;
  for (int attempt = 0; attempt < 100 && file < 0; ++attempt) {
    beside = name;
    beside.append(numbered(".", ::getpid())).append(numbered("-", writers++)).append(".new");
    file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 && errno != EEXIST) break;
  }
  if (file < 0) fail(system_reason(errno));
  const auto remove = [&](int code) {
    ::unlink(beside.c_str());
    fail(system_reason(code));
  };
  const auto give_up = [&](int code) {
    ::close(file);
    remove(code);
  };
  // With the rights of the file that it replaces.
  struct stat old {};
  if (::stat(name.c_str(), &old) == 0 && ::fchmod(file, old.st_mode & 0777U) != 0) give_up(errno);
  for (std::string_view part : parts) {
    while (!part.empty()) {
      const ::ssize_t written = ::write(file, part.data(), part.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) give_up(written < 0 ? errno : EIO);
      part.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  if (::fsync(file) != 0) give_up(errno);
  if (::close(file) != 0) remove(errno);
  if (::rename(beside.c_str(), name.c_str()) != 0) remove(errno);
  // The folder, too, or a loss of power may still undo the renaming.
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
#else
  std::filesystem::path beside = target;
  beside += ".new";
  const auto give_up = [&](std::string_view given) {
    std::error_code ignored;
    std::filesystem::remove(beside, ignored);
    fail(given);
  };
  bool written = false;
  {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    for (const std::string_view part : parts) file.write(part.data(), static_cast<std::streamsize>(part.size()));
    file.flush();
    written = !file.fail();
  }
  if (!written) give_up("an error while writing beside it");
  std::filesystem::rename(beside, target, error);
  if (error) give_up(error.message());
#endif
}

/// Removes the new files beside `path` that crashes have left half written. For the only writer of `path`.
inline void remove_leftovers(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const std::string start = path.filename().string() + ".";
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    constexpr std::string_view ending = ".new";
    if (name.size() < start.size() + ending.size() || !name.starts_with(start) || !name.ends_with(ending)) continue;
    // Between the two stand the numbers of the process and of the file: "12-3". What else is there is somebody's own.
    const std::string_view numbers =
        std::string_view(name).substr(start.size(), name.size() - start.size() - ending.size());
    const std::size_t dash = numbers.find('-');
    const auto is_number = [](std::string_view digits) {
      return !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (dash == std::string_view::npos || !is_number(numbers.substr(0, dash)) || !is_number(numbers.substr(dash + 1))) {
      continue;
    }
    std::error_code ignored;
    std::filesystem::remove(entry->path(), ignored);
  }
}

/// An unsigned number of `size` bytes, the lowest first.
inline std::uint64_t little_endian(const char* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}
/// The way back: appends it to `bytes`.
inline void append_little_endian(std::string& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
}

/// Appends numbers of 32 or 64 bits, each with its lowest byte first.
template <class T>
void append_numbers(std::string& bytes, const std::vector<T>& numbers) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  for (const T& number : numbers) append_little_endian(bytes, bit_cast<Bits>(number), sizeof(T));
}

/// Whether a decimal number that is out of range is too small, not too large: by the power of ten of the first of its
/// digits that is not zero.
inline bool is_tiny(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find_first_of("eE"));
  const std::size_t point = (std::min)(digits.find('.'), digits.size());
  const std::size_t first = (std::min)(digits.find_first_of("123456789"), digits.size());
  std::string_view written = text.substr((std::min)(digits.size() + 1, text.size()));
  if (written.starts_with('+')) written.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto error = std::from_chars(written.data(), written.data() + written.size(), exponent).ec;
  // No text is long enough to make up for such an exponent.
  if (error == std::errc::result_out_of_range) return written.starts_with('-');
  return exponent < static_cast<std::int64_t>(first) - static_cast<std::int64_t>(point);
}

/// A number written with a point, in full; false if the text is something else.
template <std::floating_point T>
bool parse_number(std::string_view text, T& number) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
#if defined(__cpp_lib_to_chars) && __cpp_lib_to_chars >= 201611L
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range && end == text.data() + text.size()) {
    // Too small is 0 for all purposes; too large is no number that could be worked with.
    const bool tiny = is_tiny(text);
    if (tiny) number = text.starts_with('-') ? T(-0.0) : T(0);
    return tiny;
  }
  return error == std::errc() && end == text.data() + text.size();
#else
  // libc++ before 20. A stream would refuse what is too small to be normal; strtod takes more than a number is written
  // with: spaces, hexadecimal digits, and the locale's point instead of a point.
  const std::string_view magnitude = text.substr(text.starts_with('-') ? 1 : 0);
  const bool word = !magnitude.empty() && std::string_view("iInN").find(magnitude.front()) != std::string_view::npos;
  if (!word && (magnitude.empty() || magnitude.find_first_not_of("0123456789.eE+-") != std::string_view::npos)) {
    return false;
  }
  std::string digits(text);
  const std::string_view point = std::localeconv()->decimal_point;
  if (const std::size_t at = digits.find('.'); at != std::string::npos && point != ".") digits.replace(at, 1, point);
  char* end = nullptr;
  if constexpr (std::same_as<T, float>) {
    number = std::strtof(digits.c_str(), &end);
  } else if constexpr (std::same_as<T, double>) {
    number = std::strtod(digits.c_str(), &end);
  } else {
    number = std::strtold(digits.c_str(), &end);
  }
  return end == digits.c_str() + digits.size() && (word || std::isfinite(number));
#endif
}

/// Appends a number as text, with a point and no more digits than bring back the same number.
template <std::floating_point T>
void append_exact(std::string& text, T number) {
  if constexpr (requires(char* at) { std::to_chars(at, at, number); }) {
    std::array<char, 64> digits;
    text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  } else {
    // libc++ before 14, and so Emscripten 3.1.6. The same number, though not always in as few characters.
    std::string candidate;
    T back{};
    for (int digits = 1; digits <= std::numeric_limits<T>::max_digits10; ++digits) {
      std::ostringstream stream;
      stream.imbue(std::locale::classic());
      stream.precision(digits);
      stream << number;
      candidate = stream.str();
      if (parse_number(candidate, back) && back == number) break;
    }
    text.append(candidate);
  }
}
template <std::floating_point T>
std::string exact_text(T number) {
  std::string text;
  append_exact(text, number);
  return text;
}

}  // namespace shallow::detail
