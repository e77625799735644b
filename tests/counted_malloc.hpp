// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Replaces malloc and its kin for the whole process, to count: glibc keeps its own under the names __libc_*. Eigen and
/// zlib allocate by malloc, past operator new. For one translation unit of a program, on Linux, without sanitizers.

#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

/// What has been allocated.
namespace counted {
inline bool counting = false;  ///< whether the next two count
inline long allocations = 0;
inline std::size_t bytes = 0;
inline std::size_t live = 0;  ///< bytes that are allocated now
inline std::size_t peak = 0;  ///< the most that ever were

inline void* taken(void* p, std::size_t size) {
  if (counting) {
    ++allocations;
    bytes += size;
  }
  live += ::malloc_usable_size(p);
  peak = std::max(peak, live);
  return p;
}
inline void given_back(void* p) { live -= ::malloc_usable_size(p); }
}  // namespace counted

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): the names are glibc's
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* p, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* p);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(std::size_t size) { return counted::taken(__libc_malloc(size), size); }
void* calloc(std::size_t n, std::size_t size) { return counted::taken(__libc_calloc(n, size), n * size); }
void* realloc(void* p, std::size_t size) {
  counted::given_back(p);
  return counted::taken(__libc_realloc(p, size), size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  return counted::taken(__libc_memalign(alignment, size), size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  *p = memalign(alignment, size);
  return *p ? 0 : ENOMEM;
}
void free(void* p) {
  counted::given_back(p);
  __libc_free(p);
}
}
