// The published experiment in small: its sections in its order, sizes as on its command line, clear
// refusals before anything is written.
#include "probes/core/shm_log.h"

#include <gmock/gmock.h>

#include <chrono>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "data/error.h"
#include "data/system/files.h"
#include "probes/core/shm_buffer.h"

namespace mb {
namespace {

std::string message_of(const auto& action, ErrorCode code) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(ShmLogSize, TakesBinarySuffixesAsHeadDoes) {
  EXPECT_EQ(parse_shm_size("1G"), std::int64_t{1} << 30);
  EXPECT_EQ(parse_shm_size("64M"), 64 << 20);
  EXPECT_EQ(parse_shm_size("512K"), 512 << 10);
  EXPECT_EQ(parse_shm_size("4096"), 4096);
}

TEST(ShmLogSize, RefusesWhatIsNoSizeAndNamesIt) {
  for (const char* text : {"1Q", "", "M", "0", "0G", "-1G", "1.5G", "1G ", " 1G", "1GB", "0x10",
                           "99999999999999999999G", "9999999999G", "2000000T"}) {
    const std::string message = message_of([&] { parse_shm_size(text); }, ErrorCode::kUsage);
    EXPECT_THAT(message, testing::HasSubstr("'" + std::string(text) + "'"));
    EXPECT_THAT(message, testing::Not(testing::HasSubstr("\n")));
  }
}

class ShmLog : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path log_ = folder_.path() / "run.log";
};

TEST_F(ShmLog, WritesThePublishedSectionsInTheirOrder) {
  run_shm_log({"100K", log_, {}});
  std::istringstream lines(read_file(log_));
  std::vector<std::string> headings;
  int times = 0;
  const std::regex time(R"((real|user|sys)\t\d+m\d{1,2}\.\d{3}s)");
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (std::regex_match(line, time)) {
      ++times;
    } else {
      headings.push_back(line);
    }
  }
  std::vector<std::string> expected;
  for (const char* work : {"write files", "read files", "read single repeat"}) {
    for (const char* workers : {"1 thread", "1 thread", "2 threads", "4 threads", "8 threads"}) {
      expected.push_back("Measure time " + std::string(work) + ", " + workers);
    }
  }
  EXPECT_EQ(headings, expected);
  EXPECT_EQ(times, 3 * 15);
}

TEST_F(ShmLog, SeveralSizesAndRepeatsFollowOneAnotherWithTheirSpread) {
  run_shm_log({"4K,8K", log_, {}, 3});
  const std::string log = read_file(log_);
  int sections = 0, spreads = 0;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    sections += std::regex_match(line, std::regex("Measure time [a-z ]+, [1248] threads?")) ? 1 : 0;
    spreads +=
        std::regex_match(
            line,
            std::regex("(write|read)[a-z ]+, [1248] threads?: median [0-9.]+, from [0-9.]+ to "
                       "[0-9.]+"))
            ? 1
            : 0;
  }
  EXPECT_EQ(sections, 2 * 3 * 15);
  EXPECT_EQ(spreads, 2 * 15);
  EXPECT_THAT(log, testing::HasSubstr("\nSize 8K, repeat 2 of 3\n"));
  EXPECT_LT(log.find("Size 4K, repeat 3 of 3"), log.find("Size 8K, repeat 1 of 3"));
}

TEST_F(ShmLog, OneSizeThatDoesNotFitRefusesAllBeforeTheFirstByte) {
  const std::string message = message_of(
      [&] {
        run_shm_log({"4K,64M", log_, {}}, std::int64_t{1} << 20);
      },
      ErrorCode::kNoResource);
  EXPECT_THAT(message, testing::HasSubstr("64M"));
  EXPECT_FALSE(std::filesystem::exists(log_));
  message_of([&] { run_shm_log({"4K,", log_, {}}); }, ErrorCode::kUsage);
}

TEST_F(ShmLog, RunsSideBySideDoNotCollide) {
  const auto second = folder_.path() / "second.log";
  std::thread other([&] { run_shm_log({"64K", second, {}, 2}); });
  run_shm_log({"64K", log_, {}, 2});
  other.join();
  const auto sections = [](const std::filesystem::path& log) {
    const std::string text = read_file(log);
    int count = 0;
    for (std::size_t at = 0; (at = text.find("real\t", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(sections(log_), 2 * 15);
  EXPECT_EQ(sections(second), 2 * 15);
}

TEST_F(ShmLog, LaysASectionOutLikeAPublishedLog) {
  std::vector<std::string> sections;
  run_shm_log({"4K", log_, [&](std::string_view text) { sections.emplace_back(text); }});
  const std::string log = read_file(log_);
  EXPECT_EQ(log.front(), '\n');
  EXPECT_EQ(sections.size(), 15U);
  EXPECT_TRUE(std::regex_match(
      sections[0], std::regex("Measure time write files, 1 thread\n\nreal\t0m0\\.\\d{3}s\n"
                              "user\t0m0\\.\\d{3}s\nsys\t0m0\\.\\d{3}s\n")))
      << sections[0];
  EXPECT_THAT(log, testing::EndsWith(sections.back()));
}

TEST_F(ShmLog, RefusesWhatDoesNotFitNamesWhatWouldAndLeavesTheLogAlone) {
  write_file_atomically(log_, "old");
  const std::int64_t room = std::int64_t{100} << 20;
  const std::string message = message_of(
      [&] {
        run_shm_log({"64M", log_, {}}, room);
      },
      ErrorCode::kNoResource);
  EXPECT_THAT(message, testing::HasSubstr("64M"));
  EXPECT_THAT(message, testing::HasSubstr("512.0 MiB"));
  EXPECT_THAT(message, testing::HasSubstr("largest that fits is 12M"));
  EXPECT_EQ(read_file(log_), "old");
}

TEST_F(ShmLog, TheSizeThatIsSaidToFitDoesFit) {
  const std::int64_t room = 8 * (5 << 10);
  const std::string message = message_of(
      [&] {
        run_shm_log({"6K", log_, {}}, room);
      },
      ErrorCode::kNoResource);
  EXPECT_THAT(message, testing::HasSubstr("largest that fits is 5K"));
  run_shm_log({"5K", log_, {}}, room);
  EXPECT_FALSE(read_file(log_).empty());
}

TEST_F(ShmLog, AWrongSizeLeavesTheLogAlone) {
  write_file_atomically(log_, "old");
  message_of([&] { run_shm_log({"1Q", log_, {}}); }, ErrorCode::kUsage);
  EXPECT_EQ(read_file(log_), "old");
}

TEST_F(ShmLog, ALogThatCannotBeWrittenIsToldBeforeTheFiles) {
  const std::string message = message_of(
      [&] {
        run_shm_log({"4K", folder_.path() / "missing" / "run.log", {}});
      },
      ErrorCode::kFailure);
  EXPECT_THAT(message, testing::HasSubstr("missing"));
}

TEST_F(ShmLog, GivesItsRoomBack) {
  const std::int64_t before = shm_free_bytes();
  run_shm_log({"1M", log_, {}});
  // Others use /dev/shm for moments; a leak of the log's 8 MiB would stay.
  const auto given_back = [&] { return shm_free_bytes() > before - (4 << 20); };
  for (int wait = 0; wait < 100 && !given_back(); ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(given_back());
}

}  // namespace
}  // namespace mb
