// The report: which parts stand on its page, and in which order.
#include <fmt/format.h>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/gnuplot.h"
#include "reports/render/html_heat.h"
#include "reports/render/html_page.h"
#include "reports/render/html_parts.h"
#include "reports/render/render.h"

namespace mb {
namespace {

std::vector<html::Part> make_parts(const html::Documents& documents) {
  return {
      {"machine", "The machine", "What this process may use comes first: it caps every count here.",
       html::machine(documents)},
      {"regimes", "Three regimes, here",
       "Which of three things a model waits for decides how many threads it can use.",
       html::regimes(documents)},
      {"scaling", "Scaling with threads",
       "Filled points are valid, hollow ones noisy, crosses invalid; upright bars and bands are "
       "intervals. The ring is the advised count.",
       html::figures(documents,
                     {"prefill", "decode", "by_prompt", "bandwidth_threads", "placement"})},
      {"memory", "Memory and caches", "",
       html::figures(documents, {"working_set", "latency", "loaded_latency", "shm"}) +
           html::node_tables(documents.results)},
      {"attention", "Attention", "", html::figures(documents, {"attention"})},
      {"dispatch", "Dispatch", "", html::dispatch(documents)},
      {"smt", "Hardware threads and counters",
       "What was compared, and what could not be measured on this machine and why.",
       html::smt_and_counters(documents)},
      {"rules", "Rules of thumb, judged",
       "What the usual rules would cost on this machine, against the advised counts.",
       html::rules(documents)},
      {"levers", "What would help",
       "Each change asked of the model, before and after, at the fastest measured thread counts.",
       html::levers(documents)},
      {"findings", "Findings", "", html::findings(documents)},
      {"engines", "Engine settings", "The advice in each engine's own words, ready to paste.",
       html::engines(documents)},
      {"evidence", "How each number was measured",
       "Every point with its interval, its verdict and all of its samples.",
       html::evidence(documents)},
      {"again", "Do it again", "", html::again(documents)},
  };
}

std::string footer(const Results& results) {
  return fmt::format(
      "<p>memory_benchmark {} ({}, {}) made this page from documents of {}. It loads nothing and "
      "sends nothing.</p>\n",
      html_escape(results.build.version), html_escape(results.build.compiler),
      html_escape(results.build.type), html_escape(results.created_utc));
}

}  // namespace

std::string render_html(const Results& results, const Recommendation& recommendation) {
  html::Documents documents{results, recommendation, make_charts(results, recommendation), {}};
  std::vector<const Chart*> shown;
  const ModelAdvice* lead = leading_model(recommendation);
  // Pictures for readers without scripts: the machine's charts and the leading model's; the other
  // models are in the tables.
  shown = charts_of_model(documents.charts, lead == nullptr ? "" : lead->model);
  const GnuplotRun pictures = gnuplot_svg(shown);
  documents.svg.resize(documents.charts.size());
  for (std::size_t i = 0; i < pictures.svg.size(); ++i) {
    documents.svg[static_cast<std::size_t>(shown[i] - documents.charts.data())] = pictures.svg[i];
  }
  const std::string machine_name = clip_text(results.machine.cpu_model, 120);
  return html::page_text(
      {"memory_benchmark: " + machine_name,
       fmt::format("{} · {} · {}", machine_name, format_cpu_budget(recommendation.limits),
                   results.created_utc),
       html::answer(documents), make_parts(documents), footer(results),
       html::charts_json(documents)});
}

}  // namespace mb
