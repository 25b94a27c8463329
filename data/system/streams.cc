#include "data/system/streams.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "data/error.h"

namespace mb {

namespace {

// Libraries have destructors that allocate (nlohmann-json's): out of memory there is no defect of
// ours and needs no core.
[[noreturn]] void end_without_memory() {
  try {
    if (const std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    constexpr std::string_view kWhy = "out of memory; free memory or raise the limit\n";
    [[maybe_unused]] const auto put = ::write(STDERR_FILENO, kWhy.data(), kWhy.size());
    ::_exit(static_cast<int>(ErrorCode::kNoResource));
  } catch (...) {
  }
  std::abort();
}

}  // namespace

void prepare_process() {
  std::set_terminate(end_without_memory);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one, since those below are taken by now. Reading from a
    // descriptor for writing fails, and the other way round.
    const int flags = fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY;
    [[maybe_unused]] const int opened = ::open("/dev/null", flags);
  }
  ::signal(SIGXFSZ, SIG_IGN);
}

void check_standard_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Error(ErrorCode::kFailure,
              fmt::format("standard output: cannot write ({}); see where it goes",
                          errno != 0 ? std::strerror(errno) : "an earlier error"));
}

void tell_error(std::string_view program, std::string_view what) {
  try {
    std::string shown(what);
    std::ranges::replace_if(
        shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    tell("{}: {}\n", program, shown);
  } catch (const std::bad_alloc&) {
    std::fputs("a message was lost: out of memory\n", stderr);
  }
}

}  // namespace mb
