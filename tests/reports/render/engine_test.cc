// Engine settings as text: what a shell, an env file or an engine would read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "data/error.h"
#include "reports/render/render.h"
#include "tests/reports/render/fixtures.h"

namespace mb {
namespace {

using fixture::kQwen;

using testing::HasSubstr;

ErrorCode code_of(const Recommendation& recommendation, const std::string& model,
                  const std::string& format, std::string* message = nullptr) {
  try {
    render_engine(recommendation, model, format);
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kFailure;
}

TEST(Engine, FlagsComeAsOneLineAfterCommentsThatSayTheAdvice) {
  const Recommendation r = fixture::smt_machine().recommendation;
  EXPECT_EQ(render_engine(r, kQwen, "llama.cpp").text,
            "# Qwen3 4B, Q4_0: by memory_benchmark\n"
            "# prefill: 12 threads, expect 301 tokens/s (271 to 325)\n"
            "# decode: 4 threads, expect 20.2 tokens/s (18.2 to 21.8)\n"
            "# -tb inherits -t when it is left out\n"
            "llama-server -m model.gguf -t 4 -tb 12\n");
}

TEST(Engine, EnvironmentIsExportedAndFilesAreGivenAsTheyAre) {
  const Recommendation r = fixture::smt_machine().recommendation;
  EXPECT_THAT(render_engine(r, kQwen, "pytorch").text,
              HasSubstr("\nexport MKL_NUM_THREADS=12\nexport OMP_NUM_THREADS=12\n"));
  EXPECT_THAT(render_engine(r, kQwen, "ollama").text,
              HasSubstr("\nFROM model\nPARAMETER num_thread 4\n"));
}

TEST(Engine, CommentsStandWhereTheFileAllowsThem) {
  Recommendation r = fixture::small_guest().recommendation;
  r.models[0].engines = {
      {.engine = "onnxruntime", .file_name = "o.json", .file_content = "{}\n", .notes = {"a note"}},
      {.engine = "slurm", .file_name = "job.sh", .file_content = "#!/bin/sh\nsrun x\n"}};
  const RenderedSettings json = render_engine(r, r.models[0].model, "onnxruntime");
  EXPECT_EQ(json.text, "{}\n");
  EXPECT_THAT(json.notes, testing::ElementsAre("a note"));
  const std::string script = render_engine(r, r.models[0].model, "slurm").text;
  EXPECT_THAT(script, testing::StartsWith("#!/bin/sh\n# "));
  EXPECT_THAT(script, testing::EndsWith(")\nsrun x\n"));
}

TEST(Engine, TablesAndMetricsEscapeNames) {
  Recommendation r = fixture::small_guest().recommendation;
  ModelAdvice& advice = r.models[0];
  advice.title = "a|b`c";
  advice.decode.confidence = "high, \"surely\"";
  EXPECT_THAT(render_engine(r, advice.model, "markdown").text, HasSubstr("| a\\|b\\`c |"));
  EXPECT_THAT(render_engine(r, advice.model, "csv").text, HasSubstr(",\"high, \"\"surely\"\"\"\n"));
  const std::string metrics = render_engine(r, advice.model, "prometheus").text;
  EXPECT_THAT(metrics, HasSubstr("# TYPE memory_benchmark_advised_threads gauge\n"
                                 "memory_benchmark_advised_threads{model=\"" +
                                 advice.model + "\",phase=\"prefill\"} "));
}

TEST(Engine, FormatsHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const EngineFormat& format : engine_formats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    EXPECT_FALSE(format.summary.empty()) << format.name;
  }
  EXPECT_GE(names.size(), 26u);
}

TEST(Engine, JsonHoldsThatModelAlone) {
  const Recommendation r = fixture::small_guest().recommendation;
  const Recommendation one =
      recommendation_from_json_text(render_engine(r, kQwen, "json").text, "json of one model");
  ASSERT_EQ(one.models.size(), 1u);
  EXPECT_EQ(one.models[0].model, kQwen);
}

TEST(Engine, AnUnknownFormatOrModelNamesTheChoices) {
  const Recommendation r = fixture::small_guest().recommendation;
  std::string message;
  EXPECT_EQ(code_of(r, kQwen, "llamacpp", &message), ErrorCode::kUsage);
  EXPECT_THAT(message, HasSubstr("llama.cpp"));
  EXPECT_EQ(code_of(r, "qwen9", "json", &message), ErrorCode::kUsage);
  EXPECT_THAT(message, HasSubstr(kQwen));
}

TEST(Engine, AModelThatDoesNotFitHasNoSettings) {
  const Recommendation r = fixture::small_guest().recommendation;
  std::string message;
  EXPECT_EQ(code_of(r, "llama-2-70b:q4_0", "llama.cpp", &message), ErrorCode::kNoResource);
  EXPECT_THAT(message, HasSubstr("needs 36.3 GiB"));
}

TEST(Engine, CommentsCannotBreakOutOfTheirLine) {
  Recommendation r = fixture::small_guest().recommendation;
  r.models[0].title = "x\nrm -rf ~";
  r.models[0].engines[0].notes = {"note\nrm -rf ~"};
  const std::string text = render_engine(r, r.models[0].model, r.models[0].engines[0].engine).text;
  EXPECT_EQ(text.find("\nrm"), std::string::npos) << text;
}

}  // namespace
}  // namespace mb
