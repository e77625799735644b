// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// An activation that is chosen at run time, as a value: AnyActivation, and the loss that follows from it, OutputLoss.

#include "shallow/activation.hpp"
#include "shallow/engine/elementwise.hpp"
#include "shallow/engine/layer_view.hpp"
#include "shallow/engine/layout.hpp"
#include "shallow/error.hpp"
#include "shallow/initializer.hpp"
#include "shallow/layer.hpp"
#include "shallow/loss.hpp"
#include "shallow/softmax.hpp"
#include "shallow/types.hpp"

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace shallow {

/// The loss that follows from the output layer of a DynamicNetwork: BinaryCrossEntropy, CategoricalCrossEntropy or
/// MeanSquaredError, chosen at run time.
class OutputLoss {
 public:
  /// Which one it is.
  enum class Kind {
    binary_cross_entropy,       ///< BinaryCrossEntropy
    categorical_cross_entropy,  ///< CategoricalCrossEntropy
    mean_squared_error          ///< MeanSquaredError
  };
  /// Y may be class labels, where it stands for CategoricalCrossEntropy.
  static constexpr bool takes_labels = true;

  /// The loss of this kind.
  explicit OutputLoss(Kind kind) : kind_(kind) {}
  /// Which one it is.
  Kind kind() const { return kind_; }

  /// \private
  template <class G>
  bool uses_logits(const char* function, const G& output) const {
    if (kind_ == Kind::binary_cross_entropy) detail::require_output<Sigmoid>(function, output);
    if (kind_ == Kind::categorical_cross_entropy) detail::require_output<Softmax>(function, output);
    return kind_ != Kind::mean_squared_error;
  }

  /// \private Calls f with the loss that this one stands for.
  template <class F>
  auto visit(const F& f) const {
    if (kind_ == Kind::categorical_cross_entropy) return f(CategoricalCrossEntropy{});
    if (kind_ == Kind::binary_cross_entropy) return f(BinaryCrossEntropy{});
    return f(MeanSquaredError{});
  }

  /// The sum of the loss over the samples, from logits for a cross-entropy, else from A.
  template <class V, class Y>
  auto value(const V& v, const Y& y) const {
    using T = typename V::Scalar;
    if (kind_ == Kind::categorical_cross_entropy) return CategoricalCrossEntropy{}.value(v, y);
    const auto targets = y.template cast<T>();
    if (kind_ == Kind::binary_cross_entropy) return BinaryCrossEntropy{}.value(v, targets);
    return MeanSquaredError{}.value(v, targets);
  }
  /// Its derivative, by the logits for a cross-entropy, else by A.
  template <class A, class Y, class D>
  void gradient(const A& a, const Y& y, D& d) const {
    using T = typename A::Scalar;
    if (kind_ == Kind::categorical_cross_entropy) return CategoricalCrossEntropy{}.gradient(a, y, d);
    const auto targets = y.template cast<T>();
    if (kind_ == Kind::binary_cross_entropy) return BinaryCrossEntropy{}.gradient(a, targets, d);
    MeanSquaredError{}.gradient(a, targets, d);
  }
  /// \throws what the loss throws that this one stands for
  /// \throws ShapeError Y: expected n_y x m targets (class labels belong to CategoricalCrossEntropy)
  template <class Y>
  void check_targets(const char* function, const Y& y, Index n_y) const {
    if (kind_ == Kind::categorical_cross_entropy) return CategoricalCrossEntropy{}.check_targets(function, y, n_y);
    if (y.rows() != n_y) {
      detail::raise_expected<ShapeError>(function, "Y", detail::shape_text(n_y, y.cols()) + " (n_y x m)",
                                         detail::shape_text(y.rows(), y.cols()) + " class labels");
    }
    if (kind_ == Kind::binary_cross_entropy) return BinaryCrossEntropy{}.check_targets(function, y, n_y);
    MeanSquaredError{}.check_targets(function, y, n_y);
  }
  /// The same kind.
  friend bool operator==(const OutputLoss&, const OutputLoss&) = default;

 private:
  Kind kind_;
};

/// Any activation, built-in or a user's own, as a value chosen at run time. It holds an immutable copy, so that copies
/// of it are cheap and independent.
template <shallow::Scalar T>
class AnyActivation {
 public:
  /// Takes whatever models Activation.
  /// \throws what the activation refuses of its settings
  template <class G>
    requires(!std::same_as<G, AnyActivation> && Activation<G, T>)
  AnyActivation(const G& g) : held_((detail::check_activation(g), std::make_shared<const Held<G>>(g))) {}

  /// The same activation. Moving copies, too: what was moved from is as before.
  AnyActivation(const AnyActivation&) noexcept = default;
  /// The same activation.
  AnyActivation& operator=(const AnyActivation&) noexcept = default;

  /// True if it holds a G.
  template <class G>
  bool is() const {
    return held_->type() == &type_tag<G>;
  }
  /// The G it holds, or nullptr if it holds another.
  template <class G>
  const G* get() const {
    return is<G>() ? &static_cast<const Held<G>&>(*held_).g : nullptr;
  }
  /// The activation's name: "tanh", or "custom" if it has none.
  std::string_view name() const { return held_->name(); }
  /// The name with its settings: "leaky_relu(0.2)".
  std::string text() const { return detail::activation_text(*this); }

  /// The same activation with the same settings.
  friend bool operator==(const AnyActivation& a, const AnyActivation& b) {
    return a.held_->type() == b.held_->type() && a.held_->equals(*b.held_);
  }

  /// \private The rest is what files and layers ask of an activation.
  std::vector<double> setting_values() const { return held_->setting_values(); }
  /// \private
  bool is_described() const { return held_->is_described(); }
  /// \private
  bool keeps_z() const { return held_->keeps_z(); }
  /// \private
  Initializer default_initializer() const { return held_->default_initializer(); }
  /// \private
  OutputLoss default_loss() const {
    if (is<Sigmoid>()) return OutputLoss(OutputLoss::Kind::binary_cross_entropy);
    if (is<Softmax>()) return OutputLoss(OutputLoss::Kind::categorical_cross_entropy);
    return OutputLoss(OutputLoss::Kind::mean_squared_error);
  }
  /// \private
  template <detail::Lanes L>
  void activate(detail::TileLayout<T, L> layout, T* z, T* a) const {
    held_->activate(layout, z, a);
  }
  /// \private
  template <detail::Lanes L>
  void activate_backward(detail::TileLayout<T, L> layout, T* z, T* a, T* d) const {
    held_->activate_backward(layout, z, a, d);
  }

 private:
  using SampleTile = detail::TileLayout<T, detail::Lanes::samples>;
  using UnitTile = detail::TileLayout<T, detail::Lanes::units>;

  template <class G>
  static constexpr char type_tag{};

  struct Interface {
    virtual ~Interface() = default;
    virtual const char* type() const = 0;
    virtual bool equals(const Interface& other) const = 0;
    virtual std::string_view name() const = 0;
    virtual std::vector<double> setting_values() const = 0;
    virtual bool is_described() const = 0;
    virtual bool keeps_z() const = 0;
    virtual Initializer default_initializer() const = 0;
    virtual void activate(SampleTile layout, T* z, T* a) const = 0;
    virtual void activate(UnitTile layout, T* z, T* a) const = 0;
    virtual void activate_backward(SampleTile layout, T* z, T* a, T* d) const = 0;
    virtual void activate_backward(UnitTile layout, T* z, T* a, T* d) const = 0;
  };

  template <class G>
  struct Held final : Interface {
    explicit Held(const G& activation) : g(activation) {}
    const char* type() const override { return &type_tag<G>; }
    bool equals(const Interface& other) const override {
      if constexpr (std::equality_comparable<G> || std::is_empty_v<G>) {
        return detail::same_activation(g, static_cast<const Held&>(other).g);
      } else {
        return this == &other;  // settings that cannot be compared: copies of one are the same
      }
    }
    std::string_view name() const override { return detail::activation_name(g); }
    std::vector<double> setting_values() const override { return detail::setting_values(g); }
    bool is_described() const override { return detail::is_described(g); }
    bool keeps_z() const override { return detail::keeps_z<T>(g); }
    Initializer default_initializer() const override { return detail::default_initializer(g); }
    void activate(SampleTile layout, T* z, T* a) const override { detail::activate(g, layout, z, a); }
    void activate(UnitTile layout, T* z, T* a) const override { detail::activate(g, layout, z, a); }
    void activate_backward(SampleTile layout, T* z, T* a, T* d) const override {
      detail::activate_backward(g, layout, z, a, d);
    }
    void activate_backward(UnitTile layout, T* z, T* a, T* d) const override {
      detail::activate_backward(g, layout, z, a, d);
    }
    G g;
  };

  std::shared_ptr<const Interface> held_;
};

}  // namespace shallow
