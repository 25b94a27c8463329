// The page without a browser: self-contained, under a policy, every text escaped, all parts there.
// tests/browser opens the same pages in Chromium.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "data/system/files.h"
#include "reports/render/html_parts.h"
#include "reports/render/render.h"
#include "tests/reports/render/fixtures.h"
#include "tests/reports/render/fixtures_hostile.h"

namespace mb {
namespace {

using testing::HasSubstr;
using testing::Not;

// The page's own markup: without the two scripts, which hold markup in strings and comments.
std::string markup_of(const std::string& page) {
  const std::size_t scripts = page.rfind("<script type=\"application/json\"");
  return page.substr(0, scripts);
}

nlohmann::json charts_of(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"charts\">";
  const std::size_t start = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(start, page.find("</script>", start) - start));
}

// What follows each ` name="` in the markup. (A std::regex overflows its stack on a whole page.)
std::vector<std::string> attribute_values(const std::string& markup, const std::string& name) {
  std::vector<std::string> values;
  const std::string start = " " + name + "=";
  for (std::size_t at = markup.find(start); at != std::string::npos;
       at = markup.find(start, at + 1)) {
    values.push_back(markup.substr(at + start.size(), 40));
  }
  return values;
}

TEST(Html, AsksNothingOfTheNetwork) {
  const fixture::Documents d = fixture::small_guest();
  const std::string markup = markup_of(render_html(d.results, d.recommendation));
  for (const char* name : {"src", "href", "action", "srcset", "data", "poster", "xlink:href"}) {
    for (const std::string& value : attribute_values(markup, name)) {
      EXPECT_TRUE(value.starts_with("\"data:") || value.starts_with("\"#")) << name << "=" << value;
    }
  }
  EXPECT_FALSE(attribute_values(markup, "href").empty());
  EXPECT_THAT(markup, Not(HasSubstr("url(")));
  EXPECT_THAT(markup, Not(HasSubstr("@import")));
  EXPECT_THAT(markup, Not(HasSubstr("http://")));
}

TEST(Html, AllowsOnlyItsOwnStyleAndScripts) {
  const fixture::Documents d = fixture::small_guest();
  const std::string page = render_html(d.results, d.recommendation);
  const std::string key = "http-equiv=\"Content-Security-Policy\" content=\"";
  const std::size_t start = page.find(key) + key.size();
  const std::string hash = "'sha256-[A-Za-z0-9+/]{43}='";
  EXPECT_TRUE(std::regex_match(
      page.substr(start, page.find('"', start) - start),
      std::regex("default-src 'none'; script-src " + hash + " " + hash + "; style-src " + hash +
                 "; img-src data:; base-uri 'none'; form-action 'none'")));
  const std::string markup = markup_of(page);
  for (const char* blocked : {"style", "onload", "onclick", "onerror", "onchange"}) {
    EXPECT_TRUE(attribute_values(markup, blocked).empty()) << blocked;
  }
}

TEST(Html, TheInstanceIsNamedWithWhatIsKnownOfIt) {
  fixture::Documents d = fixture::small_guest();
  EXPECT_THAT(markup_of(render_html(d.results, d.recommendation)), Not(HasSubstr(">Instance<")));
  d.results.machine.cloud_label = "m7a.large";
  EXPECT_THAT(markup_of(render_html(d.results, d.recommendation)), HasSubstr("m7a.large<"));
  d.results.machine.cloud_life_cycle = "<spot>";
  d.results.machine.cloud_zone = "eu-central-1a";
  EXPECT_THAT(markup_of(render_html(d.results, d.recommendation)),
              HasSubstr("m7a.large, &lt;spot&gt;, eu-central-1a<"));
}

TEST(Html, PartsComeInReadingOrder) {
  const fixture::Documents d = fixture::smt_machine();
  const std::string page = render_html(d.results, d.recommendation);
  std::size_t last = 0;
  for (const char* id : {"answer", "machine", "regimes", "scaling", "memory", "attention",
                         "dispatch", "smt", "rules", "findings", "engines", "evidence", "again"}) {
    const std::size_t at = page.find(std::string(" id=\"") + id + "\"");
    ASSERT_NE(at, std::string::npos) << id;
    EXPECT_GT(at, last) << id;
    last = at;
  }
}

TEST(Html, ChartDataAreTheDocumentsFigures) {
  const fixture::Documents d = fixture::small_guest();
  const nlohmann::json charts = charts_of(render_html(d.results, d.recommendation));
  const std::vector<Chart> expected = make_charts(d.results, d.recommendation);
  ASSERT_EQ(charts.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(charts[i]["id"], expected[i].id);
    for (std::size_t s = 0; s < expected[i].series.size(); ++s) {
      const auto& points = expected[i].series[s].points;
      ASSERT_EQ(charts[i]["series"][s]["points"].size(), points.size());
      for (std::size_t p = 0; p < points.size(); ++p) {
        EXPECT_EQ(charts[i]["series"][s]["points"][p]["x"].get<double>(), points[p].x);
        EXPECT_EQ(charts[i]["series"][s]["points"][p]["y"].get<double>(), points[p].y);
      }
    }
  }
}

TEST(Html, EveryChartHasATableAndEverySampleIsThere) {
  const fixture::Documents d = fixture::small_guest();
  const std::string page = render_html(d.results, d.recommendation);
  for (const char* id :
       {"prefill", "decode", "bandwidth_threads", "working_set", "attention", "dispatch", "shm"}) {
    const std::size_t figure = page.find(std::string("id=\"chart-") + id + "\"");
    ASSERT_NE(figure, std::string::npos) << id;
    const std::string part = page.substr(figure, page.find("</figure>", figure) - figure);
    EXPECT_THAT(part, HasSubstr("<canvas")) << id;
    EXPECT_THAT(part, HasSubstr("<noscript>")) << id;
    EXPECT_THAT(part, HasSubstr("<caption>")) << id;
  }
  for (const Point& point : d.results.points) {
    EXPECT_THAT(page, HasSubstr(point.name.substr(point.probe.size() + 1)));
  }
  EXPECT_THAT(page, HasSubstr("9 samples"));
}

TEST(Html, SaysWhatCouldNotBeMeasuredAndWhy) {
  const fixture::Documents d = fixture::small_guest();
  const std::string page = render_html(d.results, d.recommendation);
  EXPECT_THAT(page, HasSubstr("no counter can be opened in this guest"));
  EXPECT_THAT(page, HasSubstr("every core shows one PU"));
  EXPECT_THAT(page, HasSubstr("Hardware counters do not count here"));
}

TEST(Html, HostileNamesStayText) {
  const fixture::Documents d = fixture::hostile();
  const std::string page = render_html(d.results, d.recommendation);
  EXPECT_THAT(page, Not(HasSubstr("<script>window.harm")));
  EXPECT_THAT(page, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(page, Not(HasSubstr("\x01")));
  EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;script&gt;window.harm=1"));
  EXPECT_THAT(page, HasSubstr("{{policy}}")) << "a slot's text is never filled again";
  EXPECT_NO_THROW(charts_of(page));
}

// The stored documents are the fixtures; written by: render_pages FOLDER (tests/browser).
TEST(Html, APageFromStoredDocumentsIsTheSame) {
  const std::filesystem::path golden = std::filesystem::path(SOURCE_DIR) / "data/golden";
  for (const auto& [name, d] : {std::pair("render-small", fixture::small_guest()),
                                std::pair("render-smt", fixture::smt_machine())}) {
    const std::string results = std::string(name) + "-results.json";
    const std::string advice = std::string(name) + "-recommendation.json";
    EXPECT_EQ(render_html(results_from_json_text(read_file(golden / results), results),
                          recommendation_from_json_text(read_file(golden / advice), advice)),
              render_html(d.results, d.recommendation))
        << name;
  }
}

TEST(Html, EmptyDocumentsMakeAPage) {
  const std::string page = render_html(Results{}, Recommendation{});
  EXPECT_THAT(page, HasSubstr("No advice"));
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST(Html, HardwareThreadsAreJudgedByKindOfWork) {
  fixture::Documents d = fixture::smt_machine();
  const Point* point = d.results.of_probe("smt_interference").front();
  SmtComparison comparison;
  comparison.work = point->parameters.text_or("operation", "");
  comparison.cores = static_cast<int>(point->parameters.number_or("cores", 0));
  comparison.gain = 0.21;
  comparison.low = 0.18;
  comparison.high = 0.24;
  comparison.verdict = "helps";
  d.recommendation.smt = {comparison};
  d.recommendation.kv_pressure = {{"qwen3-4b:q4_0", 13, 1024, 1 << 20, 1 << 19, 2}};
  const std::string markup = html::smt_and_counters({d.results, d.recommendation, {}, {}});
  EXPECT_THAT(markup, HasSubstr("+21 % (+18 % to +24 %)"));
  EXPECT_THAT(markup, HasSubstr("helps"));
  EXPECT_THAT(markup, HasSubstr("against its part of the L2"));
  EXPECT_THAT(markup, HasSubstr("512 KiB"));
}

TEST(Html, CountersOfTheStepsAreShownWhereThereAreAny) {
  fixture::Documents d = fixture::smt_machine();
  const auto markup = [&] { return html::smt_and_counters({d.results, d.recommendation, {}, {}}); };
  Point step = d.results.points.front();
  step.probe = "decode_scaling";
  step.parameters = {{"operation", "step"}, {"model", "qwen3-4b:q4_0"}, {"threads", 12}};
  d.results.points.push_back(step);
  EXPECT_THAT(markup(), Not(HasSubstr("instructions a cycle")));
  Point& counted = d.results.points.back();
  counted.counters.values = {{"PAPI_TOT_INS", 3000}, {"PAPI_TOT_CYC", 2000}};
  derive(counted.counters);
  EXPECT_THAT(markup(), HasSubstr("1.50 instructions a cycle"));
  d.results.machine.counter_truth = {{"PAPI_TOT_INS",
                                      "instructions",
                                      "base",
                                      "unavailable",
                                      {},
                                      {},
                                      "no <PMU>",
                                      "use bare metal"}};
  EXPECT_THAT(markup(), HasSubstr("no &lt;PMU&gt;; use bare metal"));
}

TEST(Html, AMachineWithoutHardwareThreadsSaysSo) {
  const fixture::Documents d = fixture::small_guest();
  EXPECT_THAT(html::smt_and_counters({d.results, d.recommendation, {}, {}}),
              HasSubstr("no hardware threads to compare here"));
}

TEST(Html, StartedThreadsHaveTheirCostByTheLengthOfTheStep) {
  fixture::Documents d = fixture::small_guest();
  const auto markup = [&] { return html::dispatch({d.results, d.recommendation, {}}); };
  EXPECT_THAT(markup(), Not(HasSubstr("started anew")));
  Point point;
  point.probe = "dispatch_overhead";
  point.unit = Unit::kSeconds;
  point.parameters =
      Parameters{{"operation", "step"}, {"sync", "thread_create"}, {"work_ms", 20}, {"threads", 2}};
  point.name = point.parameters.name(point.probe);
  point.samples = {0.023, 0.024, 0.031};  // 26 in the mean
  point.summary = summarise(point.samples, point.unit);
  point.facts["work_seconds"] = 0.020;
  d.results.points.push_back(point);
  EXPECT_THAT(markup(), HasSubstr("started anew"));
  EXPECT_THAT(markup(), HasSubstr("20.0 ms"));
  EXPECT_THAT(markup(), HasSubstr("6.00 ms"));
}

TEST(Html, HandOffsBetweenCpusAreAMatrix) {
  fixture::Documents d = fixture::small_guest();
  Point point;
  point.probe = "core_to_core";
  point.unit = Unit::kSeconds;
  point.parameters =
      Parameters{{"operation", "handoff"}, {"from_pu", 3}, {"to_pu", 7}, {"threads", 2}};
  point.name = point.parameters.name(point.probe);
  point.samples = {74e-9, 74e-9, 74e-9};
  point.summary = summarise(point.samples, point.unit);
  d.results.points.push_back(point);
  const std::string markup = html::dispatch({d.results, d.recommendation, {}});
  EXPECT_THAT(markup, HasSubstr("CPU 3"));
  EXPECT_THAT(markup, HasSubstr("CPU 7"));
  EXPECT_THAT(markup, HasSubstr("74.0 ns"));
  d.results.points.pop_back();
  EXPECT_THAT(html::dispatch({d.results, d.recommendation, {}}), Not(HasSubstr("CPU 3")));
}

}  // namespace
}  // namespace mb
