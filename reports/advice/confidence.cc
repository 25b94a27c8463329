// How sure a count is: the machine is drawn again 200 times within the errors of its points, and
// the advised count must stay within twice the tolerance of the best one (the tolerance itself is
// used up by choosing the smallest count), in at least 95 % of the draws; else confidence is low.
// What rests on noisy points, or on no measured step at all, is medium at most; on a
// credit-throttled instance it is low whatever was measured.
#include <fmt/format.h>

#include <algorithm>

#include "reports/advice/parts.h"

namespace mb {
namespace {

constexpr int kRedraws = 200;
constexpr double kStable = 0.95;

// Lowers the word, never raises it.
void cap(PhaseAdvice& advice, const char* most, std::string reason) {
  const std::string word = most;
  if (advice.confidence == "high" || word == "low") advice.confidence = word;
  advice.confidence_reasons.push_back(std::move(reason));
}

double stable_share(const AdviceContext& context, const Workload& work, const Choice& choice,
                    const std::string& phase, const std::vector<MachineModel>& redraws) {
  Query query = context.query;
  query.phase = phase;
  int stable = 0;
  for (const MachineModel& machine : redraws) {
    double best = 0, advised = 0;
    for (const int threads : choice.eligible) {
      const double rate = machine.tokens_per_second(work, context.engine, query, threads);
      best = std::max(best, rate);
      if (threads == choice.threads) advised = rate;
    }
    stable += advised >= (1 - 2 * context.tolerance) * best;
  }
  return redraws.empty() ? 1 : static_cast<double>(stable) / static_cast<double>(redraws.size());
}

bool lacks(const MachineModel& model, const std::string& what) {
  return std::ranges::count(model.missing(), what, &Missing::what) > 0;
}

// AWS's T families run on credits: what a minute shows does not last.
bool burstable(const Machine& machine) {
  const std::string label = machine.cloud_label.value_or("");
  return label.rfind("t2.", 0) == 0 || label.rfind("t3.", 0) == 0 || label.rfind("t3a.", 0) == 0 ||
         label.rfind("t4g.", 0) == 0;
}

}  // namespace

std::vector<MachineModel> redraw(const MachineModel& model) {
  std::vector<MachineModel> redraws;
  for (std::uint64_t seed = 1; seed <= kRedraws; ++seed) redraws.push_back(model.resampled(seed));
  return redraws;
}

void judge_confidence(const AdviceContext& context, const Workload& work, const Choice& choice,
                      const std::vector<MachineModel>& redraws, PhaseAdvice& advice) {
  if (choice.eligible.size() == 1) {
    advice.confidence = "high";
    advice.confidence_reasons = {context.budget == 1 ? "there is only one count to choose"
                                                     : "only one count was measured"};
  } else {
    const double share = stable_share(context, work, choice, advice.phase, redraws);
    advice.confidence = share >= kStable ? "high" : "low";
    advice.confidence_reasons = {
        fmt::format("within {:.0f} % of the best count in {:.0f} % of {} redraws of the "
                    "measurements",
                    200 * context.tolerance, 100 * share, redraws.size())};
  }
  if (lacks(context.model, "matrix products with several threads")) {
    cap(advice, "low", "arithmetic was measured with one thread alone");
  }
  if (lacks(context.model, fmt::format("measured {} step", advice.phase))) {
    cap(advice, "medium", fmt::format("no {} step was measured, only its parts", advice.phase));
  }
  const Verdict verdict = context.model.verdict();
  if (verdict.validity >= Validity::kNoisy) {
    cap(advice, "medium",
        verdict.reasons.empty()
            ? "some measurements are noisy"
            : fmt::format("some measurements are noisy ({}: {})", verdict.reasons.front().code,
                          verdict.reasons.front().detail));
  }
  if (const auto held = sustained(context.results); held && held->lowers_confidence()) {
    cap(advice, held->makes_advice_doubtful() ? "low" : "medium", held->text());
  }
  if (burstable(context.results.machine)) {
    cap(advice, "low", "this instance type runs on CPU credits: speed depends on what is left");
  }
}

}  // namespace mb
