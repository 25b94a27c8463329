// Readers of the noise files, differences of two readings, and the limits applied.
#include "probes/core/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <sstream>
#include <string>

#include "probes/core/cgroups.h"
#include "probes/core/host_text.h"

namespace mb {
namespace {

// "cpu3 user nice system idle iowait irq softirq steal ...": the eighth figure.
std::optional<std::int64_t> steal_of(std::string_view stat, int pu) {
  std::istringstream lines{std::string(stat)};
  const std::string wanted = fmt::format("cpu{}", pu);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name;
    if (!(fields >> name) || name != wanted) continue;
    std::int64_t value = 0;
    for (int field = 0; field < 8; ++field) {
      if (!(fields >> value)) return std::nullopt;
    }
    return value;
  }
  return std::nullopt;
}

std::optional<std::int64_t> steal_ticks(const HostFiles& files, const std::vector<int>& pus) {
  const std::optional<std::string> stat = files.read("/proc/stat");
  if (!stat || pus.empty()) return std::nullopt;
  std::int64_t sum = 0;
  for (const int pu : pus) {
    const std::optional<std::int64_t> ticks = steal_of(*stat, pu);
    if (!ticks) return std::nullopt;
    sum += *ticks;
  }
  return sum;
}

// v2 counts microseconds (throttled_usec), v1 nanoseconds (throttled_time).
std::optional<double> throttled_seconds(std::string_view cpu_stat) {
  std::istringstream fields{std::string(cpu_stat)};
  std::string key;
  double value = 0;
  while (fields >> key >> value) {
    if (key == "throttled_usec") return value * 1e-6;
    if (key == "throttled_time") return value * 1e-9;
  }
  return std::nullopt;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345", in microseconds.
std::optional<double> pressure_seconds(const HostFiles& files) {
  std::istringstream fields{files.read("/proc/pressure/cpu").value_or("")};
  std::string word;
  if (!(fields >> word) || word != "some") return std::nullopt;
  while (fields >> word) {
    constexpr std::string_view kTotal = "total=";
    if (!word.starts_with(kTotal)) continue;
    const auto total = parse_number(std::string_view(word).substr(kTotal.size()));
    return total ? std::optional(static_cast<double>(*total) * 1e-6) : std::nullopt;
  }
  return std::nullopt;
}

double switches_per_thread_second(const TeamUsage& before, const TeamUsage& after, double wall,
                                  int threads) {
  const auto switches =
      static_cast<double>(after.involuntary_switches - before.involuntary_switches);
  return wall > 0 ? switches / (wall * threads) : 0;
}

void judge(Verdict& verdict, double value, const NoiseLimit& limit, std::string_view code,
           const std::string& detail) {
  if (value > limit.invalid) {
    verdict.worsen(Validity::kInvalid, code, detail);
  } else if (value > limit.noisy) {
    verdict.worsen(Validity::kNoisy, code, detail);
  }
}

// The limit with those sides switched off that are fewer than three ticks or events in this window.
NoiseLimit countable(const NoiseLimit& limit, double events_per_unit) {
  const auto side = [&](double share) {
    return share * events_per_unit >= kLeastEventsOfLimit ? share : INFINITY;
  };
  return {side(limit.noisy), side(limit.invalid)};
}

void missing(Verdict& verdict, std::string_view what) {
  verdict.worsen(Validity::kValid, "missing_signal", what);
}

struct Line {
  double change = 0;          // over the window, as a share of the mean
  double standard_error = 0;  // of that change
};

// Least squares over the sample's index.
Line fit_line(std::span<const double> samples) {
  const auto n = static_cast<double>(samples.size());
  double mean = 0;
  for (const double sample : samples) mean += sample / n;
  const double middle = (n - 1) / 2, xx = n * (n * n - 1) / 12;
  double xy = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    xy += (static_cast<double>(i) - middle) * (samples[i] - mean);
  }
  const double slope = xy / xx;
  double squares = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double left = samples[i] - mean - slope * (static_cast<double>(i) - middle);
    squares += left * left;
  }
  const double error = std::sqrt(squares / (n - 2) / xx);
  return {slope * (n - 1) / mean, error * (n - 1) / std::abs(mean)};
}

// Both halves go on drifting the way of the whole.
bool is_steady(std::span<const double> samples, double change) {
  const std::size_t half = (samples.size() + 1) / 2;  // an odd middle sample belongs to both
  const auto follows = [&](std::span<const double> part) {
    return fit_line(part).change / change >= kSteadyShare;
  };
  return follows(samples.first(half)) && follows(samples.last(half));
}

