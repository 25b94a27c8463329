// Deals the budget: each probe gets its share of the measuring time, each point its weight's part
// of it. Points too poor to say anything are dropped, the least important first, and their time
// goes to the others. What a probe cannot use (its points are at their useful most) is not spent:
// ending early is better than measuring noise longer.
#include "data/plan/plan.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/plan/candidates.h"

namespace mb {
namespace {

// Of the budget, the part for measuring; the rest is process starts, model, report and pictures.
constexpr double kMeasuringShare = 0.88;
// Start of one probe process: loading, topology, teams. Seen on a 2-vCPU guest: 0.05 to 0.15 s.
constexpr double kStepStartSeconds = 0.15;

// Set-up is guessed, and may be too high: it takes at most this much of what a probe would get.
// What it takes beyond that shortens the steps that follow (probes/campaign/deadline).
constexpr double kMostSetUpShare = 0.5;

// From here on there is time for the axes that no prediction needs: three times the default.
constexpr double kWideBudgetSeconds = 180;

constexpr const char* kDefaultModels[] = {"qwen3-4b:q4_0", "qwen3-30b-a3b:q4_0"};

double least_time(const std::vector<Candidate>& candidates, double share_seconds) {
  double weights = 0;
  for (const Candidate& candidate : candidates) weights += candidate.weight;
  double worst = 1e9;  // smallest ratio of what a point gets to what it needs
  for (const Candidate& candidate : candidates) {
    worst = std::min(worst, share_seconds * candidate.weight / weights /
                                std::max(candidate.least_seconds, 1e-9));
  }
  return worst;
}

// Of the time that starting and set-up leave, what one of these probes gets.
double seconds_of(const ProbePlan& one, const std::vector<ProbePlan>& probes, double budget) {
  double shares = 0, set_up = kStepStartSeconds * static_cast<double>(probes.size());
  for (const ProbePlan& probe : probes) {
    shares += probe.share;
    set_up += probe.set_up_seconds;
  }
  return std::max(0.1, budget * kMeasuringShare - set_up) * one.share / shares;
}

// Plans that would get less than they need go, the last first, and their time to the others.
void leave_out_the_brief(std::vector<ProbePlan>& probes, double budget,
                         std::vector<Missing>& missing) {
  for (std::size_t i = probes.size(); i-- > 0;) {
    if (seconds_of(probes[i], probes, budget) >= probes[i].least_seconds) continue;
    if (!probes[i].left_out_as.empty()) {
      missing.push_back(
          {probes[i].left_out_as, "the budget is too short", "give a longer one (--budget 60s)"});
    }
    probes.erase(probes.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

PlannedStep deal(ProbePlan plan, double share_seconds) {
  auto& candidates = plan.candidates;
  while (candidates.size() > 1 && least_time(candidates, share_seconds) < 1) {
    // Of equally unimportant points the last goes first: generators put the plain ones in front.
    const auto drop = std::min_element(
        candidates.rbegin(), candidates.rend(),
        [](const Candidate& a, const Candidate& b) { return a.importance < b.importance; });
    candidates.erase(std::next(drop).base());
  }
  double weights = 0;
  for (const Candidate& candidate : candidates) weights += candidate.weight;
  PlannedStep step{plan.probe, plan.environment, {}, plan.set_up_seconds};
  for (const Candidate& candidate : candidates) {
    const double seconds = share_seconds * candidate.weight / weights;
    step.points.push_back({candidate.parameters, std::min(seconds, plan.most_seconds)});
  }
  return step;
}

// The arithmetic of prefill heats most. Its own axis keeps it apart from the step of the curves.
PlannedStep sustained_step(const CandidateContext& context, double seconds) {
  Parameters parameters{{"operation", "step"}, {"model", context.models.front()}};
  parameters.set("prompt_tokens", 128).set("context_tokens", 0).set("sync", "spin");
  parameters.set("sustain_seconds", static_cast<std::int64_t>(std::lround(seconds)));
  parameters.set("threads", context.threads.back());
  return {"prefill_scaling", {}, {{parameters, seconds}}};
}

std::vector<int> requested_threads(const Machine& machine, const PlanRequest& request) {
  if (request.threads.empty()) return thread_counts(machine);
  const int budget = std::max(1, machine.limits.effective_cpus);
  std::vector<int> threads;
  for (const int count : request.threads) {
    if (count >= 1 && count <= budget) threads.push_back(count);
  }
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  if (threads.empty()) {
    throw Error(ErrorCode::kUsage, "--threads: no count lies within the CPU budget of " +
                                       std::to_string(budget) +
                                       " (1 to that many can be measured)");
  }
  return threads;
}

void check_probes(const PlanRequest& request) {
  const auto& known = planned_probes();
  for (const std::string& probe : request.probes) {
    if (std::find(known.begin(), known.end(), probe) != known.end()) continue;
    std::string names;
    for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
    throw Error(ErrorCode::kUsage, "probe '" + probe + "' is unknown: one of " + names);
  }
}

}  // namespace

double PlannedStep::seconds() const {
  double sum = kStepStartSeconds + set_up_seconds;
  for (const PlannedPoint& point : points) sum += point.seconds;
  return sum;
}

double Plan::seconds() const {
  double sum = 0;
  for (const PlannedStep& step : steps) sum += step.seconds();
  return sum;
}

const std::vector<std::string>& planned_probes() {
  static const std::vector<std::string> names{
      "stream_bandwidth",  "matmul_throughput", "cache_latency",   "attention_kv",
      "dispatch_overhead", "decode_scaling",    "prefill_scaling", "smt_interference",
      "core_to_core",      "loaded_latency",    "shm_bandwidth",   "clock",
      "peak_compute"};
  return names;
}

Plan make_plan(const Machine& machine, const PlanRequest& request) {
  check_probes(request);
  CandidateContext context{machine, requested_threads(machine, request), request.models};
  if (context.models.empty()) {
    context.models.assign(std::begin(kDefaultModels), std::end(kDefaultModels));
  }
  context.alone = request.probes.size() == 1;
  context.wide = context.alone || request.budget_seconds >= kWideBudgetSeconds;
  Plan plan;
  plan.budget_seconds = request.budget_seconds;
  std::vector<ProbePlan> probes = candidate_plans(context, plan.missing);
  std::erase_if(probes, [&](const ProbePlan& probe) {
    return probe.candidates.empty() ||
           (!request.probes.empty() && std::find(request.probes.begin(), request.probes.end(),
                                                 probe.probe) == request.probes.end());
  });
  for (ProbePlan& probe : probes) {
    probe.set_up_seconds =
        std::min(probe.set_up_seconds, kMostSetUpShare * probe.share * request.budget_seconds);
  }
  leave_out_the_brief(probes, request.budget_seconds, plan.missing);
  std::vector<double> seconds;
  for (const ProbePlan& probe : probes) {
    seconds.push_back(seconds_of(probe, probes, request.budget_seconds));
  }
  for (std::size_t i = 0; i < probes.size(); ++i) {
    plan.steps.push_back(deal(std::move(probes[i]), seconds[i]));
  }
  if (request.sustain_seconds > 0) {
    plan.steps.push_back(sustained_step(context, request.sustain_seconds));
    plan.budget_seconds += request.sustain_seconds;
  }
  return plan;
}

std::string to_json_text(const PlannedStep& step) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const PlannedPoint& point : step.points) {
    nlohmann::ordered_json parameters = nlohmann::ordered_json::object();
    for (const auto& [key, value] : point.parameters.entries()) {
      std::visit([&, &k = key](const auto& held) { parameters[k] = held; }, value);
    }
    points.push_back({{"parameters", parameters}, {"seconds", point.seconds}});
  }
  const nlohmann::ordered_json document{{"probe", step.probe},
                                        {"environment", step.environment},
                                        {"set_up_seconds", step.set_up_seconds},
                                        {"points", points}};
  return document.dump(1) + "\n";
}

PlannedStep step_from_json_text(std::string_view text, std::string_view origin) {
  try {
    const auto document = nlohmann::ordered_json::parse(text);
    PlannedStep step;
    step.probe = document.at("probe").get<std::string>();
    step.environment = document.at("environment").get<std::map<std::string, std::string>>();
    step.set_up_seconds = document.value("set_up_seconds", 0.0);
    for (const auto& point : document.at("points")) {
      PlannedPoint planned;
      planned.seconds = point.at("seconds").get<double>();
      for (const auto& [key, value] : point.at("parameters").items()) {
        if (value.is_string())
          planned.parameters.set(key, value.get<std::string>());
        else
          planned.parameters.set(key, value.get<std::int64_t>());
      }
      step.points.push_back(std::move(planned));
    }
    return step;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kFailure, std::string(origin) + ": not a planned step (" + error.what() +
                                         "); write it with memory_benchmark or see data/plan");
  }
}

}  // namespace mb
