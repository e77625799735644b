// SPDX-License-Identifier: MIT
/// Prints whatever text the library makes of numbers, in the locale that the argument names: the same in all of them.
/// (Summaries and error messages had its decimal comma.)

#include <shallow/io/csv.hpp>
#include <shallow/shallow.hpp>

#include <clocale>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <locale>
#include <sstream>
#include <string>

namespace {

using namespace shallow;

/// What f() is refused with.
template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no refusal";
}

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

  const DynamicNetwork<double> net(2, {{3, LeakyReLU{0.25}}, {1, Identity{}}}, {.seed = 1});
  const Matrix<double> X = RandomState(1).randn(2, 5);
  const Matrix<double> Y = RandomState(2).randn(1, 5);
  print(net.summary());
  std::ostringstream printed;
  printed << net << '\n' << check_gradients(net, X, Y, MeanSquaredError{});
  print(printed.str());
  print(AnyActivation<double>(LeakyReLU{1234.5}).text());
  print(refusal([] { (Adam{.learning_rate = -0.5}.check)(); }));
  print(refusal([&] { loss(net, X, Matrix<double>(Y.array() + 1.5), BinaryCrossEntropy{}); }));
  print(refusal([&] { StandardScaler<double>(Vector<double>{{1, 2}}, Vector<double>{{1, -0.125}}); }));

  const auto path = std::filesystem::temp_directory_path() / (std::string("shallow_locale_") + name + ".csv");
  const Matrix<double> numbers = X * 12345.6789;
  io::write_csv(path, numbers, {"a", "b"});
  std::ifstream file(path);
  print(std::string(std::istreambuf_iterator<char>(file), {}));
  const auto table = io::read_csv<double>(path);
  std::filesystem::remove(path);
  std::printf("%d\n", int(table.values == numbers));
  return 0;
}
