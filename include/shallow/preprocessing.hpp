// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Features on a common scale: StandardScaler, and a model that carries one.
///
/// Gradient descent takes one step length for all weights, so features should be of one size, about [-1, 1]: pixels of
/// 0 to 255 or prices in thousands make it diverge or crawl.

#include "shallow/engine/numbers.hpp"
#include "shallow/error.hpp"
#include "shallow/feature_scale.hpp"
#include "shallow/loss.hpp"
#include "shallow/trainable.hpp"
#include "shallow/types.hpp"

#include <iosfwd>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace shallow {

/// x' = (x - mean) / scale, feature by feature, with the means and standard deviations of the samples it was fitted to:
///
///     mean_i = 1/m sum_j x_ij        scale_i = sqrt(1/m sum_j (x_ij - mean_i)^2)
///
/// Computed in double if T is float or half precision, else in T, the deviations from the mean that was found first. A
/// feature that is constant, to within the rounding of its sum, has scale 1: there is nothing to divide by.
/// (scikit-learn's StandardScaler does the same.) Features may be as large and as small as T goes: means are finite and
/// scales finite and > 0, whatever the finite X.
///
/// A regular value: == compares all means and scales.
template <shallow::Scalar T>
class StandardScaler {
 public:
  /// The number type of the features.
  using Scalar = T;

  /// Fitted to X (n_x x m).
  /// \throws ShapeError X: expected at least one sample (column); X: expected at least one feature (row)
  /// \throws ValueError X: expected finite numbers
  template <class X>
  explicit StandardScaler(const Eigen::DenseBase<X>& x) {
    const auto samples = detail::as_input<T>(x);
    if (samples.rows() == 0) {
      detail::raise_expected<ShapeError>("StandardScaler", "X", "at least one feature (row)",
                                         detail::shape_text(samples.rows(), samples.cols()));
    }
    if (samples.cols() == 0) {
      detail::raise_expected<ShapeError>("StandardScaler", "X", "at least one sample (column)",
                                         detail::shape_text(samples.rows(), samples.cols()));
    }
    detail::check_finite("StandardScaler", "X", samples);
    means_.resize(samples.rows());
    scales_.resize(samples.rows());
    for (Index i = 0; i < samples.rows(); ++i) {
      const auto [mean, scale] = detail::feature_scale<T>(samples, i);
      means_(i) = mean;
      scales_(i) = scale;
    }
    note_far();
  }

  /// With given means and scales (n_x numbers each), of a model file say.
  /// \throws ShapeError scales: expected as many numbers as means
  /// \throws ValueError means: expected finite numbers; scales: expected finite numbers > 0
  StandardScaler(Vector<T> means, Vector<T> scales) : means_(std::move(means)), scales_(std::move(scales)) {
    if (scales_.size() != means_.size()) {
      detail::raise_expected<ShapeError>("StandardScaler", "scales", detail::shape_text(means_.size(), 1),
                                         detail::shape_text(scales_.size(), 1));
    }
    detail::check_finite("StandardScaler", "means", means_);
    for (Index i = 0; i < scales_.size(); ++i) {
      if (!(T(0) < scales_(i)) || !detail::is_finite(scales_(i))) {
        detail::raise_expected<ValueError>(
            "StandardScaler", "scales", "finite numbers > 0",
            detail::numbered((detail::to_text(scales_(i)) + " for feature ").c_str(), i));
      }
    }
    note_far();
  }

  /// Features of a sample.
  Index n_x() const { return means_.size(); }
  /// The mean of each feature (n_x x 1).
  const Vector<T>& means() const& { return means_; }
  /// The same.
  Vector<T> means() const&& { return means_; }
  /// What each feature is divided by (n_x x 1).
  const Vector<T>& scales() const& { return scales_; }
  /// The same.
  Vector<T> scales() const&& { return scales_; }

