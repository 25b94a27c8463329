// The one-screen summary: the answer leads, forty lines at most, no column past the terminal's
// edge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "reports/render/escape.h"
#include "reports/render/render.h"
#include "tests/reports/render/fixtures.h"
#include "tests/reports/render/fixtures_hostile.h"

namespace mb {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void expect_fits(const std::string& text, std::size_t columns) {
  const std::vector<std::string> lines = lines_of(text);
  EXPECT_LE(lines.size(), 40u);
  for (const std::string& line : lines) EXPECT_LE(text_columns(line), columns) << line;
}

TEST(Terminal, LeadsWithTheAnswer) {
  const fixture::Documents d = fixture::small_guest();
  const std::string text = render_terminal(d.results, d.recommendation, {});
  const std::vector<std::string> lines = lines_of(text);
  ASSERT_GE(lines.size(), 12u);
  EXPECT_EQ(lines[0], "Qwen3 4B, Q4_0");
  EXPECT_EQ(lines[1],
            "Prefill   2 threads: 50.2 tokens/s (45.2 to 54.2). A prompt is computed, not");
  EXPECT_THAT(text,
              HasSubstr("\nDecode    2 threads: 11.8 tokens/s (10.6 to 12.7). A token reads"));
  EXPECT_THAT(text, HasSubstr("\nMachine   2 of 2 CPUs usable (affinity), Fixture CPU"));
  EXPECT_THAT(text, HasSubstr("\nBarrier   95.0 ns spinning"));
  EXPECT_THAT(text, HasSubstr("needs 36.3 GiB of 22.5 GiB"));
}

TEST(Terminal, TheTableHoldsEveryModelsCountsAndRates) {
  const fixture::Documents d = fixture::smt_machine();
  const std::string text = render_terminal(d.results, d.recommendation, {});
  EXPECT_THAT(text, HasSubstr("Qwen3 4B, Q4_0               12      301     4     20.2  compute, "
                              "weights\n"));
}

TEST(Terminal, FitsTheScreenInWidthAndHeight) {
  for (const int columns : {60, 80, 120}) {
    for (const fixture::Documents& d :
         {fixture::small_guest(), fixture::smt_machine(), fixture::hostile()}) {
      expect_fits(render_terminal(d.results, d.recommendation, {.columns = columns}),
                  static_cast<std::size_t>(columns));
    }
  }
}

TEST(Terminal, ManyModelsAndFindingsAreCountedNotShown) {
  fixture::Documents d = fixture::small_guest();
  const ModelAdvice model = d.recommendation.models.front();
  d.recommendation.models.assign(50, model);
  d.recommendation.findings.assign(30, {"warning", "title", "evidence", "remedy"});
  const std::string text = render_terminal(d.results, d.recommendation, {});
  expect_fits(text, 80);
  EXPECT_THAT(text, HasSubstr("… and 36 more in the report"));
}

TEST(Terminal, ColourOnlyWhenAsked) {
  const fixture::Documents d = fixture::small_guest();
  EXPECT_THAT(render_terminal(d.results, d.recommendation, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render_terminal(d.results, d.recommendation, {.colour = true}), HasSubstr("\x1b[1m"));
}

TEST(Terminal, HostileNamesCannotControlTheTerminal) {
  const fixture::Documents d = fixture::hostile();
  const std::string text = render_terminal(d.results, d.recommendation, {});
  for (const char c : text) {
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
  }
}

TEST(Terminal, EmptyDocumentsGiveAClearWord) {
  const std::string text = render_terminal(Results{}, Recommendation{}, {});
  EXPECT_THAT(text, HasSubstr("No model to advise on."));
  expect_fits(text, 80);
}

}  // namespace
}  // namespace mb
