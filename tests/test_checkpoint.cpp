// SPDX-License-Identifier: MIT
#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/io/checkpoint.hpp"
#include "shallow/two_layer_net.hpp"

#include "temporary_folder.hpp"
#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>

#include <csignal>
#endif

using namespace shallow;

namespace {

template <class T>
struct Data {
  Matrix<T> X = RandomState(1).randn<T>(2, 50);
  Matrix<T> Y = (X.row(0).array() * X.row(1).array() > T(0)).template cast<T>();
};

template <class T>
TwoLayerNet<T> fresh() {
  return TwoLayerNet<T>(2, 5, 1, {.seed = 3, .initializer = Initializer::glorot()});
}

/// Trains 7 epochs in one go, and 3, resumed by other objects, and 4; both must end in the same bits.
template <class Net, class O, class X, class Y>
void check_resumed(const Net& start, const O& optimizer, const X& x, const Y& y) {
  using T = typename Net::Scalar;
  const TemporaryFolder folder;
  const FitOptions options{.batch_size = 8, .seed = 5};
  const auto epochs = [&](Index count, const Callback& callback) {
    FitOptions all = options;
    all.epochs = count;
    all.on_epoch = callback;
    return all;
  };
  const Matrix<T> held_out = x.leftCols(10);
  const auto held_out_y = y.leftCols(10).eval();
  const Validation validation(held_out, held_out_y);

  Net whole = start;
  TrainingState<O, T> whole_state;
  io::Checkpoint whole_checkpoint(folder / "whole", whole, whole_state);
  CHECK_FALSE(whole_checkpoint.resume());
  fit(whole, x, y, optimizer, epochs(7, whole_checkpoint), whole_state, validation);

  {
    Net first = start;
    TrainingState<O, T> state;
    io::Checkpoint checkpoint(folder / "parts", first, state);
    fit(first, x, y, optimizer, epochs(3, checkpoint), state, validation);
  }
  Net second = start;
  TrainingState<O, T> state;
  io::Checkpoint checkpoint(folder / "parts", second, state);
  CHECK(checkpoint.resume());
  CHECK(state.epochs == 3);
  fit(second, x, y, optimizer, epochs(7 - state.epochs, checkpoint), state, validation);
  CHECK(second == whole);
  CHECK(state == whole_state);
  CHECK(checkpoint.best() == whole_checkpoint.best());
  CHECK(content_of(folder / "parts") == content_of(folder / "whole"));
}

}  // namespace

TEST_CASE_TEMPLATE("checkpoint: a resumed run ends in the same bits as one that was not interrupted", T, float,
                   double) {
  const Data<T> data;
  check_resumed(fresh<T>(), GradientDescent{.learning_rate = 0.5}, data.X, data.Y);
  check_resumed(fresh<T>(), Momentum{}, data.X, data.Y);
  check_resumed(fresh<T>(), Adam{}, data.X, data.Y);
  check_resumed(TwoLayerNet<T, LeakyReLU, Sigmoid, 2, 6, 1>({.hidden = {.slope = 0.2}}), Adam{}, data.X, data.Y);
  check_resumed(DynamicNetwork<T>(2, {{6, Tanh{}}, {5, ReLU{}}, {1, Sigmoid{}}}), Adam{}, data.X, data.Y);
  check_resumed(Layer<T, Sigmoid>(2, 1), Momentum{}, data.X, data.Y);
}

TEST_CASE("checkpoint: written when asked for, and always after the last epoch") {
  const TemporaryFolder folder;
  const Data<double> data;
  const auto written_after = [&](const io::CheckpointOptions& options, Index epochs) {
    auto net = fresh<double>();
    TrainingState<GradientDescent, double> state;
    std::filesystem::remove(folder / "c");
    io::Checkpoint checkpoint(folder / "c", net, state, options);
    std::vector<Index> written;
    const auto on_epoch = [&](const Progress& progress) {
      std::filesystem::remove(folder / "c");
      checkpoint.update(progress);
      if (std::filesystem::exists(folder / "c")) written.push_back(progress.epoch);
    };
    fit(net, data.X, data.Y, GradientDescent{}, {.epochs = epochs, .on_epoch = on_epoch}, state);
    return written;
  };
  CHECK(written_after({}, 3) == std::vector<Index>{1, 2, 3});
  CHECK(written_after({.every_epochs = 3}, 8) == std::vector<Index>{3, 6, 8});
  CHECK(written_after({.every_seconds = 1e9}, 5) == std::vector<Index>{5});
  CHECK(written_after({.every_epochs = 2, .every_seconds = 1e-12}, 3) == std::vector<Index>{2, 3});
}

