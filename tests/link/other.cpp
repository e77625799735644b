// SPDX-License-Identifier: MIT
#include "shallow/shallow.hpp"

#if __has_include(<zlib.h>)
#include "shallow/io/idx.hpp"
#endif

shallow::Index columns_seen_by_other(const shallow::Matrix<double>& X);

shallow::Index columns_seen_by_other(const shallow::Matrix<double>& X) { return X.cols(); }
