// Rust engines take rayon's global pool. Source: rayon's FAQ.

#include "reports/advice/engines/engines.h"

namespace mb {

EngineSettings rayon_settings(const EngineInput& input) {
  EngineSettings made{.title = "Rust engines on rayon (candle, mistral.rs)"};
  made.env = {{"RAYON_NUM_THREADS", std::to_string(input.advice.compromise.threads)}};
  made.notes = {"The default is all logical CPUs; 0 means the default."};
  return made;
}

}  // namespace mb
