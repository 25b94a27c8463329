// What would help, on the terminal and on the page: the document's figures, absent ones as dashes.
#include "reports/render/levers.h"

#include <gmock/gmock.h>

#include "reports/render/render.h"

namespace mb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Recommendation with_levers() {
  Recommendation made;
  made.models.emplace_back();
  ModelAdvice& model = made.models.back();
  model.model = "m:q4_0";
  model.title = "A <model>, Q4_0";
  model.levers = {{"quantisation", "q2_k", "decode", 10, 17.25, 1.725, "1 GiB a token"},
                  {"numa", "", "decode", 10, {}, {}, "there is one memory node"}};
  model.speculation = {{"lookup", 3, 0, 0.1, 0.125, {{"0.6", 1.5}, {"0.8", 2.0}, {"1", 3.5}}},
                       {"draft:q4_0", 8, 2, 0.1, {}, {{"0.6", 0.25}}}};
  model.target = TargetGap{20, 10, 2, 60e9, {"batch 2 sequences"}, "10 tokens/s are expected."};
  Offload offload;
  offload.gpu_memory_bytes = 8LL << 30;
  offload.tokens_per_second_at_most = 31.5;
  offload.reason = "12 of 32 layers fit the GPU.";
  model.offload = offload;
  made.offload_rules = {{"m:q4_0", "A model", 8LL << 30, 1024, 32, 10, 15, 12, "holds", "12 fit"}};
  return made;
}

TEST(Levers, AreLinesOfFigures) {
  const std::string text = render_levers(with_levers());
  EXPECT_THAT(text, HasSubstr("1.73x      17.2  decode   Another quantisation: q2_k"));
  EXPECT_THAT(text, HasSubstr("there is one memory node"));
  EXPECT_THAT(text, HasSubstr("12.5 %    1.50x    2.00x    3.50x"));
  EXPECT_THAT(text, HasSubstr("never    0.25x"));
  EXPECT_THAT(text, HasSubstr("Target: 10 tokens/s"));
  EXPECT_THAT(text, HasSubstr("at most 31.5 tokens/s"));
  EXPECT_THAT(text, HasSubstr("the CPU alone cannot hold it"));
  EXPECT_THAT(text, HasSubstr("10-15"));
  EXPECT_EQ(render_levers(Recommendation{}), "");
}

TEST(Levers, AreASectionOfThePageWhereThereAreSome) {
  const std::string page = render_html(Results{}, with_levers());
  EXPECT_THAT(page, HasSubstr("id=\"levers\""));
  EXPECT_THAT(page, HasSubstr("Another quantisation"));
  EXPECT_THAT(page, HasSubstr("1.73x"));
  EXPECT_THAT(page, Not(HasSubstr("A <model>")));
  EXPECT_THAT(render_html(Results{}, Recommendation{}), Not(HasSubstr("id=\"levers\"")));
}

}  // namespace
}  // namespace mb
