// SPDX-License-Identifier: MIT
// Macros of engines, loggers and test frameworks: Unreal, glog, Abseil, PyTorch, Catch, GoogleTest, syslog, Android.
#define check(expr) { if (!(expr)) __builtin_trap(); }
#define checkf(expr, format, ...) { if (!(expr)) __builtin_trap(); }
#define checkSlow(expr)
#define checkCode(code) do { code; } while (false)
#define checkNoEntry() __builtin_trap()
#define verify(expr) { if (!(expr)) __builtin_trap(); }
#define ensure(expr) (expr)
#define ensureMsgf(expr, ...) (expr)
#define TEXT(x) x
#define PI (3.1415926535897932f)
#define INDEX_NONE -1
#define PLATFORM_LINUX 1
#define UPROPERTY(...)
#define FORCEINLINE inline
#define LOG(severity) severity
#define VLOG(level) level
#define CHECK(...) ((void)(__VA_ARGS__))
#define CHECK_EQ(a, b) ((a) == (b))
#define DCHECK(...) ((void)0)
#define PCHECK(...) ((void)0)
#define REQUIRE(...) ((void)(__VA_ARGS__))
#define INFO(...) ((void)0)
#define WARN(...) ((void)0)
#define FAIL(...) ((void)0)
#define SUCCEED(...) ((void)0)
#define SECTION(...) if (true)
#define TEST(suite, name) void suite##_##name()
#define TEST_CASE(...) void test_case()
#define EXPECT_EQ(a, b) ((a) == (b))
#define GIVEN(text) if (true)
#define WHEN(text) if (true)
#define THEN(text) if (true)
#define Assert(condition) ((void)0)
#define DEBUG 1
#define TRACE(...) ((void)0)
#define ERROR 0
#define WARNING 1
#define FATAL 3
#define NOTICE 4
#define log_info(...) ((void)0)
#define log_error(...) ((void)0)
#define fatal(...) ((void)0)
#define unlikely(x) (x)
#define likely(x) (x)
#define UNUSED(x) (void)(x)
#define STRINGIFY(x) #x
#define CONCAT(a, b) a##b
