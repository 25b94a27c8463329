// One model's conversation, phase by phase: the answer of `scenario`, and a chart of the
// recommendation.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mb {

// One phase of a conversation; context_tokens is what it finds in the cache.
struct ScenarioPhase {
  std::string phase;  // prefill | decode
  std::int64_t tokens = 0, context_tokens = 0;
  std::string regime, limited_by;
  int threads = 0;
  std::optional<std::vector<int>> cpu_list;  // absent when the budget is a quota
  double tokens_per_second = 0, seconds = 0, low = 0, high = 0;  // interval of the seconds
  double start_seconds = 0;                                      // after the phases before it
};

// The same phases with other rules for the count.
struct ScenarioPlan {
  std::string name;                             // per_phase | two_counts | one_count
  int prefill_threads = 0, decode_threads = 0;  // 0 where each phase has its own
  double seconds = 0;
  double loss = 0;  // against per_phase: 0.03 takes 3 % longer
};

struct ModelScenario {
  std::string model, title;
  bool fits = true;
  std::string fits_reason;
  std::vector<ScenarioPhase> phases;
  double seconds = 0, low = 0, high = 0;
  std::int64_t context_tokens_at_end = 0;
  std::vector<ScenarioPlan> plans;
  bool switching_pays = false;
  double switching_seconds = 0;  // what changing counts costs in all
  std::string reason;            // one sentence
};

}  // namespace mb
