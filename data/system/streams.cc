#include "data/system/streams.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "data/error.h"

namespace mb {

void hold_standard_descriptors() {
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

}  // namespace mb
