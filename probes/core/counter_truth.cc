// The wanted events and the judgement. Instructions and branches of the spin loop are known to the
// instruction, so they must agree within 1 %. Cycles are known by bounds: no CPU takes less than
// one cycle or more than four for a turn of two dependent instructions. Misses must be next to none
// in the spin loop and no more than one a line in the walk, where prefetchers may hide them.
#include "probes/core/counter_truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace mb {
namespace {

constexpr double kTolerance = 0.01;  // PAPI's own tests allow as much

enum class Known { kInstructions, kBranches, kCycles, kMisses, kStalls, kFaults, kNone, kTime };

struct Wanted {
  const char *event, *what, *set;
  Known known;
};

// PAPI's presets, then what only a processor family has (libpfm's names), by the set they are
// counted in. Families that lack an event say so in their row.
constexpr std::array kWanted = {
    Wanted{"PAPI_TOT_INS", "instructions", "base", Known::kInstructions},
    Wanted{"PAPI_TOT_CYC", "cycles", "base", Known::kCycles},
    Wanted{"PAPI_L1_DCM", "L1 data misses", "base", Known::kMisses},
    Wanted{"PAPI_L2_DCM", "L2 data misses", "base", Known::kMisses},
    Wanted{"PAPI_L3_TCM", "L3 misses", "base", Known::kMisses},
    Wanted{"PAPI_BR_INS", "branches", "memory", Known::kBranches},
    Wanted{"PAPI_TLB_DM", "data TLB misses", "memory", Known::kMisses},
    Wanted{"PAPI_RES_STL", "cycles stalled on a resource", "memory", Known::kStalls},
    Wanted{"PAPI_PRF_DM", "prefetches that missed", "prefetch", Known::kMisses},
    Wanted{"L2_RQSTS:ALL_PF", "L2 prefetches issued (Intel)", "prefetch", Known::kMisses},
    Wanted{"L2_RQSTS:PF_HIT", "L2 prefetches that hit (Intel)", "prefetch", Known::kMisses},
    Wanted{"L2_LINES_OUT:NON_SILENT", "L2 evictions (Intel)", "prefetch", Known::kMisses},
    Wanted{"L2_PREFETCH_HIT_L2", "L2 prefetches that hit L2 (AMD)", "prefetch", Known::kMisses},
    Wanted{"L2_PREFETCH_HIT_L3", "L2 prefetches served by L3 (AMD)", "prefetch", Known::kMisses},
    Wanted{"L2_PREFETCH_MISS_L3", "L2 prefetches served by DRAM (AMD)", "prefetch", Known::kMisses},
    Wanted{"skx_unc_imc0::UNC_M_CAS_COUNT:RD", "DRAM reads (uncore, Xeon)", "dram", Known::kNone},
    Wanted{"perf::PAGE-FAULTS", "page faults", "software", Known::kFaults},
    Wanted{"perf::CONTEXT-SWITCHES", "context switches", "software", Known::kNone},
    Wanted{"perf::CPU-MIGRATIONS", "migrations", "software", Known::kNone},
    Wanted{"perf::TASK-CLOCK", "CPU time, ns", "software", Known::kTime},
};

int paranoid_level(const HostFiles& files) {
  return std::atoi(files.read("/proc/sys/kernel/perf_event_paranoid").value_or("-1").c_str());
}

// Why an event could not be opened, the first of the reasons that explains it.
void explain_missing(const EventRun& run, const Wanted& wanted, const HostFiles& files,
                     CounterTruth& row) {
  const std::string_view set = wanted.set;
  const int paranoid = paranoid_level(files);
  row.state = "unavailable";
  if (set != "software" && !shows_pmu(files)) {
    row.cause = fmt::format("the system shows no performance monitoring unit ({})", run.error);
    row.remedy = "use a bare-metal instance or one whose hypervisor passes the PMU through";
  } else if (paranoid > 2) {
    // PAPI then switches its components off and calls every event unknown.
    row.cause = fmt::format("kernel.perf_event_paranoid is {} ({})", paranoid, run.error);
    row.remedy = "sudo sysctl kernel.perf_event_paranoid=2";
  } else if (!run.is_known) {
    row.cause = fmt::format("this processor or PAPI has no such event ({})", run.error);
    row.remedy = "none needed; other families have it";
  } else if (set == "dram" && paranoid > 0) {
    row.cause = fmt::format("kernel.perf_event_paranoid is {} ({})", paranoid, run.error);
    row.remedy = "sudo sysctl kernel.perf_event_paranoid=0 (uncore events count the whole socket)";
  } else {
    row.cause = run.error;
    row.remedy = "see whether another profiler holds the counters, and `papi_avail -a`";
  }
}

bool within(long long counted, double expected, double tolerance) {
  return std::abs(static_cast<double>(counted) - expected) <= tolerance * expected;
}

void judge_exact(const EventRun& run, long long expected, CounterTruth& row) {
  row.expected = expected;
  row.state = expected > 0 && within(run.counted, static_cast<double>(expected), kTolerance)
                  ? "counts"
                  : "wrong";
}

void judge_bounds(long long counted, double least, double most, CounterTruth& row) {
  const auto value = static_cast<double>(counted);
  row.state = value >= least && value <= most ? "plausible" : "wrong";
}

void judge(const Wanted& wanted, const EventRun& spin, EventCounter& counter, CounterTruth& row) {
  constexpr double kTurns = kSpinTurns;
  row.counted = spin.counted;
  switch (wanted.known) {
    case Known::kInstructions:
      return judge_exact(spin, spin_instructions(), row);
    case Known::kBranches:
      return judge_exact(spin, spin_instructions() / 2, row);
    case Known::kCycles:
      return judge_bounds(spin.counted, kTurns / 4, 4 * kTurns, row);
    case Known::kStalls:
      return judge_bounds(spin.counted, 0, 4 * kTurns, row);
    case Known::kNone:
      return judge_bounds(spin.counted, 0, 1e15, row);
    case Known::kFaults: {
      const EventRun touch = counter.count(wanted.event, KnownLoop::kTouch);
      row.counted = touch.counted;
      return judge_exact(touch, kTouchPages, row);
    }
    case Known::kTime: {
      const EventRun timed = counter.count(wanted.event, KnownLoop::kSleepless);
      row.counted = timed.counted;
      return judge_exact(timed, timed.expected, row);
    }
    case Known::kMisses: {
      const EventRun walk = counter.count(wanted.event, KnownLoop::kWalk);
      row.counted = walk.counted;
      // A miss a thousand turns is the kernel's; twice a line is a neighbour line with each.
      judge_bounds(walk.counted, 0, 2.0 * kWalkLines, row);
      if (static_cast<double>(spin.counted) > kTurns / 1000) row.state = "wrong";
      return;
    }
  }
}

void say_what_was_read(CounterTruth& row) {
  if (row.state != "wrong") return;
  row.cause = row.expected ? fmt::format("{} expected, {} read back", *row.expected, *row.counted)
                           : fmt::format("{} read back, which cannot be", *row.counted);
  row.remedy = "do not use it; hypervisors that emulate a PMU in part read zero or nonsense";
}

// Events of a set that find no register beside those before them.
void mark_multiplexed(EventCounter& counter, std::vector<CounterTruth>& rows) {
  for (const char* set : {"base", "memory", "prefetch", "dram", "software"}) {
    std::vector<std::string> together;
    for (CounterTruth& row : rows) {
      if (row.set != set || (row.state != "counts" && row.state != "plausible")) continue;
      together.push_back(row.event);
      if (counter.fit_together(together)) continue;
      together.pop_back();
      row.state = "multiplexed";
      row.cause = "no register is left beside the others of its set; it is left out there";
    }
  }
}

}  // namespace

