// The points about memory: what every level reads and writes and how long a load waits, with
// threads placed apart or together, on every kind of page, and through /dev/shm.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "data/plan/candidates.h"
#include "data/plan/placement.h"

namespace mb {
namespace {

constexpr std::int64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

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
    // In whole pages: on one node parts of one buffer; on several a buffer a thread.
    const auto pages = [&kind](std::int64_t bytes) {
      return (bytes + kind.bytes - 1) / kind.bytes;
    };
    const std::int64_t needed =
        machine.usable_numa_nodes() == 1 ? pages(buffers) : threads * pages(buffers / threads);
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

}  // namespace

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

ProbePlan plan_stream_bandwidth(const CandidateContext& context, std::vector<Missing>& missing) {
  ProbePlan plan{"stream_bandwidth", {}, 0.26, 1.5, {}};
  auto& out = plan.candidates;
  // Two kinds of pages. On one node all teams have parts of one buffer, on several each thread its
  // own: the slices of larger teams add up to about as much as one thread's.
  const double slices = 4.0 * static_cast<double>(context.machine.last_level_cache_total_bytes());
  const int times = context.machine.usable_numa_nodes() == 1 ? 1 : 2;
  plan.set_up_seconds = touch_seconds(context.machine, times * 2 * slices, true);
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

ProbePlan plan_cache_latency(const CandidateContext& context) {
  ProbePlan plan{"cache_latency", {}, 0.04, 0.3, {}};
  const Machine& machine = context.machine;
  // One thread sees one instance of the last level.
  const std::int64_t cache = machine.cache_bytes(3).value_or(machine.cache_bytes(2).value_or(kMiB));
  const std::int64_t last = std::clamp(4 * cache, 64 * kMiB, 512 * kMiB);
  // The largest set on two kinds of pages; what smaller ones touched was given back just before.
  plan.set_up_seconds = touch_seconds(machine, 2.0 * static_cast<double>(last), true);
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

ProbePlan plan_loaded_latency(const CandidateContext& context) {
  ProbePlan plan{"loaded_latency", {}, 0.03, 0.5, {}};
  // As the probe has it: twice the cache beside readers that share it, else four times.
  const double times = context.machine.usable_l3_domains() == 1 ? 2 : 4;
  const double slice = times * static_cast<double>(context.machine.cache_bytes(3).value_or(0));
  plan.set_up_seconds =
      touch_seconds(context.machine, slice * std::max(2, context.threads.back()), true);
  // The most threads first: their buffers serve all others.
  const std::vector<int> most_first(context.threads.rbegin(), context.threads.rend());
  for (const int threads : most_first) {
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

ProbePlan plan_shm_bandwidth(const CandidateContext& context, std::vector<Missing>& missing) {
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

}  // namespace mb
