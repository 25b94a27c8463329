#include "probes/sweep/parse_rules.h"

#include <gmock/gmock.h>

#include "data/error.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kLlamaBench = R"(some log before [1]
[
  {"build_commit": "abc", "n_threads": 4, "n_prompt": 512, "n_gen": 0, "n_depth": 0,
   "avg_ts": 40.5, "stddev_ts": 0.5, "samples_ts": [40.0, 41.0]},
  {"n_prompt": 0, "n_gen": 128, "n_depth": 4096, "avg_ts": 9.5, "samples_ts": [9.5]},
  {"n_prompt": 512, "n_gen": 128, "avg_ts": 20.0}
])";

TEST(LlamaBenchRule, ReadsPhasesLengthsAndEverySample) {
  const auto json = kLlamaBench.substr(kLlamaBench.find("\n[") + 1);
  const auto rates = find_rates({parse_rule_from_text("llama-bench")}, json);
  ASSERT_EQ(rates.size(), 3u);
  EXPECT_EQ(rates[0].phase, "prefill");
  EXPECT_EQ(rates[0].prompt_tokens, 512);
  EXPECT_EQ(rates[0].context_tokens, std::nullopt);
  EXPECT_THAT(rates[0].tokens_per_second, ElementsAre(40.0, 41.0));
  EXPECT_EQ(rates[1].phase, "decode");
  EXPECT_EQ(rates[1].prompt_tokens, std::nullopt);
  EXPECT_EQ(rates[1].context_tokens, 4096);
  EXPECT_EQ(rates[2].phase, "mixed");
  EXPECT_THAT(rates[2].tokens_per_second, ElementsAre(20.0));
}

TEST(LlamaBenchRule, FindsNothingInDamage) {
  const ParseRule rule = parse_rule_from_text("llama-bench");
  for (const char* text :
       {"", "[", "]", "[]", "[1, null]", "[{}]", "] [", "[{\"avg_ts\": \"x\"}]",
        "[{\"n_gen\": 1, \"avg_ts\": -3, \"samples_ts\": [0, null]}]", "[{\"samples_ts\": 7}]"}) {
    EXPECT_THAT(find_rates({rule}, text), IsEmpty()) << text;
  }
}

TEST(TokensPerSecondRule, TakesTheLastFigureOfEachPhase) {
  const auto rates = find_rates({},
                                "Decode Tokens per second: 1.5\nx\n"
                                "Prefill Tokens per second: 133.52\n"
                                "Decode Tokens per second: 11.33\n");
  ASSERT_EQ(rates.size(), 2u);
  EXPECT_EQ(rates[0].phase, "prefill");
  EXPECT_THAT(rates[0].tokens_per_second, ElementsAre(133.52));
  EXPECT_EQ(rates[1].phase, "decode");
  EXPECT_THAT(rates[1].tokens_per_second, ElementsAre(11.33));
}

TEST(GivenRule, ReadsItsGroup) {
  const auto rates = find_rates({parse_rule_from_text("decode=Decode: ([0-9.]+) tok/s")},
                                "load 3 s\nDecode: 12.5 tok/s");
  ASSERT_EQ(rates.size(), 1u);
  EXPECT_EQ(rates[0].phase, "decode");
  EXPECT_THAT(rates[0].tokens_per_second, ElementsAre(12.5));
}

TEST(GivenRule, PassesOverWhatIsNoPositiveFigure) {
  const ParseRule rule = parse_rule_from_text("decode=rate (\\S+)");
  for (const char* text :
       {"rate nan", "rate inf", "rate 0", "rate -5", "rate 1.2.3", "rate x", "rate 1e999"}) {
    EXPECT_THAT(find_rates({rule}, text), IsEmpty()) << text;
  }
}

TEST(GivenRule, SurvivesVeryLongLines) {
  const ParseRule rule = parse_rule_from_text("decode=a*b(.*)c");
  EXPECT_THAT(find_rates({rule}, std::string(1u << 20, 'a')), IsEmpty());
}

TEST(GivenRule, SaysWhatIsWrongWithIt) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      parse_rule_from_text(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(error_of("llama-bunch"), HasSubstr("expected a rule (llama-bench"));
  EXPECT_THAT(error_of("speed=([0-9]+)"), HasSubstr("prefill=REGEX"));
  EXPECT_THAT(error_of("decode=([0-9]+"), HasSubstr("no regular expression"));
  EXPECT_THAT(error_of("decode=[0-9]+"), HasSubstr("parentheses"));
  EXPECT_THAT(error_of("decode=(a)(b)"), HasSubstr("parentheses"));
}

TEST(Rules, TogetherFindAllThatTheyFind) {
  const auto rates = find_rates(
      {parse_rule_from_text("prefill=p ([0-9]+)"), parse_rule_from_text("decode=d ([0-9]+)")},
      "p 5\nd 6\n");
  EXPECT_EQ(rates.size(), 2u);
}

}  // namespace
}  // namespace mb
