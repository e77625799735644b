// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What `fit`, `step`, `check_gradients` and the optimisers know of a model: the concept Trainable, its parameter
/// blocks, and the gradients it returns. A model of your own that offers these few members works with all of them.

#include "shallow/error.hpp"
#include "shallow/samples.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace shallow {

/// A named matrix within the parameters of a model: `rows * cols` numbers from `offset` on, column after column.
struct ParameterBlock {
  std::string name;  ///< as the course writes it: "W1", "b1", "W2", ...
  Index rows = 0;    ///< >= 1
  Index cols = 0;    ///< >= 1; of a bias 1
  Index offset = 0;  ///< of its first number within all parameters

  /// How many numbers it has.
  Index size() const { return rows * cols; }
  /// The same name, shape and place.
  friend bool operator==(const ParameterBlock&, const ParameterBlock&) = default;
};

namespace detail {

// What models are made of, each with a name that compilers print.

template <class M>
concept HasScalarAndWorkspace = Scalar<typename M::Scalar> && std::default_initializable<typename M::Workspace>;
template <class M>
concept HasParameters = requires(M model, const M constant) {
  { model.parameters() } -> std::convertible_to<Eigen::Ref<Vector<typename M::Scalar>>>;
  { constant.parameters() } -> std::convertible_to<Eigen::Ref<const Vector<typename M::Scalar>>>;
};
template <class M>
concept HasParameterBlocks = requires(const M constant) {
  { constant.parameter_blocks() } -> std::convertible_to<std::vector<ParameterBlock>>;
};
template <class M>
concept HasDefaultLoss = requires(const M constant) {
  constant.default_loss();
};
template <class M>
concept HasLoss = requires(const M constant, const Matrix<typename M::Scalar> X, typename M::Workspace workspace) {
  { constant.loss(X, X, constant.default_loss(), workspace) } -> std::convertible_to<typename M::Scalar>;
};
template <class M>
concept HasLossAndGradient = requires(const M constant, const Matrix<typename M::Scalar> X,
                                      Vector<typename M::Scalar> gradient, typename M::Workspace workspace) {
  {
    constant.loss_and_gradient(X, X, constant.default_loss(), gradient, workspace)
    } -> std::convertible_to<typename M::Scalar>;
};

}  // namespace detail

/// A model that can be trained by its gradient.
///
///     Scalar               the number type
///     Workspace            default-constructible storage that a pass may reuse, so that it need not allocate
///     parameters()         all parameters as one contiguous vector: an Eigen::Map or a reference, const or not
///     parameter_blocks()   their names and shapes, in order and without gaps
///     default_loss()       the loss unless the user names another
///     loss(X, Y, loss, workspace)                         J, a number
///     loss_and_gradient(X, Y, loss, gradient, workspace)  J, with dJ/dparameters written to a vector of their size
///
/// X (n_x x m) and Y (n_y x m) are matrices of one column a sample.
template <class M>
concept Trainable = std::copyable<M> && detail::HasScalarAndWorkspace<M> && detail::HasParameters<M> &&
    detail::HasParameterBlocks<M> && detail::HasDefaultLoss<M> && detail::HasLoss<M> && detail::HasLossAndGradient<M>;

/// The default loss of a model, as a type.
template <class M>
using default_loss_of = std::remove_cvref_t<decltype(std::declval<const M&>().default_loss())>;

/// J and its derivatives by every parameter and by the input.
template <Scalar T>
struct Gradients {
  T loss{};                            ///< J
  Vector<T> parameters;                ///< dJ/dparameters, in the order of the model's parameters
  Matrix<T> X;                         ///< dJ/dX (n_x x m)
  std::vector<ParameterBlock> blocks;  ///< what lies where in `parameters`

  /// dJ by the block `name`, as a (rows x cols) view; of gradients that are about to be gone, a copy.
  /// \throws ValueError name: expected one of the parameter blocks
  Eigen::Map<const Matrix<T>> operator[](std::string_view name) const& {
    std::string known;
    for (const ParameterBlock& block : blocks) {
      if (block.name == name) return {parameters.data() + block.offset, block.rows, block.cols};
      known += (known.empty() ? "" : ", ") + block.name;
    }
    detail::raise_expected<ValueError>("Gradients", "name", "one of the parameter blocks " + known, std::string(name));
  }
  /// The same.
  Matrix<T> operator[](std::string_view name) const&& { return (*this)[name]; }
  /// dW[l] (n_l x n_{l-1}), layers counted from 1 as in the course.
  Eigen::Map<const Matrix<T>> dW(int l) const& { return (*this)[detail::numbered("W", l)]; }
  /// The same.
  Matrix<T> dW(int l) const&& { return dW(l); }
  /// db[l] (n_l x 1).
  Eigen::Map<const Matrix<T>> db(int l) const& { return (*this)[detail::numbered("b", l)]; }
  /// The same.
  Matrix<T> db(int l) const&& { return db(l); }
};

/// J of a model on the samples X (n_x x m), Y (n_y x m, or m class labels), by its default loss or the one named.
/// \throws ShapeError, ValueError as `fit` does for X and Y
template <Trainable M, class X, Targets Y, class L>
typename M::Scalar loss(const M& model, const X& x, const Y& y, const L& loss) {
  typename M::Workspace workspace;
  return model.loss(x, detail::dense_for<M, L>(y), loss, workspace);
}
/// The same by the model's default loss.
template <Trainable M, class X, Targets Y>
typename M::Scalar loss(const M& model, const X& x, const Y& y) {
  return shallow::loss(model, x, y, model.default_loss());
}

/// J and its derivatives by every parameter and, for the models of this library, by X (otherwise `X` stays empty).
/// \throws ShapeError, ValueError as `fit` does for X and Y
template <Trainable M, class X, Targets Y, class L>
Gradients<typename M::Scalar> gradients(const M& model, const X& x, const Y& given, const L& loss) {
  using T = typename M::Scalar;
  const auto& y = detail::dense_for<M, L>(given);
  typename M::Workspace workspace;
  Gradients<T> result{T(0), (Vector<T>::Zero)(model.parameters().size()), {}, model.parameter_blocks()};
  if constexpr (requires { model.loss_and_gradient(x, y, loss, result.parameters, workspace, &result.X); }) {
    result.X.resize(x.rows(), x.cols());
    result.loss = model.loss_and_gradient(x, y, loss, result.parameters, workspace, &result.X);
  } else {
    result.loss = model.loss_and_gradient(x, y, loss, result.parameters, workspace);
  }
  return result;
}
/// The same by the model's default loss.
template <Trainable M, class X, Targets Y>
Gradients<typename M::Scalar> gradients(const M& model, const X& x, const Y& y) {
  return shallow::gradients(model, x, y, model.default_loss());
}

}  // namespace shallow
