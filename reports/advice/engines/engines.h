// Settings of engines, one file a format: engines.cc has the table, a line each. Every format says
// the same advice in its engine's own words; what its engine makes of its knobs is in the notes,
// because a right number in a wrong place is worse than none.
//
// Two rules hold for all. A list of CPUs is given only where it leaves usable CPUs out, and never
// where the budget is a quota: two containers would pick the same CPUs. An engine that takes one
// count gets the compromise, one that takes two gets both.
#pragma once
#include <string>
#include <vector>

#include "data/documents/machine.h"
#include "data/documents/recommendation.h"

namespace mb {

struct EngineInput {
  const Machine& machine;
  const ModelAdvice& advice;
  std::string quantisation;  // "q4_0": the name of the model's weight type

  // The CPUs worth naming for a phase; nullptr where no list should be given.
  const std::vector<int>* pin(const PhaseAdvice& phase) const;
  // A CPU quota that the engine must stay within; 0 where there is none.
  double quota() const { return machine.limits.quota_cpus.value_or(0); }
};

struct EngineEntry {
  const char* name;                                  // as in --format
  const char* summary;                               // one sentence for --format list
  EngineSettings (*make)(const EngineInput& input);  // engine is set from `name` afterwards
};

// In the order of the page. Names are unique.
const std::vector<EngineEntry>& engine_entries();

// "Refused", "dequantised" ... in a sentence where the engine does not run this weight type as it
// stands (data/engines/support); empty where it does or nothing is known.
std::string quantisation_warning(const std::string& engine, const std::string& quantisation);

EngineSettings llama_cpp_settings(const EngineInput& input);
EngineSettings llama_cpp_env_settings(const EngineInput& input);
EngineSettings llama_bench_settings(const EngineInput& input);
EngineSettings llama_cpp_python_settings(const EngineInput& input);
EngineSettings llama_crab_settings(const EngineInput& input);
EngineSettings ollama_settings(const EngineInput& input);
EngineSettings ollama_request_settings(const EngineInput& input);
EngineSettings vllm_settings(const EngineInput& input);
EngineSettings pytorch_settings(const EngineInput& input);
EngineSettings openmp_settings(const EngineInput& input);
EngineSettings openvino_settings(const EngineInput& input);
EngineSettings onnxruntime_settings(const EngineInput& input);
EngineSettings rayon_settings(const EngineInput& input);
EngineSettings systemd_settings(const EngineInput& input);
EngineSettings docker_settings(const EngineInput& input);
EngineSettings compose_settings(const EngineInput& input);
EngineSettings kubernetes_settings(const EngineInput& input);
EngineSettings numactl_settings(const EngineInput& input);
EngineSettings taskset_settings(const EngineInput& input);
EngineSettings slurm_settings(const EngineInput& input);
EngineSettings env_settings(const EngineInput& input);
EngineSettings shell_settings(const EngineInput& input);

// Shared by several formats.
// Counts for programs of any kind: OpenMP, MKL, rayon (one count) and llama.cpp (generation).
std::map<std::string, std::string> common_environment(const ModelAdvice& advice);
// NUMA nodes that the CPUs of a list belong to, ascending.
std::vector<int> nodes_of(const Machine& machine, const std::vector<int>& cpus);
// Text of a JSON object, two blanks a level, closed by a new line.
std::string json_file(const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace mb
