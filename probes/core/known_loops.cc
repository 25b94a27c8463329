// The spin loop is assembly, so that no compiler changes its length.
#include "probes/core/known_loops.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>
#include <memory>

namespace mb {
namespace {

void walk() {
  const auto memory = std::make_unique<unsigned char[]>(kWalkBytes);  // touched: zeroed
  unsigned sum = 0;
  for (long line = 0; line < kWalkLines; ++line) {
    sum += memory[static_cast<std::size_t>(line) * 64];
    asm volatile("" : "+r"(sum));
  }
}

void touch() {
  const long page = ::sysconf(_SC_PAGESIZE);
  const auto bytes = static_cast<std::size_t>(kTouchPages * page);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);  // else one fault for 512 pages
  auto* bytes_of = static_cast<volatile unsigned char*>(memory);
  for (long i = 0; i < kTouchPages; ++i) bytes_of[i * page] = 1;
  ::munmap(memory, bytes);
}

long long cpu_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

void spin() {
  long turns = kSpinTurns;
#if defined(__x86_64__)
  asm volatile(
      "1: dec %0\n\t"
      "jnz 1b\n\t"
      : "+r"(turns)
      :
      : "cc");
#elif defined(__aarch64__)
  asm volatile(
      "1: subs %0, %0, #1\n\t"
      "b.ne 1b\n\t"
      : "+r"(turns)
      :
      : "cc");
#else
  for (; turns > 0; --turns) asm volatile("" : "+r"(turns));
#endif
}

long long spin_instructions() {
#if defined(__x86_64__) || defined(__aarch64__)
  return 2LL * kSpinTurns;
#else
  return 0;
#endif
}

long long run_loop(KnownLoop loop) {
  const long long begin = cpu_nanoseconds();
  switch (loop) {
    case KnownLoop::kSpin:
      spin();
      return 0;
    case KnownLoop::kWalk:
      walk();
      return 0;
    case KnownLoop::kTouch:
      touch();
      return 0;
    case KnownLoop::kSleepless:
      spin();
      return cpu_nanoseconds() - begin;
  }
  return 0;
}

}  // namespace mb
