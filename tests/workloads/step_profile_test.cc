#include "workloads/step_profile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "tests/workloads/running_step.h"

namespace mb {
namespace {

TEST(StepProfile, AllOperationsTogetherReadTheStepsWeightsAndCache) {
  for (const ModelShape& shape :
       {small_shape(WeightType::kQ4_0), small_experts(WeightType::kQ8_0)}) {
    RunningStep built(StepRequest{shape, 3, 1, 100, 0, 2});
    double weights = 0, kv = 0;
    for (const OperationWork& work : describe_operations(built.step)) {
      weights += work.weight_bytes;
      kv += work.kv_bytes;
    }
    EXPECT_EQ(weights, static_cast<double>(built.step.weight_bytes()));
    EXPECT_EQ(kv, static_cast<double>(built.plan.kv_bytes()));
  }
}

TEST(StepProfile, MatrixFlopsAreThoseOfTheShape) {
  for (const long rows : {1L, 9L}) {
    const ModelShape shape = small_shape(WeightType::kQ4_0);
    RunningStep built(StepRequest{shape, shape.layers, rows, 0, 0, 2});
    double flops = 0;
    for (const OperationWork& work : describe_operations(built.step)) {
      if (work.weight_bytes > 0) flops += work.flops;
    }
    EXPECT_DOUBLE_EQ(flops, shape.matmul_flops(rows));
  }
}

TEST(StepProfile, TotalsAddSecondsAndWorkByName) {
  RunningStep built(StepRequest{small_shape(WeightType::kQ4_0), 3, 1, 100, 0, 1});
  const std::vector<OperationWork> operations = describe_operations(built.step);
  const std::vector<double> seconds(operations.size(), 0.5);
  std::map<std::string, OperationTotal> totals;
  for (const OperationTotal& total : total_by_name(operations, seconds)) {
    totals.emplace(total.work.name, total);
  }
  EXPECT_EQ(totals.size(), 12U);  // ten of a layer, the last norm, the head
  EXPECT_DOUBLE_EQ(totals.at("attention").seconds, 1.5);
  EXPECT_DOUBLE_EQ(totals.at("head").seconds, 0.5);
  EXPECT_DOUBLE_EQ(totals.at("attention").work.flops, 3 * operations[3].flops);
}

TEST(StepProfile, TheHookSeesEveryOperationOnceInOrder) {
  RunningStep built(StepRequest{small_shape(WeightType::kQ4_0), 2, 1, 10, 0, 2});
  std::vector<int> seen;
  built.team.run(
      [&](int rank) { built.step.run_rank(rank, [&](int index) { seen.push_back(index); }); });
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(built.step.operations()));
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], static_cast<int>(i));
  EXPECT_EQ(built.step.operation_name(0), "norm");
  EXPECT_EQ(built.step.operation_name(seen.back()), "head");
}

}  // namespace
}  // namespace mb
