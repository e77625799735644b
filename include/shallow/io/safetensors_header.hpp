// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The header of a safetensors file (safetensors_file.hpp): its tensors, their types, and the events of the JSON parser
/// that make them.

#include "shallow/error.hpp"
#include "shallow/io/file_messages.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow::detail {

inline constexpr std::uint64_t kSafetensorsHeaderLimit = 1 << 20;

/// Bytes of a number of a safetensors type, 0 for an unknown type.
inline std::uint64_t safetensors_size(std::string_view dtype) {
  constexpr std::array<std::pair<std::string_view, int>, 13> sizes{{{"F64", 8},
                                                                    {"F32", 4},
                                                                    {"F16", 2},
                                                                    {"BF16", 2},
                                                                    {"I64", 8},
                                                                    {"I32", 4},
                                                                    {"I16", 2},
                                                                    {"I8", 1},
                                                                    {"U64", 8},
                                                                    {"U32", 4},
                                                                    {"U16", 2},
                                                                    {"U8", 1},
                                                                    {"BOOL", 1}}};
  for (const auto& [name, size] : sizes) {
    if (name == dtype) return static_cast<std::uint64_t>(size);
  }
  return 0;
}

/// What the format calls the type T.
template <class T>
constexpr std::string_view safetensors_type() {
  if constexpr (std::is_floating_point_v<T>) {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
    return sizeof(T) == 8 ? "F64" : "F32";
  } else {
    static_assert(std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint32_t>);
    return sizeof(T) == 8 ? "I64" : "U32";
  }
}

/// A tensor as the header describes it.
struct TensorEntry {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> offsets;
};

/// Receives the header event by event, so that nothing is built that the format does not know; `expected` and `given`
/// say why when it refuses.
class SafetensorsHeader {
 public:
  using Json = nlohmann::json;

  std::vector<TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
  std::string expected;
  std::string given;

  bool null() { return value("null"); }
  bool boolean(bool) { return value("true or false"); }
  bool number_integer(Json::number_integer_t number) {
    return refuse("whole numbers >= 0 in the header", to_text(number));
  }
  bool number_float(Json::number_float_t, const std::string& text) {
    return refuse("whole numbers >= 0 in the header", quoted_excerpt(text));
  }
  bool binary(Json::binary_t&) { return value("binary data"); }
  bool number_unsigned(Json::number_unsigned_t number) {
    if (state_ != State::shape && state_ != State::offsets) return value("a number");
    auto& numbers = state_ == State::shape ? tensors.back().shape : tensors.back().offsets;
    if (numbers.size() == (state_ == State::shape ? 8 : 2)) {
      return refuse(state_ == State::shape ? "at most 8 dimensions" : "2 data_offsets", "more for " + current());
    }
    numbers.push_back(number);
    return true;
  }
  bool string(std::string& text) {
    if (state_ == State::metadata) {
      metadata[key_] = text;
      return true;
    }
    if (state_ != State::tensor || key_ != "dtype") return value("a string");
    tensors.back().dtype = text;
    return true;
  }
  bool start_object(std::size_t) {
    if (state_ == State::start) {
      state_ = State::top;
    } else if (state_ == State::top && key_ == "__metadata__") {
      state_ = State::metadata;
    } else if (state_ == State::top) {
      tensors.push_back({key_, {}, {}, {}});
      seen_.clear();
      state_ = State::tensor;
    } else {
      return value("an object");
    }
    return true;
  }
  bool key(std::string& name) {
    auto& names = state_ == State::top ? top_ : state_ == State::metadata ? metadata_keys_ : seen_;
    if (!names.insert(name).second) return refuse("every name in the header once", quoted_excerpt(name) + " twice");
    if (state_ == State::tensor && name != "dtype" && name != "shape" && name != "data_offsets") {
      return refuse("'dtype', 'shape' and 'data_offsets' of a tensor", quoted_excerpt(name) + " for " + current());
    }
    key_ = name;
    return true;
  }
  bool end_object() {
    if (state_ == State::tensor && seen_.size() != 3) {
      return refuse("'dtype', 'shape' and 'data_offsets' of a tensor", "not all three for " + current());
    }
    if (state_ == State::tensor && tensors.back().offsets.size() != 2)
      return refuse("2 data_offsets", "fewer for " + current());
    state_ = state_ == State::top ? State::end : State::top;
    return true;
  }
  bool start_array(std::size_t) {
    if (state_ != State::tensor || key_ == "dtype") return value("an array");
    state_ = key_ == "shape" ? State::shape : State::offsets;
    return true;
  }
  bool end_array() {
    state_ = State::tensor;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    return refuse("a header of JSON", numbered("something else at its byte ", position));
  }

 private:
  enum class State { start, top, metadata, tensor, shape, offsets, end };

  std::string current() const { return "tensor " + quoted_excerpt(tensors.back().name); }
  bool refuse(std::string what, std::string instead) {
    if (expected.empty()) {
      expected = std::move(what);
      given = std::move(instead);
    }
    return false;
  }
  bool value(const char* instead) {
    switch (state_) {
      case State::start: return refuse("an object as the header", instead);
      case State::top: return refuse("an object for every name in the header", instead);
      case State::metadata: return refuse("strings as __metadata__", instead);
      case State::shape:
      case State::offsets: return refuse("whole numbers >= 0 in the header", instead);
      default: break;
    }
    return refuse("a string 'dtype' and arrays 'shape' and 'data_offsets'", std::string(instead) + " for " + current());
  }

  State state_ = State::start;
  std::string key_;
  std::set<std::string> top_, metadata_keys_, seen_;
};

}  // namespace shallow::detail
