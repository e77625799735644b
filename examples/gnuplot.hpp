// SPDX-License-Identifier: MIT
#pragma once

// Pictures for the examples, drawn by gnuplot where it is installed. A picture is a script in gnuplot's own language,
// with the data inside of it, which a child process reads from a pipe: no library to link, no files to leave behind.

#include <Eigen/Core>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <sstream>
#include <string>

namespace gnuplot {

/// `text` as a string constant: whatever is in it, spaces and quotes included, stands for itself.
inline std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "''" : std::string(1, c);
  return result + "'";
}

/// The data block $name: a line for every row.
template <class Derived>
void write_data(std::ostream& script, const std::string& name, const Eigen::MatrixBase<Derived>& rows) {
  const Eigen::IOFormat plain(6, Eigen::DontAlignCols, " ", "\n");
  script << '$' << name << " << EOD\n" << rows.format(plain) << "\nEOD\n";
}

/// True if gnuplot is installed.
inline bool installed() {
#ifdef _WIN32
  return std::system("gnuplot --version > NUL 2>&1") == 0;
#else
  return std::system("gnuplot --version > /dev/null 2>&1") == 0;
#endif
}

/// Lets gnuplot read `script`, without anybody's settings (-d); true if it did so without complaint, which otherwise
/// stands on stderr.
inline bool run(const std::string& script) {
#ifdef _WIN32
  std::FILE* const pipe = _popen("gnuplot -d", "w");
  const auto close = [](std::FILE* p) { return _pclose(p); };
#else
  // A gnuplot that ends before it has read everything is an error to report, not a reason to be killed.
  const auto on_broken_pipe = std::signal(SIGPIPE, SIG_IGN);
  std::FILE* const pipe = popen("gnuplot -d", "w");
  const auto close = [on_broken_pipe](std::FILE* p) {
    const int status = pclose(p);
    std::signal(SIGPIPE, on_broken_pipe);
    return status;
  };
#endif
  if (!pipe) return false;
  const bool written = std::fputs(script.c_str(), pipe) >= 0;
  return close(pipe) == 0 && written;
}

/// Draws a PNG of this many pixels and says on stdout where it is or what is missing. False if gnuplot is there, but
/// could not do it.
inline bool draw(const std::string& file, int width, int height, const std::string& script) {
  if (!installed()) {
    std::puts("no picture: it needs gnuplot (sudo apt-get install gnuplot-nox)");
    return true;
  }
  std::ostringstream all;
  all << "set terminal pngcairo size " << width << ',' << height << " font 'sans,12' background 'white'\n"
      << "set encoding utf8\n"
      << "set output " << quoted(file) << '\n'
      << script << "\nunset output\n";
  const bool drawn = run(all.str());
  std::printf(drawn ? "picture: %s\n" : "no picture: gnuplot could not draw %s\n", file.c_str());
  return drawn;
}

}  // namespace gnuplot
