// The order matters: noise is read closest around the samples, counters are switched on inside of
// that, the clock is estimated on rank 0's PU right before and after, and the result is checked
// last. Before means after the warm-up: wide vectors, matrix units and waiting for memory each have
// a clock of their own (Granite Rapids: a seventh below that of additions), which is no drift.
#include "probes/core/measure_point.h"

#include <algorithm>
#include <set>

#include "data/error.h"
#include "data/system/child.h"
#include "probes/core/clock_estimate.h"
#include "probes/core/counters.h"
#include "probes/core/noise.h"
#include "probes/core/sampler.h"

namespace mb {
namespace {

// nanobench's rule for the shortest sample.
constexpr double kClockStepsPerSample = 1000;

class NoiseWatch {
 public:
  NoiseWatch(const ProbeKit& kit, const Case& measured, Clock& clock, const HostFiles& files)
      : kit_(kit), clock_(clock), files_(files) {
    scope_.scheduling_is_measured = measured.scheduling_is_measured;
    std::set<int> cpus;
    std::size_t threads = 0;
    for (const PinnedTeam* team : kit.teams_in_use()) {
      cpus.insert(team->pus().begin(), team->pus().end());
      threads = std::max(threads, team->pus().size());
    }
    cpus_.assign(cpus.begin(), cpus.end());
    scope_.cpus = std::max(1, static_cast<int>(cpus.size()));
    scope_.threads = std::max(1, static_cast<int>(threads));
  }

  void start() { before_ = read(); }
  void warmed_up() { before_.clock_hz = estimate_clock_hz(clock_); }
  NoiseReading stop() const { return noise_between(before_, read(), scope_); }
  const NoiseScope& scope() const { return scope_; }

 private:
  NoiseCounts read() const {
    const std::optional<double> clock_hz = estimate_clock_hz(clock_);
    NoiseCounts counts = read_noise_files(files_, cpus_);
    counts.clock_hz = clock_hz;
    for (PinnedTeam* team : kit_.teams_in_use()) {
      const TeamUsage usage = team->usage();
      TeamUsage sum = counts.usage.value_or(TeamUsage{});
      sum.cpu_seconds += usage.cpu_seconds;
      sum.involuntary_switches += usage.involuntary_switches;
      sum.major_faults += usage.major_faults;
      sum.migrations += usage.migrations;
      sum.unpinned += usage.unpinned;
      counts.usage = sum;
    }
    counts.wall_seconds = clock_.now_seconds();
    return counts;
  }

  const ProbeKit& kit_;
  Clock& clock_;
  const HostFiles& files_;
  std::vector<int> cpus_;
  NoiseScope scope_;
  NoiseCounts before_;
};

CounterReading no_counters(const Machine& machine) {
  CounterReading reading;
  for (const Missing& missing : machine.missing) {
    if (missing.what != "hardware counters") continue;
    reading.unavailable_cause = missing.cause;
    reading.unavailable_remedy = missing.remedy;
  }
  if (reading.unavailable_cause.empty()) {
    reading.unavailable_cause = "the machine document says that counters do not count here";
  }
  return reading;
}

// Of the rate, last tenth against first tenth of the samples: -0.1 is 10 % slower at the end.
double rate_change(const std::vector<double>& seconds) {
  const std::size_t tenth = std::max<std::size_t>(1, seconds.size() / 10);
  const auto median_of = [](auto begin, auto end) {
    return summarise({begin, end}, Unit::kSeconds).median;
  };
  const auto part = static_cast<std::ptrdiff_t>(tenth);
  return median_of(seconds.begin(), seconds.begin() + part) /
             median_of(seconds.end() - part, seconds.end()) -
         1;
}

// Counting comes after the samples, which it leaves alone: the same work once for each set of
// events, so that no set shares its registers with another.
constexpr std::uint64_t kCountedSamples = 3;

// The work of a regime is worth a pass for each set; elsewhere the base set tells enough.
std::vector<const char*> counter_sets(std::string_view probe) {
  for (const std::string_view regime :
       {"prefill_scaling", "decode_scaling", "attention_kv", "smt_interference"}) {
    if (probe == regime) return {"base", "memory", "prefetch", "dram", "software"};
  }
  return {"base"};
}

// Named bytes of one iteration, where the work has any.
std::optional<double> bytes_of(const Case& measured) {
  if (measured.unit == Unit::kBytesPerSecond && measured.amount_per_iteration > 0) {
    return measured.amount_per_iteration;
  }
  const auto weights = measured.facts.find("weight_bytes"), kv = measured.facts.find("kv_bytes");
  if (weights == measured.facts.end() || kv == measured.facts.end()) return std::nullopt;
  return weights->second + kv->second;
}

void add_set(const CounterReading& set, CounterReading& all) {
  if (set.values.empty()) return;
  if (all.values.empty()) {
    all = set;
    return;
  }
  all.values.insert(set.values.begin(), set.values.end());
  for (std::size_t rank = 0; rank < std::min(all.per_thread.size(), set.per_thread.size());
       ++rank) {
    all.per_thread[rank].insert(set.per_thread[rank].begin(), set.per_thread[rank].end());
  }
}

CounterReading count_events(const Probe& probe, Case& measured, const ProbeKit& kit,
                            std::uint64_t iterations) {
  const Machine& machine = kit.machine();
  // With several teams (one after another in one case) a sum would have no clear meaning.
  if (!machine.pmu_counts || kit.teams_in_use().size() != 1) return no_counters(machine);
  CounterReading all;
  for (const char* set : counter_sets(probe.name)) {
    const bool untold = machine.counter_truth.empty() && std::string_view(set) == "base";
    const std::vector<std::string> events =
        untold ? base_events() : usable_events(machine.counter_truth, set);
    if (events.empty()) continue;
    TeamCounters counters(*kit.teams_in_use().front(), events);
    counters.start();
    measured.seconds(iterations);
    add_set(counters.stop(), all);
  }
  if (all.values.empty()) return no_counters(machine);
  if (const auto bytes = bytes_of(measured)) all.bytes = *bytes * static_cast<double>(iterations);
  derive(all);
  return all;
}

void check_result(Case& measured) {
  try {
    measured.check();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFailure) throw;
    throw WrongResult(error.what());
  }
}

}  // namespace

