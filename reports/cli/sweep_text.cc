// Conditions are parts of a series' label, as probes/sweep writes them: "pinned", "unpinned",
// "beside NAME", "engine's default".
#include "reports/cli/sweep_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "data/error.h"
#include "reports/cli/parse.h"
#include "reports/render/format.h"

namespace mb {
namespace {

std::vector<std::string> parts_of(const std::string& label) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < label.size();) {
    const auto end = std::min(label.find(", ", start), label.size());
    parts.push_back(label.substr(start, end - start));
    start = end + 2;
  }
  return parts;
}

// The label of the same point under the plainer condition, and the condition's name.
struct Condition {
  std::string name, base;
};
std::optional<Condition> condition_of(const std::string& label) {
  std::vector<std::string> parts = parts_of(label);
  if (parts.empty()) return std::nullopt;
  Condition condition{parts.back(), ""};
  if (condition.name == "unpinned") {
    parts.back() = "pinned";
  } else if (condition.name.starts_with("beside ") || condition.name == "engine's default") {
    parts.pop_back();
  } else {
    return std::nullopt;
  }
  condition.base = fmt::format("{}", fmt::join(parts, ", "));
  return condition;
}

const SweepPoint* best_of(const SweepSeries& series) {
  const SweepPoint* best = nullptr;
  for (const SweepPoint& point : series.points) {
    if (!point.threads || !point.tokens_per_second) continue;
    if (best == nullptr || *point.tokens_per_second > *best->tokens_per_second) best = &point;
  }
  return best;
}

const SweepPoint* at(const SweepSeries& series, int threads) {
  const auto found = std::ranges::find(series.points, std::optional(threads), &SweepPoint::threads);
  return found != series.points.end() && found->tokens_per_second ? &*found : nullptr;
}

std::string percent_less(double value, double than) {
  const double share = 1 - value / than;
  return fmt::format("{:.1f} % {}", 100 * std::abs(share), share < 0 ? "more" : "less");
}

std::string threads_of(int count) { return format_count(count, "thread", "threads"); }

// The point's place on the axis of its document.
std::string place_of(const SweepPoint& point) {
  if (point.threads) return std::to_string(*point.threads);
  for (const auto& value : {point.prompt_tokens, point.new_tokens, point.context_tokens}) {
    if (value) return format_whole(*value);
  }
  return point.batch ? std::to_string(*point.batch) : "";
}

std::string column_of(const std::string& kind) {
  if (kind == "prompt-length") return "prompt";
  if (kind == "generation-length") return "new";
  if (kind == "context-length") return "context";
  return kind == "batch-size" ? "batch" : "threads";
}

}  // namespace

std::string sweep_table(const Sweep& sweep) {
  std::string text;
  for (const SweepSeries& series : sweep.series) {
    text += fmt::format("{}{}\n{:>8}{:>12}\n", series.phase,
                        series.label.empty() ? "" : ", " + series.label, column_of(sweep.kind),
                        "tokens/s");
    for (const SweepPoint& point : series.points) {
      std::string remarks = point.note;
      if (point.total_tokens_per_second) {
        remarks = fmt::format("{} with input{}{}", format_rate(*point.total_tokens_per_second),
                              remarks.empty() ? "" : "; ", remarks);
      }
      text += fmt::format(
          "{:>8}{:>12}{}\n", place_of(point),
          point.tokens_per_second ? format_rate(*point.tokens_per_second) : point.status,
          remarks.empty() ? "" : "  " + remarks);
    }
  }
  return text;
}

bool is_condition(const SweepSeries& series) { return condition_of(series.label).has_value(); }

std::vector<std::string> condition_lines(const Sweep& sweep, const std::vector<SeriesFit>& fits) {
  std::vector<std::string> lines;
  for (const SweepSeries& series : sweep.series) {
    const auto condition = condition_of(series.label);
    const auto best = best_of(series);
    if (!condition || best == nullptr) continue;
    for (std::size_t i = 0; i < sweep.series.size() && i < fits.size(); ++i) {
      const SweepSeries& base = sweep.series[i];
      const int advised = fits[i].recommended_threads;
      if (base.phase != series.phase || base.label != condition->base || advised < 1) continue;
      const SweepPoint* alone = at(base, advised);
      const SweepPoint* here = at(series, advised);
      std::string line =
          fmt::format("{}{}, {}: ", series.phase, base.label.empty() ? "" : " (" + base.label + ")",
                      condition->name);
      if (condition->name == "engine's default") {
        if (alone == nullptr) continue;
        line +=
            fmt::format("{}, {} tokens/s, {} than the advised {}", threads_of(*best->threads),
                        format_rate(*best->tokens_per_second),
                        percent_less(*best->tokens_per_second, *alone->tokens_per_second), advised);
      } else if (alone == nullptr || here == nullptr) {
        line +=
            fmt::format("best {} with {} tokens/s; the advised {} was not measured there",
                        threads_of(*best->threads), format_rate(*best->tokens_per_second), advised);
      } else {
        line += fmt::format(
            "{} tokens/s with the advised {}, {} than without; best there {}, {} more",
            format_rate(*here->tokens_per_second), threads_of(advised),
            percent_less(*here->tokens_per_second, *alone->tokens_per_second),
            threads_of(*best->threads),
            fmt::format("{:.1f} %",
                        100 * (*best->tokens_per_second / *here->tokens_per_second - 1)));
      }
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

VaryText parse_vary(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--vary: '{}' is not NAME=LIST, as in batch=1,8 or --mode=a,b", text));
  }
  VaryText vary{text.substr(0, equals), {}};
  for (std::size_t start = equals + 1; start <= text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    const std::string value = text.substr(start, end - start);
    start = end + 1;
    // 4-16:4 is a range; qwen3-4b and -1 are not.
    const bool range = !value.empty() && value.front() != '-' && value.back() != '-' &&
                       value.find('-') != std::string::npos &&
                       value.find_first_not_of("0123456789-:") == std::string::npos;
    if (!range) {
      vary.values.push_back(value);
      continue;
    }
    for (const int count : parse_threads("--vary " + vary.name, value)) {
      vary.values.push_back(std::to_string(count));
    }
  }
  return vary;
}

}  // namespace mb
