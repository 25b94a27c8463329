#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"
#include "data/error.h"
#include "tests/data/documents/samples.h"

namespace mb {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

std::string slurp(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// One row a document: its sample text, and reading that text to write it again.
struct Document {
  std::string name, text;
  std::function<std::string(std::string_view)> rewrite;
};

std::vector<Document> documents() {
  return {
      {"results", to_json_text(sample_results()),
       [](auto text) { return to_json_text(results_from_json_text(text, "file.json")); }},
      {"machine", machine_to_json_text(sample_machine()),
       [](auto text) { return machine_to_json_text(machine_from_json_text(text, "file.json")); }},
      {"recommendation", to_json_text(sample_recommendation()),
       [](auto text) { return to_json_text(recommendation_from_json_text(text, "file.json")); }},
      {"sweep", to_json_text(sample_sweep()),
       [](auto text) { return to_json_text(sweep_from_json_text(text, "file.json")); }}};
}

// what() of the Error, "accepted" without one; any other exception fails the test by leaving.
std::string reading(const Document& document, std::string_view text) {
  try {
    document.rewrite(text);
    return "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailure);
    return error.what();
  }
}

// Calls visit(pointer) for every value inside.
void walk(const Json& json, const Json::json_pointer& at,
          const std::function<void(const Json::json_pointer&)>& visit) {
  visit(at);
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) walk(value, at / key, visit);
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) walk(json[i], at / i, visit);
  }
}

TEST(DocumentJson, IsByteStableThroughParseAndWrite) {
  for (const Document& document : documents()) {
    EXPECT_EQ(document.rewrite(document.text), document.text) << document.name;
  }
}

TEST(DocumentJson, KeepsEveryBitOfADouble) {
  const Results read = results_from_json_text(to_json_text(sample_results()), "f");
  EXPECT_EQ(read.points.at(0).samples, sample_point().samples);
  EXPECT_EQ(read.machine, sample_machine());
  EXPECT_EQ(read.points.at(0).parameters, sample_point().parameters);
  EXPECT_EQ(read.points.at(0).noise, sample_point().noise);
  EXPECT_EQ(read.points.at(0).verdict, sample_point().verdict);
}

TEST(DocumentJson, IsIndentedByOneAndEndsWithANewline) {
  for (const Document& document : documents()) {
    EXPECT_THAT(document.text, AllOf(testing::StartsWith("{\n \""), testing::EndsWith("\n}\n")));
  }
}

// A difference is a change of format: see that older documents are still read, then refresh with
// `write_samples data/golden` and review the difference.
TEST(DocumentJson, IsThatOfTheGoldenFiles) {
  for (const Document& document : documents()) {
    if (document.name == "machine") continue;  // a part of results
    const std::string golden = slurp(SOURCE_DIR "/data/golden/" + document.name + ".json");
    EXPECT_EQ(golden, document.text) << document.name;
    EXPECT_EQ(reading(document, golden), "accepted");
  }
}

TEST(DocumentJson, TruncatedAtAnyByteIsOneLineThatNamesTheFile) {
  for (const Document& document : documents()) {
    for (std::size_t length = 0; length + 2 < document.text.size(); length += 7) {
      const std::string said = reading(document, document.text.substr(0, length));
      ASSERT_THAT(said, testing::StartsWith("file.json: ")) << document.name << " at " << length;
      ASSERT_THAT(said, Not(HasSubstr("\n")));
    }
  }
}

TEST(DocumentJson, AnyFieldRemovedIsReadOrNamed) {
  for (const Document& document : documents()) {
    const Json json = Json::parse(document.text);
    walk(json, Json::json_pointer(), [&](const Json::json_pointer& at) {
      if (at.empty() || json.at(at.parent_pointer()).is_array()) return;
      Json damaged = json;
      damaged.at(at.parent_pointer()).erase(at.back());
      const std::string said = reading(document, damaged.dump());
      if (said == "accepted") return;
      EXPECT_THAT(said,
                  AllOf(HasSubstr("file.json: "), HasSubstr(at.back()), Not(HasSubstr("\n"))));
    });
  }
}

