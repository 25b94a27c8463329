// The tables behind the plan. Shares of the time were chosen so that on two CPUs and 60 s every
// point gets at least ten samples; the order puts the terms that all predictions rest on (DRAM
// bandwidth, matmul, attention, barriers) before the steps, which refine them and whose set-up
// (first touch of a chain of layers) may take longer than planned.
#include "data/plan/candidates.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <set>
#include <span>
#include <string>

#include "data/plan/placement.h"

namespace mb {
namespace {

constexpr std::int64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

// Attention geometry of the points: 2 x 8 KV heads x 128 x 2 bytes (f16).
constexpr std::int64_t kKvBytesPerPosition = 4096;

// Seconds until `bytes` that nobody has touched are there. A guest may be handed its memory page by
// page: 0.3 to 0.8 GB/s a CPU were seen on one, 0.6 to 2.8 on another; the kernel alone clears 2
// to 6. Buffers of a single memory node are touched by several CPUs (probes/core/rank_buffers). The
// first third of a second is in the points' own least seconds.
double touch_seconds(const Machine& machine, double bytes, bool by_several) {
  constexpr double kGuest = 0.7e9, kBareMetal = 3e9, kInThePoints = 0.33;
  constexpr int kMostTouching = 16;
  const int cpus = by_several && machine.usable_numa_nodes() == 1
                       ? std::clamp(machine.limits.effective_cpus, 1, kMostTouching)
                       : 1;
  return std::max(0.0, bytes / (machine.hypervisor ? kGuest : kBareMetal) / cpus - kInThePoints);
}

std::vector<int> usable_nodes(const Machine& machine) {
  std::set<int> nodes;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) nodes.insert(pu.numa_node);
  }
  return {nodes.begin(), nodes.end()};
}

// The cores of the node with the most, one PU each.
std::vector<int> usable_pus_of_node(const Machine& machine) {
  std::set<int> cores;
  std::vector<int> pus;
  for (const int os_index : place(machine, machine.usable_pus(), Placement::kNumaNode)) {
    const auto pu = std::ranges::find(machine.pus, os_index, &Pu::os_index);
    if (pu != machine.pus.end() && cores.insert(pu->core).second) pus.push_back(os_index);
  }
  return pus;
}

// Threads of one node reading memory of another, every pair of up to eight nodes (more would take
// minutes of first touch).
void add_node_matrix(const CandidateContext& context, const Parameters& of_point, int threads,
                     std::vector<Candidate>& out) {
  constexpr std::size_t kMostNodes = 8;
  std::vector<int> nodes = usable_nodes(context.machine);
  if (nodes.size() < 2) return;
  nodes.resize(std::min(nodes.size(), kMostNodes));
  for (const int cpu_node : nodes) {
    for (const int memory_node : nodes) {
      Parameters parameters = of_point;
      parameters.set("cpu_node", cpu_node).set("memory_node", memory_node).set("threads", threads);
      out.push_back({parameters, 4, 0.2, cpu_node == nodes.front() ? 18 : 12});
    }
  }
}

// Reads with threads kept in one domain or node, from one thread to all of its cores: how many it
// takes to use up what it has; and compact beside spread.
void add_placements(const CandidateContext& context, std::vector<Candidate>& out) {
  const Machine& machine = context.machine;
  const Parameters read{{"operation", "read"}, {"level", "dram"}, {"page", "thp"}};
  const auto add = [&](Placement placement, int threads, int importance) {
    Parameters parameters = read;
    parameters.set("placement", std::string(to_string(placement))).set("threads", threads);
    out.push_back({parameters, 4, 0.2, importance});
  };
  for (const int threads : context.threads) {
    if (place(machine, threads, Placement::kCompact) == place(machine, threads, Placement::kSpread))
      continue;
    add(Placement::kCompact, threads, 14);
  }
  for (const Placement placement : {Placement::kL3Domain, Placement::kNumaNode}) {
    const bool domain = placement == Placement::kL3Domain;
    if ((domain ? machine.usable_l3_domains() : machine.usable_numa_nodes()) < 2) continue;
    std::set<int> pus;  // of the one domain or node: its order repeats after the last
    for (const int pu : place(machine, machine.usable_pus(), placement)) pus.insert(pu);
    for (const int threads : context.threads) {
      if (threads > static_cast<int>(pus.size())) continue;
      add(placement, threads, threads == 1 ? 13 : domain ? 17 : 15);
    }
  }
}

