// SPDX-License-Identifier: MIT

/// \file
/// seeds <format> <folder>: writes the files that a fuzzer starts from, each behind the byte that chooses how it is
/// read. They come from the library's own writers, where there are some. A format that is not known here gets none.

#include "shallow/io/checkpoint.hpp"
#include "shallow/io/csv.hpp"
#include "shallow/io/npy.hpp"
#include "shallow/io/safetensors.hpp"
#include "shallow/random.hpp"
#include "shallow/two_layer_net.hpp"

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace io = shallow::io;
using namespace shallow;

/// Of the choice: the target writes the start of the file.
constexpr unsigned framed = 0x80U;

class Seeds {
 public:
  explicit Seeds(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  void add(unsigned choice, std::string_view bytes) {
    std::string name = std::to_string(count_++);
    name.insert(0, 4 - std::min<std::size_t>(name.size(), 4), '0');
    std::ofstream file(folder_ / name, std::ios::binary);
    file.put(static_cast<char>(choice)).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) throw std::runtime_error("cannot write " + (folder_ / name).string());
  }
  /// The same bytes, too, as a file that is cut off, goes on, and has a byte changed.
  void add_with_mistakes(unsigned choice, std::string bytes) {
    add(choice, bytes);
    add(choice, bytes + "x");
    if (bytes.empty()) return;
    add(choice, std::string_view(bytes).substr(0, bytes.size() - 1));
    add(choice, std::string_view(bytes).substr(0, bytes.size() / 2));
    bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 0x20);
    add(choice, bytes);
  }

  /// What a writer of the library writes.
  template <class Write>
  std::string written(Write&& write) const {
    const fs::path path = folder_ / "written";
    write(path);
    std::ifstream file(path, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    file.close();
    fs::remove(path);
    return bytes;
  }

 private:
  fs::path folder_;
  int count_ = 0;
};

// ---- .npy -----------------------------------------------------------------------------------------------------------

template <class T>
void npy_of(Seeds& seeds, unsigned choice) {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{2, 3}, {1, 1}, {3, 1}, {0, 4}, {5, 7}}) {
    Eigen::Matrix<T, Dynamic, Dynamic> matrix(rows, cols);
    for (Index k = 0; k < matrix.size(); ++k) matrix(k) = static_cast<T>(k);
    for (const io::NpyOrder order : {io::NpyOrder::columns, io::NpyOrder::rows}) {
      const std::string bytes = seeds.written([&](const fs::path& path) { io::write_npy(path, matrix, order); });
      seeds.add(choice, bytes);
      const std::size_t header = 10;
      const std::string data = bytes.substr(bytes.find('\n') + 1);
      const std::string text = bytes.substr(header, bytes.find_last_of('}', bytes.find('\n')) + 1 - header);
      seeds.add(choice | framed, text + std::string(1, '\0') + data);
    }
  }
}

void npy(Seeds& seeds) {
  npy_of<float>(seeds, 0);
  npy_of<double>(seeds, 1);
  npy_of<std::int8_t>(seeds, 2);
  npy_of<std::int16_t>(seeds, 3);
  npy_of<std::int32_t>(seeds, 4);
  npy_of<std::int64_t>(seeds, 5);
  npy_of<std::uint8_t>(seeds, 6);
  npy_of<std::uint16_t>(seeds, 7);
  npy_of<std::uint32_t>(seeds, 8);
  npy_of<std::uint64_t>(seeds, 9);
  seeds.add_with_mistakes(0, seeds.written([](const fs::path& path) {
    io::write_npy(path, Matrix<float>{{1, 2, 3}, {4, 5, 6}});
  }));
  // As NumPy writes them: big endian, one dimension, none, a longer length of the header.
  const std::string eight(8, '\x3F');
  seeds.add(framed, std::string("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }\n\0", 59) + eight);
  seeds.add(framed,
            std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n\0", 57) + "\x3F\x3F\x3F\x3F");
  seeds.add(framed | 0x41U, std::string("{'shape':(1,1,),\"descr\":\"<f8\",'fortran_order':True}\0", 52) + eight);
  // Two dimensions whose product wraps around to the right size.
  seeds.add(framed,
            std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775809, 2), }\0", 78) + eight);
  seeds.add(framed, std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775808), }\0", 78));
}

// ---- CSV ------------------------------------------------------------------------------------------------------------

