// A run's readings are told apart by phase; where one run gives several of a phase (llama-bench's
// tests), by their lengths too. What an engine merely reports of its lengths does not make series:
// it is compared between points and marked where it differs.
#include "probes/sweep/series.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "data/documents/results.h"

namespace mb {
namespace {

// Below this much CPU time nothing is said of how busy threads were: start-up is serial.
constexpr double kTellingCpuSeconds = 1;
constexpr int kComeAndGo = 3;  // times as many threads in a run as at once: they are made anew

struct Key {
  std::string label, phase;
  std::optional<int> threads;  // of documents that are not over threads
  std::optional<double> prompt, context, generated;
  std::optional<int> batch;
  bool operator==(const Key&) const = default;
};

struct Place {        // of a point in its series
  int threads = 0;    // of a document over threads
  double length = 0;  // of another
  auto operator<=>(const Place&) const = default;
};

struct Gathered {
  std::vector<const SweepReading*> readings;
  std::vector<const SweepRun*> runs;
};
using Points = std::map<Place, Gathered>;

struct Where {
  std::string label;
  std::optional<int> threads;
  Place place;
};

// Splits "prompt=128, mode=eager" into the length that makes the point and the rest of the label.
double take_length(std::string& label, const std::string& kind) {
  std::vector<std::string> rest;
  double length = 0;
  for (std::size_t start = 0; start < label.size();) {
    const auto end = std::min(label.find(", ", start), label.size());
    const std::string part = label.substr(start, end - start);
    const auto equals = part.find('=');
    if (equals != std::string::npos && kind_of_axis(part.substr(0, equals)) == kind) {
      std::from_chars(part.data() + equals + 1, part.data() + part.size(), length);
    } else {
      rest.push_back(part);
    }
    start = end + 2;
  }
  label = fmt::format("{}", fmt::join(rest, ", "));
  return length;
}

// Where a run stands; nullopt for a warm-up, and for a default whose threads nobody counted.
std::optional<Where> where(const SweepRun& run, const SeriesFacts& facts) {
  if (run.round == 0) return std::nullopt;
  Where at{run.label, run.threads, {}};
  if (!facts.kind.empty()) {
    at.place.length = take_length(at.label, facts.kind);
    return at;
  }
  if (run.threads) {
    at.place.threads = *run.threads;
    at.threads.reset();
    return at;
  }
  at.label += at.label.empty() ? "engine's default" : ", engine's default";
  for (const SweepReading& reading : run.readings) {
    if (reading.threads) at.place.threads = *reading.threads;
  }
  if (at.place.threads < 1) at.place.threads = run.usage.threads_busy.value_or(0);
  if (at.place.threads < 1) return std::nullopt;
  return at;
}

class Builder {
 public:
  explicit Builder(const SeriesFacts& facts) : facts_(facts) {}

  void add(const SweepRun& run) {
    const auto at = where(run, facts_);
    if (!at) return;
    for (const SweepReading& reading : run.readings) {
      Points& points = of(key_of(run, reading, *at));
      points[at->place].readings.push_back(&reading);
    }
    runs_.emplace_back(*at, &run);
  }

  std::vector<SweepSeries> finish() {
    // Labels under which nothing was ever read: one series holds the failures.
    for (const auto& [at, run] : runs_) {
      if (std::ranges::none_of(series_, [&at = at](const auto& s) { return same(s.first, at); })) {
        of({at.label, "mixed", at.threads});
      }
    }
    std::vector<SweepSeries> out;
    for (auto& [key, points] : series_) {
      for (const auto& [at, run] : runs_) {
        if (same(key, at)) points[at.place].runs.push_back(run);
      }
      out.push_back(make(key, points));
    }
    return out;
  }

 private:
  static bool same(const Key& key, const Where& at) {
    return key.label == at.label && key.threads == at.threads;
  }

