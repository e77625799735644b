// SPDX-License-Identifier: MIT
/// Runs two written networks on an ARM processor and writes their outputs, number by number, to the standard output.
///
/// It has no start-up code and no C library for input and output. The instructions are those of a Cortex-M4, which is
/// what is to be tried; system calls are Linux's, for it runs in the user mode of qemu-arm, whose own Cortex-M4 does
/// not start on 64-bit hosts.

#include "samples.hpp"
#include "small.hpp"
#include "wide.hpp"

extern "C" void predict_small(const float* x, float* y);
extern "C" void predict_wide(const float* x, float* y);
extern "C" [[noreturn]] void _start();

namespace {

int system_call(int number, int a, const void* b, int c) {
  register int r7 asm("r7") = number;
  register int r0 asm("r0") = a;
  register const void* r1 asm("r1") = b;
  register int r2 asm("r2") = c;
  asm volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
  return r0;
}
[[noreturn]] void leave(int status) {
  for (;;) system_call(1, status, nullptr, 0);
}
template <int n_x, int n_y, int count>
void run(const float (&samples)[count], void (*predict)(const float*, float*)) {
  static_assert(count % n_x == 0, "whole samples");
  for (int j = 0; j < count; j += n_x) {
    float y[n_y];
    predict(samples + j, y);
    if (system_call(4, 1, y, sizeof y) != sizeof y) leave(1);
  }
}

}  // namespace

void _start() {
  run<small::n_x, small::n_y>(small_samples, predict_small);
  run<wide::n_x, wide::n_y>(wide_samples, predict_wide);
  leave(0);
}
