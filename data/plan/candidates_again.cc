// What is visited a second time. A guest's memory is shared with neighbours and changes its state
// within a run: two threads read 35 GB/s in one minute and 64 in the next on a guest of two CPUs
// (DECISIONS 100), while the samples of one visit agree within a percent. All that decode's
// predictions rest on is therefore measured again at the end of a run, half of it or more after the
// first visit, and documents join both (data/documents/merge). Where memory is nobody else's one
// visit tells as much.
#include <algorithm>

#include "data/plan/candidates.h"

namespace mb {
namespace {

// Under this the points themselves need the time.
constexpr double kLeastSeconds = 1.5;

bool decides_decode(const CandidateContext& context, const std::string& probe,
                    const Parameters& point) {
  if (probe == "decode_scaling") {
    return point.text_or("model", "") == context.models.front();
  }
  return probe == "stream_bandwidth" && point.text_or("operation", "") == "read" &&
         point.text_or("level", "") == "dram" && !point.has("placement") && !point.has("cpu_node");
}

double weight_of(const ProbePlan& plan) {
  double sum = 0;
  for (const Candidate& candidate : plan.candidates) sum += candidate.weight;
  return sum;
}

}  // namespace

std::vector<ProbePlan> second_visits(const CandidateContext& context,
                                     const std::vector<ProbePlan>& first) {
  std::vector<ProbePlan> visits;
  if (!context.machine.hypervisor || context.alone) return visits;
  for (const ProbePlan& plan : first) {
    ProbePlan again = plan;
    std::erase_if(again.candidates, [&](const Candidate& candidate) {
      return !decides_decode(context, plan.probe, candidate.parameters);
    });
    if (again.candidates.empty()) continue;
    // As long as the first, so that neither state outweighs the other.
    again.share *= weight_of(again) / weight_of(plan);
    again.least_seconds = kLeastSeconds;
    visits.push_back(std::move(again));
  }
  return visits;
}

}  // namespace mb