  Points& of(const Key& key) {
    const auto found =
        std::ranges::find_if(series_, [&](const auto& each) { return each.first == key; });
    return found == series_.end() ? series_.emplace_back(key, Points()).second : found->second;
  }

  Key key_of(const SweepRun& run, const SweepReading& reading, const Where& at) const {
    Key key{at.label, reading.phase, at.threads};
    const auto of_phase = std::ranges::count(run.readings, reading.phase, &SweepReading::phase);
    if (of_phase > 1) {
      key.prompt = reading.prompt_tokens;
      key.context = reading.context_tokens;
      key.generated = reading.new_tokens;
      key.batch = reading.batch;
    }
    return key;
  }

  SweepSeries make(const Key& key, const Points& points) const {
    SweepSeries series{.phase = key.phase, .label = key.label, .threads = key.threads};
    for (const auto& [place, gathered] : points) {
      series.points.push_back(make_point(place, gathered));
    }
    settle(series, &SweepSeries::prompt_tokens, &SweepPoint::prompt_tokens, "prompt tokens");
    settle(series, &SweepSeries::new_tokens, &SweepPoint::new_tokens, "new tokens");
    settle(series, &SweepSeries::context_tokens, &SweepPoint::context_tokens, "cached tokens");
    settle(series, &SweepSeries::batch, &SweepPoint::batch, "sequences");
    return series;
  }

  void set_length(SweepPoint& point, double length) const {
    if (facts_.kind == "prompt-length") point.prompt_tokens = length;
    if (facts_.kind == "generation-length") point.new_tokens = length;
    if (facts_.kind == "context-length") point.context_tokens = length;
    if (facts_.kind == "batch-size") point.batch = static_cast<int>(length);
  }

  SweepPoint make_point(const Place& place, const Gathered& gathered) const {
    SweepPoint point;
    if (facts_.kind.empty()) point.threads = place.threads;
    std::vector<double> totals;
    for (const SweepReading* reading : gathered.readings) {
      point.samples.insert(point.samples.end(), reading->tokens_per_second.begin(),
                           reading->tokens_per_second.end());
      point.prompt_tokens = reading->prompt_tokens;
      point.context_tokens = reading->context_tokens;
      point.new_tokens = reading->new_tokens;
      point.batch = reading->batch;
      point.padding_tokens = reading->padding_tokens;
      if (reading->total_tokens_per_second) totals.push_back(*reading->total_tokens_per_second);
    }
    if (!facts_.kind.empty()) set_length(point, place.length);
    if (!totals.empty()) {
      point.total_tokens_per_second = summarise(totals, Unit::kRatio).median;
    }
    std::string failure;
    for (const SweepRun* run : gathered.runs) {
      if (!run->failure.empty()) failure = run->failure;
    }
    std::vector<std::string> notes;
    if (point.samples.empty()) {
      point.status = "invalid";
      notes.push_back(failure.empty() ? "no figure of this series in the output" : failure);
    } else {
      point.tokens_per_second = summarise(point.samples, Unit::kRatio).median;
      if (!failure.empty()) notes.push_back("a later run failed: " + failure);
    }
    add_notes(place, gathered, notes);
    point.note = fmt::format("{}", fmt::join(notes, "; "));
    return point;
  }

  static bool come_and_go(const SweepUsage& usage) {
    return usage.threads_seen && usage.threads_spawned &&
           *usage.threads_seen >= kComeAndGo * std::max(*usage.threads_spawned, 1);
  }

