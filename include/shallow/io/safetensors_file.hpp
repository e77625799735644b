// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The safetensors format (https://github.com/huggingface/safetensors), whatever the tensors mean: what model files and
/// checkpoints share.
///
///     8 bytes    length of the header, little endian
///     header     JSON: {"0.weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]}, ...,
///                       "__metadata__": {"name": "text", ...}}, from its first byte on; behind it spaces and no more
///     then       the tensors, little endian, row after row, without gaps
///
/// Files are read as hostile: the header is at most 1 MiB, everything in it is checked before anything is allocated for
/// it, and every byte of the rest belongs to exactly one tensor. Memory: the file, and for the header at most 64 times
/// its length.
///
/// What a file says is for people in two places, errors and load_info. No control character (U+0000 to U+001F, U+007F
/// to U+009F) of a file gets there: errors have '?' in its place, load_info has its number, "\u001b".

#include "shallow/error.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/number_formats.hpp"
#include "shallow/io/open_file.hpp"
#include "shallow/io/safetensors_header.hpp"
#include "shallow/loss.hpp"
#include "shallow/types.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow::detail {

/// A safetensors file, read and believed.
class SafetensorsFile {
 public:
  SafetensorsFile(std::string_view function, const std::filesystem::path& path) : function_(function), path_(path) {
    bytes_ = read_file(function, path, "a safetensors file");
    if (bytes_.size() < 8) fail("a safetensors file of at least 8 bytes", std::to_string(bytes_.size()));
    const std::uint64_t length = little_endian(bytes_.data(), 8);
    if (length > kSafetensorsHeaderLimit) {
      const std::string_view other = other_format(bytes_);
      fail(numbered("a safetensors file, its header of at most ", kSafetensorsHeaderLimit) + " bytes",
           other.empty() ? std::to_string(length) : std::string(other));
    }
    if (length > bytes_.size() - 8) {
      fail(numbered("a header of ", length) + " bytes", std::to_string(bytes_.size() - 8) + " (truncated)");
    }
    start_ = 8 + static_cast<std::size_t>(length);
    read_header(std::string_view(bytes_).substr(8, static_cast<std::size_t>(length)));
    check_layout();
  }

  const std::vector<TensorEntry>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  /// What the metadata says under a name; "" if nothing.
  std::string text(const std::string& key) const {
    const auto found = metadata().find(key);
    return found == metadata().end() ? std::string() : found->second;
  }

  const TensorEntry* find(std::string_view name) const {
    const auto found = std::find_if(tensors().begin(), tensors().end(), [&](const auto& t) { return t.name == name; });
    return found == tensors().end() ? nullptr : &*found;
  }

  /// The numbers of a tensor of float or double, in the order of the file.
  /// \throws FileError expected F32 or F64 (F64 for a float network only if asked for); expected finite numbers
  template <class T>
  std::vector<T> numbers(const TensorEntry& tensor, bool round_to_float) const {
    const bool wide = tensor.dtype == safetensors_type<double>();
    if (!wide && tensor.dtype != safetensors_type<float>())
      fail("numbers of type F32 or F64 in " + quoted_excerpt(tensor.name), quoted_excerpt(tensor.dtype));
    if (wide && sizeof(T) < sizeof(double) && !round_to_float) {
      fail("F32 in " + quoted_excerpt(tensor.name) + " for a float network (or the option round_to_float)", "'F64'");
    }
    return wide ? converted<T, double>(tensor) : converted<T, float>(tensor);
  }

  /// The numbers of a tensor of type T, whatever they are.
  /// \throws FileError expected numbers of type T
  template <class T>
  std::vector<T> values(const TensorEntry& tensor) const {
    if (tensor.dtype != safetensors_type<T>()) {
      fail("numbers of type " + std::string(safetensors_type<T>()) + " in " + quoted_excerpt(tensor.name),
           quoted_excerpt(tensor.dtype));
    }
    std::vector<T> values(size_of(tensor) / sizeof(T));
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = value<T>(tensor, k);
    return values;
  }

  [[noreturn]] void fail(std::string_view expected, std::string_view given) const {
    raise_expected<FileError>(function_, path_.string(), expected, given);
  }

  /// What f(), which makes `what` of the file, returns.
  /// \throws FileError expected `what` that fits into memory
  template <class F>
  auto made(std::string_view what, F&& f) const {
    return within_memory(function_, path_, what, bytes_.size(), std::forward<F>(f));
  }
  /// Asks for the memory of `copies` times all numbers, each as long as a T, before any of it is taken.
  /// \throws FileError expected `what` that fits into memory
  template <class T>
  void check_room(std::string_view what, std::uintmax_t copies) const {
    std::uintmax_t size = 0;
    for (const TensorEntry& tensor : tensors()) size += size_of(tensor) / safetensors_size(tensor.dtype) * sizeof(T);
    check_memory(function_, path_, what, size, copies);
  }

