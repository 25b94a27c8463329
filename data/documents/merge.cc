// Joins two documents of one machine: campaign steps into one document, a resumed run into the
// first.
//
// The machine is the same when what cannot change between two runs is the same: processor, PUs and
// caches. Free memory, limits and governor may differ; the first document's stand. Of two points of
// one name, two visits to it, the samples are joined and judged together; one that was refused
// leaves the other as it is. Fact "visits": how many samples are joined from.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/documents/results.h"
#include "data/error.h"

namespace mb {
namespace {

bool is_blank(const Machine& machine) { return machine.pus.empty(); }

bool same_machine(const Machine& a, const Machine& b) {
  const auto same_pu = [](const Pu& x, const Pu& y) {
    return x.os_index == y.os_index && x.core == y.core && x.package == y.package;
  };
  return a.cpu_model == b.cpu_model && a.isa == b.isa && a.caches == b.caches &&
         std::ranges::equal(a.pus, b.pus, same_pu);
}

// A signal that one of the two did not have is unknown for both.
template <class T, class Join>
std::optional<T> both(const std::optional<T>& a, const std::optional<T>& b, Join join) {
  return a && b ? std::optional<T>(join(*a, *b)) : std::nullopt;
}

NoiseReading join(const NoiseReading& a, const NoiseReading& b) {
  const double wall = a.wall_seconds + b.wall_seconds;
  const auto by_time = [&](double x, double y) {
    return wall > 0 ? (x * a.wall_seconds + y * b.wall_seconds) / wall : std::max(x, y);
  };
  const auto sum = [](std::int64_t x, std::int64_t y) { return x + y; };
  const auto most = [](std::int64_t x, std::int64_t y) { return std::max(x, y); };
  const auto larger = [](double x, double y) { return std::abs(x) >= std::abs(y) ? x : y; };
  return {.wall_seconds = wall,
          .cpu_seconds = a.cpu_seconds + b.cpu_seconds,
          .steal_share = both(a.steal_share, b.steal_share, by_time),
          .throttled_share = both(a.throttled_share, b.throttled_share, by_time),
          .involuntary_switches_per_thread_second =
              both(a.involuntary_switches_per_thread_second,
                   b.involuntary_switches_per_thread_second, by_time),
          .migrations = both(a.migrations, b.migrations, sum),
          .major_faults = both(a.major_faults, b.major_faults, sum),
          .clock_drift = both(a.clock_drift, b.clock_drift, larger),
          .pressure_share = both(a.pressure_share, b.pressure_share, by_time),
          .unpinned_threads = both(a.unpinned_threads, b.unpinned_threads, most)};
}

CounterReading join(const CounterReading& a, const CounterReading& b) {
  if (a.values.empty()) return a;
  if (b.values.empty()) return b;
  CounterReading joined;
  joined.multiplex_share = std::min(a.multiplex_share, b.multiplex_share);
  for (const auto& [name, value] : a.values) {
    if (const auto other = b.values.find(name); other != b.values.end()) {
      joined.values[name] = value + other->second;
    }
  }
  if (a.bytes && b.bytes) joined.bytes = *a.bytes + *b.bytes;
  if (a.per_thread.size() == b.per_thread.size()) {
    joined.per_thread = a.per_thread;
    for (std::size_t rank = 0; rank < b.per_thread.size(); ++rank) {
      for (const auto& [name, value] : b.per_thread[rank]) joined.per_thread[rank][name] += value;
    }
  }
  derive(joined);
  return joined;
}

// What a sample of `other` is worth in `into`. A step's chain has as many layers as its visit had
// time for, and its time goes with them; not where the head is part of it: then nothing.
std::optional<double> scale_of(const Point& into, const Point& other) {
  const auto layers = into.facts.find("layers"), others = other.facts.find("layers");
  if (layers == into.facts.end() || others == other.facts.end()) return 1;
  if (layers->second == others->second) return 1;
  const auto head = into.facts.find("head_bytes");
  if (head == into.facts.end() || head->second > 0 || others->second <= 0) return std::nullopt;
  return into.unit == Unit::kSeconds ? layers->second / others->second : 1;
}

bool usable(const Point& point) { return point.verdict.validity < Validity::kInvalid; }

// One visit that was refused does not spoil the other.
void keep_usable(Point& into, const Point& other) {
  const Verdict refused = usable(into) ? other.verdict : into.verdict;
  if (!usable(into)) into = other;
  into.notes["refused_visit"] =
      refused.reasons.empty()
          ? std::string(to_string(refused.validity))
          : fmt::format("{}: {}", refused.reasons.front().code, refused.reasons.front().detail);
}

void merge_point(Point& into, const Point& other) {
  if (into.unit != other.unit) {
    throw Error(ErrorCode::kFailure,
                fmt::format("cannot merge {}: its unit is {} in one document and {} in the other; "
                            "measure again with one version of the program",
                            into.name, to_string(into.unit), to_string(other.unit)));
  }
  if (usable(into) != usable(other)) return keep_usable(into, other);
  const auto scale = scale_of(into, other);
  if (!scale) {
    into.notes["left_out_visit"] = "its chain has another number of layers, and the head";
    return;
  }
  for (const double sample : other.samples) into.samples.push_back(*scale * sample);
  into.summary = summarise(into.samples, into.unit);
  into.verdict.validity = std::max(into.verdict.validity, other.verdict.validity);
  into.modes = find_modes(into.samples);
  const auto has_code = [&](std::string_view code) {
    return std::ranges::find(into.verdict.reasons, code, &Reason::code) !=
           into.verdict.reasons.end();
  };
  for (const Reason& reason : other.verdict.reasons) {
    if (!has_code(reason.code)) into.verdict.worsen(Validity::kValid, reason.code, reason.detail);
  }
  if (into.modes && !has_code("bimodal")) {
    into.verdict.worsen(Validity::kNoisy, "bimodal",
                        fmt::format("two groups, medians {:.4g} and {:.4g} {}", into.modes->low,
                                    into.modes->high, to_string(into.unit)));
  }
  into.counters = join(into.counters, other.counters);
  into.noise = join(into.noise, other.noise);
  into.notes.insert(other.notes.begin(), other.notes.end());
  const double visits = visits_of(into) + visits_of(other);
  into.facts.insert(other.facts.begin(), other.facts.end());
  into.facts["visits"] = visits;
}

}  // namespace

double visits_of(const Point& point) {
  const auto visits = point.facts.find("visits");
  return visits == point.facts.end() ? 1 : visits->second;
}

void merge(Results& into, const Results& other) {
  if (is_blank(into.machine)) {
    into.machine = other.machine;
  } else if (!is_blank(other.machine) && !same_machine(into.machine, other.machine)) {
    throw Error(ErrorCode::kFailure,
                fmt::format("cannot merge documents of two machines ({} with {} PUs, {} with {}); "
                            "keep them apart and use `compare`",
                            into.machine.cpu_model, into.machine.pus.size(),
                            other.machine.cpu_model, other.machine.pus.size()));
  }
  for (const Point& point : other.points) {
    const auto same = std::ranges::find(into.points, point.name, &Point::name);
    if (same == into.points.end()) {
      into.points.push_back(point);
    } else {
      merge_point(*same, point);
    }
  }
  into.steps.insert(into.steps.end(), other.steps.begin(), other.steps.end());
  for (const Missing& missing : other.missing) {
    if (std::ranges::find(into.missing, missing) == into.missing.end()) {
      into.missing.push_back(missing);
    }
  }
  into.calibrations.insert(into.calibrations.end(), other.calibrations.begin(),
                           other.calibrations.end());
  into.calibrated_profiles.insert(into.calibrated_profiles.end(), other.calibrated_profiles.begin(),
                                  other.calibrated_profiles.end());
  if (other.state == "interrupted") into.state = other.state;
}

}  // namespace mb
