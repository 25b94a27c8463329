// A prompt block's step against threads: `prompt_tokens` new rows after `context_tokens` cached
// ones through a chain of the model's layers, then the head for the last row only, a barrier behind
// every operation.
//
// The sample is the time of the measured chain; facts say how many of the model's layers it has and
// which bytes it reads.
#include "probes/step_case.h"

namespace {

// One micro-batch: longer prompts are taken in such blocks by engines, each a step of its own.
constexpr long kMostRows = 2048;

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  const long rows = point.parameters.number_or("prompt_tokens", 128);
  if (rows < 2 || rows > kMostRows) {
    throw mb::Error(mb::ErrorCode::kUsage,
                    fmt::format("prompt_tokens {}: expected 2 to {}", rows, kMostRows));
  }
  return mb::prepare_step(point, kit, rows, 1);
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"prefill_scaling", "Time of one prefill step of a chain of a model's layers", prepare});
}
