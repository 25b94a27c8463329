// Summaries and modes against those that numpy and scipy give for the same samples; the figures are
// in scipy/reference.json, made by scipy/reference.py.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/documents/results.h"

namespace mb {
namespace {

nlohmann::json reference() {
  return nlohmann::json::parse(
      std::ifstream(SOURCE_DIR "/tests/data/documents/scipy/reference.json"));
}

void expect_same(double ours, double theirs, const std::string& what) {
  EXPECT_LE(std::abs(ours - theirs), 1e-12 * std::abs(theirs))
      << what << ": " << ours << " for " << theirs;
}

TEST(Scipy, GivesTheSameSummariesAndModes) {
  int two_states = 0;
  const nlohmann::json cases = reference().at("summaries");
  for (const auto& theirs : cases) {
    const auto samples = theirs.at("samples").get<std::vector<double>>();
    const std::string what = std::to_string(samples.size()) + " samples, ";
    const Summary ours = summarise(samples, Unit::kSeconds);
    expect_same(ours.median, theirs.at("median"), what + "median");
    expect_same(ours.mad, theirs.at("mad"), what + "MAD");
    EXPECT_EQ(ours.low, theirs.at("low")) << what << "low";
    EXPECT_EQ(ours.high, theirs.at("high")) << what << "high";
    const auto modes = find_modes(samples);
    ASSERT_EQ(modes.has_value(), !theirs.at("modes").is_null()) << what << theirs.at("samples");
    if (!modes) continue;
    ++two_states;
    expect_same(modes->low, theirs.at("modes").at(0), what + "lower mode");
    expect_same(modes->high, theirs.at("modes").at(1), what + "upper mode");
  }
  EXPECT_GE(cases.size(), 100U);
  EXPECT_GE(two_states, 20);
}

}  // namespace
}  // namespace mb
