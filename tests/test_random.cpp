// SPDX-License-Identifier: MIT
#include "shallow/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

using shallow::Index;
using shallow::RandomState;

namespace {

// All figures were printed by NumPy 1.24.2; the sums run over the 64 bits of each number.
class BitSum {
 public:
  void add(double value) { add(shallow::detail::bit_cast<std::uint64_t>(value)); }
  void add(std::uint64_t bits) { sum_ = (sum_ ^ bits) * 0x100000001b3U; }
  std::uint64_t value() const { return sum_; }

 private:
  std::uint64_t sum_ = 0xcbf29ce484222325U;
};

std::uint64_t bit_sum(const std::vector<Index>& numbers) {
  BitSum sum;
  for (const Index number : numbers) sum.add(static_cast<std::uint64_t>(number));
  return sum.value();
}

/// The same number but for the rounding of log, which belongs to the C library: a few units in the last place.
bool near(double x, double figure) { return std::abs(x - figure) <= 1e-15 * std::abs(figure); }

enum class Log { glibc, glibc_without_fma, other };

/// Whose log this is, told from what it returns.
Log known_log() {
  BitSum sum;
  for (int i = 1; i < 100'000; ++i) sum.add(std::log(i / 100'000.0));
  if (sum.value() == 0xa0ea2464dc0d5c52U) return Log::glibc;
  if (sum.value() == 0x8db3e2645cdb9358U) return Log::glibc_without_fma;
  return Log::other;
}

constexpr std::array<std::uint32_t, 4> seeds = {0, 1, 2, 4294967295U};

}  // namespace

static_assert(std::regular<RandomState>);

TEST_CASE("RandomState gives NumPy's uniform numbers") {
  constexpr double first[4][3] = {
      {0x1.18fe1565f12a8p-1, 0x1.6e2d4cf608733p-1, 0x1.349d66b6e894bp-1},
      {0x1.ab07d0ffa3c06p-2, 0x1.70ce5f3baf051p-1, 0x1.dfb906661c000p-14},
      {0x1.be757297b0c50p-2, 0x1.a8c67f73cbb20p-6, 0x1.196d5c3ca79e4p-1},
      {0x1.8fe69a3924820p-4, 0x1.d323d824032b1p-1, 0x1.93fc6f61af3f9p-1},
  };
  constexpr std::uint64_t sums[4] = {0xdda8be94d6e698b6U, 0x2e1157d06bcc954cU, 0xb39218fb1cd54c0eU,
                                     0x5a53410e7ce6c4f5U};
  for (std::size_t k = 0; k < seeds.size(); ++k) {
    CAPTURE(seeds[k]);
    RandomState random(seeds[k]);
    BitSum sum;
    for (int i = 0; i < 100'000; ++i) {
      const double u = random.uniform();
      if (i < 3) CHECK(u == first[k][i]);
      sum.add(u);
    }
    CHECK(sum.value() == sums[k]);
  }
}

TEST_CASE("RandomState gives NumPy's normal numbers to the last bit, fused multiply-add or not") {
  constexpr double first[4][5] = {
      {0x1.c398ef3e5cfa5p+0, 0x1.99c2cfacc8953p-2, 0x1.f51d25222c9abp-1, 0x1.1ed5969e3314ep+1, 0x1.de1847cb13ddap+0},
      {0x1.9fd5190657c50p+0, -0x1.393822fb7d9adp-1, -0x1.0e6c872548fd2p-1, -0x1.12ae1255cb80cp+0, 0x1.bb16b5735117dp-1},
      {-0x1.aac291b3d4d7ep-2, -0x1.ccf016d92d330p-5, -0x1.116edfa85e943p+1, 0x1.a3e8c9a6aed31p+0,
       -0x1.cb1e9831e501dp+0},
      {0x1.4bfc38c486d8ap-1, 0x1.56b192e507eeep-1, -0x1.149e836f192fdp+0, 0x1.23543dec5a0fcp-2, 0x1.d27bf27c6aaafp-4},
  };
  // NumPy with either log of glibc.
  constexpr std::uint64_t sums[2][4] = {
      {0x170e97990fbaa88bU, 0xef909c5f8d22d4aaU, 0xb686a493af0075efU, 0x1be856d989ce03ceU},
      {0x161ac64bdc40c213U, 0xd976bea62265775eU, 0x059cd99c89be55d3U, 0xc3f8138051a6c67aU},
  };
  const Log log = known_log();
  if (log == Log::other) MESSAGE("The log of this C library is not glibc's: sums over the bits are not compared.");
  for (std::size_t k = 0; k < seeds.size(); ++k) {
    CAPTURE(seeds[k]);
    RandomState random(seeds[k]);
    BitSum sum;
    for (int i = 0; i < 100'000; ++i) {
      const double x = random.normal();
      if (i < 5) CHECK(near(x, first[k][i]));
      sum.add(x);
    }
    if (log != Log::other) CHECK(sum.value() == sums[log == Log::glibc ? 0 : 1][k]);
  }
}

