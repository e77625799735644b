// SPDX-License-Identifier: MIT
#include <shallow/shallow.hpp>
#ifdef USE_IDX
#include <shallow/io/idx.hpp>
#endif
#ifdef USE_SAFETENSORS
#include <shallow/io/safetensors.hpp>
#endif

#include <iostream>

int main() {
#ifdef USE_IDX
  try {
    shallow::io::read_idx_labels("no-such-file");
    return 1;
  } catch (const shallow::FileError&) {
  }
#endif
#ifdef USE_SAFETENSORS
  try {
    shallow::io::load_info("no-such-file");
    return 1;
  } catch (const shallow::FileError&) {
  }
#endif
  const shallow::Matrix<double> X = shallow::Matrix<double>::Ones(2, 3);
  std::cout << X.sum() << '\n';
  return X.sum() == 6.0 ? 0 : 1;
}
