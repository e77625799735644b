// SPDX-License-Identifier: MIT
//
// Fashion-MNIST: recognising clothes in real pictures.
//
// Task. A picture of 28 x 28 grey pixels shows one of ten kinds of clothing (shirt, sneaker, bag, ...): say which.
// 60,000 pictures are given to learn from, and 10,000 others to find out how well it was learned (Xiao, Rasul and
// Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017).
//
//     n_x = 784, n_h = 128, n_y = 10    pixels, hidden units, classes; one column is one picture
//     X (n_x x m), y (1 x m)            pixels between 0 and 1, and the classes as numbers 0 .. 9
//
// Two layers, whose output is a probability for each class, and the cross-entropy as the cost:
//
//     Z1 = W1 X + b1     A1 = max(0, Z1)     Z2 = W2 A1 + b2     A2 = softmax(Z2), a_i = e^{z_i} / sum_k e^{z_k}
//     J = -1/m sum_j log a_{y(j)}            dJ/dZ2 = (A2 - one-hot(y)) / m
//
// Adam takes a step after every mini-batch of 128 pictures, in a new order every epoch. Its rate shrinks from epoch to
// epoch: long steps at first, to get near, then short ones, for the noise of the mini-batches to die down. The last
// 5,000 of the 60,000 pictures are not learned from: their loss, the validation loss, shows on the way what the network
// makes of pictures that it has not seen. The test pictures are looked at once, at the end.
//
//     fashion_mnist [folder of the data [seed]]

#include <shallow/io/idx.hpp>
#include <shallow/shallow.hpp>

#include "gnuplot.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace {

using shallow::Index;
using Net = shallow::Network<shallow::Layer<float, shallow::ReLU>, shallow::Layer<float, shallow::Softmax>>;
using Images = shallow::Matrix<float>;
using Labels = Eigen::RowVectorXi;

constexpr std::array<const char*, 10> names{"T-shirt", "trousers", "pullover", "dress", "coat",
                                            "sandal",  "shirt",    "sneaker",  "bag",   "boot"};
constexpr Index side = 28;

struct Samples {
  Images X;
  Labels y;
};

/// The files are named as their authors named them: train-images-idx3-ubyte.gz and so on.
Samples read(const std::filesystem::path& folder, const std::string& part) {
  return {shallow::io::read_idx_images<float>(folder / (part + "-images-idx3-ubyte.gz")),
          shallow::io::read_idx_labels(folder / (part + "-labels-idx1-ubyte.gz"))};
}

/// Whether somebody watches: a line that is written over and over suits a terminal, but no file.
bool on_terminal() {
#if __has_include(<unistd.h>)
  return isatty(STDOUT_FILENO) == 1;
#else
  return false;
#endif
}

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void train(Net& net, const Samples& samples, Index held_out, Index epochs, std::uint32_t seed) {
  const Index m = samples.X.cols() - held_out;
  const auto X = samples.X.leftCols(m);
  const auto y = samples.y.leftCols(m);
  const auto validation_X = samples.X.rightCols(held_out);
  const auto validation_y = samples.y.rightCols(held_out);

  shallow::Adam adam{.learning_rate = 0.002};
  const Stopwatch watch;
  const bool live = on_terminal();
  std::puts("epoch    rate      loss  validation  pictures/s   time   left");
  // One epoch a call, so that the rate can change in between; the state carries Adam's moments and the order of the
  // pictures from one call to the next.
  shallow::TrainingState<shallow::Adam, float> state;
  for (Index epoch = 1; epoch <= epochs; ++epoch, adam.learning_rate *= 0.8) {
    const auto show = [&](const shallow::Progress& progress, const char* validation) {
      const double done =
          static_cast<double>(epoch - 1) + static_cast<double>(progress.batch) / static_cast<double>(progress.batches);
      const double time = watch.seconds();
      std::printf("%5d  %.4f  %8.4f  %10s  %10.0f  %4.1f s %4.1f s", static_cast<int>(epoch), adam.learning_rate,
                  progress.loss, validation, done * static_cast<double>(m) / time, time,
                  time / done * (static_cast<double>(epochs) - done));
    };
    const auto on_batch = [&](const shallow::Progress& progress) {
      if (live && progress.batch % 20 == 0) {
        show(progress, "");
        std::printf("\r");
        std::fflush(stdout);
      }
      return true;
    };
    const auto on_epoch = [&](const shallow::Progress& progress) {
      std::array<char, 32> validation{};
      std::snprintf(validation.data(), validation.size(), "%.4f", progress.validation_loss);
      show(progress, validation.data());
      std::puts("");
      return true;
    };
    shallow::fit(net, X, y, adam, {.batch_size = 128, .seed = seed, .on_epoch = on_epoch, .on_batch = on_batch}, state,
                 shallow::Validation(validation_X, validation_y));
  }
}

