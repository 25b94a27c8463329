// A library for LD_PRELOAD in which the n-th call of one function fails, from main() on. The
// environment says what:
//   FAULT_CALL     name of the function as in the tables below, or `new` (operator new)
//   FAULT_N        which call fails, counted from 1 in each process
//   FAULT_ERRNO    what it says (a number)
//   FAULT_MODE     transient (that call alone) or persistent (that call and all later ones)
//   FAULT_PROGRAM  only in programs of this name (the last part of their path)
//   FAULT_LOG      a file that gets a line when a call was made to fail: else n lies past the end
//
// `new` is C++'s share of malloc: `malloc` also fails inside C libraries, some of which (hwloc) do
// not look at what it returns. Calls that libraries make to themselves (stdio's own writes) pass
// by.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <new>

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {

struct Plan {
  const char* call = nullptr;
  long n = 0;
  int error = 0;
  bool persistent = false;
  const char* log = nullptr;
};
Plan plan;
std::atomic<bool> armed{false};
std::atomic<long> calls{0};

// Written with bare system calls: every other way may be the one that is made to fail.
void say_that_it_fired() {
  if (plan.log == nullptr) return;
  const long fd = ::syscall(SYS_openat, AT_FDCWD, plan.log, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0) return;
  ::syscall(SYS_write, fd, "fired\n", 6);
  ::syscall(SYS_close, fd);
}

// True, with errno set, when this call of `name` is to fail.
bool fails(const char* name) {
  if (!armed.load(std::memory_order_relaxed) || strcmp(name, plan.call) != 0) return false;
  const long now = calls.fetch_add(1) + 1;
  if (plan.persistent ? now < plan.n : now != plan.n) return false;
  if (now == plan.n) say_that_it_fired();
  errno = plan.error;
  return true;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_this_program(const char* wanted) {
  if (wanted == nullptr) return true;
  const char* slash = strrchr(program_invocation_name, '/');
  return strcmp(slash == nullptr ? program_invocation_name : slash + 1, wanted) == 0;
}

using Main = int(int, char**, char**);
Main* real_main = nullptr;

int armed_main(int argc, char** argv, char** envp) {
  const char* call = getenv("FAULT_CALL");
  const char* n = getenv("FAULT_N");
  if (call != nullptr && n != nullptr && is_this_program(getenv("FAULT_PROGRAM"))) {
    const char* error = getenv("FAULT_ERRNO");
    const char* mode = getenv("FAULT_MODE");
    plan = {call, atol(n), error == nullptr ? EIO : atoi(error),
            mode != nullptr && strcmp(mode, "persistent") == 0, getenv("FAULT_LOG")};
    armed = true;
  }
  const int code = real_main(argc, argv, envp);
  armed = false;
  return code;
}

long fail_long() { return -1; }

}  // namespace

extern "C" {

int __libc_start_main(Main* main, int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*rtld_fini)(), void* stack_end) {
  real_main = main;
  using Start = int(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*);
  return next<Start>("__libc_start_main")(armed_main, argc, argv, init, fini, rtld_fini, stack_end);
}

void* malloc(size_t bytes) { return fails("malloc") ? nullptr : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) {
  return fails("malloc") ? nullptr : __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  return fails("malloc") ? nullptr : __libc_realloc(memory, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  if (fails("malloc")) return ENOMEM;
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return fails("malloc") ? nullptr : __libc_memalign(alignment, bytes);
}

void* mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  static auto* const real = next<decltype(mmap)>("mmap");
  return fails("mmap") ? MAP_FAILED : real(at, bytes, protection, flags, fd, offset);
}
void* mmap64(void* at, size_t bytes, int protection, int flags, int fd, off64_t offset) {
  return mmap(at, bytes, protection, flags, fd, offset);
}
int mprotect(void* at, size_t bytes, int protection) {
  static auto* const real = next<decltype(mprotect)>("mprotect");
  return fails("mprotect") ? -1 : real(at, bytes, protection);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  if (fails("open")) return -1;
  return static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode));
}
int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  return openat(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  return openat(AT_FDCWD, path, flags, mode);
}
FILE* fopen(const char* path, const char* mode) {
  static auto* const real = next<decltype(fopen)>("fopen");
  return fails("open") ? nullptr : real(path, mode);
}
FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }

