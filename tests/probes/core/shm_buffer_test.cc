// Nameless shared memory: what is written is read back, room is checked, nothing is left behind
// even after SIGKILL, and a full tmpfs gives an error and no signal.
#include "probes/core/shm_buffer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "data/error.h"
#include "probes/core/sizes.h"
#include "tests/error_code.h"
#include "tests/leave.h"

namespace mb {
namespace {

// The files in /dev/shm that a process holds open. Not the folder's names and free room before and
// after: other programs come and go there.
std::vector<struct stat> files_in_shm(pid_t process) {
  std::vector<struct stat> files;
  const std::string open_files = fmt::format("/proc/{}/fd", process);
  for (const auto& entry : std::filesystem::directory_iterator(open_files)) {
    std::error_code closed;
    const auto target = std::filesystem::read_symlink(entry.path(), closed);
    if (closed || !target.string().starts_with("/dev/shm/")) continue;
    struct stat file {};
    if (stat(entry.path().c_str(), &file) == 0) files.push_back(file);
  }
  return files;
}

std::size_t bytes_taken(const struct stat& file) {
  return 512 * static_cast<std::size_t>(file.st_blocks);
}

TEST(ShmBuffer, GivesBackWhatWasWrittenThroughFileAndMapping) {
  ShmBuffer buffer(2 * kMiB);
  std::vector<char> block(kMiB, 'a'), read(kMiB);
  ASSERT_TRUE(buffer.write_at(kMiB, block.data(), block.size()));
  EXPECT_EQ(buffer.map()[kMiB], std::byte{'a'});
  EXPECT_EQ(buffer.map()[0], std::byte{0});
  buffer.map()[kMiB] = std::byte{'b'};
  ASSERT_TRUE(buffer.read_at(kMiB, read.data(), read.size()));
  EXPECT_EQ(read[0], 'b');
  EXPECT_EQ(read[1], 'a');
}

TEST(ShmBuffer, DroppedPagesAreNewAgain) {
  ShmBuffer buffer(2 * kMiB);
  std::fill_n(buffer.map(), buffer.size(), std::byte{7});
  EXPECT_EQ(bytes_taken(files_in_shm(getpid()).at(0)), 2 * kMiB);
  ASSERT_TRUE(buffer.drop_pages(0, kMiB));
  EXPECT_EQ(bytes_taken(files_in_shm(getpid()).at(0)), kMiB);
  ASSERT_TRUE(buffer.reserve(0, kMiB));
  EXPECT_EQ(buffer.map()[0], std::byte{0});
  EXPECT_EQ(buffer.map()[kMiB], std::byte{7});
}

TEST(ShmBuffer, PrivateMemoryBehavesAsAFileDoes) {
  ShmBuffer buffer = ShmBuffer::anonymous(2 * kMiB);
  std::fill_n(buffer.map(), buffer.size(), std::byte{7});
  std::vector<char> block(kMiB, 'a'), read(kMiB);
  ASSERT_TRUE(buffer.write_at(kMiB, block.data(), block.size()));
  ASSERT_TRUE(buffer.read_at(kMiB, read.data(), read.size()));
  EXPECT_EQ(read, block);
  ASSERT_TRUE(buffer.drop_pages(0, kMiB) && buffer.reserve(0, kMiB));
  EXPECT_EQ(buffer.map()[0], std::byte{0});
  EXPECT_EQ(buffer.map()[kMiB], std::byte{'a'});
}

TEST(ShmBuffer, AnOrdinaryFolderIsNotInMemory) {
  std::string folder;
  try {
    folder = ordinary_folder();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotAvailable);
    GTEST_SKIP() << "every writable folder here is in memory";
  }
  EXPECT_NE(folder, "/dev/shm");
  ShmBuffer buffer(kMiB, folder);
  buffer.map()[kMiB - 1] = std::byte{3};
  char last = 0;
  ASSERT_TRUE(buffer.read_at(kMiB - 1, &last, 1));
  EXPECT_EQ(last, 3);
}

TEST(ShmBuffer, HasNoNameInDevShm) {
  ShmBuffer buffer(kMiB);
  buffer.map()[0] = std::byte{1};
  EXPECT_THAT(files_in_shm(getpid()), testing::ElementsAre(testing::Field(&stat::st_nlink, 0U)));
}

TEST(ShmBuffer, LeavesNothingWhenItsProcessIsKilled) {
  constexpr std::size_t kShmBytes = 64 * kMiB;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    ShmBuffer buffer(kShmBytes);
    std::fill_n(buffer.map(), kShmBytes, std::byte{1});
    const char done = 1;
    if (write(ready[1], &done, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char done = 0;
  ASSERT_EQ(read(ready[0], &done, 1), 1);
  const auto files = files_in_shm(child);
  const std::int64_t free_during = shm_free_bytes();
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  close(ready[0]);
  close(ready[1]);
  EXPECT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].st_nlink, 0U) << "a name would have outlived it";
  EXPECT_EQ(bytes_taken(files[0]), kShmBytes);
  // Others use /dev/shm for moments; what is not given back would stay.
  const auto given_back = [&] {
    return shm_free_bytes() > free_during + static_cast<std::int64_t>(kShmBytes / 2);
  };
  for (int wait = 0; wait < 100 && !given_back(); ++wait) ::usleep(50'000);
  EXPECT_TRUE(given_back());
}

TEST(ShmBuffer, RefusesMoreThanTheTmpfsHasAndNamesBothSizes) {
  const auto too_much = static_cast<std::size_t>(shm_free_bytes()) + (std::size_t{1} << 40);
  try {
    ShmBuffer buffer(too_much);
    FAIL() << "was given";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoResource);
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("/dev/shm"), testing::HasSubstr("free"),
                               testing::HasSubstr("needed")));
  }
}

