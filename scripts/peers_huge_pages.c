// Preloaded into likwid-bench by compare_peers.py: its large buffers, which it takes by
// posix_memalign, on transparent huge pages. glibc's tunable (glibc.malloc.hugetlb=1) does that for
// other programs, but not for this one, whose allocator asks too early to see it.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { kHugePage = 2 << 20 };

int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  const size_t huge = bytes >= kHugePage;
  *memory = aligned_alloc(huge ? kHugePage : alignment,
                          (bytes + kHugePage - 1) / kHugePage * kHugePage);
  if (*memory == NULL) return ENOMEM;
  if (huge) madvise(*memory, bytes, MADV_HUGEPAGE);
  return 0;
}
