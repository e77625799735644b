// SPDX-License-Identifier: MIT

#include "shallow/engine/stack.hpp"
#include "shallow/engine/targets.hpp"
#include "shallow/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

using shallow::Dynamic;
using shallow::Index;
using shallow::detail::Lanes;
using shallow::detail::line;
using shallow::detail::Start;
using shallow::detail::TileLayout;

namespace {

/// A number that there are no vectors of.
using Wide = long double;

template <class T>
using Plain = Eigen::Matrix<T, Dynamic, Dynamic>;

/// Memory in which whatever is not written is NaN: padding that leaks into a result shows.
template <class T>
shallow::detail::AlignedVector<T> nan_memory(Index size) {
  return shallow::detail::AlignedVector<T>(static_cast<std::size_t>(size), std::numeric_limits<T>::quiet_NaN());
}

/// |a - b| <= a few epsilons times the length of the sum, entry by entry, with entries of order 1.
template <class T>
void check_close(const Plain<T>& a, const Plain<T>& b, Index terms) {
  const double bound = 4 * double(std::numeric_limits<T>::epsilon()) * double(terms + 1);
  REQUIRE(a.rows() == b.rows());
  REQUIRE(a.cols() == b.cols());
  const double off =
      (a.template cast<long double>() - b.template cast<long double>()).cwiseAbs().template cast<double>().maxCoeff();
  CHECK(off <= bound);
}

/// What the products of a layer are, by Eigen.
template <class T>
struct Products {
  Plain<T> Z, dA, dW, db;

