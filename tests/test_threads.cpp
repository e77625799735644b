// SPDX-License-Identifier: MIT
#include "shallow/shallow.hpp"
#include "shallow/threads.hpp"

#include "user_types.hpp"
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace shallow;

template <class A, class B>
bool same_bits(const A& a, const B& b) {
  if (a.size() != b.size() || a.size() == 0) return a.size() == b.size();  // memcmp takes no null pointer
  return std::memcmp(a.data(), b.data(), std::size_t(a.size()) * sizeof(*a.data())) == 0;
}

/// Does what it is asked in one thread, from the last to the first, and counts.
struct Backwards {
  Index at_once = 3;
  Index rounds = 0;

  Index concurrency() const { return at_once; }
  template <class F>
  void run(Index n, F&& f) {
    ++rounds;
    for (Index i = n; i-- > 0;) f(i);
  }
};
static_assert(Executor<Backwards> && Executor<ThreadPool> && !Executor<Threads> && !Executor<int>);
static_assert(!std::is_copy_constructible_v<ThreadPool> && !std::is_copy_assignable_v<ThreadPool>);

template <class T>
Matrix<T> normal(Index rows, Index cols, std::uint32_t seed) {
  RandomState random(seed);
  return random.randn<T>(rows, cols);
}

/// What a training leaves.
template <class Net>
struct Trained {
  Net net;
  History history;
};

template <class Net, class Y, class O, class... More>
Trained<Net> trained(Net net, const Matrix<typename Net::Scalar>& X, const Y& targets, const O& optimizer,
                     Index batch_size, More&&... more) {
  History history = fit(net, X, targets, optimizer, {.epochs = 2, .batch_size = batch_size, .seed = 5}, more...);
  return {net, history};
}

