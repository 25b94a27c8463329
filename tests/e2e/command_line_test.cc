// What the command line says and how it exits, without measuring anything.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/documents/results.h"
#include "data/system/files.h"
#include "tests/e2e/programs.h"

namespace mb {
namespace {

using ::testing::HasSubstr;

TEST(CommandLine, HelpNamesEveryCommandAndGivesExamples) {
  const ChildResult help = run_program({"--help"});
  EXPECT_TRUE(help.ok());
  for (const char* word : {"run", "shm", "probe", "inspect", "predict", "recommend", "scenario",
                           "report", "topology", "Examples:", "Exit codes"}) {
    EXPECT_THAT(help.standard_output, HasSubstr(word));
  }
}

TEST(CommandLine, EveryCommandHasHelp) {
  for (const char* command :
       {"run", "shm", "probe", "inspect", "synthesize", "predict", "recommend", "scenario",
        "report", "compare", "topology", "sweep", "fit", "import", "validate", "calibrate"}) {
    const ChildResult help = run_program({command, "--help"});
    EXPECT_TRUE(help.ok()) << command;
    EXPECT_THAT(help.standard_output, HasSubstr(std::string("memory_benchmark ") + command));
  }
}

TEST(CommandLine, VersionIsOneLine) {
  const ChildResult version = run_program({"--version"});
  EXPECT_TRUE(version.ok());
  EXPECT_THAT(version.standard_output, ::testing::MatchesRegex("memory_benchmark [0-9.]+\n"));
  const ChildResult facts = run_program({"--version", "--json"});
  ASSERT_TRUE(facts.ok()) << facts.standard_error;
  const auto json = nlohmann::json::parse(facts.standard_output);
  EXPECT_EQ("memory_benchmark " + json.at("version").get<std::string>() + "\n",
            version.standard_output);
  EXPECT_FALSE(json.at("isa_targets").empty());
  EXPECT_FALSE(json.at("isa_supported").empty());
  EXPECT_TRUE(json.at("features").at("openmp").is_boolean());
  EXPECT_EQ(json.at("schema_versions").at("results"), 1);
  EXPECT_EQ(run_program({"--version", "--xml"}).exit_code, 2);
}

struct Refused {
  std::vector<std::string> arguments;
  int exit_code;
  std::string text;  // that the one line on stderr holds
};

TEST(CommandLine, WhatIsWrongIsSaidInOneLine) {
  const TemporaryFolder folder;
  const std::string out = (folder.path() / "out").string();
  write_file_atomically(folder.path() / "cut.json", "{\"schema_version\": 1, \"points\": [");
  write_file_atomically(folder.path() / "empty.json", "");
  write_file_atomically(folder.path() / "newer.json", "{\"schema_version\": 99}");
  write_file_atomically(folder.path() / "other.json", "{\"name\": \"something else\"}");
  const auto file = [&](const char* name) { return (folder.path() / name).string(); };
  const std::vector<Refused> table{
      {{"frobnicate"}, 2, "unknown command 'frobnicate'"},
      {{"--frobnicate"}, 2, "--frobnicate"},
      {{"run", "--thr", "1"}, 2, "--thr"},  // no abbreviations
      {{"run", "--out"}, 2, "--out"},
      {{"run", "--out", out, "--budget", "1Q"}, 2, "--budget: '1Q'"},
      {{"run", "--out", out, "--budget", "0.1s"}, 2, "too short"},
      {{"run", "--out", out, "--quick", "--budget", "60s"}, 2, "exclude each other"},
      {{"run", "--out", out, "--threads", "4-2"}, 2, "--threads: '4-2'"},
      {{"run", "--out", out, "--quick", "--threads", "60000"}, 2, "--threads"},
      {{"run", "--out", out, "--model", "qwen3-5b"}, 2, "qwen3-4b"},
      {{"run", "--out", out, "--model", "weights.gguf"}, 1, "weights.gguf"},
      {{"run", "--out", out, "stray"}, 2, "'stray'"},
      {{"run", "--resume", folder.path().string()}, 2, "no unfinished run"},
      {{"run", "--resume", out}, 2, "--resume"},
      {{"run", "--resume", out, "--cloud-label"}, 2, "leave --cloud-label away"},
      {{"run", "--out", file("cut.json")}, 1, "cannot be written"},
      {{"shm"}, 2, "SIZE"},
      {{"shm", "64M"}, 2, "LOG"},
      {{"shm", "1Q", file("shm.log")}, 2, "1Q"},
      {{"shm", "900T", file("shm.log")}, 3, "900T"},
      {{"probe"}, 2, "NAME"},
      {{"probe", "frobnicate"}, 2, "stream_bandwidth"},
      {{"inspect"}, 2, "MODEL"},
      {{"inspect", "qwen3-5b"}, 2, "qwen3-4b"},
      {{"inspect", "qwen3-4b:q9"}, 2, "q9"},
      {{"inspect", "qwen3-4b", "--context", "-1"}, 2, "--context"},
      {{"inspect", file("absent.gguf")}, 1, "absent.gguf: cannot open"},
      {{"inspect", file("cut.json")}, 1, "cut off at byte"},
      {{"inspect", file("other.json")}, 1, "model_type"},
      {{"inspect", "9000B"}, 2, "no shape of size"},
      {{"recommend", file("cut.json"), "--model", "deepseek-v3"}, 4, "latent attention"},
      {{"compare", file("cut.json")}, 2, "at least two"},
      {{"compare", file("cut.json"), file("missing.json")}, 1, "cut.json"},
      {{"compare", file("cut.json"), file("empty.json"), "--price", "other=1/h"}, 1, "cut.json"},
      {{"compare", "a.json", "b.json", "--json", "--markdown"}, 2, "exclude each other"},
      {{"compare", SOURCE_DIR "/data/golden/results.json", SOURCE_DIR "/data/golden/sweep.json",
        "--price", "server=1/h"},
       2,
       "none of the documents: results, sweep"},
      {{"synthesize", "qwen3-4b"}, 2, "--out"},
      {{"synthesize", "deepseek-v3", "--out", file("d.gguf")}, 4, "latent attention"},
      {{"synthesize", "qwen3-4b", "--out", file("cut.json")}, 2, "exists"},
      {{"synthesize", "qwen3-4b", "--out", file("none/a.gguf")}, 1, "name a folder"},
      {{"predict", file("missing.json"), "--model", "qwen3-4b"}, 1, "missing.json"},
      {{"predict", file("cut.json")}, 2, "--model"},
      {{"predict", file("cut.json"), "--model", "qwen3-4b"}, 1, "cut.json"},
      {{"predict", file("cut.json"), "--model", "qwen3-4b", "--kv-type", "q9"}, 2, "--kv-type"},
      {{"predict", file("cut.json"), "--model", "qwen3-4b", "--batch", "0"}, 2, "--batch"},
      {{"predict", SOURCE_DIR "/data/golden/results.json", "--model", "qwen3-4b", "--engine", "x"},
       2,
       "llama.cpp-openmp"},
      {{"predict", file("cut.json"), "--model", "qwen3-4b", "--prompt", "9999999999"},
       2,
       "--prompt"},
      {{"predict", file("cut.json"), "--model", "qwen3-4b", "--new", "none"}, 2, "--new"},
      {{"recommend", file("cut.json"), "--gpu-bandwidth", "1GB/s"}, 2, "--gpu-memory"},
      {{"recommend", file("cut.json"), "--gpu-memory", "8"}, 1, "cut.json"},
      {{"recommend", file("cut.json"), "--gpu-memory", "big"}, 2, "8GiB"},
      {{"recommend", file("cut.json"), "--target", "-1"}, 2, "--target"},
      {{"scenario", file("cut.json"), "--preset", "chat"}, 2, "--model"},
      {{"scenario", file("cut.json"), "--model", "qwen3-4b"}, 2, "--phases"},
      {{"scenario", file("cut.json"), "--model", "qwen3-4b", "--preset", "x"}, 2, "chat, rag"},
      {{"scenario", file("cut.json"), "--model", "qwen3-4b", "--phases", "decode"}, 2, "'decode'"},
      {{"scenario", file("cut.json"), "--model", "qwen3-4b", "--phases", "decode:0"},
       2,
       "--phases"},
      {{"scenario", file("cut.json"), "--model", "qwen3-4b", "--preset", "chat"}, 1, "cut.json"},
      {{"predict", folder.path().string(), "--model", "qwen3-4b"}, 2, "is a folder"},
      {{"recommend", file("empty.json")}, 1, "empty.json"},
      {{"recommend", file("newer.json")}, 1, "schema_version is 99"},
      {{"recommend", file("other.json")}, 1, "other.json"},
      {{"recommend", file("cut.json"), "--tolerance", "7"}, 2, "--tolerance: '7'"},
      {{"recommend", file("cut.json"), "--format", "env"}, 2, "one --model"},
      {{"import", file("missing.csv"), "--out", out}, 1, "missing.csv"},
      {{"import", file("other.json"), "--out", out}, 1, "other.json"},
      {{"import", file("other.json")}, 2, "--out"},
      {{"validate", file("cut.json")}, 2, "SWEEP"},
      {{"validate", file("missing.json"), file("cut.json")}, 1, "missing.json"},
      {{"calibrate", file("cut.json"), file("cut.json"), "--out", out}, 2, "--engine"},
      {{"calibrate", file("cut.json"), file("cut.json"), "--engine", "e"}, 2, "--out"},
      {{"report", file("cut.json"), "--html", file("page.html")}, 1, "cut.json"},
      {{"report", file("cut.json"), "--html", file("cut.json")}, 2, "the results document itself"},
      {{"topology", "--xml"}, 2, "--xml"},
      {{"topology", "--cloud-label", "--results", file("cut.json")}, 2, "no effect"},
      {{"probe", "stream_bandwidth", "--cloud-label"}, 2, "--cloud-label"},
      {{"topology", "--check", "--results", file("cut.json")}, 2, "--results"},
      {{"topology", "--results", file("cut.json")}, 1, "cut.json"},
      {{"run", "--sustain", "soon"}, 2, "--sustain"},
      {{"probe", "counters", "--what"}, 2, "--what"},
      {{"probe", "clock", "--sustain", "soon"}, 2, "--sustain"},
      {{"sweep", "--threads", "1"}, 2, "after --"},
      {{"sweep", "--threads", "1,x", "--", "true"}, 2, "--threads: '1,x'"},
      {{"sweep", "--threads", "1", "--out", file("cut.json"), "--", "true"}, 2, "cut.json"},
      {{"sweep", "--threads", "1", "--out", file("s.json"), "--", "true"}, 2, "--set-flag"},
      {{"sweep", "--vary", "batch", "--", "true"}, 2, "NAME=LIST"},
      {{"sweep", "--order", "odd", "--set-flag=-t", "--", "true"}, 2, "--order: 'odd'"},
      {{"sweep", "--resume", "--out", file("s.json"), "--set-flag=-t", "--", "true"},
       2,
       "not there"},
      {{"sweep", "--beside", "a 'b", "--set-flag=-t", "--", "true"}, 2, "not closed"},
      {{"sweep", "--parse", "[", "--set-flag=-t", "--", "true"}, 2, "["},
      {{"fit", file("missing.json")}, 1, "missing.json"},
      {{"fit", file("cut.json")}, 1, "cut.json"},
  };
  const auto before = names_in(folder.path());
  for (const Refused& refused : table) {
    std::string line;
    for (const std::string& word : refused.arguments) line += word + " ";
    const ChildResult result = run_program(refused.arguments);
    EXPECT_EQ(result.exit_code, refused.exit_code) << line << result.describe();
    EXPECT_THAT(result.standard_error, HasSubstr(refused.text)) << line;
    const auto& said = result.standard_error;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << line << '\n' << said;
    EXPECT_EQ(result.standard_output.find("Usage"), std::string::npos) << line;
    EXPECT_EQ(names_in(folder.path()), before) << line;
  }
  EXPECT_EQ(read_file(folder.path() / "cut.json"), "{\"schema_version\": 1, \"points\": [");
}

TEST(CommandLine, InspectPrintsExactBytes) {
  const ChildResult table = run_program({"inspect", "qwen3-4b"});
  EXPECT_TRUE(table.ok());
  EXPECT_THAT(table.standard_output, HasSubstr("qwen3-4b:q4_0"));
  const ChildResult json = run_program({"inspect", "qwen3-4b:q4_0", "--json"});
  EXPECT_TRUE(json.ok());
  // 36 layers x 2 (K and V) x 8 KV heads x 128 x 2 bytes
  EXPECT_THAT(json.standard_output, HasSubstr("\"kv_bytes_per_position\": 147456"));
  const ChildResult list = run_program({"inspect", "--list"});
  EXPECT_THAT(list.standard_output, HasSubstr("qwen3-30b-a3b"));
}

TEST(CommandLine, TopologyLeadsWithTheBudget) {
  const ChildResult text = run_program({"topology"});
  EXPECT_TRUE(text.ok()) << text.standard_error;
  EXPECT_TRUE(text.standard_output.starts_with("CPU budget: ")) << text.standard_output;
  EXPECT_THAT(run_program({"topology", "--json"}).standard_output, HasSubstr("\"effective_cpus\""));
}

// What this machine is does not matter: every relation is decided or says why not.
TEST(CommandLine, TopologyIsHeldAgainstPairsOfCpus) {
  const std::string pairs = SOURCE_DIR "/data/topologies/pairs/zen3-guest-2.json";
  const ChildResult text = run_program({"topology", "--results", pairs});
  EXPECT_TRUE(text.ok()) << text.standard_error;
  EXPECT_THAT(text.standard_output, HasSubstr("SMT         agrees, confidence high"));
  EXPECT_THAT(text.standard_output, HasSubstr("L3          unknown"));
  EXPECT_THAT(run_program({"topology", "--results", pairs, "--json"}).standard_output,
              HasSubstr("\"agreement\": \"agrees\""));
}

TEST(CommandLine, CountersSayWhatCameOfEachEvent) {
  const ChildResult table = run_program({"probe", "counters", "--truth"});
  EXPECT_TRUE(table.exit_code == 0 || table.exit_code == 4) << table.standard_error;
  EXPECT_THAT(table.standard_output, HasSubstr("PAPI_TOT_INS"));
  EXPECT_THAT(run_program({"probe", "counters", "--json"}).standard_output,
              HasSubstr("\"event\": \"perf::PAGE-FAULTS\""));
}

TEST(CommandLine, ProbesAreListedAndRunByName) {
  const ChildResult list = run_program({"probe", "--list"});
  EXPECT_TRUE(list.ok());
  EXPECT_THAT(list.standard_output, HasSubstr("decode_scaling"));
  EXPECT_THAT(list.standard_output, ::testing::Not(HasSubstr("cannot run")));
  const ChildResult names = run_program({"probe", "dispatch_overhead", "--benchmark_list_tests"});
  EXPECT_TRUE(names.ok()) << names.standard_error;
  EXPECT_THAT(names.standard_output, HasSubstr("dispatch_overhead/barrier/"));
}

TEST(CommandLine, WhatStandsBetweenStepsIsMeasured) {
  const TemporaryFolder folder;
  const std::string plan = (folder.path() / "plan.json").string();
  const std::string out = (folder.path() / "out.json").string();
  const auto measured = [&](const char* parameters) {
    write_file_atomically(plan, fmt::format(R"({{"probe": "dispatch_overhead", "environment": {{}},
                               "set_up_seconds": 0, "points": [{{"seconds": 0.1, "parameters":
                               {{{}}}}}]}})",
                                            parameters));
    return run_program({"probe", "dispatch_overhead", "--plan", plan, "--out", out});
  };
  const auto point = [&] {
    const Results results = results_from_json_text(read_file(out), "out");
    EXPECT_EQ(results.points.size(), 1u);
    return results.points.at(0);
  };
  const char* step = R"("operation": "step", "sync": "thread_create", "work_ms": 6, "threads": 2)";
  ASSERT_TRUE(measured(step).ok());
  EXPECT_DOUBLE_EQ(point().facts.at("work_seconds"), 0.006);
  EXPECT_GE(point().summary.median, 0.006) << "a step takes its work and more";
  EXPECT_NE(point().verdict.validity, Validity::kInvalid);
  ASSERT_TRUE(measured(R"("operation": "pick", "model": "gemma-3-270m", "threads": 1)").ok());
  EXPECT_EQ(point().facts.at("vocabulary"), 262'144);
  EXPECT_GT(point().summary.median, 0);
  const char* kept = R"("operation": "step", "sync": "spin", "threads": 2)";
  EXPECT_EQ(measured(kept).exit_code, 2);
  const char* alone = R"("operation": "step", "sync": "thread_create", "threads": 1)";
  EXPECT_THAT(measured(alone).standard_error, HasSubstr("two threads or more"));
  const char* none = R"("operation": "step", "sync": "thread_create", "work_ms": 0, "threads": 2)";
  EXPECT_THAT(measured(none).standard_error, HasSubstr("work_ms 0"));
  EXPECT_EQ(measured(R"("operation": "pick", "pick": "none", "threads": 1)").exit_code, 2);
}