  Products(const Plain<T>& W, const Plain<T>& b, const Plain<T>& A, const Plain<T>& D)
      : Z((W * A).colwise() + b.col(0)), dA(W.transpose() * D), dW(D * A.transpose()), db(D.rowwise().sum()) {}
};

/// f(engine) for every target that computes with numbers T.
template <class T, class F>
void for_each_engine(F&& f) {
  if constexpr (shallow::detail::has_constants<T>) {
    shallow::detail::for_each_target(f);
  } else {
    shallow::detail::with_engine<T>(f);
  }
}

/// The three products of one layer on a tile, in orientation L, against Eigen's, of every target.
template <class T, Lanes L, int In = Dynamic, int Out = Dynamic>
void check_products(Index n_in, Index n_out, Index t, shallow::RandomState& random) {
  CAPTURE(n_in);
  CAPTURE(n_out);
  CAPTURE(t);
  const Plain<T> W = random.randn<double>(n_out, n_in).cast<T>();
  const Plain<T> b = random.randn<double>(n_out, 1).cast<T>();
  const Plain<T> A = random.randn<double>(n_in, t).cast<T>();
  const Plain<T> D = random.randn<double>(n_out, t).cast<T>();
  const Products<T> expected(W, b, A, D);

  const TileLayout<T, L> in{n_in, t};
  const TileLayout<T, L> out{n_out, t};
  auto a = nan_memory<T>(in.size());
  auto d = nan_memory<T>(out.size());
  // What the passes promise of padded samples: those of A finite, those of D zero. Of padded units they promise
  // nothing.
  if (L == Lanes::samples) {
    in.flat(a.data()).setConstant(T(7));
    out.flat(d.data()).setZero();
  }
  in.view(a.data()) = A.array();
  out.view(d.data()) = D.array();

  // Behind W and b memory is readable, but means nothing.
  auto parameters = nan_memory<T>((n_in + 1) * n_out + line<T>);
  T* const weights = parameters.data();
  T* const bias = weights + n_in * n_out;
  Eigen::Map<Plain<T>>(weights, n_out, n_in) = W;
  Eigen::Map<Plain<T>>(bias, n_out, 1) = b;
  const auto check = [&](auto engine) {
    CAPTURE(int(engine.target));
    auto scratch = nan_memory<T>(shallow::detail::scratch_size<T>(n_in, n_out, true));
    const typename decltype(engine)::template Dense<T, L, In, Out> kernel{n_in, n_out, weights, bias, scratch.data()};
    // In two parts, cut at a whole line or at the end.
    const Index cut = (std::min)(n_out, shallow::detail::round_up_to_lines<T>(n_out / 2));
    kernel.pack_weights(0, cut);
    kernel.pack_weights(cut, n_out);
    auto z = nan_memory<T>(out.size());
    auto dA = nan_memory<T>(in.size());

    kernel.forward(t, a.data(), in.unit_stride(), in.sample_stride(), z.data());
    check_close<T>(out.view(z.data()).matrix(), expected.Z, n_in);

    // A single sample, made in the same order: the same bits.
    const auto one = TileLayout<T, Lanes::units>{n_out, 1};
    auto single = nan_memory<T>(one.size());
    for (const Index j : {Index(0), t - 1}) {
      const Plain<T> x = A.col(j);
      kernel.forward_sample(L, x.data(), single.data());
      CHECK((one.view(single.data()) == out.view(z.data()).col(j)).all());
    }

    kernel.input_gradient(t, d.data(), dA.data());
    check_close<T>(in.view(dA.data()).matrix(), expected.dA, n_out);

    // Replaces what is there or adds to it, and writes nowhere else: gradients are not padded.
    for (const Start start : {Start::zero, Start::accumulate}) {
      const T before = start == Start::zero ? std::numeric_limits<T>::quiet_NaN() : T(1);
      std::vector<T> dW(static_cast<std::size_t>((n_in + 1) * n_out + 1), before);
      dW.back() = T(3);
      T* const db = dW.data() + n_in * n_out;
      kernel.weight_gradient(start, t, d.data(), a.data(), in.unit_stride(), in.sample_stride(), dW.data(), db);
      const T added = start == Start::zero ? T(0) : T(1);
      check_close<T>(Eigen::Map<const Plain<T>>(dW.data(), n_out, n_in), (expected.dW.array() + added).matrix(), t);
      check_close<T>(Eigen::Map<const Plain<T>>(db, n_out, 1), (expected.db.array() + added).matrix(), t);
      CHECK(dW.back() == T(3));
      if constexpr (L == Lanes::units) {
        // Cut into columns, the last first: the same bits.
        std::vector<T> parts(dW.size(), before);
        Index end = n_in;
        for (Index first = (n_in - 1) / line<T> * line<T>; end > 0; end = first, first -= line<T>) {
          kernel.weight_gradient(start, t, d.data(), a.data(), in.unit_stride(), in.sample_stride(), parts.data(),
                                 parts.data() + n_in * n_out, first, end);
        }
        CHECK(std::equal(parts.begin(), parts.end() - 1, dW.begin()));
      }
    }
  };
  for_each_engine<T>(check);
}

template <class T, int In, int Out>
void check_fixed_products(shallow::RandomState& random) {
  for (const Index t : {1, 5, 16, 33}) {
    check_products<T, Lanes::samples, In, Out>(In, Out, t, random);
    check_products<T, Lanes::units, In, Out>(In, Out, t, random);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("dense: the three products agree with Eigen's, in both orientations", T, float, double, Wide) {
  shallow::RandomState random(1);
  for (Index n_in : {1, 2, 3, 7, 16, 37}) {
    for (Index n_out : {1, 2, 4, 5, 6, 7, 13, 16, 31, 48, 50}) {
      for (Index t : {1, 2, 15, 16, 17, 40}) {
        check_products<T, Lanes::samples>(n_in, n_out, t, random);
        check_products<T, Lanes::units>(n_in, n_out, t, random);
      }
    }
  }
}

TEST_CASE_TEMPLATE("dense: random shapes from 1 to 300", T, float, double) {
  shallow::RandomState random(2);
  for (int i = 0; i < 25; ++i) {
    const Index n_in = 1 + random.below(300);
    const Index n_out = 1 + random.below(300);
    const Index t = 1 + random.below(300);
    check_products<T, Lanes::samples>(n_in, n_out, t, random);
    check_products<T, Lanes::units>(n_in, n_out, t, random);
  }
}

TEST_CASE_TEMPLATE("dense: sizes known at compile time", T, float, double) {
  shallow::RandomState random(3);
  check_fixed_products<T, 1, 1>(random);
  check_fixed_products<T, 2, 4>(random);
  check_fixed_products<T, 4, 1>(random);
  check_fixed_products<T, 5, 6>(random);
  check_fixed_products<T, 3, 13>(random);
  check_fixed_products<T, 17, 12>(random);
}

TEST_CASE("dense: the columns of the user's matrix are read in place, with whatever stride") {
  shallow::RandomState random(4);
  const Plain<double> wide = random.randn(9, 11);
  const Plain<double> parameters = random.randn(6, 5 + 1 + line<double>);
  const auto W = parameters.leftCols(5);
  const auto b = parameters.middleCols(5, 1);
  const auto A = wide.block(2, 3, 5, 7);
  const TileLayout<double, Lanes::units> out{6, 7};
  shallow::detail::for_each_target([&](auto engine) {
    const typename decltype(engine)::template Dense<double, Lanes::units, Dynamic, Dynamic> kernel{5, 6, W.data(),
                                                                                                   b.data()};
    auto z = nan_memory<double>(out.size());
    kernel.forward(7, A.data(), 1, A.outerStride(), z.data());
    check_close<double>(out.view(z.data()).matrix(), (W * A).colwise() + b.col(0), 5);
  });
}

TEST_CASE("dense: the rule of the orientation") {
  constexpr Index p = line<float>;
  const auto lanes = [](std::vector<Index> widths) {
    shallow::detail::LaneCost cost;
    for (std::size_t l = 1; l < widths.size(); ++l) cost.add_layer<float>(widths[l - 1], widths[l]);
    return cost.lanes();
  };
  CHECK(lanes({784, 8 * p, 10}) == Lanes::units);
  CHECK(lanes({p, p, p}) == Lanes::units);
  CHECK(lanes({2, 4, 1}) == Lanes::samples);
  CHECK(lanes({50, 1}) == Lanes::samples);
  // Exactly a quarter more is still allowed: 4 p units and, of p more, none wasted; against one unit too many.
  CHECK(lanes({1, 4 * p}) == Lanes::units);
  CHECK(lanes({1, p + 1}) == Lanes::samples);
}

TEST_CASE("dense: tiles are whole lines, bounded, and never smaller for more samples") {
  using shallow::detail::tile_samples;
  constexpr Index p = line<float>;
  CHECK(tile_samples<float>(15, 400) == 400);
  CHECK(tile_samples<float>(15, 1) == 1);
  for (const Index values : {1, 15, 200, 1'000, 100'000}) {
    for (const Index m : {1, 63, 64, 65, 512, 513, 1'000, 60'000}) {
      const Index t = tile_samples<float>(values, m);
      CHECK(t >= 1);
      CHECK(t <= 512);
      CHECK(tile_samples<float>(values, m + 100) >= t);
      if (t < m) {
        CHECK(t % p == 0);
      }
    }
  }
}
