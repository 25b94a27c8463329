#include "workloads/step.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "data/error.h"
#include "tests/workloads/reference_step.h"
#include "tests/workloads/running_step.h"
#include "workloads/kernels/isa.h"

namespace mb {
namespace {

// Root mean square of the difference over that of the expected.
double relative_difference(const std::vector<float>& got, const std::vector<float>& expected) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    difference += std::pow(static_cast<double>(got[i]) - static_cast<double>(expected[i]), 2);
    size += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / size);
}

// Of the step's logits from the reference's.
double difference_of(const StepRequest& request) {
  RunningStep running(request);
  ReferenceStep reference(running.step);
  const std::vector<float> expected = reference.logits(running.step.input());
  running.step.run();
  running.step.check();
  return relative_difference(running.logits(), expected);
}

// One activation of a quantised product, rounded to the next of its 127 steps the other way, moves
// a whole small step by one or two per cent; the test of exactness below bounds the usual case. One
// position too few in attention moves these steps by 3 to 70 per cent.
constexpr double kMostByRounding = 2e-2, kMostInFloats = 1e-3;

void expect_reference(const StepRequest& request) {
  SCOPED_TRACE(testing::Message() << request.shape.architecture << ' '
                                  << to_string(request.shape.type) << ", " << request.rows
                                  << " rows on " << request.context << ", " << request.ranks
                                  << " ranks, " << request.sequences << " sequences, KV "
                                  << to_string(request.kv_type) << ", touched by "
                                  << to_string(request.first_touch));
  const WeightType type = request.shape.type;
  const bool floats =
      request.kv_type != KvType::kQ8_0 &&
      (type == WeightType::kF32 || type == WeightType::kF16 || type == WeightType::kBF16);
  EXPECT_LT(difference_of(request), floats ? kMostInFloats : kMostByRounding);
}

void expect_reference(const ModelShape& shape, long rows, long context, int ranks) {
  expect_reference({shape, 2, rows, context, 0, ranks});
}

TEST(Step, DecodeEqualsTheScalarReferenceForEveryWeightType) {
  for (const WeightType type : {WeightType::kQ4_0, WeightType::kQ8_0, WeightType::kBF16,
                                WeightType::kF16, WeightType::kF32}) {
    expect_reference(small_shape(type), 1, 100, 2);
  }
  ModelShape mixed = small_shape(WeightType::kQ4_K);  // q4_k_m: Q4_K, some matrices Q6_K
  mixed.mix = Mix::kMedium;
  mixed.ffn = 512;
  expect_reference(mixed, 1, 100, 2);
  expect_reference(mixed, 5, 20, 2);
}

TEST(Step, DecodeEqualsTheScalarReferenceForEveryKindOfLayer) {
  ModelShape biased = small_shape(WeightType::kQ4_0);
  biased.attention_bias = true;
  expect_reference(biased, 1, 3, 2);
  expect_reference(small_experts(WeightType::kQ4_0), 1, 40, 3);
  expect_reference(small_gemma(WeightType::kQ8_0), 1, 200, 2);
  expect_reference(small_gemma(WeightType::kQ4_0), 1, 0, 1);
}

TEST(Step, PrefillEqualsTheScalarReference) {
  expect_reference(small_shape(WeightType::kQ4_0), 13, 0, 2);
  expect_reference(small_shape(WeightType::kF32), 5, 90, 2);
  expect_reference(small_experts(WeightType::kQ8_0), 9, 20, 3);
  expect_reference(small_gemma(WeightType::kQ4_0), 11, 150, 2);
}

TEST(Step, EqualsTheScalarReferenceExactlyMoreOftenThanNot) {
  const std::string isa = chosen_isa();
  if (!isa.starts_with("AVX2") && !isa.starts_with("AVX3")) {
    GTEST_SKIP() << "needs AVX2 or AVX-512; sums of others, " << isa
                 << " here, may differ from the reference's in their last bits";
  }
  ModelShape mixed = small_shape(WeightType::kQ4_K);  // some matrices Q6_K
  mixed.mix = Mix::kMedium;
  mixed.ffn = 512;
  const auto expect = [](const ModelShape& shape, KvType kv_type) {
    std::vector<double> differences;
    for (const long rows : {1, 5, 9}) {
      for (const long context : {0, 20, 40}) {
        differences.push_back(difference_of({shape, 2, rows, context, 0, 3, kv_type}));
      }
    }
    std::ranges::nth_element(differences, differences.begin() + 4);
    EXPECT_LT(differences[4], 1e-5) << to_string(shape.type) << ", KV " << to_string(kv_type);
  };
  expect(small_experts(WeightType::kQ4_0), KvType::kF16);
  expect(small_experts(WeightType::kQ8_0), KvType::kF16);
  expect(small_shape(WeightType::kQ8_0), KvType::kQ8_0);
  expect(mixed, KvType::kF16);
}

