// Conversations on machines whose laws are known.
#include "reports/advice/scenario.h"

#include <gmock/gmock.h>

#include "data/error.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::HasSubstr;

// Prefill wants all cores here and decode four.
Laws two_minds() {
  Laws laws;
  laws.cores = 16;
  laws.bandwidth_one = 20e9;
  laws.bandwidth_all = 70e9;
  laws.matvec_one = 60e9;
  laws.attention_one = 200e9;
  laws.barrier_two = 2e-6;  // so that decode loses by more threads
  return laws;
}

Scenario play(const Laws& laws, const std::string& phases,
              std::vector<std::string> models = {"qwen3-4b:q4_0"}) {
  ScenarioRequest request;
  request.models = std::move(models);
  request.phases = phases;
  return play_scenario(synthetic::results(laws), request);
}

TEST(Phases, AreReadInOrder) {
  const std::vector<PhaseTokens> phases = parse_phases("prefill:220,decode:30,prefill:5000");
  ASSERT_EQ(phases.size(), 3u);
  EXPECT_EQ(phases[1].phase, "decode");
  EXPECT_EQ(phases[2].tokens, 5000);
  for (const char* text : {"", "prefill", "prefill:", "prefill:0", "prefill:-1", "prefill:1x",
                           "decode:5,", "think:5", "prefill:99999999999999999999"}) {
    EXPECT_THROW(parse_phases(text), Error) << text;
  }
  for (const ScenarioPreset& preset : scenario_presets()) {
    EXPECT_FALSE(parse_phases(preset.phases).empty()) << preset.name;
  }
}

TEST(Presets, AreFoundByNameAndReadable) {
  for (const ScenarioPreset& preset : scenario_presets()) {
    EXPECT_EQ(&find_scenario_preset(preset.name), &preset);
    EXPECT_FALSE(parse_phases(preset.phases).empty()) << preset.name;
  }
  try {
    find_scenario_preset("nonesuch");
    FAIL() << "found";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("'nonesuch' is not one of "));
    EXPECT_THAT(error.what(), testing::HasSubstr("chat"));
  }
}

TEST(Scenario, AccumulatesTheContextAndAddsUp) {
  const Scenario played = play(two_minds(), "prefill:220,decode:30,prefill:5000,decode:200");
  const ModelScenario& model = played.models.at(0);
  ASSERT_EQ(model.phases.size(), 4u);
  const std::int64_t contexts[] = {0, 220, 250, 5250};
  double seconds = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(model.phases[i].context_tokens, contexts[i]);
    EXPECT_NEAR(model.phases[i].seconds * model.phases[i].tokens_per_second,
                static_cast<double>(model.phases[i].tokens), 1e-6);
    EXPECT_LT(model.phases[i].low, model.phases[i].seconds);
    seconds += model.phases[i].seconds;
  }
  EXPECT_NEAR(model.seconds, seconds, 1e-9);
  EXPECT_EQ(model.context_tokens_at_end, 5450);
  EXPECT_EQ(model.phases[0].regime, "streaming_prefill");
  EXPECT_EQ(model.phases[1].regime, "memory_bound_decode");
  EXPECT_LT(model.phases[3].tokens_per_second, model.phases[1].tokens_per_second);  // more KV
}

TEST(Scenario, SwitchesWhereThePhasesDisagree) {
  const ModelScenario model = play(two_minds(), "prefill:500,decode:500").models.at(0);
  EXPECT_GT(model.phases[0].threads, model.phases[1].threads);
  EXPECT_TRUE(model.switching_pays);
  EXPECT_THAT(model.reason, HasSubstr("Switching pays"));
  ASSERT_EQ(model.plans.size(), 3u);
  EXPECT_NEAR(model.plans[1].loss, 0, 1e-9);  // two counts are all that two phases need
  EXPECT_GT(model.plans[2].loss, 0.02);
  EXPECT_GT(model.switching_seconds, 0);
}

TEST(Scenario, DoesNotSwitchForNothing) {
  Laws laws;  // both phases gain up to eight cores
  laws.bandwidth_all = 160e9;
  const ModelScenario model = play(laws, "prefill:500,decode:500").models.at(0);
  EXPECT_FALSE(model.switching_pays);
  EXPECT_THAT(model.reason, HasSubstr("nothing to switch"));
  EXPECT_EQ(model.switching_seconds, 0);
}

TEST(Scenario, NamesTheModelWithTheLeastTimeAmongThoseThatFit) {
  Laws laws;
  Machine machine = synthetic::machine(laws);
  machine.limits.memory_budget_bytes = 8LL << 30;
  ScenarioRequest request;
  request.models = {"llama-3.1-8b:q4_0", "llama-3.1-8b:q8_0", "qwen3-4b:q8_0", "qwen3-4b:q4_0"};
  request.phases = "decode:100";
  const Scenario played = play_scenario(synthetic::results(laws, machine), request);
  EXPECT_EQ(played.fastest, "qwen3-4b:q4_0");
  EXPECT_FALSE(played.models[1].fits);
  EXPECT_TRUE(played.models[1].phases.empty());
  EXPECT_LT(played.models[3].seconds, played.models[2].seconds);
  EXPECT_LT(played.models[2].seconds, 1.05 * played.models[0].seconds);
}

TEST(Scenario, OfABatchSharesTheWeights) {
  ScenarioRequest one, eight;
  one.models = eight.models = {"llama-3.1-8b"};
  one.phases = eight.phases = "decode:100";
  eight.batch = 8;
  Laws laws;
  laws.matvec_one = laws.matmul_one = 400e9;
  const Results results = synthetic::results(laws);
  const double alone = play_scenario(results, one).models.at(0).seconds;
  const double together = play_scenario(results, eight).models.at(0).seconds;
  EXPECT_GT(together, alone);
  EXPECT_LT(together, 2 * alone);
}

}  // namespace
}  // namespace mb
