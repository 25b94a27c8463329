// Stored output of every engine (outputs/README.md) against what must be found in it.
#include "probes/sweep/parse_rules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "data/error.h"
#include "data/system/files.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string output_of(const std::string& name) {
  return read_file(SOURCE_DIR "/tests/probes/sweep/outputs/" + name + ".txt");
}

// "decode 9.5 (prompt 0, new 128, cached 4096)": a reading in one line.
std::string text_of(const SweepReading& reading) {
  std::string text = reading.phase;
  for (const double rate : reading.tokens_per_second) text += fmt::format(" {:.6g}", rate);
  const auto add = [&](const char* name, const auto& value) {
    if (value) text += fmt::format(" {}={:.6g}", name, static_cast<double>(*value));
  };
  add("prompt", reading.prompt_tokens);
  add("new", reading.new_tokens);
  add("cached", reading.context_tokens);
  add("batch", reading.batch);
  add("threads", reading.threads);
  add("total", reading.total_tokens_per_second);
  add("padding", reading.padding_tokens);
  return text;
}

std::vector<std::string> texts_of(const Parsed& parsed) {
  std::vector<std::string> texts;
  for (const SweepReading& reading : parsed.readings) texts.push_back(text_of(reading));
  return texts;
}

struct Stored {
  std::string file, rule;
  std::vector<std::string> readings;
  // A word of the output without which (here: behind its neighbour) nothing or less is found.
  std::string phrase, changed;
};

const std::vector<Stored>& stored_outputs() {
  static const std::vector<std::string> kBench = {"prefill 40 41 prompt=512 threads=8",
                                                  "decode 9.5 new=128 cached=4096 threads=8"};
  static const std::vector<std::string> kBenchMeans = {"prefill 40.5 prompt=512 threads=8",
                                                       kBench[1]};
  static const std::vector<std::string> kPerf = {"prefill 12.55 prompt=9",
                                                 "decode 6.61 prompt=9 new=63"};
  static const std::vector<Stored> all = {
      {"llama-bench-json", "llama-bench", kBench, "\"n_gen\"", "\"gen_n\""},
      {"llama-bench-jsonl", "llama-bench", kBench, "\"n_gen\"", "\"gen_n\""},
      {"llama-bench-csv", "llama-bench", kBenchMeans, "n_prompt,n_gen", "prompt_n,gen_n"},
      {"llama-bench-sql", "llama-bench", kBenchMeans, "INSERT INTO", "INTO INSERT"},
      {"llama-bench-md",
       "llama-bench",
       {"prefill 32.29 prompt=64 threads=8", "decode 16.71 new=16 cached=512 threads=8",
        "mixed 27.1 prompt=64 new=16 threads=8 total=27.1"},
       "t/s",
       "s/t"},
      {"llama-perf", "llama-perf", kPerf, "tokens per second", "second per tokens"},
      {"llama-perf-timings", "llama-perf", kPerf, "eval time", "time eval"},
      {"llama-perf-server", "llama-perf", kPerf, "eval time", "time eval"},
      {"llama-perf-cli", "llama-perf", {"prefill 58", "decode 44"}, "Prompt:", "Prompt"},
      {"ollama",
       "ollama",
       {"prefill 15.6 prompt=21", "decode 2.08 prompt=21 new=160"},
       "eval rate",
       "rate eval"},
      {"ollama-api",
       "ollama",
       {"prefill 15.6014 prompt=21", "decode 2.08402 prompt=21 new=160"},
       "prompt_eval_duration",
       "prompt_duration_eval"},
      {"pytorch",
       "pytorch",
       {"prefill 834.48 prompt=55", "decode 45.23 prompt=55 new=65"},
       "Tokens per second",
       "per second Tokens"},
      {"pytorch-compile",
       "pytorch",
       {"prefill 133.52", "decode 11.33 new=65"},
       "Tokens per second",
       "per second Tokens"},
      {"serving-vllm",
       "serving",
       {"mixed 2241.42 prompt=1024 new=388 total=8147.03"},
       "Output token",
       "Token output"},
      {"serving-sglang",
       "serving",
       {"mixed 1163.42 prompt=506 new=263 total=3400.32"},
       "Output token",
       "Token output"},
      {"vllm-throughput",
       "vllm-throughput",
       {"mixed 708.33 total=3262.58"},
       "output tokens/s",
       "tokens/s output"},
      {"sglang-one-batch",
       "sglang-one-batch",
       {"prefill 3355.6 batch=1", "decode 145.1 batch=1"},
       "median throughput",
       "throughput median"},
      {"openvino", "openvino", {"mixed 51.49"}, "Throughput:", "Throughput"},
      {"hf-cpu-benchmark",
       "hf-cpu-benchmark",
       {"mixed 16.5165 prompt=10856 new=12000 total=31.4584"},
       "n_output_tokens",
       "output_n_tokens"},
      {"llama-timings",
       "llama-timings",
       {"prefill 39.02 prompt=20 cached=236", "decode 9.56 prompt=20 new=35 cached=236"},
       "predicted_per_second",
       "per_second_predicted"},
      {"llama-timings-binding",
       "llama-timings",
       {"prefill 40 prompt=512", "decode 8 prompt=512 new=128"},
       "predicted_sec",
       "sec_predicted"},
      {"rayon", "rayon", {"decode 25.4"}, "tok/s", "s/tok"},
  };
  return all;
}

