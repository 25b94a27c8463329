// A step with its memory and its team.
#pragma once
#include <cstdlib>
#include <memory>
#include <vector>

#include "tests/workloads/thread_team.h"
#include "workloads/step.h"

namespace mb {

struct RunningStep {
  RunningStep(const ModelShape& shape, long layers, long rows, long context, int ranks,
              long growth = 0, KvType kv_type = KvType::kF16, bool head = true)
      : RunningStep(StepRequest{shape, layers, rows, context, growth, ranks, kv_type, head}) {}
  explicit RunningStep(const StepRequest& request)
      : plan(request),
        memory(
            static_cast<std::byte*>(std::aligned_alloc(4096, (plan.bytes() + 4095) / 4096 * 4096)),
            &std::free),
        team(request.ranks),
        step(plan, memory.get(), team) {}
  StepPlan plan;
  std::unique_ptr<std::byte, decltype(&std::free)> memory;
  ThreadTeam team;
  Step step;

  std::vector<float> logits() const {
    return {step.logits(), step.logits() + plan.request().sequences * plan.shape().vocabulary};
  }
};

}  // namespace mb
