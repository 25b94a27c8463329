// The colour is one of seven steps between the least and the most figure of the table, a class of
// the page's style, since its policy allows no style of an element's own.
#include "reports/render/html_heat.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/html_parts.h"

namespace mb::html {
namespace {

constexpr int kSteps = 7;
// Of more PUs the page's raw points tell.
constexpr std::size_t kMostRows = 16;

using Pair = std::pair<std::int64_t, std::int64_t>;
using Pairs = std::map<Pair, const Point*>;

int step_of(double value, double least, double most) {
  if (!(most > least)) return 0;
  return std::clamp(static_cast<int>((value - least) / (most - least) * kSteps), 0, kSteps - 1);
}

std::string heat_cell(const Point& point, double least, double most) {
  const Summary& s = point.summary;
  std::string text = html_escape(format_quantity(s.median, point.unit));
  if (point.verdict.validity != Validity::kValid) text += " " + verdict_mark(point.verdict);
  std::string more = format_count(s.count, "sample", "samples");
  if (s.count > 1)
    more = "95 % interval " + format_interval(s.low, s.high, point.unit) + ", " + more;
  return fmt::format("<td class=\"n h{}\" title=\"{}\">{}</td>", step_of(s.median, least, most),
                     html_escape(more), text);
}

// `row` and `column` name what the first and the second of a pair are: "CPU", "threads on node".
std::string heat_table(const Pairs& pairs, std::string_view caption, std::string_view corner,
                       std::string_view row, std::string_view column) {
  std::set<std::int64_t> rows, columns;
  double least = std::numeric_limits<double>::max(), most = 0;
  for (const auto& [pair, point] : pairs) {
    rows.insert(pair.first);
    columns.insert(pair.second);
    least = std::min(least, point->summary.median);
    most = std::max(most, point->summary.median);
  }
  if (pairs.empty() || rows.size() > kMostRows || columns.size() > kMostRows) return "";
  std::string markup = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"heat\"><caption>{}; the stronger the "
      "colour, the "
      "larger "
      "the figure</caption><thead><tr><th scope=\"col\">{}</th>",
      html_escape(caption), html_escape(corner));
  for (const std::int64_t to : columns) {
    markup += fmt::format("<th scope=\"col\" class=\"n\">{} {}</th>", html_escape(column), to);
  }
  markup += "</tr></thead><tbody>";
  for (const std::int64_t from : rows) {
    markup += fmt::format("<tr><th scope=\"row\">{} {}</th>", html_escape(row), from);
    for (const std::int64_t to : columns) {
      const auto found = pairs.find({from, to});
      markup += found == pairs.end() ? "<td class=\"n none\">–</td>"
                                     : heat_cell(*found->second, least, most);
    }
    markup += "</tr>\n";
  }
  return markup + "</tbody></table></div>\n";
}

// An empty operation stands for all of the probe's.
Pairs pairs_of(const Results& results, std::string_view probe, std::string_view operation,
               std::string_view from, std::string_view to) {
  Pairs pairs;
  for (const Point* point : results.of_probe(probe)) {
    const std::string own = point->parameters.text_or("operation", std::string(operation));
    if (!operation.empty() && own != operation) continue;
    const auto first = point->parameters.number(from), second = point->parameters.number(to);
    if (first && second && point->summary.count > 0) pairs[{*first, *second}] = point;
  }
  return pairs;
}

}  // namespace

std::string handoff_table(const Results& results) {
  return heat_table(pairs_of(results, "core_to_core", "handoff", "from_pu", "to_pu"),
                    "Time until a line written on one CPU is seen on another", "From", "CPU",
                    "CPU");
}

std::string node_tables(const Results& results) {
  return heat_table(pairs_of(results, "stream_bandwidth", "", "cpu_node", "memory_node"),
                    "Read bandwidth of one node's threads from each node's memory", "Threads of",
                    "node", "memory of node") +
         heat_table(pairs_of(results, "cache_latency", "", "cpu_node", "memory_node"),
                    "Time of one load from each node's memory", "Thread of", "node",
                    "memory of node");
}

}  // namespace mb::html
