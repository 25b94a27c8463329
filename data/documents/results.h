// The results document: what a machine is and every point that was measured on it, every sample
// kept. Written by probes and the campaign, read by all that follows; never rewritten.
//
// A point's samples are in `unit`, already the quantity of interest: bandwidth in B/s (STREAM rule:
// named bytes, write-allocate not counted), throughput in FLOP/s, time in seconds per operation.
// Points are told apart by `name`; merging two documents appends the samples of equal names.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/machine.h"
#include "data/documents/parameters.h"
#include "data/documents/validity.h"

namespace mb {

inline constexpr int kResultsSchemaVersion = 1;

// "B/s", "FLOP/s", "s", "1" (ratio), "Hz".
enum class Unit { kBytesPerSecond, kFlopsPerSecond, kSeconds, kRatio, kHertz };
std::string_view to_string(Unit unit);
Unit unit_from_string(std::string_view text);

// Of one point's samples. The interval is the 95 % interval of the median (order statistics).
struct Summary {
  double median = 0, mad = 0, low = 0, high = 0, best = 0;
  std::int64_t count = 0;
  bool operator==(const Summary&) const = default;
};

// Two clear modes of a bimodal point, as medians of the two groups, lower first.
struct Modes {
  double low = 0, high = 0;
  bool operator==(const Modes&) const = default;
};

// Hardware counters summed over the team's threads, or why there are none.
struct CounterReading {
  std::map<std::string, std::int64_t> values;         // PAPI names
  double multiplex_share = 1.0;                       // running / enabled
  std::string unavailable_cause, unavailable_remedy;  // set when values is empty
  // Absent from documents of earlier programs.
  std::vector<std::map<std::string, std::int64_t>> per_thread;  // by rank; their sums are values
  std::optional<double> bytes;  // named bytes of what was counted, where the work has bytes
  // From values: instructions_per_cycle, L1_misses_per_kilo_instruction (L2, L3, TLB likewise),
  // stalled_share, bytes_per_cycle; those whose events are there.
  std::map<std::string, double> derived;
  bool operator==(const CounterReading&) const = default;
};

// What the kernel saw while the samples were taken (getrusage, /proc/stat, cpu.stat).
// nullopt: the signal does not exist here; unknown noise is not no noise.
struct NoiseReading {
  double wall_seconds = 0, cpu_seconds = 0;
  std::optional<double> steal_share;      // of the used CPUs' time
  std::optional<double> throttled_share;  // cgroup throttled time over wall time
  std::optional<double> involuntary_switches_per_thread_second;
  std::optional<std::int64_t> migrations;
  std::optional<std::int64_t> major_faults;
  std::optional<double> clock_drift;     // effective clock, end of the samples against their start
  std::optional<double> pressure_share;  // of the time, some task waited for a CPU
  std::optional<std::int64_t> unpinned_threads;  // whose affinity mask was changed by others
  bool operator==(const NoiseReading&) const = default;
};

struct Point {
  std::string name;  // Parameters::name(probe)
  std::string probe;
  std::string quantity;  // bandwidth | throughput | time | rate | ratio
  Unit unit = Unit::kSeconds;
  Parameters parameters;
  std::vector<double> samples;  // in unit, in the order taken
  Summary summary;
  std::optional<Modes> modes;
  Verdict verdict;
  CounterReading counters;
  NoiseReading noise;
  // What was really obtained or chosen at run time, in words and in figures (units last):
  // notes "page_obtained": "thp", "isa": "AVX3"; facts "working_set_bytes": 1.3e8, "layers": 4.
  std::map<std::string, std::string> notes;
  std::map<std::string, double> facts;
};

struct Build {
  std::string version, compiler, type;
  std::map<std::string, std::string> libraries;  // name -> version
  std::vector<std::string> isa_targets;          // compiled in
  std::string isa_chosen;
};

// How one child process of the campaign ended.
struct StepRecord {
  std::string probe;
  std::vector<std::string> argv;
  double seconds = 0;
  int exit_code = 0;
  int points = 0;
  Verdict verdict;  // invalid with reason "probe_failed" when the child died
};

struct Calibration {  // one engine run that scaled the forward model
  std::string engine, model, phase;
  int threads = 0;
  double measured_tokens_per_second = 0, predicted_tokens_per_second = 0, factor = 1;
};

// An engine profile fitted to runs of the engine; stands for its base from then on.
struct CalibratedProfile {
  std::string name, base;           // asked for by name; base: of data/engines
  std::vector<std::string> sweeps;  // that it was fitted to
  int points = 0;
  // "decode/weights": the term's seconds times this; "decode/other_threads": all terms' but serial,
  // to the power of 1 - 1 / threads.
  std::map<std::string, double> seconds_factors;
  double serial_seconds_per_token = 0;
  double rms_log_error_before = 0, rms_log_error = 0;  // over the points
};

struct Results {
  int schema_version = kResultsSchemaVersion;
  std::string created_utc;         // 2026-01-31T12:00:00Z
  std::string state = "complete";  // complete | interrupted
  std::vector<std::string> command;
  double budget_seconds = 0;
  Machine machine;
  Build build;
  std::vector<StepRecord> steps;
  std::vector<Point> points;
  std::vector<Missing> missing;  // what could not be measured, why, and what to do
  std::vector<Calibration> calibrations;
  std::vector<CalibratedProfile> calibrated_profiles;

  const Point* find(std::string_view name) const;
  // Points of one probe in document order.
  std::vector<const Point*> of_probe(std::string_view probe) const;
};

// Order statistics of samples: median, MAD, 95 % interval of the median, best (the largest for
// rates, the smallest for times). count = 0 gives all zeros.
Summary summarise(const std::vector<double>& samples, Unit unit);

// Sets derived from values and bytes.
void derive(CounterReading& reading);

// The two modes of a sample, or nullopt: the split whose groups lie farthest apart, each group
// holding at least a quarter (and two) of the samples, their medians at least 1.2x and at least
// eight of the wider group's MADs apart.
std::optional<Modes> find_modes(const std::vector<double>& samples);

// Appends the samples of points with the same name, summarises anew, keeps the worse verdict; other
// points, steps and missing entries are added. Documents of different machines throw Error.
void merge(Results& into, const Results& other);

// Of how many visits, apart in time, a point's samples are (fact "visits").
double visits_of(const Point& point);

std::string to_json_text(const Results& results);
// Throws Error(kFailure) that names `origin` (a file name), the field and what was expected.
Results results_from_json_text(std::string_view text, std::string_view origin);

std::string machine_to_json_text(const Machine& machine);
std::string counter_truth_to_json_text(const std::vector<CounterTruth>& rows);
Machine machine_from_json_text(std::string_view text, std::string_view origin);

}  // namespace mb