// Hugetlb pages where enough are free for the buffers; they are a pool that somebody set aside.
void add_hugetlb(const CandidateContext& context, std::vector<Candidate>& out,
                 std::vector<Missing>& missing) {
  const Machine& machine = context.machine;
  const std::int64_t buffers = 4 * machine.last_level_cache_total_bytes();
  struct Kind {
    const char* page;
    const char* pool;
    std::int64_t bytes;
  };
  for (const Kind& kind :
       {Kind{"hugetlb_2m", "2048kB", 2 * kMiB}, {"hugetlb_1g", "1048576kB", kGiB}}) {
    const auto pool = machine.hugetlb_free_pages.find(kind.pool);
    const std::int64_t free = pool == machine.hugetlb_free_pages.end() ? 0 : pool->second;
    const std::int64_t threads = context.threads.back();
    // A buffer a thread, in whole pages.
    const std::int64_t needed = threads * ((buffers / threads + kind.bytes - 1) / kind.bytes);
    if (free < needed) {
      missing.push_back(
          {std::string("bandwidth on ") + kind.page + " pages",
           std::to_string(free) + " such pages are free, " + std::to_string(needed) + " are needed",
           "echo " + std::to_string(needed) + " | sudo tee /sys/kernel/mm/hugepages/hugepages-" +
               kind.pool + "/nr_hugepages"});
      continue;
    }
    for (const int count : context.threads) {
      if (!context.is_end(count)) continue;
      out.push_back(
          {Parameters{
               {"operation", "read"}, {"level", "dram"}, {"page", kind.page}, {"threads", count}},
           4, 0.2, context.importance_of(count) + 3});
    }
  }
}

ProbePlan stream_bandwidth(const CandidateContext& context, std::vector<Missing>& missing) {
  ProbePlan plan{"stream_bandwidth", {}, 0.26, 1.5, {}};
  auto& out = plan.candidates;
  // Two kinds of pages; the shares of larger teams add up to about as much as one thread's slice.
  const double slices = 4.0 * static_cast<double>(context.machine.last_level_cache_total_bytes());
  plan.set_up_seconds = touch_seconds(context.machine, 2 * 2 * slices, true);
  // Filling the arrays dominates a short DRAM point, hence its least time.
  for (const int threads : context.threads) {
    const int base = context.importance_of(threads);
    for (const char* operation : {"read", "write", "streaming_write", "copy", "triad"}) {
      // Decode is predicted from the read rate: it is watched for longer than the others.
      const bool read = std::string_view(operation) == "read";
      out.push_back(
          {Parameters{
               {"operation", operation}, {"level", "dram"}, {"page", "thp"}, {"threads", threads}},
           read ? 8.0 : 4.0, 0.2, base + (read ? 9 : 4)});
    }
    out.push_back(
        {Parameters{{"operation", "read"}, {"level", "dram"}, {"page", "4k"}, {"threads", threads}},
         4, 0.2, base + 6});
  }
  for (const char* level : {"L1", "L2", "L3"}) {
    const int number = level[1] - '0';
    if (!context.machine.cache_bytes(number)) continue;
    for (const int threads : context.threads) {
      if (!context.is_end(threads)) continue;
      for (const char* operation : {"read", "copy"}) {
        out.push_back(
            {Parameters{
                 {"operation", operation}, {"level", level}, {"page", "thp"}, {"threads", threads}},
             1, 0.05, 24});
      }
    }
  }
  if (context.wide) {
    for (const int threads : context.threads) {
      if (!context.is_end(threads)) continue;
      for (const char* operation : {"streaming_copy", "scale", "add", "streaming_triad"}) {
        out.push_back({Parameters{{"operation", operation},
                                  {"level", "dram"},
                                  {"page", "thp"},
                                  {"threads", threads}},
                       4, 0.2, 16});
      }
    }
    add_placements(context, out);
    const int of_node =
        static_cast<int>(std::max<std::size_t>(1, usable_pus_of_node(context.machine).size()));
    add_node_matrix(context, {{"operation", "read"}, {"level", "dram"}, {"page", "thp"}},
                    std::min(of_node, context.threads.back()), out);
    add_hugetlb(context, out, missing);
  }
  // Working sets by octaves, by half octaves where a level ends: from 4 KiB to past the caches.
  const std::int64_t last = 4 * context.machine.last_level_cache_total_bytes();
  for (std::int64_t bytes = 4 * kKiB; bytes <= std::min(last, kGiB); bytes *= 2) {
    for (const std::int64_t size : {bytes, bytes + bytes / 2}) {
      if (size > bytes && (bytes < 512 * kKiB || size > last)) continue;
      out.push_back(
          {Parameters{
               {"operation", "read"}, {"page", "thp"}, {"threads", 1}, {"working_set_bytes", size}},
           0.6, 0.03, size > bytes ? 8 : 22});
    }
  }
  return plan;
}

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
  const double chain = 4.0 * static_cast<double>(context.machine.last_level_cache_total_bytes());
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

