// SPDX-License-Identifier: MIT

/// \file
/// Choice: bits 0 to 3 the type of the network and the options, bits 4 and 5 how many activations are given, bit 7 a
/// file whose length of the header is written here.

#include "shallow/io/safetensors.hpp"

#include "fuzz.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using namespace shallow;

/// The information in a file that was taken; it can be written and read.
io::ModelInfo check_info(const io::SavedInfo& info) {
  for (const auto* const numbers : {&info.means, &info.scales}) {
    fuzz::demand(std::all_of(numbers->begin(), numbers->end(), [](double number) { return std::isfinite(number); }),
                 "means and scales are finite");
  }
  return info;
}

/// `model` of the file at `path`, and `net` in it.
template <class Model, class Net>
void check_network(const std::filesystem::path& path, const Model& model, const Net& net) {
  fuzz::demand(detail::all_finite(net.parameters()), "weights are finite");
  const auto blocks = net.parameter_blocks();
  fuzz::demand(detail::SafetensorsFile("load", path).tensors().size() == blocks.size(),
               "every tensor is in the network");
  Index inputs = net.n_x();
  Index parameters = 0;
  for (std::size_t b = 0; b < blocks.size(); b += 2) {
    fuzz::demand(blocks[b].rows > 0 && blocks[b].cols == inputs, "a layer takes what the layer before gives");
    fuzz::demand(blocks[b + 1].rows == blocks[b].rows && blocks[b + 1].cols == 1,
                 "a number of the bias for every unit");
    inputs = blocks[b].rows;
    parameters += inputs * blocks[b].cols + inputs;
  }
  fuzz::demand(inputs == net.n_y() && parameters == net.parameters().size(), "the shapes are those of the parameters");

  const io::SavedInfo info = io::load_info(path);
  io::ModelInfo kept = check_info(info);
  // What another program may write, and the library does not: names for other than the outputs.
  if (static_cast<Index>(kept.classes.size()) != std::max<Index>(net.n_y(), 2)) kept.classes.clear();
  const auto again = fuzz::written_and_read([&](const auto& to) { io::save(model, to, kept); },
                                            [&](const auto& from) {
                                              const io::SavedInfo read = io::load_info(from);
                                              fuzz::demand(read.classes == kept.classes, "names of classes come back");
                                              fuzz::demand(kept.loss.empty() || read.loss == kept.loss,
                                                           "the name of the loss comes back");
                                              return io::load<Model>(from);
                                            });
  fuzz::demand(again == model, "what is written comes back to the last bit");
}

template <class Model>
void check(const std::filesystem::path& path, const io::LoadOptions<typename Model::Scalar>& options = {}) {
  std::optional<Model> model;
  try {
    model = fuzz::taken("load", path, [&](const auto& from) { return io::load<Model>(from, options); });
  } catch (const ShapeError& error) {
    // The caller's mistake, and said to be: the file has another number of layers than there are activations.
    fuzz::demand(std::string_view(error.what()).starts_with("load: activations: expected "), error.what());
    fuzz::demand(!options.activations.empty(), "no activations were given that could be too many");
  }
  if (!model) return;
  if constexpr (detail::is_scaled<Model>) {
    fuzz::demand(model->scaler().n_x() == model->n_x(), "a mean and a scale for every feature");
    check_network(path, *model, model->net());
  } else {
    check_network(path, *model, *model);
  }
}

template <class T>
std::vector<AnyActivation<T>> activations(unsigned count) {
  const std::vector<AnyActivation<T>> all{Tanh{}, LeakyReLU{.slope = 0.2}, Softmax{}};
  return {all.begin(), all.begin() + count};
}

}  // namespace

void fuzz::run(const Input& input) {
  std::string_view bytes = input.bytes;
  std::string frame;
  if ((input.choice & 0x80U) != 0) {
    const auto [header, data] = header_and_data(bytes);
    detail::append_little_endian(frame, header.size(), 8);
    frame.append(header).append(data);
    bytes = frame;
  }
  const std::filesystem::path& path = file_of(bytes);
  const unsigned count = input.choice >> 4U & 3U;
  switch (input.choice & 0x0FU) {
    case 0: return check<DynamicNetwork<float>>(path, {.activations = activations<float>(count)});
    case 1: return check<DynamicNetwork<double>>(path, {.activations = activations<double>(count)});
    case 2:
      return check<DynamicNetwork<float>>(path, {.round_to_float = true, .activations = activations<float>(count)});
    case 3: return check<Scaled<DynamicNetwork<float>>>(path, {.round_to_float = true});
    case 4: return check<Scaled<Layer<double, LeakyReLU>>>(path);
    case 5: return check<TwoLayerNet<float, Tanh, Sigmoid>>(path);
    case 6: return check<Network<Layer<float, ReLU, 2, 3>, Layer<float, Softmax, 3, 2>>>(path);
    default: break;
  }
  if (const auto info = taken("load_info", path, [](const auto& from) { return io::load_info(from); })) {
    check_info(*info);
  }
}
