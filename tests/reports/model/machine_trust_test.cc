// What the forward model makes of points that are invalid, noisy, of another kind or not there.
#include <gmock/gmock.h>

#include "data/error.h"
#include "reports/model/machine_model.h"
#include "tests/reports/model/predicted.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::HasSubstr;

TEST(StandIns, OfAnotherKindServeASmallPartOnly) {
  const Results all = synthetic::results(Laws());
  Results quantised = all;
  std::erase_if(quantised.points, [](const Point& point) {
    const std::string type = point.parameters.text_or("type", "");
    return point.probe == "matmul_throughput" && (type == "f32" || type == "bf16");
  });
  const auto prefill = [](const Results& results, const char* model) {
    return MachineModel(results)
        .predict(find_model(model), find_engine_profile("generic"), {"prefill", 512, 0, "f16"}, 2)
        .tokens_per_second;
  };
  // Its routers alone are f32.
  EXPECT_NEAR(prefill(quantised, "qwen3-30b-a3b:q4_0") / prefill(all, "qwen3-30b-a3b:q4_0"), 1,
              0.1);
  EXPECT_THROW(prefill(quantised, "qwen3-4b:bf16"), Error);
}

TEST(Validity, AnInvalidPointIsNotUsed) {
  Laws laws;
  Results results = synthetic::results(laws);
  const double before = decode(MachineModel(results), "qwen3-4b", 8);
  Results broken = results;
  for (Point& point : broken.points) {
    const bool target = point.probe == "stream_bandwidth" &&
                        point.parameters.text_or("level", "") == "dram" &&
                        point.parameters.number_or("threads", 0) == 4;
    if (!target) continue;
    point.summary.median /= 100;
    point.verdict.worsen(Validity::kInvalid, "steal", "40 % of the used CPUs, limit 5 %");
  }
  const MachineModel model(broken);
  EXPECT_NEAR(decode(model, "qwen3-4b", 8) / before, 1, 0.01);
  EXPECT_EQ(model.verdict().validity, Validity::kNoisy);
  const auto missing = model.missing();
  EXPECT_TRUE(std::any_of(missing.begin(), missing.end(), [](const Missing& entry) {
    return entry.what.find("dram") != std::string::npos &&
           entry.cause.find("steal") != std::string::npos;
  }));
}

TEST(Validity, NoisyPointsWidenTheInterval) {
  Laws laws;
  Results results = synthetic::results(laws);
  const auto width = [](const Results& document) {
    const Prediction seen = MachineModel(document).predict(
        find_model("qwen3-4b"), find_engine_profile("generic"), {"decode", 512, 512, "f16"}, 8);
    return seen.high / seen.low;
  };
  const double before = width(results);
  for (Point& point : results.points) {
    point.verdict.worsen(Validity::kNoisy, "bimodal", "two states");
    point.modes = Modes{point.summary.median * 0.8, point.summary.median * 1.2};
  }
  EXPECT_GT(width(results), 1.3 * before);
  EXPECT_EQ(MachineModel(results).verdict().validity, Validity::kNoisy);
}

TEST(Validity, CleanPointsGiveAValidVerdict) {
  EXPECT_EQ(MachineModel(synthetic::results(Laws{})).verdict().validity, Validity::kValid);
}

TEST(MissingCurves, WithoutBandwidthThereIsNoPrediction) {
  Results results = synthetic::results(Laws{});
  std::erase_if(results.points,
                [](const Point& point) { return point.probe == "stream_bandwidth"; });
  const MachineModel model(results);
  try {
    decode(model, "qwen3-4b", 1);
    FAIL() << "predicted without bandwidth";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUntrustworthy);
    EXPECT_THAT(error.what(), HasSubstr("stream_bandwidth"));
  }
}

TEST(MissingCurves, WithoutMatrixRatesThereIsNoPrediction) {
  Results results = synthetic::results(Laws{});
  std::erase_if(results.points,
                [](const Point& point) { return point.probe == "matmul_throughput"; });
  EXPECT_THROW(prefill(MachineModel(results), "qwen3-4b", 1), Error);
}

