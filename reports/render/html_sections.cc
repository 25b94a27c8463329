// What the machine is, which regime binds, dispatch, rules, findings, engines.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "reports/render/chart_parts.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/headline.h"
#include "reports/render/html_heat.h"
#include "reports/render/html_parts.h"
#include "reports/render/settings.h"

namespace mb::html {
namespace {

using Cell = Table::Cell;

std::string fact(std::string_view name, std::string_view value) {
  if (value.empty()) return "";
  return fmt::format("<li><span>{}</span> {}</li>\n", name, html_escape(value));
}

std::string joined(const std::vector<std::string>& words, std::string_view by) {
  return fmt::format("{}", fmt::join(words, by));
}

std::string caches_text(const Machine& machine) {
  std::vector<std::string> levels;
  for (const Cache& cache : machine.caches) {
    levels.push_back(fmt::format("L{} {} × {}", cache.level,
                                 format_bytes(static_cast<double>(cache.bytes)), cache.instances));
  }
  return joined(levels, ", ");
}

std::string memory_text(const Limits& limits) {
  std::string text = fmt::format("{} to plan with, of {}",
                                 format_bytes(static_cast<double>(limits.memory_budget_bytes)),
                                 format_bytes(static_cast<double>(limits.memory_total_bytes)));
  if (limits.memory_limit_bytes) {
    text += fmt::format("; cgroup leaves {}",
                        format_bytes(static_cast<double>(*limits.memory_limit_bytes)));
  }
  return text;
}

std::string budget_details(const Limits& limits) {
  std::vector<std::string> parts{
      format_count(limits.installed_cpus, "CPU is online", "CPUs are online"),
      fmt::format("affinity and cpuset allow {}", limits.affinity_cpus)};
  if (limits.quota_cpus) {
    parts.push_back(fmt::format("{} grants the time of {}", limits.quota_source,
                                format_number(*limits.quota_cpus)));
  } else {
    parts.push_back("no CPU quota is set");
  }
  return joined(parts, ", ") + ".";
}

std::string cores_text(const Machine& machine) {
  std::string text = format_count(machine.usable_cores(), "core", "cores") +
                     (machine.has_smt() ? fmt::format(", {} hardware threads", machine.usable_pus())
                                        : ", one hardware thread each");
  text += ", " + format_count(machine.usable_l3_domains(), "L3 domain", "L3 domains");
  text += ", " + format_count(machine.usable_packages(), "package", "packages");
  return text;
}

// Names of the models whose phase is in that regime.
std::string models_in(const Recommendation& recommendation, std::string_view regime) {
  std::vector<std::string> names;
  std::size_t fitting = 0;
  for (const ModelAdvice& model : recommendation.models) {
    if (!model.fits) continue;
    ++fitting;
    if (model.prefill.expected.regime == regime || model.decode.expected.regime == regime) {
      names.push_back(model.title);
    }
  }
  if (names.empty()) return "None of the models is here with this prompt.";
  if (names.size() == fitting) return "Here: every model that fits.";
  return "Here: " + joined(names, "; ") + ".";
}

std::string value_of(const Point& point) {
  return fmt::format("<b>{}</b> with {}",
                     html_escape(format_quantity(point.summary.median, point.unit)),
                     format_count(threads_of(point), "thread", "threads"));
}

std::string regime_card(std::string_view title, std::string_view what, const std::string& figure,
                        const std::string& models) {
  return fmt::format("<div class=\"card\"><h3>{}</h3><p>{}</p>{}<p class=\"muted\">{}</p></div>\n",
                     title, what, figure.empty() ? "" : "<p>" + figure + "</p>",
                     html_escape(models));
}

std::string engine_card(const EngineSettings& settings) {
  std::string markup = fmt::format("<div><h3>{}</h3>", html_escape(clip_text(settings.title, 120)));
  const std::string text = settings_text(settings);
  if (!settings.file_name.empty()) {
    markup += fmt::format("<p class=\"small muted\">File <code>{}</code></p>",
                          html_escape(settings.file_name));
  }
  markup += fmt::format(
      "<div class=\"paste\"><button class=\"copy\" "
      "type=\"button\">Copy</button><pre>{}</pre></div>",
      html_escape_lines(text));
  if (!settings.notes.empty()) {
    markup += "<ul>";
    for (const std::string& note : settings.notes) markup += "<li>" + html_escape(note) + "</li>";
    markup += "</ul>";
  }
  return markup + "</div>\n";
}

// What engines that start their threads anew for every step pay for it (dispatch_overhead/step).
std::string start_table(const Results& results) {
  Table table("Threads started anew for every step: what a step takes longer, in the mean",
              {{"Work of the step", Cell::kNumber},
               {"Threads", Cell::kNumber},
               {"Longer by", Cell::kNumber}});
  for (const Point* point : results.of_probe("dispatch_overhead")) {
    const auto work = point->facts.find("work_seconds");
    if (!usable(*point) || work == point->facts.end() || point->samples.empty()) continue;
    const double mean = std::reduce(point->samples.begin(), point->samples.end()) /
                        static_cast<double>(point->samples.size());
    table.row({html_escape(format_quantity(work->second, point->unit)),
               fmt::format("{}", threads_of(*point)),
               html_escape(format_quantity(std::max(mean - work->second, 0.0), point->unit)) +
                   verdict_mark(point->verdict)});
  }
  return table.empty() ? "" : table.text();
}

}  // namespace

std::string dispatch(const Documents& documents) {
  return figures(documents, {"dispatch"}) + handoff_table(documents.results) +
         start_table(documents.results);
}

std::string machine(const Documents& documents) {
  const Machine& machine = documents.results.machine;
  const Limits& limits = documents.recommendation.limits;
  std::string markup = paragraph(format_cpu_budget(limits), "budget");
  markup += paragraph(budget_details(limits), "muted");
  markup += "<ul class=\"facts\">\n";
  markup += fact("Processor", machine.cpu_model) + fact("Cores", cores_text(machine));
  markup += fact("Caches, as reported", caches_text(machine));
  markup += fact("Memory", memory_text(limits));
  markup += fact("NUMA", format_count(machine.usable_numa_nodes(), "node", "nodes"));
  if (limits.shm_free_bytes && limits.shm_total_bytes) {
    markup +=
        fact("/dev/shm",
             fmt::format("{} free of {}", format_bytes(static_cast<double>(*limits.shm_free_bytes)),
                         format_bytes(static_cast<double>(*limits.shm_total_bytes))));
  }
  markup +=
      fact("Instructions", joined(machine.cpu_features, ", ") +
                               (documents.results.build.isa_chosen.empty()
                                    ? ""
                                    : "; kernels run as " + documents.results.build.isa_chosen));
  markup +=
      fact("System", machine.os + (machine.kernel.empty() ? "" : ", Linux " + machine.kernel));
  markup += fact("Runs under", machine.hypervisor.value_or("no hypervisor seen"));
  markup += fact("Instance", format_instance(machine));
  markup += fact("Huge pages",
                 "transparent: " + machine.thp_mode + "; shared memory: " + machine.shmem_thp_mode);
  markup += fact("Governor", machine.governor.value_or("not visible"));
  markup += fact("Microcode", machine.microcode.value_or("not visible"));
  return markup + "</ul>\n";
}

std::string regimes(const Documents& documents) {
  const Recommendation& recommendation = documents.recommendation;
  const Headline line = headline(documents.results);
  std::string memory;
  const Point* one = line.read_one != nullptr ? line.read_one : line.read_one_4k;
  const Point* all = line.read_one != nullptr ? line.read_all : line.read_all_4k;
  if (one != nullptr) memory = "Memory is read at " + value_of(*one);
  if (one != nullptr && all != nullptr && all != one) memory += ", " + value_of(*all);
  if (!memory.empty()) memory += ".";
  std::string barrier;
  if (line.spin != nullptr) barrier = "One barrier costs " + value_of(*line.spin) + " that spin";
  if (line.futex != nullptr) {
    barrier +=
        (barrier.empty() ? "One barrier costs " : ", ") + value_of(*line.futex) + " that sleep";
  }
  if (!barrier.empty()) barrier += ".";
  return "<div class=\"three\">\n" +
         regime_card(
             "Streaming prefill",
             "A long prompt is computed: each weight that is read serves many rows, so "
             "arithmetic decides, and cores count more than hardware threads.",
             line.matmul == nullptr ? "" : "Matrix products reach " + value_of(*line.matmul) + ".",
             models_in(recommendation, kStreamingPrefill)) +
         regime_card("Dispatch-bound prefill",
                     "Few new rows, often on a warm cache: a hundred small operations, each ended "
                     "by a barrier. More threads make every barrier dearer.",
                     barrier, models_in(recommendation, kDispatchBoundPrefill)) +
         regime_card("Memory-bound decode",
                     "Each token reads all active weights once: memory bandwidth decides, and the "
                     "threads that saturate it are enough.",
                     memory, models_in(recommendation, kMemoryBoundDecode)) +
         "</div>\n" +
         figures(documents, {"shares", "timeline", "roofline_prefill", "roofline_decode"});
}

std::string rules(const Documents& documents) {
  std::string markup;
  const auto& models = documents.recommendation.models;
  for (std::size_t i = 0; i < models.size(); ++i) {
    Table table(clip_text(models[i].title, 120), {{"Rule", Cell::kText},
                                                  {"Prefill threads", Cell::kNumber},
                                                  {"against advice", Cell::kNumber},
                                                  {"Decode threads", Cell::kNumber},
                                                  {"against advice", Cell::kNumber}});
    for (const RuleJudgement& rule : models[i].rules) {
      const std::string note = rule.note.empty() ? "" : fmt::format(" ({})", rule.note);
      table.row({html_escape(rule.rule + note), fmt::format("{}", rule.prefill_threads),
                 format_loss(rule.prefill_loss), fmt::format("{}", rule.decode_threads),
                 format_loss(rule.decode_loss)});
    }
    if (!table.empty()) markup += fmt::format("<div data-model=\"{}\">{}</div>", i, table.text());
  }
  return markup;
}

std::string findings(const Documents& documents) {
  std::string markup;
  for (const Finding& finding : documents.recommendation.findings) {
    markup +=
        fmt::format("<div class=\"finding {}\"><h3>{}</h3>",
                    finding.severity == "warning" ? "warning" : "info", html_escape(finding.title));
    if (!finding.evidence.empty()) markup += paragraph(finding.evidence);
    if (!finding.cause.empty()) markup += paragraph(finding.cause);
    if (!finding.remedy.empty()) markup += paragraph(finding.remedy, "muted");
    markup += "</div>\n";
  }
  return markup;
}

std::string engines(const Documents& documents) {
  std::string markup;
  const auto& models = documents.recommendation.models;
  const ModelAdvice* lead = leading_model(documents.recommendation);
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (models[i].engines.empty()) continue;
    std::string cards;
    for (const EngineSettings& settings : models[i].engines) cards += engine_card(settings);
    markup += fmt::format(
        "<details data-model=\"{}\"{}><summary>{}</summary><div class=\"settings\">{}</div>"
        "</details>\n",
        i, &models[i] == lead ? " open" : "", html_escape(clip_text(models[i].title, 120)), cards);
  }
  return markup;
}

}  // namespace mb::html
