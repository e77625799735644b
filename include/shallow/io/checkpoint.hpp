// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Checkpoints: what training needs to go on after the process has ended, in the same bits as if it had not (needs
/// nlohmann-json: link shallow::safetensors).
///
///     TwoLayerNet<double> net(2, 4, 1, {.seed = 2});
///     TrainingState<Adam, double> state;
///     io::Checkpoint checkpoint("flower.checkpoint", net, state, {.every_seconds = 30});
///     checkpoint.resume();  // where an earlier run stopped, if there was one
///     fit(net, X, Y, Adam{}, {.epochs = 10'000 - state.epochs, .on_epoch = checkpoint}, state);
///
/// A checkpoint is a safetensors file: "parameters", "optimizer.<member>", "random.key", "random.position",
/// "random.normal" (none or one), "random.seeded" (0 or 1), "epochs", and the best so far: "best.epoch", "best.loss",
/// "best.parameters". The metadata says which model it belongs to ("shallow.model") and what the best loss is of
/// ("shallow.best": "validation" or "samples"; earlier versions did not say). Files are read as hostile, as model files
/// are. Memory: three times the file, and for the header at most 64 times its length.

#include "shallow/error.hpp"
#include "shallow/fit.hpp"
#include "shallow/io/checkpoint_file.hpp"
#include "shallow/io/description.hpp"
#include "shallow/io/file.hpp"
#include "shallow/io/file_messages.hpp"
#include "shallow/io/open_file.hpp"
#include "shallow/loss.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow::io {

/// When a checkpoint is written: whatever comes first, and after the last epoch that `fit` was asked for. Where a
/// callback of yours stops `fit` before, call save().
struct CheckpointOptions {
  Index every_epochs = 0;    ///< >= 0; 0: not by their number, or after every one if every_seconds is 0, too
  double every_seconds = 0;  ///< >= 0, since the last was written or the first epoch ended; 0: not by time
};