TEST_CASE("normal is the polar method with every operation rounded, whatever the C library's log") {
  RandomState random(21);
  RandomState source(21);
  int different = 0;
  for (int i = 0; i < 50'000; ++i) {
    volatile double x1, x2, square1, square2, r2;
    do {
      x1 = 2.0 * source.uniform() - 1.0;
      x2 = 2.0 * source.uniform() - 1.0;
      square1 = x1 * x1;
      square2 = x2 * x2;
      r2 = square1 + square2;
    } while (r2 >= 1.0 || r2 == 0.0);
    const double f = std::sqrt(-2.0 * std::log(r2) / r2);
    const volatile double now = f * x2;
    const volatile double later = f * x1;
    if (random.normal() != now) ++different;
    if (random.normal() != later) ++different;
  }
  CHECK(different == 0);
}

TEST_CASE("A kept normal number survives other draws, as in NumPy") {
  RandomState random(9);
  CHECK(near(random.normal(), 0x1.2299d8f068496p-10));
  CHECK(random.uniform() == 0x1.fbabfe80f72c0p-2);
  CHECK(near(random.normal(), -0x1.287e3d90b8b12p-2));
  CHECK(random.uniform() == 0x1.12153750f4138p-3);
  CHECK(random.permutation(4) == std::vector<Index>{2, 0, 3, 1});
  CHECK(near(random.normal(), -0x1.2e906c67442eep-2));
}

TEST_CASE("randn fills row by row, as NumPy's randn(rows, cols)") {
  RandomState random(1);
  shallow::Matrix<double> expected(2, 3);
  expected << 0x1.9fd5190657c50p+0, -0x1.393822fb7d9adp-1, -0x1.0e6c872548fd2p-1,  //
      -0x1.12ae1255cb80cp+0, 0x1.bb16b5735117dp-1, -0x1.2698d1ecca259p+1;
  const shallow::Matrix<double> numbers = random.randn(2, 3);
  CHECK(((numbers - expected).array().abs() <= 1e-15 * expected.array().abs()).all());
  CHECK(RandomState(1).randn<float>(2, 3) == numbers.cast<float>());
  CHECK(RandomState(1).randn<long double>(2, 3) == numbers.cast<long double>());
}

TEST_CASE("randn of no rows or no columns is empty and draws nothing") {
  RandomState random(1);
  CHECK(random.randn(0, 3).cols() == 3);
  CHECK(random.randn(3, 0).rows() == 3);
  CHECK(random == RandomState(1));
}

TEST_CASE("uniform is a multiple of 2^-53 in [0, 1), evenly spread") {
  RandomState random(11);
  std::array<int, 10> counts{};
  double sum = 0.0;
  int bad = 0;
  constexpr int n = 100'000;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    const double scaled = u * 9007199254740992.0;
    if (!(u >= 0.0 && u < 1.0) || scaled != static_cast<double>(static_cast<std::int64_t>(scaled))) {
      ++bad;
      continue;
    }
    ++counts[static_cast<std::size_t>(u * 10.0)];
    sum += u;
  }
  CHECK(bad == 0);
  CHECK(sum / n == doctest::Approx(0.5).epsilon(0.01));
  for (const int count : counts) CHECK(count == doctest::Approx(10'000).epsilon(0.05));
}

TEST_CASE("normal has mean 0, variance 1, skewness 0 and kurtosis 3") {
  RandomState random(12);
  double moments[4] = {};
  constexpr int n = 200'000;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    double power = 1.0;
    for (double& moment : moments) moment += (power *= x) / n;
  }
  // Five standard errors of each: sqrt(1, 2, 15, 96) / sqrt(n).
  CHECK(std::abs(moments[0]) < 0.012);
  CHECK(std::abs(moments[1] - 1.0) < 0.016);
  CHECK(std::abs(moments[2]) < 0.044);
  CHECK(std::abs(moments[3] - 3.0) < 0.11);
}

TEST_CASE("below gives NumPy's randint(n), also where n - 1 needs more than 32 bits") {
  RandomState random(7);
  constexpr std::int64_t upper[] = {1,          2,          3,          10,         1000,          65537,
                                    2147483648, 4294967295, 4294967296, 4294967297, 1099511627776, 9223372036854775807};
  constexpr std::int64_t expected[] = {0,         1,          0,          9,          502,          53459,
                                       959775639, 1956722279, 4200432988, 1152936666, 586262531239, 512169999652226116};
  if constexpr (sizeof(Index) == 8) {
    for (std::size_t k = 0; k < std::size(upper); ++k) {
      CAPTURE(upper[k]);
      CHECK(random.below(static_cast<Index>(upper[k])) == static_cast<Index>(expected[k]));
    }
    CHECK(random.uniform() == 0x1.bcd38b737075dp-1);
  }
}

