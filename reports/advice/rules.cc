// Rules of thumb and engines' own defaults, judged on this machine: what each would cost against
// the advised counts. A rule that asks for more threads than the CPU budget is judged at the
// budget, and says so: above it nothing was measured.
//
// Sources: the work rules (cores against cache lines of a row, 6 to 8 lines a thread, with 4-byte
// numbers and 64-byte lines) stand in the Sovereign AI Stack book's profiling chapter; half the
// cores on laptops and one count for both phases in llama-crab's tuning recipe; the engines'
// defaults are those that their sources had in mid-2026.
#include <fmt/format.h>

#include <algorithm>

#include "reports/advice/parts.h"

namespace mb {
namespace {

struct Rule {
  std::string name;
  int prefill = 1, decode = 1;
};

int performance_cores(const Machine& machine) {
  std::vector<int> cores;
  for (const Pu& pu : machine.pus) {
    if (pu.usable && pu.core_kind == 0) cores.push_back(pu.core);
  }
  std::sort(cores.begin(), cores.end());
  return static_cast<int>(std::unique(cores.begin(), cores.end()) - cores.begin());
}

std::vector<Rule> rules_for(const AdviceContext& context, const ModelShape& shape,
                            const ModelAdvice& advice) {
  const Machine& machine = context.results.machine;
  // What programs count that do not know the quota.
  const int logical = machine.usable_pus(), cores = machine.usable_cores();
  const int half = std::max(1, logical / 2), half_cores = std::max(1, cores / 2);
  const int fast = machine.has_hybrid_cores() ? performance_cores(machine) : cores;
  constexpr std::int64_t kNumberBytes = 4, kLineBytes = 64;
  const int lines =
      static_cast<int>(std::max<std::int64_t>(1, shape.hidden * kNumberBytes / kLineBytes));
  const int both = advice.compromise.threads;
  return {
      {"all logical CPUs", logical, logical},
      {"physical cores", cores, cores},
      {"half of the logical CPUs", half, half},
      {"half the cores, as on laptops", half_cores, half_cores},
      {"performance cores", fast, fast},
      {"min(physical cores, work / cache line)", std::min(cores, lines), std::min(cores, lines)},
      {"8 cache lines of output a thread", std::max(1, lines / 8), std::max(1, lines / 8)},
      {"6 cache lines of output a thread", std::max(1, lines / 6), std::max(1, lines / 6)},
      {"one count for both phases (our compromise)", both, both},
      {"one thread", 1, 1},
      {"llama.cpp's default (cores; performance cores on hybrids)", fast, fast},
      {"llama-cpp-python's default", logical, half},
      {"rayon's and OpenMP's default", logical, logical},
      {"PyTorch's and ONNX Runtime's default", cores, cores},
      {"vLLM's default (a core is reserved)", std::max(1, cores - 1), std::max(1, cores - 1)},
  };
}

}  // namespace

std::vector<RuleJudgement> judge_rules(const AdviceContext& context, const ModelShape& shape,
                                       const ByThreads& prefill, const ByThreads& decode,
                                       const ModelAdvice& advice) {
  std::vector<RuleJudgement> judged;
  for (const Rule& rule : rules_for(context, shape, advice)) {
    const int for_prefill = std::min(rule.prefill, context.budget);
    const int for_decode = std::min(rule.decode, context.budget);
    const auto loss = [](const ByThreads& phase, int threads, const PhaseAdvice& own) {
      return 1 - phase.at(threads).tokens_per_second / own.expected.tokens_per_second;
    };
    RuleJudgement made{rule.name,
                       for_prefill,
                       for_decode,
                       loss(prefill, for_prefill, advice.prefill),
                       loss(decode, for_decode, advice.decode),
                       ""};
    if (for_prefill != rule.prefill || for_decode != rule.decode) {
      made.note =
          fmt::format("asks for {}; judged at the CPU budget", std::max(rule.prefill, rule.decode));
    }
    judged.push_back(std::move(made));
  }
  return judged;
}

}  // namespace mb
