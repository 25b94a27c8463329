// Every fuzz target on its seeds, on seeded mutations of them, and on the malformed inputs that
// people and programs really make: cut at every byte, values of another kind, NaN and 1e400,
// doubled keys, depth, bytes that are no text. FUZZ_ROUNDS in the environment mutates longer.
#include "tests/fuzz/targets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/fuzz/mutate.h"

namespace mb {
namespace {

int rounds_of(std::string_view name) {
  if (const char* text = std::getenv("FUZZ_ROUNDS")) return std::atoi(text);
  return name == "fit" ? 12 : name == "names" ? 60 : 600;  // those take milliseconds each
}

class EveryTarget : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(EveryTarget, TakesItsSeeds) {
  for (const std::string& seed : GetParam().seeds()) EXPECT_TRUE(takes(GetParam(), seed));
}

TEST_P(EveryTarget, KeepsItsPromiseOnMutations) {
  std::mt19937_64 random(20260102);
  const std::vector<std::string> seeds = GetParam().seeds();
  for (int round = 0; round < rounds_of(GetParam().name); ++round) {
    const std::string& seed = seeds[static_cast<std::size_t>(round) % seeds.size()];
    takes(GetParam(), mutate(seed, random, round % 2 == 0 ? kHeaderBytes : seed.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, EveryTarget, ::testing::ValuesIn(fuzz_targets()),
                         [](const auto& each) { return std::string(each.param.name); });

// ---- malformed documents ----

struct Refusals {
  int cases = 0, refused = 0;
};

void offer(const FuzzTarget& target, std::string_view bytes, Refusals& count) {
  ++count.cases;
  count.refused += !takes(target, bytes);
}

void offer_cuts(const FuzzTarget& target, const std::string& seed, Refusals& count) {
  const std::size_t step = std::max<std::size_t>(1, seed.size() / 400);
  for (std::size_t length = 0; length < seed.size(); length += step) {
    offer(target, std::string_view(seed).substr(0, length), count);
  }
}

// Where a value begins: after a colon outside of text.
std::vector<std::size_t> value_places(const std::string& text) {
  std::vector<std::size_t> places;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) inside = !inside;
    if (text[i] == ':' && !inside) places.push_back(i + 1);
  }
  return places;
}

void offer_values(const FuzzTarget& target, const std::string& seed, Refusals& count) {
  const std::vector<std::size_t> places = value_places(seed);
  const std::size_t step = std::max<std::size_t>(1, places.size() / 60);
  for (std::size_t place = 0; place < places.size(); place += step) {
    const std::size_t at = places[place];
    for (const char* value :
         {" NaN,", " 1e400,", " -1,", " \"\xff\xfe\",", " {\"a\": 1, \"a\": 2},",
          " 99999999999999999999,", " [[[[[[]]]]]],", " \"\\u0000\","}) {
      offer(target, seed.substr(0, at) + value + " \"was\":" + seed.substr(at), count);
    }
  }
}

TEST(MalformedDocuments, AreRefusedOrReadAndNeverCrash) {
  Refusals all;
  for (const FuzzTarget& target : fuzz_targets()) {
    const std::string seed = target.seeds().front();
    if (seed.empty() || seed.front() != '{') continue;  // documents of JSON
    Refusals count;
    offer_cuts(target, seed, count);
    offer_values(target, seed, count);
    for (const char* text : {"", " ", "\n", "null", "[]", "{}", "{", "\xef\xbb\xbf{}", "\xff\xfe",
                             "{\"schema_version\": 0}", "{\"schema_version\": 1e9}",
                             "{\"schema_version\": \"1\"}", "true", "1e999", "\"text\""}) {
      offer(target, text, count);
    }
    offer(target, std::string(10000, '['), count);
    offer(target, std::string(10000, '{'), count);
    offer(target, std::string(1 << 20, '\0'), count);
    EXPECT_GT(count.cases, 250) << target.name;
    EXPECT_GT(count.refused, count.cases / 2) << target.name;
    all.cases += count.cases;
    all.refused += count.refused;
  }
  RecordProperty("cases", all.cases);
  RecordProperty("refused", all.refused);
  EXPECT_GE(all.cases, 2000);
}

}  // namespace
}  // namespace mb
