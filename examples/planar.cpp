// SPDX-License-Identifier: MIT
//
// Planar data classification with one hidden layer: the assignment of the course's third week.
//
// Task. 400 points lie in the petals of a flower, which belong to class 0 and class 1 in turn. Predict the class of a
// point, by a network of two layers:
//
//     m = 400, n_x = 2, n_h = 4, n_y = 1        samples, features, hidden units, outputs; one column is one sample
//     X (n_x x m), Y (n_y x m)                  the points and their classes
//     W1 (n_h x n_x), b1, W2 (n_y x n_h), b2    the parameters: W small and random, 0.01 N(0, 1), b zero
//
// Forward, with tanh in the hidden layer and sigma in the output, then the cost:
//
//     Z1 = W1 X + b1     A1 = tanh(Z1)     Z2 = W2 A1 + b2     A2 = sigma(Z2)
//     J = -1/m sum_j (y log a2 + (1 - y) log(1 - a2))
//
// Backward, the six equations of the course (o is the product entry by entry), then a step of gradient descent:
//
//     dZ2 = A2 - Y                         dW2 = dZ2 A1' / m       db2 = (row sums of dZ2) / m
//     dZ1 = (W2' dZ2) o (1 - A1 o A1)      dW1 = dZ1 X' / m        db1 = (row sums of dZ1) / m
//     W := W - alpha dW                    b := b - alpha db       alpha = 1.2, all m samples in every step
//
// The program prints the cost on the way, the accuracy, and what other numbers of hidden units give, each beside the
// figure that the course published, and draws the boundary A2 = 0.5.
//
//     planar [picture.png]

#include <shallow/shallow.hpp>

#include "gnuplot.hpp"

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using shallow::Index;
using Net = shallow::TwoLayerNet<double, shallow::Tanh, shallow::Sigmoid>;
using Data = shallow::datasets::Dataset<double>;

constexpr shallow::GradientDescent descent{.learning_rate = 1.2};

double percent_right(const Net& net, const Data& data) { return 100 * shallow::accuracy(net.predict(data.X), data.Y); }

/// The cost before every step and, at the end, after the last.
std::vector<double> costs_of_training(Net& net, const Data& data, Index iterations) {
  std::vector<double> costs = shallow::fit(net, data.X, data.Y, descent, {.epochs = iterations}).loss;
  costs.push_back(shallow::loss(net, data.X, data.Y));
  return costs;
}

