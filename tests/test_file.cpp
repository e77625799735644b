// SPDX-License-Identifier: MIT
#include "shallow/error.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/file_replacement.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/io/open_file.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>

#include <array>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <limits>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#if defined(__linux__) && !defined(__EMSCRIPTEN__)
#include <sys/xattr.h>
#endif
#endif

using shallow::FileError;
using shallow::detail::kept_rights;
using shallow::detail::new_file_name;
using shallow::detail::other_format;
using shallow::detail::quoted_excerpt;
using shallow::detail::read_file;
using shallow::detail::remove_leftovers;
using shallow::detail::write_file;

namespace {

/// What write_file says about a path that it refuses, after the path.
std::string refused_with(const std::filesystem::path& path, const std::string& content) {
  return file_refusal("test", path, [&] { write_file("test", path, {content}); });
}
std::string refused(const std::filesystem::path& path) { return refused_with(path, "new"); }

#if defined(__unix__) || defined(__APPLE__)
struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status;
}
unsigned rights(const std::filesystem::path& path) { return status_of(path).st_mode & 0777U; }
#endif

}  // namespace

TEST_CASE("file: the parts one after the other, in place of what was there, and nothing beside it") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old and longer");
  write_file("test", path, {"new", "", " parts"});
  CHECK(content_of(path) == "new parts");
  write_file("test", folder / "b", {});
  CHECK(content_of(folder / "b").empty());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("file: a folder is refused, and so is a path that leads nowhere") {
  const TemporaryFolder folder;
  CHECK(refused(folder.path()) == "a file that can be written, given a directory");
  CHECK(refused(folder / "none" / "a") == "a file that can be written, given No such file or directory");
#ifndef _WIN32
  CHECK(refused(folder.path() / "") == "a file that can be written, given a directory");
  CHECK(refused("") == "a file that can be written, given No such file or directory");
#endif
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("file: text of a file is shown short, in whole characters and without what would steer a terminal") {
  CHECK(quoted_excerpt("") == "''");
  CHECK(quoted_excerpt("abc", 3) == "'abc'");
  CHECK(quoted_excerpt("abcd", 3) == "'abc...'");
  CHECK(quoted_excerpt(std::string_view("a\0b\x1B[1m\x7F\r\nc", 11)) == "'a?b?[1m???c'");
  CHECK(quoted_excerpt("gr\xC3\xB6\xC3\x9F\x65") == "'gr\xC3\xB6\xC3\x9F\x65'");
  // U+009B, which some terminals take for ESC [, and a character of four bytes at every cut.
  CHECK(quoted_excerpt("a\xC2\x9B\x32J") == "'a?2J'");
  const std::string four = "a\xF0\x9F\x8C\xB8";
  for (std::size_t length = 1; length < 5; ++length) CHECK(quoted_excerpt(four, length) == "'a...'");
  CHECK(quoted_excerpt(four, 5) == "'" + four + "'");
  // What is no UTF-8 is cut, too, and not to nothing.
  CHECK(quoted_excerpt(std::string(100, '\x80')) == "'" + std::string(57, '\x80') + "...'");
}

TEST_CASE("file: names of new files could be foretold, and were too long beside a name of 255 bytes") {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) names.insert(new_file_name("run"));
  CHECK(names.size() == 100);
  for (const std::string& name : names)
    CHECK(shallow::detail::is_new_file(name, shallow::detail::new_file_start("run")));
  CHECK(new_file_name(std::string(255, 'x')).size() == new_file_name("x").size());
  CHECK(new_file_name("x").size() <= 64);
  // Of 128 random bits, each is now 0, now 1.
  std::array<std::set<char>, 32> digits;
  for (const std::string& name : names) {
    for (std::size_t i = 0; i < digits.size(); ++i) digits[i].insert(name[name.size() - 36 + i]);
  }
  for (const auto& seen : digits) CHECK(seen.size() > 8);
  // Two files of a folder do not lose each other's.
  CHECK(new_file_name("run").substr(0, 25) != new_file_name("rum").substr(0, 25));
  CHECK(new_file_name("run").substr(0, 25) == new_file_name("run").substr(0, 25));

#ifndef _WIN32  // where a whole path is as long
  const TemporaryFolder folder;
  const auto path = folder / std::string(255, 'x');
  write_file("test", path, {"old"});
  write_file("test", path, {"new"});
  CHECK(content_of(path) == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
#endif
}

TEST_CASE("file: whoever is another owner or of another group gets no right that he had not") {
  for (unsigned old = 0; old < 01000U; ++old) {
    CAPTURE(old);
    const unsigned user = old >> 6U, group = old >> 3U & 7U, others = old & 7U;
    CHECK(kept_rights(old, true, true) == old);
    // The old group is among the others, and some of those are the group.
    CHECK(kept_rights(old, true, false) == (user << 6U | (group & others) << 3U | (group & others)));
    // The old owner is of the group or among the others.
    CHECK(kept_rights(old, false, true) == (user << 6U | (group & user) << 3U | (others & user)));
    CHECK(kept_rights(old, false, false) == (user << 6U | (group & others & user) << 3U | (group & others & user)));
  }
}

TEST_CASE("file: other formats are known by how they begin") {
  CHECK(other_format("\x1F\x8B\x08").starts_with("a gzip file"));
  CHECK(other_format("PK\x03\x04rest").starts_with("a zip archive, as .npz"));
  CHECK(other_format(std::string_view("\xFD"
                                      "7zXZ\0x",
                                      7))
            .starts_with("an xz file"));
  CHECK(other_format("\x28\xB5\x2F\xFD").starts_with("a zstd file"));
  CHECK(other_format("\x93NUMPY\1").starts_with("a .npy file"));
  for (const char* text : {"", "PK", "BZh", "a,b\n1,2\n", "\x1F"}) CHECK(other_format(text).empty());
}

TEST_CASE("file: what memory cannot hold ended in bad_alloc, or in the end of the program") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "12345678");
  const auto read = [&](std::uintmax_t times) {
    return file_refusal("test", path, [&] { read_file("test", path, "a file", times); });
  };
  CHECK(read_file("test", path, "a file", 1000) == "12345678");
  CHECK(read(std::uintmax_t{1} << 60U) == "a file that fits into memory, given 8 bytes");
  CHECK(read(std::numeric_limits<std::uintmax_t>::max()) == "a file that fits into memory, given 8 bytes");
  for (const bool length : {false, true}) {
    CHECK(file_refusal("test", path, [&] {
            shallow::detail::within_memory("test", path, "a file", 8, [&]() -> int {
              if (length) throw std::length_error("");
              throw std::bad_alloc();
            });
          }) == "a file that fits into memory, given 8 bytes");
  }
  CHECK(shallow::detail::within_memory("test", path, "a file", 8, [] { return 3; }) == 3);
  CHECK(shallow::detail::fits_memory(0, 3));
  CHECK_FALSE(shallow::detail::fits_memory(std::numeric_limits<std::uintmax_t>::max(), 1));
  CHECK_FALSE(shallow::detail::fits_memory(8, (std::uintmax_t{1} << 61U) + 1));  // 8 bytes, in 64 bits
  CHECK_FALSE(shallow::detail::fits_memory(8, 0));
