// SPDX-License-Identifier: MIT

/// \file
/// Choice: bit 7 a file whose length of the header is written here. A file that is taken must come back the same when
/// it is written again, and training must be able to go on from it.

#include "shallow/io/checkpoint.hpp"
#include "shallow/two_layer_net.hpp"

#include "fuzz.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace {

using namespace shallow;

struct Run {
  TwoLayerNet<float> net{2, 2, 1};
  TrainingState<Momentum, float> state{};

  friend bool operator==(const Run&, const Run&) = default;
};

}  // namespace

void fuzz::run(const Input& input) {
  std::string_view bytes = input.bytes;
  std::string frame;
  if ((input.choice & 0x80U) != 0) {
    const auto [header, data] = header_and_data(bytes);
    detail::append_little_endian(frame, header.size(), 8);
    frame.append(header).append(data);
    bytes = frame;
  }
  const std::filesystem::path& path = file_of(bytes);
  static const Run fresh;
  Run given;
  io::Checkpoint checkpoint(path, given.net, given.state);
  if (!taken("Checkpoint", path, [&](const auto&) { return checkpoint.resume(); })) {
    demand(given == fresh, "a file that is refused changes nothing");
    return;
  }
  demand(detail::all_finite(given.net.parameters()), "parameters are finite");

  Run again;
  const auto best = written_and_read([&](const auto& to) { io::Checkpoint(to, given.net, given.state).save(); },
                                     [&](const auto& from) {
                                       io::Checkpoint read(from, again.net, again.state);
                                       demand(read.resume(), "what is written is there");
                                       return read.best();
                                     });
  // A velocity may be NaN, which equals nothing.
  if (given.state == Run(given).state) demand(again == given, "what is written comes back to the last bit");
  demand(best.epoch == 0, "a new checkpoint has no best yet");

  const Matrix<float> X{{0.5F, -1.0F}, {2.0F, 0.25F}};
  const Matrix<float> Y{{1.0F, 0.0F}};
  fit(given.net, X, Y, Momentum{}, {.epochs = 1, .batch_size = 1}, given.state);
}
