#include "data/system/clock.h"

#include <gmock/gmock.h>

namespace mb {
namespace {

TEST(Clock, NeverGoesBack) {
  Clock& clock = monotonic_clock();
  double last = clock.now_seconds();
  for (int i = 0; i < 100000; ++i) {
    const double now = clock.now_seconds();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, SleepsAtLeastAsLongAsAsked) {
  Clock& clock = monotonic_clock();
  const double start = clock.now_seconds();
  clock.sleep_seconds(0.01);
  EXPECT_GE(clock.now_seconds() - start, 0.01);
  clock.sleep_seconds(-1);  // nothing to wait for
}

TEST(Clock, ResolutionIsPositiveAndStaysTheSame) {
  EXPECT_GT(clock_resolution_seconds(), 0);
  EXPECT_EQ(clock_resolution_seconds(), clock_resolution_seconds());
}

TEST(Clock, WritesUtcAsDocumentsHaveIt) {
  EXPECT_THAT(utc_now(), testing::MatchesRegex("....-..-..T..:..:..Z"));
}

}  // namespace
}  // namespace mb