TEST_CASE("checkpoint: the best so far is the least validation loss and its parameters") {
  const TemporaryFolder folder;
  const Data<double> data;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  CHECK(checkpoint.best().epoch == 0);
  const auto update = [&](Index epoch, double loss, double validation_loss) {
    state.epochs = epoch;
    net.parameters().setConstant(double(epoch));
    checkpoint.update({epoch, 10, 1, 1, loss, validation_loss});
  };
  update(1, 9, 3);
  update(2, 1, 2);
  update(3, 0, 4);
  CHECK(checkpoint.best().epoch == 2);
  CHECK(checkpoint.best().loss == 2);
  CHECK(checkpoint.best().parameters == Vector<double>::Constant(net.parameters().size(), 2.0));
  auto other = fresh<double>();
  TrainingState<GradientDescent, double> other_state;
  io::Checkpoint resumed(folder / "c", other, other_state);
  CHECK(resumed.resume());
  CHECK(resumed.best() == checkpoint.best());
  CHECK(other == net);
}

TEST_CASE("checkpoint: of another model or optimiser is an error that names both, and nothing is changed") {
  const TemporaryFolder folder;
  const auto path = folder / "c";
  auto net = fresh<double>();
  TrainingState<Adam, double> state;
  io::Checkpoint(path, net, state).save();
  const std::string start = "Checkpoint: " + path.string() + ": expected ";
  const std::string saved =
      ", given 'float64: W1 5 x 2, b1 5 x 1, W2 1 x 5, b2 1 x 1; tanh, sigmoid; steps, first, second'";
  const auto says = [&](auto other, auto other_state) {
    const auto before = other;
    io::Checkpoint checkpoint(path, other, other_state);
    const std::string text = refusal<FileError>([&] { checkpoint.resume(); });
    CHECK(other == before);
    CHECK(other_state.epochs == 0);
    CHECK(text.starts_with(start));
    CHECK(text.ends_with(saved));
    return text.substr(start.size(), text.size() - start.size() - saved.size());
  };
  CHECK(says(TwoLayerNet<double>(2, 4, 1), TrainingState<Adam, double>()) ==
        "a checkpoint of float64: W1 4 x 2, b1 4 x 1, W2 1 x 4, b2 1 x 1; tanh, sigmoid; steps, first, second");
  CHECK(says(TwoLayerNet<double, LeakyReLU>(2, 5, 1), TrainingState<Adam, double>()) ==
        "a checkpoint of float64: W1 5 x 2, b1 5 x 1, W2 1 x 5, b2 1 x 1; leaky_relu(0.01), sigmoid; steps, first, "
        "second");
  CHECK(says(fresh<double>(), TrainingState<Momentum, double>()) ==
        "a checkpoint of float64: W1 5 x 2, b1 5 x 1, W2 1 x 5, b2 1 x 1; tanh, sigmoid; steps, velocity");
  CHECK(says(fresh<float>(), TrainingState<Adam, float>()) ==
        "a checkpoint of float32: W1 5 x 2, b1 5 x 1, W2 1 x 5, b2 1 x 1; tanh, sigmoid; steps, first, second");
}

TEST_CASE("checkpoint: settings out of range are refused") {
  auto net = fresh<double>();
  TrainingState<Adam, double> state;
  CHECK_THROWS_WITH_AS(io::Checkpoint("c", net, state, {.every_epochs = -1}),
                       "Checkpoint: every_epochs: expected >= 0, given -1", ValueError);
  CHECK_THROWS_WITH_AS(io::Checkpoint("c", net, state, {.every_seconds = std::numeric_limits<double>::quiet_NaN()}),
                       "Checkpoint: every_seconds: expected >= 0, given nan", ValueError);
}