TEST_CASE("below stays below and reaches every number equally often") {
  RandomState random(13);
  for (const Index n : {1, 2, 3, 5, 8, 13}) {
    std::vector<int> counts(static_cast<std::size_t>(n));
    for (Index i = 0; i < 10'000 * n; ++i) ++counts.at(static_cast<std::size_t>(random.below(n)));
    for (const int count : counts) CHECK(count == doctest::Approx(10'000).epsilon(0.05));
  }
}

TEST_CASE("below(1) draws nothing") {
  RandomState random(1);
  CHECK(random.below(1) == 0);
  CHECK(random == RandomState(1));
}

TEST_CASE("permutation gives NumPy's, and leaves the stream where NumPy leaves it") {
  CHECK(RandomState(3).permutation(0).empty());
  CHECK(RandomState(3).permutation(1) == std::vector<Index>{0});
  CHECK(RandomState(3).permutation(2) == std::vector<Index>{1, 0});
  CHECK(RandomState(3).permutation(10) == std::vector<Index>{5, 4, 1, 2, 9, 6, 7, 0, 3, 8});

  struct Row {
    Index n;
    std::uint64_t sum;
    Index next_integer;
    double next_normal;
  };
  constexpr Row rows[] = {
      {255, 0xaa73c31eae93519aU, 1998419730, 0x1.21e09f0db26fdp+0},
      {256, 0x131120baec12863fU, 1998419730, 0x1.21e09f0db26fdp+0},
      {257, 0xf5e1e5514a268abfU, 1998419730, 0x1.21e09f0db26fdp+0},
      {1000, 0x1144b7c8c347094dU, 1365640171, 0x1.220f1daee045fp+0},
      {65536, 0x48666e3f696a92e3U, 1908885882, -0x1.6e54c60b86197p-2},
      {65537, 0x5e38f064f8d7ba29U, 1908885882, -0x1.6e54c60b86197p-2},
      {100000, 0x73952bd905899eafU, 1457463786, 0x1.be285aac5a9a6p-4},
  };
  for (const Row& row : rows) {
    CAPTURE(row.n);
    RandomState random(3);
    std::vector<Index> numbers = random.permutation(row.n);
    CHECK(bit_sum(numbers) == row.sum);
    CHECK(random.below(0x7fffffff) == row.next_integer);  // NumPy was asked for 2^31: one bit pattern more
    CHECK(near(random.normal(), row.next_normal));
    std::sort(numbers.begin(), numbers.end());
    std::vector<Index> sorted(numbers.size());
    std::iota(sorted.begin(), sorted.end(), Index{0});
    CHECK(numbers == sorted);
  }
}

TEST_CASE("shuffle gives NumPy's order for vectors, spans and arrays of any items") {
  const std::vector<Index> expected = {6, 2, 4, 1, 0, 5, 3};
  std::vector<Index> numbers(7);
  std::iota(numbers.begin(), numbers.end(), Index{0});

  std::vector<Index> shuffled = numbers;
  RandomState random(5);
  random.shuffle(shuffled);
  CHECK(shuffled == expected);
  CHECK(random.uniform() == 0x1.39367dd96421ep-1);

  shuffled = numbers;
  RandomState(5).shuffle(std::span<Index>(shuffled));
  CHECK(shuffled == expected);

  Eigen::Matrix<int, 7, 1> vector;
  vector << 0, 1, 2, 3, 4, 5, 6;
  RandomState(5).shuffle(std::span<int>(vector.data(), 7));
  CHECK(vector == (Eigen::Matrix<int, 7, 1>() << 6, 2, 4, 1, 0, 5, 3).finished());

  std::array<std::string, 7> words = {"0", "1", "2", "3", "4", "5", "6"};
  RandomState(5).shuffle(words);
  CHECK(words == std::array<std::string, 7>{"6", "2", "4", "1", "0", "5", "3"});
}

TEST_CASE("shuffle of none or one draws nothing") {
  RandomState random(5);
  std::vector<Index> numbers;
  random.shuffle(numbers);
  numbers.push_back(4);
  random.shuffle(numbers);
  CHECK(numbers == std::vector<Index>{4});
  CHECK(random == RandomState(5));
}

TEST_CASE("RandomState is a value: equal seeds are equal, a copy continues identically") {
  CHECK(RandomState() == RandomState(0));
  CHECK(RandomState(4) == RandomState(4));
  CHECK(RandomState(4) != RandomState(5));

  RandomState original(4);
  original.normal();  // one normal number is now kept
  RandomState copy = original;
  CHECK(copy == original);
  const double next = original.normal();
  CHECK(copy != original);
  CHECK(copy.normal() == next);
  CHECK(copy == original);
  CHECK(copy.permutation(100) == original.permutation(100));
  CHECK(copy.randn(3, 3) == original.randn(3, 3));

  const RandomState saved = original;
  const double ahead = original.uniform();
  original.normal();
  original = saved;
  CHECK(original.uniform() == ahead);
}

TEST_CASE("RandomState: drawing from one object moves no other") {
  RandomState one(6);
  RandomState other(6);
  for (int i = 0; i < 1000; ++i) one.normal();
  CHECK(other == RandomState(6));
  CHECK(other.normal() == RandomState(6).normal());
}

TEST_CASE("RandomState refuses bad sizes, says so, and draws nothing") {
  RandomState random(1);
  CHECK_THROWS_WITH_AS(random.below(0), "RandomState::below: n: expected >= 1, given 0", shallow::ValueError);
  CHECK_THROWS_WITH_AS(random.below(-3), "RandomState::below: n: expected >= 1, given -3", shallow::ValueError);
  CHECK_THROWS_WITH_AS(random.below(std::numeric_limits<Index>::min()),
                       doctest::Contains("RandomState::below: n: expected >= 1"), shallow::ValueError);
  CHECK_THROWS_WITH_AS(random.permutation(-1), "RandomState::permutation: n: expected >= 0, given -1",
                       shallow::ValueError);
  CHECK_THROWS_WITH_AS(random.randn(-1, 2), "RandomState::randn: rows: expected >= 0, given -1", shallow::ValueError);
  CHECK_THROWS_WITH_AS(random.randn<float>(2, -2), "RandomState::randn: cols: expected >= 0, given -2",
                       shallow::ValueError);
  CHECK(random == RandomState(1));
}

TEST_CASE("RandomState: the twister is std::mt19937, draw for draw") {
  // Where an Index has 32 bits, no call gives a draw as it comes; the other tests see the same twister.
  if (sizeof(Index) < 8) return;
  const auto all_draws = static_cast<Index>(std::int64_t{1} << 32);
  for (const std::uint32_t seed : seeds) {
    RandomState random(seed);
    std::mt19937 twister(seed);
    // below(2^32) is a draw as it comes.
    for (int i = 0; i < 3'000; ++i) REQUIRE(static_cast<std::uint32_t>(random.below(all_draws)) == twister());
  }
  // The check value of the C++ standard ([rand.predef]).
  RandomState random(5489);
  for (int i = 1; i < 10'000; ++i) random.below(all_draws);
  CHECK(random.below(all_draws) == 4123659995);
}

TEST_CASE("RandomState: a state is continued from anywhere; it is NumPy's") {
  RandomState random(3);
  for (int draws = 0; draws < 2'000; draws += 7) {
    RandomState continued(random.state());
    CHECK(continued == random);
    for (int i = 0; i < 7; ++i) {
      REQUIRE(continued.normal() == random.normal());
      REQUIRE(continued.below(10) == random.below(10));
    }
    CHECK(continued.state() == random.state());
  }
  // numpy.random.RandomState(1).get_state(): the key of the seed, position 624; after random_sample(), 2; after
  // randn(), one normal number is kept.
  RandomState one(1);
  CHECK(one.state().key[0] == 1);
  CHECK(one.state().key[1] == 1812433254);
  CHECK(one.state().key[2] == 3713160357);
  CHECK(one.state().key[623] == 2069268389);
  CHECK(one.state().position == 624);
  CHECK_FALSE(one.state().kept_normal);
  one.uniform();
  CHECK(one.state().position == 2);
  CHECK(one.state().key[0] == 2629073562);
  one.normal();
  CHECK(one.state().kept_normal);
}

TEST_CASE("RandomState: a state that no twister has is refused; of zeros, normal() would never return") {
  RandomState::State state;
  CHECK_THROWS_WITH_AS(RandomState{state}, "RandomState: key: expected words that are not all zero, given zeros",
                       shallow::ValueError);
  state.key[0] = 0x7fffffffU;
  CHECK_THROWS_AS(RandomState{state}, shallow::ValueError);
  state.key[0] = 0x80000000U;
  CHECK(std::isfinite(RandomState(state).normal()));
  state.position = 625;
  CHECK_THROWS_WITH_AS(RandomState{state}, "RandomState: position: expected 0 .. 624, given 625", shallow::ValueError);
  state.position = -1;
  CHECK_THROWS_AS(RandomState{state}, shallow::ValueError);
  state.position = 0;
  state.kept_normal = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(RandomState{state}, "RandomState: kept_normal: expected a finite number, given nan",
                       shallow::ValueError);
}