TEST(ShmBuffer, AFolderThatIsNotThereIsNotAvailable) {
  EXPECT_EQ(code_of([] { ShmBuffer buffer(kMiB, "/no/such/folder"); }), ErrorCode::kNotAvailable);
}

// Another program takes the room between the check and the use: here a second file in a tmpfs of
// 4 MiB, mounted for a child process alone.
constexpr int kCannotMount = 77;

int run_out_of_room() {
  const std::string folder = "/dev/shm";
  const auto user = getuid(), group = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return kCannotMount;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=4m") != 0) return kCannotMount;
  ShmBuffer first(3 * kMiB, folder), second(3 * kMiB, folder);
  std::fill_n(first.map(), first.size(), std::byte{1});
  if (code_of([&] { second.map(); }) != ErrorCode::kNoResource) return 1;
  const std::vector<char> block(second.size());
  if (second.write_at(0, block.data(), block.size()) || errno != ENOSPC) return 2;
  if (code_of([&] { ShmBuffer third(3 * kMiB, folder); }) != ErrorCode::kNoResource) return 3;
  // A mapped range that was given back and cannot be had again.
  second.drop_pages(0, second.size());
  if (!first.drop_pages(0, 2 * kMiB) || second.map() == nullptr) return 4;
  return first.reserve(0, 2 * kMiB) ? 5 : 0;
}

TEST(ShmBuffer, RunningOutOfRoomIsAnErrorAndNoSignal) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      leave(run_out_of_room());
    } catch (const std::exception&) {  // the child must not go on with the parent's tests
      _exit(6);
    }
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kCannotMount) GTEST_SKIP() << "no private mounts for this user here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(ShmBuffer, MovingHandsTheFileOn) {
  ShmBuffer first(kMiB);
  first.map()[5] = std::byte{9};
  ShmBuffer second = std::move(first);
  EXPECT_EQ(second.map()[5], std::byte{9});
  EXPECT_EQ(second.size(), kMiB);
  ShmBuffer third(2 * kMiB);
  third = std::move(second);
  EXPECT_EQ(third.map()[5], std::byte{9});
  EXPECT_EQ(third.size(), kMiB);
}

TEST(ShmBuffer, ReadsWholeRangesOrFails) {
  ShmBuffer buffer(kMiB);
  std::vector<char> read(kMiB);
  EXPECT_FALSE(buffer.read_at(kMiB / 2, read.data(), read.size())) << "the file ends half-way";
  EXPECT_EQ(errno, EIO);
  EXPECT_FALSE(buffer.write_at(0, nullptr, kMiB)) << "memory that is not there";
  EXPECT_EQ(errno, EFAULT);
}

TEST(ShmBuffer, ALimitOfFileSizesIsAnError) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto kept = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit lower{kMiB, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &lower);
  const ErrorCode code = code_of([] { ShmBuffer buffer(2 * kMiB); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, kept);
  EXPECT_EQ(code, ErrorCode::kNoResource);
}

TEST(ShmBuffer, AFolderThatHoldsNoNamelessFileIsNotAvailable) {
  EXPECT_EQ(code_of([] { ShmBuffer buffer(0, "/proc/self"); }), ErrorCode::kNotAvailable);
}

TEST(ShmBuffer, TheChosenFolderComesFirstUnlessItIsInMemoryOrNotThere) {
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  unsetenv("TMPDIR");
  std::string usual;
  try {
    usual = ordinary_folder();
  } catch (const Error&) {
    if (before != nullptr) setenv("TMPDIR", kept.c_str(), 1);
    GTEST_SKIP() << "every writable folder here is in memory";
  }
  for (const char* chosen : {"/dev/shm", "/no/such/folder"}) {
    setenv("TMPDIR", chosen, 1);
    EXPECT_EQ(ordinary_folder(), usual) << chosen;
  }
  setenv("TMPDIR", "/var/tmp/.", 1);
  EXPECT_EQ(ordinary_folder(), usual == "/var/tmp" ? "/var/tmp/." : usual);
  before == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", kept.c_str(), 1);
}

}  // namespace
}  // namespace mb