Point measure_point(const Probe& probe, const PlannedPoint& planned, ProbeKit& kit, Clock& clock,
                    const HostFiles& files) {
  const double begin = clock.now_seconds();
  kit.begin_point();
  const std::unique_ptr<Case> measured = probe.prepare(planned, kit);
  const double set_up_seconds = clock.now_seconds() - begin;

  SampleRequest request;
  request.seconds =
      std::max(planned.seconds - set_up_seconds, kLeastSamplingShare * planned.seconds);
  request.min_sample_seconds =
      std::max(request.min_sample_seconds, kClockStepsPerSample * clock_resolution_seconds());

  NoiseWatch watch(kit, *measured, clock, files);
  watch.start();
  const auto run = [&](std::uint64_t iterations) {
    if (interrupt_requested()) throw Error(ErrorCode::kInterrupted, "interrupted by a signal");
    return measured->seconds(iterations);
  };
  const Samples samples = take_samples(request, clock, run, [&] { watch.warmed_up(); });

  Point point;
  point.noise = watch.stop();
  const std::uint64_t counted = kCountedSamples * samples.iterations_per_sample;
  point.counters = count_events(probe, *measured, kit, counted);
  check_result(*measured);

  point.name = planned.parameters.name(probe.name);
  point.probe = probe.name;
  point.quantity = measured->quantity;
  point.unit = measured->unit;
  point.parameters = planned.parameters;
  const double amount = measured->amount_per_iteration;
  for (const double seconds : samples.seconds_per_iteration) {
    point.samples.push_back(amount > 0 ? amount / seconds : seconds);
  }
  point.summary = summarise(point.samples, point.unit);
  point.modes = find_modes(point.samples);
  point.notes = measured->notes;
  point.facts = measured->facts;
  point.facts["iterations_per_sample"] = static_cast<double>(samples.iterations_per_sample);
  if (amount > 0) point.facts["amount_per_iteration"] = amount;  // bytes or FLOP
  point.facts["set_up_seconds"] = set_up_seconds;
  if (planned.parameters.has("sustain_seconds")) {
    point.facts["rate_change"] = rate_change(samples.seconds_per_iteration);
  }
  if (!point.counters.values.empty()) {
    point.facts["counted_iterations"] = static_cast<double>(counted);
  }
  judge_samples(point.samples, point.summary, point.modes, samples.too_short, point.verdict);
  if (measured->scheduling_is_measured) {
    point.verdict.validity = std::min(point.verdict.validity, Validity::kNoisy);
  }
  judge_noise(point.noise, watch.scope(), point.verdict);
  if (shared_with_other_guests(kit.machine(), planned.parameters)) {
    judge_watched(point.noise.wall_seconds, point.verdict);
  }
  return point;
}

}  // namespace mb