TEST(DocumentJson, AnyValueOfAnotherTypeIsReadOrNamed) {
  const std::vector<Json> others = {Json(nullptr), Json(true),  Json(-1),      Json(1.5),
                                    Json("word"),  Json(1e300), Json::array(), Json::object()};
  int refused = 0;
  for (const Document& document : documents()) {
    const Json json = Json::parse(document.text);
    walk(json, Json::json_pointer(), [&](const Json::json_pointer& at) {
      for (const Json& other : others) {
        Json damaged = json;
        damaged[at] = other;
        const std::string said = reading(document, damaged.dump());
        if (said == "accepted") continue;
        ++refused;
        ASSERT_THAT(said, testing::StartsWith("file.json: ")) << at << " = " << other;
      }
    });
  }
  EXPECT_GT(refused, 1000);  // most replacements are of a wrong type
}

TEST(DocumentJson, ErrorsNameThePathWhatWasExpectedAndTheRemedy) {
  Json json = Json::parse(to_json_text(sample_results()));
  json["points"][1]["samples"] = "many";
  EXPECT_THAT(reading(documents()[0], json.dump()),
              "file.json: points[1].samples: expected an array, found text \"many\"; the file is "
              "damaged or was edited: write it again");
  json = Json::parse(to_json_text(sample_results()));
  json["machine"]["limits"]["memory_total_bytes"] = -5;
  EXPECT_THAT(reading(documents()[0], json.dump()),
              HasSubstr("machine.limits.memory_total_bytes: expected a whole number, at least 0, "
                        "found -5"));
  json = Json::parse(to_json_text(sample_results()));
  json["points"][0]["unit"] = "GB/s";
  EXPECT_THAT(reading(documents()[0], json.dump()),
              HasSubstr("points[0].unit: expected a unit (B/s, FLOP/s, s, 1 or Hz), not \"GB/s\""));
}

TEST(DocumentJson, OtherSchemaVersionsSayWhatToDo) {
  for (const int index : {0, 2, 3}) {
    const Document document = documents()[static_cast<std::size_t>(index)];
    Json json = Json::parse(document.text);
    json["schema_version"] = 99;
    EXPECT_THAT(reading(document, json.dump()), AllOf(HasSubstr("schema_version is 99"),
                                                      HasSubstr("newer memory_benchmark: update")));
    json["schema_version"] = 0;
    EXPECT_THAT(reading(document, json.dump()), HasSubstr("measure again"));
  }
  EXPECT_THAT(reading(documents()[0], "{}"), HasSubstr("no results document"));
}

