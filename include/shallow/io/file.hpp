// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the readers and writers of formats share: whole files, read with a limit, written so that a crash leaves the
/// old one or the new one and nobody may read more than before; numbers as text, whatever the locale and the rounding.

#include "shallow/error.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cfenv>
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
#include <new>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__) && !defined(__EMSCRIPTEN__)
#include <sys/sysinfo.h>
#include <sys/xattr.h>
#endif
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

/// A path as messages show it: a zero byte would end the text there.
inline std::string path_text(const std::filesystem::path& path) {
  std::string text = path.string();
  std::replace(text.begin(), text.end(), '\0', '?');
  return text;
}
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

/// Whether a number is neither infinite nor NaN, by its bits: a compiler may be told that there are no others
/// (-ffinite-math-only), and then takes a comparison for true.
template <std::floating_point T>
bool finite_number(T number) {
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits exponent = sizeof(T) == 4 ? Bits(0x7F800000U) : Bits(0x7FF0000000000000U);
    return (bit_cast<Bits>(number) & exponent) != exponent;
  } else {
    return std::isfinite(number);
  }
}
/// Whether a number that is not finite is NaN.
template <std::floating_point T>
bool nan_number(T number) {
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits fraction = sizeof(T) == 4 ? Bits(0x007FFFFFU) : Bits(0x000FFFFFFFFFFFFFU);
    return (bit_cast<Bits>(number) & fraction) != 0;
  } else {
    return std::isnan(number);
  }
}

/// While one lives, numbers are rounded to nearest, as text and numbers come from each other by. The C library's
/// functions take the mode that is set, and so do those of libstdc++ that read a short number by a division.
class RoundToNearest {
 public:
#ifdef FE_TONEAREST
  RoundToNearest() : before_(std::fegetround()) {
    if (before_ != FE_TONEAREST) std::fesetround(FE_TONEAREST);
  }
  ~RoundToNearest() {
    if (before_ != FE_TONEAREST) std::fesetround(before_);
  }
#else
  RoundToNearest() : before_(0) {}
  ~RoundToNearest() {}
#endif
  RoundToNearest(const RoundToNearest&) = delete;
  RoundToNearest& operator=(const RoundToNearest&) = delete;

 private:
  int before_;
};

/// The number that strtod makes of all of `text`, which has a point whatever the locale's is; false if it is none.
template <std::floating_point T>
bool to_number(std::string_view text, T& number) {
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
  return end == digits.c_str() + digits.size();
}

/// A number written with a point, in full; false if the text is something else.
template <std::floating_point T>
bool parse_number(std::string_view text, T& number) {
  const RoundToNearest nearest;
  if (text.size() > 1 && text.front() == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
#if defined(__cpp_lib_to_chars) && __cpp_lib_to_chars >= 201611L
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range && end == text.data() + text.size()) {
    // Too small is the nearest number, 0 or one that is not normal; too large is no number that could be worked with.
    return is_tiny(text) && to_number(text, number);
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
  return to_number(text, number) && (word || finite_number(number));
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
    const RoundToNearest nearest;
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
