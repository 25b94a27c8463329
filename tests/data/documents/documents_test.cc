#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "data/documents/machine.h"
#include "data/documents/parameters.h"
#include "data/documents/validity.h"
#include "data/error.h"
#include "tests/data/documents/samples.h"

namespace mb {
namespace {

using testing::ElementsAre;

TEST(Parameters, NameKeepsTheOrderAndShortensOperationAndLevel) {
  Parameters parameters{{"operation", "read"}, {"level", "dram"}, {"page", "thp"}};
  parameters.set("threads", 2);
  EXPECT_EQ(parameters.name("stream_bandwidth"), "stream_bandwidth/read/dram/page:thp/threads:2");
  EXPECT_EQ(Parameters().name("machine"), "machine");
}

TEST(Parameters, SetReplacesInPlace) {
  Parameters parameters{{"threads", std::int64_t{1}}, {"page", "4k"}};
  parameters.set("threads", 8).set("page", "thp").set("sync", "spin");
  EXPECT_EQ(parameters.name("p"), "p/threads:8/page:thp/sync:spin");
}

TEST(Parameters, AnswersByTypeOnly) {
  const Parameters parameters{{"threads", std::int64_t{4}}, {"page", "thp"}};
  EXPECT_EQ(parameters.number("threads"), 4);
  EXPECT_EQ(parameters.text("threads"), std::nullopt);
  EXPECT_EQ(parameters.number("page"), std::nullopt);
  EXPECT_EQ(parameters.number_or("rows", 7), 7);
  EXPECT_EQ(parameters.text_or("placement", "spread"), "spread");
  EXPECT_TRUE(parameters.has("page"));
  EXPECT_FALSE(parameters.has("rows"));
}

TEST(Verdict, KeepsTheWorstAndEveryReasonOnce) {
  Verdict verdict;
  verdict.worsen(Validity::kInvalid, "steal", "2 %");
  verdict.worsen(Validity::kNoisy, "spread", "3 %");
  verdict.worsen(Validity::kNoisy, "spread", "3 %");
  EXPECT_EQ(verdict.validity, Validity::kInvalid);
  EXPECT_THAT(verdict.reasons, ElementsAre(Reason{"steal", "2 %"}, Reason{"spread", "3 %"}));
}

TEST(Verdict, WordsRoundTripAndOthersThrow) {
  for (const auto validity :
       {Validity::kValid, Validity::kNoisy, Validity::kInvalid, Validity::kUnavailable}) {
    EXPECT_EQ(validity_from_string(to_string(validity)), validity);
  }
  EXPECT_THROW(validity_from_string("good"), Error);
  EXPECT_THROW(validity_from_string(""), Error);
}

TEST(ReasonTexts, AreUniqueAndComplete) {
  std::set<std::string_view> codes;
  for (const ReasonText& text : reason_texts()) {
    EXPECT_TRUE(codes.insert(text.code).second) << text.code;
    EXPECT_TRUE(text.meaning.ends_with('.')) << text.code;
    EXPECT_TRUE(text.remedy.ends_with('.')) << text.code;
  }
}

// The list is closed: a code that some library gives is in the table.
TEST(ReasonTexts, HoldEveryCodeThatTheSourcesGive) {
  std::set<std::string> known;
  for (const ReasonText& text : reason_texts()) known.emplace(text.code);
  const std::regex worsen(R"re(worsen\(\s*[\w:]+(?:\([^()]*\))?,\s*"(\w+)")re");
  int found = 0;
  for (const char* room : {"data", "workloads", "probes", "reports"}) {
    const auto folder = std::filesystem::path(SOURCE_DIR) / room;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".cc") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const std::string source = text.str();
      for (std::sregex_iterator match(source.begin(), source.end(), worsen), end; match != end;
           ++match) {
        ++found;
        EXPECT_TRUE(known.contains((*match)[1])) << (*match)[1] << " in " << entry.path();
      }
    }
  }
  EXPECT_GE(found, 1);
}

TEST(ReasonTexts, AreThoseOfTheSchema) {
  std::ostringstream text;
  text << std::ifstream(SOURCE_DIR "/data/schema/results.schema.json").rdbuf();
  const auto schema = nlohmann::json::parse(text.str());
  std::vector<std::string> codes;
  for (const ReasonText& reason : reason_texts()) codes.emplace_back(reason.code);
  EXPECT_EQ(schema["$defs"]["reason"]["properties"]["code"]["enum"], codes);
}

TEST(Machine, CountsUsableParts) {
  const Machine machine = sample_machine();  // two cores of two PUs, the last PU not usable
  EXPECT_EQ(machine.usable_pus(), 3);
  EXPECT_EQ(machine.usable_cores(), 2);
  EXPECT_EQ(machine.usable_packages(), 1);
  EXPECT_EQ(machine.usable_l3_domains(), 1);
  EXPECT_EQ(machine.usable_numa_nodes(), 1);
  EXPECT_TRUE(machine.has_smt());
  EXPECT_FALSE(machine.has_hybrid_cores());
  EXPECT_EQ(machine.cache_bytes(2), 1 << 20);
  EXPECT_EQ(machine.cache_bytes(4), std::nullopt);
  EXPECT_EQ(machine.last_level_cache_total_bytes(), 32 << 20);
}

TEST(Machine, HasSmtOnlyWhenACoreHasTwoUsablePus) {
  Machine machine = sample_machine();
  machine.pus[1].usable = false;
  EXPECT_EQ(machine.usable_pus(), 2);
  EXPECT_FALSE(machine.has_smt());
}

TEST(Machine, SumsTheLastLevelOverTheDomainsInUse) {
  Machine machine = sample_machine();
  machine.caches.back().instances = 4;
  machine.pus[0].l3_domain = 1;
  EXPECT_EQ(machine.last_level_cache_total_bytes(), 2 * (32 << 20));
  machine.caches.pop_back();  // private L2 is the last level: one per usable core
  EXPECT_EQ(machine.last_level_cache_total_bytes(), 2 << 20);
  machine.caches.clear();
  EXPECT_EQ(machine.last_level_cache_total_bytes(), 0);
}

TEST(Machine, WithoutPusIsEmptyAndNotAnError) {
  const Machine machine;
  EXPECT_EQ(machine.usable_cores(), 0);
  EXPECT_FALSE(machine.has_smt());
}

TEST(Units, RoundTrip) {
  for (const auto unit :
       {Unit::kBytesPerSecond, Unit::kFlopsPerSecond, Unit::kSeconds, Unit::kRatio, Unit::kHertz}) {
    EXPECT_EQ(unit_from_string(to_string(unit)), unit);
  }
  EXPECT_EQ(to_string(Unit::kBytesPerSecond), "B/s");
  EXPECT_THROW(unit_from_string("GB/s"), Error);
}

TEST(Results, FindsPointsByNameAndProbe) {
  const Results results = sample_results();
  EXPECT_EQ(results.find("dispatch_overhead/barrier/sync:spin/threads:1"), &results.points[1]);
  EXPECT_EQ(results.find("none"), nullptr);
  EXPECT_THAT(results.of_probe("stream_bandwidth"), ElementsAre(&results.points[0]));
}

}  // namespace
}  // namespace mb
