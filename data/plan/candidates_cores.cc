// The points about cores themselves: what pairs of CPUs are to one another, what second hardware
// threads do, the clock, and the peak of the arithmetic units.
#include <algorithm>

#include "data/plan/candidates.h"
#include "data/plan/topology_check.h"

namespace mb {
namespace {

bool has_feature(const Machine& machine, const char* feature) {
  return std::ranges::find(machine.cpu_features, feature) != machine.cpu_features.end();
}

}  // namespace

// Pairs of usable PUs: what they compute at once and how fast they hand a line over. First those of
// a few PUs that tell every common numbering apart, all their pairs, so that the topology check has
// whole matrices; then neighbours, and the rest up to 32 PUs.
ProbePlan plan_core_to_core(const CandidateContext& context, std::vector<Missing>& missing) {
  ProbePlan plan{"core_to_core", {}, 0.028, 0.1, {}};
  constexpr std::size_t kAllPairsUpTo = 32, kCheckedFirst = 10;
  constexpr double kPairSeconds = 0.01;  // five samples of a millisecond, warm-up and calibration
  if (context.machine.limits.effective_cpus < 2) {
    missing.push_back(
        {"hand-off latency between CPUs", "one CPU has no other to hand to", "allow two CPUs"});
    return plan;
  }
  const auto add = [&](Parameters parameters, int importance) {
    plan.candidates.push_back({std::move(parameters), 1, kPairSeconds, importance});
  };
  const std::vector<int> first = cpus_to_check(context.machine, kCheckedFirst);
  const std::vector<int> pus = cpus_to_check(context.machine, context.machine.pus.size());
  const auto is_first = [&](int pu) { return std::ranges::binary_search(first, pu); };
  const bool all = pus.size() <= kAllPairsUpTo;
  for (const int pu : pus) {
    if (!all && !is_first(pu)) continue;
    add({{"operation", "contention"}, {"from_pu", pu}, {"threads", 1}}, is_first(pu) ? 31 : 12);
  }
  for (std::size_t from = 0; from < pus.size(); ++from) {
    for (std::size_t to = from + 1; to < pus.size(); ++to) {
      const bool checked = is_first(pus[from]) && is_first(pus[to]), neighbour = to == from + 1;
      if (!all && !checked && !neighbour) continue;
      const int importance = checked ? 30 : neighbour ? 20 : 10;
      for (const char* operation : {"handoff", "contention"}) {
        if (!all && !checked && operation[0] == 'c') continue;  // its PUs were not timed alone
        add({{"operation", operation}, {"from_pu", pus[from]}, {"to_pu", pus[to]}, {"threads", 2}},
            importance);
      }
    }
  }
  return plan;
}

ProbePlan plan_smt_interference(const CandidateContext& context, std::vector<Missing>& missing) {
  ProbePlan plan{"smt_interference", {}, 0.065, 1.0, {}};
  const Machine& machine = context.machine;
  if (!machine.has_smt()) {
    missing.push_back({"SMT comparison",
                       "no hardware threads to compare here: every usable core shows one",
                       "none needed; a VM may hide siblings"});
    return plan;
  }
  const int cores = std::min(machine.usable_cores(), machine.limits.effective_cpus / 2);
  if (cores < 1) {
    missing.push_back({"SMT comparison", "the CPU budget is smaller than one core's two threads",
                       "allow two CPUs of one core"});
    return plan;
  }
  const std::string model =
      context.models.empty() ? std::string("qwen3-4b:q4_0") : context.models.front();
  for (const char* operation : {"compute", "attention", "stream_read", "decode", "prefill"}) {
    const bool prefill = operation[0] == 'p', step = prefill || operation[0] == 'd';
    for (const int per_core : {1, 2}) {
      Parameters parameters{{"operation", operation}};
      if (step) parameters.set("model", model);
      if (prefill) parameters.set("prompt_tokens", 128);
      if (step) parameters.set("context_tokens", prefill ? 0 : 512);
      parameters.set("cores", cores).set("threads_per_core", per_core);
      parameters.set("threads", cores * per_core);
      plan.candidates.push_back(
          {parameters, step ? 2.0 : 1.0, step ? 0.4 : 0.1, prefill ? 28 : 30});
    }
  }
  return plan;
}

// The clock of one core and of all, and with each vector width that the CPU has.
ProbePlan plan_clock(const CandidateContext& context) {
  ProbePlan plan{"clock", {}, 0.006, 0.1, {}};
  std::vector<int> widths{0};
  if (context.machine.isa == "aarch64" || has_feature(context.machine, "fma")) {
    widths.push_back(128);
  }
  if (has_feature(context.machine, "fma")) widths.push_back(256);
  if (has_feature(context.machine, "avx512f")) widths.push_back(512);
  for (const int threads : context.threads) {
    for (const int bits : widths) {
      const bool end = context.is_end(threads);
      if (!end && bits != widths.front() && bits != widths.back()) continue;
      const int importance = end ? (bits == widths.front() || bits == widths.back() ? 30 : 15)
                                 : context.importance_of(threads) / 2;
      plan.candidates.push_back(
          {Parameters{{"operation", "chain"}, {"vector_bits", bits}, {"threads", threads}}, 1,
           0.015, importance});
    }
  }
  return plan;
}

ProbePlan plan_peak_compute(const CandidateContext& context) {
  ProbePlan plan{"peak_compute", {}, 0.006, 0.1, {}};
  const bool bf16 = has_feature(context.machine, "avx512_bf16") ||
                    (context.machine.isa == "aarch64" && has_feature(context.machine, "bf16"));
  for (const int threads : context.threads) {
    if (!context.is_end(threads)) continue;
    for (const char* operation : {"registers", "onednn"}) {
      for (const char* type : {"f32", "int8", "bf16"}) {
        // Not planned where it is known to be missing; asked for alone it says why.
        if (type[0] == 'b' && !bf16 && !context.alone) continue;
        plan.candidates.push_back(
            {Parameters{{"operation", operation}, {"type", type}, {"threads", threads}}, 1, 0.02,
             operation[0] == 'r' ? 30 : 20});
      }
    }
  }
  return plan;
}

}  // namespace mb
