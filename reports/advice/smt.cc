// Do hardware threads help? Each kind of work that smt_interference does with one and with two
// threads a core is a ratio of two rates with an interval, and a verdict of its own: decode may
// gain where prefill loses. Beside it stands what counters would explain the loss with, from sizes
// alone: the keys and values that one thread streams of a layer against its part of the L2.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/plan/placement.h"
#include "reports/advice/parts.h"

namespace mb {
namespace {

// Minutes differ by as much on quiet machines, whatever the spread within a point.
constexpr double kLeastError = 0.005;

// Relative half width of the median's interval.
double error_of(const Summary& summary) {
  return std::max(kLeastError, (summary.high - summary.low) / 2 / summary.median);
}

std::string regime_of(const std::string& work) {
  return std::string(work == "stream_read" || work == "decode" ? kMemoryBoundDecode
                                                               : kStreamingPrefill);
}

std::string verdict_of(const SmtComparison& comparison, double tolerance) {
  if (comparison.low > 0 && comparison.gain > tolerance) return "helps";
  if (comparison.high < 0 && comparison.gain < -tolerance) return "hurts";
  const bool narrow = comparison.low > -2 * tolerance && comparison.high < 2 * tolerance;
  return narrow ? "no_difference" : "unclear";
}

const Point* other_side(const Results& results, const Point& two) {
  for (const Point* point : results.of_probe("smt_interference")) {
    const Parameters& axes = point->parameters;
    if (axes.text_or("operation", "") == two.parameters.text_or("operation", "") &&
        axes.number_or("cores", 0) == two.parameters.number_or("cores", 0) &&
        axes.number_or("threads_per_core", 0) == 1) {
      return point;
    }
  }
  return nullptr;
}

bool is_usable(const Point* point) {
  return point != nullptr && point->verdict.validity <= Validity::kNoisy &&
         point->summary.median > 0;
}

// L2 bytes that one of `threads` has to itself: the fewest, where a core has two.
double l2_of_thread(const Machine& machine, int threads, double l2_bytes) {
  std::map<int, int> on_core;
  for (const int os_index : place(machine, threads, Placement::kSpread)) {
    const auto pu = std::ranges::find(machine.pus, os_index, &Pu::os_index);
    if (pu != machine.pus.end()) ++on_core[pu->core];
  }
  int most = 1;
  for (const auto& [core, count] : on_core) most = std::max(most, count);
  return l2_bytes / most;
}

}  // namespace

std::vector<SmtComparison> compare_smt(const Results& results, double tolerance) {
  std::vector<SmtComparison> comparisons;
  for (const Point* two : results.of_probe("smt_interference")) {
    if (two->parameters.number_or("threads_per_core", 0) != 2) continue;
    const Point* one = other_side(results, *two);
    if (!is_usable(one) || !is_usable(two)) continue;
    double ratio = two->summary.median / one->summary.median;
    if (two->unit == Unit::kSeconds) ratio = 1 / ratio;  // of a step, less is more
    const double error = std::hypot(error_of(one->summary), error_of(two->summary));
    SmtComparison comparison;
    comparison.work = two->parameters.text_or("operation", "");
    comparison.regime = regime_of(comparison.work);
    comparison.cores = static_cast<int>(two->parameters.number_or("cores", 1));
    comparison.gain = ratio - 1;
    comparison.low = ratio * (1 - std::min(error, 1.0)) - 1;
    comparison.high = ratio * (1 + error) - 1;
    comparison.verdict = verdict_of(comparison, tolerance);
    comparisons.push_back(std::move(comparison));
  }
  return comparisons;
}

std::vector<KvPressure> kv_pressure(const AdviceContext& context, const ModelShape& shape) {
  const Machine& machine = context.results.machine;
  const auto l2_bytes = machine.cache_bytes(2);
  if (!l2_bytes || shape.kv_heads < 1) return {};
  const int cores = std::min(machine.usable_cores(), context.budget);
  std::vector<KvPressure> pressures;
  for (const int threads : {cores, cores + 1, cores + 2, 2 * cores}) {
    const bool again = !pressures.empty() && threads <= pressures.back().threads;
    if (threads > context.budget || again) continue;
    KvPressure pressure;
    pressure.model = shape.spec();
    pressure.threads = threads;
    pressure.positions = context.query.prompt_tokens + context.query.context_tokens;
    const auto layer_bytes = static_cast<double>(
        shape.kv_bytes_per_position_per_layer(context.query.kv_type) * pressure.positions);
    // Whole heads are dealt out; more threads than heads share one head's positions.
    pressure.kv_bytes_per_thread =
        threads >= shape.kv_heads ? layer_bytes / threads
                                  : layer_bytes / static_cast<double>(shape.kv_heads) *
                                        std::ceil(static_cast<double>(shape.kv_heads) / threads);
    pressure.l2_bytes_per_thread = l2_of_thread(machine, threads, static_cast<double>(*l2_bytes));
    pressure.ratio = pressure.kv_bytes_per_thread / pressure.l2_bytes_per_thread;
    pressures.push_back(std::move(pressure));
  }
  return pressures;
}

void smt_findings(const Machine& machine, const std::vector<SmtComparison>& comparisons,
                  std::vector<Finding>& out) {
  if (comparisons.empty()) return;
  std::map<std::string, std::string> works;  // by verdict
  for (const SmtComparison& comparison : comparisons) {
    std::string& text = works[comparison.verdict];
    text += fmt::format("{}{} {:+.0f} % ({:+.0f} to {:+.0f})", text.empty() ? "" : ", ",
                        comparison.work == "stream_read" ? "streaming reads" : comparison.work,
                        100 * comparison.gain, 100 * comparison.low, 100 * comparison.high);
  }
  const bool helps = works.contains("helps"), hurts = works.contains("hurts");
  std::string evidence;
  for (const auto& [verdict, words] :
       {std::pair("helps", "helps "), std::pair("hurts", "hurts "),
        std::pair("no_difference", "no difference to "), std::pair("unclear", "unclear for ")}) {
    if (!works.contains(verdict)) continue;
    evidence += fmt::format("{}{}{}", evidence.empty() ? "" : "; ", words, works.at(verdict));
  }
  out.push_back({"info",
                 helps && hurts ? "Second hardware threads help some work and hurt other"
                 : helps        ? "Second hardware threads help"
                 : hurts        ? "Second hardware threads hurt"
                                : "Second hardware threads make no clear difference",
                 fmt::format("two threads a core against one on {} of {} cores: {}",
                             comparisons.front().cores, machine.usable_cores(), evidence),
                 "The advised counts of prefill and decode already follow from this.", ""});
}

}  // namespace mb
