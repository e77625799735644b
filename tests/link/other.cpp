// SPDX-License-Identifier: MIT
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

shallow::Index columns_seen_by_other(const shallow::Matrix<double>& X) { return X.cols(); }
