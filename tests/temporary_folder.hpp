// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A folder of a test's own under the system's one for temporary files, removed at the end.

#include "shallow/error.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#if defined(__linux__) && !defined(__EMSCRIPTEN__)
#define SHALLOW_TEST_EXCHANGE
#include <atomic>
#include <thread>
#endif

class TemporaryFolder {
 public:
  TemporaryFolder() {
    // No name is used twice: tests run side by side, each a process, and one that another is just removing is an error.
    std::random_device entropy;
    do {
      const std::string name = "shallow_test_" + std::to_string(entropy()) + "_" + std::to_string(entropy());
      path_ = std::filesystem::temp_directory_path() / name;
    } while (!std::filesystem::create_directory(path_));
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  /// A file of these bytes.
  std::filesystem::path file(std::string_view name, std::string_view bytes) const {
    const std::filesystem::path path = path_ / name;
    std::ofstream stream(path, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush()) throw std::runtime_error("cannot write " + path.string());
    return path;
  }

 private:
  std::filesystem::path path_;
};

/// The bytes of a file.
inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// What `f` says when it throws an Error; "" if it does not.
template <class Error, class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// What `f` says about the file at `path` that it refuses, after "function: path: expected ".
template <class F>
std::string file_refusal(std::string_view function, const std::filesystem::path& path, F&& f) {
  const std::string text = refusal<shallow::FileError>(f);
  const std::string start = std::string(function) + ": " + path.string() + ": expected ";
  if (!text.starts_with(start)) return "no refusal of the right form: " + text;
  return text.substr(start.size());
}

#ifdef SHALLOW_TEST_EXCHANGE
/// Calls f() `times` times while now one file, now the other takes the place of `path`, by renaming; returns how often
/// it did. An error of the system's ends that.
template <class F>
int while_exchanged(const TemporaryFolder& folder, const std::filesystem::path& path, std::string_view one,
                    std::string_view other, int times, F&& f) {
  folder.file("one", one);
  folder.file("other", other);
  folder.file(path.filename().string(), other);
  std::atomic<bool> done = false, failed = false;
  std::atomic<int> exchanges = 0;
  const auto exchange = [&] {
    std::error_code error;
    while (!done && !failed) {
      // Links, so that nothing is written while the others read.
      const std::filesystem::path beside = folder / "beside";
      std::filesystem::create_hard_link(folder / (exchanges % 2 == 0 ? "one" : "other"), beside, error);
      if (!error) std::filesystem::rename(beside, path, error);
      failed = bool(error);
      if (!error) ++exchanges;
    }
  };
  struct Joined {
    std::atomic<bool>& done;
    std::thread thread;
    ~Joined() {
      done = true;
      thread.join();
    }
  };
  {
    const Joined exchanger{done, std::thread(exchange)};
    while (exchanges == 0 && !failed) std::this_thread::yield();
    for (int i = 0; i < times; ++i) f();
  }
  return exchanges;
}
#endif