ProbePlan cache_latency(const CandidateContext& context) {
  ProbePlan plan{"cache_latency", {}, 0.04, 0.3, {}};
  const Machine& machine = context.machine;
  // One thread sees one instance of the last level.
  const std::int64_t cache = machine.cache_bytes(3).value_or(machine.cache_bytes(2).value_or(kMiB));
  const std::int64_t last = std::clamp(4 * cache, 64 * kMiB, 512 * kMiB);
  for (std::int64_t bytes = 16 * kKiB; bytes <= last; bytes *= 2) {
    for (const std::int64_t size : {bytes, bytes + bytes / 2}) {
      if (size > bytes && (size < kMiB || size > last)) continue;
      const bool end = bytes == 16 * kKiB || bytes * 2 > last;
      plan.candidates.push_back(
          {Parameters{
               {"operation", "load"}, {"page", "thp"}, {"threads", 1}, {"working_set_bytes", size}},
           1, 0.02,
           end            ? 30
           : size > bytes ? 10
                          : 20});
    }
  }
  for (const std::int64_t size : {kMiB, last}) {
    plan.candidates.push_back(
        {Parameters{
             {"operation", "load"}, {"page", "4k"}, {"threads", 1}, {"working_set_bytes", size}},
         1, 0.02, 15});
  }
  if (context.wide) {
    add_node_matrix(context, {{"operation", "load"}, {"page", "thp"}, {"working_set_bytes", last}},
                    1, plan.candidates);
  }
  return plan;
}

ProbePlan loaded_latency(const CandidateContext& context) {
  ProbePlan plan{"loaded_latency", {}, 0.03, 0.5, {}};
  for (const int threads : context.threads) {
    for (const int rest : {0, 50, 80}) {
      if (rest > 0 && (threads == 1 || !context.is_end(threads))) continue;
      plan.candidates.push_back({Parameters{{"operation", "load"},
                                            {"page", "thp"},
                                            {"rest_percent", rest},
                                            {"threads", threads}},
                                 1, 0.1, context.importance_of(threads) - rest / 10});
    }
  }
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
// leaves a thread that spins, so in a process of its own or first.
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
    for (const int work_ms : {20, 5, 80}) {  // a token of a model of 1, of 0.3 and of 4 GB
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

ProbePlan shm_bandwidth(const CandidateContext& context, std::vector<Missing>& missing) {
  ProbePlan plan{"shm_bandwidth", {}, 0.09, 1.2, {}};
  const Limits& limits = context.machine.limits;
  // Past the caches (4x), 256 MiB at least, a quarter of what is free and 1 GiB at most: new pages
  // come at only 0.6 to 2.8 GB/s on a guest, so more would not fit a point's time.
  const std::int64_t wanted =
      std::clamp(4 * context.machine.last_level_cache_total_bytes(), 256 * kMiB, kGiB);
  const std::int64_t room =
      std::min({limits.shm_free_bytes.value_or(0) / 4, limits.memory_budget_bytes / 16, wanted});
  const std::int64_t bytes = room / (16 * kMiB) * (16 * kMiB);
  if (bytes == 0) {
    missing.push_back({"/dev/shm bandwidth",
                       limits.shm_free_bytes ? "less than 64 MiB are free in /dev/shm"
                                             : "/dev/shm is not mounted",
                       "mount a larger tmpfs there (Docker: --shm-size 1g)"});
    return plan;
  }
  for (const int threads : context.threads) {
    if (threads > 8 && !context.is_end(threads)) continue;
    for (const char* operation : {"write", "read", "repeat_read"}) {
      for (const char* path : {"read", "mmap"}) {
        plan.candidates.push_back({Parameters{{"operation", operation},
                                              {"path", path},
                                              {"total_bytes", bytes},
                                              {"threads", threads}},
                                   1, 0.15, context.is_end(threads) ? 20 : 5});
      }
    }
    if (!context.wide) continue;
    // Beside it: private memory, and an ordinary file in the page cache, as weights are mapped.
    for (const char* path : {"anonymous", "file_mmap", "file_read"}) {
      for (const char* operation : {"write", "read"}) {
        const bool file = path[0] == 'f', write = operation[0] == 'w';
        if (file && write) continue;
        plan.candidates.push_back({Parameters{{"operation", operation},
                                              {"path", path},
                                              {"total_bytes", bytes},
                                              {"threads", threads}},
                                   1, 0.15, context.is_end(threads) ? 12 : 4});
      }
    }
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
                               stream_bandwidth(context, missing),
                               matmul_throughput(context),
                               cache_latency(context),
                               attention_kv(context),
                               started_threads(context),
                               dispatch_overhead(context, /*passive=*/false),
                               dispatch_overhead(context, true),
                               steps(context, /*prefill=*/false),
                               steps(context, /*prefill=*/true),
                               plan_smt_interference(context, missing),
                               plan_clock(context),
                               plan_peak_compute(context),
                               loaded_latency(context),
                               shm_bandwidth(context, missing)};
  std::vector<ProbePlan> visits = second_visits(context, plans);
  double others = 0, more = 0;
  for (const ProbePlan& plan : std::span(plans).subspan(1)) others += plan.share;
  for (const ProbePlan& plan : visits) more += plan.share;
  // Not at the cost of the pairs of CPUs: on a large guest there are hardly enough as it is.
  plans.front().share *= 1 + more / others;
  std::ranges::move(visits, std::back_inserter(plans));
  return plans;
}

}  // namespace mb
