// What disturbed a measurement, and the verdict that follows.
//
// Signals are read before and after the samples: steal of the CPUs in use (/proc/stat), throttled
// time of our cgroup and its ancestors (cpu.stat, v1 and v2), time in which tasks waited for a CPU
// (/proc/pressure/cpu), switches, faults, migrations and lost pins of the team's threads
// (getrusage, sched_getcpu, sched_getaffinity), the effective clock (a dependent add chain). The
// samples themselves tell of spread, slope, a slow start and two states.
//
// Every limit is a named constant here. A signal that does not exist is listed as missing: unknown
// noise is not no noise.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "data/documents/results.h"
#include "data/system/files.h"
#include "probes/core/pinned_team.h"

namespace mb {

// A limit is crossed when the figure is above it, not at it.
struct NoiseLimit {
  double noisy, invalid;
};
// Sources: PAPI's stealtime component watches the same field.
inline constexpr NoiseLimit kStealShareLimit{0.001, 0.01};
// An exact quota is throttled a little by any helper process, so "some" is only noisy.
inline constexpr NoiseLimit kThrottledShareLimit{0.0, 0.05};
// Per thread and second.
inline constexpr NoiseLimit kInvoluntarySwitchLimit{10, 100};
inline constexpr NoiseLimit kClockDriftLimit{0.02, 0.05};
// nanobench calls 5 % unstable, pyperf 10 %, Highway aims at 0.2 %.
inline constexpr NoiseLimit kSpreadLimit{0.02, 0.10};
// Change of the fitted line over all samples, as a share of their mean (fio's steady state). Above
// the second limit a drift is invalid when it is steady, which is when each half of the samples
// goes on drifting the same way: then the machine had no state that a median could be of. One
// change of state in the window tilts the line as much, but the median is of the longer state:
// noisy.
inline constexpr NoiseLimit kSlopeLimit{0.01, 0.05};
// Of the whole change, what each half shows of a steady drift; a straight line shows a half.
inline constexpr double kSteadyShare = 0.25;
// Linux PSI: share of time in which a runnable task waited for a CPU. Ours.
inline constexpr NoiseLimit kPressureLimit{0.01, 0.05};
// One wait is about one tick of the scheduler (CONFIG_HZ 250), the grain of that share.
inline constexpr double kWaitSeconds = 0.004;
// |first - median| / MAD; ten standard deviations of a normal sample (hyperfine).
inline constexpr double kFirstSampleLimit = 14.826;
// A rate limit counts only over windows in which it is at least this many ticks or events: below
// that one tick of quantisation would decide.
inline constexpr double kLeastEventsOfLimit = 3;
// USER_HZ, the unit of /proc/stat on every Linux that we run on (include/asm-generic/param.h).
inline constexpr double kTicksPerSecond = 100;
// On a guest, DRAM is shared with others that come and go within seconds: a rate held for 20 s
// drifted between 13.8 and 15.8 GB/s (docs/memory.md). Watched for less, a steady rate is one of
// several.
inline constexpr double kLeastSharedSeconds = 2;
// A median of fewer has no spread to judge.
inline constexpr int kLeastSamplesToJudge = 3;

// Cumulative readings at one moment.
struct NoiseCounts {
  double wall_seconds = 0;
  std::optional<std::int64_t> steal_ticks;  // summed over the CPUs in use
  // One per cgroup level that has the file, in one order; empty: no level has.
  std::vector<double> throttled_seconds;
  std::optional<double> pressure_seconds;  // "some" of /proc/pressure/cpu, since boot
  std::optional<TeamUsage> usage;
  std::optional<double> clock_hz;
};

// The part of NoiseCounts that comes from files. `pus`: the CPUs in use, each once.
NoiseCounts read_noise_files(const HostFiles& files, const std::vector<int>& pus);

// How much was watched: rates are per CPU and per thread.
struct NoiseScope {
  int cpus = 1, threads = 1;
  bool scheduling_is_measured = false;  // waiting for a CPU is part of the figure
  // Threads that share a CPU wait for each other, which is no news.
  bool waits_are_noise() const { return threads <= cpus && !scheduling_is_measured; }
};

NoiseReading noise_between(const NoiseCounts& before, const NoiseCounts& after,
                           const NoiseScope& scope);

void judge_noise(const NoiseReading& noise, const NoiseScope& scope, Verdict& verdict);

// Whether a point's resource has users that no signal here tells of: DRAM under a hypervisor.
bool shared_with_other_guests(const Machine& machine, const Parameters& parameters);
// Judges such a point by the time that it was watched.
void judge_watched(double seconds, Verdict& verdict);

// Two clear modes stand for spread, slope and slow start: noisy, never invalid for those.
void judge_samples(const std::vector<double>& samples, const Summary& summary,
                   const std::optional<Modes>& modes, bool too_short, Verdict& verdict);

}  // namespace mb
