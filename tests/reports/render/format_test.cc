// Numbers as text: three significant digits, the unit people say, no rounding surprises.
#include "reports/render/format.h"

#include <gtest/gtest.h>

#include <limits>

namespace mb {
namespace {

TEST(Format, KeepsThreeSignificantDigits) {
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(9.8), "9.80");
  EXPECT_EQ(format_number(29.44), "29.4");
  EXPECT_EQ(format_number(462.2), "462");
  EXPECT_EQ(format_number(2763.4), "2763");
  EXPECT_EQ(format_number(0.0983), "0.0983");
  EXPECT_EQ(format_number(-61.25), "-61.2");
}

TEST(Format, RoundsUpAcrossAPowerOfTenWithoutAFourthDigit) {
  EXPECT_EQ(format_number(9.996), "10.0");
  EXPECT_EQ(format_number(99.96), "100");
  EXPECT_EQ(format_number(999.6), "1000");
}

TEST(Format, ShowsADashForWhatIsNotAFiniteNumber) {
  EXPECT_EQ(format_number(std::numeric_limits<double>::quiet_NaN()), "–");
  EXPECT_EQ(format_number(std::numeric_limits<double>::infinity()), "–");
}

TEST(Format, BandwidthIsDecimalAndCapacityBinary) {
  EXPECT_EQ(format_quantity(29.4e9, Unit::kBytesPerSecond), "29.4 GB/s");
  EXPECT_EQ(format_quantity(2.3e12, Unit::kBytesPerSecond), "2300 GB/s");
  EXPECT_EQ(format_quantity(4e6, Unit::kBytesPerSecond), "4.00 MB/s");
  EXPECT_EQ(format_bytes(32 << 10), "32 KiB");
  EXPECT_EQ(format_bytes(10.7 * (1 << 20)), "10.7 MiB");
  EXPECT_EQ(format_bytes(512), "512 B");
}

TEST(Format, TimesTakeTheUnitOfTheirSize) {
  EXPECT_EQ(format_seconds(95e-9), "95.0 ns");
  EXPECT_EQ(format_seconds(11e-6), "11.0 µs");
  EXPECT_EQ(format_seconds(7.7e-3), "7.70 ms");
  EXPECT_EQ(format_seconds(1.24), "1.24 s");
}

TEST(Format, AnIntervalHasOneUnit) {
  EXPECT_EQ(format_interval(26.5e9, 30.1e9, Unit::kBytesPerSecond), "26.5 to 30.1 GB/s");
  EXPECT_EQ(format_interval(0.9e-6, 1.1e-6, Unit::kSeconds), "0.900 to 1.10 µs");
}

TEST(Format, SaysWhoIsSlowerAndByHowMuch) {
  EXPECT_EQ(format_loss(0.031), "3 % slower");
  EXPECT_EQ(format_loss(-0.02), "2 % faster");
  EXPECT_EQ(format_loss(0.001), "same");
}

TEST(Format, TheCpuBudgetNamesWhatSetsIt) {
  Limits limits;
  limits.installed_cpus = 8;
  limits.effective_cpus = 2;
  limits.limited_by = "affinity";
  EXPECT_EQ(format_cpu_budget(limits), "2 of 8 CPUs usable (affinity)");
  limits.limited_by = "quota";
  limits.quota_cpus = 2.5;
  EXPECT_EQ(format_cpu_budget(limits), "2 of 8 CPUs usable (quota of 2.50 CPUs)");
  limits.installed_cpus = limits.effective_cpus = 1;
  limits.limited_by = "installed";
  EXPECT_EQ(format_cpu_budget(limits), "1 of 1 CPU usable (no limit)");
}

TEST(Format, CpuListsAreRangesInOrder) {
  EXPECT_EQ(format_cpu_list(std::vector<int>{8, 0, 2, 1, 3}), "0-3,8");
  EXPECT_EQ(format_cpu_list(std::vector<int>{}), "");
}

TEST(Format, ShellWordsSurviveTheShell) {
  EXPECT_EQ(shell_word("--out=my_results"), "--out=my_results");
  EXPECT_EQ(shell_word("my results"), "'my results'");
  EXPECT_EQ(shell_word("it's $(x)"), "'it'\\''s $(x)'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace mb