TEST(DocumentJson, RefusesWhatIsNoDocument) {
  const Document results = documents()[0];
  EXPECT_THAT(reading(results, ""), HasSubstr("the file is empty"));
  EXPECT_THAT(reading(results, "[]"), HasSubstr("expected a results document, found an array"));
  EXPECT_THAT(reading(results, "\xff\xfe{}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(reading(results, R"({"schema_version": 1, "schema_version": 1})"),
              HasSubstr("stands twice"));
  EXPECT_THAT(reading(results, R"({"schema_version": 1, "state": 1e400})"),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(reading(results, R"({"schema_version": NaN})"), HasSubstr("not valid JSON"));
  const std::string bomb(100000, '[');
  EXPECT_THAT(reading(results, bomb), HasSubstr("nested more than 64 deep"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += R"({"a":)";
  EXPECT_THAT(reading(results, objects), HasSubstr("nested more than 64 deep"));
}

TEST(DocumentJson, PassesOverUnknownKeys) {
  for (const Document& document : documents()) {
    Json json = Json::parse(document.text);
    json["of_a_later_version"] = {1, 2, 3};
    EXPECT_EQ(document.rewrite(json.dump()), document.text);
  }
}

TEST(DocumentJson, NeverWritesANumberThatIsNotFinite) {
  Results results = sample_results();
  results.points[0].noise.cpu_seconds = std::nan("");
  try {
    to_json_text(results);
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("points[0].noise.cpu_seconds is not a finite number"));
  }
}

TEST(DocumentJson, ReplacesBytesThatAreNoUtf8) {
  Results results = sample_results();
  results.missing[0].cause = "child said \xff\xfe";
  const std::string text = to_json_text(results);
  EXPECT_EQ(results_from_json_text(text, "f").missing[0].cause, "child said \uFFFD\uFFFD");
}

TEST(DocumentJson, ChecksIndicesThatOthersUse) {
  Json json = Json::parse(machine_to_json_text(sample_machine()));
  json["pus"][2]["numa_node"] = 7;
  EXPECT_THAT(reading(documents()[1], json.dump()), HasSubstr("pus[2].numa_node"));
}

TEST(DocumentJson, TakesTheLastIndexAndRefusesTheNext) {
  const auto with = [](const char* field, int value) {
    Json json = Json::parse(machine_to_json_text(sample_machine()));
    json["numa_nodes"].push_back({{"os_index", 1}, {"bytes", 1}});
    json["core_kinds"].push_back("efficient");
    json["pus"][2][field] = value;
    return reading(documents()[1], json.dump());
  };
  for (const char* field : {"numa_node", "core_kind"}) {
    EXPECT_EQ(with(field, 1), "accepted") << field;
    EXPECT_THAT(with(field, 2),
                HasSubstr(std::string("pus[2].") + field + ": expected an index below 2;"));
  }
  Json json = Json::parse(machine_to_json_text(sample_machine()));
  json["numa_nodes"] = json["core_kinds"] = Json::array();  // a machine that tells neither
  EXPECT_EQ(reading(documents()[1], json.dump()), "accepted");
  for (const char* field : {"numa_node", "core_kind"}) {
    Json other = json;
    other["pus"][0][field] = 1;
    EXPECT_THAT(reading(documents()[1], other.dump()), HasSubstr("an index below 1")) << field;
  }
}

TEST(DocumentJson, AMachineHasAtLeastOneCpuToUse) {
  Json json = Json::parse(machine_to_json_text(sample_machine()));
  json["limits"]["effective_cpus"] = 1;
  EXPECT_EQ(reading(documents()[1], json.dump()), "accepted");
  json["limits"]["effective_cpus"] = 0;
  EXPECT_THAT(reading(documents()[1], json.dump()),
              HasSubstr("limits.effective_cpus: expected at least 1;"));
}

TEST(DocumentJson, QuotesFortyBytesOfWrongTextAndMarksWhatWasCut) {
  const auto said = [](const std::string& text) {
    Json json = Json::parse(to_json_text(sample_results()));
    json["points"] = text;
    return reading(documents()[0], json.dump());
  };
  EXPECT_THAT(said(std::string(40, 'x')),
              HasSubstr("found text \"" + std::string(40, 'x') + "\"; "));
  EXPECT_THAT(said(std::string(41, 'x')),
              HasSubstr("found text \"" + std::string(40, 'x') + "\"...; "));
}

TEST(DocumentJson, NamesTheKindOfWhatItFound) {
  const auto said = [](const Json& value) {
    Json json = Json::parse(to_json_text(sample_results()));
    json["created_utc"] = value;
    return reading(documents()[0], json.dump());
  };
  EXPECT_THAT(said(nullptr), HasSubstr("created_utc: expected text, found null;"));
  EXPECT_THAT(said(true), HasSubstr("found true;"));
  EXPECT_THAT(said(1.5), HasSubstr("found 1.5;"));
  EXPECT_THAT(said(Json::array()), HasSubstr("found an array;"));
  EXPECT_THAT(said(Json::object()), HasSubstr("found an object;"));
}

TEST(DocumentJson, SaysWhereTheTextBreaksInTheParsersWords) {
  EXPECT_THAT(reading(documents()[0], "{\n\"a\": ?}"),
              testing::StartsWith("file.json: not valid JSON, cut off or damaged: parse error at "
                                  "line 2, column 6"));
}

TEST(DocumentJson, NestsAsDeepAsItsLimitAndNoDeeper) {
  const auto said = [](std::size_t depth) {  // the document itself is the first level
    return reading(documents()[0],
                   "{\"schema_version\": 1, \"later\": " + std::string(depth - 1, '[') +
                       std::string(depth - 1, ']') + "}");
  };
  EXPECT_THAT(said(64), HasSubstr("created_utc"));  // the first field that is not there
  EXPECT_THAT(said(65), HasSubstr("nested more than 64 deep"));
}

TEST(DocumentJson, AKeyMayStandInSeveralObjectsAndAgainAfterOne) {
  const auto said = [](const char* text) { return reading(documents()[0], text); };
  EXPECT_THAT(said(R"({"schema_version": 1, "a": {"b": 1}, "b": {"b": [{"b": 1}, {"b": 2}]}})"),
              HasSubstr("created_utc"));
  EXPECT_THAT(said(R"({"schema_version": 1, "a": {"b": 1}, "a": 2})"),
              HasSubstr("key \"a\" stands twice in one object"));
}

TEST(DocumentJson, AxesOfAPointAreWholeNumbersOrWords) {
  const auto said = [](const Json& value) {
    Json json = Json::parse(to_json_text(sample_results()));
    json["points"][0]["parameters"]["threads"] = value;
    return reading(documents()[0], json.dump());
  };
  EXPECT_EQ(said(-3), "accepted");
  EXPECT_EQ(said("many"), "accepted");
  EXPECT_THAT(said(true), HasSubstr("points[0].parameters.threads: expected a whole number or a "
                                    "word, found true;"));
}

TEST(SweepJson, ReadsEveryPublishedSweep) {
  int files = 0;
  for (const char* folder : {"seed", "published"}) {
    const auto path = std::filesystem::path(SOURCE_DIR) / "data/datasets" / folder;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string text = slurp(entry.path());
      if (entry.path().extension() != ".json" || text.starts_with("[")) continue;  // the index
      if (!Json::parse(text).contains("series")) continue;  // logs and rules, not sweeps
      const Sweep sweep = sweep_from_json_text(text, entry.path().string());
      EXPECT_FALSE(sweep.series.empty()) << entry.path();
      EXPECT_EQ(to_json_text(sweep_from_json_text(to_json_text(sweep), "again")),
                to_json_text(sweep));
      ++files;
    }
  }
  EXPECT_GE(files, 50);
}

TEST(SweepJson, TakesFiguresOfThePublishedTable) {
  const std::string file =
      SOURCE_DIR "/data/datasets/seed/ryzen9-7900-qwen3-30b-a3b-q4-threads.json";
  const Sweep sweep = sweep_from_json_text(slurp(file), file);
  EXPECT_EQ(sweep.kind, "threads");
  EXPECT_EQ(sweep.source_title, "CPU Inference #1: The three regimes");
  EXPECT_EQ(sweep.machine.physical_cores, 12);
  EXPECT_EQ(sweep.machine.performance_cores, std::nullopt);
  ASSERT_EQ(sweep.series.size(), 2u);
  EXPECT_EQ(sweep.series[1].phase, "decode");
  EXPECT_EQ(sweep.series[1].points[4].threads, 8);
  EXPECT_EQ(sweep.series[1].points[4].tokens_per_second, 21.6);
}

TEST(SweepJson, RefusesPointsThatMislead) {
  Json json = Json::parse(to_json_text(sample_sweep()));
  json["series"][0]["points"][1]["threads"] = 0;
  EXPECT_THAT(reading(documents()[3], json.dump()), HasSubstr("series[0].points[1].threads"));
  json = Json::parse(to_json_text(sample_sweep()));
  json["series"][0]["points"][1]["tokens_per_second"] = -1;
  EXPECT_THAT(reading(documents()[3], json.dump()), HasSubstr("at least 0"));
  json["series"][0]["points"][1]["tokens_per_second"] = nullptr;
  EXPECT_EQ(reading(documents()[3], json.dump()), "accepted");
}

}  // namespace
}  // namespace mb
