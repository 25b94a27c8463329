// A conversation as phases: what each takes with its own thread count, and whether changing counts
// between phases pays against one count for all.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/forecast.h"
#include "data/documents/results.h"

namespace mb {

struct PhaseTokens {
  std::string phase;  // prefill | decode
  std::int64_t tokens = 0;
};
// "prefill:220,decode:30" -> phases in order. Throws Error(kUsage).
std::vector<PhaseTokens> parse_phases(std::string_view text);

struct ScenarioPreset {
  std::string_view name, phases;
  std::int64_t batch;
  std::string_view what;
};
const std::vector<ScenarioPreset>& scenario_presets();
// Throws Error(kUsage) listing the names.
const ScenarioPreset& find_scenario_preset(std::string_view name);

struct ScenarioRequest {
  std::vector<std::string> models;  // at least one
  std::string phases;
  std::string engine_profile = "llama.cpp-threadpool", kv_type = "f16";
  std::int64_t batch = 1, context_tokens = 0;  // of each sequence, before the first phase
  double tolerance = 0.02;
};

// Throws Error(kUntrustworthy) when too little was measured, kUsage for phases that make no sense.
Scenario play_scenario(const Results& results, const ScenarioRequest& request);

}  // namespace mb