#ifndef __EMSCRIPTEN__  // which would store the zeros
  std::error_code error;
  constexpr std::uintmax_t size = std::uintmax_t{15} << 40U;
  std::filesystem::resize_file(path, size, error);
  if (error) {
    MESSAGE("no files of 15 TiB here");
    return;
  }
  CHECK(read(1) == "a file that fits into memory, given 16492674416640 bytes");
#endif
}

// Sanitizers end the program where memory cannot be had.
#if defined(__SANITIZE_ADDRESS__)
#define SHALLOW_TEST_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHALLOW_TEST_SANITIZED
#endif
#endif
#if defined(__linux__) && !defined(__EMSCRIPTEN__) && !defined(SHALLOW_TEST_SANITIZED)
TEST_CASE("file: a limit of the process's memory is met before the file is read, not by what is made of it") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "");
  std::filesystem::resize_file(path, std::uintmax_t{64} << 20U);
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  // As much as is mapped now, and room for the file and half of what it becomes.
  std::string status = content_of("/proc/self/statm");
  const auto pages = static_cast<::rlim_t>(std::stoul(status));
  ::rlimit small = before;
  small.rlim_cur = pages * static_cast<::rlim_t>(::sysconf(_SC_PAGESIZE)) + (::rlim_t{96} << 20U);
  REQUIRE(::setrlimit(RLIMIT_AS, &small) == 0);
  void* volatile large = std::malloc(std::size_t{128} << 20U);
  const bool limited = large == nullptr;  // not in an emulator
  std::free(large);
  const std::string once = refusal<FileError>([&] { read_file("test", path, "a file", 1); });
  const std::string twice = refusal<FileError>([&] { read_file("test", path, "a file", 2); });
  ::setrlimit(RLIMIT_AS, &before);
  if (!limited) {
    MESSAGE("no limit of memory here");
    return;
  }
  CHECK(once.empty());
  CHECK(twice == "test: " + path.string() + ": expected a file that fits into memory, given 67108864 bytes");
}
#endif

