// One model's advice as metrics for node_exporter's textfile collector: HELP and TYPE once a
// metric, no time stamps, a new line at the end. The file must appear whole: recommend --out
// renames it.
#include <fmt/format.h>

#include "reports/render/escape.h"
#include "reports/render/settings.h"

namespace mb {
namespace {

std::string label_value(const std::string& text) {
  std::string escaped;
  for (const char c : clean_text(text)) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

struct Metric {
  const char* name;
  const char* help;
  double (*value)(const PhaseAdvice& phase);
};

constexpr Metric kMetrics[] = {
    {"memory_benchmark_advised_threads", "Threads to give the phase.",
     [](const PhaseAdvice& phase) { return static_cast<double>(phase.threads); }},
    {"memory_benchmark_expected_tokens_per_second", "Predicted throughput of the phase.",
     [](const PhaseAdvice& phase) { return phase.expected.tokens_per_second; }},
    {"memory_benchmark_expected_tokens_per_second_low", "Low end of the 90 % interval.",
     [](const PhaseAdvice& phase) { return phase.expected.low; }},
    {"memory_benchmark_expected_tokens_per_second_high", "High end of the 90 % interval.",
     [](const PhaseAdvice& phase) { return phase.expected.high; }},
};

}  // namespace

std::string advice_prometheus(const ModelAdvice& advice) {
  std::string text;
  for (const Metric& metric : kMetrics) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", metric.name, metric.help);
    for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
      text +=
          fmt::format("{}{{model=\"{}\",phase=\"{}\"}} {}\n", metric.name,
                      label_value(advice.model), label_value(phase->phase), metric.value(*phase));
    }
  }
  return text;
}

}  // namespace mb