StepRequest batch(const ModelShape& shape, long sequences, int ranks) {
  StepRequest request{shape, 2, sequences, 90, 0, ranks};
  request.sequences = sequences;
  return request;
}

TEST(Step, BatchedDecodeEqualsTheScalarReferenceOverEachSequencesOwnCache) {
  expect_reference(batch(small_shape(WeightType::kQ4_0), 3, 2));
  expect_reference(batch(small_experts(WeightType::kQ8_0), 5, 3));
  expect_reference(batch(small_gemma(WeightType::kF32), 2, 1));
}

TEST(Step, TakesAQuantisedCache) {
  StepRequest request{small_shape(WeightType::kQ8_0), 2, 7, 100, 0, 2, KvType::kQ8_0};
  expect_reference(request);
  request.rows = 1;
  expect_reference(request);
}

TEST(Step, GivesTheSameResultWhoeverTouchesItsMemoryFirst) {
  for (const FirstTouch touch : {FirstTouch::kLoader, FirstTouch::kInterleaved}) {
    StepRequest request{small_shape(WeightType::kQ4_0), 2, 1, 100, 0, 2};
    request.first_touch = touch;
    expect_reference(request);
  }
}

// What is asked of the system is what the plan says: a step makes no buffers of its own.
TEST(Step, StaysWithinItsPlannedMemory) {
  // Asked at run time: tests may be compiled plainly and linked with a sanitizer.
  if (dlsym(RTLD_DEFAULT, "__asan_init") != nullptr ||
      dlsym(RTLD_DEFAULT, "__tsan_init") != nullptr) {
    GTEST_SKIP() << "needs a build without a sanitizer's shadow of each byte";
  }
  const auto resident_bytes = [] {
    long pages = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    return resident * sysconf(_SC_PAGESIZE);
  };
  StepRequest request{small_shape(WeightType::kQ8_0), 4, 16, 30'000, 0, 2};
  request.head = true;
  const long before = resident_bytes();
  RunningStep running(request);
  running.step.run();
  running.step.run();
  const long planned = static_cast<long>(running.plan.bytes());
  ASSERT_GT(planned, 16L << 20) << "else nothing can be told from a process's size";
  constexpr long kStacks = 4L << 20;  // of the team's threads, and what malloc keeps
  EXPECT_LT(resident_bytes() - before, planned + kStacks);
  EXPECT_GT(resident_bytes() - before, planned / 2) << "it is used";
}

TEST(Step, PicksATokenForEachSequence) {
  StepRequest request = batch(small_shape(WeightType::kQ8_0), 3, 2);
  request.pick = Pick::kArgmax;
  RunningStep running(request);
  running.step.run();
  const long vocabulary = request.shape.vocabulary;
  ASSERT_EQ(running.step.picked().size(), 3U);
  for (long i = 0; i < 3; ++i) {
    EXPECT_EQ(running.step.picked()[static_cast<std::size_t>(i)],
              argmax_scalar(running.step.logits() + i * vocabulary, vocabulary));
  }
  request.head = false;
  EXPECT_THROW(StepPlan{request}, Error);
}

TEST(Step, RefusesSequencesOfSeveralRows) {
  StepRequest request = batch(small_shape(WeightType::kQ8_0), 3, 2);
  request.rows = 6;
  EXPECT_THROW(StepPlan{request}, Error);
}

TEST(Step, MovesOnlyWithinItsGrowth) {
  RunningStep running(small_shape(WeightType::kQ4_0), 1, 1, 10, 1, 64);
  running.step.move_to(74);
  EXPECT_EQ(running.step.context(), 74);
  EXPECT_THROW(running.step.move_to(75), Error);
  EXPECT_THROW(running.step.move_to(9), Error);
}

TEST(Step, PrefillOfSeveralRowsEqualsAsManyDecodeSteps) {
  for (const ModelShape& shape : {small_shape(WeightType::kQ8_0), small_experts(WeightType::kQ4_0),
                                  small_gemma(WeightType::kQ8_0)}) {
    SCOPED_TRACE(shape.architecture);
    constexpr long kRows = 7, kContext = 130;
    RunningStep prefill(shape, 4, kRows, kContext, 2);
    RunningStep decode(shape, 4, 1, kContext, 2, kRows);
    prefill.step.run();
    for (long row = 0; row < kRows; ++row) {
      if (row > 0) decode.step.advance();
      std::copy_n(prefill.step.input() + row * shape.hidden, shape.hidden, decode.step.input());
      decode.step.run();
    }
    EXPECT_LT(relative_difference(decode.logits(), prefill.logits()), 5e-3);
  }
}

// As engines take a long prompt: the layers of each block, what comes after them for the last.
TEST(Step, BlocksOfAPromptGiveWhatTheWholeGivesAndComputeTheHeadOnce) {
  for (const ModelShape& shape : {small_shape(WeightType::kQ8_0), small_experts(WeightType::kQ4_0),
                                  small_gemma(WeightType::kQ8_0)}) {
    SCOPED_TRACE(shape.architecture);
    constexpr long kRows = 5, kBlocks = 3, kContext = 130;
    RunningStep whole(shape, 4, kBlocks * kRows, kContext, 2);
    RunningStep blocks(shape, 4, kRows, kContext, 2, (kBlocks - 1) * kRows);
    whole.step.run();
    blocks.step.run();  // of other rows than the second block's, so that a head would show
    const std::vector<float> untouched = blocks.logits();
    for (long block = 0; block < kBlocks; ++block) {
      blocks.step.move_to(kContext + block * kRows);
      std::copy_n(whole.step.input() + block * kRows * shape.hidden, kRows * shape.hidden,
                  blocks.step.input());
      if (block + 1 == kBlocks) {
        EXPECT_EQ(blocks.logits(), untouched) << "a head was computed before the last block";
        blocks.step.run();
      } else {
        blocks.team.run([&](int rank) { blocks.step.run_layers_rank(rank); });
      }
    }
    EXPECT_LT(relative_difference(blocks.logits(), whole.logits()), 5e-3);
  }
}

TEST(Step, GivesTheSameResultForEveryTeamAndEveryRun) {
  RunningStep one(small_experts(WeightType::kQ4_0), 3, 1, 300, 1);
  one.step.run();
  const std::vector<float> expected = one.logits();
  one.step.run();
  EXPECT_EQ(one.logits(), expected);
  for (const int ranks : {2, 5, 40}) {
    RunningStep many(small_experts(WeightType::kQ4_0), 3, 1, 300, ranks);
    many.step.run();
    EXPECT_LT(relative_difference(many.logits(), expected), 5e-3) << ranks;
  }
}

TEST(Step, HalvingTheLayersHalvesOperationsAndBytes) {
  for (const ModelShape& shape : {small_shape(WeightType::kQ4_0), small_gemma(WeightType::kQ4_0),
                                  small_experts(WeightType::kQ4_0)}) {
    RunningStep four(shape, 4, 1, 100, 1), two(shape, 2, 1, 100, 1);
    const int head = four.step.operations() - 4 * four.step.operations_per_layer();
    EXPECT_EQ(head, 2);
    EXPECT_EQ(four.step.operations() - head, 2 * (two.step.operations() - head));
    EXPECT_EQ(four.step.weight_bytes() - four.step.head_bytes(),
              2 * (two.step.weight_bytes() - two.step.head_bytes()));
    EXPECT_EQ(four.plan.kv_bytes(), 2 * two.plan.kv_bytes());
  }
}

TEST(Step, WithoutItsHeadAChainIsProportionalToItsLayers) {
  for (const ModelShape& shape :
       {small_shape(WeightType::kQ4_0), small_experts(WeightType::kQ4_0)}) {
    RunningStep four(shape, 4, 1, 100, 2, 0, KvType::kF16, false);
    RunningStep two(shape, 2, 1, 100, 2, 0, KvType::kF16, false);
    four.step.run();
    EXPECT_NO_THROW(four.step.check());
    EXPECT_EQ(four.step.head_bytes(), 0);
    EXPECT_EQ(four.step.weight_bytes(), 2 * two.step.weight_bytes());
    const int last_norm = 1;
    EXPECT_EQ(four.step.operations() - last_norm, 2 * (two.step.operations() - last_norm));
  }
}

TEST(Step, PassesOneBarrierAnOperationInsideOneRegion) {
  RunningStep running(small_shape(WeightType::kQ4_0), 3, 1, 10, 2);
  running.team.regions = running.team.barriers = 0;
  running.step.run();
  EXPECT_EQ(running.team.regions, 1);
  EXPECT_EQ(running.team.barriers, running.step.operations());
  EXPECT_EQ(running.step.operations(), 3 * 10 + 2);
}

TEST(Step, ReadsTheBytesThatTheShapeSaysATokenReads) {
  for (const ModelShape& shape : {small_shape(WeightType::kQ4_0), small_experts(WeightType::kQ8_0),
                                  small_gemma(WeightType::kQ4_0)}) {
    const RunningStep running(shape, shape.layers, 1, 10, 1);
    // Norms and biases are a fraction of a per mille and not counted here.
    EXPECT_EQ(running.step.weight_bytes(),
              shape.weight_bytes_per_token() - shape.weight_bytes_per_token(TensorClass::kNorm));
  }
}

TEST(Step, CheckFindsAResultThatIsNotFinite) {
  RunningStep running(small_shape(WeightType::kF32), 1, 1, 10, 1);
  EXPECT_THROW(running.step.check(), Error);  // nothing was computed yet
  running.step.input()[3] = NAN;
  running.step.run();
  EXPECT_THROW(running.step.check(), Error);
}

TEST(Step, RefusesATeamOfAnotherSize) {
  const StepPlan plan({small_shape(WeightType::kQ4_0), 1, 1, 10, 0, 3});
  SerialTeam team;
  EXPECT_THROW(Step(plan, nullptr, team), Error);
}

}  // namespace
}  // namespace mb
