// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The engine's functions of a number, applied to each entry of Eigen's matrices and arrays: `each`, and how Eigen
/// evaluates the lazy expressions that it returns.

#include "shallow/engine/targets.hpp"
#include "shallow/types.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace shallow {
namespace detail {

template <class Derived>
void takes_dense(const Eigen::DenseBase<Derived>&);

/// A matrix, array or expression of Eigen's, or what is derived from one, as x.head(3) is.
template <class T>
concept DenseExpression = requires(const T& x) {
  detail::takes_dense(x);
};

/// True, or an error of the compiler.
template <class X>
constexpr bool require_matrix() {
  static_assert(
      DenseExpression<X>,
      "shallow: X is no matrix of Eigen: Eigen::Map<const shallow::Matrix<double>>(data, n_x, m) makes one of "
      "numbers in memory");
  return true;
}

// What of G is applied: one of its three functions, to a number or to an array; y may be x.
struct Values {
  template <class Engine, class G, class T>
  static T number(Engine, const G& g, const T& x) {
    return Engine::value_of(g, x);
  }
  template <class Engine, class G, class T>
  static void array(Engine, const G& g, Index size, const T* x, T* y) {
    Engine::values(g, size, x, y);
  }
};
struct Derivatives {
  template <class Engine, class G, class T>
  static T number(Engine, const G& g, const T& x) {
    return Engine::derivative_of(g, x);
  }
  template <class Engine, class G, class T>
  static void array(Engine, const G& g, Index size, const T* x, T* y) {
    Engine::derivatives(g, size, x, y);
  }
};
struct DerivativesFromValues {
  template <class Engine, class G, class T>
  static T number(Engine, const G& g, const T& a) {
    return Engine::derivative_from_value_of(g, a);
  }
  template <class Engine, class G, class T>
  static void array(Engine, const G& g, Index size, const T* a, T* y) {
    Engine::derivatives_from_values(g, size, a, y);
  }
};

/// The same as what Eigen applies to each coefficient of its expressions.
template <class Which, class G, class T>
struct EachEntry {
  T operator()(const T& x) const {
    return with_engine<T>([&](auto engine) { return Which::number(engine, g, x); });
  }
  /// Of an array; y may be x.
  void apply(Index size, const T* x, T* y) const {
    with_engine<T>([&](auto engine) { Which::array(engine, g, size, x, y); });
  }
  G g;
};

template <class Derived>
void takes_plain(const Eigen::PlainObjectBase<Derived>&);
template <class T>
inline constexpr bool is_constant_ref = false;
template <class M, int Options, class Stride>
inline constexpr bool is_constant_ref<Eigen::Ref<const M, Options, Stride>> = true;

/// What is passed as X&& is a matrix or array of its own that ends with the statement (a Ref to a constant matrix may
/// hold a copy, too): an expression must not refer to it.
template <class X>
concept TemporaryMatrix = !std::is_lvalue_reference_v<X> && DenseExpression<std::remove_cv_t<X>> &&
                          (requires(const X& x) { detail::takes_plain(x); } || is_constant_ref<std::remove_cv_t<X>>);

/// The entries of an expression, which must outlive this object and is evaluated as far as Eigen would before it reads
/// them: a product inside of it once, which Eigen's own coeff() would compute anew for every entry.
template <class X>
class EntriesOf {
 public:
  explicit EntriesOf(const X& x) : evaluator_(x.derived()) {}
  typename X::Scalar operator()(Index row, Index col) const { return evaluator_.coeff(row, col); }

 private:
  Eigen::internal::evaluator<std::remove_cvref_t<decltype(std::declval<const X&>().derived())>> evaluator_;
};

/// `Which` of g of a number, an integer being taken as double; of a matrix or array the lazy coefficient-wise
/// expression of its kind. As with Eigen's own expressions, a plain matrix is held by reference and must outlive what
/// is returned; of a temporary one a matrix or array is returned.
template <class Which, class G, class Argument>
auto each(const G& g, Argument&& x) {
  using X = std::remove_cvref_t<Argument>;
  if constexpr (TemporaryMatrix<Argument>) {
    return x.derived().unaryExpr(EachEntry<Which, G, typename X::Scalar>{g}).eval();
  } else if constexpr (DenseExpression<X>) {
    return x.derived().unaryExpr(EachEntry<Which, G, typename X::Scalar>{g});
  } else if constexpr (std::integral<X>) {
    return EachEntry<Which, G, double>{g}(static_cast<double>(x));
  } else {
    return EachEntry<Which, G, X>{g}(x);
  }
}

}  // namespace detail
}  // namespace shallow

