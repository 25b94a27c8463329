// A prompt block's step against threads: `prompt_tokens` new rows after `context_tokens` cached
// ones through a chain of the model's layers, then the head for the last row only, a barrier behind
// every operation.
//
// The sample is the time of the measured chain; facts say how many of the model's layers it has and
// which bytes it reads.
#include "probes/step_case.h"

namespace {

constexpr long kMostRows = 2048;  // of one step
constexpr long kMostBlocks = 1024;

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  const long prompt = point.parameters.number_or("prompt_tokens", 128);
  const long rows = point.parameters.number_or("micro_batch", prompt);
  if (rows < 2 || rows > kMostRows) {
    const char* name = point.parameters.has("micro_batch") ? "micro_batch" : "prompt_tokens";
    throw mb::Error(mb::ErrorCode::kUsage,
                    fmt::format("{} {}: expected 2 to {}{}", name, rows, kMostRows,
                                rows > kMostRows ? "; longer prompts go in "
                                                   "blocks (micro_batch)"
                                                 : ""));
  }
  if (prompt < rows || prompt % rows != 0 || prompt / rows > kMostBlocks) {
    throw mb::Error(mb::ErrorCode::kUsage,
                    fmt::format("prompt_tokens {}: expected 1 to {} times the micro_batch of {}",
                                prompt, kMostBlocks, rows));
  }
  return mb::prepare_step(point, kit, rows, 1, prompt / rows);
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"prefill_scaling", "Time of one prefill step of a chain of a model's layers", prepare});
}
