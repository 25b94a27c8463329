// One model's advice as a Markdown table.
#include <fmt/format.h>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/settings.h"

namespace mb {
namespace {

// A pipe would end the cell; markup in a name must stay text.
std::string markdown_cell(const std::string& text) {
  std::string escaped;
  for (const char c : clean_text(text)) {
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

std::string advice_markdown(const ModelAdvice& advice) {
  std::string text = fmt::format(
      "| {} | threads | tokens/s (90 % interval) | limited by | confidence |\n"
      "|---|--:|--:|---|---|\n",
      markdown_cell(advice.title));
  for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
    const Prediction& expected = phase->expected;
    const std::string given = phase == &advice.prefill
                                  ? fmt::format("a prompt of {}", expected.prompt_tokens)
                                  : fmt::format("with {} in the context", expected.context_tokens);
    text += fmt::format(
        "| {}, {} | {} | {} ({}) | {} | {} |\n", markdown_cell(phase->phase), given, phase->threads,
        format_rate(expected.tokens_per_second), format_rate_interval(expected.low, expected.high),
        markdown_cell(words_of(expected.limited_by)), markdown_cell(phase->confidence));
  }
  return text;
}

}  // namespace mb
