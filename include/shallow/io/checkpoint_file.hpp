// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The file of a checkpoint (checkpoint.hpp), read and written: numbers that are as many as they should be, counts that
/// are in range, the random numbers' state, the best parameters so far.

#include "shallow/error.hpp"
#include "shallow/io/description.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/safetensors_file.hpp"
#include "shallow/loss.hpp"
#include "shallow/random.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace shallow::io {

/// The parameters with the least loss so far, the first of equals. Where there are validation data, their loss alone
/// counts, and once there was a finite one, no loss of the samples counts any more; otherwise that of the epoch's
/// samples, each taken before the step that it led to, as in History. A loss that is NaN or infinite never is the best.
template <Scalar T>
struct Best {
  Index epoch = 0;  ///< of all that the TrainingState counts; 0 if there was none yet
  double loss = std::numeric_limits<double>::infinity();  ///< that least loss; infinite if there was none yet
  Vector<T> parameters;                                   ///< after that epoch
  bool of_validation = false;                             ///< whether the loss is of validation data

  /// The same epoch, loss and parameters.
  friend bool operator==(const Best& a, const Best& b) {
    return a.epoch == b.epoch && a.loss == b.loss && a.of_validation == b.of_validation &&
           a.parameters.size() == b.parameters.size() && a.parameters == b.parameters;
  }
};

}  // namespace shallow::io

namespace shallow::detail {

/// The largest count in a checkpoint: far from where adding one to it would overflow.
inline constexpr std::int64_t kMostCounted = (std::numeric_limits<Index>::max)() / 2;

/// A safetensors file that is a checkpoint.
class CheckpointFile : public SafetensorsFile {
 public:
  /// \throws FileError expected a checkpoint of version 1; expected one of the model
  CheckpointFile(std::string_view function, const std::filesystem::path& path, std::string_view model)
      : SafetensorsFile(function, path) {
    if (const auto version = text("shallow.checkpoint"); version != "1") {
      fail("a checkpoint of version 1 (shallow.checkpoint)", version.empty() ? "none" : quoted_excerpt(version));
    }
    if (const auto saved = text("shallow.model"); saved != model) {
      fail("a checkpoint of " + std::string(model), saved.empty() ? "none" : quoted_excerpt(saved, 400));
    }
  }

  /// The numbers of a tensor, which must be as many as one of `sizes`.
  template <class T>
  std::vector<T> numbers_of(const std::string& name, const std::vector<Index>& sizes) {
    const TensorEntry* const tensor = find(name);
    if (tensor == nullptr) fail("a tensor '" + name + "'", "none");
    ++read_;
    std::vector<T> numbers = values<T>(*tensor);
    const auto count = static_cast<Index>(numbers.size());
    if (std::find(sizes.begin(), sizes.end(), count) == sizes.end()) {
      std::string expected;
      for (const Index size : sizes) expected.append(expected.empty() ? "" : " or ").append(std::to_string(size));
      fail(expected + " numbers in '" + name + "'", std::to_string(count));
    }
    return numbers;
  }

  template <class T>
  Vector<T> vector(const std::string& name, const std::vector<Index>& sizes, bool finite) {
    const std::vector<T> numbers = numbers_of<T>(name, sizes);
    Vector<T> result(static_cast<Index>(numbers.size()));
    std::copy(numbers.begin(), numbers.end(), result.data());
    if (finite && !all_finite(result)) fail("finite numbers in '" + name + "'", "NaN or infinity among them");
    return result;
  }

  std::int64_t count(const std::string& name, std::int64_t most = kMostCounted) {
    const std::int64_t value = numbers_of<std::int64_t>(name, {1})[0];
    if (value < 0 || value > most) fail(numbered("0 .. ", most) + " in '" + name + "'", std::to_string(value));
    return value;
  }