void show_confusion(const Eigen::MatrixXi& confusion) {
  std::printf("\nHow often each kind (row) was taken for each (column):\n\n%10s", "");
  for (const char* name : names) std::printf("%9s", name);
  std::puts("     right");
  for (Index i = 0; i < confusion.rows(); ++i) {
    std::printf("%10s", names[static_cast<std::size_t>(i)]);
    for (Index k = 0; k < confusion.cols(); ++k) std::printf("%9d", confusion(i, k));
    std::printf("  %6.1f %%\n", 100.0 * confusion(i, i) / confusion.row(i).sum());
  }
}

/// The test pictures that the network gives most probability to a wrong class, the worst first.
std::vector<Index> worst_mistakes(const Images& A, const Eigen::RowVectorXi& predicted, const Labels& y, Index count) {
  std::vector<Index> wrong;
  for (Index j = 0; j < y.size(); ++j) {
    if (predicted(j) != y(j)) wrong.push_back(j);
  }
  const auto confidence = [&](Index j) { return A(predicted(j), j); };
  std::sort(wrong.begin(), wrong.end(), [&](Index i, Index j) {
    return confidence(i) > confidence(j) || (confidence(i) == confidence(j) && i < j);
  });
  wrong.resize(std::min(wrong.size(), static_cast<std::size_t>(count)));
  return wrong;
}

/// The pictures in rows, each with what it shows and what it was taken for.
bool draw_mistakes(const std::string& file, const std::vector<Index>& mistakes, const Samples& test,
                   const Eigen::RowVectorXi& predicted) {
  constexpr Index columns = 5;
  constexpr Index across = side + 14;  // room between the pictures, in pixels of theirs
  constexpr Index down = side + 9;
  const auto count = static_cast<Index>(mistakes.size());
  const Index rows = (count + columns - 1) / columns;
  Eigen::MatrixXf sheet = Eigen::MatrixXf::Zero(rows * down, columns * across);
  std::ostringstream captions;
  for (Index i = 0; i < count; ++i) {
    const Index j = mistakes[static_cast<std::size_t>(i)];
    const Index top = i / columns * down + down - side;
    const Index left = i % columns * across + (across - side) / 2;
    // A picture lies row after row in its column of X, a matrix of Eigen's column after column.
    sheet.block(top, left, side, side) = test.X.col(j).reshaped(side, side).transpose();
    const auto name = [](int label) { return names[static_cast<std::size_t>(label)]; };
    captions << "set label " << gnuplot::quoted(std::string(name(test.y(j))) + " → " + name(predicted(j))) << " at "
             << left + side / 2 << ',' << top - 4 << " center front textcolor rgb 0x222222\n";
  }
  std::ostringstream script;
  gnuplot::write_data(script, "sheet", sheet);
  script << captions.str() << R"(
    set margins 0,0,1,0
    set palette defined (0 'white', 1 '#1c2733')
    set cbrange [0:1]
    set yrange [*:*] reverse
    set autoscale xfix; set autoscale yfix
    unset colorbox; unset tics; unset border
    plot $sheet matrix with image notitle
)";
  return gnuplot::draw(file, static_cast<int>(5 * sheet.cols()), static_cast<int>(5 * sheet.rows()) + 20, script.str());
}

}  // namespace

int main(int argc, char** argv) try {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "/usr/share/datasets/fashion-mnist";
  const auto seed = static_cast<std::uint32_t>(argc > 2 ? std::stoul(argv[2]) : 1);

  const Samples training = read(folder, "train");
  const Samples test = read(folder, "t10k");

  Net net({side * side, 128, 10}, {.seed = seed});
  std::cout << net << "\n\n";
  train(net, training, 5'000, 10, seed);

  const Images A = net.predict(test.X);
  const double accuracy = shallow::accuracy(A, test.y);
  show_confusion(shallow::confusion_matrix(A, test.y));
  std::printf("\ntest accuracy: %.4f\n", accuracy);

  const Eigen::RowVectorXi predicted = shallow::classes(A);
  const bool drawn = draw_mistakes("fashion_mistakes.png", worst_mistakes(A, predicted, test.y, 25), test, predicted);
  return accuracy >= 0.87 && drawn ? 0 : 1;
} catch (const shallow::FileError& error) {
  std::fprintf(stderr,
               "%s\nThe pictures come with Debian's package dataset-fashion-mnist (sudo apt-get install "
               "dataset-fashion-mnist); elsewhere, name the folder of the four files: fashion_mnist <folder>\n",
               error.what());
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
