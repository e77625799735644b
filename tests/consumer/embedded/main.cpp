// SPDX-License-Identifier: MIT
#include <flowers.hpp>

int main() {
  const shallow::Matrix<double> X = shallow::Matrix<double>::Zero(2, 3);
  return flowers::planted().predict(X).isConstant(0.5) ? 0 : 1;
}
