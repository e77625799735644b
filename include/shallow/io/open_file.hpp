// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Files before anything is read or written: what their paths, their kinds and their sizes must be, and how they are
/// opened.

#include "shallow/error.hpp"
#include "shallow/io/file_messages.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__) && !defined(__EMSCRIPTEN__)
#include <sys/sysinfo.h>
#endif
#endif

namespace shallow::detail {

/// Refuses what the system would take for the path before its zero byte: another file.
/// \throws FileError (path): expected `what`, given a path with a zero byte
inline void check_path(std::string_view function, const std::filesystem::path& path, std::string_view what) {
  if (path.native().find(std::filesystem::path::value_type(0)) == std::filesystem::path::string_type::npos) return;
  raise_expected<FileError>(function, path_text(path), what, "a path with a zero byte");
}

/// The folder of a file that is to be written later: exists.
/// \throws FileError (path): expected a file that can be written, given no such folder; given a path with a zero byte
inline void check_folder(std::string_view function, const std::filesystem::path& path) {
  constexpr std::string_view what = "a file that can be written";
  check_path(function, path, what);
  const std::filesystem::path folder = path.parent_path();
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error)) return;
  raise_expected<FileError>(function, path.string(), what, "no such folder");
}

/// A file that is to be read: exists, and is a regular file.
/// \throws FileError (path): expected `what`, given why not
inline void check_regular_file(std::string_view function, const std::filesystem::path& path, std::string_view what) {
  check_path(function, path, what);
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  const auto fail = [&](std::string_view given) { raise_expected<FileError>(function, path.string(), what, given); };
  if (!std::filesystem::exists(status)) {
    fail(error && error != std::errc::no_such_file_or_directory ? error.message() : "no file of this name");
  }
  if (std::filesystem::is_directory(status)) fail("a directory");
  if (!std::filesystem::is_regular_file(status)) fail("something that is no regular file");
}

/// Memory that this machine has, swap included. Where swap grows as it is needed, four times what is built in; the
/// largest number where the system does not say.
inline std::uintmax_t memory_of_machine() {
  constexpr std::uintmax_t unknown = (std::numeric_limits<std::uintmax_t>::max)();
#if defined(__linux__) && !defined(__EMSCRIPTEN__)
  struct ::sysinfo machine {};
  if (::sysinfo(&machine) != 0) return unknown;
  return (std::uintmax_t{machine.totalram} + machine.totalswap) * machine.mem_unit;
#elif (defined(__unix__) || defined(__APPLE__)) && defined(_SC_PHYS_PAGES)
  const auto pages = ::sysconf(_SC_PHYS_PAGES);
  const auto bytes = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || bytes <= 0) return unknown;
  return 4 * static_cast<std::uintmax_t>(pages) * static_cast<std::uintmax_t>(bytes);
#else
  return unknown;
#endif
}

/// Whether `times` as many bytes as `size` can be had. Asked before anything is read: a machine that promises more than
/// it has would end the program when the promise is called in.
inline bool fits_memory(std::uintmax_t size, std::uintmax_t times) {
  constexpr auto most = static_cast<std::uintmax_t>((std::numeric_limits<std::ptrdiff_t>::max)());
  if (times == 0 || size > (std::min)(most, memory_of_machine()) / times) return false;
  // What is small is not asked for twice.
  constexpr std::uintmax_t little = std::uintmax_t{1} << 20U;
  if (size * times < little) return true;
  // volatile: else a compiler may leave the allocation out, or warn of a constant size that was refused above.
  const volatile auto bytes = static_cast<std::size_t>(size * times);
  void* volatile probe = std::malloc(bytes);
  const bool given = probe != nullptr;
  std::free(probe);
  return given;
}

[[noreturn]] inline void refuse_size(std::string_view function, const std::filesystem::path& path,
                                     std::string_view what, std::uintmax_t size) {
  raise_expected<FileError>(function, path.string(), std::string(what).append(" that fits into memory"),
                            numbered("", size) + " bytes");
}
/// Refuses what memory cannot hold `times` times.
/// \throws FileError (path): expected `what` that fits into memory, given so many bytes
inline void check_memory(std::string_view function, const std::filesystem::path& path, std::string_view what,
                         std::uintmax_t size, std::uintmax_t times) {
  if (!fits_memory(size, times)) refuse_size(function, path, what, size);
}

/// What f() returns; memory that it asks for in vain is an error of the file, whose size is `size`.
/// \throws FileError (path): expected `what` that fits into memory, given so many bytes
template <class F>
auto within_memory(std::string_view function, const std::filesystem::path& path, std::string_view what,
                   std::uintmax_t size, F&& f) {
  return within_memory(f, [&] { refuse_size(function, path, what, size); });
}

#if defined(__unix__) || defined(__APPLE__)

/// An open file or folder.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// Opens a regular file to be read. `size` is that of what has been opened, whatever comes to stand under its name
/// between any two lines here, or afterwards.
/// \throws FileError (path): expected `what`, given why not; expected a readable file, given the system's reason;
///         expected `what` that fits into memory, given so many bytes
inline Descriptor open_to_read(std::string_view function, const std::filesystem::path& path, std::string_view what,
                               std::uintmax_t& size) {
  // By its name first: to open what is no regular file may set something going.
  check_regular_file(function, path, what);
  Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat opened {};
  if (!file.is_open() || ::fstat(file.number(), &opened) != 0) {
    const int code = errno;
    std::error_code error;
    // Where addresses have 32 bits.
    if (code == EOVERFLOW) refuse_size(function, path, what, std::filesystem::file_size(path, error));
    raise_expected<FileError>(function, path.string(), "a readable file", system_reason(code));
  }
  if (!S_ISREG(opened.st_mode)) {
    raise_expected<FileError>(function, path.string(), what, "something that is no regular file");
  }
  size = static_cast<std::uintmax_t>(opened.st_size);
  return file;
}

#else

/// The size of a file that is open to be read, and so cannot be exchanged or removed here.
/// \throws FileError (path): expected a readable file, given the system's reason
inline std::uintmax_t size_of_open(std::string_view function, const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) raise_expected<FileError>(function, path.string(), "a readable file", error.message());
  return size;
}

#endif

}  // namespace shallow::detail