  /// (X - means) / scales (n_x x m).
  /// \throws ShapeError X: expected n_x rows, one column a sample; scaler: expected features
  template <class X>
  Matrix<T> transform(const Eigen::DenseBase<X>& x) const {
    Matrix<T> scaled(x.rows(), x.cols());
    transform(x, scaled);
    return scaled;
  }
  /// The same into given storage (n_x x m), which is X or shares no memory with it; allocates nothing.
  /// \throws ShapeError as above; scaled: expected n_x x m; scaled: expected columns that lie apart
  template <class X>
  void transform(const Eigen::DenseBase<X>& x, detail::Output<T> scaled) const {
    const auto samples = detail::as_input<T>(x);
    check_features(samples);
    scaled.require_apart("StandardScaler", "scaled");
    if (scaled.rows() != samples.rows() || scaled.cols() != samples.cols()) {
      detail::raise_expected<ShapeError>("StandardScaler", "scaled",
                                         detail::shape_text(samples.rows(), samples.cols()) + " (n_x x m)",
                                         detail::shape_text(scaled.rows(), scaled.cols()));
    }
    if (far_) {
      for (Index i = 0; i < n_x(); ++i) {
        const T share = far_share(i);
        scaled.row(i) = ((samples.row(i).array() * share - means_(i) * share) / (scales_(i) * share)).matrix();
      }
      return;
    }
    scaled.noalias() = ((samples.colwise() - means_).array().colwise() / scales_.array()).matrix();
  }
  /// \private A single sample whose size is in the type: allocates nothing.
  template <int Features>
  Eigen::Matrix<T, Features, 1, Eigen::ColMajor> transform_sample(
      const Eigen::Matrix<T, Features, 1, Eigen::ColMajor>& sample) const {
    if (far_) return transform(sample);
    check_features(sample);
    return ((sample - means_).array() / scales_.array()).matrix();
  }
  /// The way back: X o scales + means (n_x x m).
  /// \throws ShapeError X: expected n_x rows, one column a sample; scaler: expected features
  template <class X>
  Matrix<T> inverse_transform(const Eigen::DenseBase<X>& x) const {
    const auto samples = detail::as_input<T>(x);
    check_features(samples);
    if (far_) {
      Matrix<T> back(samples.rows(), samples.cols());
      for (Index i = 0; i < n_x(); ++i) {
        const T share = far_share(i);
        back.row(i) = ((samples.row(i).array() * (scales_(i) * share) + means_(i) * share) / share).matrix();
      }
      return back;
    }
    return ((samples.array().colwise() * scales_.array()).matrix()).colwise() + means_;
  }

  /// The same means and scales.
  friend bool operator==(const StandardScaler& a, const StandardScaler& b) {
    return a.n_x() == b.n_x() && a.means_ == b.means_ && a.scales_ == b.scales_;
  }

 private:
  template <class X>
  void check_features(const X& samples) const {
    if (n_x() == 0) {
      detail::raise_expected<ShapeError>("StandardScaler", "scaler", "features", "none: it was moved from");
    }
    detail::check_input("StandardScaler", samples, n_x());
  }

  /// Whether x - mean may overflow although (x - mean) / scale does not.
  bool far_from_zero(Index i) const {
    if constexpr (std::numeric_limits<T>::is_specialized) {
      const T limit = T((std::numeric_limits<T>::max)()) * T(std::numeric_limits<T>::epsilon()) / T(8);
      return !(scales_(i) < T(1)) && (limit < detail::without_sign(means_(i)) || limit < scales_(i));
    } else {
      return false;
    }
  }
  void note_far() {
    far_ = false;
    for (Index i = 0; i < means_.size(); ++i) far_ = far_ || far_from_zero(i);
  }
  /// There both are taken by a quarter of all numbers.
  T far_share(Index i) const { return T(far_from_zero(i) ? 0.25 : 1); }

  Vector<T> means_;
  Vector<T> scales_;
  bool far_ = false;
};

/// StandardScaler(X) has the number type of X.
template <class X>
StandardScaler(const Eigen::DenseBase<X>&) -> StandardScaler<typename X::Scalar>;