void judge_slope(const std::vector<double>& samples, Verdict& verdict) {
  // Few samples tilt by chance; a tilt counts when it is three of its standard errors.
  constexpr std::size_t kLeastSamples = 5;
  constexpr double kStandardErrors = 3;
  if (samples.size() < kLeastSamples) return;
  const Line line = fit_line(samples);
  if (line.change == 0 || std::abs(line.change) < kStandardErrors * line.standard_error) return;
  const bool steady = is_steady(samples, line.change);
  judge(verdict, std::abs(line.change),
        {kSlopeLimit.noisy, steady ? kSlopeLimit.invalid : INFINITY}, "slope",
        fmt::format("{:+.1f} % from the first sample to the last{}, limit {:.0f} %",
                    100 * line.change, steady ? ", steadily" : "", 100 * kSlopeLimit.noisy));
}

void judge_first_sample(const std::vector<double>& samples, const Summary& summary,
                        Verdict& verdict) {
  // A tenth of a percent of the median stands in for a MAD of (almost) zero, where any difference
  // would be an outlier.
  const double mad = std::max(summary.mad, 1e-3 * std::abs(summary.median));
  const double score = mad > 0 ? std::abs(samples.front() - summary.median) / mad : 0;
  if (score > kFirstSampleLimit) {
    verdict.worsen(
        Validity::kNoisy, "first_sample",
        fmt::format("{:.0f} MADs from the median, limit {:.1f}", score, kFirstSampleLimit));
  }
}

}  // namespace

NoiseCounts read_noise_files(const HostFiles& files, const std::vector<int>& pus) {
  NoiseCounts counts;
  counts.steal_ticks = steal_ticks(files, pus);
  for (const CgroupFolder& folder : cgroup_chain(files, "cpu")) {
    const std::optional<std::string> text = files.read(folder.path + "/cpu.stat");
    const std::optional<double> seconds = text ? throttled_seconds(*text) : std::nullopt;
    if (seconds) counts.throttled_seconds.push_back(*seconds);
  }
  counts.pressure_seconds = pressure_seconds(files);
  return counts;
}

NoiseReading noise_between(const NoiseCounts& before, const NoiseCounts& after,
                           const NoiseScope& scope) {
  NoiseReading noise;
  noise.wall_seconds = after.wall_seconds - before.wall_seconds;
  const double wall = noise.wall_seconds;
  if (before.steal_ticks && after.steal_ticks && wall > 0) {
    const auto ticks = static_cast<double>(*after.steal_ticks - *before.steal_ticks);
    noise.steal_share = std::max(0.0, ticks / (kTicksPerSecond * wall * scope.cpus));
  }
  // The level that stopped us longest: an ancestor's quota stops us as well as our own.
  const std::size_t levels = before.throttled_seconds.size();
  if (levels > 0 && levels == after.throttled_seconds.size() && wall > 0) {
    double most = 0;
    for (std::size_t i = 0; i < levels; ++i) {
      most = std::max(most, after.throttled_seconds[i] - before.throttled_seconds[i]);
    }
    noise.throttled_share = most / wall;
  }
  if (before.pressure_seconds && after.pressure_seconds && wall > 0 && scope.waits_are_noise()) {
    noise.pressure_share =
        std::max(0.0, (*after.pressure_seconds - *before.pressure_seconds) / wall);
  }
  if (before.usage && after.usage) {
    const TeamUsage &then = *before.usage, &now = *after.usage;
    noise.cpu_seconds = now.cpu_seconds - then.cpu_seconds;
    noise.involuntary_switches_per_thread_second =
        switches_per_thread_second(then, now, wall, scope.threads);
    noise.migrations = now.migrations - then.migrations;
    noise.major_faults = now.major_faults - then.major_faults;
    noise.unpinned_threads = now.unpinned;
  }
  if (before.clock_hz && after.clock_hz) {
    noise.clock_drift = *after.clock_hz / *before.clock_hz - 1;
  }
  return noise;
}

