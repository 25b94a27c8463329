// Terminal and Markdown: a row for each document, model by model, the fastest first.
#include <fmt/format.h>

#include <algorithm>

#include "reports/render/comparison.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"

namespace mb {
namespace {

constexpr std::size_t kNameColumns = 28;

bool has_prices(const Comparison& comparison) {
  return std::ranges::any_of(comparison.documents, [](const ComparedDocument& one) {
    return one.price_per_hour.has_value();
  });
}

std::string machine_words(const ComparedDocument& one) {
  std::string words = clean_text(one.machine);
  if (!one.instance.empty()) words += ", " + clean_text(one.instance);
  if (one.cpus > 0) words += ", " + format_count(one.cpus, "CPU", "CPUs");
  words += one.kind == "sweep" ? "; measured with " : "; predicted for ";
  words += clean_text(one.engine);
  if (one.kind == "results") words += fmt::format(", {}", to_string(one.verdict.validity));
  if (one.price_per_hour) words += fmt::format("; {:g} an hour", *one.price_per_hour);
  return words;
}

// Pipes and line ends would break a table of Markdown; angle brackets are markup there.
std::string markdown_cell(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  std::string made;
  for (const char c : clip_text(text, kLongest)) {
    if (c == '|' || c == '<' || c == '>' || c == '`' || c == '\\' || c == '*' || c == '_' ||
        c == '[' || c == ']') {
      made += '\\';
    }
    made += c;
  }
  return made;
}

}  // namespace

std::string compared_threads(const ComparedRate& rate) {
  return rate.threads > 0 ? format_count(rate.threads, "thread", "threads") : "threads not told";
}

std::string standing_words(const std::string& standing) {
  if (standing == "not_told_apart") return "within uncertainty";
  return standing;
}

std::string compared_cost(const ComparedRate& rate) {
  if (!rate.cost_per_million_tokens) return "–";
  std::string text = format_number(*rate.cost_per_million_tokens);
  if (rate.cost_low && rate.cost_high) {
    text += " (" + format_rate_interval(*rate.cost_low, *rate.cost_high) + ")";
  }
  return text;
}

std::string render_comparison_text(const Comparison& comparison) {
  const bool prices = has_prices(comparison);
  std::string text;
  for (const ComparedDocument& one : comparison.documents) {
    text += fmt::format("{}  {}\n", pad_right(one.name, kNameColumns), machine_words(one));
  }
  for (const ModelComparison& model : comparison.models) {
    text += fmt::format("\n{}\n", clean_text(model.title));
    for (const ComparedPhase& phase : model.phases) {
      text +=
          fmt::format("  {:<26}{:>9}{:>10}  {:<20}{:<20}{}\n", phase.phase, "threads", "tokens/s",
                      "90 % interval", "standing", prices ? "cost of a million tokens" : "");
      for (const ComparedRate& rate : phase.rates) {
        text += fmt::format("  {}{:>9}{:>10}  {:<20}{:<20}{}\n", pad_right(rate.document, 26),
                            rate.threads > 0 ? fmt::format("{}", rate.threads) : "?",
                            format_rate(rate.tokens_per_second),
                            format_rate_interval(rate.low, rate.high),
                            standing_words(rate.standing), prices ? compared_cost(rate) : "");
      }
    }
    for (const std::string& absent : model.absent) text += "  " + clean_text(absent) + "\n";
    text += "  " + clean_text(model.answer) + "\n";
  }
  if (!comparison.counts.empty()) text += "\n";
  for (const FigureCount& count : comparison.counts) {
    text += fmt::format(
        "Points measured on both {} and {}: {}; better on {} {}, worse {}, not told apart {}\n",
        clean_text(count.base), clean_text(count.other), count.common, clean_text(count.other),
        count.better, count.worse, count.not_told_apart);
  }
  for (const std::string& warning : comparison.warnings) {
    text += "warning: " + clean_text(warning) + "\n";
  }
  return text;
}

std::string render_comparison_markdown(const Comparison& comparison) {
  const bool prices = has_prices(comparison);
  std::string text = "| Model | Phase | Document | Threads | tokens/s | 90 % interval | Standing |";
  text += prices ? " Cost of a million tokens |\n" : "\n";
  text += "|---|---|---|--:|--:|---|---|";
  text += prices ? "---|\n" : "\n";
  for (const ModelComparison& model : comparison.models) {
    for (const ComparedPhase& phase : model.phases) {
      for (const ComparedRate& rate : phase.rates) {
        text +=
            fmt::format("| {} | {} | {} | {} | {} | {} | {} |", markdown_cell(model.title),
                        phase.phase, markdown_cell(rate.document),
                        rate.threads > 0 ? fmt::format("{}", rate.threads) : "not told",
                        format_rate(rate.tokens_per_second),
                        format_rate_interval(rate.low, rate.high), standing_words(rate.standing));
        text += prices ? " " + compared_cost(rate) + " |\n" : "\n";
      }
    }
  }
  text += "\n";
  for (const ModelComparison& model : comparison.models) {
    text += fmt::format("- {}: {}\n", markdown_cell(model.title), markdown_cell(model.answer));
  }
  for (const ComparedDocument& one : comparison.documents) {
    text += fmt::format("- {}: {}\n", markdown_cell(one.name), markdown_cell(machine_words(one)));
  }
  for (const std::string& warning : comparison.warnings) {
    text += "- Warning: " + markdown_cell(warning) + "\n";
  }
  return text;
}

}  // namespace mb
