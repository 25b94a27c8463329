// Every field of a document takes part: in equality, in what is written, and in whole numbers as
// other programs write them. One field is changed at a time, on the JSON of a sample.
#include <gmock/gmock.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "data/documents/forecast.h"
#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/error.h"
#include "tests/data/documents/samples.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

// The same value, a little different; objects and arrays are changed inside.
Json changed(const Json& value) {
  if (value.is_string()) return value.get<std::string>() + "x";
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>() + 1;
  return value.get<double>() / 2 + 0.2;
}

void walk_leaves(const Json& json, const Json::json_pointer& at,
                 const std::function<void(const Json::json_pointer&)>& visit) {
  for (const auto& [key, value] : json.items()) {
    const auto here = json.is_array() ? at / std::stoul(key) : at / key;
    if (value.is_structured() && !value.empty()) {
      walk_leaves(value, here, visit);
    } else if (value.is_primitive() && !value.is_null()) {
      visit(here);
    }
  }
}

Machine full_machine() {
  Machine machine = sample_machine();
  machine.microcode = "0xa";
  machine.cloud_label = "m7a.large";
  machine.governor = "performance";
  machine.limits.address_space_bytes = 1 << 30;
  machine.numa_nodes.push_back({1, 4096});
  machine.core_kinds.push_back("efficient");
  machine.counter_truth = {{.event = "PAPI_TOT_CYC",
                            .what = "cycles",
                            .set = "base",
                            .state = "wrong",
                            .counted = 5,
                            .expected = 7,
                            .cause = "read 5",
                            .remedy = "none"}};
  return machine;
}

TEST(Equality, OfMachinesIsThatOfEveryField) {
  const Machine machine = full_machine();
  const Json json = Json::parse(machine_to_json_text(machine));
  EXPECT_EQ(machine_from_json_text(json.dump(), "f"), machine);
  int fields = 0;
  walk_leaves(json, Json::json_pointer(), [&](const Json::json_pointer& at) {
    Json other = json;
    other[at] = changed(json[at]);
    // Indices stay inside of their tables.
    if (at.back() == "numa_node" || at.back() == "core_kind") other[at] = 1;
    ++fields;
    EXPECT_NE(machine_from_json_text(other.dump(), "f"), machine) << at;
  });
  EXPECT_GT(fields, 60);
}

TEST(Equality, OfWhatAPointSawIsThatOfEveryField) {
  Results results = sample_results();
  Point& point = results.points.front();
  results.points.resize(1);
  point.noise.throttled_share = 0.25;
  point.noise.pressure_share = 0.5;
  point.noise.unpinned_threads = 1;
  point.counters = {.values = {{"PAPI_TOT_INS", 8}},
                    .multiplex_share = 0.75,
                    .unavailable_cause = "a cause",
                    .unavailable_remedy = "a remedy",
                    .per_thread = {{{"PAPI_TOT_INS", 8}}},
                    .bytes = 64,
                    .derived = {{"bytes_per_cycle", 2}}};
  const Json json = Json::parse(to_json_text(results));
  for (const char* part : {"summary", "modes", "counters", "noise"}) {
    const Json::json_pointer root = Json::json_pointer("/points/0") / part;
    walk_leaves(json[root], root, [&](const Json::json_pointer& at) {
      Json other = json;
      other[at] = changed(json[at]);
      const Point read = results_from_json_text(other.dump(), "f").points.front();
      EXPECT_EQ(read.summary == point.summary, part != std::string("summary")) << at;
      EXPECT_EQ(read.modes == point.modes, part != std::string("modes")) << at;
      EXPECT_EQ(read.counters == point.counters, part != std::string("counters")) << at;
      EXPECT_EQ(read.noise == point.noise, part != std::string("noise")) << at;
    });
  }
}

