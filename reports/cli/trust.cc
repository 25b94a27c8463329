// "Usable" is valid or noisy: noise widens an interval, it does not make a number false.
#include "reports/cli/trust.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"

namespace mb {
namespace {

constexpr std::string_view kNoAdvice = "advice";

void require_right_results(const Results& results) {
  for (const StepRecord& step : results.steps) {
    for (const Reason& reason : step.verdict.reasons) {
      if (reason.code != "wrong_result") continue;
      throw Error(ErrorCode::kFailure,
                  fmt::format("a kernel's result was wrong ({}: {}); do not use figures of this "
                              "machine: test its memory, rebuild, report it",
                              step.probe, reason.detail));
    }
  }
}

}  // namespace

Recommendation advise_or_explain(const Results& results, const AdviceRequest& request) {
  try {
    return advise(results, request);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUntrustworthy) throw;
    Recommendation recommendation;
    recommendation.created_utc = results.created_utc;
    recommendation.results_file = request.results_file;
    recommendation.tolerance = request.tolerance;
    recommendation.prompt_tokens = request.prompt_tokens;
    recommendation.context_tokens = request.context_tokens;
    recommendation.limits = results.machine.limits;
    recommendation.verdict.validity = Validity::kInvalid;
    recommendation.missing.push_back(
        {std::string(kNoAdvice), error.what(), "measure again while nothing else runs, or longer"});
    return recommendation;
  }
}

void require_trust(const Results& results, const Recommendation& recommendation, bool asked_for) {
  require_right_results(results);
  const bool any_point =
      std::any_of(results.points.begin(), results.points.end(),
                  [](const Point& point) { return point.verdict.validity < Validity::kInvalid; });
  if (!any_point) {
    throw Error(ErrorCode::kUntrustworthy,
                "no measured point is valid, so nothing here can be trusted; "
                "results.json says why for each, measure again when the machine is idle");
  }
  for (const Missing& missing : recommendation.missing) {
    if (missing.what == kNoAdvice) throw Error(ErrorCode::kUntrustworthy, missing.cause);
  }
  const auto& models = recommendation.models;
  const bool any_fits =
      std::any_of(models.begin(), models.end(), [](const ModelAdvice& each) { return each.fits; });
  const bool any_advice = std::any_of(models.begin(), models.end(), [](const ModelAdvice& each) {
    return each.prefill.threads > 0 || each.decode.threads > 0;
  });
  for (const ModelAdvice& each : models) {
    const bool whole = each.prefill.threads > 0 && each.decode.threads > 0;
    if (!asked_for || !each.fits || whole) continue;
    throw Error(ErrorCode::kUntrustworthy,
                fmt::format("no advice on {} of {} can be trusted; the missing list in "
                            "recommendation.json says why, run again with a longer --budget",
                            each.prefill.threads > 0 ? "decode" : "prefill", each.model));
  }
  if (any_fits && !any_advice) {
    throw Error(ErrorCode::kUntrustworthy,
                "too little was measured to advise on any model; the missing list in "
                "recommendation.json says what, run again with a longer --budget");
  }
}

}  // namespace mb
