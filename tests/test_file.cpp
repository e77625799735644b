// SPDX-License-Identifier: MIT
#include "shallow/io/file.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#if __has_include(<sys/stat.h>) && __has_include(<unistd.h>)
#include <sys/stat.h>
#endif

using shallow::detail::quoted_excerpt;
using shallow::detail::remove_leftovers;
using shallow::detail::write_file;

namespace {

/// What write_file says about a path that it refuses, after the path.
std::string refused(const std::filesystem::path& path) {
  return file_refusal("test", path, [&] { write_file("test", path, {"new"}); });
}

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

#if __has_include(<sys/stat.h>) && __has_include(<unistd.h>)
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
  struct stat now {};
  REQUIRE(::stat(path.c_str(), &now) == 0);
  CHECK((now.st_mode & 0777U) == 0640U);
}
#endif

TEST_CASE("file: what a crash left is removed; files of the user's with numbers in their names went, too") {
  const TemporaryFolder folder;
  for (const char* name : {"run.12-3.new", "run.1-0.new"}) folder.file(name, "half");
  const char* const kept[] = {"run.2.new",  "run..new",      "run.new",      "run.2026-11-25.new", "run.1-.new",
                              "run.-1.new", "run.1-2.newer", "run2.1-2.new", "run.1-a.new"};
  for (const char* name : kept) folder.file(name, "kept");
  remove_leftovers(folder / "run");
  for (const char* name : kept) {
    CAPTURE(name);
    CHECK(std::filesystem::exists(folder / name));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 9);
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
