// Whole requests against their steps added up one by one.
#include "reports/model/request_time.h"

#include <gmock/gmock.h>

#include "reports/model/workload.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

TEST(DecodeTime, IsTheSumOfItsSteps) {
  const MachineModel model(synthetic::results(synthetic::Laws{}));
  const Workload work(find_model("qwen3-4b"));
  const EngineProfile engine = find_engine_profile("generic");
  for (const std::int64_t steps : {1, 2, 7, 300, 5000}) {
    for (const std::int64_t context : {0, 512, 6000}) {
      Query query{"decode", 512, context, "f16"};
      const Seconds whole = decode_time(model, work, engine, query, steps, 4);
      double sum = 0, high = 0;
      for (std::int64_t i = 0; i < steps; ++i) {
        query.context_tokens = context + i;
        const Seconds step = step_time(model.predict(work, engine, query, 4));
        sum += step.value;
        high += step.high;
      }
      EXPECT_NEAR(whole.value / sum, 1, 0.003) << steps << " on " << context;
      EXPECT_NEAR(whole.high / high, 1, 0.003) << steps << " on " << context;
      EXPECT_LT(whole.low, whole.value);
    }
  }
  EXPECT_EQ(decode_time(model, work, engine, {"decode", 1, 0, "f16"}, 0, 4).value, 0);
}

TEST(EndToEnd, IsThePromptAndOneStepLessThanTheTokens) {
  const MachineModel model(synthetic::results(synthetic::Laws{}));
  const Workload work(find_model("qwen3-4b"));
  const EngineProfile engine = find_engine_profile("generic");
  const Query query{"prefill", 700, 100, "f16"};
  const double prompt = 700 / model.predict(work, engine, query, 8).tokens_per_second;
  const EndToEnd one = end_to_end(model, work, engine, query, 1, 8, 2);
  EXPECT_NEAR(one.seconds, prompt, 1e-9);
  EXPECT_EQ(one.decode_seconds, 0);
  const EndToEnd many = end_to_end(model, work, engine, query, 201, 8, 2);
  EXPECT_NEAR(many.time_to_first_token_seconds, prompt, 1e-9);
  const Seconds answer = decode_time(model, work, engine, {"decode", 1, 800, "f16"}, 200, 2);
  EXPECT_NEAR(many.seconds, prompt + answer.value, 1e-9);
  EXPECT_LT(many.low, many.seconds);
  EXPECT_GT(many.high, many.seconds);
}

}  // namespace
}  // namespace mb
