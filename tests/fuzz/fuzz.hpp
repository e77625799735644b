// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the fuzzers of the readers share. A target is one file, fuzz_<format>.cpp: it includes this one and defines
/// fuzz::run, which hands a file to a reader and says what must hold of what was taken. It gets one line in
/// CMakeLists.txt, seeds in seeds.cpp and, if the format has words, a dictionary <format>.dict.
///
/// The promise under test: whatever the bytes, a reader returns what the file says or throws a FileError with the path,
/// what was expected and what was given. Everything else is a finding: another exception (running out of memory, too),
/// a broken law, and what the sanitizers and libFuzzer's limits report.

#include "shallow/error.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fuzz {

/// What a run is given.
struct Input {
  unsigned choice = 0;     ///< the first byte, which chooses how the reader is called
  std::string_view bytes;  ///< the rest, a file or what a target makes one of
};

/// The target.
void run(const Input& input);

/// A finding unless `law` holds.
inline void demand(bool law, std::string_view text) {
  if (law) return;
  std::fprintf(stderr, "fuzz: broken law: %.*s\n", static_cast<int>(text.size()), text.data());
  std::abort();
}

/// The path of a file of these bytes, good until the next call. It exists in memory alone: disks are slow, and wear.
inline const std::filesystem::path& file_of(std::string_view bytes) {
  static const int file = ::memfd_create("fuzz", MFD_CLOEXEC);
  static const std::filesystem::path path = "/proc/self/fd/" + std::to_string(file);
  const auto size = static_cast<::ssize_t>(bytes.size());
  if (::ftruncate(file, size) != 0 || ::pwrite(file, bytes.data(), bytes.size(), 0) != size) {
    std::perror("fuzz: cannot write a file in memory");
    std::exit(2);
  }
  return path;
}

/// What `read` returns for the file at `path`; nothing if it refuses the file as it should.
template <class Read>
auto taken(std::string_view function, const std::filesystem::path& path, Read&& read)
    -> std::optional<decltype(read(path))> {
  try {
    return read(path);
  } catch (const shallow::FileError& error) {
    std::string_view text = error.what();
    for (const std::string_view part :
         {function, std::string_view(": "), std::string_view(path.native()), std::string_view(": expected ")}) {
      demand(text.starts_with(part), "a refusal names the function, the path and what was expected");
      text.remove_prefix(part.size());
    }
    demand(text.find(", given ") != std::string_view::npos, "a refusal says what was given");
    return std::nullopt;
  }
}

/// What `read` returns for the file that `write` writes. The library's writers need a folder, for they rename: that of
/// shared memory, where there is one, so that no disk is waited for.
template <class Write, class Read>
auto written_and_read(Write&& write, Read&& read) {
  static const std::filesystem::path path = [] {
    std::error_code error;
    const std::filesystem::path memory = "/dev/shm";
    const bool have = std::filesystem::is_directory(memory, error) && ::access(memory.c_str(), W_OK) == 0;
    const std::filesystem::path folder = have ? memory : std::filesystem::temp_directory_path();
    return folder / ("shallow_fuzz_" + std::to_string(::getpid()));
  }();
  write(path);
  auto result = read(path);
  ::unlink(path.c_str());
  return result;
}

/// Whether two Eigen matrices have the same shape and the same bits: NaN is NaN, and 0 is not -0.
template <class Matrix>
bool same_bits(const Matrix& a, const Matrix& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  return a.size() == 0 ||
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(typename Matrix::Scalar)) == 0;
}

/// A header and the data that follow it, as the bytes before and after the first zero. A format that begins with the
/// length of its header breaks under every insertion; a target that writes the length itself gets past that.
inline std::pair<std::string_view, std::string_view> header_and_data(std::string_view bytes) {
  const std::size_t zero = bytes.find('\0');
  if (zero == std::string_view::npos) return {bytes, {}};
  return {bytes.substr(0, zero), bytes.substr(zero + 1)};
}

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  fuzz::run({data[0], {reinterpret_cast<const char*>(data) + 1, size - 1}});
  return 0;
}
