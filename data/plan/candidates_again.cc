// What is visited more than once. A guest shares its memory with neighbours, and its cores with who
// runs on their other hardware threads, unseen. Both change their state within a run while the
// samples of one visit agree within a percent: two threads read 35 GB/s in one minute and 64 in the
// next (DECISIONS 100), one core took in 26 or 50 GB/s of Q4_0 (DECISIONS 103). An engine's minutes
// meet all states, and so must what its speed is predicted from. Documents join all visits
// (data/documents/merge). Where a machine is nobody else's one visit tells as much.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "data/plan/candidates.h"

namespace mb {
namespace {

// Streams of reads have many samples, and first touch of their buffers is dear: one more visit, on
// huge pages, when what predictions rest on is done. Products and decode steps meet memory's states
// and the cores', which change faster. A decode step is the nearest there is to an engine's token
// and takes a tenth of a second, so that one visit has a handful of them: one before its place amid
// the run and one at the end, with one of prefill's where there is time for samples of seconds.
// Steps whose threads are started anew likewise, a sample takes a third of a second: before the
// decode step, which gives back much memory, and less than two seconds after the reads, which do.
constexpr int kProductVisits = 3;
// Under this the points themselves need the time.
constexpr double kLeastSeconds = 1.0, kLeastProductSeconds = 0.5, kLeastPrefillSeconds = 5,
                 kLeastStartedSeconds = 0.5;
// Of set-up: the host hands out a guest's memory once, and what another step gave back a moment ago
// is there (1 GB in 0.2 to 0.5 s on the Emerald Rapids guest, the first time in 0.6 to 3.3).
constexpr double kTouchedAgain = 0.4;
// The first visit's plan has two models, of which short budgets drop the second: then its whole
// time is the first's. As long a visit needs this times the first model's part; a longer budget
// makes it up to twice as long.
constexpr double kChainShare = 2;
// Likewise of started steps: of three lengths one is visited again, and a third of the first
// visit's time would end after a sample or two.
constexpr double kStartedShare = 3;

bool is_read_of_memory(const std::string& probe, const Parameters& point) {
  return probe == "stream_bandwidth" && point.text_or("operation", "") == "read" &&
         point.text_or("level", "") == "dram" && point.text_or("page", "") == "thp" &&
         !point.has("placement") && !point.has("cpu_node");
}

// Single rows of all types, and blocks of those that most prompts are predicted from.
bool is_product(const std::string& probe, const Parameters& point) {
  if (probe != "matmul_throughput") return false;
  const std::string type = point.text_or("type", "");
  return point.text_or("operation", "") == "matvec" || type == "q4_0" || type == "q8_0";
}

// Steps like a small model's tokens, half of which may be the starting: how much that is changes
// from step to step by as much again, so that few samples tell no mean.
bool is_started_step(const std::string& probe, const Parameters& point) {
  constexpr std::int64_t kSmallModelsMs = 20;
  return probe == "dispatch_overhead" && point.text_or("sync", "") == "thread_create" &&
         point.text_or("operation", "") == "step" &&
         point.number_or("work_ms", 0) == kSmallModelsMs;
}

double weight_of(const ProbePlan& plan) {
  double sum = 0;
  for (const Candidate& candidate : plan.candidates) sum += candidate.weight;
  return sum;
}

// With the share that its points have of the first, so that no state outweighs the others.
template <class Wanted>
std::vector<ProbePlan> visits_of(const std::vector<ProbePlan>& first, double least_seconds,
                                 Wanted wanted) {
  std::vector<ProbePlan> visits;
  for (const ProbePlan& plan : first) {
    ProbePlan again = plan;
    std::erase_if(again.candidates, [&](const Candidate& candidate) {
      return !wanted(plan.probe, candidate.parameters);
    });
    if (again.candidates.empty()) continue;
    again.share *= weight_of(again) / weight_of(plan);
    again.set_up_seconds *= kTouchedAgain;
    again.least_seconds = least_seconds;
    again.left_out_as.clear();  // the first visit told of it
    visits.push_back(std::move(again));
  }
  return visits;
}

}  // namespace

void visit_again(const CandidateContext& context, std::vector<ProbePlan>& plans) {
  if (!context.machine.hypervisor || context.alone) return;
  const std::vector<ProbePlan> first = plans;
  const std::vector<ProbePlan> products = visits_of(first, kLeastProductSeconds, is_product);
  const auto chain_visits = [&](const char* wanted, double least_seconds) {
    std::vector<ProbePlan> visits =
        visits_of(first, least_seconds, [&](const std::string& probe, const Parameters& point) {
          return probe == wanted && point.text_or("model", "") == context.models.front();
        });
    for (ProbePlan& plan : visits) plan.share *= kChainShare;
    return visits;
  };
  const std::vector<ProbePlan> decode = chain_visits("decode_scaling", kLeastSeconds);
  std::vector<ProbePlan> started = visits_of(first, kLeastStartedSeconds, is_started_step);
  for (ProbePlan& plan : started) plan.share *= kStartedShare;
  std::vector<ProbePlan> last = visits_of(first, kLeastSeconds, is_read_of_memory);
  last.insert(last.end(), started.begin(), started.end());
  last.insert(last.end(), decode.begin(), decode.end());
  std::ranges::move(chain_visits("prefill_scaling", kLeastPrefillSeconds),
                    std::back_inserter(last));
  // Before what no prediction needs: large caches of the host's make set-up longer than planned,
  // and what is last finds the time over.
  auto end = std::ranges::find_if(plans, [](const ProbePlan& plan) {
    return plan.probe == "loaded_latency" || plan.probe == "shm_bandwidth";
  });
  end = std::next(plans.insert(end, last.begin(), last.end()),
                  static_cast<std::ptrdiff_t>(last.size()));
  const std::ptrdiff_t steps = end - plans.begin();
  const auto is_dispatch = [](const ProbePlan& plan) {
    return plan.probe == "dispatch_overhead" && !plan.environment.empty();
  };
  const std::ptrdiff_t dispatch = std::ranges::find_if(plans, is_dispatch) - plans.begin();
  for (std::ptrdiff_t visit = kProductVisits; visit > 0; --visit) {
    // In thirds, the first before the dispatch probes: behind them are the first steps.
    const std::ptrdiff_t third = steps * visit / kProductVisits;
    const auto at = plans.begin() + (visit == 1 && dispatch < steps ? dispatch : third);
    auto after =
        std::next(plans.insert(at, products.begin(), products.end()), std::ssize(products));
    if (visit != 1) continue;
    after = std::next(plans.insert(after, started.begin(), started.end()), std::ssize(started));
    plans.insert(after, decode.begin(), decode.end());
  }
}

}  // namespace mb