ssize_t read(int fd, void* to, size_t bytes) {
  return fails("read") ? -1 : ::syscall(SYS_read, fd, to, bytes);
}
ssize_t write(int fd, const void* from, size_t bytes) {
  return fails("write") ? -1 : ::syscall(SYS_write, fd, from, bytes);
}
ssize_t pread64(int fd, void* to, size_t bytes, off64_t at) {
  return fails("read") ? -1 : ::syscall(SYS_pread64, fd, to, bytes, at);
}
ssize_t pread(int fd, void* to, size_t bytes, off_t at) { return pread64(fd, to, bytes, at); }
ssize_t pwrite64(int fd, const void* from, size_t bytes, off64_t at) {
  return fails("write") ? -1 : ::syscall(SYS_pwrite64, fd, from, bytes, at);
}
ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) {
  return pwrite64(fd, from, bytes, at);
}
int fsync(int fd) { return fails("fsync") ? -1 : static_cast<int>(::syscall(SYS_fsync, fd)); }
int fdatasync(int fd) {
  return fails("fsync") ? -1 : static_cast<int>(::syscall(SYS_fdatasync, fd));
}
int rename(const char* from, const char* to) {
  static auto* const real = next<decltype(rename)>("rename");
  return fails("rename") ? -1 : real(from, to);
}
int posix_fallocate64(int fd, off64_t at, off64_t bytes) {
  static auto* const real = next<decltype(posix_fallocate64)>("posix_fallocate64");
  return fails("fallocate") ? errno : real(fd, at, bytes);
}
int posix_fallocate(int fd, off_t at, off_t bytes) { return posix_fallocate64(fd, at, bytes); }
int fallocate64(int fd, int mode, off64_t at, off64_t bytes) {
  return fails("fallocate") ? -1 : static_cast<int>(::syscall(SYS_fallocate, fd, mode, at, bytes));
}
int fallocate(int fd, int mode, off_t at, off_t bytes) { return fallocate64(fd, mode, at, bytes); }
int memfd_create(const char* name, unsigned flags) {
  return fails("memfd_create") ? -1 : static_cast<int>(::syscall(SYS_memfd_create, name, flags));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                   void* argument) {
  static auto* const real = next<decltype(pthread_create)>("pthread_create");
  return fails("pthread_create") ? errno : real(thread, attributes, body, argument);
}
int sched_setaffinity(pid_t pid, size_t bytes, const cpu_set_t* mask) {
  static auto* const real = next<decltype(sched_setaffinity)>("sched_setaffinity");
  return fails("setaffinity") ? -1 : real(pid, bytes, mask);
}
int pthread_setaffinity_np(pthread_t thread, size_t bytes, const cpu_set_t* mask) {
  static auto* const real = next<decltype(pthread_setaffinity_np)>("pthread_setaffinity_np");
  return fails("setaffinity") ? errno : real(thread, bytes, mask);
}
int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t* mask) {
  static auto* const real = next<decltype(sched_getaffinity)>("sched_getaffinity");
  return fails("getaffinity") ? -1 : real(pid, bytes, mask);
}

pid_t fork() {
  static auto* const real = next<decltype(fork)>("fork");
  return fails("fork") ? -1 : real();
}
int pipe2(int ends[2], int flags) {
  return fails("pipe") ? -1 : static_cast<int>(::syscall(SYS_pipe2, ends, flags));
}
int mkdir(const char* path, mode_t mode) {
  static auto* const real = next<decltype(mkdir)>("mkdir");
  return fails("mkdir") ? -1 : real(path, mode);
}
int statvfs64(const char* path, struct statvfs64* out) {
  static auto* const real = next<int(const char*, struct statvfs64*)>("statvfs64");
  return fails("statvfs") ? -1 : real(path, out);
}
int statvfs(const char* path, struct statvfs* out) {
  static auto* const real = next<int(const char*, struct statvfs*)>("statvfs");
  return fails("statvfs") ? -1 : real(path, out);
}

// hwloc and PAPI make theirs by number.
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& each : a) each = va_arg(list, long);
  va_end(list);
  static auto* const real = next<long(long, ...)>("syscall");
  if (number == SYS_mbind && fails("mbind")) return fail_long();
  if (number == SYS_perf_event_open && fails("perf_event_open")) return fail_long();
  if (number == SYS_pidfd_open && fails("pidfd_open")) return fail_long();
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"

void* operator new(size_t bytes) {
  if (fails("new")) throw std::bad_alloc();
  if (void* memory = __libc_malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }
