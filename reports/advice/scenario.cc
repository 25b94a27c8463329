// Each phase takes the smallest count within the tolerance of its fastest; so does the best pair of
// counts (one for all prompts, one for all answers, as llama.cpp takes) and the best single count.
// Changing the count costs a parallel region each time. It pays where the single count takes longer
// by more than the tolerance that the choice itself gives away.
#include "reports/advice/scenario.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

#include "data/error.h"
#include "reports/advice/parts.h"
#include "reports/model/calibrate.h"
#include "reports/model/request_time.h"

namespace mb {
namespace {

// A phase with its seconds at every count of the budget.
struct Played {
  PhaseTokens asked;
  std::int64_t context = 0;
  std::map<int, Seconds> seconds;
  std::map<int, Prediction> step;  // in the middle of the phase
};

std::vector<Played> play(const AdviceContext& context, const Workload& work,
                         const std::vector<PhaseTokens>& phases) {
  std::vector<Played> played;
  std::int64_t cached = context.query.context_tokens;
  for (const PhaseTokens& phase : phases) {
    Played made{phase, cached, {}, {}};
    const bool prefill = phase.phase == "prefill";
    Query query = context.query;
    query.phase = phase.phase;
    query.prompt_tokens = prefill ? phase.tokens : 1;
    query.context_tokens = cached;
    Query middle = query;
    if (!prefill) middle.context_tokens += phase.tokens / 2;
    for (int threads = 1; threads <= context.budget; ++threads) {
      made.step[threads] = context.model.predict(work, context.engine, middle, threads);
      made.seconds[threads] =
          prefill ? step_time(made.step[threads])
                  : decode_time(context.model, work, context.engine, query, phase.tokens, threads);
    }
    cached += phase.tokens;
    played.push_back(std::move(made));
  }
  return played;
}

// The smallest count within the tolerance of the fastest for the sum of some phases.
int choose_for(const AdviceContext& context, const std::vector<const Played*>& phases,
               const std::vector<int>& measured) {
  std::map<int, double> score, low;
  for (int threads = 1; threads <= context.budget; ++threads) {
    Seconds sum;
    for (const Played* phase : phases) sum += phase->seconds.at(threads);
    score[threads] = 1 / sum.value;
    low[threads] = 1 / sum.high;
  }
  return choose(score, low, measured, context.tolerance).threads;
}

ScenarioPhase advise_phase(const AdviceContext& context, const Played& played, int threads) {
  const Seconds& seconds = played.seconds.at(threads);
  const Prediction& step = played.step.at(threads);
  return {played.asked.phase,
          played.asked.tokens,
          played.context,
          step.regime,
          step.limited_by,
          threads,
          cpu_list_for(context, threads),
          static_cast<double>(played.asked.tokens * context.query.batch) / seconds.value,
          seconds.value,
          seconds.low,
          seconds.high,
          0};
}

// The seconds with these counts, and how many times the count changes.
struct Total {
  double seconds = 0;
  std::vector<int> counts;
};
Total total_of(const std::vector<Played>& played, const std::function<int(const Played&)>& count) {
  Total total;
  for (const Played& phase : played) {
    total.counts.push_back(count(phase));
    total.seconds += phase.seconds.at(total.counts.back()).value;
  }
  return total;
}

double switching(const AdviceContext& context, const std::vector<int>& counts) {
  double seconds = 0;
  for (std::size_t i = 1; i < counts.size(); ++i) {
    if (counts[i] == counts[i - 1]) continue;
    seconds += context.model.region_seconds(context.engine, std::max(counts[i], counts[i - 1]));
  }
  return seconds;
}

std::string verdict_of(const ModelScenario& made, const ScenarioPlan& two, const ScenarioPlan& one,
                       double tolerance) {
  const std::string single = count_of(one.prefill_threads, "thread");
  const auto& phases = made.phases;
  if (std::all_of(phases.begin(), phases.end(), [&](const ScenarioPhase& phase) {
        return phase.threads == phases.front().threads;
      })) {
    return fmt::format("There is nothing to switch: every phase is best with {}.",
                       count_of(phases.front().threads, "thread"));
  }
  if (!made.switching_pays) {
    return fmt::format(
        "One count is enough: {} for all phases take {:.1f} % longer than a count "
        "for each, within the tolerance of {:g} %.",
        single, std::max(0.0, 100 * one.loss), 100 * tolerance);
  }
  const bool pair = two.prefill_threads > 0 && two.loss <= tolerance;
  return fmt::format("Switching pays: {} for all phases take {:.1f} % longer{}.", single,
                     100 * one.loss,
                     pair ? fmt::format("; {} for prompts and {} for answers are enough",
                                        two.prefill_threads, two.decode_threads)
                          : std::string());
}

void compare_plans(const AdviceContext& context, const std::vector<Played>& played,
                   ModelScenario& made) {
  std::map<std::string, std::vector<const Played*>> of_phase;
  std::vector<const Played*> all;
  for (const Played& phase : played) {
    of_phase[phase.asked.phase].push_back(&phase);
    all.push_back(&phase);
  }
  std::map<std::string, int> pair;
  std::vector<int> measured;
  for (const auto& [phase, group] : of_phase) {
    const std::vector<int> counts = context.model.measured_threads(phase);
    pair[phase] = choose_for(context, group, counts);
    measured.insert(measured.end(), counts.begin(), counts.end());
  }
  const int one = choose_for(context, all, measured);
  std::vector<int> own;
  for (const ScenarioPhase& phase : made.phases) own.push_back(phase.threads);
  made.switching_seconds = switching(context, own);
  const double best = made.seconds + made.switching_seconds;
  made.plans = {{"per_phase", 0, 0, best, 0}};
  const auto add = [&](const char* name, int prefill, int decode, const Total& total) {
    const double seconds = total.seconds + switching(context, total.counts);
    made.plans.push_back({name, prefill, decode, seconds, seconds / best - 1});
  };
  const auto count = [&](const char* phase) { return pair.contains(phase) ? pair.at(phase) : 0; };
  add("two_counts", count("prefill"), count("decode"),
      total_of(played, [&](const Played& phase) { return pair.at(phase.asked.phase); }));
  add("one_count", one, one, total_of(played, [&](const Played&) { return one; }));
  made.switching_pays = made.plans[2].loss > context.tolerance;
  made.reason = verdict_of(made, made.plans[1], made.plans[2], context.tolerance);
}

}  // namespace

ModelScenario play_model(const AdviceContext& context, const ModelShape& shape,
                         const std::vector<PhaseTokens>& phases) {
  ModelScenario made;
  made.model = shape.spec();
  made.title = title_of(shape);
  made.context_tokens_at_end = context.query.context_tokens;
  for (const PhaseTokens& phase : phases) made.context_tokens_at_end += phase.tokens;
  const Fit fit = fit_in_memory(context, shape, made.context_tokens_at_end);
  made.fits = fit.fits;
  made.fits_reason = fit.reason;
  if (!made.fits) return made;
  const std::vector<Played> played = play(context, Workload(shape), phases);
  for (const Played& phase : played) {
    const std::vector<int> measured = context.model.measured_threads(phase.asked.phase);
    made.phases.push_back(advise_phase(context, phase, choose_for(context, {&phase}, measured)));
    made.phases.back().start_seconds = made.seconds;
    made.seconds += made.phases.back().seconds;
    made.low += made.phases.back().low;
    made.high += made.phases.back().high;
  }
  compare_plans(context, played, made);
  return made;
}

std::vector<PhaseTokens> parse_phases(std::string_view text) {
  constexpr std::int64_t kMostTokens = 1 << 24;
  std::vector<PhaseTokens> phases;
  std::string_view rest = text;
  while (true) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    const std::size_t colon = entry.find(':');
    const std::string phase(entry.substr(0, colon));
    std::int64_t tokens = 0;
    if (colon != std::string_view::npos) {
      const char* end = entry.data() + entry.size();
      const auto read = std::from_chars(entry.data() + colon + 1, end, tokens);
      if (read.ec != std::errc() || read.ptr != end) tokens = 0;
    }
    if ((phase != "prefill" && phase != "decode") || tokens < 1 || tokens > kMostTokens) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--phases: '{}' is not a phase with its tokens: write "
                              "prefill:220,decode:30",
                              entry));
    }
    phases.push_back({phase, tokens});
    if (entry.size() == rest.size()) return phases;
    rest.remove_prefix(entry.size() + 1);
  }
}