namespace Eigen::internal {

template <class Which, class G, class T>
struct functor_traits<shallow::detail::EachEntry<Which, G, T>> {
  enum { Cost = 25 * int(NumTraits<T>::MulCost), PacketAccess = false };
};

/// How an expression of the engine's functions is evaluated: entries that are asked for in the order in which they are
/// stored, as most loops of Eigen's do, in blocks that grow; any others one by one. An entry of the argument is read no
/// later than the one that it belongs to is asked for, so that what is written to afterwards does not matter, just as
/// with Eigen's own functions.
template <class Which, class G, class T, class X>
struct evaluator<CwiseUnaryOp<shallow::detail::EachEntry<Which, G, T>, X>>
    : evaluator_base<CwiseUnaryOp<shallow::detail::EachEntry<Which, G, T>, X>> {
  using XprType = CwiseUnaryOp<shallow::detail::EachEntry<Which, G, T>, X>;
  using CoeffReturnType = T;
  enum {
    CoeffReadCost = int(functor_traits<shallow::detail::EachEntry<Which, G, T>>::Cost),
    Flags = int(evaluator<X>::Flags) & (HereditaryBits | LinearAccessBit),
    Alignment = 0
  };

  explicit evaluator(const XprType& xpr)
      : functor_(xpr.functor()), argument_(xpr.nestedExpression()), inner_(xpr.innerSize()), size_(xpr.size()) {}

  T coeff(Index row, Index col) const { return at(XprType::IsRowMajor ? row * inner_ + col : col * inner_ + row); }
  T coeff(Index i) const { return at(i); }

 private:
  static constexpr Index block = 4 * shallow::detail::line<T>;

  T at(Index i) const {
    if (i >= first_ && i < next_) return block_[std::size_t(i - first_)];
    // As many are made in advance as have been asked for in order, so that few are in vain.
    in_order_ = i == next_ ? in_order_ + (next_ - first_) : 0;
    if (in_order_ < 4 || block == 4) {
      first_ = i;
      next_ = i + 1;
      block_[0] = functor_(argument(i));
      return block_[0];
    }
    const Index count = (std::min)((std::min)(block, in_order_), size_ - i);
    for (Index k = 0; k < count; ++k) block_[std::size_t(k)] = argument(i + k);
    functor_.apply(count, block_, block_);
    first_ = i;
    next_ = i + count;
    return block_[0];
  }
  T argument(Index i) const {
    if constexpr ((int(evaluator<X>::Flags) & int(LinearAccessBit)) != 0) {
      return argument_.coeff(i);
    } else {
      return XprType::IsRowMajor ? argument_.coeff(i / inner_, i % inner_) : argument_.coeff(i % inner_, i / inner_);
    }
  }

  const shallow::detail::EachEntry<Which, G, T> functor_;
  evaluator<X> argument_;
  Index inner_;
  Index size_;
  mutable Index first_ = 0;  // the block holds first_ .. next_
  mutable Index next_ = 0;
  mutable Index in_order_ = 0;
  alignas(64) mutable T block_[std::size_t(block)];
};

/// A = such an expression of a matrix in memory: at once, where both lie alike.
template <class A, class Which, class G, class T, class X>
struct Assignment<A, CwiseUnaryOp<shallow::detail::EachEntry<Which, G, T>, X>, assign_op<T, T>, Dense2Dense> {
  using XprType = CwiseUnaryOp<shallow::detail::EachEntry<Which, G, T>, X>;
  static void run(A& a, const XprType& xpr, const assign_op<T, T>& assign) {
    if constexpr ((int(traits<A>::Flags) & int(traits<X>::Flags) & int(DirectAccessBit)) != 0 &&
                  int(A::IsRowMajor) == int(X::IsRowMajor)) {
      if (a.size() == 0) resize_if_allowed(a, xpr, assign);  // any other may be a part of the argument
      if (a.rows() == xpr.rows() && a.cols() == xpr.cols() && at_once(xpr, a, xpr.nestedExpression())) return;
    }
    call_dense_assignment_loop(a, xpr, assign);
  }

 private:
  /// `to` of `from` as they lie in memory, if their rows or columns are contiguous.
  static bool at_once(const XprType& xpr, A& to, const X& from) {
    if (to.innerStride() != 1 || from.innerStride() != 1) return false;
    const auto contiguous = [](const auto& a) { return a.outerStride() == a.innerSize() || a.outerSize() == 1; };
    if (contiguous(to) && contiguous(from)) {
      xpr.functor().apply(to.size(), from.data(), to.data());
    } else {
      for (Index j = 0; j < to.outerSize(); ++j) {
        xpr.functor().apply(to.innerSize(), from.data() + j * from.outerStride(), to.data() + j * to.outerStride());
      }
    }
    return true;
  }
};

}  // namespace Eigen::internal
