// What became of a step's rate while it was repeated for minutes on all threads (run --sustain).
// Heat and used-up CPU credits show only then, and every other figure was taken before.
#include <fmt/format.h>

#include <cmath>

#include "reports/advice/parts.h"

namespace mb {
namespace {

// A drift that the noise rules call noisy (DECISIONS 12), and one after which no count is sure.
constexpr double kFallWorthSaying = 0.05, kAdviceDoubtful = 0.15;

}  // namespace

std::optional<Sustained> sustained(const Results& results) {
  for (const Point& point : results.points) {
    const auto seconds = point.parameters.number("sustain_seconds");
    const auto change = point.facts.find("rate_change");
    if (!seconds || change == point.facts.end()) continue;
    Sustained held{point.name, static_cast<double>(*seconds), change->second,
                   point.noise.clock_drift};
    return held;
  }
  return std::nullopt;
}

bool Sustained::lowers_confidence() const { return rate_change < -kFallWorthSaying; }
bool Sustained::makes_advice_doubtful() const { return rate_change < -kAdviceDoubtful; }

std::string Sustained::text() const {
  std::string text = fmt::format("over {:.0f} s on all threads a step's rate changed by {:+.1f} %",
                                 seconds, 100 * rate_change);
  if (clock_change) text += fmt::format(", the clock by {:+.1f} %", 100 * *clock_change);
  return text;
}

void sustain_finding(const AdviceContext& context, std::vector<Finding>& out) {
  const auto held = sustained(context.results);
  if (!held) return;
  if (!held->lowers_confidence()) {
    out.push_back(
        {"info", "The rate holds under sustained load", held->text(), "None needed.", ""});
    return;
  }
  const bool by_clock = held->clock_change && *held->clock_change < -kFallWorthSaying;
  out.push_back(
      {"warning", "The rate falls under sustained load", held->text(),
       fmt::format("Expect {:.0f} % of the figures in long work; use a cooler or non-burstable "
                   "machine for it.",
                   100 * (1 + held->rate_change)),
       !held->clock_change ? "The clock was not seen: heat, a power limit, credits or a neighbour."
       : by_clock          ? "The clock falls with it: heat, a power limit, or CPU credits used up."
                           : "The clock holds: a neighbour, or memory that slows."});
}

}  // namespace mb