TEST(Equality, OfVerdictsIsThatOfValidityAndReasons) {
  Verdict noisy;
  noisy.worsen(Validity::kNoisy, "steal", "2 %");
  Verdict same = noisy;
  EXPECT_EQ(same, noisy);
  same.worsen(Validity::kInvalid, "steal", "2 %");
  EXPECT_NE(same, noisy) << "another validity";
  Verdict detailed;
  detailed.worsen(Validity::kNoisy, "steal", "3 %");
  EXPECT_NE(detailed, noisy) << "another detail";
}

// ---- whole numbers ----

// What comes of `value` as the budget of memory (64 bits) or the affinity (32 bits).
std::string with_limit(const char* field, const Json& value) {
  Json json = Json::parse(machine_to_json_text(sample_machine()));
  json["limits"][field] = value;
  try {
    return Json::parse(
               machine_to_json_text(machine_from_json_text(json.dump(), "f")))["limits"][field]
        .dump();
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(WholeNumbers, MayBeWrittenAsFractionsOfNothing) {
  EXPECT_EQ(with_limit("affinity_cpus", 3.0), "3");
  EXPECT_EQ(with_limit("affinity_cpus", 2147483647.0), "2147483647");
  EXPECT_EQ(with_limit("memory_budget_bytes", 9007199254740992.0), "9007199254740992");
  for (const double value : {3.5, -1.0, 2147483648.0, 1e300}) {
    EXPECT_THAT(with_limit("affinity_cpus", value), HasSubstr("a whole number, at least 0"))
        << value;
  }
  EXPECT_THAT(with_limit("memory_budget_bytes", 9007199254740994.0), HasSubstr("a whole number"));
}

TEST(WholeNumbers, EndWhereTheirTypeEnds) {
  EXPECT_EQ(with_limit("affinity_cpus", 2147483647), "2147483647");
  EXPECT_THAT(with_limit("affinity_cpus", std::int64_t{2147483648}), HasSubstr("a whole number"));
  EXPECT_EQ(with_limit("memory_budget_bytes", std::int64_t{9223372036854775807}),
            "9223372036854775807");
  EXPECT_THAT(with_limit("memory_budget_bytes", std::uint64_t{9223372036854775808u}),
              HasSubstr("limits.memory_budget_bytes: expected a whole number"));
  for (const Json& value : {Json("3"), Json(true), Json(nullptr), Json(-1)}) {
    EXPECT_THAT(with_limit("affinity_cpus", value), HasSubstr("a whole number, at least 0"));
  }
}

TEST(WholeNumbers, MayBeNegativeWhereTheFieldSaysSo) {
  Json json = Json::parse(to_json_text(sample_results()));
  const auto exit_code = [&](const Json& value) {
    json["steps"][0]["exit_code"] = value;
    return results_from_json_text(json.dump(), "f").steps.at(0).exit_code;
  };
  EXPECT_EQ(exit_code(-11), -11);
  EXPECT_EQ(exit_code(-11.0), -11);
  EXPECT_EQ(exit_code(-2147483648LL), -2147483648LL);
  EXPECT_THROW(exit_code(-2147483649LL), Error);
  EXPECT_THROW(exit_code(-11.5), Error);
}

// ---- null and absent ----

TEST(Fields, NullStandsForAbsentWhereAbsentIsAllowed) {
  Json json = Json::parse(to_json_text(sample_results()));
  json["points"][0]["modes"] = nullptr;              // an optional
  json["machine"]["counter_truth"] = nullptr;        // sparse
  json["points"][0]["counters"]["bytes"] = nullptr;  // both
  const Results read = results_from_json_text(json.dump(), "f");
  EXPECT_EQ(read.points.at(0).modes, std::nullopt);
  EXPECT_TRUE(read.machine.counter_truth.empty());
  EXPECT_EQ(read.points.at(0).counters.bytes, std::nullopt);
  json["points"][0]["samples"] = nullptr;  // neither
  EXPECT_THROW(results_from_json_text(json.dump(), "f"), Error);
}

// ---- documents that are only written ----

TEST(Written, AComparisonHoldsItsDocumentsModelsAndFigures) {
  const Json json = Json::parse(to_json_text(sample_comparison()));
  EXPECT_EQ(json["documents"][0]["price_per_hour"], 0.68);
  EXPECT_EQ(json["documents"][0]["verdict"]["validity"], "noisy");
  EXPECT_EQ(json["models"][0]["phases"][0]["rates"][0]["tokens_per_second"], 20);
  EXPECT_EQ(json["figures"][0]["ratio"], 1.5);
  Comparison bare = sample_comparison();
  bare.documents[0].price_per_hour.reset();
  bare.models[0].phases[0].rates[0].cost_per_million_tokens.reset();
  const Json without = Json::parse(to_json_text(bare));
  EXPECT_TRUE(without["documents"][0]["price_per_hour"].is_null());
  EXPECT_TRUE(without["models"][0]["phases"][0]["rates"][0]["cost_per_million_tokens"].is_null());
}

TEST(Written, AForecastLeavesOutWhatOnlySizesHave) {
  Forecast forecast{.model = "qwen3-4b:q4_0", .title = "Qwen3 4B"};
  forecast.predictions = {sample_advice("decode").expected};
  forecast.end_to_end = {{.prefill_threads = 4, .decode_threads = 2, .new_tokens = 64}};
  Json json = Json::parse(to_json_text(forecast));
  EXPECT_EQ(json["predictions"][0]["threads"], 2);
  EXPECT_EQ(json["end_to_end"][0]["new_tokens"], 64);
  EXPECT_FALSE(json.contains("interpolated_between"));
  EXPECT_FALSE(json.contains("nearest"));
  forecast.interpolated_between = {"a", "b"};
  forecast.nearest = {{"a", "A", {sample_advice("decode").expected}}};
  json = Json::parse(to_json_text(forecast));
  EXPECT_THAT(json["interpolated_between"], ElementsAre("a", "b"));
  EXPECT_EQ(json["nearest"][0]["predictions"][0]["limited_by"], "weights");
}

TEST(Written, AScenarioHoldsItsModelsAndTheFastest) {
  Scenario scenario{.phases = "prefill:220,decode:30", .fastest = "qwen3-4b:q4_0"};
  scenario.models = {*sample_recommendation().scenario};
  const Json json = Json::parse(to_json_text(scenario));
  EXPECT_EQ(json["fastest"], "qwen3-4b:q4_0");
  EXPECT_EQ(json["models"][0]["phases"][0]["tokens"], 30);
  EXPECT_EQ(json["models"][0]["plans"][0]["name"], "per_phase");
}

TEST(Written, TheTruthOfCountersIsAListOfRows) {
  const Json json = Json::parse(counter_truth_to_json_text(full_machine().counter_truth));
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["event"], "PAPI_TOT_CYC");
  EXPECT_EQ(json[0]["counted"], 5);
}

// ---- the model a page opens with ----

TEST(LeadingModel, IsTheFirstThatFitsAndWasMeasuredThenTheFirstThatFitsThenTheFirst) {
  Recommendation document;
  EXPECT_EQ(leading_model(document), nullptr);
  for (const char* name : {"large", "small", "measured"}) {
    document.models.push_back({.model = name, .title = name});
    document.models.back().fits = false;
  }
  EXPECT_EQ(leading_model(document)->model, "large");
  document.models[1].fits = document.models[2].fits = true;
  EXPECT_EQ(leading_model(document)->model, "small");
  document.curves = {{.name = "dram_read"}, {.name = "measured_decode/measured"}};
  EXPECT_EQ(leading_model(document)->model, "measured");
  document.models[2].fits = false;
  EXPECT_EQ(leading_model(document)->model, "small") << "what was measured must fit too";
}

}  // namespace
}  // namespace mb
