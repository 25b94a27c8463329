// The handler must come back by a system call of its own (rt_sigreturn), made by code of the C
// library that has no name: the first call of a thread is handed over to learn where that is, and
// from then on calls from there pass.
#include "tests/probes/audit/region_watch.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace mb {
namespace {

constexpr int kDispatch = 59, kOff = 0, kOn = 1;  // PR_SET_SYSCALL_USER_DISPATCH
constexpr std::size_t kReturnCodeBytes = 16;      // of the handler's way back
constexpr std::size_t kMostNumbers = 512;

// Of a thread, in memory that outlives it: the kernel reads the byte at each of its calls.
struct Slot {
  volatile char hand_over = 0;
  bool armed = false;
  std::uintptr_t way_back = 0;
  std::array<long, kMostNumbers> calls{};
};
std::array<Slot, 256> slots;
std::atomic<std::size_t> slots_taken{0};

thread_local Slot* slot = nullptr;
thread_local bool watched = false;
thread_local long allocations = 0;

Slot& my_slot() {
  if (slot == nullptr) slot = &slots.at(slots_taken.fetch_add(1));
  return *slot;
}

#ifdef __x86_64__

[[gnu::noinline]] void on_system_call(int, siginfo_t* info, void* context) {
  Slot& mine = *slot;
  const char was = mine.hand_over;
  mine.hand_over = 0;
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto number = static_cast<std::size_t>(info->si_syscall);
  if (!mine.armed) {  // the learning call: its result is not wanted
    mine.way_back = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
    return;
  }
  ++mine.calls[std::min(number, kMostNumbers - 1)];
  const int error = errno;
  const long result =
      syscall(info->si_syscall, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
              registers[REG_R10], registers[REG_R8], registers[REG_R9]);
  registers[REG_RAX] = result == -1 ? -errno : result;
  errno = error;
  mine.hand_over = was;
}

bool arm(Slot& mine) {
  if (mine.armed) return true;
  struct sigaction action {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  if (prctl(kDispatch, kOn, 0, 0, &mine.hand_over) != 0) return false;
  mine.hand_over = 1;
  syscall(SYS_getppid);
  mine.hand_over = 0;
  mine.armed = mine.way_back != 0 &&
               prctl(kDispatch, kOn, mine.way_back, kReturnCodeBytes, &mine.hand_over) == 0;
  return mine.armed;
}

#else
bool arm(Slot&) { return false; }
#endif

long faults_of_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

}  // namespace

bool system_calls_can_be_watched() { return arm(my_slot()); }

RegionWatch::RegionWatch() {
  Slot& mine = my_slot();
  arm(mine);
  mine.calls = {};
  allocations = 0;
  faults_before_ = faults_of_this_thread();
  watched = true;
  mine.hand_over = mine.armed ? 1 : 0;
}

void RegionWatch::stop(RegionCounts& counts) {
  slot->hand_over = 0;
  watched = false;
  counts.faults = faults_of_this_thread() - faults_before_;
  counts.allocations = allocations;
  counts.system_calls.clear();
  for (std::size_t number = 0; number < kMostNumbers; ++number) {
    if (slot->calls[number] > 0)
      counts.system_calls[static_cast<long>(number)] = slot->calls[number];
  }
}

// For the functions below.
void note_allocation() {
  if (watched) ++allocations;
}

}  // namespace mb

extern "C" {

void* malloc(std::size_t bytes) noexcept {
  mb::note_allocation();
  return __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t bytes) noexcept {
  mb::note_allocation();
  return __libc_calloc(count, bytes);
}

void* realloc(void* memory, std::size_t bytes) noexcept {
  mb::note_allocation();
  return __libc_realloc(memory, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  mb::note_allocation();
  return __libc_memalign(alignment, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  mb::note_allocation();
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  mb::note_allocation();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}
