// What `predict` and `scenario` answer: predictions with the seconds of whole requests. Written as
// JSON and never read back.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/scenario.h"

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
