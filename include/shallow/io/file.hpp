// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the readers and writers of formats share: whole files, read with a limit, written so that a crash leaves the
/// old one or the new one and nobody may read more than before.

#include "shallow/error.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/file_replacement.hpp"
#include "shallow/io/open_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <fstream>
#endif

namespace shallow::detail {

/// The bytes of a file, no more than its size was when it was opened, and no more than memory holds `times` times: the
/// file, and what becomes of it.
/// \throws FileError (path): expected `what`, given why not; expected `what` that fits into memory, given so many bytes
inline std::string read_file(std::string_view function, const std::filesystem::path& path, std::string_view what,
                             std::uintmax_t times = 3) {
  const auto fail = [&](std::string_view expected, std::string_view given) {
    raise_expected<FileError>(function, path.string(), expected, given);
  };
#if defined(__unix__) || defined(__APPLE__)
  std::uintmax_t size = 0;
  const Descriptor file = open_to_read(function, path, what, size);
  const auto read = [&](char* to, std::size_t count) {
    ::ssize_t part = -1;
    do {
      part = ::read(file.number(), to, (std::min)(count, std::size_t{1} << 30U));
    } while (part < 0 && errno == EINTR);
    return part;
  };
#else
  check_regular_file(function, path, what);
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  errno = 0;
#ifdef _WIN32
  const std::unique_ptr<std::FILE, Close> file(::_wfopen(path.c_str(), L"rb"));  // whose other names are not UTF-8
#else
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
#endif
  if (!file) fail("a readable file", system_reason(errno));
  const std::uintmax_t size = size_of_open(function, path);
  const auto read = [&](char* to, std::size_t count) {
    const std::size_t part = std::fread(to, 1, count, file.get());
    return std::ferror(file.get()) != 0 ? std::ptrdiff_t{-1} : static_cast<std::ptrdiff_t>(part);
  };
#endif
  check_memory(function, path, what, size, times);
  std::string bytes =
      within_memory(function, path, what, size, [&] { return std::string(static_cast<std::size_t>(size), '\0'); });
  for (std::size_t count = 0; count < bytes.size();) {
    const auto part = read(bytes.data() + count, bytes.size() - count);
    if (part < 0) fail("a readable file", system_reason(errno));
    if (part == 0) fail(numbered("", size) + " bytes", std::to_string(count) + " (the file has shrunk)");
    count += static_cast<std::size_t>(part);
  }
  return bytes;
}

/// Writes a file so that at every moment the old one or the new one stands under `path`: the parts go to a new file
/// beside it, which is flushed to the disk (where the system is a POSIX one) and then renamed. A symbolic link stays
/// one; what it leads to is written. Refused is what the system would not open for writing, a file without any right to
/// write (mode 0444; root, too), and what is there and no regular file, a device say.
///
/// On a POSIX system nobody may read more than before: the new file has mode 0600 until it has owner, group, access
/// list and rights of the one that it replaces, as far as the process may give them away, and fewer where not. Where
/// there was none, the system decides (umask, the folder's default) as for every new file. Other names of the old file
/// (hard links) keep the old content.
/// \throws FileError (path): expected a file that can be written, given the system's reason
inline void write_file(std::string_view function, const std::filesystem::path& path,
                       const std::vector<std::string_view>& parts) {
  constexpr std::string_view what = "a file that can be written";
  check_path(function, path, what);
  const auto fail = [&](std::string_view given) { raise_expected<FileError>(function, path.string(), what, given); };
#if defined(__unix__) || defined(__APPLE__)
  Place place;
  Descriptor old_file;
  struct stat old {};
  if (const std::string reason = open_old(path, place, old_file, old); !reason.empty()) fail(reason);
  const bool replaces = old_file.is_open();
  if (replaces && is_own_output(old)) fail("what this program prints to");
  const int folder = place.folder.number();
  std::string beside;
  Descriptor file;
  for (int attempt = 0; attempt < 100 && !file.is_open(); ++attempt) {
    beside = new_file_name(place.name);
    if (beside.empty()) fail("no random numbers from the system");
    file = Descriptor(
        ::openat(folder, beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, replaces ? 0600 : 0666));
    if (!file.is_open() && errno != EEXIST) break;
  }
  if (!file.is_open()) fail(system_reason(errno) + " (a new file in its folder)");
  const auto give_up = [&](int code) {
    ::unlinkat(folder, beside.c_str(), 0);
    fail(system_reason(code));
  };
  for (std::string_view part : parts) {
    while (!part.empty()) {
      const ::ssize_t written = ::write(file.number(), part.data(), part.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) give_up(written < 0 ? errno : EIO);
      part.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  if (replaces && !give_rights(old_file.number(), old, file.number())) give_up(errno);
  if (::fsync(file.number()) != 0) give_up(errno);
  if (::close(file.release()) != 0) give_up(errno);
  if (::renameat(folder, beside.c_str(), folder, place.name.c_str()) != 0) give_up(errno);
  // The folder, too, or a loss of power may still undo the renaming.
  ::fsync(folder);
#else
  std::error_code error;
  std::filesystem::path target;
  if (!followed(path, target, error)) fail(error.message());
  const auto status = std::filesystem::status(target, error);
  const bool replaces = std::filesystem::exists(status);
  if (replaces && !std::filesystem::is_regular_file(status)) {
    fail(std::filesystem::is_directory(status) ? "a directory" : "something that is no regular file");
  }
  using Rights = std::filesystem::perms;
  constexpr Rights write = Rights::owner_write | Rights::group_write | Rights::others_write;
  if (replaces && (status.permissions() & write) == Rights::none) fail("a read-only file");
  const std::string name = new_file_name(target.filename().string());
  if (name.empty()) fail("no random numbers from the system");
  const std::filesystem::path folder = target.parent_path();
  if (!folder.empty() && !std::filesystem::exists(folder, error)) {
    fail(std::make_error_code(std::errc::no_such_file_or_directory).message());
  }
  const std::filesystem::path beside = folder / name;
  const auto give_up = [&](std::string_view given) {
    std::error_code ignored;
    std::filesystem::remove(beside, ignored);
    fail(given);
  };
  bool written = false;
  errno = 0;
  {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    for (const std::string_view part : parts) file.write(part.data(), static_cast<std::streamsize>(part.size()));
    file.flush();
    written = !file.fail();
  }
  if (!written) give_up(errno != 0 ? system_reason(errno) : "an error while writing beside it");
  error.clear();
  if (replaces) std::filesystem::permissions(beside, status.permissions(), error);
  if (error) give_up(error.message());
  std::filesystem::rename(beside, target, error);
  if (error) give_up(error.message());
#endif
}

/// Removes the new files that crashes have left half written beside `path` or, if that is a link, beside what it leads
/// to. For the only writer of `path`.
inline void remove_leftovers(const std::filesystem::path& path) {
  std::error_code error;
#if defined(__unix__) || defined(__APPLE__)
  Place place;
  if (find_place(path, place) != 0) return;
  const std::filesystem::path& target = place.path;
#else
  std::filesystem::path target;
  if (!followed(path, target, error)) return;
#endif
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const std::string start = new_file_start(target.filename().string());
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (!is_new_file(entry->path().filename().string(), start) ||
        !std::filesystem::is_regular_file(entry->symlink_status(ignored))) {
      continue;
    }
    std::filesystem::remove(entry->path(), ignored);
  }
}

}  // namespace shallow::detail
