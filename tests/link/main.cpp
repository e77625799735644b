// SPDX-License-Identifier: MIT
//
// Everything included in two translation units: a function that is neither a template nor inline would be there twice.
#include "shallow/io/csv.hpp"
#include "shallow/io/firmware.hpp"
#include "shallow/io/npy.hpp"
#include "shallow/shallow.hpp"
#if __has_include(<zlib.h>)
#include "shallow/io/idx.hpp"
#endif
#if __has_include(<nlohmann/json.hpp>)
#include "shallow/io/safetensors.hpp"
#endif
#if __has_include(<protozero/pbf_builder.hpp>)
#include "shallow/io/onnx.hpp"
#endif

shallow::Index columns_seen_by_other(const shallow::Matrix<double>& X);

int main() { return columns_seen_by_other(shallow::Matrix<double>::Zero(2, 3)) == 3 ? 0 : 1; }
