// Puts the parts into page/page.html. The page asks nothing of the network: its policy allows only
// its own style and its two scripts, each by the hash that was taken when they were embedded.
#include <fmt/format.h>

#include <string_view>

#include "data/error.h"
#include "embedded/embedded_page.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/gnuplot.h"
#include "reports/render/html_heat.h"
#include "reports/render/html_parts.h"
#include "reports/render/render.h"

namespace mb {
namespace {

const EmbeddedFile& asset(std::string_view name) {
  for (const EmbeddedFile& file : embedded_page()) {
    if (file.name == name) return file;
  }
  throw Error(ErrorCode::kFailure, fmt::format("the program was built without {}", name));
}

// Content-Security-Policy wants the digest in base64, CMake gives it in hexadecimal.
std::string policy_hash(const EmbeddedFile& file) {
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string digest;
  for (std::size_t i = 0; i + 1 < file.sha256_hex.size(); i += 2) {
    digest += static_cast<char>(nibble(file.sha256_hex[i]) << 4 | nibble(file.sha256_hex[i + 1]));
  }
  return "'sha256-" + base64(digest) + "'";
}

std::string policy() {
  return fmt::format(
      "default-src 'none'; script-src {} {}; style-src {}; img-src data:; base-uri 'none'; "
      "form-action 'none'",
      policy_hash(asset("chart.min.js")), policy_hash(asset("page.js")),
      policy_hash(asset("page.css")));
}

struct Part {
  std::string id, title, lead, markup;
};

std::vector<Part> make_parts(const html::Documents& documents) {
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
  std::string licence = "Chart.js is embedded under its own licence.";
  return fmt::format(
      "<p>memory_benchmark {} ({}, {}) made this page from documents of {}. It loads nothing and "
      "sends nothing.</p>\n<details><summary>{}</summary><pre>{}</pre></details>",
      html_escape(results.build.version), html_escape(results.build.compiler),
      html_escape(results.build.type), html_escape(results.created_utc), licence,
      html_escape_lines(asset("copyright").content));
}

// Fills {{slots}} in one pass: what is put in is never searched for slots again.
std::string fill(std::string_view page,
                 const std::map<std::string, std::string, std::less<>>& slots) {
  std::string text;
  while (true) {
    const std::size_t open = page.find("{{");
    text += page.substr(0, open);
    if (open == std::string_view::npos) return text;
    const std::size_t close = page.find("}}", open);
    const std::string_view name = page.substr(open + 2, close - open - 2);
    const auto slot = slots.find(name);
    text += slot == slots.end() ? std::string(asset(name).content) : slot->second;
    page.remove_prefix(close + 2);
  }
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
  std::string sections, contents;
  for (const Part& part : make_parts(documents)) {
    if (part.markup.empty()) continue;
    contents += fmt::format("<li><a href=\"#{}\">{}</a></li>", part.id, part.title);
    sections += fmt::format(
        "<section class=\"part\" id=\"{}\"><h2>{}</h2>\n{}{}</section>\n", part.id, part.title,
        part.lead.empty() ? "" : html::paragraph(part.lead, "lead"), part.markup);
  }
  const std::string machine_name = clip_text(results.machine.cpu_model, 120);
  return fill(asset("page.html").content,
              {{"policy", policy()},
               {"title", html_escape("memory_benchmark: " + machine_name)},
               {"masthead", html_escape(fmt::format("{} · {} · {}", machine_name,
                                                    format_cpu_budget(recommendation.limits),
                                                    results.created_utc))},
               {"answer", html::answer(documents)},
               {"contents", "<ul>" + contents + "</ul>"},
               {"sections", sections},
               {"footer", footer(results)},
               {"charts", html::charts_json(documents)}});
}

}  // namespace mb
