// Results documents of machines whose laws are known: bandwidth that rises with threads to a knee,
// cores that add up, hardware threads that share them behind a cliff, barriers that cost more with
// more threads. What a step takes is worked out here from the same laws by another, plainer way
// than the model's (hard maximum, no curves), so that a prediction can be wrong.
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "data/documents/results.h"
#include "data/plan/plan.h"
#include "workloads/shapes/model_shape.h"

namespace mb::synthetic {

struct Laws {
  int cores = 8, smt = 1, l3_domains = 1;
  double bandwidth_one = 20e9, bandwidth_all = 60e9;  // min(threads x one, all)
  double pages_4k = 0.9;                              // of the huge-page bandwidth
  double matvec_one = 25e9;                           // weight bytes/s of one thread from cache
  double matmul_one = 60e9;                           // FLOP/s of one thread at many rows
  double attention_one = 12e9;                        // FLOP/s of one thread
  double barrier_two = 1e-7;  // seconds with two threads, growing with T - 1
  double cliff = 0.7;         // rate of P cores when threads first share one (DESIGN's k)
  double recovery = 0.2;      // regained with two threads everywhere (r)
  double spread = 0.01;       // relative, of samples
  double efficiency = 0.9;    // of the measured chains
  double l3_bytes = 32 << 20, l3_one = 80e9;
  std::vector<std::string> models{"qwen3-4b:q4_0", "qwen3-30b-a3b:q4_0"};

  double threads_effective(double threads) const {
    if (threads <= cores) return threads;
    return cores * (cliff + recovery * (threads - cores) / cores);
  }
  double bandwidth(double threads) const {
    return std::min(threads * bandwidth_one, bandwidth_all);
  }
  double barrier(double threads) const { return barrier_two * (threads - 1); }
};

inline Machine machine(const Laws& laws) {
  Machine made;
  made.cpu_model = "synthetic";
  made.isa = "x86_64";
  made.core_kinds = {"core"};
  made.thp_mode = "madvise";
  made.numa_nodes = {{0, 64LL << 30}};
  for (int rank = 0; rank < laws.smt; ++rank) {
    for (int core = 0; core < laws.cores; ++core) {
      Pu pu;
      pu.os_index = rank * laws.cores + core;
      pu.core = core;
      pu.smt_rank = rank;
      pu.l3_domain = core * laws.l3_domains / laws.cores;
      made.pus.push_back(pu);
    }
  }
  const int all = laws.cores * laws.smt;
  made.caches = {
      {1, 32 << 10, laws.cores, laws.smt, 64},
      {2, 1 << 20, laws.cores, laws.smt, 64},
      {3, static_cast<std::int64_t>(laws.l3_bytes), laws.l3_domains, all / laws.l3_domains, 64}};
  Limits& limits = made.limits;
  limits.installed_cpus = limits.affinity_cpus = limits.effective_cpus = all;
  limits.memory_total_bytes = limits.memory_available_bytes = limits.memory_budget_bytes = 64LL
                                                                                           << 30;
  limits.shm_total_bytes = limits.shm_free_bytes = 32LL << 30;
  return made;
}

inline void set_quota(Machine& machine, double cpus) {
  machine.limits.quota_cpus = cpus;
  machine.limits.quota_source = "cgroup v2 /test/cpu.max";
  machine.limits.effective_cpus = std::max(1, static_cast<int>(cpus));
  machine.limits.limited_by = "quota";
}

class Writer {
 public:
  Writer(const Laws& laws, Machine made) : laws_(laws) {
    results_.created_utc = "2026-01-31T12:00:00Z";
    results_.budget_seconds = 60;
    results_.machine = std::move(made);
  }

