// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What it takes to put a new file in the place of an old one: a name for the new one until then, the place where the
/// old one stands, behind whatever links, and rights by which nobody may do more than before.

#include "shallow/error.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/open_file.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__) && !defined(__EMSCRIPTEN__)
#include <sys/xattr.h>
#endif
#endif

namespace shallow::detail {

/// How the names of new files begin that shall take the place of the file `name`. They are as long for every name, for
/// a name may be as long as the system allows.
inline std::string new_file_start(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  std::string start = ".shallow-";
  for (int shift = 60; shift >= 0; shift -= 4) start.push_back("0123456789abcdef"[hash >> shift & 15U]);
  return start.append("-");
}
inline constexpr std::size_t kNewFileDigits = 32;
inline constexpr std::string_view kNewFileEnd = ".new";

/// A name that nobody can foretell, from random bits of the system; "" if it has none.
inline std::string new_file_name(std::string_view name) {
  std::string result = new_file_start(name);
  const auto append = [&] {
    std::random_device entropy;
    for (std::size_t digit = 0; digit < kNewFileDigits; digit += 8) {
      const auto bits = static_cast<std::uint32_t>(entropy());
      for (unsigned shift = 0; shift < 32; shift += 4) result.push_back("0123456789abcdef"[bits >> shift & 15U]);
    }
  };
  return succeeds(append) ? result.append(kNewFileEnd) : std::string();
}
/// Whether new_file_name(name) may have given `entry`; `start` is new_file_start(name).
inline bool is_new_file(std::string_view entry, std::string_view start) {
  if (entry.size() != start.size() + kNewFileDigits + kNewFileEnd.size()) return false;
  return entry.starts_with(start) && entry.ends_with(kNewFileEnd) &&
         entry.substr(start.size(), kNewFileDigits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The rights of a file that takes the place of one with the rights `old`, so that nobody may do more than before.
/// Where the owner or the group is another, those who were it are among the rest now, and those who are it were among
/// the rest.
inline unsigned kept_rights(unsigned old, bool same_owner, bool same_group) {
  const unsigned user = old >> 6U & 7U;
  unsigned group = old >> 3U & 7U;
  unsigned others = old & 7U;
  if (!same_group) group = others = group & others;
  if (!same_owner) {
    group &= user;
    others &= user;
  }
  return user << 6U | group << 3U | others;
}

#if defined(__unix__) || defined(__APPLE__)

inline bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Where a file stands or will: its folder, and its name in there, which is no symbolic link.
struct Place {
  Descriptor folder;
  std::string name;
  std::filesystem::path path;
};

/// Opens a folder; also one whose content may not be listed, where that goes.
inline Descriptor open_folder(const std::filesystem::path& path) {
  const char* const name = path.empty() ? "." : path.c_str();
  Descriptor folder(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
#ifdef O_PATH
  if (!folder.is_open() && errno == EACCES) {
    folder = Descriptor(::open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
#endif
  return folder;
}

/// Follows the links that `path` itself may be: what is renamed to a link would take its place. By hand, and so by the
/// system's rule for hands that are not to be led (Linux: fs.protected_symlinks): in a sticky folder that everybody may
/// write to, a link is followed if it is this process's own or the folder's owner's. Nobody else can exchange that one
/// in the meantime. Returns the system's code of what went wrong, or 0.
inline int find_place(const std::filesystem::path& path, Place& place) {
  place = {Descriptor(), {}, path};
  constexpr int limit = 40;  // as Linux has it
  for (int links = 0; links <= limit; ++links) {
    const std::filesystem::path parent = place.path.parent_path();
    place.folder = open_folder(parent);
    if (!place.folder.is_open()) return errno;
    place.name = place.path.filename().string();
    if (place.name.empty()) return place.path.empty() ? ENOENT : EISDIR;
    const int folder = place.folder.number();
    struct stat entry {};
    if (::fstatat(folder, place.name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : errno;
    if (!S_ISLNK(entry.st_mode)) return 0;
    struct stat around {};
    if (::fstat(folder, &around) != 0) return errno;
    const bool shared = (around.st_mode & S_ISVTX) != 0 && (around.st_mode & S_IWOTH) != 0;
    if (shared && entry.st_uid != ::geteuid() && entry.st_uid != around.st_uid) return EACCES;
    std::array<char, 4096> target;  // no path is longer
    const ::ssize_t length = ::readlinkat(folder, place.name.c_str(), target.data(), target.size());
    if (length < 0) return errno;
    place.path = parent / std::string(target.data(), static_cast<std::size_t>(length));
  }
  return ELOOP;
}

/// What is to be replaced, open as for writing, so that it is the system that decides whether this process may; not
/// open if there is nothing. Returns the reason why not, or "".
inline std::string open_old(const std::filesystem::path& path, Place& place, Descriptor& file, struct stat& old) {
  // Again if another program has put a new file there in between.
  constexpr int attempts = 100;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    // Only a regular file is opened: with others that alone may set something going.
    const bool exists = ::stat(path.c_str(), &old) == 0;
    if (!exists && errno != ENOENT) return system_reason(errno);
    if (exists && !S_ISREG(old.st_mode)) {
      return S_ISDIR(old.st_mode) ? "a directory" : "something that is no regular file";
    }
    if (const int code = find_place(path, place); code != 0) {
      return code == EISDIR ? "a directory" : system_reason(code);
    }
    struct stat entry {};
    const bool found = ::fstatat(place.folder.number(), place.name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) == 0;
    if (!exists && !found) return {};
    if (!exists || !found) continue;
    // Also for root, who could write to it.
    if ((old.st_mode & 0222U) == 0) return "a read-only file";
    file = Descriptor(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file.is_open() && errno == ENOENT) continue;
    if (!file.is_open() || ::fstat(file.number(), &old) != 0) return system_reason(errno);
    if (S_ISREG(old.st_mode) && same_file(old, entry)) return {};
    file = Descriptor();
  }
  return "another file each time that one looks";
}

/// Whether a file is what this program itself prints to: under its name there would be another file from then on.
inline bool is_own_output(const struct stat& file) {
  for (const int number : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat output {};
    if (::fstat(number, &output) == 0 && same_file(file, output)) return true;
  }
  return false;
}

/// Gives `to` the access list of `from`, which is none as a rule. A new file may have one of its folder's. False if
/// that does not go.
inline bool copy_access_list([[maybe_unused]] int from, [[maybe_unused]] int to) {
#if defined(__linux__) && !defined(__EMSCRIPTEN__)
  constexpr const char* name = "system.posix_acl_access";
  const auto none = [] { return errno == ENODATA || errno == ENOTSUP; };
  const ::ssize_t size = ::fgetxattr(from, name, nullptr, 0);
  if (size < 0) return none() && (::fremovexattr(to, name) == 0 || none());
  std::string list(static_cast<std::size_t>(size), '\0');
  return ::fgetxattr(from, name, list.data(), list.size()) == size &&
         ::fsetxattr(to, name, list.data(), list.size(), 0) == 0;
#else
  return true;
#endif
}

/// Gives the new file `to` owner, group and rights of `from`, as far as this process may, and to nobody more than
/// before. Returns whether that went.
inline bool give_rights(int from, const struct stat& old, int to) {
  struct stat now {};
  if (::fstat(to, &now) != 0) return false;
  // Only root gives files away; a group of one's own can be had.
  if (now.st_uid != old.st_uid && ::fchown(to, old.st_uid, old.st_gid) != 0) errno = 0;
  if (now.st_gid != old.st_gid && ::fchown(to, static_cast<::uid_t>(-1), old.st_gid) != 0) errno = 0;
  const bool lists = copy_access_list(from, to);
  if (::fstat(to, &now) != 0) return false;
  unsigned rights = kept_rights(old.st_mode & 0777U, now.st_uid == old.st_uid, now.st_gid == old.st_gid);
  if (!lists) rights &= 0700U;
  return (now.st_mode & 0777U) == rights || ::fchmod(to, static_cast<::mode_t>(rights)) == 0;
}

#else

/// Follows the links that `path` itself may be: what is renamed to a link would take its place.
inline bool followed(const std::filesystem::path& path, std::filesystem::path& target, std::error_code& error) {
  target = path;
  constexpr int limit = 40;
  for (int links = 0; std::filesystem::is_symlink(target, error); ++links) {
    if (links == limit) {
      error = std::make_error_code(std::errc::too_many_symbolic_link_levels);
      return false;
    }
    target = target.parent_path() / std::filesystem::read_symlink(target, error);
    if (error) return false;
  }
  error.clear();
  return true;
}

#endif

}  // namespace shallow::detail
