// Sweeps as a person starts them: the published comparisons with stand-ins for their engines, a
// real engine where one is installed, signals, resuming, import, validate and calibrate.
#include "data/documents/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "data/documents/results.h"
#include "data/system/files.h"
#include "tests/e2e/programs.h"

namespace mb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Runs docs/sweeps/NAME/sweep.sh in `folder` with the stand-ins first in PATH.
ChildResult run_example(const std::string& name, const std::filesystem::path& folder) {
  ChildRequest request;
  request.argv = {"/bin/sh",
                  "-c",
                  "cd \"$0\" && exec bash \"$@\"",
                  folder.string(),
                  SOURCE_DIR "/docs/sweeps/" + name + "/sweep.sh",
                  "--repeat",
                  "1",
                  "--warmup",
                  "0"};
  request.environment["PATH"] =
      SOURCE_DIR "/tests/e2e/stand_ins:" + program().parent_path().string() + ":/usr/bin:/bin";
  request.timeout_seconds = kPatienceSeconds;
  return run_child(request);
}

Sweep sweep_in(const std::filesystem::path& file) {
  return sweep_from_json_text(read_file(file), file.string());
}

std::vector<std::string> labels_of(const Sweep& sweep) {
  std::vector<std::string> labels;
  for (const SweepSeries& series : sweep.series)
    labels.push_back(series.phase + ": " + series.label);
  return labels;
}

TEST(PublishedSweeps, OpenMpLoopOverTwoSizesAndTwoModes) {
  const TemporaryFolder folder;
  const ChildResult run = run_example("openmp-loop", folder.path());
  ASSERT_TRUE(run.ok()) << run.standard_error;
  const Sweep sizes = sweep_in(folder.path() / "sweep.json");
  EXPECT_THAT(
      labels_of(sizes),
      ElementsAre("prefill: model=google/gemma-3-270m-it", "decode: model=google/gemma-3-270m-it",
                  "prefill: model=google/gemma-3-1b-it", "decode: model=google/gemma-3-1b-it"));
  ASSERT_EQ(sizes.series[0].points.size(), 7u);
  EXPECT_EQ(sizes.series[0].points[3].tokens_per_second, 266.25);  // 16 threads
  EXPECT_EQ(sizes.series[2].points[3].tokens_per_second, 133.25);
  EXPECT_EQ(sizes.series[0].prompt_tokens, 55);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "sweep.png"));
  EXPECT_THAT(labels_of(sweep_in(folder.path() / "compile.json")),
              ElementsAre("prefill: mode=", "decode: mode=", "prefill: mode=--compile",
                          "decode: mode=--compile"));
  EXPECT_THAT(run.standard_output, HasSubstr("say: OMP_NUM_THREADS="));
}

TEST(PublishedSweeps, RayonLoop) {
  const TemporaryFolder folder;
  const ChildResult run = run_example("rayon-loop", folder.path());
  ASSERT_TRUE(run.ok()) << run.standard_error;
  const Sweep sweep = sweep_in(folder.path() / "sweep.json");
  ASSERT_EQ(sweep.series.size(), 1u);
  EXPECT_EQ(sweep.series[0].phase, "decode");
  EXPECT_EQ(sweep.series[0].points.size(), 10u);
  EXPECT_EQ(sweep.series[0].points[4].tokens_per_second, 25.4);  // 16 threads
  EXPECT_THAT(run.standard_output, HasSubstr("say: RAYON_NUM_THREADS=16"));
}

TEST(PublishedSweeps, ThreadCountAsAPositionalArgument) {
  const TemporaryFolder folder;
  const ChildResult run = run_example("just-run-benchmark", folder.path());
  ASSERT_TRUE(run.ok()) << run.standard_error;
  const Sweep sweep = sweep_in(folder.path() / "sweep.json");
  EXPECT_THAT(labels_of(sweep), ElementsAre("mixed: special=float32", "mixed: special=none",
                                            "mixed: special=intel_optimize"));
  const SweepPoint& point = sweep.series[0].points.at(1);
  EXPECT_EQ(point.threads, 16);
  EXPECT_NEAR(point.tokens_per_second.value_or(0), 12000 / 700.25, 1e-9);
  EXPECT_NEAR(point.total_tokens_per_second.value_or(0), 22856 / 700.25, 1e-9);
}

