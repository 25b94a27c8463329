// See second_try.h. A tried point keeps only its better samples: joining both tries would judge the
// disturbance again.
#include "probes/campaign/second_try.h"

#include <algorithm>

namespace mb {
namespace {

bool spoilt(const Point& point) {
  const Verdict& verdict = point.verdict;
  return verdict.validity == Validity::kInvalid ||
         std::any_of(verdict.reasons.begin(), verdict.reasons.end(),
                     [](const Reason& reason) { return reason.code == "few_samples"; });
}

}  // namespace

std::vector<SecondTry> second_tries(const std::vector<PlannedStep>& steps,
                                    const std::map<std::size_t, Results>& finished,
                                    double seconds) {
  std::vector<SecondTry> tries;
  for (const auto& [index, document] : finished) {
    PlannedStep again{steps.at(index).probe, steps.at(index).environment, {}};
    seconds -= again.seconds();  // its start
    for (const PlannedPoint& planned : steps.at(index).points) {
      const Point* point = document.find(planned.parameters.name(again.probe));
      if (point == nullptr || !spoilt(*point) || planned.seconds > seconds) continue;
      seconds -= planned.seconds;
      again.points.push_back(planned);
    }
    if (again.points.empty()) {
      seconds += again.seconds();
      continue;
    }
    tries.push_back({index, std::move(again)});
  }
  return tries;
}

int take_better(Results& document, const Results& again) {
  int replaced = 0;
  for (const Point& second : again.points) {
    const auto first = std::find_if(document.points.begin(), document.points.end(),
                                    [&](const Point& point) { return point.name == second.name; });
    if (first == document.points.end() || spoilt(second)) continue;
    const Reason why = first->verdict.reasons.empty() ? Reason{} : first->verdict.reasons.front();
    *first = second;
    first->notes["second_try"] = "the first was " + why.code + ": " + why.detail;
    ++replaced;
  }
  document.steps.insert(document.steps.end(), again.steps.begin(), again.steps.end());
  return replaced;
}

}  // namespace mb
