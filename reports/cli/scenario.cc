// A conversation phase by phase: counts, seconds, and whether switching counts pays.
#include "reports/advice/scenario.h"

#include <fmt/format.h>

#include "data/error.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/parse.h"
#include "reports/cli/request.h"
#include "reports/model/calibrate.h"
#include "reports/render/format.h"

namespace mb {
namespace {

ScenarioRequest scenario_request(const Flags& flags) {
  ScenarioRequest request;
  request.models = canonical_models(flags.all("model"));
  if (request.models.empty()) {
    throw Error(ErrorCode::kUsage,
                "scenario: at least one --model is needed; memory_benchmark inspect --list names "
                "them");
  }
  const auto phases = flags.get("phases"), preset = flags.get("preset");
  if (phases.has_value() == preset.has_value()) {
    throw Error(ErrorCode::kUsage,
                "scenario: give either --phases (prefill:220,decode:30) or --preset (chat, rag, "
                "tool, batch)");
  }
  const Query query = query_of(flags);
  request.batch = query.batch;
  request.phases = phases.value_or("");
  if (preset) {
    const ScenarioPreset& found = find_scenario_preset(*preset);
    request.phases = found.phases;
    if (!flags.has("batch")) request.batch = found.batch;
  }
  parse_phases(request.phases);  // what is wrong is said before the document is read
  request.kv_type = query.kv_type;
  if (flags.has("context")) request.context_tokens = query.context_tokens;
  if (const auto share = flags.get("tolerance")) {
    request.tolerance = parse_share("--tolerance", *share);
  }
  return request;
}

std::string counts_of(const ScenarioPlan& plan) {
  if (plan.name == "per_phase") return "each phase its own";
  if (plan.name == "one_count") return format_count(plan.prefill_threads, "thread", "threads");
  return fmt::format("{} for prefill, {} for decode", plan.prefill_threads, plan.decode_threads);
}

void print_model(const ModelScenario& model) {
  fmt::print("\n{}\n", model.title);
  if (!model.fits) {
    fmt::print("  does not fit: {}\n", model.fits_reason);
    return;
  }
  fmt::print("  {:<8}{:>8}{:>9}{:>9}{:>10}{:>9}  {:<18}{:<24}{}\n", "phase", "tokens", "context",
             "threads", "tokens/s", "seconds", "90 % interval", "regime", "limited by");
  for (const ScenarioPhase& phase : model.phases) {
    fmt::print("  {:<8}{:>8}{:>9}{:>9}{:>10}{:>9}  {:<18}{:<24}{}\n", phase.phase, phase.tokens,
               phase.context_tokens, phase.threads, format_rate(phase.tokens_per_second),
               format_number(phase.seconds), format_rate_interval(phase.low, phase.high),
               words_of(phase.regime), words_of(phase.limited_by));
  }
  fmt::print("  {:<44}{:>9}  {}\n", "whole conversation", format_number(model.seconds),
             format_rate_interval(model.low, model.high));
  for (const ScenarioPlan& plan : model.plans) {
    fmt::print("    {:<42}{:>9}  {}\n", counts_of(plan), format_number(plan.seconds),
               plan.name == "per_phase" ? "" : format_loss(plan.loss));
  }
  fmt::print("  {}\n", model.reason);
}

}  // namespace

int run_scenario(const Arguments& arguments) {
  Flags flags("scenario",
              "Plays a conversation phase by phase: threads, seconds, and whether switching counts "
              "between phases pays.",
              {"RESULTS"},
              "  memory_benchmark scenario D/results.json --model qwen3-4b --phases "
              "prefill:220,decode:30,prefill:5000,decode:200\n"
              "  memory_benchmark scenario D/results.json --preset chat --model qwen3-4b:q4_0 "
              "--model qwen3-4b:q8_0\n"
              "  memory_benchmark scenario D/results.json --preset batch --model llama-3.2-1b "
              "--json\n");
  flags.values("model", "MODEL", "a model, repeatable: the one with the least time is named")
      .value("phases", "LIST", "prefill:TOKENS and decode:TOKENS in order; the context grows")
      .value("preset", "NAME", "chat, rag, tool or batch, instead of --phases")
      .value("context", "TOKENS", "positions already in the cache at the start (default 0)");
  add_engine_flags(flags);
  flags.value("tolerance", "SHARE", "loss accepted for fewer threads (default 2%)")
      .flag("json", "print the whole answer as JSON");
  if (!flags.parse(arguments)) return 0;
  ScenarioRequest request = scenario_request(flags);
  const Results results = load_results(flags.positional(0));
  request.engine_profile = engine_name_for(results, flags.get("engine").value_or(""));
  const Scenario played = play_scenario(results, request);
  if (flags.has("json")) {
    fmt::print("{}", to_json_text(played));
    return 0;
  }
  fmt::print("{}{}\n", played.phases,
             played.batch > 1 ? fmt::format(", {} sequences side by side", played.batch) : "");
  for (const ModelScenario& model : played.models) print_model(model);
  if (played.models.size() > 1 && !played.fastest.empty()) {
    fmt::print("\nLeast time: {}\n", played.fastest);
  }
  return 0;
}

}  // namespace mb
