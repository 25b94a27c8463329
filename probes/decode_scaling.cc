// One token's decode step against threads: all matrices of a chain of the model's layers, attention
// over `context_tokens` cached positions, the head, a barrier behind every operation.
//
// The sample is the time of the measured chain; facts say how many of the model's layers it has and
// which bytes it reads. The sweep goes through the SMT region, where a team of more threads than
// cores shows what siblings do to it.
#include "probes/step_case.h"

namespace {

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  return mb::prepare_step(point, kit, 1);
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"decode_scaling", "Time of one decode step of a chain of a model's layers", prepare});
}
