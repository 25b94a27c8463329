// The sweep document: throughput of a real engine against threads (or prompt length, batch, KV
// positions). The schema of data/datasets (see its READMEs), which `memory_benchmark sweep` writes.
// Unknown keys are ignored, null is unknown (nullopt).
//
// `series` is what was found; a document that `memory_benchmark sweep` wrote holds in `runs` what
// each run of the engine said and did, from which the series were made: an unfinished sweep is
// resumed from there.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

inline constexpr int kSweepSchemaVersion = 1;

struct SweepMachine {
  std::string cpu, isa;
  std::optional<int> sockets, physical_cores, performance_cores, logical_cpus, smt, numa_nodes,
      l3_domains;
  std::optional<std::int64_t> l1d_bytes_per_core, l2_bytes_per_core, l3_bytes_total;
  std::optional<double> theoretical_bandwidth_bytes_per_second;
};

struct SweepModel {
  std::string name, quantisation;
  std::optional<double> parameters, active_parameters, weight_bytes;
  std::optional<int> n_layers, n_embd, n_head, n_head_kv, n_ff;
};

struct SweepPoint {
  std::optional<int> threads, batch;
  std::optional<double> prompt_tokens, context_tokens,
      new_tokens;  // means over prompts may be fractions
  std::optional<std::int64_t> positions, kv_bytes;
  std::optional<double> tokens_per_second, gflops;
  // Of a mixed phase: input, output and padding together, and the padding in it.
  std::optional<double> total_tokens_per_second, padding_tokens;
  std::vector<double> samples;   // tokens/s of each repeat, where known
  std::string status = "valid";  // valid | invalid
  std::string note;              // why invalid, or "above the CPU budget"
};

struct SweepSeries {
  std::string phase;  // prefill | decode | mixed
  std::string label;
  std::optional<int> threads, batch;
  std::optional<double> prompt_tokens, context_tokens, new_tokens;
  std::vector<SweepPoint> points;
};

// What one run said of one phase. Token counts are of one sequence, where the engine prints how
// many there were, else of the whole run.
struct SweepReading {
  std::string phase;  // prefill | decode | mixed
  std::optional<double> prompt_tokens, context_tokens, new_tokens;
  std::optional<int> batch, threads;      // as the engine says
  std::vector<double> tokens_per_second;  // engines that repeat by themselves give several
  std::optional<double> total_tokens_per_second, padding_tokens;
};

// A thread of the engine as it was last seen.
struct SweepThread {
  std::string name, state;  // R running, S sleeping ... of /proc/PID/stat
  double cpu_share = 0;     // of one CPU, over the time it was watched
  std::optional<int> last_cpu;
};

// What a run used, its child processes included; absent is unknown.
struct SweepUsage {
  std::optional<double> cpu_seconds;
  std::optional<std::int64_t> peak_rss_bytes;  // of its largest process
  std::optional<std::int64_t> voluntary_switches, involuntary_switches;
  std::optional<int> threads_spawned, threads_busy;  // most at once; busy: a fifth of the busiest
  std::optional<int> threads_seen;                   // different ones at all looks, at most 4096
  std::vector<SweepThread> threads;                  // the busiest first, at most 64
  std::map<std::string, std::int64_t> counters;      // hardware, by perf's names
  std::string counters_unavailable;                  // why there are none
};

struct SweepRun {
  std::string label;           // of its series; empty: there is one
  std::optional<int> threads;  // nullopt: the engine's own default
  int round = 0;               // 0: warm-up, which is in no series
  double seconds = 0;
  std::string failure;  // empty: it went well
  std::string remark;   // what to know of a run that went well
  std::vector<SweepReading> readings;
  SweepUsage usage;
};

struct Sweep {
  std::string id, kind = "threads";  // threads | prompt-length | context-length | batch-size | ...
  std::string source_title, engine_name, caveats;
  SweepMachine machine;
  SweepModel model;
  std::vector<SweepSeries> series;
  std::string created_utc;
  std::vector<std::string> command;  // as given, placeholders in place
  std::vector<SweepRun> runs;        // in the order in which they were made
};

std::string to_json_text(const Sweep& sweep);
Sweep sweep_from_json_text(std::string_view text, std::string_view origin);  // throws Error

}  // namespace mb