TEST(CommandLine, AProfileByLayerHasSharesAndLevels) {
  const TemporaryFolder folder;
  const std::string plan = (folder.path() / "plan.json").string();
  const std::string out = (folder.path() / "out.json").string();
  write_file_atomically(plan, R"({"probe": "decode_scaling", "environment": {},
      "set_up_seconds": 0, "points": [{"seconds": 0.1, "parameters": {"operation": "step",
      "model": "gemma-3-270m:q4_0", "context_tokens": 16, "layers": 2, "profile": 2, "threads": 1}}]})");
  const ChildResult run = run_program({"probe", "decode_scaling", "--plan", plan, "--out", out});
  ASSERT_NE(run.exit_code, 2) << run.standard_error;
  const Results results = results_from_json_text(read_file(out), "out");
  ASSERT_EQ(results.points.size(), 1u);
  double sum = 0;
  int layers = 0;
  for (const auto& [name, value] : results.points.front().facts) {
    if (!name.starts_with("layer") || !name.ends_with("_share")) continue;
    sum += value;
    layers += name.starts_with("layer1_") ? 1 : 0;
    const std::string level = name.substr(0, name.size() - 6) + "_served_by";
    EXPECT_NE(results.points.front().notes.at(level), "") << level;
  }
  EXPECT_NEAR(sum, 1, 1e-6);
  EXPECT_GT(layers, 5) << "operations of the second layer";
}

