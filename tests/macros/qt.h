// SPDX-License-Identifier: MIT
// Macros of Qt (without QT_NO_KEYWORDS), wxWidgets, MFC, Boost.Foreach and GLib.
#define emit
#define slots
#define signals public
#define foreach(variable, container) for (variable : container)
#define forever for (;;)
#define tr(text) text
#define SIGNAL(a) #a
#define SLOT(a) #a
#define METHOD(a) #a
#define BOOST_FOREACH(variable, container) for (variable : container)
#define DEBUG_NEW new
#define THIS_FILE __FILE__
#define TRACE(...)
#define ASSERT(f)
#define VERIFY(f) ((void)(f))
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#define ABS(a) (((a) < 0) ? -(a) : (a))
#define CLAMP(x, low, high) (((x) > (high)) ? (high) : (((x) < (low)) ? (low) : (x)))
#define TRUE 1
#define FALSE 0
#define N_(text) text
#define _(text) text
