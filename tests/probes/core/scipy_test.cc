// The judgement of drifts and first samples against scipy's line and deviation: samples that lie a
// hair to either side of a limit, as scipy sees them (tests/data/documents/scipy/reference.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "probes/core/noise.h"

namespace mb {
namespace {

bool judged(const std::vector<double>& samples, const std::string& code) {
  Verdict verdict;
  judge_samples(samples, summarise(samples, Unit::kBytesPerSecond), std::nullopt, false, verdict);
  return std::ranges::any_of(verdict.reasons,
                             [&](const Reason& reason) { return reason.code == code; });
}

void expect_scipys_side(const char* kind, const std::string& code, std::size_t least) {
  const auto cases =
      nlohmann::json::parse(std::ifstream(SOURCE_DIR "/tests/data/documents/scipy/reference.json"))
          .at(kind);
  EXPECT_GE(cases.size(), least);
  for (const auto& each : cases) {
    EXPECT_EQ(judged(each.at("samples"), code), each.at("counts").get<bool>()) << each;
  }
}

TEST(Scipy, SeesTheSameDrifts) { expect_scipys_side("slopes", "slope", 20); }

TEST(Scipy, SeesTheSameFirstSamples) { expect_scipys_side("first_samples", "first_sample", 16); }

}  // namespace
}  // namespace mb