  Point& add(const std::string& probe, Parameters parameters, double value, Unit unit,
             const std::string& quantity) {
    Point point;
    point.probe = probe;
    point.name = parameters.name(probe);
    point.parameters = std::move(parameters);
    point.unit = unit;
    point.quantity = quantity;
    for (int i = 0; i < 12; ++i) {  // symmetric around the value, so that its median is exact
      const double step = (i % 2 == 0 ? 1 : -1) * (0.5 + i / 2) / 6.0;
      point.samples.push_back(value * (1 + laws_.spread * step));
    }
    point.summary = summarise(point.samples, unit);
    results_.points.push_back(std::move(point));
    return results_.points.back();
  }

  Results finish() { return std::move(results_); }
  const Machine& machine() const { return results_.machine; }

 private:
  const Laws& laws_;
  Results results_;
};

// One more point, of nine samples that lie `step` apart relative to the value.
inline Point& add_point(Results& results, const std::string& probe, Parameters parameters,
                        double value, Unit unit, double step) {
  Point point;
  point.probe = probe;
  point.name = parameters.name(probe);
  point.parameters = std::move(parameters);
  point.unit = unit;
  for (int i = -4; i <= 4; ++i) point.samples.push_back(value * (1 + step * i));
  point.summary = summarise(point.samples, unit);
  results.points.push_back(std::move(point));
  return results.points.back();
}

// A prefill step of Qwen3 4B on eight threads, held for two minutes.
inline Point& add_held_step(Results& results, double step) {
  return add_point(results, "prefill_scaling",
                   {{"operation", "step"},
                    {"model", "qwen3-4b:q4_0"},
                    {"prompt_tokens", 128},
                    {"context_tokens", 0},
                    {"sync", "spin"},
                    {"sustain_seconds", 120},
                    {"threads", 8}},
                   0.1, Unit::kSeconds, step);
}

// Regions of the measured chain, as the step probes report them.
inline double chain_regions(const ModelShape& shape, std::int64_t layers) {
  return static_cast<double>(layers) * (shape.is_moe() ? 16 : 12) + 2;
}

// Seconds of one step by the laws, hard maximum of memory and compute.
inline double step_seconds(const Laws& laws, ModelShape shape, std::int64_t layers, bool prefill,
                           std::int64_t rows, std::int64_t cached, double regions, double page,
                           double threads) {
  shape.layers = layers;
  const double bandwidth = laws.bandwidth(threads) * page;
  const double effective = laws.threads_effective(threads);
  const auto bytes = shape.weight_bytes_for_rows(prefill ? rows : 1);
  const double compute = prefill ? shape.matmul_flops(rows) / (laws.matmul_one * effective)
                                 : bytes / (laws.matvec_one * effective);
  const double workers = std::min(threads, static_cast<double>(shape.heads * rows));
  const double attention = std::max(
      shape.attention_flops(rows, cached) / (laws.attention_one * laws.threads_effective(workers)),
      prefill ? 0.0 : static_cast<double>(shape.kv_bytes(cached + 1)) / bandwidth);
  return std::max(bytes / bandwidth, compute) + attention + regions * laws.barrier(threads);
}

inline void add_streams(Writer& writer, const Laws& laws, const std::vector<int>& counts) {
  for (const int threads : counts) {
    for (const char* page : {"thp", "4k"}) {
      const double share = std::string(page) == "4k" ? laws.pages_4k : 1;
      writer.add("stream_bandwidth",
                 {{"operation", "read"}, {"level", "dram"}, {"page", page}, {"threads", threads}},
                 laws.bandwidth(threads) * share, Unit::kBytesPerSecond, "bandwidth");
    }
  }
  for (const int threads : {counts.front(), counts.back()}) {
    writer.add("stream_bandwidth",
               {{"operation", "read"}, {"level", "L3"}, {"page", "thp"}, {"threads", threads}},
               laws.l3_one * std::min(threads, laws.cores), Unit::kBytesPerSecond, "bandwidth");
    if (counts.size() == 1) break;
  }
  // A third of the reported L3 is usable, as on a shared guest.
  for (std::int64_t bytes = 4 << 10; bytes <= 1 << 30; bytes *= 2) {
    const auto size = static_cast<double>(bytes);
    const double rate = size <= (32 << 10)          ? 200e9
                        : size <= (1 << 20)         ? 120e9
                        : size <= laws.l3_bytes / 3 ? laws.l3_one
                                                    : laws.bandwidth_one;
    writer.add(
        "stream_bandwidth",
        {{"operation", "read"}, {"page", "thp"}, {"threads", 1}, {"working_set_bytes", bytes}},
        rate, Unit::kBytesPerSecond, "bandwidth");
  }
}

inline void add_matmul(Writer& writer, const Laws& laws, const std::vector<int>& counts) {
  for (const char* type : {"q4_0", "q8_0", "q6_k", "bf16", "f32"}) {
    writer.add("matmul_throughput", {{"operation", "matvec"}, {"type", type}, {"threads", 1}},
               laws.matvec_one, Unit::kBytesPerSecond, "rate");
    if (std::string(type) == "q6_k") continue;
    for (const int threads : counts) {
      const bool end = threads == counts.front() || threads == counts.back();
      for (const int rows : {16, 128, 512}) {
        if (std::string(type) != "q4_0" && !end) continue;
        writer.add("matmul_throughput",
                   {{"operation", "matmul"}, {"type", type}, {"rows", rows}, {"threads", threads}},
                   laws.matmul_one * laws.threads_effective(threads), Unit::kFlopsPerSecond,
                   "throughput");
      }
    }
  }
}

inline void add_steps(Writer& writer, const Laws& laws, const std::vector<int>& counts) {
  for (const std::string& model : laws.models) {
    const ModelShape shape = find_model(model);
    const std::int64_t layers = std::min<std::int64_t>(shape.layers, 8);
    for (const int threads : counts) {
      for (const bool prefill : {false, true}) {
        Parameters parameters{{"operation", "step"}, {"model", model}};
        if (prefill) parameters.set("prompt_tokens", 128);
        parameters.set("context_tokens", prefill ? 0 : 512).set("sync", "spin");
        parameters.set("threads", threads);
        const double regions = chain_regions(shape, layers);
        const double seconds = step_seconds(laws, shape, layers, prefill, prefill ? 128 : 1,
                                            prefill ? 0 : 512, regions, 1, threads) /
                               laws.efficiency;
        Point& point = writer.add(prefill ? "prefill_scaling" : "decode_scaling", parameters,
                                  seconds, Unit::kSeconds, "time");
        point.facts = {{"layers", static_cast<double>(layers)},
                       {"layers_full", static_cast<double>(shape.layers)},
                       {"regions", regions}};
        point.notes["page_obtained"] = "thp";
      }
    }
  }
}

inline Results results(const Laws& laws, Machine made) {
  const std::vector<int> counts = thread_counts(made);
  Writer writer(laws, std::move(made));
  add_streams(writer, laws, counts);
  add_matmul(writer, laws, counts);
  for (const int threads : counts) {
    for (const int positions : {10, 1000, 17000}) {
      writer.add("attention_kv",
                 {{"operation", "attention"},
                  {"positions", positions},
                  {"kv_bytes", std::int64_t{positions} * 4096},
                  {"threads", threads}},
                 laws.attention_one * laws.threads_effective(threads), Unit::kFlopsPerSecond,
                 "throughput");
    }
    for (const char* sync : {"spin", "openmp"}) {
      for (const char* operation : {"barrier", "region"}) {
        writer.add("dispatch_overhead",
                   {{"operation", operation}, {"sync", sync}, {"threads", threads}},
                   laws.barrier(threads), Unit::kSeconds, "time");
      }
    }
  }
  add_steps(writer, laws, counts);
  return writer.finish();
}

inline Results results(const Laws& laws) { return results(laws, machine(laws)); }

}  // namespace mb::synthetic