TEST_CASE_TEMPLATE("file: numbers as text came back as their neighbours where rounding is not to nearest", T, float,
                   double) {
  std::vector<std::pair<std::string, T>> numbers;
  for (const T number : {T(0.1), T(-0.3), T(1) / T(3), T(123.456), T(1e10), T(7e-12), std::numeric_limits<T>::max(),
                         std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::min(), T(-0.7)}) {
    numbers.emplace_back(shallow::detail::exact_text(number), number);
  }
  const int before = std::fegetround();
  std::vector<int> modes{FE_TONEAREST};
#ifdef FE_UPWARD
  modes.insert(modes.end(), {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO});
#endif
  for (const int mode : modes) {
    CAPTURE(mode);
    for (const auto& entry : numbers) {
      const std::string& text = entry.first;
      const T number = entry.second;
      T back = 0;
      const bool settable = std::fesetround(mode) == 0;
      const bool parsed = shallow::detail::parse_number(text, back);
      const std::string written = shallow::detail::exact_text(number);
      const int after = std::fegetround();
      std::fesetround(before);
      CAPTURE(text);
      CHECK(parsed);
      CHECK(back == number);
      CHECK(written == text);
      CHECK(after == (settable ? mode : before));
    }
  }
}

TEST_CASE_TEMPLATE("file: finite, infinite and NaN by their bits", T, float, double, long double) {
  using Limits = std::numeric_limits<T>;
  for (const T number : {T(0), T(-1), Limits::max(), Limits::lowest(), Limits::denorm_min()}) {
    CHECK(shallow::detail::finite_number(number));
  }
  for (const T number : {Limits::infinity(), -Limits::infinity()}) {
    CHECK_FALSE(shallow::detail::finite_number(number));
    CHECK_FALSE(shallow::detail::nan_number(number));
  }
  for (const T number : {Limits::quiet_NaN(), -Limits::quiet_NaN()}) {
    CHECK_FALSE(shallow::detail::finite_number(number));
    CHECK(shallow::detail::nan_number(number));
  }
}

#if defined(__unix__) || defined(__APPLE__)
#ifndef __EMSCRIPTEN__  // whose mkfifo makes a file
// A pipe stands for devices, too: as root, a test that fails would take the null device from the whole machine.
TEST_CASE("file: a pipe, and as root the null device, was replaced by a file") {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(refused(pipe) == "a file that can be written, given something that is no regular file");
  CHECK(std::filesystem::is_fifo(pipe));
  std::filesystem::create_symlink(pipe, folder / "link");
  CHECK(refused(folder / "link") == "a file that can be written, given something that is no regular file");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}
#endif

TEST_CASE("file: a symbolic link was replaced by a file, and what it led to stayed old") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "runs");
  const auto first = folder.file("runs/first", "old");
  std::filesystem::create_symlink("runs/first", folder / "latest");
  write_file("test", folder / "latest", {"new"});
  CHECK(std::filesystem::is_symlink(folder / "latest"));
  CHECK(content_of(first) == "new");
  // One that leads to a file that is not there yet.
  std::filesystem::create_symlink("runs/second", folder / "next");
  write_file("test", folder / "next", {"more"});
  CHECK(content_of(folder / "runs" / "second") == "more");
  // One that leads to itself.
  std::filesystem::create_symlink("circle", folder / "circle");
  CHECK(refused(folder / "circle").starts_with("a file that can be written, given "));
}

TEST_CASE("file: the rights of a file that is replaced stay") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  write_file("test", path, {"new"});
  CHECK(rights(path) == 0640U);
  // Rights to run with somebody else's are none of a file that is new.
  REQUIRE(::chmod(path.c_str(), 04750) == 0);
  write_file("test", path, {"new"});
  CHECK(status_of(path).st_mode == (S_IFREG | 0750U));
}