  /// \throws FileError expected a state of RandomState
  RandomState random_state() {
    RandomState::State state;
    const auto key = numbers_of<std::uint32_t>("random.key", {Index(state.key.size())});
    std::copy(key.begin(), key.end(), state.key.begin());
    const std::int64_t position = count("random.position");
    state.position = static_cast<int>(std::min<std::int64_t>(position, 1000));
    const auto normal = numbers_of<double>("random.normal", {0, 1});
    if (!normal.empty()) state.kept_normal = normal[0];
    if (const auto broken = RandomState::broken_part(state); !broken.empty()) {
      fail("a state of RandomState", std::string("one whose ").append(broken).append(" is impossible"));
    }
    return RandomState(state);
  }

  /// The best after `epochs` of a model with `size` parameters.
  /// \throws FileError expected an epoch that was, a loss that can be the least, and a kind of loss
  template <Scalar T>
  io::Best<T> best(Index size, Index epochs) {
    io::Best<T> best;
    best.epoch = static_cast<Index>(count("best.epoch"));
    best.loss = numbers_of<double>("best.loss", {1})[0];
    best.parameters = vector<T>("best.parameters", {best.epoch == 0 ? 0 : size}, true);
    if (best.epoch > epochs) {
      fail(numbered("at most ", epochs) + ", the number of epochs, in 'best.epoch'", std::to_string(best.epoch));
    }
    if (best.epoch == 0 ? !(best.loss > 0) || std::isfinite(best.loss) : !std::isfinite(best.loss)) {
      fail("a finite number (infinity before the first epoch) in 'best.loss'", to_text(best.loss));
    }
    const std::string kind = text("shallow.best");
    if (!kind.empty() && kind != "validation" && kind != "samples") {
      fail("'validation' or 'samples' as shallow.best", quoted_excerpt(kind));
    }
    best.of_validation = kind == "validation" && best.epoch > 0;
    return best;
  }
  /// Whether the file says what the loss of the best is of.
  bool says_kind_of_best() const { return !text("shallow.best").empty(); }

  /// \throws FileError expected the tensors that were read
  void check_all_read() const {
    if (read_ != tensors().size()) {
      fail(numbered("", read_) + " tensors", std::to_string(tensors().size()));
    }
  }

 private:
  std::size_t read_ = 0;
};

/// A checkpoint to be.
class CheckpointWriter : public SafetensorsWriter {
 public:
  explicit CheckpointWriter(const std::string& model) {
    metadata("shallow.version", version_text());
    metadata("shallow.checkpoint", "1");
    metadata("shallow.model", model);
  }

  template <class T, class Values>
  void vector(const std::string& name, const Values& values) {
    tensor(name, {values.size()}, std::vector<T>(values.data(), values.data() + values.size()));
  }

  /// \throws ValueError state: expected 0 .. 2^62 - 1
  void count(const std::string& name, std::int64_t value) {
    if (value < 0 || value > kMostCounted) {
      raise_expected<ValueError>("Checkpoint", "state", numbered("0 .. ", kMostCounted) + " in '" + name + "'",
                                 std::to_string(value));
    }
    tensor(name, {1}, std::vector<std::int64_t>{value});
  }

  /// \throws ValueError as count()
  void random_state(const RandomState::State& state) {
    tensor("random.key", {Index(state.key.size())}, std::vector<std::uint32_t>(state.key.begin(), state.key.end()));
    count("random.position", state.position);
    std::vector<double> normal;
    if (state.kept_normal) normal.push_back(*state.kept_normal);
    tensor("random.normal", {Index(normal.size())}, normal);
  }

  /// `kind_known`: whether best.of_validation is.
  /// \throws ValueError as count()
  template <Scalar T>
  void best(const io::Best<T>& best, bool kind_known) {
    if (best.epoch > 0 && kind_known) metadata("shallow.best", best.of_validation ? "validation" : "samples");
    count("best.epoch", best.epoch);
    tensor("best.loss", {1}, std::vector<double>{best.loss});
    vector<T>("best.parameters", best.parameters);
  }
};

}  // namespace shallow::detail
