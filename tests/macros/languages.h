// SPDX-License-Identifier: MIT
// Macros of headers that embed languages, data bases and libraries of mathematics: R, Tcl, Perl, PostgreSQL,
// zconf.h, libjpeg, OpenCV in C.
#define length Rf_length
#define error Rf_error
#define warning Rf_warning
#define mkChar Rf_mkChar
#define allocVector Rf_allocVector
#define PROTECT(s) Rf_protect(s)
#define nrows Rf_nrows
#define ncols Rf_ncols
#define duplicate Rf_duplicate
#define isNull Rf_isNull
#define isMatrix Rf_isMatrix
#define isVector Rf_isVector
#define install Rf_install
#define eval Rf_eval
#define cons Rf_cons
#define TYPEOF(x) 0
#define INTEGER(x) x
#define REAL(x) x
#define LENGTH(x) x
#define Free(p) free(p)
#define Calloc(n, t) calloc(n, sizeof(t))
#define Realloc(p, n, t) realloc(p, (n) * sizeof(t))
#define CONST const
#define VOID void
#define EXTERN extern
#define panic Tcl_Panic
#define do_open Perl_do_open
#define do_close Perl_do_close
#define Copy(s, d, n, t) memcpy(d, s, (n) * sizeof(t))
#define Move(s, d, n, t) memmove(d, s, (n) * sizeof(t))
#define Zero(d, n, t) memset(d, 0, (n) * sizeof(t))
#define Stat(f, b) stat(f, b)
#define Min(x, y) ((x) < (y) ? (x) : (y))
#define Max(x, y) ((x) > (y) ? (x) : (y))
#define Abs(x) ((x) >= 0 ? (x) : -(x))
#define Trap(condition) ((void)0)
#define lengthof(array) (sizeof(array) / sizeof((array)[0]))
#define foreach(cell, l) for (cell = l;;)
#define FAR
#define GETJOCTET(value) (value)
#define GLOBAL(type) type
#define LOCAL(type) static type
#define METHODDEF(type) static type
#define INLINE inline
#define CV_MAT_DEPTH(flags) (flags)
#define CV_8U 0
