// The sweep document: throughput of a real engine against threads (or prompt length, batch, KV
// positions). The schema of data/datasets (see its READMEs), which `memory_benchmark sweep` writes.
// Unknown keys are ignored, null is unknown (nullopt).
#pragma once
#include <cstdint>
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
  std::vector<double> samples;   // tokens/s of each repeat, where known
  std::string status = "valid";  // valid | invalid
  std::string note;              // why invalid, or "above the CPU budget"
};

struct SweepSeries {
  std::string phase;  // prefill | decode | mixed
  std::string label;
  std::optional<int> threads, batch;
  std::optional<double> prompt_tokens, context_tokens;
  std::vector<SweepPoint> points;
};

struct Sweep {
  std::string id, kind = "threads";  // threads | prompt-length | context-length | batch-size | ...
  std::string source_title, engine_name, caveats;
  SweepMachine machine;
  SweepModel model;
  std::vector<SweepSeries> series;
};

std::string to_json_text(const Sweep& sweep);
Sweep sweep_from_json_text(std::string_view text, std::string_view origin);  // throws Error

}  // namespace mb