void csv(Seeds& seeds) {
  constexpr unsigned no_header = 1;
  constexpr unsigned missing = 2;
  constexpr unsigned as_float = 4;
  constexpr unsigned semicolon = 1U << 3U;
  constexpr unsigned tab = 2U << 3U;
  const auto written = [&](const auto& matrix, const std::vector<std::string>& names, char separator = ',') {
    return seeds.written([&](const fs::path& path) { io::write_csv(path, matrix, names, separator); });
  };
  const Matrix<double> matrix = RandomState(1).randn<double>(3, 4) * 1e5;
  Matrix<float> gaps = RandomState(2).randn<float>(2, 3);
  gaps(1, 1) = std::numeric_limits<float>::quiet_NaN();
  seeds.add_with_mistakes(0, written(matrix, {"size", "price, net", "a \"quoted\"\nname"}));
  seeds.add_with_mistakes(no_header, written(matrix, {}));
  seeds.add(semicolon, written(matrix, {"a", "b;c", "d"}, ';'));
  seeds.add(tab | no_header, written(matrix, {}, '\t'));
  seeds.add(missing | as_float, written(gaps, {"a", "b"}));
  seeds.add(as_float, written(gaps, {"a", "b"}));
  // The quoted mark belongs to the name, also when it is written again.
  seeds.add(0, "\"\xEF\xBB\xBFname\"\n0");
  for (const char* text : {"a,b\r\n1,2\r\n3,4", "a\r1\r-2.5e-3\r", "\xEF\xBB\xBF\"a\",b\n\"1\", 2 \n\"+3\",\t4\n",
                           "a,b\n,NA\nnull,NaN\nnan,5\n", "a,b\n1\n", "a,b\n1,2,3\n", "a\n\"1", "a\n\"1\"2\n",
                           "a\n1e400\n", "a\n1e-400\n", "a\ninf\n", "\"a\r\nb\rc\"\n1\n", "a\n"}) {
    for (const unsigned choice : {0U, no_header, missing, missing | no_header | as_float}) seeds.add(choice, text);
  }
  // One number.
  const std::string zeros(400, '0');
  for (const std::string& text : {std::string("-1.5"), std::string("+2"), std::string("1e400"), std::string("-1e-400"),
                                  "0." + zeros + "1", "1" + zeros, "1" + zeros + "e-100", "0." + zeros + "1e400",
                                  "." + zeros + "1e+5", std::string("3.4028236e38")}) {
    seeds.add(framed, text);
    seeds.add(framed | as_float, text);
  }
}

// ---- IDX ------------------------------------------------------------------------------------------------------------