void judge_noise(const NoiseReading& noise, const NoiseScope& scope, Verdict& verdict) {
  if (noise.steal_share) {
    const double ticks = kTicksPerSecond * noise.wall_seconds * scope.cpus;
    judge(verdict, *noise.steal_share, countable(kStealShareLimit, ticks), "steal",
          fmt::format("{:.2f} % of the used CPUs' time, limit {} %", 100 * *noise.steal_share,
                      100 * kStealShareLimit.noisy));
  } else {
    missing(verdict, "steal: /proc/stat does not list the CPUs in use");
  }
  if (noise.throttled_share) {
    judge(verdict, *noise.throttled_share, kThrottledShareLimit, "throttled",
          fmt::format("stopped by the CPU quota for {:.2f} % of the time, limit {} %",
                      100 * *noise.throttled_share, 100 * kThrottledShareLimit.noisy));
  } else {
    missing(verdict, "throttled: no cgroup cpu.stat with throttled time");
  }
  if (noise.pressure_share) {
    judge(verdict, *noise.pressure_share,
          countable(kPressureLimit, noise.wall_seconds / kWaitSeconds), "pressure",
          fmt::format("a task waited for a CPU for {:.1f} % of the time, limit {:.0f} %",
                      100 * *noise.pressure_share, 100 * kPressureLimit.noisy));
  } else if (scope.waits_are_noise()) {
    missing(verdict, "pressure: no /proc/pressure/cpu");
  }
  if (noise.involuntary_switches_per_thread_second) {
    const double thread_seconds = noise.wall_seconds * scope.threads;
    judge(
        verdict, *noise.involuntary_switches_per_thread_second,
        countable(kInvoluntarySwitchLimit, thread_seconds), "switches",
        fmt::format("{:.0f} per thread and second, limit {}",
                    *noise.involuntary_switches_per_thread_second, kInvoluntarySwitchLimit.noisy));
  } else {
    missing(verdict, "switches, migrations, major_faults: no team whose threads could be asked");
  }
  if (noise.migrations.value_or(0) > 0) {
    verdict.worsen(Validity::kInvalid, "migrations",
                   fmt::format("a pinned thread was elsewhere {} times", *noise.migrations));
  }
  if (noise.unpinned_threads.value_or(0) > 0) {
    verdict.worsen(Validity::kInvalid, "affinity",
                   fmt::format("{} threads lost their CPU: their affinity mask was changed",
                               *noise.unpinned_threads));
  }
  if (noise.major_faults.value_or(0) > 0) {
    verdict.worsen(Validity::kInvalid, "major_faults",
                   fmt::format("{} while samples were taken", *noise.major_faults));
  }
  if (noise.clock_drift) {
    judge(verdict, std::abs(*noise.clock_drift), kClockDriftLimit, "clock_drift",
          fmt::format("{:+.1f} %, limit {:.0f} %", 100 * *noise.clock_drift,
                      100 * kClockDriftLimit.noisy));
  } else {
    missing(verdict, "clock_drift: the clock could not be estimated");
  }
}

bool shared_with_other_guests(const Machine& machine, const Parameters& parameters) {
  return machine.hypervisor && parameters.text_or("level", "") == "dram";
}

void judge_watched(double seconds, Verdict& verdict) {
  if (seconds >= kLeastSharedSeconds) return;
  verdict.worsen(Validity::kNoisy, "brief",
                 fmt::format("watched for {:.2f} s, limit {:.0f} s", seconds, kLeastSharedSeconds));
}

void judge_samples(const std::vector<double>& samples, const Summary& summary,
                   const std::optional<Modes>& modes, bool too_short, Verdict& verdict) {
  if (too_short) {
    verdict.worsen(Validity::kInvalid, "short_sample",
                   "shorter than 1 ms or 1000 steps of the clock");
  }
  if (modes) {
    // Modes are at least 1.2 apart, so the upper one is above zero.
    verdict.worsen(
        Validity::kNoisy, "bimodal",
        fmt::format("two states, the lower at {:.2f} of the upper", modes->low / modes->high));
    return;
  }
  if (static_cast<int>(samples.size()) < kLeastSamplesToJudge) {
    verdict.worsen(Validity::kNoisy, "few_samples",
                   fmt::format("{}, at least {}", samples.size(), kLeastSamplesToJudge));
    return;
  }
  if (summary.median > 0) {
    const double spread = summary.mad / summary.median;
    judge(verdict, spread, kSpreadLimit, "spread",
          fmt::format("MAD {:.1f} % of the median, limit {:.0f} %", 100 * spread,
                      100 * kSpreadLimit.noisy));
  }
  judge_slope(samples, verdict);
  judge_first_sample(samples, summary, verdict);
}

}  // namespace mb
