// SPDX-License-Identifier: MIT
/// What the processor allows, whoever writes the program: multiply-adds of whole packets with all operands in registers
/// ("seconds" are those of one flop, a multiply-add being two), and the time to read the weights of 784-128-10 once
/// from the cache ("seconds" are those of one reading), below which one sample a call of W3/wide cannot come. Nothing
/// is checked.

#include <Eigen/Core>

#include "workloads.hpp"

#include <cstddef>
#include <utility>

namespace {

namespace e = Eigen::internal;
using workloads::Result;

template <class T>
using Packet = typename e::packet_traits<T>::type;
template <class T>
constexpr std::ptrdiff_t packet_size = e::unpacket_traits<Packet<T>>::size;

/// Keeps a number and all that made it from being optimised away.
template <class T>
void keep(T number) {
  volatile T kept = number;
  static_cast<void>(kept);
}

/// sum[i] = sum[i] * factor + factor, `steps` times, for sizeof...(i) independent sums: enough to hide the latency (4
/// or 5 cycles, two units), few enough to stay in 16 registers. Indices are constants: GCC 12 keeps an array that a
/// loop indexes in memory.
template <class T, std::size_t... i>
EIGEN_DONT_INLINE void multiply_add(std::ptrdiff_t steps, std::index_sequence<i...>) {
  const auto packet = [](double of) {
    T number = T(of);
    EIGEN_OPTIMIZATION_BARRIER(number)  // unknown to the compiler, or it would work out a part, or join equal sums
    return e::pset1<Packet<T>>(number);
  };
  const Packet<T> factor = packet(0.5);
  Packet<T> sum[] = {packet(double(i))...};
  for (std::ptrdiff_t step = 0; step < steps; ++step) ((sum[i] = e::pmadd(sum[i], factor, factor)), ...);
  (keep(e::predux(sum[i])), ...);
}

template <class T>
Result multiply_add_limit(const std::string&) {
  constexpr std::size_t sums = 12;
  constexpr std::ptrdiff_t steps = 40'000'000;
  const double time =
      workloads::fastest([&] { multiply_add<T>(steps / packet_size<T>, std::make_index_sequence<sums>{}); });
  return {time / (2.0 * double(sums) * double(steps)), std::nullopt};
}

/// The sum of all numbers that fill a block of sizeof...(i) packets.
template <class T, std::size_t... i>
EIGEN_DONT_INLINE T sum_of(const T* numbers, std::ptrdiff_t count, std::index_sequence<i...>) {
  constexpr std::ptrdiff_t p = packet_size<T>;
  constexpr std::ptrdiff_t block = p * std::ptrdiff_t(sizeof...(i));
  Packet<T> sum[] = {(static_cast<void>(i), e::pset1<Packet<T>>(T(0)))...};
  for (const T* const end = numbers + count / block * block; numbers != end; numbers += block) {
    ((sum[i] = e::padd(sum[i], e::ploadu<Packet<T>>(numbers + std::ptrdiff_t(i) * p))), ...);
  }
  return (e::predux(sum[i]) + ...);
}

Result weights_limit(const std::string&) {
  constexpr int readings = 1'000;
  const Eigen::VectorXf weights = Eigen::VectorXf::Ones(784 * 128 + 128 * 10);
  const double time = workloads::fastest([&] {
    float sum = 0;
    for (int reading = 0; reading < readings; ++reading) {
      const float* numbers = weights.data();
      EIGEN_OPTIMIZATION_BARRIER(numbers)  // or the compiler reads them once
      sum += sum_of(numbers, weights.size(), std::make_index_sequence<8>{});
    }
    keep(sum);
  });
  return {time / readings, std::nullopt};
}

}  // namespace

int main(int argc, char** argv) {
  return workloads::contender(argc, argv,
                              {{"limit/multiply-add", "float", multiply_add_limit<float>},
                               {"limit/multiply-add", "double", multiply_add_limit<double>},
                               {"limit/weights", "float", weights_limit}});
}
