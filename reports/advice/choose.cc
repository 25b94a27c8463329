// The choice of a thread count, its alternatives and its reason.
//
// Evidence wins: the advised count was measured (a step of this phase ran at it) unless a count
// between beats the best measured one even at the low end of its interval. So advice never lies
// more than the tolerance below the best measured point.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/plan/placement.h"
#include "reports/advice/parts.h"

namespace mb {
namespace {

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * std::abs(share)); }

// Cores while no two threads share one.
const char* freed(const AdviceContext& context, int advised) {
  return advised <= context.results.machine.usable_cores() ? "core" : "thread";
}

std::string cost_note(const AdviceContext& context, int advised, int threads, double loss) {
  std::string speed = std::abs(loss) < 0.005 ? "as fast"
                      : loss > 0             ? percent(loss) + " slower"
                                             : percent(loss) + " faster";
  if (threads < advised) {
    return fmt::format("{}, {} free", speed, count_of(advised - threads, freed(context, advised)));
  }
  return fmt::format("{} with {} more", speed, count_of(threads - advised, "thread"));
}

// The fewer and the more: half of the advised count, the next eligible ones, cores, everything.
std::vector<Alternative> alternatives(const AdviceContext& context, const Choice& choice,
                                      const std::map<int, double>& score) {
  const Machine& machine = context.results.machine;
  std::vector<int> wanted{std::max(1, choice.threads / 2), choice.best, machine.usable_cores(),
                          context.budget};
  const auto here =
      std::lower_bound(choice.eligible.begin(), choice.eligible.end(), choice.threads);
  if (here != choice.eligible.begin()) wanted.push_back(*std::prev(here));
  if (here != choice.eligible.end() && std::next(here) != choice.eligible.end()) {
    wanted.push_back(*std::next(here));
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::vector<Alternative> made;
  for (const int threads : wanted) {
    const auto found = score.find(threads);
    if (threads == choice.threads || found == score.end()) continue;
    const double loss = 1 - found->second / score.at(choice.threads);
    made.push_back(
        {threads, found->second, loss, cost_note(context, choice.threads, threads, loss)});
  }
  return made;
}

// What more threads would do, from the fastest count above the advised one.
std::string beyond(const AdviceContext& context, int threads, const std::map<int, double>& score) {
  if (threads >= context.budget) {
    if (threads == 1) return "there is only one CPU to use";
    const bool fewer_look_faster = std::any_of(score.begin(), score.end(), [&](const auto& other) {
      return other.second > score.at(threads);
    });
    return fewer_look_faster ? "fewer look faster, but no valid measurement shows it"
                             : "every thread up to the CPU budget still adds";
  }
  double most = 0;
  for (auto above = score.upper_bound(threads); above != score.end(); ++above) {
    most = std::max(most, above->second);
  }
  const double gain = most / score.at(threads) - 1;
  if (gain > 0.005) return fmt::format("more threads add {} at most", percent(gain));
  if (gain > -0.005) return "more threads add nothing";
  return fmt::format("more threads cost at least {}", percent(gain));
}

std::string_view what_takes(std::string_view term, const EngineProfile& engine) {
  if (term == "weights") return "streaming the weights from memory takes";
  if (term == "compute") return "arithmetic takes";
  if (term == "attention") return "attention over the KV cache takes";
  if (term != "dispatch") return "serial work takes";
  return engine.starts_threads ? "starting and synchronising the threads takes"
                               : "synchronising the threads takes";
}

std::string why(const AdviceContext& context, const Prediction& expected,
                const std::map<int, double>& score) {
  double total = 0;
  for (const auto& [term, seconds] : expected.seconds_by_term) total += seconds;
  const double share = expected.seconds_by_term.at(expected.limited_by) / total;
  const std::string_view limit = what_takes(expected.limited_by, context.engine);
  const std::string counted = count_of(expected.threads, "thread");
  const int cores = context.results.machine.usable_cores();
  const char* where = context.results.machine.has_smt() && expected.threads == cores
                          ? " (one per physical core)"
                          : "";
  return fmt::format("With {}{}, {} {} of the time; {}.", counted, where, limit, percent(share),
                     beyond(context, expected.threads, score));
}

std::map<int, double> rates(const ByThreads& predictions, bool low) {
  std::map<int, double> made;
  for (const auto& [threads, seen] : predictions) {
    made[threads] = low ? seen.low : seen.tokens_per_second;
  }
  return made;
}

}  // namespace

