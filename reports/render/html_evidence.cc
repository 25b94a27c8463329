// How each number was measured: every point with interval, verdict and samples, by probe; the steps
// of the campaign; the command to do it again.
#include <fmt/format.h>

#include <algorithm>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/html_parts.h"

namespace mb::html {
namespace {

using Cell = Table::Cell;

std::string samples_text(const Point& point) {
  // One unit for the row, so that samples can be compared down the list.
  const DisplayUnit unit = display_unit(point.unit, point.summary.median);
  std::vector<std::string> texts;
  for (const double sample : point.samples) texts.push_back(format_number(unit(sample)));
  return fmt::format(
      "<details><summary>{}</summary><div class=\"samples\">{} {}</div></details>",
      format_count(static_cast<std::int64_t>(point.samples.size()), "sample", "samples"),
      fmt::join(texts, " "), html_escape(unit.name));
}

std::string verdict_cell(const Point& point) {
  std::string cell = verdict_mark(point.verdict);
  const std::string reasons = format_reasons(point.verdict);
  if (!reasons.empty()) cell += " " + html_escape(reasons);
  if (point.modes) {
    cell += html_escape(fmt::format(" two states: {} and {}",
                                    format_quantity(point.modes->low, point.unit),
                                    format_quantity(point.modes->high, point.unit)));
  }
  return cell;
}

std::string details_cell(const Point& point) {
  std::string cell = samples_text(point);
  std::string notes;
  for (const auto& [key, value] : point.notes) {
    notes += fmt::format("{}{} {}", notes.empty() ? "" : ", ", key, value);
  }
  for (const auto& [key, value] : point.facts) {
    notes += fmt::format("{}{} {}", notes.empty() ? "" : ", ", key, format_number(value));
  }
  if (!notes.empty()) cell += "<span class=\"small muted\">" + html_escape(notes) + "</span>";
  return cell;
}

std::string probe_points(const Results& results, const std::string& probe) {
  Table table(probe, {{"Point", Cell::kText},
                      {"Median", Cell::kNumber},
                      {"95 % interval", Cell::kNumber},
                      {"Best", Cell::kNumber},
                      {"Verdict", Cell::kWide},
                      {"Samples", Cell::kWide}});
  int count = 0;
  for (const Point* point : results.of_probe(probe)) {
    const Summary& s = point->summary;
    std::string name = point->name;
    if (name.starts_with(probe + "/")) name.erase(0, probe.size() + 1);
    const bool any = s.count > 0;
    table.row({html_escape(name), any ? html_escape(format_quantity(s.median, point->unit)) : "–",
               any ? html_escape(format_interval(s.low, s.high, point->unit)) : "–",
               any ? html_escape(format_quantity(s.best, point->unit)) : "–", verdict_cell(*point),
               details_cell(*point)});
    ++count;
  }
  return fmt::format("<details class=\"raw\"><summary>{}: {}</summary>{}</details>\n",
                     html_escape(probe), format_count(count, "point", "points"), table.text());
}

std::string steps(const Results& results) {
  Table table("Steps of the run", {{"Probe", Cell::kText},
                                   {"Time", Cell::kNumber},
                                   {"Points", Cell::kNumber},
                                   {"Exit code", Cell::kNumber},
                                   {"Verdict", Cell::kWide}});
  for (const StepRecord& step : results.steps) {
    std::string verdict = verdict_mark(step.verdict);
    const std::string reasons = format_reasons(step.verdict);
    if (!reasons.empty()) verdict += " " + html_escape(reasons);
    table.row({html_escape(step.probe), format_seconds(step.seconds),
               fmt::format("{}", step.points), fmt::format("{}", step.exit_code), verdict});
  }
  return table.empty() ? ""
                       : "<details class=\"raw\"><summary>Steps of the run</summary>" +
                             table.text() + "</details>\n";
}

}  // namespace

std::string evidence(const Documents& documents) {
  const Results& results = documents.results;
  const Verdict& verdict = documents.recommendation.verdict;
  std::string markup = "<p>The measurements behind the advice are " + verdict_mark(verdict);
  const std::string reasons = format_reasons(verdict);
  markup += (reasons.empty() ? "" : ": " + html_escape(reasons)) + ".</p>\n";
  markup += paragraph(
      "A point is the median of its samples; the interval is that of the median (order "
      "statistics). "
      "GB/s is 1e9 bytes a second and counts the bytes that the operation names, MiB is 1,048,576 "
      "bytes. A point is noisy or invalid when the kernel reported steal, throttling, switches, "
      "migrations or clock drift while it was taken, or when its samples scatter.",
      "muted");
  std::vector<std::string> probes;
  for (const Point& point : results.points) {
    if (std::find(probes.begin(), probes.end(), point.probe) == probes.end()) {
      probes.push_back(point.probe);
    }
  }
  for (const std::string& probe : probes) markup += probe_points(results, probe);
  if (!results.calibrations.empty()) {
    Table table("Calibrations against an engine", {{"Engine", Cell::kText},
                                                   {"Model", Cell::kText},
                                                   {"Phase", Cell::kText},
                                                   {"Threads", Cell::kNumber},
                                                   {"Measured tokens/s", Cell::kNumber},
                                                   {"Predicted", Cell::kNumber},
                                                   {"Factor", Cell::kNumber}});
    for (const Calibration& one : results.calibrations) {
      table.row({html_escape(one.engine), html_escape(one.model), html_escape(one.phase),
                 fmt::format("{}", one.threads), format_rate(one.measured_tokens_per_second),
                 format_rate(one.predicted_tokens_per_second), format_number(one.factor)});
    }
    markup += table.text();
  }
  return markup + steps(results);
}

std::string again(const Documents& documents) {
  const Results& results = documents.results;
  std::string markup;
  if (results.state != "complete") {
    markup += paragraph("This run was " + results.state +
                        " before its end: what was measured until then is here.");
  }
  const std::string command = shell_line(results.command);
  if (!command.empty()) {
    markup += fmt::format(
        "<div class=\"paste\"><button class=\"copy\" type=\"button\">Copy</button><pre>{}</pre>"
        "</div>\n",
        html_escape_lines(command));
  }
  return markup;
}

}  // namespace mb::html
