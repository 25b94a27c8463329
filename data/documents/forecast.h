// What `predict` and `scenario` answer: predictions with the seconds of whole requests. Written as
// JSON and never read back.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/recommendation.h"

namespace mb {

// One request: a prompt on a warm or empty cache, then generated tokens. The first token comes out
// of the prompt's last row, so N tokens take N - 1 decode steps; the context grows with each.
struct EndToEnd {
  int prefill_threads = 0, decode_threads = 0;
  std::int64_t prompt_tokens = 0, context_tokens = 0, new_tokens = 0;
  double time_to_first_token_seconds = 0, decode_seconds = 0;
  double seconds = 0, low = 0, high = 0;  // of the whole request; 90 % interval
};

// A shape of the catalogue next to one that was named by its size.
struct NearestShape {
  std::string model, title;
  std::vector<Prediction> predictions;
};

struct Forecast {
  std::string model, title, engine_profile;
  std::vector<std::string> interpolated_between;  // of a size; else empty
  Verdict verdict;                                // of the measurements it rests on
  std::vector<Prediction> predictions;
  std::vector<EndToEnd> end_to_end;
  std::vector<NearestShape> nearest;  // of a size; else empty
};
std::string to_json_text(const Forecast& forecast);

// One phase of a conversation; context_tokens is what it finds in the cache.
struct ScenarioPhase {
  std::string phase;  // prefill | decode
  std::int64_t tokens = 0, context_tokens = 0;
  std::string regime, limited_by;
  int threads = 0;
  std::optional<std::vector<int>> cpu_list;  // absent when the budget is a quota
  double tokens_per_second = 0, seconds = 0, low = 0, high = 0;  // interval of the seconds
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

struct Scenario {
  std::string phases;  // prefill:220,decode:30 ...
  std::int64_t batch = 1;
  std::string kv_type, engine_profile;
  double tolerance = 0.02;
  Verdict verdict;
  std::vector<ModelScenario> models;
  std::string fastest;  // of those that fit, the model with the least total time; empty: none fits
};
std::string to_json_text(const Scenario& scenario);

}  // namespace mb
