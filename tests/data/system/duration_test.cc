#include "data/system/duration.h"

#include <gtest/gtest.h>

namespace mb {
namespace {

TEST(Duration, TakesTheUnitsThatPeopleWrite) {
  EXPECT_DOUBLE_EQ(parse_duration("60s").value(), 60);
  EXPECT_DOUBLE_EQ(parse_duration("90").value(), 90);
  EXPECT_DOUBLE_EQ(parse_duration("1.5min").value(), 90);
  EXPECT_DOUBLE_EQ(parse_duration("2m").value(), 120);
  EXPECT_DOUBLE_EQ(parse_duration("1h").value(), 3600);
  EXPECT_DOUBLE_EQ(parse_duration("500ms").value(), 0.5);
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "0", "-1s", "10x", "10 s", "nan", "inf", "1s "}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mb
