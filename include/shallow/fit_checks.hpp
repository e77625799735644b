// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What `fit` refuses when it runs: options and models that cannot be trained, and a callback that gave the model other
/// sizes.

#include "shallow/error.hpp"
#include "shallow/finite.hpp"
#include "shallow/fit_arguments.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace shallow {
namespace detail {

inline void check_options(const FitOptions& options) {
  if (options.epochs < 0) raise_expected<ValueError>("fit", "epochs", ">= 0", to_text(options.epochs));
  if (options.until_epoch < 0) raise_expected<ValueError>("fit", "until_epoch", ">= 0", to_text(options.until_epoch));
  if (options.until_epoch > 0 && options.epochs != FitOptions{}.epochs) {
    raise_expected<ValueError>("fit", "epochs", "none beside until_epoch", to_text(options.epochs));
  }
  if (options.batch_size < 0) raise_expected<ValueError>("fit", "batch_size", ">= 0", to_text(options.batch_size));
}

/// The epoch that training ends with, counted as the state counts. The largest Index is left out, so that the epoch
/// after the last one can be counted.
inline Index last_epoch(const FitOptions& options, Index done) {
  if (done < 0) raise_expected<ValueError>("fit", "TrainingState: epochs", ">= 0", to_text(done));
  constexpr Index most = (std::numeric_limits<Index>::max)() - 1;
  if (done > most) {
    raise_expected<ValueError>("fit", "TrainingState: epochs", "fewer than an Index can count", to_text(done));
  }
  if (options.until_epoch > 0) return (std::min)(options.until_epoch, most);
  return done + (std::min)(options.epochs, most - done);
}

/// \throws ValueError model: expected finite parameters
template <class M>
void check_finite_parameters(const M& model) {
  const auto& parameters = model.parameters();
  if (all_finite(parameters)) return;
  for (const ParameterBlock& block : model.parameter_blocks()) {
    for (Index k = 0; k < block.size(); ++k) {
      if (all_finite(parameters.segment(block.offset + k, 1))) continue;
      std::string given = not_finite_text(parameters(block.offset + k));
      given.append(" in ").append(block.name).append(numbered(" at row ", k % block.rows));
      raise_expected<ValueError>("fit", "model", "finite parameters",
                                 given.append(numbered(", column ", k / block.rows)));
    }
  }
  raise_expected<ValueError>("fit", "model", "finite parameters", "NaN or infinity among them");
}

/// Sees whether a callback, which may do with the model what it likes, has left it its sizes.
template <class M>
class SizesKept {
 public:
  explicit SizesKept(M& model)
      : blocks_(std::as_const(model).parameter_blocks()), count_(model.parameters().size()), place_(model) {}

  /// \throws ShapeError model: expected N parameters, as before the callback; expected the blocks of before the
  /// callback
  void keep(M& model) {
    if (const Index count = model.parameters().size(); count != count_) {
      raise_expected<ShapeError>("fit", "model", numbered("", count_) + " parameters, as before the callback",
                                 to_text(count));
    }
    const Place now(model);
    if (now == place_) return;
    const auto blocks = std::as_const(model).parameter_blocks();
    if (blocks != blocks_) {
      raise_expected<ShapeError>("fit", "model", blocks_text(blocks_) + ", as before the callback",
                                 blocks_text(blocks));
    }
    place_ = now;
  }

 private:
  /// What can be asked without an allocation, and is another after every change of sizes.
  struct Place {
    explicit Place(M& model) : data(model.parameters().data()) {
      if constexpr (requires { model.n_x() + model.n_y(); }) {
        n_x = model.n_x();
        n_y = model.n_y();
      }
      if constexpr (requires { model.shape_key(); }) shape = model.shape_key();
    }
    friend bool operator==(const Place&, const Place&) = default;

    const void* data;
    Index n_x = 0;
    Index n_y = 0;
    std::size_t shape = 0;
  };

  static std::string blocks_text(const std::vector<ParameterBlock>& blocks) {
    std::string text;
    for (const ParameterBlock& block : blocks) {
      text.append(text.empty() ? "" : ", ").append(block.name).append(" ").append(shape_text(block.rows, block.cols));
    }
    return text;
  }

  std::vector<ParameterBlock> blocks_;
  Index count_;
  Place place_;
};

}  // namespace detail
}  // namespace shallow