 private:
  void read_header(std::string_view text) {
    const auto not_json = [&](std::size_t position) {
      fail("a header of JSON", numbered("something else at its byte ", position + 1));
    };
    // The parser would take a NUL for the end, whatever came behind it, and white space around the object.
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) not_json(nul);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &header_)) fail(header_.expected, header_.given);
    if (text.front() != '{') not_json(0);
    if (const std::size_t last = text.find_last_not_of(' '); text[last] != '}') not_json(last);
  }
  static std::size_t size_of(const TensorEntry& tensor) {
    return static_cast<std::size_t>(tensor.offsets[1] - tensor.offsets[0]);
  }
  template <class T>
  T value(const TensorEntry& tensor, std::size_t k) const {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    const char* const from = bytes_.data() + start_ + tensor.offsets[0];
    return bit_cast<T>(static_cast<Bits>(little_endian(from + k * sizeof(T), sizeof(T))));
  }
  template <class T, class Saved>
  std::vector<T> converted(const TensorEntry& tensor) const {
    std::vector<T> values(size_of(tensor) / sizeof(Saved));
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = static_cast<T>(value<Saved>(tensor, k));
    if (!all_finite(static_cast<Index>(values.size()), values.data())) {
      fail("finite numbers in " + quoted_excerpt(tensor.name), "NaN or infinity among them");
    }
    return values;
  }

  /// Every tensor as large as its shape says, and one after the other from the first byte of the data to the last.
  void check_layout() const {
    std::vector<const TensorEntry*> order;
    for (const TensorEntry& tensor : tensors()) order.push_back(&tensor);
    // Not one vector against the other: where the most significant byte comes first, libstdc++ 12 compares but the
    // first bytes of two vectors of unsigned numbers.
    const auto place = [](const TensorEntry* tensor) { return std::pair(tensor->offsets[0], tensor->offsets[1]); };
    std::sort(order.begin(), order.end(), [&](const auto* a, const auto* b) { return place(a) < place(b); });
    const std::uint64_t available = bytes_.size() - start_;
    std::uint64_t at = 0;
    for (const TensorEntry* const tensor : order) {
      const std::string name = quoted_excerpt(tensor->name);
      const std::uint64_t begin = tensor->offsets[0];
      const std::uint64_t end = tensor->offsets[1];
      if (begin != at) {
        fail(numbered("data_offsets that continue at ", at) + " for " + name, numbered("", begin));
      }
      if (end < begin || end > available) {
        fail(numbered("data_offsets within the ", available) + " bytes of data for " + name,
             std::to_string(begin) + " to " + std::to_string(end));
      }
      const std::uint64_t size = safetensors_size(tensor->dtype);
      if (size == 0) fail("a known 'dtype' for " + name, quoted_excerpt(tensor->dtype));
      std::uint64_t count = (end - begin) / size;
      bool fits = (end - begin) % size == 0;
      std::uint64_t product = std::find(tensor->shape.begin(), tensor->shape.end(), 0U) == tensor->shape.end() ? 1 : 0;
      for (const std::uint64_t extent : tensor->shape) {
        if (extent != 0 && product > count / extent) fits = false;
        product = fits ? product * extent : 0;
      }
      if (!fits || product != count) {
        fail("as many bytes as the shape of " + name + " needs", std::to_string(end - begin));
      }
      at = end;
    }
    if (at != available) fail(numbered("the end of the file after ", at) + " bytes of data", std::to_string(available));
  }

  std::string function_;
  std::filesystem::path path_;
  std::string bytes_;
  std::size_t start_ = 0;
  SafetensorsHeader header_;
};

/// A safetensors file to be: add tensors and metadata, then write.
class SafetensorsWriter {
 public:
  SafetensorsWriter() { header_["__metadata__"] = nlohmann::ordered_json::object(); }

  void metadata(const std::string& name, const std::string& text) { header_["__metadata__"][name] = text; }

  /// A tensor of float, double, or an integer of 32 or 64 bits, its numbers in the order of the file. No two of a name.
  template <class T>
  void tensor(const std::string& name, const std::vector<Index>& shape, const std::vector<T>& numbers) {
    const std::size_t begin = data_.size();
    append_numbers(data_, numbers);
    auto& entry = header_[name];
    entry["dtype"] = safetensors_type<T>();
    entry["shape"] = shape;
    entry["data_offsets"] = {begin, data_.size()};
  }

  /// \throws ValueError `argument`, which most of the header is made of: expected a header of at most 1 MiB
  /// \throws FileError (path): expected a file that can be written, given the system's reason
  void write(std::string_view function, const std::filesystem::path& path, std::string_view argument) const {
    std::string text = header_.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > kSafetensorsHeaderLimit) {
      raise_expected<ValueError>(function, argument,
                                 numbered("a header of at most ", kSafetensorsHeaderLimit) + " bytes",
                                 to_text(text.size()));
    }
    std::string length;
    append_little_endian(length, text.size(), 8);
    write_file(function, path, {length, text, data_});
  }

 private:
  nlohmann::ordered_json header_;
  std::string data_;
};

}  // namespace shallow::detail