  void add_notes(const Place& place, const Gathered& gathered,
                 std::vector<std::string>& notes) const {
    const auto add = [&](std::string note) {
      if (std::ranges::find(notes, note) == notes.end()) notes.push_back(std::move(note));
    };
    if (place.threads > facts_.cpu_budget) {
      add(fmt::format("above the CPU budget of {}", facts_.cpu_budget));
    }
    bool one_busy = place.threads > 1;
    int most_busy = 0, telling = 0, seen = 0, at_once = 0;
    for (const SweepRun* run : gathered.runs) {
      if (!run->remark.empty()) add(run->remark);
      const SweepUsage& usage = run->usage;
      if (usage.cpu_seconds.value_or(0) < kTellingCpuSeconds || !usage.threads_busy) continue;
      ++telling;
      most_busy = std::max(most_busy, *usage.threads_busy);
      one_busy = one_busy && *usage.threads_busy == 1;
      if (come_and_go(usage) && *usage.threads_seen > seen) {
        seen = *usage.threads_seen;
        at_once = *usage.threads_spawned;
      }
    }
    if (seen > 0) {  // each has but a sliver of CPU time then, so who is busy tells nothing
      add(fmt::format("{} threads came and went, {} at once: started anew at each step, perhaps",
                      seen, at_once));
    } else if (one_busy && telling > 0) {
      add("only one thread was busy: the count may not have arrived");
    } else if (most_busy > facts_.cpu_budget && place.threads <= facts_.cpu_budget) {
      add(fmt::format("{} busy threads on {} CPUs", most_busy, facts_.cpu_budget));
    }
    for (const SweepReading* reading : gathered.readings) {
      if (place.threads > 0 && reading->threads && *reading->threads != place.threads) {
        add(fmt::format("the engine says it ran {} threads", *reading->threads));
      }
    }
  }

  // One count for all points moves to the series; points that differ from most are marked.
  template <class T>
  void settle(SweepSeries& series, std::optional<T> SweepSeries::*of_series,
              std::optional<T> SweepPoint::*of_point, std::string_view what) const {
    std::map<T, int> counts;
    for (const SweepPoint& point : series.points) {
      if (const auto& value = point.*of_point) ++counts[*value];
    }
    if (counts.empty()) return;
    if (counts.size() == 1) {
      series.*of_series = counts.begin()->first;
      if (facts_.kind.empty()) {
        for (SweepPoint& point : series.points) (point.*of_point).reset();
      }
      return;
    }
    if (!facts_.kind.empty()) return;  // it is what was varied, or goes with it
    const T most =
        std::ranges::max_element(counts, {}, [](const auto& c) { return c.second; })->first;
    for (SweepPoint& point : series.points) {
      const auto& value = point.*of_point;
      if (!value || *value == most) continue;
      point.note +=
          fmt::format("{}not comparable: {:g} {}, others {:g}", point.note.empty() ? "" : "; ",
                      static_cast<double>(*value), what, static_cast<double>(most));
    }
  }

  const SeriesFacts& facts_;
  std::vector<std::pair<Key, Points>> series_;
  std::vector<std::pair<Where, const SweepRun*>> runs_;
};

}  // namespace

std::string kind_of_axis(std::string_view name) {
  struct Known {
    std::string_view name, kind;
  };
  constexpr std::array<Known, 18> kKnown{{{"prompt", "prompt-length"},
                                          {"prompt_tokens", "prompt-length"},
                                          {"n_prompt", "prompt-length"},
                                          {"-p", "prompt-length"},
                                          {"--n-prompt", "prompt-length"},
                                          {"new_tokens", "generation-length"},
                                          {"n_gen", "generation-length"},
                                          {"max_tokens", "generation-length"},
                                          {"-n", "generation-length"},
                                          {"--n-gen", "generation-length"},
                                          {"context", "context-length"},
                                          {"depth", "context-length"},
                                          {"n_depth", "context-length"},
                                          {"-d", "context-length"},
                                          {"--n-depth", "context-length"},
                                          {"batch", "batch-size"},
                                          {"batch_size", "batch-size"},
                                          {"--batch-size", "batch-size"}}};
  for (const Known& known : kKnown) {
    if (known.name == name) return std::string(known.kind);
  }
  return {};
}

std::vector<SweepSeries> make_series(const std::vector<SweepRun>& runs, const SeriesFacts& facts) {
  Builder builder(facts);
  for (const SweepRun& run : runs) builder.add(run);
  return builder.finish();
}

}  // namespace mb