/// Writes what training needs to go on to a file, as the callback `on_epoch` of `fit`, and brings it back. Refers to
/// the model and the state that are given to `fit`, which must outlive it. One run at a time may use a path.
///
/// Writing is atomic: at every moment the old checkpoint stands under the path or the new one, whenever the process is
/// killed. A run that was resumed ends in the same bits as one that was never interrupted: parameters, optimiser, order
/// of the samples, best so far. (If a loss turns infinite, the parameters `fit` goes back to are those it was resumed
/// with, if they are the last whose loss it knows.) The library, the machine and the arguments of `fit` must be the
/// same.
///
/// In the midst of an epoch, as in a callback on_batch, nothing is written: what is left of it could not be made up. An
/// epoch that was broken off there is given up by `state.batches = 0`: the run goes on with a new one.
///
/// Clock is what every_seconds is told by.
template <Trainable M, class O, class Clock = std::chrono::steady_clock>
class Checkpoint {
 public:
  /// The number type of the model.
  using Scalar = typename M::Scalar;
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>, "shallow: files hold float or double");

  /// \throws ValueError every_epochs, every_seconds: expected >= 0
  Checkpoint(std::filesystem::path path, M& model, TrainingState<O, Scalar>& state,
             const CheckpointOptions& options = {})
      : path_(std::move(path)), model_(&model), state_(&state), options_(options) {
    if (options.every_epochs < 0) {
      detail::raise_expected<ValueError>("Checkpoint", "every_epochs", ">= 0", detail::to_text(options.every_epochs));
    }
    if (!(options.every_seconds >= 0)) {
      detail::raise_expected<ValueError>("Checkpoint", "every_seconds", ">= 0", detail::to_text(options.every_seconds));
    }
  }
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// What `fit` calls: `.on_epoch = checkpoint`.
  operator Callback() {
    return [this](const Progress& progress) { update(progress); };
  }

  /// The same as a function, for a callback of one's own that does more: `return checkpoint(progress) && ...`. True.
  /// \throws as update()
  bool operator()(const Progress& progress) {
    update(progress);
    return true;
  }

  /// To be called after an epoch: notes the best parameters, and writes the file when it is time.
  /// \throws ValueError state: expected the one that counts the epochs, given none done; and as save()
  /// \throws FileError (path): expected a file that can be written, given no such folder, at the first epoch already
  void update(const Progress& progress) {
    check_between_epochs();
    // A state that `fit` was not given would be written again and again, and nothing of the training with it.
    if (state_->epochs < 1) {
      detail::raise_expected<ValueError>("Checkpoint", "state", "the one that counts the epochs (fit takes it, too)",
                                         "none done");
    }
    note(progress);
    const auto now = Clock::now();
    if (!last_) {
      // At the first epoch, not at the first file, which may be hours away.
      detail::check_folder("Checkpoint", path_);
      last_ = now;
    }
    const double seconds = std::chrono::duration<double>(now - *last_).count();
    const bool always = options_.every_epochs == 0 && options_.every_seconds == 0;
    if (always || progress.epoch == progress.epochs ||
        (options_.every_epochs > 0 && state_->epochs % options_.every_epochs == 0) ||
        (options_.every_seconds > 0 && seconds >= options_.every_seconds)) {
      save();
    }
  }

  /// Writes the file now. What resume() would refuse is refused before anything is written.
  /// \throws ShapeError model: expected one with parameters; state: expected numbers for every parameter
  /// \throws ValueError state: expected the end of an epoch; model: expected finite parameters; state: expected 0 ..
  ///         2^62 - 1; model, state: expected names in UTF-8, each once; model: expected a header of at most 1 MiB
  /// \throws FileError (path): expected a file that can be written, given the system's reason; the old file then stands
  void save() {
    check_between_epochs();
    const Index size = checked_size();
    forget_best_of_others(state_->epochs);
    const std::string model = model_text();
    if (!detail::is_utf8(model)) {
      detail::raise_expected<ValueError>("Checkpoint", "model, state", "names in UTF-8, each once", "other bytes");
    }
    if (!detail::all_finite(model_->parameters())) {
      detail::raise_expected<ValueError>("Checkpoint", "model", "finite parameters", "NaN or infinity among them");
    }
    detail::CheckpointWriter file(model);
    file.vector<Scalar>("parameters", model_->parameters());
    const std::vector<Index> sizes = member_sizes(state_->optimizer, size);
    std::vector<std::string> names;
    State::each_member(state_->optimizer, [&](const char* text, const auto& member) {
      const std::string name = member_name(text);
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        detail::raise_expected<ValueError>("Checkpoint", "model, state", "names in UTF-8, each once",
                                           detail::quoted_excerpt(text) + " twice");
      }
      names.push_back(name);
      if constexpr (is_count<decltype(member)>) {
        file.count(name, member);
      } else {
        if (std::find(sizes.begin(), sizes.end(), member.size()) == sizes.end()) {
          detail::raise_expected<ShapeError>("Checkpoint", "state",
                                             detail::numbered("", sizes.back()) + " numbers in '" + name + "'",
                                             detail::to_text(member.size()));
        }
        file.vector<Scalar>(name, member);
      }
    });
    file.random_state(state_->random.state());
    file.count("random.seeded", state_->seeded ? 1 : 0);
    file.count("epochs", state_->epochs);
    file.best(best_, kind_known_);
    file.write("Checkpoint", path_, "model");
    last_ = Clock::now();
  }

  /// Brings model, state and best so far to where the file says; true if there was one. What a crash has left half
  /// written beside it is removed.
  /// \throws ShapeError model: expected one with parameters
  /// \throws FileError (path): expected a checkpoint of this model and optimiser, given what the file says; model and
  ///         state are as before
  bool resume() {
    const Index size = checked_size();
    detail::check_path("Checkpoint", path_, "a checkpoint");
    detail::remove_leftovers(path_);
    std::error_code error;
    if (!std::filesystem::exists(path_, error) && !error) return false;
    detail::CheckpointFile file("Checkpoint", path_, model_text());
    file.made("a checkpoint", [&] { take(file, size); });
    return true;
  }

  /// The parameters with the least loss so far: `net.parameters() = checkpoint.best().parameters`. They begin anew
  /// where the state or the sizes of the model did.
  const Best<Scalar>& best() const { return best_; }
  /// Where the file is.
  const std::filesystem::path& path() const { return path_; }

 private:
  using State = typename O::template State<Scalar>;
  static_assert(
      requires(State s) { State::each_member(s, [](const char*, auto&) {}); },
      "shallow: checkpoints need each_member(state, f) of the optimiser's State");

  /// Members of an optimiser's State are counts or vectors.
  template <class Member>
  static constexpr bool is_count = std::is_same_v<std::remove_cvref_t<Member>, std::int64_t>;

  /// \throws ShapeError model: expected one with parameters
  Index checked_size() const {
    Index size = 0;
    if constexpr (requires { model_->parameter_count(); }) {
      size = model_->parameter_count();
    } else {
      size = model_->parameters().size();
    }
    if (size == 0) {
      detail::raise_expected<ShapeError>("Checkpoint", "model", "one with parameters", "none (it was moved from)");
    }
    return size;
  }
  /// \throws ValueError state: expected the end of an epoch
  void check_between_epochs() const {
    if constexpr (requires { state_->batches; }) {
      if (state_->batches == 0) return;
      detail::raise_expected<ValueError>("Checkpoint", "state", "the end of an epoch",
                                         detail::numbered("one of which ", state_->batches) + " batches are done");
    }
  }

  /// The sizes that vectors of an optimiser's state may have.
  static std::vector<Index> member_sizes(State& state, Index size) {
    bool stepped = false;
    State::each_member(state, [&](const char*, const auto& member) {
      if constexpr (is_count<decltype(member)>) stepped |= member != 0;
    });
    // An optimiser that prepares its state has room for all of it from the first step on.
    constexpr bool prepares = requires(const O& optimizer, State& prepared) { optimizer.prepare(Index(), prepared); };
    return prepares && stepped ? std::vector<Index>{size} : std::vector<Index>{0, size};
  }

  /// All of the file or, if anything in it is refused, nothing.
  void take(detail::CheckpointFile& file, Index size) {
    const auto parameters = file.vector<Scalar>("parameters", {size}, true);
    TrainingState<O, Scalar> state;
    State::each_member(state.optimizer, [&](const char* name, auto& member) {
      if constexpr (is_count<decltype(member)>) member = file.count(member_name(name));
    });
    const std::vector<Index> sizes = member_sizes(state.optimizer, size);
    State::each_member(state.optimizer, [&](const char* name, auto& member) {
      // A second moment may have grown to infinity, and training gone on.
      if constexpr (!is_count<decltype(member)>) {
        member = file.vector<Scalar>(member_name(name), sizes, false);
      }
    });
    state.random = file.random_state();
    state.seeded = file.count("random.seeded", 1) != 0;
    state.epochs = static_cast<Index>(file.count("epochs"));
    auto best = file.best<Scalar>(size, state.epochs);
    const bool kind_known = best.epoch == 0 || file.says_kind_of_best();
    file.check_all_read();
    model_->parameters() = parameters;
    std::swap(*state_, state);
    std::swap(best_, best);
    kind_known_ = kind_known;
  }

  void note(const Progress& progress) {
    const bool validated = progress.has_validation || !std::isnan(progress.validation_loss);
    const double loss = validated ? progress.validation_loss : progress.loss;
    forget_best_of_others(state_->epochs - 1);
    if (!detail::all_finite(1, &loss) || !detail::all_finite(model_->parameters())) return;
    // An older file does not say what its best loss is of: of what the run goes on with.
    if (!kind_known_) best_.of_validation = validated;
    kind_known_ = true;
    if (best_.of_validation && !validated) return;
    if (best_.epoch == 0 || validated != best_.of_validation || loss < best_.loss) {
      best_ = {state_->epochs, loss, model_->parameters(), validated};
    }
  }
  /// Of a state that has been reset since, or a model that has become another: the best is of an epoch after `last`.
  void forget_best_of_others(Index last) {
    if (best_.epoch == 0) return;
    if (best_.epoch <= last && best_.parameters.size() == model_->parameters().size()) return;
    best_ = {};
    kind_known_ = true;
  }

  static std::string member_name(const char* name) { return std::string("optimizer.").append(name); }

  /// "float64: W1 4 x 2, b1 4 x 1, W2 1 x 4, b2 1 x 1; tanh, sigmoid; steps, first, second"
  std::string model_text() const {
    std::string text(sizeof(Scalar) == 4 ? "float32:" : "float64:");
    const char* comma = " ";
    for (const ParameterBlock& block : std::as_const(*model_).parameter_blocks()) {
      text.append(comma).append(block.name).append(" ").append(detail::shape_text(block.rows, block.cols));
      comma = ", ";
    }
    const M& net = *model_;
    constexpr bool has_layers = requires { net.layer(Index(0)).activation(); }
    || requires { net.template layer<0>().activation(); }
    || requires { net.activation(); };
    if constexpr (has_layers) text.append("; ").append(detail::saved_activations(net));
    comma = "; ";
    State::each_member(state_->optimizer, [&](const char* name, const auto&) {
      text.append(comma).append(name);
      comma = ", ";
    });
    return text;
  }

  std::filesystem::path path_;
  M* model_;
  TrainingState<O, Scalar>* state_;
  CheckpointOptions options_;
  Best<Scalar> best_{};
  bool kind_known_ = true;  ///< whether best_.of_validation is
  std::optional<typename Clock::time_point> last_{};
};

}  // namespace shallow::io
