#include "reports/cli/trust.h"

#include <gtest/gtest.h>

#include "data/error.h"

namespace mb {
namespace {

Results with_points(std::initializer_list<Validity> validities) {
  Results results;
  for (const Validity validity : validities) {
    results.points.emplace_back();
    results.points.back().verdict.validity = validity;
  }
  return results;
}

Recommendation with_model(bool fits, int prefill_threads) {
  Recommendation recommendation;
  recommendation.models.emplace_back();
  recommendation.models.back().fits = fits;
  recommendation.models.back().prefill.threads = prefill_threads;
  return recommendation;
}

int code_of(const Results& results, const Recommendation& recommendation, bool asked_for = false) {
  try {
    require_trust(results, recommendation, asked_for);
    return 0;
  } catch (const Error& error) {
    return error.exit_code();
  }
}

TEST(Trust, OneUsablePointAndOneAdviceAreEnough) {
  EXPECT_EQ(code_of(with_points({Validity::kInvalid, Validity::kNoisy}), with_model(true, 2)), 0);
}

TEST(Trust, IsLostWhenEveryPointIsInvalid) {
  EXPECT_EQ(code_of(with_points({Validity::kInvalid, Validity::kUnavailable}), with_model(true, 2)),
            7);
  EXPECT_EQ(code_of(with_points({}), with_model(true, 2)), 7);
}

TEST(Trust, IsLostWhenAModelFitsAndNoneHasAnAdvice) {
  EXPECT_EQ(code_of(with_points({Validity::kValid}), with_model(true, 0)), 7);
}

TEST(Trust, AModelAskedForByNameNeedsBothAdvices) {
  Recommendation two = with_model(true, 2);
  two.models[0].decode.threads = 2;
  EXPECT_EQ(code_of(with_points({Validity::kValid}), two, true), 0);
  two.models.push_back(two.models[0]);
  two.models[1].decode.threads = 0;
  EXPECT_EQ(code_of(with_points({Validity::kValid}), two, true), 7);
  EXPECT_EQ(code_of(with_points({Validity::kValid}), two, false), 0) << "of a list of ours, some";
  two.models[1].fits = false;
  EXPECT_EQ(code_of(with_points({Validity::kValid}), two, true), 0)
      << "that it does not fit is said";
}

TEST(Trust, AWrongResultOutranksEverythingElse) {
  for (const auto& [validity, threads] :
       {std::pair{Validity::kValid, 2}, {Validity::kInvalid, 0}}) {
    Results results = with_points({validity});
    results.steps.emplace_back();
    results.steps.back().verdict.worsen(Validity::kInvalid, "probe_failed", "exit 3");
    EXPECT_EQ(code_of(results, with_model(true, threads)), threads > 0 ? 0 : 7);
    results.steps.emplace_back();
    results.steps.back().verdict.worsen(Validity::kInvalid, "wrong_result", "sum is 3");
    EXPECT_EQ(code_of(results, with_model(true, threads)), 1);
  }
}

TEST(Trust, ADocumentThatCarriesNoAdviceIsExplainedAndNotTrusted) {
  const Results results = with_points({Validity::kValid});
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0"};
  request.results_file = "results.json";
  const Recommendation recommendation = advise_or_explain(results, request);
  EXPECT_TRUE(recommendation.models.empty());
  EXPECT_EQ(recommendation.verdict.validity, Validity::kInvalid);
  EXPECT_EQ(recommendation.results_file, "results.json");
  ASSERT_EQ(recommendation.missing.size(), 1u);
  EXPECT_EQ(code_of(results, recommendation), 7);
}

TEST(Trust, StaysWhenNoModelFits) {
  EXPECT_EQ(code_of(with_points({Validity::kValid}), with_model(false, 0)), 0);
}

}  // namespace
}  // namespace mb