std::string idx_file(int type, std::initializer_list<std::uint32_t> shape, std::string_view values) {
  std::string bytes{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes.push_back(static_cast<char>(size >> shift & 0xFFU));
  }
  return bytes.append(values);
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  constexpr int gzip_window = 15 + 16;
  if (deflateInit2(&stream, 9, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string packed(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  std::string given(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(given.data());
  stream.avail_in = static_cast<uInt>(given.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate");
  return packed;
}

void idx(Seeds& seeds) {
  const std::string values = "\x3F\x80 values of twenty-four bytes";
  const auto add = [&](unsigned choice, const std::string& bytes) {
    seeds.add(choice, bytes);
    seeds.add(choice, gzip(bytes));
    seeds.add(choice | framed, bytes);
  };
  constexpr int types[] = {0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E};
  constexpr std::size_t sizes[] = {1, 1, 2, 4, 4, 8};
  for (unsigned choice = 0; choice < 6; ++choice) {
    const std::size_t bytes = 3 * sizes[choice];
    add(choice, idx_file(types[choice], {3}, values.substr(0, bytes)));
    add(choice, idx_file(types[choice], {1, 3}, values.substr(0, bytes)));
    add(choice, idx_file(types[choice], {1, 1, 1, 1, 1, 1, 1, 3}, values.substr(0, bytes)));
  }
  const std::string images = idx_file(0x08, {2, 3, 4}, values.substr(0, 24));
  const std::string labels = idx_file(0x08, {5}, std::string("\x00\x01\x02\x09\xFF", 5));
  for (const unsigned choice : {6U, 7U, 8U}) {
    add(choice, images);
    add(choice, labels);
  }
  // Compressed as far as it goes, in two members, and with something behind.
  seeds.add(6, gzip(idx_file(0x08, {100, 10, 10}, std::string(10000, '\0'))));
  seeds.add(6, gzip(images.substr(0, 20)) + gzip(images.substr(20)));
  seeds.add(6, gzip(images) + "what gzip ignores");
  seeds.add_with_mistakes(6, images);
  seeds.add_with_mistakes(6, gzip(images));
  seeds.add_with_mistakes(8, labels);
  // More than there is, dimensions whose product wraps around, dimensions of zero, another type, none or too many.
  for (const auto& bytes : {idx_file(0x08, {0xFFFFFFFFU, 0xFFFFFFFFU, 0xFFFFFFFFU}, "1"),
                            idx_file(0x08, {0x80000000U, 0x80000000U, 0x80000000U, 8, 3}, "123"),
                            idx_file(0x08, {0}, ""), idx_file(0x08, {4, 0}, ""), idx_file(0x0A, {1}, "1"),
                            idx_file(0x08, {}, "1"), idx_file(0x08, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "1")}) {
    add(0, bytes);
    add(6, bytes);
  }
}

// ---- safetensors ----------------------------------------------------------------------------------------------------

void safetensors(Seeds& seeds) {
  // As the file stands, and as the target frames it: header, a zero, data.
  const auto add = [&](unsigned choice, const std::string& bytes) {
    seeds.add(choice, bytes);
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8U | static_cast<unsigned char>(bytes[i]);
    const std::size_t size = static_cast<std::size_t>(length);
    seeds.add(choice | framed, bytes.substr(8, size).append(1, '\0').append(bytes.substr(8 + size)));
  };
  const auto saved = [&](const auto& model, const io::ModelInfo& info = {}) {
    return seeds.written([&](const fs::path& path) { io::save(model, path, info); });
  };
  const Matrix<float> X = RandomState(1).randn<float>(2, 9);
  const DynamicNetwork<float> deep(2, {{3, LeakyReLU{.slope = 0.3}}, {2, ReLU{}}, {2, Identity{}}, {2, Softmax{}}},
                                   {.seed = 1});
  const DynamicNetwork<double> wide(3, {{2, Tanh{}}, {1, Sigmoid{}}}, {.seed = 2});
  const Layer<double, LeakyReLU> one(2, 1, {.activation = {.slope = 0.5}});
  const TwoLayerNet<float, Tanh, Sigmoid> two(2, 2, 1, {.seed = 3});
  const Network<Layer<float, ReLU, 2, 3>, Layer<float, Softmax, 3, 2>> fixed({.seed = 4});
  for (const unsigned choice : {0U, 1U, 7U})
    add(choice, saved(deep, {.loss = "a loss", .classes = {"yes", "n\xC3\xB6"}}));
  for (const unsigned choice : {0U, 1U, 2U, 0x21U}) add(choice, saved(wide));
  for (const unsigned choice : {3U, 7U}) add(choice, saved(Scaled(StandardScaler<float>(X), deep)));
  add(3, saved(Scaled(StandardScaler<double>(RandomState(2).randn<double>(3, 5)), wide)));
  add(4, saved(Scaled(StandardScaler<double>(X.cast<double>()), one)));
  add(4, saved(one));
  add(5, saved(two));
  add(6, saved(fixed));
  seeds.add_with_mistakes(0, saved(two));

  // Of another program: no metadata, so that activations are given (bits 4 and 5: how many), in another order, more
  // than is used of space, names and types that no network has.
  const std::string zeros(24, '\0');
  for (
      const std::string header :
      {R"({"0.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"0.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       R"({"3.bias":{"dtype":"F32","shape":[1],"data_offsets":[20,24]},"3.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[16,20]},)"
       R"("2.bias":{"shape":[1],"dtype":"F32","data_offsets":[12,16]},"2.weight":{"dtype":"F32","data_offsets":[0,12],"shape":[1,3]}}  )",
       R"({"a":{"dtype":"BOOL","shape":[2,1,1],"data_offsets":[0,2]},"b":{"dtype":"I64","shape":[],"data_offsets":[2,10]}})",
       R"({"__metadata__":{"shallow.means":"1 2","shallow.scales":"1 0","shallow.activations":"leaky_relu(1), tanh","shallow.classes":"[\"a\"]"}})"}) {
    const std::size_t size = header.find("[20,24]") != std::string::npos  ? 24
                             : header.find("[8,12]") != std::string::npos ? 12
                             : header.find("BOOL") != std::string::npos   ? 10
                                                                          : 0;
    for (const unsigned choice : {0x00U, 0x10U, 0x11U, 0x20U, 0x31U, 0x03U, 0x05U, 0x07U}) {
      seeds.add(choice | framed, header + std::string(1, '\0') + zeros.substr(0, size));
    }
  }
}

// ---- Checkpoints ----------------------------------------------------------------------------------------------------

void checkpoint(Seeds& seeds) {
  TwoLayerNet<float> net(2, 2, 1);
  TrainingState<Momentum, float> state;
  const Matrix<float> X{{0.5F, -1.0F, 3.0F}, {2.0F, 0.25F, 1.0F}};
  const Matrix<float> Y{{1.0F, 0.0F, 1.0F}};
  for (int part = 0; part < 3; ++part) {
    const std::string bytes = seeds.written([&](const fs::path& path) {
      io::Checkpoint file(path, net, state);
      file.save();
      fit(net, X, Y, Momentum{}, {.epochs = part, .batch_size = 2, .on_epoch = file}, state);
    });
    seeds.add_with_mistakes(0, bytes);
    const std::size_t header = static_cast<std::size_t>(detail::little_endian(bytes.data(), 8));
    seeds.add(framed, bytes.substr(8, header) + std::string(1, '\0') + bytes.substr(8 + header));
    state.random.normal();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: seeds <format> <folder>\n", stderr);
    return 2;
  }
  try {
    const std::string_view format = argv[1];
    Seeds seeds(argv[2]);
    if (format == "npy") npy(seeds);
    if (format == "csv") csv(seeds);
    if (format == "idx") idx(seeds);
    if (format == "safetensors") safetensors(seeds);
    if (format == "checkpoint") checkpoint(seeds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "seeds: %s\n", error.what());
    return 1;
  }
}
