#include "reports/cli/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mb {
namespace {

using ::testing::HasSubstr;

TEST(ProgressText, SaysShareStepAndTimeToGo) {
  const std::string text = progress_text({0.5, 32.4, "attention_kv (5 of 9)", ""}, 100);
  EXPECT_EQ(text, "[############------------]  50 %  attention_kv (5 of 9)  33 s to go");
}

TEST(ProgressText, TheBarIsFullOnlyAtTheEnd) {
  EXPECT_THAT(progress_text({1, 0, "x", ""}, 100), HasSubstr("[########################] 100 %"));
  EXPECT_THAT(progress_text({0, 60, "x", ""}, 100), HasSubstr("[------------------------]   0 %"));
  EXPECT_THAT(progress_text({7, 0, "x", ""}, 100), HasSubstr("100 %"));
}

TEST(ProgressText, NeverWrapsANarrowTerminal) {
  EXPECT_EQ(progress_text({0.5, 32, "attention_kv (5 of 9)", ""}, 40).size(), 39u);
  EXPECT_FALSE(progress_text({0.5, 32, "attention_kv (5 of 9)", ""}, 0).empty());
}

}  // namespace
}  // namespace mb