TEST(PublishedSweeps, AThreadCountForEachPhase) {
  const TemporaryFolder folder;
  const ChildResult run = run_example("threads-and-batch", folder.path());
  ASSERT_TRUE(run.ok()) << run.standard_error;
  const Sweep sweep = sweep_in(folder.path() / "sweep.json");
  EXPECT_THAT(labels_of(sweep),
              ElementsAre("prefill: n_threads_batch=4", "decode: n_threads_batch=4",
                          "prefill: n_threads_batch=8", "decode: n_threads_batch=8"));
  EXPECT_NEAR(sweep.series[1].points.at(1).tokens_per_second.value_or(0), 128 / 21.5, 1e-9);
  EXPECT_NEAR(sweep.series[2].points.at(0).tokens_per_second.value_or(0), 512 / 6.5, 1e-9);
}

TEST(SweepCommand, IsInterruptedWithAWholeDocumentAndGoesOn) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "s.json").string();
  const std::string gate = (folder.path() / "gate").string();
  const std::vector<std::string> sweep = {
      "sweep",
      "--threads",
      "1,2",
      "--repeat",
      "1",
      "--warmup",
      "0",
      "--set-env",
      "T",
      "--out",
      file,
      "--parse",
      "decode=rate ([0-9]+)",
      "--",
      "/bin/sh",
      "-c",
      "echo rate 5$T; [ $T = 1 ] || [ -e " + gate + " ] || sleep 1000"};
  ChildRequest request{.argv = {program().string()}};
  request.argv.insert(request.argv.end(), sweep.begin(), sweep.end());
  request.timeout_seconds = kPatienceSeconds;
  bool sent = false;
  request.on_tick = [&](int pid) {  // the first point is on disk: the second is running
    if (sent || !std::filesystem::exists(file)) return;
    sent = ::kill(pid, SIGINT) == 0;  // once: a second one would end it without a word
  };
  const ChildResult interrupted = run_child(request);
  EXPECT_EQ(interrupted.exit_code, 5) << interrupted.standard_error;
  EXPECT_THAT(interrupted.standard_error, HasSubstr("--resume goes on"));
  ASSERT_EQ(sweep_in(file).series.at(0).points.size(), 1u);
  write_file_atomically(gate, "");
  std::vector<std::string> resumed = sweep;
  resumed.insert(resumed.begin() + 1, "--resume");
  const ChildResult rest = run_program(resumed);
  EXPECT_TRUE(rest.ok()) << rest.standard_error;
  EXPECT_THAT(rest.standard_error, Not(HasSubstr("1 threads, run")));
  ASSERT_EQ(sweep_in(file).series.at(0).points.size(), 2u);
  EXPECT_EQ(sweep_in(file).series[0].points[1].tokens_per_second, 52);
  resumed.back() = "echo other";
  EXPECT_EQ(run_program(resumed).exit_code, 2);
}

TEST(SweepCommand, SaysWhatANeighbourCosts) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "s.json").string(),
                    there = (folder.path() / "there").string();
  const ChildResult run = run_program(
      {"sweep", "--threads", "1,2", "--repeat", "1", "--warmup", "0", "--set-env", "T", "--out",
       file, "--beside", "/bin/sh -c 'touch " + there + "; sleep 1000; true'", "--parse",
       "decode=rate ([0-9]+)", "--", "/bin/sh", "-c",
       "if [ -e " + there + " ]; then rm " + there + "; echo rate 5; else echo rate 10; fi"});
  ASSERT_TRUE(run.ok()) << run.standard_error;
  EXPECT_THAT(
      run.standard_output,
      HasSubstr("decode, beside /bin/sh: 5.00 tokens/s with the advised 1 thread, 50.0 % less "
                "than without"));
}

