// SPDX-License-Identifier: MIT
/// Only the five matrix products of W2 (784-128-10), which no implementation of it can do without:
///
///     forward            W1 X    (128 x 784)(784 x B)       W2 A1   (10 x 128)(128 x B)
///     weight gradients   D1 X'   (128 x B)(B x 784)         D2 A1'  (10 x B)(B x 128)
///     input gradient     W2' D2  (128 x 10)(10 x B)
///
/// once an epoch of 60,000 images in batches of B, X walking through the images in the order of memory, so nothing is
/// gathered, and nothing but products is done. In float, by Eigen, OpenBLAS or oneDNN: PRODUCTS_OPENBLAS or
/// PRODUCTS_ONEDNN, defined by the build, chooses. How many threads the libraries use, the environment says
/// (OPENBLAS_NUM_THREADS, OMP_NUM_THREADS). "seconds" are those of one epoch. Nothing is checked.

#include <Eigen/Core>

#include "workloads.hpp"

#if defined(PRODUCTS_OPENBLAS)
#include <cblas.h>
#elif defined(PRODUCTS_ONEDNN)
#include <dnnl.h>
#endif

#include <algorithm>
#include <cstdlib>

namespace {

using workloads::Index;
using workloads::Result;

/// A matrix in the order of Eigen, column after column, or its transpose.
struct Operand {
  const float* data;
  Index rows;  ///< as stored
  bool transposed = false;
};

/// C (m x n) = A B, the sum being over k.
void multiply(Index m, Index n, Index k, const Operand& a, const Operand& b, float* c) {
#if defined(PRODUCTS_OPENBLAS)
  constexpr auto transpose = [](const Operand& of) { return of.transposed ? CblasTrans : CblasNoTrans; };
  constexpr auto size = [](Index of) { return static_cast<int>(of); };
  cblas_sgemm(CblasColMajor, transpose(a), transpose(b), size(m), size(n), size(k), 1.0f, a.data, size(a.rows), b.data,
              size(b.rows), 0.0f, c, size(m));
#elif defined(PRODUCTS_ONEDNN)
  // Its matrices lie row after row: as such ours are their transposes, and C' = B' A'.
  constexpr auto transpose = [](const Operand& of) { return of.transposed ? 'T' : 'N'; };
  if (dnnl_sgemm(transpose(b), transpose(a), n, m, k, 1.0f, b.data, b.rows, a.data, a.rows, 0.0f, c, m) !=
      dnnl_success) {
    std::abort();
  }
#else
  using Map = Eigen::Map<const Eigen::MatrixXf>;
  Eigen::Map<Eigen::MatrixXf> product(c, m, n);
  const Map left(a.data, a.rows, a.transposed ? m : k);
  const Map right(b.data, b.rows, b.transposed ? k : n);
  if (a.transposed) {
    product.noalias() = left.transpose() * right;
  } else if (b.transposed) {
    product.noalias() = left * right.transpose();
  } else {
    product.noalias() = left * right;
  }
#endif
}

Result products(const std::string& name) {
  using W = workloads::W2;
  using Eigen::MatrixXf;
  constexpr Index n_x = 784, n_1 = 128, n_2 = 10;
  const Index batch_size = W::batch_size(name);
  const MatrixXf X = W::samples<float>().X;
  const auto weights = W::start<float>();
  const MatrixXf A1 = MatrixXf::Random(n_1, batch_size), D1 = MatrixXf::Random(n_1, batch_size);
  const MatrixXf D2 = MatrixXf::Random(n_2, batch_size);
  MatrixXf Z1(n_1, batch_size), Z2(n_2, batch_size), dA1(n_1, batch_size), dW1(n_1, n_x), dW2(n_2, n_1);
  const Operand w1{weights[0].data(), n_1}, w2{weights[1].data(), n_2};

  const auto epoch = [&](Index samples) {
    for (Index first = 0; first < samples; first += batch_size) {
      const Index count = std::min(batch_size, samples - first);
      const float* const x = X.data() + first * n_x;
      multiply(n_1, count, n_x, w1, {x, n_x}, Z1.data());
      multiply(n_2, count, n_1, w2, {A1.data(), n_1}, Z2.data());
      multiply(n_2, n_1, count, {D2.data(), n_2}, {A1.data(), n_1, true}, dW2.data());
      multiply(n_1, count, n_2, {w2.data, n_2, true}, {D2.data(), n_2}, dA1.data());
      multiply(n_1, n_x, count, {D1.data(), n_1}, {x, n_x, true}, dW1.data());
    }
  };
  epoch(batch_size);  // the libraries choose and make their kernels in the first call
  return {workloads::seconds([&] { epoch(W::m); }), std::nullopt};
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<workloads::Case> cases;
  workloads::add(cases, "products", {.w2 = products});
  return workloads::contender(argc, argv, cases);
}