TEST_CASE("file: a file that is new has the rights of every new file") {
  const TemporaryFolder folder;
  const ::mode_t before = ::umask(027);
  write_file("test", folder / "a", {"new"});
  ::umask(before);
  CHECK(rights(folder / "a") == 0640U);
}

TEST_CASE("file: a file that nobody may write was replaced") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  std::filesystem::create_symlink("a", folder / "link");
  for (const unsigned mode : {0444U, 0400U, 0U, 0555U}) {
    REQUIRE(::chmod(path.c_str(), static_cast<::mode_t>(mode)) == 0);
    CHECK(refused(path) == "a file that can be written, given a read-only file");
    CHECK(refused(folder / "link") == "a file that can be written, given a read-only file");
  }
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  CHECK(content_of(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("file: other names of a file that is replaced keep the old one") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  std::filesystem::create_hard_link(path, folder / "b");
  write_file("test", path, {"new"});
  CHECK(content_of(path) == "new");
  CHECK(content_of(folder / "b") == "old");
}

#ifndef __EMSCRIPTEN__
TEST_CASE("file: while it is written, a new file was open to all who may read the folder") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  // The signal comes in the midst of writing, when the file has reached the limit.
  static std::string seen;
  static const char* where;
  static unsigned mode;
  seen.clear();
  where = folder.path().c_str();
  mode = 0;
  const auto look = [](int) {
    ::DIR* const open = ::opendir(where);
    while (const ::dirent* const entry = ::readdir(open)) {
      const std::string_view name = entry->d_name;
      if (!name.ends_with(".new")) continue;
      seen = name;
      struct stat status {};
      ::fstatat(::dirfd(open), entry->d_name, &status, AT_SYMLINK_NOFOLLOW);
      mode = status.st_mode;
    }
    ::closedir(open);
  };
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  ::rlimit small = before;
  small.rlim_cur = 1000;
  auto* const handler = std::signal(SIGXFSZ, look);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text = refused_with(path, std::string(2000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(text == "a file that can be written, given File too large");
  CHECK(seen.starts_with(shallow::detail::new_file_start("a")));
  CHECK(mode == (S_IFREG | 0600U));
  CHECK(content_of(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("file: what the program prints to was replaced, and what it printed then was lost") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  for (const int number : {STDOUT_FILENO, STDERR_FILENO}) {
    const int saved = ::dup(number);
    const int file = ::open(path.c_str(), O_WRONLY | O_APPEND);
    ::dup2(file, number);
    const std::string text = refused(path);
    const std::string device = refused(number == STDOUT_FILENO ? "/dev/stdout" : "/dev/stderr");
    ::dup2(saved, number);
    ::close(saved);
    ::close(file);
    CHECK(text == "a file that can be written, given what this program prints to");
    CHECK(device == text);
  }
  CHECK(content_of(path) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

namespace {

/// While one lives, a process of root's is nobody's.
class AsNobody {
 public:
  AsNobody() {
    if (root_) REQUIRE(::seteuid(65534) == 0);
  }
  ~AsNobody() {
    if (root_) ::seteuid(0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  bool root_ = ::geteuid() == 0;
};

}  // namespace

TEST_CASE("file: a folder that takes no new files is named as the reason") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0555) == 0);
  std::string text;
  {
    const AsNobody nobody;
    text = refused(path);
  }
  ::chmod(folder.path().c_str(), 0755);
  CHECK(text == "a file that can be written, given Permission denied (a new file in its folder)");
  CHECK(content_of(path) == "old");
}

TEST_CASE("file: a file that the system would not open for writing was replaced, where its folder could be written") {
  if (::geteuid() != 0) return;  // it takes the file of another user
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
  std::string text;
  {
    const AsNobody nobody;
    text = refused(path);
  }
  CHECK(text == "a file that can be written, given Permission denied");
  CHECK(content_of(path) == "old");
}

TEST_CASE("file: owner and group stay; where they cannot, nobody may do more than before") {
  if (::geteuid() != 0) return;
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  REQUIRE(::chown(path.c_str(), 12345, 54321) == 0);
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  write_file("test", path, {"new"});
  CHECK(status_of(path).st_uid == 12345);
  CHECK(status_of(path).st_gid == 54321);
  CHECK(rights(path) == 0640U);
  CHECK(content_of(path) == "new");

  REQUIRE(::chmod(path.c_str(), 0646) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
  {
    const AsNobody nobody;
    write_file("test", path, {"newer"});
  }
  CHECK(status_of(path).st_uid == 65534);
  CHECK(rights(path) == 0644U);
  CHECK(content_of(path) == "newer");
}

TEST_CASE("file: in a sticky folder of all, a link of somebody else's was followed by hand") {
  if (::geteuid() != 0) return;
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "shared");
  const auto target = folder.file("target", "old");
  const auto link = folder / "shared" / "link";
  std::filesystem::create_symlink(target, link);
  const auto owned = [&](::uid_t of_folder, ::mode_t mode, ::uid_t of_link) {
    REQUIRE(::chown((folder / "shared").c_str(), of_folder, 0) == 0);
    REQUIRE(::chmod((folder / "shared").c_str(), mode) == 0);
    REQUIRE(::lchown(link.c_str(), of_link, 0) == 0);
  };
  owned(0, 01777, 12345);
  CHECK(refused(link) == "a file that can be written, given Permission denied");
  CHECK(content_of(target) == "old");
  // Nor one to a file that is not there yet, nor one behind one's own.
  std::filesystem::remove(target);
  CHECK(refused(link) == "a file that can be written, given Permission denied");
  CHECK_FALSE(std::filesystem::exists(target));
  std::filesystem::create_symlink("shared/link", folder / "own");
  CHECK(refused(folder / "own") == "a file that can be written, given Permission denied");
  folder.file(new_file_name("target"), "somebody's");
  remove_leftovers(link);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 3);
  // One's own, the folder's owner's, and in a folder where everybody may exchange everything.
  for (const auto& [of_folder, mode, of_link] :
       {std::tuple{12345U, 01777U, 0U}, std::tuple{12345U, 01777U, 12345U}, std::tuple{0U, 0777U, 12345U}}) {
    owned(of_folder, static_cast<::mode_t>(mode), of_link);
    write_file("test", link, {"new"});
    CHECK(content_of(target) == "new");
    CHECK(std::filesystem::is_symlink(link));
    std::filesystem::remove(target);
  }
}

#ifdef __linux__
TEST_CASE("file: access lists: the old file's stay, and the folder's do not come to a file that had none") {
  const TemporaryFolder folder;
  const auto path = folder.file("a", "old");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  // Version 2, then tag, rights and id: the owner, user 12345, the group, the mask, others.
  const auto list = [](char user, char mask) {
    const auto entry = [](char tag, char rights, std::string_view id = "\xFF\xFF\xFF\xFF") {
      std::string bytes{tag, '\0', rights, '\0'};
      return bytes.append(id);
    };
    return std::string("\2\0\0\0", 4) + entry(1, 6) + entry(2, user, std::string_view("\x39\x30\0\0", 4)) +
           entry(4, 4) + entry(16, mask) + entry(32, 0);
  };
  const std::string everything = list(7, 7);
  if (::setxattr(folder.path().c_str(), "system.posix_acl_default", everything.data(), everything.size(), 0) != 0) {
    MESSAGE("no access lists here");
    return;
  }
  const auto list_of = [](const std::filesystem::path& file) {
    std::string bytes(200, '\0');
    const auto size = ::getxattr(file.c_str(), "system.posix_acl_access", bytes.data(), bytes.size());
    return size < 0 ? std::string("none") : bytes.substr(0, static_cast<std::size_t>(size));
  };
  REQUIRE(list_of(path) == "none");
  write_file("test", path, {"new"});
  CHECK(list_of(path) == "none");
  CHECK(rights(path) == 0640U);

  const std::string own = list(4, 4);
  REQUIRE(::setxattr(path.c_str(), "system.posix_acl_access", own.data(), own.size(), 0) == 0);
  write_file("test", path, {"newer"});
  CHECK(list_of(path) == own);
  CHECK(content_of(path) == "newer");
}
#endif
#endif
#endif

TEST_CASE("file: what a crash left is removed; files of the user's with numbers in their names went, too") {
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) folder.file(new_file_name("run"), "half");
  const std::string name = new_file_name("run");
  std::vector<std::string> kept = {"run.12-3.new", "run.2.new",     "run..new",     "run.new",     "run.2026-11-25.new",
                                   "run.-1.new",   "run.1-2.newer", "run2.1-2.new", "run.1-a.new", ".new"};
  kept.push_back(new_file_name("run2"));  // of another file
  kept.push_back(name + "er");
  kept.push_back("x" + name);
  kept.push_back(std::string(name).replace(name.size() - 5, 1, "g"));
  kept.push_back(std::string(name).replace(name.size() - 36, 1, "A"));
  kept.push_back(std::string(name).replace(name.size() - 4, 1, "-"));
  kept.push_back(std::string(name).erase(name.size() - 5, 1));
  kept.push_back(std::string(name).insert(name.size() - 5, 1, '0'));
  for (const std::string& other : kept) folder.file(other, "kept");
  const std::string with_folder = new_file_name("run");
  std::filesystem::create_directory(folder / with_folder);
  kept.push_back(with_folder);
  remove_leftovers(folder / "run");
  for (const std::string& other : kept) {
    CAPTURE(other);
    CHECK(std::filesystem::exists(folder / other));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) ==
        static_cast<std::ptrdiff_t>(kept.size()));
  remove_leftovers(folder / "none" / "run");
}

TEST_CASE("file: what a crash left beside the file that a link leads to stayed for ever") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "runs");
  std::error_code error;
  std::filesystem::create_symlink("runs/first", folder / "latest", error);
  if (error) return;  // a right of its own on Windows
  const std::string left = new_file_name("first");
  const std::string other = new_file_name("latest");  // beside the link, and of another name
  folder.file("runs/" + left, "half");
  folder.file(other, "kept");
  remove_leftovers(folder / "latest");
  CHECK_FALSE(std::filesystem::exists(folder / "runs" / left));
  CHECK(std::filesystem::exists(folder / other));
  CHECK(std::filesystem::is_symlink(folder / "latest"));
}