bool shows_pmu(const HostFiles& files) {
  for (const std::string& name : files.list("/sys/bus/event_source/devices")) {
    if (name == "cpu" || name == "cpu_core" || name.starts_with("armv8_")) return true;
  }
  return false;
}

std::vector<CounterTruth> truth_table(EventCounter& counter, const HostFiles& files) {
  std::vector<CounterTruth> rows;
  for (const Wanted& wanted : kWanted) {
    CounterTruth row{.event = wanted.event,
                     .what = wanted.what,
                     .set = wanted.set,
                     .state = "",
                     .counted = std::nullopt,
                     .expected = std::nullopt,
                     .cause = "",
                     .remedy = ""};
    const EventRun spin = counter.count(wanted.event, KnownLoop::kSpin);
    if (!spin.error.empty()) {
      explain_missing(spin, wanted, files, row);
    } else {
      judge(wanted, spin, counter, row);
      say_what_was_read(row);
    }
    rows.push_back(std::move(row));
  }
  mark_multiplexed(counter, rows);
  return rows;
}

std::vector<std::string> usable_events(const std::vector<CounterTruth>& truth,
                                       std::string_view set) {
  std::vector<std::string> events;
  for (const CounterTruth& row : truth) {
    if (row.set == set && (row.state == "counts" || row.state == "plausible")) {
      events.push_back(row.event);
    }
  }
  return events;
}

}  // namespace mb