TEST(MissingCurves, ARateOfNothingIsNotDividedBy) {
  Results results = synthetic::results(Laws{});
  for (Point& point : results.points) {
    if (point.parameters.number_or("threads", 0) == 2) point.summary.median = 0;
  }
  const double seen = decode(MachineModel(results), "qwen3-4b", 2);
  EXPECT_GT(seen, 0);
  EXPECT_TRUE(std::isfinite(seen));
}

TEST(MissingCurves, BarriersBeyondTheMeasuredCountsCostMoreNotTheSame) {
  Laws laws;
  laws.models = {};
  Results results = synthetic::results(laws);
  std::erase_if(results.points,
                [](const Point& point) { return point.parameters.number_or("threads", 1) > 4; });
  const MachineModel model(results);
  const auto dispatch = [&](int threads) {
    return model
        .predict(find_model("qwen3-4b"), find_engine_profile("generic"),
                 {"decode", 512, 512, "f16"}, threads)
        .seconds_by_term.at("dispatch");
  };
  EXPECT_NEAR(dispatch(8) / dispatch(4), 2, 1e-9);
}

TEST(MissingCurves, PriorsAreListedAndWidenNothingSilently) {
  Results results = synthetic::results(Laws{});
  std::erase_if(results.points, [](const Point& point) {
    return point.probe == "dispatch_overhead" || point.probe == "attention_kv";
  });
  const MachineModel model(results);
  EXPECT_GT(decode(model, "qwen3-4b", 8), 0);
  std::string all;
  for (const Missing& entry : model.missing()) all += entry.what + "\n";
  EXPECT_THAT(all, HasSubstr("barrier cost"));
  EXPECT_THAT(all, HasSubstr("attention"));
  EXPECT_EQ(model.verdict().validity, Validity::kNoisy);
}

TEST(MissingCurves, WithoutStepsTheIntervalIsWiderAndSaysSo) {
  Laws laws;
  const MachineModel with(synthetic::results(laws));
  laws.models = {};
  const MachineModel without(synthetic::results(laws));
  const auto width = [](const MachineModel& model) {
    const Prediction seen = model.predict(find_model("qwen3-4b"), find_engine_profile("generic"),
                                          {"decode", 512, 512, "f16"}, 8);
    return seen.high / seen.low;
  };
  EXPECT_GT(width(without), 1.3 * width(with));
  std::string all;
  for (const Missing& entry : without.missing()) all += entry.what + "\n";
  EXPECT_THAT(all, HasSubstr("measured decode step"));
}

TEST(Resampling, IsTheSameForTheSameSeedAndMovesWithTheError) {
  Laws laws;
  const MachineModel model(synthetic::results(laws));
  EXPECT_DOUBLE_EQ(decode(model.resampled(3), "qwen3-4b", 8),
                   decode(model.resampled(3), "qwen3-4b", 8));
  EXPECT_NE(decode(model.resampled(3), "qwen3-4b", 8), decode(model.resampled(4), "qwen3-4b", 8));
}

TEST(Dispatch, OfOneThreadTellsNothingOfMore) {
  Laws laws;
  Results results = synthetic::results(laws);
  for (Point& point : results.points) {
    if (point.probe == "dispatch_overhead" && point.parameters.number_or("threads", 1) > 1) {
      point.verdict.validity = Validity::kInvalid;
    }
  }
  const Prediction seen = MachineModel(results).predict(
      find_model("qwen3-4b"), find_engine_profile("generic"), {"decode", 512, 0, "f16"}, 2);
  // The figure of a small guest stands in: 50 ns for each thread beyond the first.
  EXPECT_GT(seen.seconds_by_term.at("dispatch"), 0.8 * 5e-8 * (12 * 36 + 2));
}

}  // namespace
}  // namespace mb