const std::vector<ScenarioPreset>& scenario_presets() {
  static const std::vector<ScenarioPreset> presets{
      {"chat", "prefill:200,decode:300,prefill:80,decode:300,prefill:80,decode:300", 1,
       "three questions and answers"},
      {"rag", "prefill:4000,decode:300", 1, "one answer from long passages"},
      {"tool", "prefill:220,decode:30,prefill:5000,decode:200", 1,
       "a question, a tool call, its long result, the answer"},
      {"batch", "prefill:512,decode:128", 8, "eight independent requests side by side"},
  };
  return presets;
}

const ScenarioPreset& find_scenario_preset(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ScenarioPreset& preset : scenario_presets()) {
    if (preset.name == name) return preset;
    names.push_back(preset.name);
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("--preset: '{}' is not one of {}", name, fmt::join(names, ", ")));
}

Scenario play_scenario(const Results& results, const ScenarioRequest& request) {
  const std::vector<PhaseTokens> phases = parse_phases(request.phases);
  const EngineProfile engine = engine_profile_for(results, request.engine_profile);
  const MachineModel model(results);
  Query query{"", 1, request.context_tokens, request.kv_type};
  query.batch = request.batch;
  const AdviceContext context{results, model,
                              engine,  request.tolerance,
                              query,   std::max(1, results.machine.limits.effective_cpus)};
  Scenario made{request.phases,
                request.batch,
                request.kv_type,
                engine.name,
                request.tolerance,
                model.verdict(),
                {},
                ""};
  double least = 0;
  for (const std::string& name : request.models) {
    made.models.push_back(play_model(context, find_model(name), phases));
    const ModelScenario& last = made.models.back();
    if (!last.fits || (!made.fastest.empty() && last.seconds >= least)) continue;
    made.fastest = last.model;
    least = last.seconds;
  }
  return made;
}

}  // namespace mb