/// A trained network behind the scaler that its samples went through: predict takes raw features.
///
///     const StandardScaler scaler(X);
///     fit(net, scaler.transform(X), Y, Adam{});
///     const Scaled model(scaler, net);              // model.predict(X), also after save and load
///
/// It offers for use what the network offers: everything but training, which sees scaled features.
///
/// A regular value.
template <class Net>
class Scaled {
 public:
  /// The number type of the network.
  using Scalar = typename Net::Scalar;

  /// The storage of a prediction, which belongs to the caller: give one to repeated calls and only the first allocates.
  /// One thread uses it at a time.
  class Workspace {
   public:
    /// Forgets and frees everything.
    void clear() { *this = Workspace(); }

   private:
    friend class Scaled;
    Matrix<Scalar> scaled_;
    typename Net::Workspace net_;
  };

  /// \throws ShapeError scaler: expected n_x of the network
  Scaled(StandardScaler<Scalar> scaler, Net net) : scaler_(std::move(scaler)), net_(std::move(net)) {
    if (scaler_.n_x() != net_.n_x()) {
      detail::raise_expected<ShapeError>("Scaled", "scaler",
                                         detail::to_text(net_.n_x()) + " features, n_x of the network",
                                         detail::to_text(scaler_.n_x()));
    }
  }

  /// What raw features go through first.
  const StandardScaler<Scalar>& scaler() const& { return scaler_; }
  /// The same.
  StandardScaler<Scalar> scaler() const&& { return scaler_; }
  /// The network, which sees scaled features.
  const Net& net() const& { return net_; }
  /// The same, to read or write.
  Net& net() & { return net_; }
  /// The same.
  Net net() && { return std::move(net_); }
  /// The same.
  Net net() const&& { return net_; }
  /// Features of a sample.
  Index n_x() const { return net_.n_x(); }
  /// Outputs of a sample.
  Index n_y() const { return net_.n_y(); }
  /// Layers of the network.
  Index depth() const { return net_.depth(); }
  /// Parameters of the network; those of the scaler are not counted, for they are not trained.
  Index parameter_count() const { return net_.parameter_count(); }
  /// The summary of the network, and that its features are scaled.
  std::string summary() const { return "scaled features, " + net_.summary(); }

  /// net.predict(scaler.transform(X)) (n_y x m); a column of fixed size where the network gives one.
  /// \throws ShapeError X: expected n_x rows, one column a sample; scaler: expected features; model: expected
  /// parameters
  template <class X>
  auto predict(const Eigen::DenseBase<X>& x) const {
    if constexpr (X::RowsAtCompileTime != Dynamic && X::ColsAtCompileTime == 1) {
      const Eigen::Matrix<Scalar, X::RowsAtCompileTime, 1, Eigen::ColMajor> sample(x.derived().matrix());
      return net_.predict(scaler_.transform_sample(sample));
    } else {
      return net_.predict(scaler_.transform(x));
    }
  }
  /// The same into given storage A (n_y x m), which shares no memory with X; allocates nothing once the workspace has
  /// served as large a call.
  /// \throws ShapeError as above; A: expected n_y x m; A: expected columns that lie apart
  template <class X>
  void predict(const Eigen::DenseBase<X>& x, detail::Output<Scalar> a, Workspace& workspace) const {
    // As wide as the widest so far: no other number of samples allocates.
    if (workspace.scaled_.rows() != x.rows() || workspace.scaled_.cols() < x.cols()) {
      workspace.scaled_.resize(x.rows(), x.cols());
    }
    auto scaled = workspace.scaled_.leftCols(x.cols());
    scaler_.transform(x, scaled);
    net_.predict(scaled, a, workspace.net_);
  }

  /// The same scaler and the same network.
  friend bool operator==(const Scaled&, const Scaled&) = default;

 private:
  StandardScaler<Scalar> scaler_;
  Net net_;
};

/// Prints the summary.
template <class Net, class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Scaled<Net>& model) {
  return out << model.summary();
}

}  // namespace shallow