TEST(ParseRules, EachFindsTheFiguresOfItsEngineByItself) {
  for (const Stored& stored : stored_outputs()) {
    const Parsed parsed = parse_output({}, output_of(stored.file));
    EXPECT_EQ(parsed.rule, stored.rule) << stored.file;
    EXPECT_EQ(texts_of(parsed), stored.readings) << stored.file;
    EXPECT_THAT(parsed.refused, IsEmpty()) << stored.file;
    const Parsed asked =
        parse_output(parse_rules_from_texts({stored.rule}), output_of(stored.file));
    EXPECT_EQ(texts_of(asked), stored.readings) << stored.file;
  }
}

TEST(ParseRules, EachHasStoredOutputAndASource) {
  std::set<std::string> tested;
  for (const Stored& stored : stored_outputs()) tested.insert(stored.rule);
  for (const ParseRule& rule : parse_rules()) {
    EXPECT_TRUE(tested.contains(rule.name)) << rule.name;
    EXPECT_NE(rule.source, "") << rule.name;
    EXPECT_NE(rule.summary, "") << rule.name;
  }
}

TEST(ParseRules, AChangedOrderOfWordsIsNotTakenForTheSame) {
  for (const Stored& stored : stored_outputs()) {
    std::string output = output_of(stored.file);
    ASSERT_NE(output.find(stored.phrase), std::string::npos) << stored.file;
    for (auto at = output.find(stored.phrase); at != std::string::npos;
         at = output.find(stored.phrase, at + stored.changed.size())) {
      output.replace(at, stored.phrase.size(), stored.changed);
    }
    EXPECT_NE(texts_of(parse_output({}, output)), stored.readings) << stored.file;
  }
}

TEST(ParseRules, AreNotMisledByLogLinesAround) {
  for (const Stored& stored : stored_outputs()) {
    const std::string noisy = "[INFO] loading {model} [1/3]\n{ not json\n" +
                              output_of(stored.file) + "\n] done [x]\nwarning: eval took long\n";
    EXPECT_EQ(texts_of(parse_output({}, noisy)), stored.readings) << stored.file;
  }
}

TEST(ParseRules, PrintedRatesWinOverRoundedTimes) {
  // 55 tokens in 0.07 s would be 785.7 tokens/s.
  EXPECT_THAT(texts_of(parse_output({}, output_of("pytorch"))),
              ElementsAre(HasSubstr("834.48"), HasSubstr("45.23")));
  const Parsed derived = parse_output({}, "Prefill Tokens: 55\nPrefill time: 0.07 seconds\n");
  EXPECT_THAT(texts_of(derived), ElementsAre("prefill 785.714 prompt=55"));
}

TEST(ParseRules, MissingLinesAreTolerated) {
  EXPECT_THAT(texts_of(parse_output({}, "Decode Tokens per second: 11.33\n")),
              ElementsAre("decode 11.33"));
  EXPECT_THAT(texts_of(parse_output({}, "Decoded Tokens: 60\nE2E Generation time: 6.00 seconds\n")),
              ElementsAre("mixed 10 new=60"));
  EXPECT_THAT(texts_of(parse_output({}, "Per token: 50 ms\n")), ElementsAre("decode 20"));
  EXPECT_THAT(texts_of(parse_output({}, "predicted_n: 30, total_sec: 3.0\n")),
              ElementsAre("mixed 10 new=30"));
}

TEST(ParseRules, TheLastFigureCounts) {
  EXPECT_THAT(texts_of(parse_output({},
                                    "Decode Tokens per second: 1.5\nx\n"
                                    "Decode Tokens per second: 11.33\n")),
              ElementsAre("decode 11.33"));
}

