// SPDX-License-Identifier: MIT
/// What the readers of files say of their memory: a small multiple of the file, whatever stands in it. Every file here
/// is the worst of its kind that could be thought of: the most numbers, names or tensors for its bytes, and lengths
/// that lie; and files of 15 TiB, most of which are holes, where the file system has such.
///
/// With the argument `planted` a copy of the file too many is taken on purpose, and every case must fail.

#include "shallow/io/checkpoint.hpp"
#include "shallow/io/csv.hpp"
#include "shallow/io/idx.hpp"
#include "shallow/io/npy.hpp"
#include "shallow/io/safetensors.hpp"
#include "shallow/shallow.hpp"

#include "counted_malloc.hpp"
#include "temporary_folder.hpp"
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace shallow;

int passed = 0;
int failed = 0;
bool planted = false;

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;
constexpr std::string_view taken = "";
/// What does not grow with the file: a buffer of the C library, texts of errors.
constexpr std::size_t constant = 64 * KiB;

/// Reads a file; `allowed` bytes may be allocated at a time. A file that is refused is so for what `refusal` says.
template <class Read>
void check(const char* what, std::size_t file, std::size_t allowed, std::string_view refusal, Read&& read) {
  const std::size_t before = counted::live;
  counted::peak = before;
  bool as_said = false;
  {
    // As large as what is allowed, so that no file is small enough to hide it.
    const std::vector<char> too_many(planted ? allowed + constant : 0, 'x');
    try {
      read();
      as_said = refusal == taken;
    } catch (const FileError& error) {
      as_said = refusal != taken && std::string_view(error.what()).find(refusal) != std::string_view::npos;
      if (!as_said) std::printf("%s\n", error.what());
    }
  }
  const std::size_t peak = counted::peak - before;
  const bool good = peak <= allowed + constant && as_said && counted::live <= before + constant;
  std::printf("%-66s %10zu bytes, %10zu at most (%5.1f times)%s\n", what, file, peak,
              static_cast<double>(peak) / static_cast<double>(file), good ? "" : "  FAILED");
  ++(good ? passed : failed);
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  result.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) result.append(text);
  return result;
}

/// Files that no memory holds, refused before any is taken.
void larger_than_memory(const TemporaryFolder& folder) {
  constexpr std::size_t size = std::size_t{15} << 40U;
  const std::string_view refusal = "that fits into memory, given 16492674416640 bytes";
  const auto grown = [&](std::string_view name, std::string_view start) {
    const auto path = folder.file(name, start);
    std::error_code error;
    std::filesystem::resize_file(path, size, error);
    return error ? std::filesystem::path() : path;
  };
  if (grown("a", "").empty()) {
    std::printf("no files of 15 TiB here\n");
    return;
  }
  const auto npy = grown("large.npy", "\x93NUMPY");
  check("npy: 15 TiB", size, 0, refusal, [&] { io::read_npy<double>(npy); });
  const auto csv = grown("large.csv", "1,2\n");
  check("csv: 15 TiB", size, 0, refusal, [&] { io::read_csv(csv); });
  const auto network = grown("large.safetensors", "");
  check("safetensors: 15 TiB", size, 0, refusal, [&] { io::load<DynamicNetwork<double>>(network); });
  const auto saved = grown("large.checkpoint", "");
  TwoLayerNet<double> net(2, 3, 1);
  TrainingState<Adam, double> state;
  io::Checkpoint checkpoint(saved, net, state);
  check("checkpoint: 15 TiB", size, 0, refusal, [&] { checkpoint.resume(); });
  // 7680 x 2^31 values.
  constexpr std::string_view header("\0\0\x08\2\0\0\x1E\0\x80\0\0\0", 12);
  const auto images = folder.file("large.idx", header);
  std::filesystem::resize_file(images, header.size() + size);
  constexpr std::size_t zlib = 320 * KiB;
  check("idx: 15 TiB", size, zlib, refusal, [&] { io::read_idx_images<float>(images); });
}