/// However many share the work, and in whatever order: the same parameters, losses and predictions.
template <class Net, class Y, class O>
void compare(const Net& net, const Matrix<typename Net::Scalar>& X, const Y& targets, const O& optimizer) {
  Index shared_rounds = 0;
  for (const Index batch_size : {Index(0), Index(97), Index(400)}) {
    CAPTURE(batch_size);
    const Validation held_out(X.leftCols(300).eval(), targets.leftCols(300).eval());
    const auto alone = trained(net, X, targets, optimizer, batch_size, held_out);
    const auto expect_same = [&](const Trained<Net>& shared) {
      CHECK(same_bits(alone.net.parameters(), shared.net.parameters()));
      CHECK(alone.history.loss == shared.history.loss);
      CHECK(alone.history.validation_loss == shared.history.validation_loss);
    };
    for (const Index threads : {1, 2, 3, 5, 16}) {
      CAPTURE(threads);
      expect_same(trained(net, X, targets, optimizer, batch_size, held_out, Threads{threads}));
    }
    Backwards backwards;
    expect_same(trained(net, X, targets, optimizer, batch_size, backwards, held_out));
    shared_rounds += backwards.rounds;
  }
  CHECK(shared_rounds > 0);  // some of it was worth it, or nothing was tested
  ThreadPool pool(3);
  Backwards backwards{7};
  for (const Index m : {0, 1, 7, 300, int(X.cols())}) {
    CAPTURE(m);
    const auto expected = net.predict(X.leftCols(m));
    CHECK(same_bits(expected, net.predict(X.leftCols(m), pool)));
    CHECK(same_bits(expected, net.predict(X.leftCols(m), Threads{2})));
    CHECK(same_bits(expected, net.predict(X.leftCols(m), backwards)));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("threads: any number of them gives the same bits", T, float, double) {
  const Matrix<T> X = normal<T>(37, 1'500, 1);
  Eigen::RowVectorXi labels(1'500);
  for (Index j = 0; j < labels.size(); ++j) labels(j) = int(j % 5);
  SUBCASE("units along the lanes") {
    compare(DynamicNetwork<T>(37, {{64, ReLU{}}, {48, Tanh{}}, {16, Identity{}}}, {.seed = 2}), X,
            normal<T>(16, 1'500, 3), Momentum{0.01, 0.9});
  }
  SUBCASE("units along the lanes, the last line not full, labels") {
    compare(DynamicNetwork<T>(37, {{96, LeakyReLU{0.1}}, {5, Softmax{}}}, {.seed = 2}), X, labels, Adam{});
  }
  SUBCASE("samples along the lanes") {
    compare(DynamicNetwork<T>(37, {{19, Sigmoid{}}, {3, Identity{}}}, {.seed = 2}), X, normal<T>(3, 1'500, 3), Adam{});
  }
  SUBCASE("samples along the lanes, sizes in the type") {
    compare(TwoLayerNet<T, Tanh, Sigmoid, 37, 8, 1>({.seed = 2}), X,
            Matrix<T>((X.row(0).array() > 0).template cast<T>()), GradientDescent{0.5});
  }
  SUBCASE("an activation and a derivative of one's own") {
    compare(Network<Layer<T, user::Softsign>, Layer<T, Identity>>({37, 64, 16}, {.seed = 2}), X,
            normal<T>(16, 1'500, 3), GradientDescent{0.01});
  }
}

TEST_CASE("threads: a loss of one's own, and its bits") {
  const Matrix<double> X = normal<double>(20, 900, 1), Y = normal<double>(16, 900, 2);
  DynamicNetwork<double> alone(20, {{64, Tanh{}}, {16, Identity{}}}, {.seed = 2});
  DynamicNetwork<double> shared = alone;
  const FitOptions options{.epochs = 2, .batch_size = 300};
  const History expected = fit(alone, X, Y, GradientDescent{}, options, user::LogCosh{});
  CHECK(fit(shared, X, Y, GradientDescent{}, options, Threads{3}, user::LogCosh{}).loss == expected.loss);
  CHECK(same_bits(alone.parameters(), shared.parameters()));
}

TEST_CASE("threads: more tiles than are kept at a time") {
  const Matrix<float> X = normal<float>(2, 70'000, 1);
  const Matrix<float> Y = X.colwise().squaredNorm();
  DynamicNetwork<float> alone(2, {{3, Tanh{}}, {1, Identity{}}}, {.seed = 2});
  DynamicNetwork<float> shared = alone;
  const History expected = fit(alone, X, Y, GradientDescent{}, {.epochs = 2});
  Backwards backwards;
  CHECK(fit(shared, X, Y, GradientDescent{}, {.epochs = 2}, backwards).loss == expected.loss);
  CHECK(backwards.rounds >= 4);
  CHECK(same_bits(alone.parameters(), shared.parameters()));
}

TEST_CASE("threads: what is not worth it stays on one") {
  const Matrix<double> X = normal<double>(2, 40, 1), Y = normal<double>(1, 40, 2);
  DynamicNetwork<double> net(2, {{4, Tanh{}}, {1, Identity{}}}, {.seed = 2});
  Backwards backwards;
  fit(net, X, Y, Adam{}, {.epochs = 3}, backwards);
  net.predict(X, backwards);
  CHECK(backwards.rounds == 0);
}

TEST_CASE("threads: an optimiser of many parameters is shared, one without a way to share is not") {
  Vector<float> theta = normal<float>(120'000, 1, 1).col(0), expected = theta;
  const Vector<float> gradient = normal<float>(120'000, 1, 2).col(0);
  Backwards backwards;
  const auto both = [&](const auto& optimizer, auto state) {
    auto other = state;
    optimizer.step(expected, gradient, state);
    optimizer.step(theta, gradient, other, backwards);
    CHECK(same_bits(theta, expected));
    CHECK(state == other);
  };
  both(GradientDescent{}, GradientDescent::State<float>());
  both(Momentum{}, Momentum::State<float>());
  both(Adam{.weight_decay = 0.1}, Adam::State<float>());
  CHECK(backwards.rounds == 3);
}

TEST_CASE("threads: what an activation throws reaches the caller, and everything can be used again") {
  Matrix<double> X = normal<double>(16, 1'000, 1);
  const Matrix<double> Y = normal<double>(16, 1'000, 2);
  for (const Index n_h : {64, 17}) {  // units and samples along the lanes
    Network<Layer<double, user::Fragile>, Layer<double, Identity>> net({16, n_h, 16}, {.seed = 2});
    auto alone = net;
    ThreadPool pool(3);
    X(0, 700) = 1e6;
    for (int round = 0; round < 20; ++round) {
      CHECK_THROWS_WITH_AS(fit(net, X, Y, GradientDescent{}, {}, pool), "Fragile: too large", std::runtime_error);
      CHECK_THROWS_WITH_AS(net.predict(X, pool), "Fragile: too large", std::runtime_error);
    }
    CHECK(same_bits(net.parameters(), alone.parameters()));
    X(0, 700) = 0;
    fit(net, X, Y, GradientDescent{}, {.epochs = 2}, pool);
    fit(alone, X, Y, GradientDescent{}, {.epochs = 2});
    CHECK(same_bits(net.parameters(), alone.parameters()));
  }
}

TEST_CASE("threads: what an executor says of itself may be nonsense") {
  const Matrix<float> X = normal<float>(37, 2'000, 1);
  const DynamicNetwork<float> net(37, {{64, Tanh{}}, {16, Identity{}}}, {.seed = 2});
  const Matrix<float> expected = net.predict(X);
  for (const Index at_once : {Index(0), Index(-5), (std::numeric_limits<Index>::max)()}) {
    Backwards backwards{at_once};
    CHECK(same_bits(net.predict(X, backwards), expected));
  }
}

TEST_CASE("threads: a callback stops the training, or throws, and the pool serves on") {
  const Matrix<float> X = normal<float>(16, 2'000, 1), Y = normal<float>(16, 2'000, 2);
  DynamicNetwork<float> net(16, {{64, Tanh{}}, {16, Identity{}}}, {.seed = 2});
  ThreadPool pool(2);
  const auto stops = [](const Progress& progress) { return progress.batch < 3; };
  const History history = fit(net, X, Y, Adam{}, {.epochs = 5, .batch_size = 500, .on_batch = stops}, pool);
  CHECK(history.reason == StopReason::callback);
  const auto fails = [](const Progress&) { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH(fit(net, X, Y, Adam{}, {.batch_size = 500, .on_batch = fails}, pool), "enough");
  CHECK(fit(net, X, Y, Adam{}, {.epochs = 2, .batch_size = 500}, pool).epochs() == 2);
}

TEST_CASE("ThreadPool: every number once, and all done on return") {
  for (const Index threads : {1, 2, 4, 16}) {
    ThreadPool pool(threads);
    CHECK(pool.concurrency() >= 1);
    CHECK(pool.concurrency() <= threads);
    for (const Index n : {0, 1, 2, 3, 17, 1'000}) {
      std::vector<int> calls(std::size_t(n), 0);  // each is written by one call: what run promises makes that safe
      for (int round = 0; round < 50; ++round) {
        pool.run(n, [&](Index i) noexcept { ++calls[std::size_t(i)]; });
      }
      CHECK(calls == std::vector<int>(std::size_t(n), 50));
    }
  }
}

TEST_CASE("ThreadPool: work that comes late finds the threads asleep, and wakes them") {
  ThreadPool pool(2);
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> sum{0};
    detail::give_way();
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    pool.run(8, [&](Index i) noexcept { sum += int(i); });
    CHECK(sum == 28);
  }
}

TEST_CASE("ThreadPool: work within work, and two callers, are done by whoever asks") {
  ThreadPool pool(3);
  std::atomic<int> inner{0};
  pool.run(4, [&](Index) noexcept { pool.run(5, [&](Index) noexcept { ++inner; }); });
  CHECK(inner == 20);

  if (!detail::have_threads) return;
  const Matrix<float> X = normal<float>(37, 2'000, 1);
  const DynamicNetwork<float> net(37, {{64, Tanh{}}, {16, Identity{}}}, {.seed = 2});
  const Matrix<float> expected = net.predict(X);
  std::array<int, 4> same{};
  std::vector<std::thread> callers;
  callers.reserve(same.size());
  for (int& mine : same) {
    callers.emplace_back([&] {
      for (int round = 0; round < 10; ++round) mine += int(same_bits(net.predict(X, pool), expected));
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(same == std::array{10, 10, 10, 10});
}

TEST_CASE("ThreadPool: as many threads as the machine has, and no number of them that is none") {
  CHECK(ThreadPool().concurrency() == detail::hardware_threads());
  CHECK(ThreadPool(1).concurrency() == 1);
  CHECK_THROWS_WITH_AS(ThreadPool(-1), "ThreadPool: threads: expected 0 to 1024, given -1", ValueError);
  CHECK_THROWS_WITH_AS(ThreadPool(1025), "ThreadPool: threads: expected 0 to 1024, given 1025", ValueError);

  DynamicNetwork<double> net(2, {{4, Tanh{}}, {1, Identity{}}}, {.seed = 2});
  const Matrix<double> X = normal<double>(2, 40, 1), Y = normal<double>(1, 40, 2);
  const auto before = net.copy_parameters();
  CHECK_THROWS_WITH_AS(fit(net, X, Y, Adam{}, {}, Threads{-2}), "ThreadPool: threads: expected 0 to 1024, given -2",
                       ValueError);
  CHECK(net.copy_parameters() == before);
  CHECK_THROWS_WITH_AS(net.predict(X.col(0), Threads{-2}), "ThreadPool: threads: expected 0 to 1024, given -2",
                       ValueError);
}
