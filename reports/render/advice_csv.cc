// One model's advice as comma-separated values (RFC 4180): a line a phase.
#include <fmt/format.h>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/settings.h"

namespace mb {
namespace {

std::string csv_cell(const std::string& text) {
  const std::string clean = clean_text(text);
  if (clean.find_first_of(",\"") == std::string::npos) return clean;
  std::string quoted = "\"";
  for (const char c : clean) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string advice_csv(const ModelAdvice& advice) {
  std::string text =
      "model,phase,threads,cpu_list,prompt_tokens,context_tokens,tokens_per_second,low,high,regime,"
      "limited_by,confidence\n";
  for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
    const Prediction& expected = phase->expected;
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_cell(advice.model),
                        csv_cell(phase->phase), phase->threads,
                        csv_cell(phase->cpu_list ? format_cpu_list(*phase->cpu_list) : ""),
                        expected.prompt_tokens, expected.context_tokens, expected.tokens_per_second,
                        expected.low, expected.high, csv_cell(expected.regime),
                        csv_cell(expected.limited_by), csv_cell(phase->confidence));
  }
  return text;
}

}  // namespace mb