void csv(const TemporaryFolder& folder) {
  const auto read = [&](const char* what, const std::string& text, std::string_view refusal,
                        const io::CsvOptions& options) {
    const auto path = folder.file("a.csv", text);
    check(what, text.size(), 40 * text.size(), refusal, [&] { io::read_csv(path, options); });
  };
  read("csv: one digit a field", repeated("0,1,2,3,4,5,6,7\n", 100'000), taken, {.header = false});
  read("csv: one digit a line", repeated("1\n", 1'000'000), taken, {.header = false});
  read("csv: empty lines as NaN", repeated("\n", 1'000'000), taken, {.header = false, .missing_as_nan = true});
  read("csv: a header of empty names", repeated(",", 1'000'000) + "\n1\n", "1000001 fields in line 2", {});
  read("csv: a header of short names", repeated("0123456789abcdef,", 100'000) + "\n1\n", "100001 fields in line 2", {});
  read("csv: a quoted field of separators", "\"" + repeated(",", 1'000'000) + "\"\n1\n", taken, {});
  read("csv: a quoted field that does not end", "\"" + repeated("\"\"", 1'000'000), "a quoted field that ends", {});
}

void npy(const TemporaryFolder& folder) {
  const auto path = folder / "a.npy";
  const Index m = 250'000;
  io::write_npy(path, Matrix<double>::Zero(4, m));
  const std::size_t size = content_of(path).size();
  check("npy: a matrix, column after column", size, 2 * size, taken, [&] { io::read_npy<double>(path); });
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 250000), }";
  header.append((64 - (10 + header.size() + 1) % 64) % 64, ' ').push_back('\n');
  std::string bytes = "\x93NUMPY";
  bytes.append("\1\0", 2);
  shallow::detail::append_little_endian(bytes, header.size(), 2);
  bytes.append(header).append(4 * 250'000 * 8, '\0');
  folder.file("a.npy", bytes);
  check("npy: a matrix, row after row", size, 2 * size, taken, [&] { io::read_npy<double>(path); });
  for (const std::string shape : {"(1152921504606846976, 8)", "(9223372036854775807,)", "(4, 18446744073709551615)"}) {
    std::string lie = bytes;
    const std::string old = "(4, 250000), }" + std::string(shape.size() - 11, ' ');
    lie.replace(lie.find(old), old.size(), shape + ", }");
    folder.file("a.npy", lie);
    check("npy: a shape near 2^63", size, 2 * size, "values of 8 bytes", [&] { io::read_npy<double>(path); });
  }
}

/// A safetensors file of this header and these data.
std::string safetensors(const std::string& header, std::size_t data) {
  std::string bytes;
  shallow::detail::append_little_endian(bytes, header.size(), 8);
  return bytes.append(header).append(data, '\0');
}

void model_files(const TemporaryFolder& folder) {
  const auto path = folder / "a.safetensors";
  const DynamicNetwork<double> net(100, {{400, Tanh{}}, {400, LeakyReLU{.slope = 0.2}}, {10, Softmax{}}});
  io::save(net, path);
  const std::size_t size = content_of(path).size();
  const std::size_t network = static_cast<std::size_t>(net.parameters().size()) * sizeof(double);
  check("safetensors: a network", size, size + 2 * network, taken, [&] { io::load<DynamicNetwork<double>>(path); });

  const auto refused = [&](const char* what, const std::string& header, std::string_view refusal,
                           std::size_t data = 0) {
    const std::string bytes = safetensors(header, data);
    folder.file("a.safetensors", bytes);
    check(what, bytes.size(), bytes.size() + 64 * header.size(), refusal,
          [&] { io::load<DynamicNetwork<double>>(path); });
  };
  // Names as short as can be, from a few letters.
  const auto name = [](std::size_t i) {
    std::string text;
    do text.push_back(static_cast<char>('#' + i % 57));
    while ((i /= 57) > 0);
    return text;
  };
  std::string tensors = "{", strings = R"({"__metadata__":{)", one = R"({"a":{"dtype":"U8","shape":[)", deep;
  for (std::size_t i = 0; tensors.size() < MiB - 100; ++i) {
    tensors.append(i > 0 ? ",\"" : "\"").append(name(i)).append(R"(":{"dtype":"","shape":[],"data_offsets":[0,0]})");
  }
  for (std::size_t i = 0; strings.size() < MiB - 100; ++i) {
    strings.append(i > 0 ? ",\"" : "\"").append(name(i)).append("\":\"\"");
  }
  refused("safetensors: a header of tensors", tensors + "}", "a known 'dtype'");
  refused("safetensors: a header of metadata", strings + "}}", "at least one layer");
  refused("safetensors: a header of metadata that breaks off", strings, "a header of JSON");
  refused("safetensors: a shape without end", one + repeated("1,", MiB / 2 - 100), "at most 8 dimensions");
  refused("safetensors: arrays in arrays", repeated("[", MiB - 100), "an object as the header");
  refused("safetensors: objects in objects", repeated("{\"a\":", MiB / 5 - 100), "'dtype', 'shape' and 'data_offsets'");
  const std::string classes = "an array of strings as shallow.classes";
  const auto metadata = [](const std::string& key, const std::string& text) {
    return R"({"__metadata__":{"shallow.)" + key + "\":\"" + text + "\"}}";
  };
  refused("safetensors: class names that are no array", metadata("classes", repeated("[", MiB - 200)), classes);
  refused("safetensors: class names in arrays of arrays",
          metadata("classes", "[" + repeated("[],", (MiB - 200) / 3) + "[]]"), classes);
  refused("safetensors: a hundred thousand class names",
          metadata("classes", "[" + repeated("1,", (MiB - 200) / 2) + "1]"), classes);
  refused("safetensors: a list of activations", metadata("activations", repeated("a, ", (MiB - 200) / 3) + "a"),
          "at least one layer");
  const std::string ones = repeated("1 ", (MiB - 300) / 4) + "1";
  refused("safetensors: a list of means", metadata("means", ones + R"(","shallow.scales":")" + ones),
          "a network without a scaler");
  refused("safetensors: offsets near 2^64",
          R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,18446744073709551615]}})",
          "data_offsets within the 8 bytes", 8);
  const char* const too_long = "expected a safetensors file, its header of at most 1048576 bytes";
  for (const auto& [length, refusal] :
       {std::pair{std::uint64_t(1) << 20U, "expected a header of 1048576 bytes"},
        std::pair{std::uint64_t(1) << 63U, too_long}, std::pair{~std::uint64_t(0), too_long}}) {
    std::string bytes;
    shallow::detail::append_little_endian(bytes, length, 8);
    folder.file("a.safetensors", bytes.append(1000, ' '));
    check("safetensors: a header longer than the file", bytes.size(), bytes.size(), refusal,
          [&] { io::load<DynamicNetwork<double>>(path); });
  }

  TwoLayerNet<double> trained(100, 1000, 1);
  TrainingState<Adam, double> state;
  io::Checkpoint checkpoint(folder / "a.checkpoint", trained, state);
  const Matrix<double> X = Matrix<double>::Ones(100, 2);
  const Matrix<double> Y = Matrix<double>::Ones(1, 2);
  fit(trained, X, Y, Adam{}, {.epochs = 1, .on_epoch = checkpoint}, state);
  const std::size_t saved = content_of(folder / "a.checkpoint").size();
  check("checkpoint: of Adam", saved, 3 * saved, taken, [&] { checkpoint.resume(); });
  for (const auto& [what, header, refusal] :
       {std::tuple{"checkpoint: a header of tensors", tensors + "}", "a known 'dtype'"},
        std::tuple{"checkpoint: a header of metadata", strings + "}}", "a checkpoint of version 1"}}) {
    const std::string bytes = safetensors(header, 0);
    folder.file("a.checkpoint", bytes);
    check(what, bytes.size(), bytes.size() + 64 * header.size(), refusal, [&] { checkpoint.resume(); });
  }
}

