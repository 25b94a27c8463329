#include <gmock/gmock.h>

#include "data/documents/results.h"

namespace mb {
namespace {

TEST(Counters, RatiosFollowFromTheEventsThatAreThere) {
  CounterReading reading;
  reading.values = {{"PAPI_TOT_INS", 4000}, {"PAPI_TOT_CYC", 2000}, {"PAPI_L2_DCM", 20}};
  reading.bytes = 8000;
  derive(reading);
  EXPECT_DOUBLE_EQ(reading.derived.at("instructions_per_cycle"), 2);
  EXPECT_DOUBLE_EQ(reading.derived.at("L2_misses_per_kilo_instruction"), 5);
  EXPECT_DOUBLE_EQ(reading.derived.at("bytes_per_cycle"), 4);
  EXPECT_FALSE(reading.derived.contains("L1_misses_per_kilo_instruction"));
}

TEST(Counters, WithoutCyclesThereIsNoRatioOfThem) {
  CounterReading reading;
  reading.values = {{"PAPI_TOT_INS", 4000}, {"PAPI_TOT_CYC", 0}};
  derive(reading);
  EXPECT_TRUE(reading.derived.empty());
}

}  // namespace
}  // namespace mb
