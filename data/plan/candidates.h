// Candidate points of each probe, before the budget is dealt: what would be measured with all the
// time in the world, each with its relative cost and how much its loss would hurt.
#pragma once
#include <string>
#include <vector>

#include "data/plan/plan.h"

namespace mb {

struct Candidate {
  Parameters parameters;
  double weight = 1;         // relative share of the probe's time
  double least_seconds = 0;  // under this the point says nothing: drop it instead
  int importance = 0;        // dropped from the lowest up
};

struct CandidateContext {
  const Machine& machine;
  std::vector<int> threads;         // counts to sweep
  std::vector<std::string> models;  // for the step probes, most important first
  // Also the axes that no prediction needs (placements, node matrix, grain ...): asked for by
  // running one probe alone or by a large budget.
  bool wide = false;
  bool alone = false;                  // one probe was asked for: it may go past the CPU budget
  int importance_of(int count) const;  // 32 ends, 30 cores, 20 boundaries, 10 the rest
  bool is_end(int count) const;        // the fewest or the most threads
};

struct ProbePlan {
  std::string probe;
  std::map<std::string, std::string> environment;
  double share = 0;         // of the measuring time
  double most_seconds = 2;  // more does not make a point better
  std::vector<Candidate> candidates;
  double set_up_seconds = 0;  // first touch of what the points share
  double least_seconds = 0;   // where its share of the time is less, the whole plan is left out ...
  std::string left_out_as;    // ... and listed as missing by this name; empty: not listed
};

// In the order in which they are run; reasons for what cannot be asked here go to `missing`.
std::vector<ProbePlan> candidate_plans(const CandidateContext& context,
                                       std::vector<Missing>& missing);

// Of candidates_again.cc: adds, on a guest, further visits to what predictions rest on.
void visit_again(const CandidateContext& context, std::vector<ProbePlan>& plans);

// Of candidates_memory.cc.
ProbePlan plan_stream_bandwidth(const CandidateContext& context, std::vector<Missing>& missing);
ProbePlan plan_cache_latency(const CandidateContext& context);
ProbePlan plan_loaded_latency(const CandidateContext& context);
ProbePlan plan_shm_bandwidth(const CandidateContext& context, std::vector<Missing>& missing);
// Seconds until `bytes` that nobody has touched are there, beyond what is in the points' own.
double touch_seconds(const Machine& machine, double bytes, bool by_several);

// Of candidates_cores.cc.
ProbePlan plan_core_to_core(const CandidateContext& context, std::vector<Missing>& missing);
ProbePlan plan_smt_interference(const CandidateContext& context, std::vector<Missing>& missing);
ProbePlan plan_clock(const CandidateContext& context);
ProbePlan plan_peak_compute(const CandidateContext& context);

}  // namespace mb