TEST(ParseRules, WhatIsNoRateIsRefusedByName) {
  const Parsed nan = parse_output({}, "Decode Tokens per second: nan\n");
  EXPECT_THAT(nan.readings, IsEmpty());
  EXPECT_THAT(nan.refused, ElementsAre("decode \"nan\""));
  EXPECT_THAT(parse_output({}, "Decode Tokens per second: 0.00\n").refused,
              ElementsAre("decode \"0.00\""));
  const Parsed half =
      parse_output({}, "Prefill Tokens per second: 5.0\nDecode Tokens per second: inf\n");
  EXPECT_THAT(texts_of(half), ElementsAre("prefill 5"));
  EXPECT_THAT(half.refused, ElementsAre("decode \"inf\""));
}

TEST(LlamaBenchRule, FindsNothingInDamage) {
  for (const char* text :
       {"", "[", "]", "[]", "[1, null]", "[{}]", "] [", "[{\"avg_ts\": \"x\"}]",
        "[{\"n_gen\": 1, \"avg_ts\": -3, \"samples_ts\": [0, null]}]", "[{\"samples_ts\": 7}]",
        "n_prompt,n_gen,avg_ts\n1,2\n", "| test | t/s |\n| pp | 1 |\n"}) {
    EXPECT_THAT(parse_output(parse_rules_from_texts({"llama-bench"}), text).readings, IsEmpty())
        << text;
  }
}

TEST(ParseRules, TakeLittleTimeForWhatOnlyLooksLikeOutput) {
  std::string brackets, lines;
  for (int i = 0; i < 20000; ++i) brackets += "[\n";
  for (int i = 0; i < 2000; ++i) lines += "eval time eval rate: prompt_n total_sec Throughput x\n";
  EXPECT_THAT(parse_output({}, brackets).readings, IsEmpty());
  EXPECT_THAT(parse_output({}, lines).readings, IsEmpty());
  EXPECT_THAT(parse_output({}, std::string(1u << 20, '{')).readings, IsEmpty());
}

TEST(GivenRule, ReadsItsGroup) {
  const Parsed parsed = parse_output(parse_rules_from_texts({"decode=Decode: ([0-9.]+) tok/s"}),
                                     "load 3 s\nDecode: 12.5 tok/s");
  EXPECT_THAT(texts_of(parsed), ElementsAre("decode 12.5"));
}

TEST(GivenRule, MakesARateOfTokensAndSeconds) {
  const auto rules = parse_rules_from_texts({"new_tokens=made (\\d+)", "decode_seconds=in (\\S+)"});
  EXPECT_THAT(texts_of(parse_output(rules, "made 30\nin 1500ms\n")),
              ElementsAre("decode 20 new=30"));
}

TEST(GivenRule, PassesOverWhatIsNoPositiveFigure) {
  const auto rules = parse_rules_from_texts({"decode=rate (\\S+)"});
  for (const char* text :
       {"rate nan", "rate inf", "rate 0", "rate -5", "rate 1.2.3", "rate x", "rate 1e999"}) {
    EXPECT_THAT(parse_output(rules, text).readings, IsEmpty()) << text;
  }
}

TEST(GivenRule, SurvivesVeryLongLines) {
  const auto rules = parse_rules_from_texts({"decode=a*b(.*)c"});
  EXPECT_THAT(parse_output(rules, std::string(1u << 20, 'a')).readings, IsEmpty());
}

TEST(GivenRule, SaysWhatIsWrongWithIt) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      parse_rules_from_texts({text});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(error_of("llama-bunch"), HasSubstr("expected a rule (llama-bench"));
  EXPECT_THAT(error_of("speed=([0-9]+)"), HasSubstr("one of prefill, decode"));
  EXPECT_THAT(error_of("decode=([0-9]+"), HasSubstr("no regular expression"));
  EXPECT_THAT(error_of("decode=[0-9]+"), HasSubstr("parentheses"));
  EXPECT_THAT(error_of("decode=(a)(b)"), HasSubstr("parentheses"));
}

TEST(Seconds, AreReadWithTheirUnits) {
  EXPECT_EQ(number_or_seconds("39.4"), 39.4);
  EXPECT_EQ(number_or_seconds("39.4 ms"), 0.0394);
  EXPECT_DOUBLE_EQ(number_or_seconds("1m13.5s").value_or(0), 73.5);
  EXPECT_DOUBLE_EQ(number_or_seconds("1h0m1s").value_or(0), 3601);
  EXPECT_DOUBLE_EQ(number_or_seconds("250\u00b5s").value_or(0), 250e-6);
  for (const char* text : {"", "s", "1x", "1m2", "nan", "inf", "1e999"}) {
    EXPECT_EQ(number_or_seconds(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mb
