// Rules of thumb and engines' own defaults, judged on this machine: what each would cost against
// the advised counts. A rule that starts more threads than the budget cannot be predicted and is
// left to the findings.
#include <algorithm>

#include "reports/advice/parts.h"

namespace mb {
namespace {

int performance_cores(const Machine& machine) {
  std::vector<int> cores;
  for (const Pu& pu : machine.pus) {
    if (pu.usable && pu.core_kind == 0) cores.push_back(pu.core);
  }
  std::sort(cores.begin(), cores.end());
  return static_cast<int>(std::unique(cores.begin(), cores.end()) - cores.begin());
}

}  // namespace

std::vector<RuleJudgement> judge_rules(const AdviceContext& context, const ByThreads& prefill,
                                       const ByThreads& decode, const ModelAdvice& advice) {
  const Machine& machine = context.results.machine;
  const int logical = machine.usable_pus(), cores = machine.usable_cores();
  const int half = std::max(1, logical / 2);
  struct Rule {
    const char* name;
    int prefill, decode;
  };
  std::vector<Rule> rules{
      {"all logical CPUs", logical, logical},
      {"physical cores (llama.cpp's default)", cores, cores},
      {"half of the logical CPUs", half, half},
      {"llama-cpp-python's default", logical, half},
      {"one thread", 1, 1},
  };
  if (machine.has_hybrid_cores()) {
    const int fast = performance_cores(machine);
    rules.push_back({"performance cores (llama.cpp's default on hybrid x86)", fast, fast});
  }
  std::vector<RuleJudgement> judged;
  for (const Rule& rule : rules) {
    const auto p = prefill.find(rule.prefill), d = decode.find(rule.decode);
    if (p == prefill.end() || d == decode.end()) continue;  // above the budget
    judged.push_back({rule.name, rule.prefill, rule.decode,
                      1 - p->second.tokens_per_second / advice.prefill.expected.tokens_per_second,
                      1 - d->second.tokens_per_second / advice.decode.expected.tokens_per_second});
  }
  return judged;
}

}  // namespace mb
