// The parts of the advice, one file each: the choice of a count (choose.cc), how sure it is
// (confidence.cc), rules of thumb judged (rules.cc), settings of engines (engines/),
// findings on the machine (findings.cc). advise.cc puts them together.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/plan/topology_check.h"
#include "reports/model/machine_model.h"
#include "reports/model/workload.h"

namespace mb {

// Predictions of one phase by thread count, 1 to the CPU budget.
using ByThreads = std::map<int, Prediction>;

// What all parts look at.
struct AdviceContext {
  const Results& results;
  const MachineModel& model;
  const EngineProfile& engine;
  double tolerance = 0.02;
  Query query;     // its phase is not set
  int budget = 1;  // effective CPUs
};

// Whether a model with the caches of all sequences fits the memory budget, in words.
struct Fit {
  bool fits = true;
  std::int64_t bytes = 0;
  std::string reason;
};
Fit fit_in_memory(const AdviceContext& context, const ModelShape& shape, std::int64_t positions);

// The smallest count within the tolerance of the best. Counts that were measured are eligible;
// others only where even the low end of their interval beats the best measured count.
struct Choice {
  int threads = 1;
  int best = 1;               // the fastest eligible count
  std::vector<int> eligible;  // ascending
};
Choice choose(const std::map<int, double>& score, const std::map<int, double>& low,
              const std::vector<int>& measured, double tolerance);

// The CPUs that a team of this many threads is placed on; nullopt where the budget is a quota.
std::optional<std::vector<int>> cpu_list_for(const AdviceContext& context, int threads);

PhaseAdvice advise_phase(const AdviceContext& context, const Workload& work,
                         const ByThreads& predictions, const std::vector<MachineModel>& redraws);
PhaseAdvice advise_compromise(const AdviceContext& context, const ByThreads& prefill,
                              const ByThreads& decode, const PhaseAdvice& prefill_advice,
                              const PhaseAdvice& decode_advice);

// Redraws of the machine within its errors, the same every time.
std::vector<MachineModel> redraw(const MachineModel& model);
// Sets confidence and its reasons.
void judge_confidence(const AdviceContext& context, const Workload& work, const Choice& choice,
                      const std::vector<MachineModel>& redraws, PhaseAdvice& advice);

std::vector<RuleJudgement> judge_rules(const AdviceContext& context, const ModelShape& shape,
                                       const ByThreads& prefill, const ByThreads& decode,
                                       const ModelAdvice& advice);
// Every format's settings, in the order of its table (engines/engines.cc).
// `quantisation` is the word for the layers' weight type (q4_0, bf16 ...).
std::vector<EngineSettings> engine_settings(const Machine& machine, const std::string& quantisation,
                                            const ModelAdvice& advice);
std::vector<Finding> find_findings(const AdviceContext& context);
// A step repeated for minutes (run --sustain).
struct Sustained {
  std::string point;
  double seconds = 0;
  double rate_change = 0;              // last tenth against the first, -0.1 is 10 % slower
  std::optional<double> clock_change;  // end against start
  bool lowers_confidence() const;      // to medium
  bool makes_advice_doubtful() const;  // to low
  std::string text() const;
};
std::optional<Sustained> sustained(const Results& results);
void sustain_finding(const AdviceContext& context, std::vector<Finding>& out);

// One against two threads a core, by kind of work; empty where they were not compared. A gain or
// loss counts from `tolerance` on.
std::vector<SmtComparison> compare_smt(const Results& results, double tolerance);
// At P, P + 1, P + 2 and 2 P threads, P the cores; empty without an L2 or without KV heads.
std::vector<KvPressure> kv_pressure(const AdviceContext& context, const ModelShape& shape);
void smt_findings(const Machine& machine, const std::vector<SmtComparison>& comparisons,
                  std::vector<Finding>& out);
// What the pairs of CPUs say of the claimed cores, caches and sockets; warnings go first.
void topology_findings(const Machine& claimed, const TopologyCheck& check,
                       std::vector<Finding>& out);
// Adds to the findings what the predictions and measurements together tell: symptom, cause, remedy.
void diagnose(const AdviceContext& context, Recommendation& made);

// What only charts show (chart_data.cc).
struct PhaseTokens;
std::vector<Prediction> predict_by_prompt(const AdviceContext& context, const Workload& work,
                                          int threads);
std::vector<Roofline> find_rooflines(const Results& results);
std::vector<ModelCurve> counter_curves(const Results& results);
void play_for_charts(const AdviceContext& context, Recommendation& made);  // its models are there
ModelScenario play_model(const AdviceContext& context, const ModelShape& shape,
                         const std::vector<PhaseTokens>& phases);

// "2.4 GiB"
std::string gib(std::int64_t bytes);
// "Qwen3 4B, Q4_0"
std::string title_of(const ModelShape& shape);
// "0-3,8" of sorted CPU numbers.
std::string cpu_ranges(const std::vector<int>& cpus);
// "1 thread", "4 threads".
std::string count_of(int count, const char* one);

}  // namespace mb
