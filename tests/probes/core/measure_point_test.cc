// A point on a clock that shows the CPU at one speed before the operation runs and at others later.
#include "probes/core/measure_point.h"

#include <gmock/gmock.h>
#include <sched.h>

#include "probes/core/clock_estimate.h"
#include "probes/core/kit.h"

namespace mb {
namespace {

// Every look takes as long as the chain that the clock is estimated by, at `hertz`.
struct SpeedClock final : Clock {
  double now_seconds() override { return now += kAdditionsPerChain / hertz; }
  void sleep_seconds(double seconds) override { now += seconds; }
  double now = 100, hertz = 4.2e9;
};

SpeedClock* speed_clock = nullptr;  // prepare() takes no more than a point and a kit
int slow_from = 0;                  // the run from which on the CPU is slower

class SlowingCase final : public Case {
 public:
  double seconds(std::uint64_t iterations) override {
    if (++runs_ >= slow_from) speed_clock->hertz = 3.6e9;
    const double took = 2e-3 * static_cast<double>(iterations);
    speed_clock->sleep_seconds(took);
    return took;
  }

 private:
  int runs_ = 0;
};

Point point_slowed_from(int run) {
  SpeedClock clock;
  speed_clock = &clock;
  slow_from = run;
  Machine machine;
  machine.pus.emplace_back().os_index = sched_getcpu();
  machine.limits.memory_budget_bytes = 1 << 20;
  ProbeKit kit(machine);
  const Probe probe{"toy", "", [](const PlannedPoint&, Kit&) -> std::unique_ptr<Case> {
                      return std::make_unique<SlowingCase>();
                    }};
  return measure_point(probe, {Parameters{{"operation", "toy"}}, 0.5}, kit, clock, HostFiles());
}

auto is_drift() {
  return testing::Contains(testing::Field(&Reason::code, testing::StrEq("clock_drift")));
}

TEST(MeasurePoint, TheClockThatALoadBringsAboutIsNoDrift) {
  const Point point = point_slowed_from(1);
  EXPECT_NEAR(point.noise.clock_drift.value(), 0, 1e-9);
  EXPECT_THAT(point.verdict.reasons, testing::Not(is_drift()));
}

TEST(MeasurePoint, AClockThatChangesAmidTheSamplesIs) {
  const Point point = point_slowed_from(100);
  EXPECT_NEAR(point.noise.clock_drift.value(), 3.6 / 4.2 - 1, 1e-9);
  EXPECT_THAT(point.verdict.reasons, is_drift());
  EXPECT_EQ(point.verdict.validity, Validity::kInvalid);
}

}  // namespace
}  // namespace mb
