// Hardware threads and counters: what second threads do to each kind of work, steps and counters
// through the SMT region, keys and values against the L2, clock and peak, and which counters count.
#include <fmt/format.h>

#include <map>
#include <set>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/headline.h"
#include "reports/render/html_parts.h"

namespace mb::html {
namespace {

using Cell = Table::Cell;

std::string cell_of(const Point* point) {
  if (point == nullptr || point->summary.count == 0) return "–";
  std::string text = html_escape(format_quantity(point->summary.median, point->unit));
  if (point->verdict.validity != Validity::kValid) text += " " + verdict_mark(point->verdict);
  return text;
}

std::string percent(double share) { return fmt::format("{:+.0f} %", 100 * share); }

std::string smt_table(const Documents& documents) {
  // One row per operation and core count, one column per number of threads a core.
  std::map<std::pair<std::string, std::int64_t>, std::map<std::int64_t, const Point*>> rows;
  for (const Point* point : documents.results.of_probe("smt_interference")) {
    const Parameters& p = point->parameters;
    rows[{p.text_or("operation", ""), p.number_or("cores", 0)}]
        [p.number_or("threads_per_core", 1)] = point;
  }
  Table table("The same cores with one and with two hardware threads each",
              {{"Work", Cell::kText},
               {"Cores", Cell::kNumber},
               {"1 thread a core", Cell::kNumber},
               {"2 threads a core", Cell::kNumber},
               {"Gain of the rate", Cell::kNumber},
               {"Second threads", Cell::kText}});
  for (const auto& [key, points] : rows) {
    const auto cell = [&points = points](std::int64_t per_core) {
      const auto point = points.find(per_core);
      return cell_of(point == points.end() ? nullptr : point->second);
    };
    std::string gain = "–", verdict = "–";
    for (const SmtComparison& comparison : documents.recommendation.smt) {
      if (comparison.work != key.first || comparison.cores != key.second) continue;
      gain = fmt::format("{} ({} to {})", percent(comparison.gain), percent(comparison.low),
                         percent(comparison.high));
      verdict = words_of(comparison.verdict);
    }
    table.row({html_escape(words_of(key.first)), fmt::format("{}", key.second), cell(1), cell(2),
               gain, html_escape(verdict)});
  }
  return table.empty() ? "" : table.text();
}

std::string pressure_table(const Documents& documents) {
  Table table("Keys and values that one thread streams of a layer, against its part of the L2",
              {{"Threads", Cell::kText},
               {"Positions", Cell::kNumber},
               {"KV a thread", Cell::kNumber},
               {"L2 a thread", Cell::kNumber},
               {"Ratio", Cell::kNumber}});
  for (const KvPressure& pressure : documents.recommendation.kv_pressure) {
    table.row({fmt::format("{}", pressure.threads), fmt::format("{}", pressure.positions),
               format_bytes(pressure.kv_bytes_per_thread),
               format_bytes(pressure.l2_bytes_per_thread), format_number(pressure.ratio)});
  }
  return table.empty() ? "" : table.text();
}

// Counters of a point in a cell: "IPC 1.8, L2 misses 4.1 per 1000 instructions".
std::string counters_of(const Point& point) {
  std::string text;
  for (const auto& [name, words] : {std::pair("instructions_per_cycle", "instructions a cycle"),
                                    std::pair("L1_misses_per_kilo_instruction", "L1 misses"),
                                    std::pair("L2_misses_per_kilo_instruction", "L2 misses"),
                                    std::pair("L3_misses_per_kilo_instruction", "L3 misses"),
                                    std::pair("stalled_share", "of cycles stalled"),
                                    std::pair("bytes_per_cycle", "bytes a cycle")}) {
    const auto found = point.counters.derived.find(name);
    if (found == point.counters.derived.end()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", format_number(found->second), words);
  }
  return text;
}

// Steps by thread count, through the counts where cores first take a second thread.
std::string region_table(const Results& results) {
  struct Row {
    const Point *prefill = nullptr, *decode = nullptr;
  };
  std::map<std::int64_t, Row> rows;
  bool counted = false;
  for (const Point& point : results.points) {
    const bool prefill = point.probe == "prefill_scaling";
    if ((!prefill && point.probe != "decode_scaling") || point.parameters.has("sustain_seconds")) {
      continue;
    }
    Row& row = rows[point.parameters.number_or("threads", 1)];
    const Point*& kept = prefill ? row.prefill : row.decode;
    if (kept == nullptr) kept = &point;  // the first model's
    counted = counted || !point.counters.derived.empty();
  }
  std::vector<std::pair<std::string, Cell>> columns{
      {"Threads", Cell::kText}, {"Prefill step", Cell::kNumber}, {"Decode step", Cell::kNumber}};
  if (counted) {
    columns.emplace_back("Counters of prefill (misses by 1000 instructions)", Cell::kWide);
    columns.emplace_back("Counters of decode", Cell::kWide);
  }
  Table table(fmt::format("Measured chains of the first model by threads; {} usable",
                          format_count(results.machine.usable_cores(), "core", "cores")),
              columns);
  for (const auto& [threads, row] : rows) {
    std::vector<std::string> cells{fmt::format("{}", threads), cell_of(row.prefill),
                                   cell_of(row.decode)};
    if (counted) {
      for (const Point* point : {row.prefill, row.decode}) {
        cells.push_back(point == nullptr ? "–" : html_escape(counters_of(*point)));
      }
    }
    table.row(cells);
  }
  return table.empty() ? "" : table.text();
}

// "oneDNN" of "oneDNN 2.6.3".
std::string library_of(const Point& point) {
  const auto named = point.notes.find("library");
  return named == point.notes.end() ? "oneDNN" : named->second.substr(0, named->second.find(' '));
}

std::string clock_and_peak(const Results& results) {
  Table table("Clock and peak arithmetic",
              {{"What", Cell::kText}, {"Threads", Cell::kNumber}, {"Median", Cell::kNumber}});
  for (const Point& point : results.points) {
    const Parameters& p = point.parameters;
    std::string what;
    if (point.probe == "clock") {
      const std::int64_t bits = p.number_or("vector_bits", 0);
      what = bits == 0 ? "Clock, scalar work" : fmt::format("Clock beside {}-bit vectors", bits);
    } else if (point.probe == "peak_compute") {
      what = fmt::format(
          "Peak {}, {}", p.text_or("type", ""),
          p.text_or("operation", "") == "onednn" ? library_of(point) : "registers only");
      if (p.has("rows")) what += fmt::format(", {} rows", p.number_or("rows", 0));
    } else {
      continue;
    }
    table.row({html_escape(what), fmt::format("{}", threads_of(point)), cell_of(&point)});
  }
  return table.empty() ? "" : table.text();
}

std::string truth_table(const Machine& machine) {
  Table table("Counters that were wanted, and what came of them",
              {{"Event", Cell::kText},
               {"What", Cell::kText},
               {"State", Cell::kText},
               {"Counted", Cell::kNumber},
               {"Expected", Cell::kNumber},
               {"Why, and what to do", Cell::kWide}});
  const auto figure = [](const std::optional<std::int64_t>& value) {
    return value ? fmt::format("{}", *value) : std::string("–");
  };
  for (const CounterTruth& row : machine.counter_truth) {
    const std::string why =
        row.cause.empty() ? "" : row.cause + (row.remedy.empty() ? "" : "; " + row.remedy);
    table.row({html_escape(row.event), html_escape(row.what), html_escape(row.state),
               figure(row.counted), figure(row.expected), html_escape(why)});
  }
  if (table.empty()) return "";
  return "<details><summary>Which counters count here, event by event</summary>" + table.text() +
         "</details>\n";
}

}  // namespace

std::string smt_and_counters(const Documents& documents) {
  const Results& results = documents.results;
  std::string markup = smt_table(documents);
  if (markup.empty()) {
    markup += paragraph(results.machine.has_smt()
                            ? "Hardware threads were not compared in this run."
                            : "There are no hardware threads to compare here: every usable core "
                              "shows one.");
  }
  markup += region_table(results);
  markup += pressure_table(documents);
  markup += clock_and_peak(results);
  markup +=
      paragraph(results.machine.pmu_counts
                    ? "Hardware counters count here; each point carries what was read."
                    : "Hardware counters do not count here. Every figure on this page rests on "
                      "timing alone and is complete without them.");
  markup += figures(documents, {"counters_ipc", "counters_l3"});
  markup += truth_table(results.machine);
  std::vector<Missing> missing = results.machine.missing;
  missing.insert(missing.end(), results.missing.begin(), results.missing.end());
  markup += missing_table("What could not be measured here", missing);
  // Refused points can be many on a busy machine: they are one click away.
  const std::string without =
      missing_table("What the predictions did without", documents.recommendation.missing);
  if (!without.empty()) {
    markup += "<details><summary>What the predictions did without, and what stood in</summary>" +
              without + "</details>\n";
  }
  return markup;
}

}  // namespace mb::html