/// Prints the cost every 1,000 iterations. True if it is the published one as long as rounding does not matter: after
/// some 7,000 steps of this length, the order of additions alone moves the fourth digit.
bool show_costs(const std::vector<double>& costs) {
  const std::vector<double> published{0.693048, 0.288083, 0.254385, 0.233864, 0.226792, 0.222644, 0.219731, 0.217504};
  bool same = true;
  std::puts("\niteration      cost   published");
  for (std::size_t k = 0; 1'000 * k < costs.size(); ++k) {
    const double cost = costs[1'000 * k];
    std::printf("%9zu  %.6f", 1'000 * k, cost);
    if (k < published.size()) {
      std::printf("    %.6f", published[k]);
      same = same && std::abs(cost - published[k]) <= 1e-6;
    }
    std::puts("");
  }
  return same;
}

/// Prints the accuracy after 5,000 iterations for other numbers of hidden units. True if it is the published one.
bool show_hidden_sizes(const Data& data) {
  struct Row {
    Index n_h;
    double published;
    bool exact;  ///< with many units rounding moves a point or two across the boundary
  };
  bool same = true;
  std::puts("\nhidden units   accuracy           published");
  for (const Row& row : {Row{1, 67.5, true}, Row{2, 67.25, true}, Row{3, 90.75, true}, Row{4, 90.5, true},
                         Row{5, 91.25, true}, Row{20, 90.0, false}, Row{50, 90.0, false}}) {
    Net net(2, row.n_h, 1, {.seed = 2});
    shallow::fit(net, data.X, data.Y, descent, {.epochs = 5'000});
    const double right = percent_right(net, data);
    std::printf("%12d    %.2f %%   %s %.2f %%\n", static_cast<int>(row.n_h), right, row.exact ? "        " : "at least",
                row.published);
    same = same && (row.exact ? std::abs(right - row.published) < 1e-9 : right >= row.published);
  }
  return same;
}

/// Left the probability A2 over the plane, the boundary A2 = 0.5 and the data; right the cost.
bool draw(const std::string& file, const Net& net, Index iterations, const Data& data,
          const std::vector<double>& costs) {
  // The plane as a grid of points, one column each.
  constexpr Index n = 241;
  constexpr double edge = 4.8;
  shallow::Matrix<double> grid(2, n * n);
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < n; ++k) {
      grid(0, i * n + k) = edge * (2 * static_cast<double>(k) / (n - 1) - 1);
      grid(1, i * n + k) = edge * (2 * static_cast<double>(i) / (n - 1) - 1);
    }
  }
  const shallow::Matrix<double> probability = net.predict(grid);

  std::ostringstream script;
  gnuplot::write_data(script, "probability", probability.reshaped(n, n).transpose());
  script << "$points << EOD\n";
  for (Index j = 0; j < data.X.cols(); ++j) {
    script << data.X(0, j) << ' ' << data.X(1, j) << ' ' << data.Y(0, j) << '\n';
  }
  script << "EOD\n$cost << EOD\n";
  for (std::size_t k = 0; k < costs.size(); k += 20) script << k << ' ' << costs[k] << '\n';
  script << "EOD\n";

  script << "edge = " << edge << "\nstep = " << 2 * edge / (n - 1) << "\naccuracy = " << percent_right(net, data)
         << "\niterations = " << iterations << R"(
    red = 0xb3402a; blue = 0x2a5f9e; ink = 0x222222
    at(k) = k * step - edge

    # The boundary, as a table of lines.
    set contour base
    set cntrparam levels discrete 0.5
    unset surface
    set table $boundary
    splot $probability matrix using (at($1)):(at($2)):3
    unset table
    unset contour

    set border linecolor rgb 0x999999
    set tics nomirror scale 0.5 textcolor rgb ink
    set multiplot
    set bmargin at screen 0.15; set tmargin at screen 0.91

    set lmargin at screen 0.035; set rmargin at screen 0.385
    set size ratio -1
    set title sprintf("boundary after %d iterations: %.1f %% right", iterations, accuracy) \
        offset 0,-0.4 textcolor rgb ink
    set xrange [-edge:edge]; set yrange [-edge:edge]; set cbrange [0:1]
    set xtics -4,2,4; set ytics -4,2,4
    set palette defined (0 '#a9c6e8', 0.5 '#f8f8f8', 1 '#f2b8a6')
    unset colorbox
    set key at screen 0.21,0.045 center center horizontal Left reverse samplen 0.5 width 2 textcolor rgb ink
    set style line 1 pointtype 7 pointsize 0.65 linecolor rgb blue
    set style line 2 pointtype 7 pointsize 0.65 linecolor rgb red
    plot $probability matrix using (at($1)):(at($2)):3 with image notitle, \
         $boundary using 1:2 with lines linewidth 2.2 linecolor rgb ink notitle, \
         $points using 1:($3 == 0 ? $2 : NaN) with points linestyle 1 title "class 0", \
         $points using 1:($3 == 1 ? $2 : NaN) with points linestyle 2 title "class 1"

    set lmargin at screen 0.46; set rmargin at screen 0.965
    set size noratio
    set title "cost J"
    set xrange [0:10000]; set yrange [0.2:0.7]
    set xtics 0,2000,10000; set ytics 0.2,0.1,0.7
    set xlabel "iteration" offset 0,0.3 textcolor rgb ink
    set grid linetype 1 linecolor rgb 0xe4e4e4
    set label "the network on the left" at iterations,0.222 center offset 0,1 textcolor rgb ink
    plot $cost using 1:2 with lines linewidth 2.5 linecolor rgb ink notitle, \
         $cost using 1:($1 == iterations ? $2 : NaN) with points pointtype 7 pointsize 1.2 linecolor rgb ink notitle
    unset multiplot
)";
  return gnuplot::draw(file, 1100, 480, script.str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string picture = argc > 1 ? argv[1] : "planar.png";
  const Data flower = shallow::datasets::flower();

  Net net(2, 4, 1, {.seed = 2});
  std::cout << net << '\n';
  std::vector<double> costs = costs_of_training(net, flower, 5'000);
  const Net trained = net;
  const double right = percent_right(trained, flower);

  // Gradient descent remembers nothing but the parameters: training goes on where it stopped.
  costs.pop_back();
  const std::vector<double> further = costs_of_training(net, flower, 5'000);
  costs.insert(costs.end(), further.begin(), further.end());

  bool as_published = show_costs(costs);
  std::printf("\naccuracy after 5,000 iterations: %.1f %%\n", right);
  as_published = std::abs(right - 90.5) < 1e-9 && as_published;
  as_published = show_hidden_sizes(flower) && as_published;
  std::puts(as_published ? "\nall as published" : "\nNOT as published");

  const bool drawn = draw(picture, trained, 5'000, flower, costs);
  return as_published && drawn ? 0 : 1;
}
