// One token's decode step against threads: all matrices of a chain of the model's layers, attention
// over `context_tokens` cached positions, the head, a barrier behind every operation.
//
// `batch` sequences, each with a cache of its own, share each reading of the weights.
//
// The sample is the time of the measured chain; facts say how many of the model's layers it has and
// which bytes it reads. The sweep goes through the SMT region, where a team of more threads than
// cores shows what siblings do to it.
#include "probes/step_case.h"

namespace {

constexpr long kMostSequences = 1024;

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  const long sequences = point.parameters.number_or("batch", 1);
  if (sequences < 1 || sequences > kMostSequences) {
    throw mb::Error(mb::ErrorCode::kUsage,
                    fmt::format("batch {}: expected 1 to {}", sequences, kMostSequences));
  }
  return mb::prepare_step(point, kit, sequences, sequences);
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"decode_scaling", "Time of one decode step of a chain of a model's layers", prepare});
}