TEST(CommandLine, ASweepIsMeasuredAndFitted) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "sweep.json").string();
  const ChildResult sweep =
      run_program({"sweep", "--threads", "1-3", "--repeat", "1", "--set-env", "COUNT", "--parse",
                   "decode=rate ([0-9.]+)", "--out", file, "--", "echo", "rate 12.5"});
  EXPECT_TRUE(sweep.ok()) << sweep.standard_error;
  EXPECT_THAT(sweep.standard_output, HasSubstr("12.5"));
  const ChildResult fit = run_program({"fit", file, "--json"});
  EXPECT_TRUE(fit.ok()) << fit.standard_error;
  EXPECT_THAT(fit.standard_output, HasSubstr("\"recommended_threads\": 1"));
  const ChildResult silent = run_program({"sweep", "--threads", "1", "--repeat", "1", "--set-env",
                                          "COUNT", "--out", file + "2", "--", "true"});
  EXPECT_EQ(silent.exit_code, 7) << silent.standard_error;
}

TEST(CommandLine, FormatsAreListedWithoutADocument) {
  const ChildResult list = run_program({"recommend", "--format", "list"});
  EXPECT_TRUE(list.ok());
  EXPECT_THAT(list.standard_output, HasSubstr("llama.cpp"));
}

TEST(CommandLine, InspectOfASynthesisedFileAgreesWithTheModel) {
  const TemporaryFolder folder;
  const std::string config = (folder.path() / "config.json").string();
  const std::string out = (folder.path() / "a.gguf").string();
  write_file_atomically(config, R"({"model_type": "qwen3", "num_hidden_layers": 2,
    "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
    "intermediate_size": 512, "vocab_size": 1000, "max_position_embeddings": 512})");
  const std::string model = config + ":q4_k_m";
  ASSERT_TRUE(run_program({"synthesize", model, "--out", out}).ok());
  const auto of_file =
      nlohmann::json::parse(run_program({"inspect", out, "--json", "--tensors"}).standard_output);
  const auto of_model =
      nlohmann::json::parse(run_program({"inspect", model, "--json", "--tensors"}).standard_output);
  for (const char* key : {"tensors", "weight_bytes", "weight_bytes_per_token_by_class", "layers",
                          "kv_bytes_per_position_by_type", "flops_per_token", "memory_bytes"}) {
    EXPECT_EQ(of_file.at(key), of_model.at(key)) << key;
  }
  EXPECT_EQ(of_file.at("claimed_type"), "q4_k_m");
}

