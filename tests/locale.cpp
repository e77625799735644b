// SPDX-License-Identifier: MIT
/// Prints whatever text the library makes of numbers, in the locale that the argument names: the same in all of them.
/// (Summaries and error messages had its decimal comma.)

#include <shallow/io/csv.hpp>
#include <shallow/shallow.hpp>

#include "temporary_folder.hpp"

#include <clocale>
#include <cstdio>
#include <exception>
#include <locale>
#include <sstream>
#include <string>

namespace {

using namespace shallow;

void print(const std::string& text) { std::printf("%s\n", text.c_str()); }

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "C";
  if (std::setlocale(LC_ALL, name.c_str()) == nullptr) {
    std::printf("no locale %s here\n", name.c_str());
    return 1;
  }
  std::locale::global(std::locale(name.c_str()));
  // What else would the rest of this show?
  const char* const point = std::localeconv()->decimal_point;
  if ((point[0] == '.') != (name == "C")) {
    std::printf("decimal point %s in the locale %s\n", point, name.c_str());
    return 1;
  }

  // With sizes of four digits, which some group.
  print(DynamicNetwork<double>(2, {{1'234, LeakyReLU{0.25}}, {1, Identity{}}}).summary());
  const DynamicNetwork<double> net(2, {{3, LeakyReLU{0.25}}, {1, Identity{}}}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(2, 5);
  const Matrix<double> Y = RandomState(2).randn(1, 5);
  std::ostringstream printed;
  printed << net << '\n' << check_gradients(net, X, Y, MeanSquaredError{});
  print(printed.str());
  print(AnyActivation<double>(LeakyReLU{1234.5}).text());
  print(refusal<std::exception>([] { (Adam{.learning_rate = -0.5}.check)(); }));
  print(refusal<std::exception>([&] { loss(net, X, Matrix<double>(Y.array() + 1.5), BinaryCrossEntropy{}); }));
  print(refusal<std::exception>([&] { StandardScaler<double>(Vector<double>{{1, 2}}, Vector<double>{{1, -0.125}}); }));

  const TemporaryFolder folder;
  const auto path = folder / "numbers.csv";
  const Matrix<double> numbers = X * 12345.6789;
  io::write_csv(path, numbers, {"a", "b"});
  print(content_of(path));
  return io::read_csv<double>(path).values == numbers ? 0 : 1;
}
