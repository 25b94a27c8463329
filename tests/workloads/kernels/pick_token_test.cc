#include "workloads/kernels/pick_token.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "tests/workloads/kernels/every_isa.h"

namespace mb {
namespace {

std::vector<float> random_logits(long count, unsigned seed) {
  std::minstd_rand generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> logits(static_cast<std::size_t>(count));
  for (float& logit : logits) logit = normal(generator);
  return logits;
}

TEST(PickToken, ArgmaxEqualsItsTwinOnEveryIsa) {
  on_every_isa([] {
    for (const long count : {1L, 2L, 7L, 64L, 65L, 1000L, 32003L}) {
      for (unsigned seed = 1; seed < 6; ++seed) {
        std::vector<float> logits = random_logits(count, seed);
        EXPECT_EQ(argmax(logits.data(), count), argmax_scalar(logits.data(), count));
        // The last place, and the first of equals.
        logits.back() = 9;
        EXPECT_EQ(argmax(logits.data(), count), count - 1);
        logits.front() = 9;
        EXPECT_EQ(argmax(logits.data(), count), 0);
      }
    }
  });
}

TEST(PickToken, OneCandidateIsTheLargest) {
  on_every_isa([] {
    const std::vector<float> logits = random_logits(5000, 3);
    TokenPicker picker(5000, {1, 1, 1});
    EXPECT_EQ(picker.pick(logits.data()), argmax_scalar(logits.data(), 5000));
  });
}

TEST(PickToken, PicksOnlyAmongTheTopKAndEachOfThem) {
  constexpr long kVocabulary = 3000, kTop = 5;
  const std::vector<float> logits = random_logits(kVocabulary, 4);
  std::vector<float> sorted = logits;
  std::ranges::sort(sorted, std::greater<>());
  std::map<long, int> seen;
  TokenPicker picker(kVocabulary, {kTop, 1, 2});
  for (int i = 0; i < 2000; ++i) ++seen[picker.pick(logits.data())];
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kTop));
  for (const auto& [token, times] : seen) {
    EXPECT_GE(logits[static_cast<std::size_t>(token)], sorted[kTop - 1]);
  }
}

TEST(PickToken, TopPKeepsTheFewestThatHoldItsShare) {
  // Probabilities 0.5, 0.25, 0.125 ...: 0.7 is held by the first two, picked two to one.
  std::vector<float> logits(20);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = -static_cast<float>(i) * 0.6931472F;
  }
  std::ranges::reverse(logits);  // not in order of size
  TokenPicker picker(20, {20, 0.7F, 1});
  int first = 0;
  for (int i = 0; i < 3000; ++i) {
    const long token = picker.pick(logits.data());
    ASSERT_GE(token, 18);
    first += token == 19;
  }
  EXPECT_NEAR(first, 2000, 100);
}

}  // namespace
}  // namespace mb
