// The tables behind the plan. Shares of the time were chosen so that on two CPUs and 60 s every
// point gets at least ten samples; the order puts the terms that all predictions rest on (DRAM
// bandwidth, matmul, attention, barriers) before the steps, which refine them and whose set-up
// (first touch of a chain of layers) may take longer than planned.
#include "data/plan/candidates.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "data/plan/placement.h"

namespace mb {
namespace {

// Attention geometry of the points: 2 x 8 KV heads x 128 x 2 bytes (f16).
constexpr std::int64_t kKvBytesPerPosition = 4096;

ProbePlan matmul_throughput(const CandidateContext& context) {
  ProbePlan plan{"matmul_throughput", {}, 0.16, 1.0, {}};
  for (const char* type : {"q4_0", "q8_0", "q4_k", "q6_k", "bf16", "f16", "f32"}) {
    // No prediction is made without one product of either kind; other types stand in for a type.
    const std::string_view name = type;
    const bool common = name[0] == 'q';
    const int importance = name == "q4_0" ? 50 : name == "q8_0" ? 45 : common ? 38 : 25;
    plan.candidates.push_back(
        {Parameters{{"operation", "matvec"}, {"type", type}, {"threads", 1}}, 1, 0.05, importance});
    for (const int threads : context.threads) {
      for (const int rows : {16, 128, 512}) {
        const bool every_count = std::string_view(type) == "q4_0" || rows == 128;
        if (!every_count && !context.is_end(threads)) continue;
        // Of these one row alone: only the head is stored in q6_k, and bf16's ceiling is f16's.
        if (name == "q6_k" || name == "f16") continue;
        plan.candidates.push_back(
            {Parameters{
                 {"operation", "matmul"}, {"type", type}, {"rows", rows}, {"threads", threads}},
             1, 0.08,
             context.importance_of(threads) + (std::string_view(type) == "q4_0" ? 8
                                               : rows == 128                    ? 5
                                                                                : 2)});
      }
    }
  }
  return plan;
}

// A further model's chain is touched anew: 1 to 2 GB of an expert model at 1 GB/s and more.
constexpr double kSecondChainSeconds = 1.2;

ProbePlan steps(const CandidateContext& context, bool prefill) {
  ProbePlan plan{
      prefill ? "prefill_scaling" : "decode_scaling", {}, prefill ? 0.15 : 0.14, 3.0, {}};
  const double times = prefill ? 2 : 4;  // of the caches, for a dense model (workloads/step_plan.h)
  const double chain = times * static_cast<double>(context.machine.last_level_cache_total_bytes());
  plan.set_up_seconds = touch_seconds(context.machine, chain, false);
  // The most threads first: whoever comes first touches the chain, which all points share where
  // memory is one node, and a single thread took 1.6 of its 2 seconds to touch 0.7 GB on a guest.
  const std::vector<int> most_first(context.threads.rbegin(), context.threads.rend());
  int rank = 0;
  for (const std::string& model : context.models) {
    for (const int threads : most_first) {
      Parameters parameters{{"operation", "step"}, {"model", model}};
      if (prefill) parameters.set("prompt_tokens", 128);
      parameters.set("context_tokens", prefill ? 0 : 512).set("sync", "spin");
      parameters.set("threads", threads);
      plan.candidates.push_back({parameters, 1, rank == 0 ? 0.4 : kSecondChainSeconds,
                                 context.importance_of(threads) + (rank == 0 ? 9 : 1)});
    }
    ++rank;
  }
  return plan;
}

ProbePlan attention_kv(const CandidateContext& context) {
  ProbePlan plan{"attention_kv", {}, 0.10, 1.0, {}};
  // The published experiment's positions (10 to 17,000), and one well past the caches.
  const std::int64_t past_caches =
      2 * context.machine.last_level_cache_total_bytes() / kKvBytesPerPosition;
  std::vector<std::int64_t> positions{10, 100, 400, 1000, 2000, 4000, 10000, 17000};
  if (past_caches > 17000) positions.push_back(std::min<std::int64_t>(past_caches, 262144));
  const auto add = [&](std::int64_t count, int threads, bool one_core, int importance) {
    Parameters parameters{{"operation", "attention"},
                          {"positions", count},
                          {"kv_bytes", count * kKvBytesPerPosition}};
    if (one_core) parameters.set("placement", std::string(to_string(Placement::kCompact)));
    parameters.set("threads", threads);
    plan.candidates.push_back({parameters, 1, 0.04, importance});
  };
  for (const int threads : context.threads) {
    for (const std::int64_t count : positions) {
      const bool spine = count == 10 || count == 1000 || count >= 17000;
      add(count, threads, false, context.importance_of(threads) + (spine ? 7 : 3));
    }
  }
  // One core by two threads, beside one; all cores by one and by two are among the counts.
  if (!context.wide || !context.machine.has_smt() || context.threads.back() < 2) return plan;
  for (const std::int64_t count : positions) add(count, 2, true, count >= 17000 ? 15 : 12);
  return plan;
}

// A region over few and many rows, dealt in turn, with outputs side by side and apart.
void add_grain(const CandidateContext& context, const char* sync, std::vector<Candidate>& out) {
  const int threads = context.threads.back();
  for (const int rows : {256, 1024, 4096, 16384}) {
    for (const char* outputs : {"adjacent", "padded"}) {
      out.push_back({Parameters{{"operation", "grain"},
                                {"sync", sync},
                                {"rows", rows},
                                {"outputs", outputs},
                                {"threads", threads}},
                     1, 0.03, 8});
    }
  }
}

ProbePlan dispatch_overhead(const CandidateContext& context, bool passive) {
  ProbePlan plan{"dispatch_overhead", {}, passive ? 0.015 : 0.05, 0.3, {}};
  auto& out = plan.candidates;
  plan.environment = {{"OMP_WAIT_POLICY", passive ? "passive" : "active"}};
  const std::vector<const char*> kinds = passive
                                             ? std::vector<const char*>{"openmp_passive"}
                                             : std::vector<const char*>{"spin", "futex", "openmp"};
  const auto add = [&](const char* operation, const char* sync, int threads, int importance) {
    out.push_back({Parameters{{"operation", operation}, {"sync", sync}, {"threads", threads}}, 1,
                   0.03, importance});
  };
  for (const char* sync : kinds) {
    for (const int threads : context.threads) {
      const int base = context.importance_of(threads);
      add("barrier", sync, threads, base + 8);
      add("region", sync, threads, base + 2);
    }
  }
  if (!passive) {
    const Parameters pick{{"operation", "pick"},
                          {"model", context.models.front()},
                          {"pick", "top_p"},
                          {"threads", context.threads.front()}};
    out.push_back({pick, 1, 0.02, 20});
  }
  const int budget = context.threads.back();
  const bool oversubscribes = context.alone && budget == context.machine.limits.effective_cpus;
  if (oversubscribes) {
    // Oversubscription, the commonest disaster in containers: one thread too many, and twice.
    for (const char* sync : kinds) {
      for (const int threads : {budget + 1, 2 * budget}) add("barrier", sync, threads, 9);
    }
  }
  if (!context.wide || passive) return plan;
  for (const int threads : context.threads) {
    if (threads > 1) add("region", "work_stealing", threads, 10);
  }
  if (oversubscribes) add("region", "work_stealing", 2 * budget, 9);
  if (budget > 1) {
    add_grain(context, "spin", out);
    add_grain(context, "openmp", out);
  }
  return plan;
}

// Threads that are started for a step or region, unpinned: before any team pins their maker or
// leaves a thread that spins, so in a process of its own or first. Not behind what gives back much
// memory: two seconds later a guest's kernel reports it to the host, for half a second and more in
// which a step of 80 ms takes 90 to 125 (DECISIONS 118).
ProbePlan started_threads(const CandidateContext& context) {
  ProbePlan plan{"dispatch_overhead", {}, 0.05, 3, {}};
  plan.left_out_as = "the cost of starting threads for a step";
  plan.least_seconds = 0.8;  // three lengths of a step
  const auto add_region = [&](int threads, int importance) {
    const Parameters parameters{
        {"operation", "region"}, {"sync", "thread_create"}, {"threads", threads}};
    plan.candidates.push_back({parameters, 0.1, 0.03, importance});
  };
  for (const int threads : context.threads) {
    if (threads == 1 || (!context.wide && !context.is_end(threads))) continue;
    for (const int work_ms : {20, 80, 5}) {  // a token of a model of 1, of 4 and of 0.3 GB
      const Parameters parameters{{"operation", "step"},
                                  {"sync", "thread_create"},
                                  {"work_ms", work_ms},
                                  {"threads", threads}};
      plan.candidates.push_back({parameters, 1, 0.4, context.importance_of(threads)});
    }
    if (context.wide) add_region(threads, 10);
  }
  const int budget = context.threads.back();
  if (context.alone && budget > 1 && budget == context.machine.limits.effective_cpus) {
    add_region(2 * budget, 9);
  }
  return plan;
}

}  // namespace

bool CandidateContext::is_end(int count) const {
  return count == threads.front() || count == threads.back();
}

int CandidateContext::importance_of(int count) const {
  if (count == threads.front() || count == threads.back()) return 32;  // a curve needs its ends
  if (count == machine.usable_cores()) return 30;
  return thread_boundaries(machine).contains(count) ? 20 : 10;
}

std::vector<ProbePlan> candidate_plans(const CandidateContext& context,
                                       std::vector<Missing>& missing) {
  std::vector<ProbePlan> plans{plan_core_to_core(context, missing),
                               started_threads(context),
                               plan_stream_bandwidth(context, missing),
                               matmul_throughput(context),
                               plan_cache_latency(context),
                               attention_kv(context),
                               dispatch_overhead(context, /*passive=*/false),
                               dispatch_overhead(context, true),
                               steps(context, /*prefill=*/false),
                               steps(context, /*prefill=*/true),
                               plan_smt_interference(context, missing),
                               plan_clock(context),
                               plan_peak_compute(context),
                               plan_loaded_latency(context),
                               plan_shm_bandwidth(context, missing)};
  const auto time_of_others = [&] {
    double sum = 0;
    for (const ProbePlan& plan : std::span(plans).subspan(1)) sum += plan.share;
    return sum;
  };
  const double once = time_of_others();
  visit_again(context, plans);
  // Not at the cost of the pairs of CPUs: on a large guest there are hardly enough as it is.
  plans.front().share *= time_of_others() / once;
  return plans;
}

}  // namespace mb
