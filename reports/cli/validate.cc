// Predictions of a results document beside what an engine measured in sweeps.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "data/error.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/parse.h"
#include "reports/model/calibrate.h"
#include "reports/model/compare.h"
#include "reports/render/format.h"

namespace mb {
namespace {

using Json = nlohmann::ordered_json;

struct Report {
  EngineProfile engine;
  std::vector<ComparedPoint> points;
  std::vector<PhaseErrors> errors;
  std::vector<SeriesRegret> regrets;
  std::vector<MemoryComparison> memory;
  std::vector<std::string> skipped;
};

Json to_json(const Report& report) {
  Json json{{"engine", report.engine.name}};
  if (!report.engine.calibrated_with.empty()) {
    json["calibrated_with"] = report.engine.calibrated_with;
  }
  json["points"] = Json::array();
  for (const ComparedPoint& point : report.points) {
    json["points"].push_back({{"sweep", point.sweep},
                              {"label", point.label},
                              {"phase", point.phase},
                              {"threads", point.threads},
                              {"prompt_tokens", point.predicted.prompt_tokens},
                              {"context_tokens", point.predicted.context_tokens},
                              {"measured_tokens_per_second", point.measured_tokens_per_second},
                              {"tokens_per_second", point.predicted.tokens_per_second},
                              {"low", point.predicted.low},
                              {"high", point.predicted.high},
                              {"error", point.error()},
                              {"limited_by", point.predicted.limited_by},
                              {"seconds_by_term", point.predicted.seconds_by_term}});
  }
  json["errors"] = Json::array();
  for (const PhaseErrors& errors : report.errors) {
    Json one{{"phase", errors.phase},
             {"points", errors.points},
             {"mean", errors.mean},
             {"median", errors.median},
             {"worst", errors.worst},
             {"bias", errors.bias},
             {"inside_interval", errors.inside_interval}};
    if (!errors.term.empty())
      one["explained_by"] = {{"term", errors.term}, {"factor", errors.factor}};
    json["errors"].push_back(std::move(one));
  }
  json["regrets"] = Json::array();
  for (const SeriesRegret& one : report.regrets) {
    json["regrets"].push_back({{"sweep", one.sweep},
                               {"label", one.label},
                               {"phase", one.phase},
                               {"advised_threads", one.advised_threads},
                               {"best_threads", one.best_threads},
                               {"regret", one.regret}});
  }
  json["memory"] = Json::array();
  for (const MemoryComparison& one : report.memory) {
    json["memory"].push_back({{"sweep", one.sweep},
                              {"measured_bytes", one.measured_bytes},
                              {"predicted_bytes", one.predicted_bytes}});
  }
  json["skipped"] = report.skipped;
  return json;
}

void print_report(const Report& report) {
  fmt::print("{:<28}{:<9}{:>8}{:>8}{:>9}{:>11}{:>11}{:>8}  {}\n", "sweep", "phase", "threads",
             "prompt", "context", "measured", "predicted", "error", "limited by");
  for (const ComparedPoint& point : report.points) {
    const std::string name = point.sweep + (point.label.empty() ? "" : ", " + point.label);
    fmt::print("{:<28}{:<9}{:>8}{:>8}{:>9}{:>11}{:>11}{:>+7.0f}%  {}\n", name, point.phase,
               point.threads, point.predicted.prompt_tokens, point.predicted.context_tokens,
               format_rate(point.measured_tokens_per_second),
               format_rate(point.predicted.tokens_per_second), 100 * point.error(),
               words_of(point.predicted.limited_by));
  }
  fmt::print("\n");
  for (const PhaseErrors& errors : report.errors) {
    fmt::print(
        "{}: error {:.1f} % mean, {:.1f} % median, {:.1f} % worst; bias {:+.1f} %; {:.0f} % of {} "
        "points inside the 90 % interval\n",
        errors.phase, 100 * errors.mean, 100 * errors.median, 100 * errors.worst, 100 * errors.bias,
        100 * errors.inside_interval, errors.points);
    if (!errors.term.empty()) {
      fmt::print("  most of it would go if {} took {:.2f} times as long as predicted\n",
                 words_of(errors.term), errors.factor);
    }
  }
  for (const SeriesRegret& one : report.regrets) {
    fmt::print("{}{}, {}: advised {}, best measured {}, regret {:.1f} %\n", one.sweep,
               one.label.empty() ? "" : ", " + one.label, one.phase, one.advised_threads,
               one.best_threads, 100 * one.regret);
  }
  for (const MemoryComparison& one : report.memory) {
    fmt::print(
        "{}: {} resident at most, {} predicted ({:+.0f} %)\n", one.sweep,
        format_bytes(static_cast<double>(one.measured_bytes)),
        format_bytes(static_cast<double>(one.predicted_bytes)),
        100 * (static_cast<double>(one.predicted_bytes) / static_cast<double>(one.measured_bytes) -
               1));
  }
  for (const std::string& line : report.skipped) fmt::print("{}\n", line);
  fmt::print("Engine: {}\n", report.engine.name);
}

}  // namespace

int run_validate(const Arguments& arguments) {
  Flags flags(
      "validate",
      "Holds the predictions of a results document against sweeps of a real engine: error by\n"
      "point and phase, the term that explains it, what the advice would have lost, memory.",
      {"RESULTS", "SWEEP..."},
      "  memory_benchmark validate D/results.json sweep.json --model qwen3-4b:q4_0\n"
      "  memory_benchmark validate D/results.json *.json --engine llama.cpp-threadpool --json\n");
  flags.value("model", "MODEL", "of all sweeps (default: what each names)")
      .value("engine", "PROFILE",
             "how the engine works (default llama.cpp-threadpool, or what was calibrated last)")
      .value("tolerance", "SHARE", "loss accepted for fewer threads (default 2%)")
      .flag("json", "print {points, errors, regrets, memory, skipped}");
  if (!flags.parse(arguments)) return 0;
  const double tolerance = parse_share("--tolerance", flags.get("tolerance").value_or("2%"));
  const Results results = load_results(flags.positional(0));
  Report report;
  report.engine =
      engine_profile_for(results, engine_name_for(results, flags.get("engine").value_or("")));
  const MachineModel model(results);
  for (const NamedSweep& sweep : load_named_sweeps(flags.positional_from(1), flags.get("model"))) {
    for (ComparedPoint& point : compare(model, report.engine, sweep, report.skipped)) {
      report.points.push_back(std::move(point));
    }
    if (const auto memory = compare_memory(sweep)) report.memory.push_back(*memory);
  }
  if (report.points.empty()) {
    throw Error(
        ErrorCode::kUntrustworthy,
        fmt::format("validate: no point can be compared; {}",
                    report.skipped.empty() ? "the sweeps hold none" : report.skipped.front()));
  }
  report.errors = errors_by_phase(report.points);
  report.regrets = regrets(report.points, tolerance);
  if (flags.has("json")) {
    fmt::print("{}\n", to_json(report).dump(1));
  } else {
    print_report(report);
  }
  return 0;
}

}  // namespace mb
