// SPDX-License-Identifier: MIT
/// What the kernel of this library reaches on one product whose operands stay in the cache: C (128 x 48) += A (128 x
/// 256) B (256 x 48). "seconds" are those of one flop, a multiply-add being two. Nothing is checked.

#include <shallow/engine/targets.hpp>

#include "workloads.hpp"

namespace {

using workloads::Result;

template <class T>
Result kernel_limit(const std::string&) {
  constexpr shallow::Index rows = 128, columns = 48, depth = 256;
  constexpr int products = 500;
  shallow::RandomState random(0);
  const shallow::Matrix<T> a = random.randn(rows, depth).template cast<T>();
  const shallow::Matrix<T> b = random.randn(depth, columns).template cast<T>();
  shallow::Matrix<T> c = shallow::Matrix<T>::Zero(rows, columns);
  const double time = workloads::fastest([&] {
    for (int product = 0; product < products; ++product) {
      shallow::detail::with_engine<T>(
          [&](auto engine) { engine.add_product(rows, columns, depth, a.data(), b.data(), c.data()); });
    }
  });
  return {time / (2.0 * double(rows * columns * depth) * products), std::nullopt};
}

}  // namespace

int main(int argc, char** argv) {
  return workloads::contender(
      argc, argv, {{"limit/kernel", "float", kernel_limit<float>}, {"limit/kernel", "double", kernel_limit<double>}});
}
