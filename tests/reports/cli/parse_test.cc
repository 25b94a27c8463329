#include "reports/cli/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "data/error.h"

namespace mb {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The message of the usage error that `parse` throws; empty when it does not.
std::string refusal(const std::function<void()>& parse) {
  try {
    parse();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(Parse, TimesHaveUnits) {
  EXPECT_DOUBLE_EQ(parse_seconds("--budget", "60s"), 60);
  EXPECT_DOUBLE_EQ(parse_seconds("--budget", "90"), 90);
  EXPECT_DOUBLE_EQ(parse_seconds("--budget", "2m"), 120);
  EXPECT_DOUBLE_EQ(parse_seconds("--budget", "1.5min"), 90);
  EXPECT_DOUBLE_EQ(parse_seconds("--budget", "1h"), 3600);
  EXPECT_DOUBLE_EQ(parse_seconds("--budget", "500ms"), 0.5);
}

TEST(Parse, WrongTimesNameTheFlagTheTextAndTheRemedy) {
  for (const char* text : {"", "s", "1Q", "0", "-5s", "inf", "nan", "60s ", "1e999", "60 s"}) {
    EXPECT_THAT(refusal([&] { parse_seconds("--budget", text); }),
                AllOf(HasSubstr("--budget: '" + std::string(text) + "'"), HasSubstr("60s")))
        << text;
  }
}

TEST(Parse, ThreadListsHaveRangesAndSteps) {
  EXPECT_THAT(parse_threads("--threads", "1,2,4-16:4"), ElementsAre(1, 2, 4, 8, 12, 16));
  EXPECT_THAT(parse_threads("--threads", "3-5"), ElementsAre(3, 4, 5));
  EXPECT_THAT(parse_threads("--threads", "2-7:4"), ElementsAre(2, 6));
  EXPECT_THAT(parse_threads("--threads", "8,1,8,2-2"), ElementsAre(1, 2, 8));
}

TEST(Parse, WrongThreadListsNameTheTextAndTheRemedy) {
  for (const char* text : {"", ",", "0", "1,", "1,,2", "4-2", "1-4:0", "1-", "1:2", "a", "1 2",
                           "1-99999999", "-3", "1-4:"}) {
    EXPECT_THAT(refusal([&] { parse_threads("--threads", text); }),
                AllOf(HasSubstr("--threads: '" + std::string(text) + "'"), HasSubstr("4-16:4")))
        << text;
  }
}

TEST(Parse, AHugeStepEndsTheRange) {
  EXPECT_THAT(parse_threads("--threads", "1-8:2147483647"), ElementsAre(1));
}

TEST(Parse, CountsAreWholeAndLargeEnough) {
  EXPECT_EQ(parse_count("--prompt", "512", 1), 512);
  for (const char* text : {"0", "-1", "1.5", "x", "", "1k"}) {
    EXPECT_THAT(refusal([&] { parse_count("--prompt", text, 1); }), HasSubstr("at least 1"));
  }
}

TEST(Parse, SizesAndRatesCarryTheirUnit) {
  EXPECT_DOUBLE_EQ(parse_bytes("--gpu-memory", "8GiB"), 8.0 * (1LL << 30));
  EXPECT_DOUBLE_EQ(parse_bytes("--gpu-memory", "24GB"), 24e9);
  EXPECT_DOUBLE_EQ(parse_bytes("--gpu-memory", "0"), 0);
  EXPECT_DOUBLE_EQ(parse_bytes_per_second("--gpu-bandwidth", "300GB/s"), 300e9);
  EXPECT_DOUBLE_EQ(parse_positive("--target", "7.5"), 7.5);
  for (const char* text : {"", "GiB", "8Gib", "-1GiB", "nan", "1e300", "8 GiB", "8GB/s"}) {
    EXPECT_THAT(refusal([&] { parse_bytes("--gpu-memory", text); }), HasSubstr("8GiB")) << text;
  }
  for (const char* text : {"300GB", "0GB/s", "/s", "fast"}) {
    EXPECT_THAT(refusal([&] { parse_bytes_per_second("--gpu-bandwidth", text); }),
                HasSubstr("--gpu-bandwidth"))
        << text;
  }
  for (const char* text : {"0", "-1", "inf", "5t/s"}) {
    EXPECT_THAT(refusal([&] { parse_positive("--target", text); }), HasSubstr("positive")) << text;
  }
}

TEST(Parse, SharesAreFractionsOrPercent) {
  EXPECT_DOUBLE_EQ(parse_share("--tolerance", "0.02"), 0.02);
  EXPECT_DOUBLE_EQ(parse_share("--tolerance", "5%"), 0.05);
  for (const char* text : {"2", "-0.1", "nan", "", "%", "100%"}) {
    EXPECT_THAT(refusal([&] { parse_share("--tolerance", text); }), HasSubstr("2% or 0.02"));
  }
}

}  // namespace
}  // namespace mb
