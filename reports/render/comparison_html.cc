// The comparison's page, in the same clothes as a report's: the answer of the first model, charts,
// tables model by model, what makes it unfair, every point in common.
#include <fmt/format.h>

#include "reports/render/comparison.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/gnuplot.h"
#include "reports/render/html_page.h"
#include "reports/render/html_parts.h"

namespace mb {
namespace {

using html::Table;
using Cell = html::Table::Cell;

// More points than this would make the page heavy; the JSON has all.
constexpr std::size_t kMostFigures = 2000;

std::string warnings_markup(const Comparison& comparison) {
  std::string markup;
  for (const std::string& warning : comparison.warnings) {
    markup += "<li>" + html_escape(clip_text(warning, 1000)) + "</li>";
  }
  return markup.empty() ? "" : "<ul class=\"warnings\">" + markup + "</ul>\n";
}

std::string first_screen(const Comparison& comparison) {
  constexpr int kMostModels = 3;  // the tables have the others
  int shown = 0;
  std::string markup;
  for (const ModelComparison& model : comparison.models) {
    if (++shown > kMostModels) break;
    const char* head = markup.empty() ? "h1" : "h2";
    markup += fmt::format("<{0}>{1}</{0}>\n", head, html_escape(clip_text(model.title, 200))) +
              html::paragraph(clip_text(model.answer, 2000), "lead");
    if (comparison.models.size() > 3) break;  // the tables have the others
  }
  return markup;
}

std::string documents_table(const Comparison& comparison) {
  Table table("What is compared", {{"Document", Cell::kText},
                                   {"Machine", Cell::kWide},
                                   {"CPUs", Cell::kNumber},
                                   {"Figures are", Cell::kWide},
                                   {"Price an hour", Cell::kNumber},
                                   {"Measured", Cell::kText},
                                   {"Verdict", Cell::kText}});
  for (const ComparedDocument& one : comparison.documents) {
    table.row(
        {html_escape(one.name),
         html_escape(one.machine + (one.instance.empty() ? "" : ", " + one.instance)),
         one.cpus > 0 ? fmt::format("{}", one.cpus) : "not told",
         html_escape((one.kind == "sweep" ? "measured with " : "predicted for ") + one.engine),
         one.price_per_hour ? format_number(*one.price_per_hour) : "–",
         html_escape(one.created_utc),
         one.kind == "sweep" ? "as published" : html::verdict_mark(one.verdict)});
  }
  return table.text();
}

std::string model_table(const ModelComparison& model) {
  Table table(model.title, {{"Phase", Cell::kText},
                            {"Document", Cell::kText},
                            {"Threads", Cell::kNumber},
                            {"tokens/s", Cell::kNumber},
                            {"90 % interval", Cell::kNumber},
                            {"Standing", Cell::kText},
                            {"A million tokens cost", Cell::kNumber},
                            {"Prompt, cache", Cell::kText},
                            {"Limited by", Cell::kText}});
  for (const ComparedPhase& phase : model.phases) {
    for (const ComparedRate& rate : phase.rates) {
      const std::string lengths = fmt::format(
          "{}, {}", rate.prompt_tokens ? fmt::format("{:g}", *rate.prompt_tokens) : "not told",
          rate.context_tokens ? fmt::format("{:g}", *rate.context_tokens) : "not told");
      table.row({phase.phase, html_escape(rate.document),
                 rate.threads > 0 ? fmt::format("{}", rate.threads) : "not told",
                 format_rate(rate.tokens_per_second), format_rate_interval(rate.low, rate.high),
                 html_escape(standing_words(rate.standing)), compared_cost(rate), lengths,
                 html_escape(words_of(rate.limited_by))});
    }
  }
  std::string markup = table.empty() ? "" : table.text();
  for (const std::string& absent : model.absent) markup += html::paragraph(absent, "muted");
  return markup + html::paragraph(model.answer);
}

std::string figures_table(const Comparison& comparison) {
  std::string markup;
  for (const FigureCount& count : comparison.counts) {
    markup += html::paragraph(fmt::format(
        "{} points were measured both on {} and on {}: {} are better there, {} worse, {} not told "
        "apart by their 95 % intervals.",
        count.common, count.base, count.other, count.better, count.worse, count.not_told_apart));
    Table table("Points in common", {{"Point", Cell::kText},
                                     {count.base, Cell::kNumber},
                                     {count.other, Cell::kNumber},
                                     {"Ratio", Cell::kNumber},
                                     {"Standing", Cell::kText}});
    std::size_t rows = 0;
    for (const ComparedFigure& one : comparison.figures) {
      if (one.base != count.base || one.other != count.other || ++rows > kMostFigures) continue;
      const Unit unit = unit_from_string(one.unit);
      const auto cell = [&](double value, double low, double high) {
        return html_escape(format_quantity(value, unit)) + " <span class=\"muted\">(" +
               html_escape(format_interval(low, high, unit)) + ")</span>";
      };
      table.row({html_escape(one.point), cell(one.base_value, one.base_low, one.base_high),
                 cell(one.value, one.low, one.high), format_number(one.ratio),
                 html_escape(standing_words(one.standing))});
    }
    if (!table.empty()) {
      markup += "<details class=\"raw\"><summary>Every point in common</summary>" + table.text() +
                "</details>\n";
    }
  }
  return markup;
}

}  // namespace

std::string render_comparison_html(const Comparison& comparison) {
  const Results no_results;
  const Recommendation no_recommendation;
  html::Documents documents{no_results, no_recommendation, comparison_charts(comparison), {}};
  std::vector<const Chart*> shown;
  std::vector<std::string> ids;
  for (const Chart& chart : documents.charts) {
    shown.push_back(&chart);
    ids.push_back(chart.id);
  }
  documents.svg = gnuplot_svg(shown).svg;
  std::string models;
  for (const ModelComparison& model : comparison.models) models += model_table(model);
  std::string names;
  for (const ComparedDocument& one : comparison.documents) {
    names += (names.empty() ? "" : " · ") + clip_text(one.name, 60);
  }
  return html::page_text(
      {"memory_benchmark compare: " + names,
       names,
       first_screen(comparison) + warnings_markup(comparison),
       {{"charts-of-all", "Side by side", "", html::figures(documents, ids)},
        {"models", "Model by model",
         "Fastest first; two rates whose 90 % intervals overlap are not told apart.", models},
        {"documents", "The documents", "", documents_table(comparison)},
        {"points", "What was measured on both", "", figures_table(comparison)}},
       "<p>memory_benchmark made this page. It loads nothing and sends nothing.</p>\n",
       html::charts_json(documents)});
}

}  // namespace mb
