// SPDX-License-Identifier: MIT
//
// A program whose object files are compiled for different processors: every public type has one layout, a model made
// in one file is trained and asked in the other, and what comes out has the same bits. Exit status 77 where this
// processor lacks what one of them needs.
#include "side.hpp"

#include <cmath>
#include <iostream>
#include <string_view>

namespace {

int failures = 0;

void expect(bool holds, std::string_view what, std::string_view which) {
  if (holds) return;
  ++failures;
  std::cout << which << ": " << what << '\n';
}

/// Numbers that need no random state: waves.
template <class T>
shallow::Matrix<T> waves(shallow::Index rows, shallow::Index cols) {
  shallow::Matrix<T> matrix(rows, cols);
  for (shallow::Index j = 0; j < cols; ++j) {
    for (shallow::Index i = 0; i < rows; ++i) matrix(i, j) = T(std::sin(double(7 * i + 3 * j) + double(i * j) / 5));
  }
  return matrix;
}

template <class M>
void check(std::string_view which, const Operations<M>& one, const Operations<M>& other) {
  using T = typename M::Scalar;
  M alone = one.make();
  M shared = other.make();
  expect(alone == shared, "the same seed gives other parameters", which);
  for (const shallow::Index m : {1, 3, 61, 200, 1000}) {
    const shallow::Matrix<T> X = waves<T>(alone.n_x(), m);
    shallow::Matrix<T> Y = shallow::Matrix<T>::Zero(alone.n_y(), m);
    for (shallow::Index j = 0; j < m; ++j) Y(j % alone.n_y(), j) = alone.n_y() == 1 ? T(double(j % 2)) : T(1);

    // One side alone, and the sides in turn, with one state and one workspace.
    typename Operations<M>::State alone_state;
    typename Operations<M>::State shared_state;
    typename M::Workspace alone_workspace;
    typename M::Workspace shared_workspace;
    shallow::Vector<T> alone_gradient = shallow::Vector<T>::Zero(alone.parameter_count());
    shallow::Vector<T> shared_gradient = shallow::Vector<T>::Zero(shared.parameter_count());
    for (int round = 0; round < 4; ++round) {
      const Operations<M>& now = round % 2 == 0 ? other : one;
      const T alone_loss = one.gradient(alone, X, Y, alone_gradient, alone_workspace);
      const T shared_loss = now.gradient(shared, X, Y, shared_gradient, shared_workspace);
      expect(shared_loss == alone_loss, "another loss", which);
      expect(shared_gradient == alone_gradient, "another gradient", which);
      one.fit(alone, X, Y, alone_state);
      now.fit(shared, X, Y, shared_state);
      expect(shared == alone, "other parameters", which);
      expect(now.predict(shared, X) == one.predict(alone, X), "other predictions", which);
    }
  }
}

}  // namespace

int main() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 77;
  const Side one = baseline();
  const Side other = vectors();
  for (std::size_t i = 0; i < one.layouts.size(); ++i) {
    const Layout& a = one.layouts[i];
    const Layout& b = other.layouts[i];
    expect(a.size == b.size && a.alignment == b.alignment, "another layout", a.type);
  }
  check("narrow", one.narrow, other.narrow);
  check("narrow, the other way", other.narrow, one.narrow);
  check("run time", one.run_time, other.run_time);
  check("run time, the other way", other.run_time, one.run_time);
  check("wide", one.wide, other.wide);
  check("wide, the other way", other.wide, one.wide);
  std::cout << one.layouts.size() << " types, " << failures << " failures\n";
  return failures == 0 ? 0 : 1;
}
