// Advice from documents whose samples are drawn again, with replacement: the same count, or one
// that the first advice had stated as good as its own, in 95 of 100 draws; else its confidence had
// to be low. RESAMPLES in the environment asks for more draws than 10 (the target `nightly` for
// 1000).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include "reports/advice/advise.h"
#include "reports/advice/parts.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

constexpr double kStable = 0.95;

int resamples_wanted() {
  const char* text = std::getenv("RESAMPLES");
  return text == nullptr ? 10 : std::atoi(text);
}

Results stored(const std::string& name) {
  std::ifstream file(SOURCE_DIR "/data/" + name);
  return results_from_json_text(std::string{std::istreambuf_iterator<char>(file), {}}, name);
}

Results drawn_again(const Results& results, std::mt19937& random) {
  Results drawn = results;
  for (Point& point : drawn.points) {
    const std::vector<double> samples = point.samples;
    if (samples.empty()) continue;
    std::uniform_int_distribution<std::size_t> any(0, samples.size() - 1);
    for (double& sample : point.samples) sample = samples[any(random)];
    point.summary = summarise(point.samples, point.unit);
    point.modes = find_modes(point.samples);
  }
  return drawn;
}

// The advised count and those that cost no more than twice the tolerance, which is what confidence
// is judged by.
std::set<int> stated(const PhaseAdvice& advice, double tolerance) {
  std::set<int> counts{advice.threads};
  for (const Alternative& other : advice.alternatives) {
    if (std::abs(other.loss) <= 2 * tolerance) counts.insert(other.threads);
  }
  return counts;
}

bool overlap(const std::set<int>& one, const std::set<int>& other) {
  return std::ranges::any_of(one, [&](int count) { return other.contains(count); });
}

// Of both phases, the share of draws that agree; expects what confidence promised.
void expect_stable(const Results& results, const std::string& model, const std::string& what) {
  AdviceRequest request;
  request.models = {model};
  const ModelAdvice first = advise(results, request).models.at(0);
  ASSERT_TRUE(first.fits) << what;
  std::mt19937 random(6);
  int same[2] = {0, 0};
  const int draws = resamples_wanted();
  for (int draw = 0; draw < draws; ++draw) {
    const ModelAdvice again = advise(drawn_again(results, random), request).models.at(0);
    same[0] +=
        overlap(stated(first.prefill, request.tolerance), stated(again.prefill, request.tolerance));
    same[1] +=
        overlap(stated(first.decode, request.tolerance), stated(again.decode, request.tolerance));
  }
  for (const PhaseAdvice* phase : {&first.prefill, &first.decode}) {
    const double share = static_cast<double>(same[phase == &first.decode]) / draws;
    testing::Test::RecordProperty(what + "_" + phase->phase,
                                  std::to_string(share) + ", confidence " + phase->confidence);
    EXPECT_TRUE(share >= kStable || phase->confidence == "low")
        << what << ", " << phase->phase << ": " << phase->threads << " threads in " << share
        << " of " << draws << " draws, confidence " << phase->confidence;
  }
}

// 19 of 20 machines on which the count is the best are the 95 % that it takes, 18 are not.
TEST(Confidence, IsHighFromNineteenDrawsInTwenty) {
  synthetic::Laws wide, narrow;
  narrow.bandwidth_all = narrow.bandwidth_one;
  narrow.barrier_two = 1e-4;  // eight threads lose
  const Results results = synthetic::results(wide);
  const MachineModel model(results);
  const EngineProfile engine = find_engine_profile("generic");
  const Workload work(find_model("qwen3-4b:q4_0"));
  const AdviceContext context{results, model, engine, 0.02, {"", 512, 512, "f16"}, 8};
  const auto confidence = [&](int agreeing) {
    std::vector<MachineModel> redraws;
    for (int i = 0; i < 20; ++i) {
      redraws.emplace_back(synthetic::results(i < agreeing ? wide : narrow));
    }
    PhaseAdvice advice;
    advice.phase = "decode";
    judge_confidence(context, work, {8, 8, {1, 8}}, redraws, advice);
    return advice.confidence;
  };
  EXPECT_EQ(confidence(20), "high");
  EXPECT_EQ(confidence(19), "high");
  EXPECT_EQ(confidence(18), "low");
}

TEST(Stability, OfStoredDocuments) {
  expect_stable(stored("machines/emerald-rapids-guest-2.json"), "qwen3-4b:q4_0", "guest_dense");
  expect_stable(stored("machines/emerald-rapids-guest-2.json"), "gemma-3-270m:q4_0", "guest_small");
}

// From samples that agree within a per cent to ones that differ by half.
TEST(Stability, OfSyntheticMachines) {
  for (const double spread : {0.01, 0.05, 0.2, 0.5}) {
    synthetic::Laws laws;
    laws.smt = 2;
    laws.matvec_one = 60e9;
    laws.bandwidth_all = 70e9;
    laws.spread = spread;
    expect_stable(synthetic::results(laws), "qwen3-4b:q4_0",
                  "spread_" + std::to_string(static_cast<int>(100 * spread)));
  }
}

}  // namespace
}  // namespace mb
