// Children with closed streams, since this program needs its own.
#include "data/system/streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <new>

#include "data/error.h"

namespace mb {
namespace {

// Exit code of a child that runs `body`.
template <class Body>
int in_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(30);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Streams, AClosedDescriptorIsNotGivenToTheNextFile) {
  for (const int closed : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    EXPECT_EQ(in_child([closed] {
                ::close(closed);
                prepare_process();
                const int opened = ::open("/dev/null", O_RDWR);
                char byte = 0;
                const bool refuses = closed == STDIN_FILENO    ? ::read(closed, &byte, 1) < 0
                                     : closed == STDOUT_FILENO ? ::write(closed, &byte, 1) < 0
                                                               : ::write(closed, &byte, 1) == 1;
                return opened > STDERR_FILENO && refuses ? 0 : 1;
              }),
              0)
        << closed;
  }
}

TEST(Streams, OpenDescriptorsStayWhatTheyAre) {
  EXPECT_EQ(in_child([] {
              const int device = ::open("/dev/zero", O_RDONLY);
              ::dup2(device, STDIN_FILENO);
              prepare_process();
              char byte = 1;
              return ::read(STDIN_FILENO, &byte, 1) == 1 && byte == 0 ? 0 : 1;
            }),
            0);
}

TEST(Streams, ALimitOfFileSizesIsAnErrorOfWrite) {
  EXPECT_EQ(in_child([] {
              const rlimit none{0, 0};
              ::setrlimit(RLIMIT_FSIZE, &none);
              prepare_process();
              const int file = ::open("/tmp", O_RDWR | O_TMPFILE, 0600);
              return file < 0 || (::write(file, "x", 1) < 0 && errno == EFBIG) ? 0 : 1;
            }),
            0);
}

TEST(Streams, MemoryThatRunsOutWhereNothingMayBeThrownIsNoResource) {
  EXPECT_EQ(in_child([] {
              prepare_process();
              const std::function<void()> out_of_memory = [] { throw std::bad_alloc(); };
              [&]() noexcept { out_of_memory(); }();
              return 0;
            }),
            3);
}

TEST(Streams, LostOutputIsAnError) {
  const auto written_to = [](const char* device) {
    return in_child([device] {
      ::dup2(::open(device, O_WRONLY), STDOUT_FILENO);
      std::fputs("text", stdout);
      try {
        check_standard_output();
        return 0;
      } catch (const Error& error) {
        return error.exit_code();
      }
    });
  };
  EXPECT_EQ(written_to("/dev/null"), 0);
  EXPECT_EQ(written_to("/dev/full"), 1);
}

TEST(Streams, AMessageThatNobodyTakesEndsNothing) {
  EXPECT_EQ(in_child([] {
              ::dup2(::open("/dev/full", O_WRONLY), STDERR_FILENO);
              tell("{} and {}\n", 1, "two");
              return 0;
            }),
            0);
}

TEST(Streams, AnErrorIsOneLineWhateverItNames) {
  testing::internal::CaptureStderr();
  tell_error("probe", "'--a\nb\x1b[31m\x7f' is unknown");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "probe: '--a?b?[31m?' is unknown\n");
}

}  // namespace
}  // namespace mb