// create_directory first finds the name taken and then asks whether by a folder: gone in between, it is an error.
TEST_CASE("file: a test could not make its folder while another removed its own of the same name") {
  std::filesystem::path first;
  {
    const TemporaryFolder folder;
    first = folder.path();
    CHECK(std::filesystem::is_empty(first));
  }
  CHECK(!std::filesystem::exists(first));
  CHECK(TemporaryFolder().path() != first);
}

#ifdef SHALLOW_TEST_EXCHANGE
TEST_CASE("file: one that took the place of another between two looks was read as long as the other") {
  const TemporaryFolder folder;
  const std::string small(10, 's');
  const std::string large(2000, 'l');
  int broken = 0;
  const int exchanges = while_exchanged(folder, folder / "a", small, large, 20'000, [&] {
    const std::string bytes = read_file("test", folder / "a", "a file");
    broken += bytes == small || bytes == large ? 0 : 1;
  });
  CHECK(exchanges > 0);
  CHECK(broken == 0);
}
#endif

TEST_CASE("file: a path with a zero byte stood for another file") {
  const TemporaryFolder folder;
  const auto good = folder.file("good", "old");
  const std::filesystem::path path(good.string() + std::string("\0.csv", 5));
  const std::string start = "test: " + good.string() + "?.csv: expected ";
  CHECK(refusal<FileError>([&] { read_file("test", path, "a file"); }) ==
        start + "a file, given a path with a zero byte");
  CHECK(refusal<FileError>([&] { write_file("test", path, {"new"}); }) ==
        start + "a file that can be written, given a path with a zero byte");
  CHECK(content_of(good) == "old");
}

TEST_CASE_TEMPLATE("file: numbers too small to be normal came back as zero", T, float, double, long double) {
  using Limits = std::numeric_limits<T>;
  for (const T number : {Limits::denorm_min(), -Limits::denorm_min(), 5 * Limits::denorm_min(), Limits::min() / 2,
                         Limits::min() - Limits::denorm_min()}) {
    const std::string text = shallow::detail::exact_text(number);
    CAPTURE(text);
    T back = 1;
    CHECK(shallow::detail::parse_number(text, back));
    CHECK(back == number);
  }
  for (const char* const nothing : {"1e-9999", "-1e-9999"}) {
    T back = 1;
    CHECK(shallow::detail::parse_number(nothing, back));
    CHECK(back == T(0));
    CHECK(std::signbit(back) == (nothing[0] == '-'));
  }
  T back = 1;
  CHECK_FALSE(shallow::detail::parse_number("1e9999", back));
}
