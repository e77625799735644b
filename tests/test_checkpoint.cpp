// SPDX-License-Identifier: MIT
#include "shallow/dynamic_network.hpp"
#include "shallow/fit.hpp"
#include "shallow/io/checkpoint.hpp"
#include "shallow/two_layer_net.hpp"

#include "temporary_folder.hpp"
#include "user_types.hpp"
#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
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

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// A checkpoint with other bytes where the numbers of a tensor begin.
std::string with_tensor(std::string file, const char* tensor, std::string_view bytes) {
  const auto start = static_cast<std::size_t>(8 + detail::little_endian(file.data(), 8));
  const auto header = nlohmann::json::parse(file.substr(8, start - 8));
  const std::size_t at = start + header[tensor]["data_offsets"][0].get<std::size_t>();
  return file.replace(at, bytes.size(), bytes);
}

/// A checkpoint with one more thing in its header, or without what is there, and as much data.
template <class Change>
std::string with_header(const std::string& file, Change change) {
  const auto start = static_cast<std::size_t>(8 + detail::little_endian(file.data(), 8));
  auto header = nlohmann::ordered_json::parse(file.substr(8, start - 8));
  change(header);
  const std::string text = header.dump();
  std::string bytes;
  detail::append_little_endian(bytes, text.size(), 8);
  return bytes + text + file.substr(start);
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
  const auto with = [&](const char* tensor, std::string_view bytes) { return with_tensor(good, tensor, bytes); };
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
  CHECK(refused(with("random.seeded", "\x02")) == "0 .. 1 in 'random.seeded', given 2");
  CHECK(refused(with("random.seeded", negative)) == "0 .. 1 in 'random.seeded', given -1");
  CHECK(refused(renamed("\"shallow.best\":\"samples\"", "\"shallow.best\":\"whatnot\"")) ==
        "'validation' or 'samples' as shallow.best, given 'whatnot'");
  // A tensor that no checkpoint has: it would be lost in the next one.
  const std::string further = with_header(good, [](auto& header) {
    header["further"] = {{"dtype", "F32"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
  });
  CHECK(refused(further) == "11 tensors, given 12");
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
  folder.file("c", with_tensor(content_of(path), "optimizer.steps", "\x01"));
  CHECK(file_refusal("Checkpoint", path, [&] { checkpoint.resume(); }) ==
        "21 numbers in 'optimizer.velocity', given 0");
  // It was also saved.
  state.optimizer.steps = 1;
  CHECK_THROWS_WITH_AS(checkpoint.save(), "Checkpoint: state: expected 21 numbers in 'optimizer.velocity', given 0",
                       ShapeError);
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

TEST_CASE("checkpoint: NaN as validation loss let the training loss be the best, before all real ones") {
  // relu(1e38 w) overflows in both hidden units, and inf - inf is NaN; all parameters and samples are finite.
  const TemporaryFolder folder;
  TwoLayerNet<float, ReLU, Identity> net(1, 2, 1, {.initializer = Initializer::zeros()});
  net.layer<0>().weights() << 10, 10;
  net.layer<1>().weights() << 0.5, -0.5;
  const Matrix<float> x = Matrix<float>::Ones(1, 2), y = Matrix<float>::Constant(1, 2, 0.1F);
  const Matrix<float> large = Matrix<float>::Constant(1, 2, 1e38F), two = Matrix<float>::Constant(1, 2, 2);
  TrainingState<GradientDescent, float> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  const GradientDescent slow{.learning_rate = 1e-6};
  const auto first = fit(net, x, y, slow, {.epochs = 2, .on_epoch = checkpoint}, state, Validation(large, y));
  REQUIRE(std::isnan(first.validation_loss[0]));
  CHECK(checkpoint.best().epoch == 0);
  CHECK(std::isinf(checkpoint.best().loss));
  const auto second = fit(net, x, y, slow, {.epochs = 2, .on_epoch = checkpoint}, state, Validation(x, two));
  REQUIRE(second.validation_loss[1] < second.validation_loss[0]);
  CHECK(checkpoint.best().epoch == 4);
  CHECK(checkpoint.best().loss == second.validation_loss[1]);
  CHECK(checkpoint.best().of_validation);
}

TEST_CASE("checkpoint: once there was a loss of validation data, no loss of the samples is the best") {
  const TemporaryFolder folder;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  const auto update = [&](double loss, double validation_loss, bool has_validation) {
    ++state.epochs;
    net.parameters().setConstant(static_cast<double>(state.epochs));
    checkpoint.update({state.epochs, 100, 1, 1, loss, validation_loss, has_validation});
    return checkpoint.best().epoch;
  };
  constexpr double infinite = std::numeric_limits<double>::infinity();
  CHECK(update(not_a_number, not_a_number, false) == 0);
  CHECK(update(-infinite, not_a_number, false) == 0);
  CHECK(update(0.5, not_a_number, false) == 3);
  CHECK_FALSE(checkpoint.best().of_validation);
  CHECK(update(0.1, not_a_number, true) == 3);  // NaN hides nothing
  CHECK(update(0.1, infinite, true) == 3);
  CHECK(update(0.1, 7, true) == 6);  // a loss of another kind is not held against it
  CHECK(update(0.01, not_a_number, false) == 6);
  CHECK(update(0.01, not_a_number, true) == 6);
  CHECK(update(0.01, 8, true) == 6);

  // The file says which kind it is.
  auto other = fresh<double>();
  TrainingState<GradientDescent, double> other_state;
  io::Checkpoint resumed(folder / "c", other, other_state);
  CHECK(resumed.resume());
  CHECK(resumed.best() == checkpoint.best());
  ++other_state.epochs;
  resumed.update({other_state.epochs, 100, 1, 1, 0.001, not_a_number});
  CHECK(resumed.best().epoch == 6);
  ++other_state.epochs;
  resumed.update({other_state.epochs, 100, 1, 1, 9, 6});  // a loop of one's own, which only fills in the loss
  CHECK(resumed.best().epoch == 11);
  CHECK(resumed.best().parameters[0] == 9);
}

TEST_CASE("checkpoint: the best loss of an older file is of what its run goes on with") {
  const TemporaryFolder folder;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  state.epochs = 1;
  checkpoint.update({1, 10, 1, 1, 0.5, not_a_number});
  const std::string older =
      with_header(content_of(folder / "c"), [](auto& header) { header["__metadata__"].erase("shallow.best"); });
  for (const bool validated : {false, true}) {
    CAPTURE(validated);
    folder.file("c", older);
    io::Checkpoint resumed(folder / "c", net, state);
    REQUIRE(resumed.resume());
    resumed.save();
    CHECK(content_of(folder / "c").find("shallow.best") == std::string::npos);  // still not known
    state.epochs = 2;
    resumed.update({2, 10, 1, 1, 0.6, validated ? 0.6 : not_a_number});
    CHECK(resumed.best().epoch == 1);
    CHECK(resumed.best().of_validation == validated);
    state.epochs = 3;
    resumed.update({3, 10, 1, 1, 0.4, validated ? 0.4 : not_a_number});
    CHECK(resumed.best().epoch == 3);
  }
}

TEST_CASE("checkpoint: the first of equal bests is kept") {
  const TemporaryFolder folder;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  for (Index epoch = 1; epoch <= 3; ++epoch) {
    state.epochs = epoch;
    net.parameters().setConstant(static_cast<double>(epoch));
    checkpoint.update({epoch, 10, 1, 1, 0.5});
  }
  CHECK(checkpoint.best().epoch == 1);
  CHECK(checkpoint.best().parameters[0] == 1);
}

TEST_CASE("checkpoint: the best of a state that was reset, or of another model, was saved and could not be read") {
  const TemporaryFolder folder;
  DynamicNetwork<double> net(2, {{3, Tanh{}}, {1, Sigmoid{}}});
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  state.epochs = 5;
  checkpoint.update({5, 10, 1, 1, 0.5});
  state.reset();
  checkpoint.save();
  CHECK(checkpoint.best().epoch == 0);
  CHECK(checkpoint.resume());
  state.epochs = 1;
  checkpoint.update({1, 10, 1, 1, 0.7});
  CHECK(checkpoint.best().loss == 0.7);
  net = DynamicNetwork<double>(2, {{4, Tanh{}}, {1, Sigmoid{}}});
  checkpoint.save();
  CHECK(checkpoint.best().epoch == 0);
  CHECK(checkpoint.resume());
}

TEST_CASE("checkpoint: every_epochs counts all that the state does, before and after a resume") {
  const TemporaryFolder folder;
  const Data<double> data;
  const auto written = [&](Index epochs) {
    auto net = fresh<double>();
    TrainingState<GradientDescent, double> state;
    io::Checkpoint checkpoint(folder / "c", net, state, {.every_epochs = 3});
    checkpoint.resume();
    std::vector<Index> after;
    const auto on_epoch = [&](const Progress& progress) {
      std::filesystem::remove(folder / "c");
      checkpoint.update(progress);
      if (std::filesystem::exists(folder / "c")) after.push_back(state.epochs);
    };
    fit(net, data.X, data.Y, GradientDescent{}, {.epochs = epochs, .on_epoch = on_epoch}, state);
    return after;
  };
  CHECK(written(2) == std::vector<Index>{2});
  CHECK(written(5) == std::vector<Index>{3, 6, 7});
  CHECK(written(2) == std::vector<Index>{9});
}

namespace {

/// A clock that is set by hand.
struct Hand {
  using duration = std::chrono::duration<double>;
  using time_point = std::chrono::time_point<Hand, duration>;
  static inline double seconds = 0;
  static time_point now() { return time_point(duration(seconds)); }
};

}  // namespace

TEST_CASE("checkpoint: every_seconds counts from the end of the first epoch, and from the last writing on") {
  const TemporaryFolder folder;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint<TwoLayerNet<double>, GradientDescent, Hand> checkpoint(folder / "c", net, state,
                                                                        {.every_seconds = 10});
  Hand::seconds = 0;
  const auto written_at = [&](double seconds) {
    Hand::seconds = seconds;
    ++state.epochs;
    std::filesystem::remove(folder / "c");
    checkpoint.update({state.epochs, 1000, 1, 1, 0.5});
    return std::filesystem::exists(folder / "c");
  };
  CHECK_FALSE(written_at(100));
  CHECK_FALSE(written_at(109));
  CHECK(written_at(110));
  CHECK_FALSE(written_at(119));
  CHECK(written_at(125));
  CHECK_FALSE(written_at(134));
  checkpoint.save();
  CHECK_FALSE(written_at(143));
  CHECK(written_at(144));
}

TEST_CASE("checkpoint: a normal number that the state keeps for the next call comes back") {
  const TemporaryFolder folder;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  state.random.normal();
  REQUIRE(state.random.state().kept_normal);
  io::Checkpoint(folder / "c", net, state).save();
  TrainingState<GradientDescent, double> other;
  CHECK(io::Checkpoint(folder / "c", net, other).resume());
  CHECK(other.random == state.random);
  CHECK(other.random.normal() == *state.random.state().kept_normal);
}

TEST_CASE("checkpoint: a state that no fit has seeded yet is still seeded by the first one") {
  const TemporaryFolder folder;
  const Data<double> data;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint(folder / "c", net, state).save();
  auto other = fresh<double>();
  TrainingState<GradientDescent, double> resumed;
  resumed.seeded = true;
  CHECK(io::Checkpoint(folder / "c", other, resumed).resume());
  CHECK_FALSE(resumed.seeded);
  const FitOptions options{.epochs = 2, .batch_size = 8, .seed = 9};
  fit(net, data.X, data.Y, GradientDescent{}, options, state);
  fit(other, data.X, data.Y, GradientDescent{}, options, resumed);
  CHECK(other == net);
  CHECK(resumed == state);
}

namespace {

/// Gradient descent that keeps whatever a test wants, under whatever names.
struct Peculiar : GradientDescent {
  template <class T>
  struct State {
    std::int64_t steps = 0;
    Vector<T> kept{};
    const char* name = "kept";

    template <class S, class F>
    static void each_member(S& state, F&& f) {
      f("steps", state.steps);
      f(state.name, state.kept);
    }
    friend bool operator==(const State&, const State&) { return true; }
  };
  template <class T>
  void step(shallow::detail::Parameters<T>, shallow::detail::Gradient<T>, State<T>&) const {}
};

}  // namespace

TEST_CASE("checkpoint: what resume would refuse was written") {
  const TemporaryFolder folder;
  const auto path = folder.file("c", "old");
  auto net = fresh<double>();
  TrainingState<Peculiar, double> state;
  io::Checkpoint checkpoint(path, net, state);
  const auto refused = [&]<class Error>(Error) {
    std::string text = refusal<Error>([&] { checkpoint.save(); });
    CHECK(content_of(path) == "old");
    return text;
  };
  const ValueError value_error("");
  const ShapeError shape_error("");

  net.parameters()(3) = not_a_number;
  CHECK(refused(value_error) == "Checkpoint: model: expected finite parameters, given NaN or infinity among them");
  net.parameters()(3) = 0;
  state.optimizer.steps = -1;
  CHECK(refused(value_error) == "Checkpoint: state: expected 0 .. " +
                                    std::to_string(std::numeric_limits<Index>::max() / 2) +
                                    " in 'optimizer.steps', given -1");
  state.optimizer.steps = std::numeric_limits<std::int64_t>::max();
  CHECK(refused(value_error).starts_with("Checkpoint: state: expected 0 .. "));
  state.optimizer.steps = 0;
  state.epochs = -1;
  CHECK(refused(value_error).ends_with(" in 'epochs', given -1"));
  state.epochs = 0;
  state.optimizer.kept = Vector<double>::Zero(20);
  CHECK(refused(shape_error) == "Checkpoint: state: expected 21 numbers in 'optimizer.kept', given 20");
  state.optimizer.kept = Vector<double>::Zero(21);
  state.optimizer.name = "steps";
  CHECK(refused(value_error) == "Checkpoint: model, state: expected names in UTF-8, each once, given 'steps' twice");
  state.optimizer.name = "\xFF";
  CHECK(refused(value_error) == "Checkpoint: model, state: expected names in UTF-8, each once, given other bytes");
  const std::string long_name(1 << 20, 'x');
  state.optimizer.name = long_name.c_str();
  CHECK(refused(value_error).starts_with("Checkpoint: model: expected a header of at most 1048576 bytes, given "));
  state.optimizer.name = "kept";
  checkpoint.save();
  CHECK(checkpoint.resume());
  CHECK(state.optimizer.kept.size() == 21);

  // As a model that was moved from.
  user::LinearRegression empty(0);
  empty.theta.resize(0);
  TrainingState<GradientDescent, double> other;
  io::Checkpoint none(path, empty, other);
  for (const bool save : {true, false}) {
    CHECK(refusal<ShapeError>([&] { save ? none.save() : static_cast<void>(none.resume()); }) ==
          "Checkpoint: model: expected one with parameters, given none (it was moved from)");
  }
}

TEST_CASE("checkpoint: best parameters that are not finite never get into a file") {
  const TemporaryFolder folder;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state, {.every_epochs = 100});
  state.epochs = 1;
  const double kept = net.parameters()(0);
  net.parameters()(0) = not_a_number;
  checkpoint.update({1, 10, 1, 1, 0.5});
  CHECK(checkpoint.best().epoch == 0);
  net.parameters()(0) = kept;
  checkpoint.save();
  CHECK(checkpoint.resume());
}

TEST_CASE_TEMPLATE(
    "checkpoint: save() in mid-epoch was resumed as a new epoch, and on_batch = checkpoint took a part for one", O,
    GradientDescent, Adam) {
  // Where the state says how far into an epoch it is.
  if constexpr (requires(TrainingState<O, double> state) { state.batches; }) {
    const TemporaryFolder folder;
    const Data<double> data;
    auto net = fresh<double>();
    TrainingState<O, double> state;
    io::Checkpoint checkpoint(folder / "c", net, state);
    const std::string expected = "Checkpoint: state: expected the end of an epoch, given one of which ";
    const auto refused = [&](const FitOptions& options) {
      return refusal<ValueError>([&] { fit(net, data.X, data.Y, O{}, options, state); });
    };
    const auto save_at = [&](Index batch) {
      return [&checkpoint, batch](const Progress& progress) {
        if (progress.batch == batch) checkpoint.save();
      };
    };
    CHECK(refused({.batch_size = 8, .on_batch = save_at(3)}) == expected + "3 batches are done");
    CHECK(refused({.batch_size = 8, .on_batch = save_at(7)}) == expected + "7 batches are done");  // of 7
    CHECK(refused({.on_batch = save_at(1)}) == expected + "1 batches are done");                   // of 1
    CHECK(refused({.batch_size = 8, .on_batch = checkpoint}) == expected + "1 batches are done");
    CHECK(checkpoint.best().epoch == 0);
    CHECK_FALSE(std::filesystem::exists(folder / "c"));

    // Broken off there: the rest of the epoch is given up on purpose, and both go on with a new one.
    fit(net, data.X, data.Y, O{}, {.batch_size = 8, .on_batch = [](const Progress& p) { return p.batch < 3; }}, state);
    CHECK_THROWS_AS(checkpoint.save(), ValueError);
    state.batches = 0;
    checkpoint.save();
    auto other = fresh<double>();
    TrainingState<O, double> other_state;
    io::Checkpoint resumed(folder / "c", other, other_state);
    CHECK(resumed.resume());
    CHECK(other_state == state);
    fit(net, data.X, data.Y, O{}, {.epochs = 2, .batch_size = 8}, state);
    fit(other, data.X, data.Y, O{}, {.epochs = 2, .batch_size = 8}, other_state);
    CHECK(other == net);
    CHECK(other_state == state);
  }
}

TEST_CASE("checkpoint: a state that fit was not given was written again and again") {
  const TemporaryFolder folder;
  const Data<double> data;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state, forgotten;
  io::Checkpoint checkpoint(folder / "c", net, forgotten);
  CHECK(refusal<ValueError>([&] { fit(net, data.X, data.Y, GradientDescent{}, {.on_epoch = checkpoint}, state); }) ==
        "Checkpoint: state: expected the one that counts the epochs (fit takes it, too), given none done");
  CHECK_FALSE(std::filesystem::exists(folder / "c"));
}

TEST_CASE("checkpoint: after the last epoch it is written, whether progress counts from 1 or goes on") {
  const TemporaryFolder folder;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state, {.every_epochs = 1000});
  state.epochs = 12;
  checkpoint.update({1, 2, 1, 1, 0.5});
  checkpoint.update({11, 12 + 1, 1, 1, 0.5});
  CHECK_FALSE(std::filesystem::exists(folder / "c"));
  checkpoint.update({2, 2, 1, 1, 0.5});
  CHECK(std::filesystem::exists(folder / "c"));
  std::filesystem::remove(folder / "c");
  checkpoint.update({12, 12, 1, 1, 0.5});
  CHECK(std::filesystem::exists(folder / "c"));
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

TEST_CASE("checkpoint: the best of a run of one epoch stood for ever after a reset") {
  const TemporaryFolder folder;
  const Data<double> data;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  state.epochs = 1;
  checkpoint.update({1, 1, 1, 1, 0.25});
  CHECK(checkpoint.best().loss == 0.25);
  state = {};
  net.parameters().setConstant(3);
  state.epochs = 1;
  checkpoint.update({1, 1, 1, 1, 0.5});
  CHECK(checkpoint.best().loss == 0.5);
  CHECK(checkpoint.best().parameters == net.parameters());
  // So it did where the first losses after the reset were not finite.
  state.epochs = 2;
  checkpoint.update({2, 2, 1, 1, 0.4});
  state = {};
  state.epochs = 1;
  checkpoint.update({1, 3, 1, 1, std::numeric_limits<double>::quiet_NaN()});
  CHECK(checkpoint.best().epoch == 0);
}

TEST_CASE("checkpoint: a folder that is not there was told when the first file was due, hours later") {
  const Data<double> data;
  const TemporaryFolder folder;
  const auto refused_by = [&](const std::filesystem::path& path) {
    auto net = fresh<double>();
    TrainingState<Adam, double> state;
    io::Checkpoint checkpoint(path, net, state, {.every_seconds = 3600});
    std::string text =
        refusal<FileError>([&] { fit(net, data.X, data.Y, Adam{}, {.epochs = 9, .on_epoch = checkpoint}, state); });
    CHECK(state.epochs == 1);
    return text;
  };
  const auto nowhere = folder / "none" / "run";
  CHECK(refused_by(nowhere) ==
        "Checkpoint: " + nowhere.string() + ": expected a file that can be written, given no such folder");
  const std::filesystem::path two(nowhere.string() + std::string("\0x", 2));
  CHECK(refused_by(two) ==
        "Checkpoint: " + nowhere.string() + "?x: expected a file that can be written, given a path with a zero byte");
  // It looked for the checkpoint of another name.
  auto net = fresh<double>();
  TrainingState<Adam, double> state;
  io::Checkpoint checkpoint(two, net, state);
  CHECK(refusal<FileError>([&] { checkpoint.resume(); }) ==
        "Checkpoint: " + nowhere.string() + "?x: expected a checkpoint, given a path with a zero byte");
}

TEST_CASE("checkpoint: within a callback of one's own") {
  const TemporaryFolder folder;
  const Data<double> data;
  auto net = fresh<double>();
  TrainingState<GradientDescent, double> state;
  io::Checkpoint checkpoint(folder / "c", net, state);
  const auto history =
      fit(net, data.X, data.Y, GradientDescent{},
          {.epochs = 5, .on_epoch = [&](const Progress& p) { return checkpoint(p) && p.epoch < 3; }}, state);
  CHECK(history.epochs() == 3);
  CHECK(checkpoint.best().epoch > 0);
  CHECK(std::filesystem::exists(folder / "c"));
}