TEST_CASE("checkpoint: broken files are refused with what and where, and nothing is changed") {
  const TemporaryFolder folder;
  auto net = fresh<float>();
  TrainingState<Momentum, float> state;
  const Data<float> data;
  io::Checkpoint checkpoint(folder / "good", net, state);
  fit(net, data.X, data.Y, Momentum{}, {.epochs = 2, .batch_size = 7, .on_epoch = checkpoint}, state);
  const std::string good = content_of(folder / "good");
  const auto refused = [&](const std::string& bytes) {
    const auto path = folder.file("bad", bytes);
    auto other = fresh<float>();
    TrainingState<Momentum, float> other_state;
    io::Checkpoint bad(path, other, other_state);
    std::string text = file_refusal("Checkpoint", path, [&] { bad.resume(); });
    CHECK(other == fresh<float>());
    CHECK(other_state == TrainingState<Momentum, float>());
    return text;
  };
  // Where a tensor's numbers begin in the file.
  const auto data_start = static_cast<std::size_t>(8 + detail::little_endian(good.data(), 8));
  const auto header = nlohmann::json::parse(good.substr(8, data_start - 8));
  const auto with = [&](const char* tensor, std::string_view bytes) {
    std::string changed = good;
    const std::size_t at = data_start + header[tensor]["data_offsets"][0].get<std::size_t>();
    return changed.replace(at, bytes.size(), bytes);
  };
  const auto renamed = [&](const std::string& from, const std::string& to) {
    std::string changed = good;
    const std::size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    REQUIRE(from.size() == to.size());
    return changed.replace(at, from.size(), to);
  };
  const std::string huge = std::string(7, '\xFF') + '\x7F';
  const std::string negative(8, '\xFF');
  const std::string zero(8, '\0');
  const std::string nan("\0\0\xC0\x7F", 4);
  const std::string limit = "0 .. " + std::to_string(std::numeric_limits<Index>::max() / 2) + " in ";
  CHECK(refused(with("epochs", huge)) == limit + "'epochs', given 9223372036854775807");
  CHECK(refused(with("epochs", negative)) == limit + "'epochs', given -1");
  CHECK(refused(with("optimizer.steps", huge)) == limit + "'optimizer.steps', given 9223372036854775807");
  CHECK(refused(with("optimizer.steps", negative)) == limit + "'optimizer.steps', given -1");
  CHECK(refused(with("best.epoch", "\x09")) == "at most 2, the number of epochs, in 'best.epoch', given 9");
  CHECK(refused(with("best.epoch", zero)) == "0 numbers in 'best.parameters', given 21");
  CHECK(refused(with("best.loss", std::string("\0\0\0\0\0\0\xF0\x7F", 8))) ==
        "a finite number (infinity before the first epoch) in 'best.loss', given inf");
  CHECK(refused(with("parameters", nan)) == "finite numbers in 'parameters', given NaN or infinity among them");
  CHECK(refused(with("best.parameters", nan)) ==
        "finite numbers in 'best.parameters', given NaN or infinity among them");
  CHECK(refused(with("random.position", huge)) == limit + "'random.position', given 9223372036854775807");
  CHECK(refused(with("random.position", "\x71\x02")) ==
        "a state of RandomState, given one whose position is impossible");
  CHECK(refused(with("random.key", std::string(std::size_t(624 * 4), '\0'))) ==
        "a state of RandomState, given one whose key is impossible");
  CHECK(refused(renamed("\"shallow.checkpoint\":\"1\"", "\"shallow.checkpoint\":\"2\"")) ==
        "a checkpoint of version 1 (shallow.checkpoint), given '2'");
  CHECK(refused(renamed("shallow.checkpoint", "shallow.checkp_int")) ==
        "a checkpoint of version 1 (shallow.checkpoint), given none");
  CHECK(refused(renamed("\"epochs\"", "\"epoch_\"")) == "a tensor 'epochs', given none");
  CHECK(refused(renamed("\"U32\"", "\"F32\"")) == "numbers of type U32 in 'random.key', given 'F32'");
  CHECK(refused("") == "a safetensors file of at least 8 bytes, given 0");
  // Cut off anywhere.
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 97) {
    CHECK_FALSE(refused(good.substr(0, size)).starts_with("no refusal"));
  }
  CHECK_FALSE(refused(good + "x").starts_with("no refusal"));
}

TEST_CASE("checkpoint: an optimiser that had taken steps and had no velocity was taken, and fit refused it later") {
  const TemporaryFolder folder;
  auto net = fresh<float>();
  TrainingState<Momentum, float> state;
  const auto path = folder / "c";
  io::Checkpoint checkpoint(path, net, state);
  checkpoint.save();
  CHECK(checkpoint.resume());  // before the first step it has none
  state.optimizer.steps = 1;
  checkpoint.save();
  CHECK(file_refusal("Checkpoint", path, [&] { checkpoint.resume(); }) ==
        "21 numbers in 'optimizer.velocity', given 0");
}

TEST_CASE("checkpoint: what a crash has left half written is removed, and nothing else") {
  const TemporaryFolder folder;
  auto net = fresh<float>();
  TrainingState<Momentum, float> state;
  io::Checkpoint checkpoint(folder / "run.c", net, state);
  const std::string half = detail::new_file_name("run.c");
  folder.file(half, "half");
  folder.file("run.c.mine.new", "kept");
  folder.file("run.c2.1-1.new", "kept");
  folder.file("run.c.1-1.newer", "kept");
  CHECK_FALSE(checkpoint.resume());
  CHECK_FALSE(std::filesystem::exists(folder / half));
  CHECK(std::filesystem::exists(folder / "run.c.mine.new"));
  CHECK(std::filesystem::exists(folder / "run.c2.1-1.new"));
  CHECK(std::filesystem::exists(folder / "run.c.1-1.newer"));
}

#if __has_include(<sys/resource.h>) && !defined(__EMSCRIPTEN__)
TEST_CASE("checkpoint: where the disk takes no more, fit ends in an error with path and reason; the old file stands") {
  const TemporaryFolder folder;
  const Data<float> data;
  auto net = fresh<float>();
  TrainingState<Momentum, float> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  fit(net, data.X, data.Y, Momentum{}, {.epochs = 1, .on_epoch = checkpoint}, state);
  const std::string old = content_of(folder / "c");

  // A limit on the size of files, met in the midst of writing, as a full disk is.
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  ::rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  ::rlimit small = limit;
  small.rlim_cur = 1000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text =
      refusal<FileError>([&] { fit(net, data.X, data.Y, Momentum{}, {.epochs = 1, .on_epoch = checkpoint}, state); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::signal(SIGXFSZ, previous);

  CHECK(text == "Checkpoint: " + (folder / "c").string() + ": expected a file that can be written, given " +
                    detail::system_reason(EFBIG));
  CHECK(content_of(folder / "c") == old);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
#endif