// The page that answers which to rent: a machine of which we have a document, and two published
// tables.
TEST(CommandLine, CompareOfThreeStoredDocumentsSaysWhichToRent) {
  const TemporaryFolder folder;
  const auto copy = [&](const std::string& from, const char* to) {
    std::filesystem::copy_file(SOURCE_DIR "/data/" + from, folder.path() / to);
    return (folder.path() / to).string();
  };
  const std::string page = (folder.path() / "which.html").string();
  const ChildResult run = run_program(
      {"compare", copy("machines/emerald-rapids-guest-2.json", "guest.json"),
       copy("datasets/seed/ryzen9-7900-qwen3-30b-a3b-q4-threads.json", "ryzen9-7900.json"),
       copy("datasets/seed/m3-ultra-qwen3-30b-a3b-q4-prompt-length.json", "m3-ultra.json"),
       "--price", "guest=0.09/h", "--price", "ryzen9-7900=0.12/h", "--price", "m3-ultra=0.9/h",
       "--html", page});
  EXPECT_TRUE(run.ok()) << run.standard_error;
  EXPECT_THAT(run.standard_output, HasSubstr("Answers are written fastest on m3-ultra"));
  EXPECT_THAT(run.standard_output, HasSubstr("cheapest on ryzen9-7900"));
  EXPECT_THAT(run.standard_output, HasSubstr("Not the same engine"));
  EXPECT_THAT(read_file(page), HasSubstr("Answers are written fastest on m3-ultra"));
}

}  // namespace
}  // namespace mb