TEST(Import, MakesDocumentsOfOtherPeoplesFiles) {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  const std::string outputs = SOURCE_DIR "/tests/probes/sweep/outputs/";
  const ChildResult bench = run_program({"import", outputs + "llama-bench-jsonl.txt", "--model",
                                         "qwen3-4b:q4_0", "--out", path("bench.json")});
  ASSERT_TRUE(bench.ok()) << bench.standard_error;
  EXPECT_EQ(sweep_in(path("bench.json")).series.size(), 2u);
  EXPECT_EQ(sweep_in(path("bench.json")).machine.cpu, "AMD Ryzen 7 7800X3D 8-Core Processor");
  write_file_atomically(path("before.csv"), "threads,tok/s\n1,5.5\n2,10.25\n4,18\n");
  write_file_atomically(path("after.csv"), "1;6\n2;11\n4;19\n");
  ASSERT_TRUE(
      run_program({"import", path("before.csv"), path("after.csv"), "--out", path("csv.json")})
          .ok());
  EXPECT_THAT(labels_of(sweep_in(path("csv.json"))),
              ElementsAre("decode: before", "decode: after"));
  EXPECT_TRUE(run_program({"fit", path("csv.json")}).ok());
  write_file_atomically(path("memtest_1G.txt"),
                        "\nMeasure time write files, 1 thread\n\nreal\t0m5.000s\nuser\t0m0.273s\n"
                        "sys\t0m7.862s\nMeasure time write files, 1 thread\n\nreal\t0m4.000s\n"
                        "user\t0m0.328s\nsys\t0m8.213s\nMeasure time read files, 8 threads\n\n"
                        "real\t0m0.500s\nuser\t0m0.008s\nsys\t0m1.060s\n");
  ASSERT_TRUE(run_program({"import", path("memtest_1G.txt"), "--out", path("shm.json")}).ok());
  const Results results = results_from_json_text(read_file(path("shm.json")), "shm");
  ASSERT_EQ(results.points.size(), 2u);
  EXPECT_EQ(results.points[0].samples.size(), 2u);
  EXPECT_DOUBLE_EQ(results.points[0].samples[0], 8.0 * (1 << 30) / 5);
  EXPECT_EQ(results.points[1].parameters.number_or("threads", 0), 8);
  const ChildResult nameless =
      run_program({"import", path("after.csv"), "--phase", "odd", "--out", path("x")});
  EXPECT_EQ(nameless.exit_code, 2);
}

// Where set-up put npm's node-llama-cpp; empty where it is not.
std::string engine_folder() {
  for (const char* variable : {"NODE_LLAMA_CPP", "HOME"}) {
    const char* value = ::getenv(variable);
    if (value == nullptr) continue;
    const std::string folder = std::string(variable) == "HOME"
                                   ? std::string(value) + "/.cache/memory_benchmark/engines"
                                   : value;
    if (std::filesystem::exists(folder + "/node_modules/node-llama-cpp")) return folder;
  }
  return {};
}

TEST(RealEngine, LlamaCppIsSweptOverThreads) {
  const std::string engines = engine_folder();
  if (engines.empty()) {
    GTEST_SKIP() << "node-llama-cpp is not installed: scripts/install_packages.sh --tests";
  }
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  write_file_atomically(path("config.json"), R"({"model_type": "qwen3", "num_hidden_layers": 2,
    "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
    "intermediate_size": 512, "vocab_size": 1000, "max_position_embeddings": 512})");
  ASSERT_TRUE(
      run_program({"synthesize", path("config.json") + ":q4_0", "--out", path("m.gguf")}).ok());
  const ChildResult run = run_program({"sweep",
                                       "--threads",
                                       "1,2",
                                       "--repeat",
                                       "1",
                                       "--warmup",
                                       "0",
                                       "--set-flag",
                                       "-t",
                                       "--out",
                                       path("s.json"),
                                       "--",
                                       "node",
                                       SOURCE_DIR "/scripts/engines/bench_gguf.mjs",
                                       engines,
                                       path("m.gguf"),
                                       "-p",
                                       "64",
                                       "-n",
                                       "8",
                                       "-r",
                                       "2"});
  ASSERT_TRUE(run.ok()) << run.standard_output << run.standard_error;
  const Sweep sweep = sweep_in(path("s.json"));
  EXPECT_THAT(labels_of(sweep), ElementsAre("prefill: ", "decode: "));
  for (const SweepSeries& series : sweep.series) {
    ASSERT_EQ(series.points.size(), 2u);
    for (const SweepPoint& point : series.points) {
      EXPECT_GT(point.tokens_per_second.value_or(0), 1);
      EXPECT_THAT(point.note, Not(HasSubstr("the engine says"))) << point.note;
    }
  }
  EXPECT_GT(sweep.runs.at(0).usage.threads_spawned.value_or(0), 1);  // node has helpers
}

}  // namespace
}  // namespace mb
