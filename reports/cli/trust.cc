// "Usable" is valid or noisy: noise widens an interval, it does not make a number false.
#include "reports/cli/trust.h"

#include <algorithm>

#include "data/error.h"

namespace mb {

void require_trust(const Results& results, const Recommendation& recommendation) {
  const bool any_point =
      std::any_of(results.points.begin(), results.points.end(),
                  [](const Point& point) { return point.verdict.validity < Validity::kInvalid; });
  if (!any_point) {
    throw Error(ErrorCode::kUntrustworthy,
                "no measured point is valid, so nothing here can be trusted; "
                "results.json says why for each, measure again when the machine is idle");
  }
  const auto& models = recommendation.models;
  const bool any_fits =
      std::any_of(models.begin(), models.end(), [](const ModelAdvice& each) { return each.fits; });
  const bool any_advice = std::any_of(models.begin(), models.end(), [](const ModelAdvice& each) {
    return each.prefill.threads > 0 || each.decode.threads > 0;
  });
  if (any_fits && !any_advice) {
    throw Error(ErrorCode::kUntrustworthy,
                "too little was measured to advise on any model; the missing list in "
                "recommendation.json says what, run again with a longer --budget");
  }
}

}  // namespace mb
