// The model fitted to a sweep: parameters, edges, predictions beside what was measured, advice.
#include "reports/model/fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"
#include "data/system/files.h"
#include "reports/cli/command.h"
#include "reports/cli/fit_text.h"
#include "reports/cli/flags.h"
#include "reports/cli/parse.h"
#include "reports/render/format.h"

namespace mb {
namespace {

// "prompt" of "prompt_tokens".
std::string first_word(const std::string& variable) {
  return variable.substr(0, variable.find('_'));
}

}  // namespace

void print_fit(const SeriesFit& fit) {
  fmt::print("{}{}\n", fit.phase, fit.label.empty() ? "" : fmt::format(" ({})", fit.label));
  if (fit.variable != "threads") {
    fmt::print("  over {}, confidence {}\n", fit.variable, fit.confidence);
  } else if (fit.recommended_threads > 0) {
    fmt::print("  advice: {}, confidence {}\n",
               format_count(fit.recommended_threads, "thread", "threads"), fit.confidence);
  } else {
    fmt::print("  no advice\n");
  }
  for (const std::string& reason : fit.reasons) fmt::print("  - {}\n", reason);
  for (const FitParameter& parameter : fit.parameters) {
    fmt::print("  {:<24}{:>10}  ({}) {}\n", parameter.name, format_number(parameter.value),
               format_rate_interval(parameter.low, parameter.high), parameter.unit);
  }
  for (const auto& [name, value] : fit.edges) {
    fmt::print("  {:<24}{:>10}\n", name, format_number(value));
  }
  for (const FitLevel& level : fit.levels) {
    fmt::print("  {:<24}{:>10}\n", format_bytes(static_cast<double>(level.kv_bytes)), level.level);
  }
  if (fit.predicted.empty()) return;
  fmt::print("  {:<24}{:>9.1f} %\n", "rms error", 100 * fit.rms_log_error);
  fmt::print("  {:>7}{:>12}{:>12}  {}\n", first_word(fit.variable), "measured", "fitted",
             "90 % interval");
  for (const FitPrediction& each : fit.predicted) {
    fmt::print("  {:>7}{:>12}{:>12}  {}\n",
               format_whole(fit.variable == "threads" ? each.threads : each.at),
               each.measured_tokens_per_second ? format_rate(*each.measured_tokens_per_second) : "",
               format_rate(each.tokens_per_second), format_rate_interval(each.low, each.high));
  }
}

int run_fit(const Arguments& arguments) {
  Flags flags(
      "fit", "Fits the model to a sweep document (threads, prompt, batch ...) and advises a count.",
      {"SWEEP"},
      "  memory_benchmark fit sweep.json --points 1,4,8\n"
      "  memory_benchmark fit sweep.json --tolerance 0 --json\n");
  flags.value("points", "LIST", "use these thread counts only (default: all)")
      .value("tolerance", "SHARE", "loss accepted for fewer threads (default 2%)")
      .value("resamples", "N", "refits behind intervals and confidence (default 200)")
      .value("priors", "FILE", "priors learned elsewhere (see data/priors; default: built in)")
      .flag("json", "print {\"series\": [...]}");
  if (!flags.parse(arguments)) return 0;
  FitOptions options;
  if (const auto points = flags.get("points")) options.points = parse_threads("--points", *points);
  if (const auto share = flags.get("tolerance")) {
    options.tolerance = parse_share("--tolerance", *share);
  }
  if (const auto count = flags.get("resamples")) {
    options.resamples =
        static_cast<int>(std::min<std::int64_t>(10000, parse_count("--resamples", *count, 10)));
  }
  if (const auto priors = flags.get("priors")) {
    options.priors = thread_priors_from_json_text(read_file(*priors), *priors);
  }
  const std::string& file = flags.positional(0);
  const std::vector<SeriesFit> fits =
      fit_sweep(sweep_from_json_text(read_file(file), file), options);
  if (flags.has("json")) {
    fmt::print("{}", to_json_text(fits));
  } else {
    for (const SeriesFit& fit : fits) print_fit(fit);
  }
  if (std::none_of(fits.begin(), fits.end(), [](const SeriesFit& fit) {
        return fit.recommended_threads > 0 || !fit.predicted.empty() || !fit.levels.empty();
      })) {
    throw Error(ErrorCode::kUntrustworthy,
                fmt::format("{}: no series has enough usable points for its kind (--json lists the "
                            "reasons); measure one with memory_benchmark sweep",
                            file));
  }
  return 0;
}

}  // namespace mb
