// SPDX-License-Identifier: MIT
/// Training that is killed (SIGKILL) at 50 random moments and resumed from its checkpoint each time must end in the
/// same bits as training that never stopped.
///
///     interrupted                 the test; it starts itself as
///     interrupted PATH EPOCHS     one run: resumes the checkpoint at PATH, if there is one, and trains on to EPOCHS

#include <shallow/io/checkpoint.hpp>
#include <shallow/shallow.hpp>

#include "temporary_folder.hpp"
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

namespace fs = std::filesystem;
using namespace shallow;
using Clock = std::chrono::steady_clock;

constexpr int kills = 50;

/// Adam, batches in a new order every epoch, validation data: all that a checkpoint keeps plays a part.
void train(const fs::path& path, Index epochs) {
  const auto flower = datasets::flower();
  TwoLayerNet<double> net(2, 6, 1, {.seed = 2});
  TrainingState<Adam, double> state;
  io::Checkpoint checkpoint(path, net, state, {.every_epochs = 3});
  checkpoint.resume();
  fit(net, flower.X.leftCols(300), flower.Y.leftCols(300), Adam{.learning_rate = 0.01},
      {.epochs = std::max<Index>(epochs - state.epochs, 0), .batch_size = 32, .seed = 4, .on_epoch = checkpoint}, state,
      Validation(flower.X.rightCols(100), flower.Y.rightCols(100)));
}

/// Epochs that a checkpoint has seen; 0 if there is none yet.
Index epochs_in(const fs::path& path) {
  TwoLayerNet<double> net(2, 6, 1);
  TrainingState<Adam, double> state;
  io::Checkpoint(path, net, state).resume();
  return state.epochs;
}

::pid_t start(const std::string& program, const fs::path& path, Index epochs) {
  const std::string file = path.string();
  const std::string count = std::to_string(epochs);
  const ::pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot start a process: " + detail::system_reason(errno));
  if (child == 0) {
    ::execl(program.c_str(), program.c_str(), file.c_str(), count.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  return child;
}
int wait_for(::pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child) throw std::runtime_error("lost a process");
  return status;
}

int test(const std::string& program) {
  constexpr Index for_ever = 1'000'000'000;
  const TemporaryFolder folder;
  const fs::path path = folder / "run.checkpoint";

  // How long a start takes here, until there is a first checkpoint: moments are measured in this.
  const auto begin = Clock::now();
  const ::pid_t first = start(program, path, for_ever);
  while (!fs::exists(path) && Clock::now() - begin < std::chrono::minutes(2)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const std::chrono::duration<double> warm_up = Clock::now() - begin;
  ::kill(first, SIGKILL);
  int killed = WIFSIGNALED(wait_for(first)) ? 1 : 0;

  RandomState random(1);
  int in_writing = 0;
  for (int i = 1; i < kills; ++i) {
    const ::pid_t child = start(program, path, for_ever);
    std::this_thread::sleep_for(warm_up * 3 * random.uniform());
    ::kill(child, SIGKILL);
    const int status = wait_for(child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ++killed;
    // A file beside the checkpoint: the process was writing.
    if (std::distance(fs::directory_iterator(folder.path()), {}) > 1) ++in_writing;
  }
  const Index reached = epochs_in(path);
  const Index epochs = reached + 20;
  const bool finished = wait_for(start(program, path, epochs)) == 0;
  train(folder / "whole.checkpoint", epochs);
  const bool same = content_of(path) == content_of(folder / "whole.checkpoint");
  std::printf("killed %d times, %d of them while writing; %td epochs by then, %td in all: %s\n", killed, in_writing,
              reached, epochs, same ? "the same bits as without interruption" : "OTHER bits than without interruption");
  return killed == kills && reached > 0 && finished && same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 3) {
    train(argv[1], std::stol(argv[2]));
    return 0;
  }
  return test(argv[0]);
} catch (const std::exception& error) {
  std::fprintf(stderr, "interrupted: %s\n", error.what());
  return 1;
}
