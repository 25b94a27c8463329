// Load latency: seconds of one dependent load against the working set, by page kind.
//
// One thread follows a random cycle through all lines of its buffer (workloads/kernels/
// pointer_chase.h), far enough before the samples that what fits a cache is in it. On 4 KiB pages
// large sets also show what translation costs; on huge pages the caches stand out alone. With
// cpu_node and memory_node the thread is of one NUMA node and the memory of another.
#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"
#include "probes/core/probe.h"
#include "probes/core/rank_buffers.h"
#include "workloads/kernels/pointer_chase.h"

namespace mb {
namespace {

class LatencyCase final : public Case {
 public:
  LatencyCase(PinnedTeam& team, ChaseLine* lines, std::size_t count)
      : team_(team), count_(count), at_(lines) {
    team_.run([&](int) {
      link_chase(lines, count, /*seed=*/1);
      steps_ = std::min(count, kWarmUpLines);
      at_ = chase(lines, steps_);
    });
  }

  double seconds(std::uint64_t iterations) override {
    steps_ += iterations;
    return team_.timed([this, iterations](int) { at_ = chase(at_, iterations); });
  }

  void check() override {
    if (at_->ordinal == steps_ % count_) return;
    throw Error(ErrorCode::kFailure,
                fmt::format("the chase ended at line {} of {} instead of {}; this CPU or its "
                            "memory does not work reliably",
                            at_->ordinal, count_, steps_ % count_));
  }

 private:
  // 16 MiB. What of a larger set fits a cache is there since it was linked, line by line; a turn
  // through it would take tenths of a second.
  static constexpr std::size_t kWarmUpLines = 1 << 18;

  PinnedTeam& team_;
  std::size_t count_;
  const ChaseLine* at_;
  std::uint64_t steps_ = 0;
};

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  static RankBuffers buffers;
  const Parameters& parameters = point.parameters;
  const std::string operation = parameters.text_or("operation", "load");
  const std::int64_t bytes = parameters.number_or("working_set_bytes", 1 << 20);
  if (operation != "load" || parameters.number_or("threads", 1) != 1) {
    throw Error(ErrorCode::kUsage, "expected operation load with one thread");
  }
  if (bytes < 2 * static_cast<std::int64_t>(sizeof(ChaseLine))) {
    throw Error(ErrorCode::kUsage,
                fmt::format("working_set_bytes {}: expected at least two lines", bytes));
  }
  PinnedTeam& team = kit.team_of_node(parameters, "cpu_node");
  buffers.prepare(kit, kit.team_of_node(parameters, "memory_node"), static_cast<std::size_t>(bytes),
                  parameters);
  auto measured = std::make_unique<LatencyCase>(
      team, buffers.as<ChaseLine>(0), static_cast<std::size_t>(bytes) / sizeof(ChaseLine));
  buffers.describe(*measured);
  return measured;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"cache_latency", "Seconds of one dependent load, by working set and page kind.", mb::prepare,
       /*in_nanoseconds=*/true});
}
