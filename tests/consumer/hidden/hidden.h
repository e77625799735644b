// SPDX-License-Identifier: MIT
#pragma once

/* What a shared library that uses shallow inside shows to the world: one function, of C.
   0: `accuracy` is set; 1: `rows` of the input do not suit the data. */
#ifdef __cplusplus
extern "C"
#endif
    int
    hidden_accuracy(int rows, double* accuracy);
