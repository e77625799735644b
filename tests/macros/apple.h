// SPDX-License-Identifier: MIT
// Macros of Apple's AssertMacros.h, MacTypes.h, ConditionalMacros.h and Foundation, as old SDKs have them by default.
#define check(assertion) do { if (!(assertion)) {} } while (0)
#define check_noerr(code) do { if ((code) != 0) {} } while (0)
#define verify(assertion) do { if (!(assertion)) {} } while (0)
#define verify_noerr(code) check_noerr(code)
#define require(assertion, label) do { if (!(assertion)) goto label; } while (0)
#define require_noerr(code, label) do { if ((code) != 0) goto label; } while (0)
#define require_string(assertion, label, message) require(assertion, label)
#define require_quiet(assertion, label) require(assertion, label)
#define nrequire(assertion, label) require(!(assertion), label)
#define ncheck(assertion) check(!(assertion))
#define nverify(assertion) verify(!(assertion))
#define check_string(assertion, message) check(assertion)
#define verify_action(assertion, action) do { if (!(assertion)) { action; } } while (0)
#define pascal
#define nil 0
#define Nil 0
#define YES 1
#define NO 0
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ABS(a) ((a) < 0 ? -(a) : (a))
#define noErr 0
#define strong
#define weak