std::string count_of(int count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

Choice choose(const std::map<int, double>& score, const std::map<int, double>& low,
              const std::vector<int>& measured, double tolerance) {
  Choice choice;
  double best_measured = 0;
  for (const int threads : measured) {
    if (const auto found = score.find(threads); found != score.end()) {
      best_measured = std::max(best_measured, found->second);
    }
  }
  double best = 0;
  for (const auto& [threads, rate] : score) {
    const bool seen = std::find(measured.begin(), measured.end(), threads) != measured.end();
    // Without any measured count in reach every prediction stands for itself.
    if (best_measured > 0 && !seen && low.at(threads) <= best_measured) continue;
    choice.eligible.push_back(threads);
    if (rate > best) {
      best = rate;
      choice.best = threads;
    }
  }
  for (const int threads : choice.eligible) {
    if (score.at(threads) < (1 - tolerance) * best) continue;
    choice.threads = threads;
    break;
  }
  return choice;
}

std::optional<std::vector<int>> cpu_list_for(const AdviceContext& context, int threads) {
  const Machine& machine = context.results.machine;
  // Two containers with a quota each would pick the same cores.
  if (machine.limits.limited_by == "quota" || machine.usable_pus() < threads) return std::nullopt;
  std::vector<int> cpus = place(machine, threads, Placement::kSpread);
  std::sort(cpus.begin(), cpus.end());
  return cpus;
}

PhaseAdvice advise_phase(const AdviceContext& context, const Workload& work,
                         const ByThreads& predictions, const std::vector<MachineModel>& redraws) {
  PhaseAdvice advice;
  advice.phase = predictions.begin()->second.phase;
  const std::map<int, double> score = rates(predictions, false);
  const Choice choice = choose(score, rates(predictions, true),
                               context.model.measured_threads(advice.phase), context.tolerance);
  advice.threads = choice.threads;
  advice.cpu_list = cpu_list_for(context, choice.threads);
  advice.expected = predictions.at(choice.threads);
  advice.reason = why(context, advice.expected, score);
  advice.alternatives = alternatives(context, choice, score);
  judge_confidence(context, work, choice, redraws, advice);
  return advice;
}

PhaseAdvice advise_compromise(const AdviceContext& context, const ByThreads& prefill,
                              const ByThreads& decode, const PhaseAdvice& prefill_advice,
                              const PhaseAdvice& decode_advice) {
  // Geometric mean of what either phase keeps of its advised rate: a loss of one is weighed against
  // the same share of the other, whatever the mix of prompt and answer.
  std::map<int, double> score, low;
  for (const auto& [threads, one] : prefill) {
    const double kept = one.tokens_per_second / prefill_advice.expected.tokens_per_second *
                        decode.at(threads).tokens_per_second /
                        decode_advice.expected.tokens_per_second;
    score[threads] = std::sqrt(kept);
    low[threads] = 0;  // a count that was not measured is not advised for both
  }
  std::vector<int> measured = context.model.measured_threads("prefill");
  for (const int threads : context.model.measured_threads("decode")) measured.push_back(threads);
  const Choice choice = choose(score, low, measured, context.tolerance);
  PhaseAdvice advice;
  advice.phase = "both";
  advice.threads = choice.threads;
  advice.cpu_list = cpu_list_for(context, choice.threads);
  advice.expected = decode.at(choice.threads);
  const auto lost = [&](const ByThreads& phase, const PhaseAdvice& own) {
    return 1 - phase.at(choice.threads).tokens_per_second / own.expected.tokens_per_second;
  };
  const auto in_words = [](double loss) {
    if (std::abs(loss) < 0.005) return std::string("keeps its rate");
    return fmt::format("{} {}", loss > 0 ? "loses" : "gains", percent(loss));
  };
  advice.reason =
      fmt::format("One count for both phases: prefill {}, decode {}.",
                  in_words(lost(prefill, prefill_advice)), in_words(lost(decode, decode_advice)));
  for (const PhaseAdvice* own : {&prefill_advice, &decode_advice}) {
    if (own->threads == choice.threads) continue;
    if (!advice.alternatives.empty() && advice.alternatives.back().threads == own->threads)
      continue;
    const double rate = decode.at(own->threads).tokens_per_second;
    advice.alternatives.push_back(
        {own->threads, rate, 1 - rate / advice.expected.tokens_per_second,
         fmt::format("best for {}; decode at {:.3g} tokens/s, prefill at {:.3g}", own->phase, rate,
                     prefill.at(own->threads).tokens_per_second)});
  }
  const auto rank = [](const std::string& word) {
    return word == "high" ? 2 : word == "medium" ? 1 : 0;
  };
  const PhaseAdvice& weaker = rank(prefill_advice.confidence) < rank(decode_advice.confidence)
                                  ? prefill_advice
                                  : decode_advice;
  advice.confidence = weaker.confidence;
  advice.confidence_reasons = weaker.confidence_reasons;
  return advice;
}

}  // namespace mb
