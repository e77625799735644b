// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include <shallow/engine/targets.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

/// SHALLOW_TARGET=avx2 in the environment: the tests run with that target of the engine. Exit status 77 where the
/// processor lacks it.
int main(int argc, char** argv) {
  if (const char* const wanted = std::getenv("SHALLOW_TARGET")) {
    bool found = false;
    for (const auto target : {shallow::SimdTarget::sse2, shallow::SimdTarget::avx2, shallow::SimdTarget::avx512,
                              shallow::SimdTarget::vectors}) {
      found = found || (shallow::name_of(target) == std::string_view(wanted) && shallow::detail::use_target(target));
    }
    if (!found) {
      std::printf("no target %s here\n", wanted);
      return 77;
    }
  }
  return doctest::Context(argc, argv).run();
}