void idx(const TemporaryFolder& folder) {
  constexpr std::size_t zlib = 320 * KiB;  // its state and its buffers
  const auto path = folder / "a.idx.gz";
  const std::size_t values = 16 * MiB;
  const auto write = [&](std::string_view header, std::size_t zeros) {
    const gzFile file = gzopen(path.c_str(), "wb9");
    gzwrite(file, header.data(), static_cast<unsigned>(header.size()));
    const std::string block(MiB, '\0');
    for (std::size_t written = 0; written < zeros; written += block.size()) gzwrite(file, block.data(), MiB);
    gzclose(file);
    return content_of(path).size();
  };
  const std::string_view whole("\0\0\x08\2\0\0\x10\0\0\0\x10\0", 12);  // 4096 x 4096
  std::size_t size = write(whole, values);
  check("idx: zeros, compressed a thousand times", size, values + zlib, taken,
        [&] { io::read_idx<std::uint8_t>(path); });
  check("idx: the same as images", size, 5 * values + zlib, taken, [&] { io::read_idx_images<float>(path); });
  // A file that inflates to 64 times what its header declares.
  size = write(std::string_view("\0\0\x08\2\0\0\2\0\0\0\2\0", 12), values);
  check("idx: more than the header declares", size, values / 64 + zlib, "the end of the file after 512 x 512 values",
        [&] { io::read_idx<std::uint8_t>(path); });
  size = write(std::string_view("\0\0\x08\2\x7f\xff\xff\xff\x7f\xff\xff\xff", 12), MiB);
  check("idx: a shape near 2^62", size, zlib, "bytes of values in a compressed file",
        [&] { io::read_idx<std::uint8_t>(path); });
}

}  // namespace

int main(int argc, char** argv) {
  planted = argc > 1 && std::string_view(argv[1]) == "planted";
  const TemporaryFolder folder;
  csv(folder);
  npy(folder);
  model_files(folder);
  idx(folder);
  larger_than_memory(folder);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
