// Text made harmless: markup, script, plot commands, terminal control, broken UTF-8.
#include "reports/render/escape.h"

#include <gtest/gtest.h>

namespace mb {
namespace {

TEST(Escape, CleanTextHasNoControlsAndNoBrokenBytes) {
  EXPECT_EQ(clean_text("a\x1b[31mb"), "a\xEF\xBF\xBD[31mb");
  EXPECT_EQ(clean_text("two\nlines\tand a tab"), "two lines and a tab");
  EXPECT_EQ(clean_text("\xff"), "\xEF\xBF\xBD");
  EXPECT_EQ(clean_text("\xC2\x9B"), "\xEF\xBF\xBD") << "C1 controls are obeyed by some terminals";
  EXPECT_EQ(clean_text("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "cut in the middle";
  EXPECT_EQ(clean_text("\xED\xA0\x80").substr(0, 3), "\xEF\xBF\xBD") << "a surrogate";
  EXPECT_EQ(clean_text("µs – 日本 😀"), "µs – 日本 😀");
}

TEST(Escape, HtmlHasNoLiveMarkupInContentOrAttributes) {
  EXPECT_EQ(html_escape("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
  EXPECT_EQ(html_escape_lines("a<\nb"), "a&lt;\nb");
}

TEST(Escape, JsonInsideAScriptCannotEndIt) {
  const std::string safe = json_for_script("\"</script><!-- & \xE2\x80\xA8 \xE2\x80\xA9\"");
  EXPECT_EQ(safe, "\"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u2028 \\u2029\"");
}

TEST(Escape, GnuplotStringsAreSingleQuotedAndOnOneLine) {
  EXPECT_EQ(gnuplot_string("it's `date`\n\\n"), "'it''s `date` \\n'");
}

TEST(Escape, WidthsCountCharactersNotBytes) {
  EXPECT_EQ(pad_right("µs", 4), "µs  ");
  EXPECT_EQ(pad_left("µs", 4), "  µs");
  EXPECT_EQ(clip_text("日本語です", 3), "日本…");
  EXPECT_EQ(clip_text("abc", 3), "abc");
}

TEST(Escape, Base64FollowsTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("M"), "TQ==");
  EXPECT_EQ(base64("Ma"), "TWE=");
  EXPECT_EQ(base64("Man"), "TWFu");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace mb
