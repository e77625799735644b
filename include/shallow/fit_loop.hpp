// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The loop of `fit` over epochs and batches, and the way back from a divergence.

#include "shallow/engine/batch.hpp"
#include "shallow/error.hpp"
#include "shallow/finite.hpp"
#include "shallow/fit_arguments.hpp"
#include "shallow/fit_checks.hpp"
#include "shallow/random.hpp"
#include "shallow/samples.hpp"
#include "shallow/step.hpp"
#include "shallow/types.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow {
namespace detail {

/// In the place of a validation that there is none of.
struct Absent {};

/// What fit says of a divergence; `finite` tells whether it saw an epoch whose loss was.
inline std::string divergence_message(Index epoch, const char* what, bool finite) {
  return concatenated(
      {what, " turned NaN or infinite in epoch ", to_text(epoch),
       finite ? "; the parameters are those of the last epoch whose loss was finite"
              : "; no epoch of this fit ended with a finite loss, and the parameters are as they were given",
       ". Try a smaller learning_rate, features scaled to about [-1, 1], or smaller first weights"});
}

/// The loop itself; see `fit`.
template <class M, class T, class Target, class L, class O, class E, class ValidationPass>
History fit_samples(M& model, const Samples<T, Target>& samples, const L& loss, const O& optimizer,
                    const FitOptions& options, TrainingState<O, T>& state, E& executor, ValidationPass&& validate) {
  const Index m = samples.count;
  const Index batch_size = options.batch_size == 0 ? m : (std::min)(options.batch_size, m);
  const Index batches = (m + batch_size - 1) / batch_size;
  const bool shuffled = options.shuffle && batches > 1;
  const Index last = last_epoch(options, state.epochs);
  History history;
  // Enough that no epoch of any ordinary training allocates; memory that is never touched costs nothing.
  history.loss.reserve(static_cast<std::size_t>(std::clamp<Index>(last - state.epochs, Index(0), Index(1) << 20)));
  if constexpr (!std::is_same_v<std::remove_cvref_t<ValidationPass>, Absent>) {
    history.validation_loss.reserve(history.loss.capacity());
  }
  BatchPass<M, T, Target, L, E> pass(samples, loss, batch_size, shuffled, executor);
  const auto size = static_cast<std::size_t>(model.parameters().size());
  Vector<T> gradient(model.parameters().size());
  std::fill_n(gradient.data(), size, T(0));
  SizesKept<M> sizes(model);
  std::vector<Index> order(shuffled ? static_cast<std::size_t>(m) : 0);

  if constexpr (requires { optimizer.prepare(m, state.optimizer); }) {
    optimizer.prepare(model.parameters().size(), state.optimizer);
  }
  // After all that may be refused.
  if (!state.seeded) state.random = RandomState(options.seed);
  state.seeded = true;

  // Where to go back to: the last place where a finite epoch's loss was taken, before the step away from it.
  std::vector<T> good_parameters(model.parameters().data(), model.parameters().data() + size);
  auto good_optimizer = state.optimizer;
  const auto diverged = [&](Index epoch, const char* what) {
    std::copy_n(good_parameters.data(), size, model.parameters().data());
    state.optimizer = good_optimizer;
    state.batches = 0;
    history.reason = StopReason::diverged;
    history.message = divergence_message(epoch, what, !history.loss.empty());
    return history;
  };

  std::vector<T> candidate = good_parameters;
  auto candidate_optimizer = good_optimizer;
  const auto call = [&](const Callback& callback, const Progress& progress) {
    if (!callback) return;
    if (!callback(progress)) history.reason = StopReason::callback;
    sizes.keep(model);
  };
  for (Index epoch = state.epochs + 1; epoch <= last; ++epoch) {
    if (shuffled) {
      std::iota(order.begin(), order.end(), Index(0));
      state.random.shuffle(order);
    }
    state.batches = 0;
    Progress progress{epoch, last, 0, batches, 0};
    for (Index first = 0; first < m; first += batch_size) {
      const Index count = (std::min)(batch_size, m - first);
      const auto J = as_double(pass(model, first, count, shuffled ? order.data() : nullptr, &gradient));
      if (!is_finite(J)) return diverged(epoch, "the loss");
      if (first + count == m) {
        std::copy_n(model.parameters().data(), size, candidate.data());
        candidate_optimizer = state.optimizer;
      }
      take_step(optimizer, model, gradient, state.optimizer, executor);
      // The running mean: of a single batch exactly its J.
      const double share = static_cast<double>(count) / static_cast<double>(first + count);
      progress.loss += rounded((J - progress.loss) * share);
      state.batches = ++progress.batch;
      call(options.on_batch, progress);
      if (history.reason == StopReason::callback) break;
    }
    const bool whole = progress.batch == batches;
    if (whole) {
      good_parameters.swap(candidate);
      std::swap(good_optimizer, candidate_optimizer);
      ++state.epochs;
      state.batches = 0;
      history.loss.push_back(progress.loss);
    }
    if (!all_finite(model.parameters())) return diverged(epoch, "a parameter");
    if (!whole) break;
    if constexpr (!std::is_same_v<std::remove_cvref_t<ValidationPass>, Absent>) {
      progress.validation_loss = as_double(validate(model));
      progress.has_validation = true;
      history.validation_loss.push_back(progress.validation_loss);
    }
    call(options.on_epoch, progress);
    if (history.reason == StopReason::callback) break;
  }
  history.message = history.reason == StopReason::callback ? "a callback returned false" : "all epochs done";
  return history;
}

}  // namespace detail
}  // namespace shallow
