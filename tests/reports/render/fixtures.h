// Two whole pairs of documents made by hand: a guest with two CPUs and a machine of 12 cores with
// 24 hardware threads. The figures are of plausible size and follow simple formulas; the CPU's name
// says that nothing was measured.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"

namespace mb::fixture {

struct Documents {
  Results results;
  Recommendation recommendation;
};

struct Size {
  int cores = 2, smt = 1;
  double dram_one = 29.4e9, dram_all = 36.8e9;  // B/s
  std::int64_t l3_bytes = 32 << 20, memory_bytes = 24LL << 30;
  int threads() const { return cores * smt; }
  std::vector<int> counts() const {
    std::vector<int> counts;
    for (int t = 1; t < threads(); t *= 2) counts.push_back(t);
    for (const int t : {cores / 2, cores, cores + 1, threads()}) {
      if (t >= 1 && t <= threads() && std::find(counts.begin(), counts.end(), t) == counts.end()) {
        counts.push_back(t);
      }
    }
    std::sort(counts.begin(), counts.end());
    return counts;
  }
  // DRAM bandwidth with t threads: linear at first, then flat.
  double dram(int t) const {
    return 1 / std::pow(std::pow(1 / (dram_one * t), 4) + std::pow(1 / dram_all, 4), 0.25);
  }
  // Full cores' worth of t threads: past the cores a hardware thread adds a tenth, after a cliff.
  double core_worth(int t) const { return t <= cores ? t : cores * 0.82 + 0.1 * (t - cores); }
};

// The samples scatter by a fixed pattern, so that intervals are not empty and runs are the same.
inline Point point(const std::string& probe, Parameters parameters, Unit unit, double value,
                   double scatter = 0.02) {
  Point p;
  p.probe = probe;
  p.name = parameters.name(probe);
  p.parameters = std::move(parameters);
  p.unit = unit;
  p.quantity = unit == Unit::kBytesPerSecond ? "bandwidth"
               : unit == Unit::kSeconds      ? "time"
                                             : "throughput";
  for (const double step : {0.3, -0.7, 0.1, 1.0, -0.2, -1.0, 0.0, 0.6, -0.4}) {
    p.samples.push_back(value * (1 + scatter * step));
  }
  p.summary = summarise(p.samples, unit);
  p.counters.unavailable_cause = "no counter can be opened in this guest";
  p.counters.unavailable_remedy = "none; timing alone is complete";
  p.noise.wall_seconds = 0.5;
  p.noise.cpu_seconds = 0.49;
  p.noise.steal_share = 0.001;
  return p;
}

inline Machine machine(const Size& size) {
  Machine m;
  m.cpu_model = size.smt > 1 ? "Fixture CPU 12-Core (not measured)" : "Fixture CPU (not measured)";
  m.isa = "x86_64";
  m.cpu_features = {"avx2", "avx512f", "avx512_vnni"};
  const int domain_cores = size.cores > 6 ? size.cores / 2 : size.cores;
  for (int rank = 0; rank < size.smt; ++rank) {
    for (int core = 0; core < size.cores; ++core) {
      Pu pu;
      pu.os_index = rank * size.cores + core;
      pu.core = core;
      pu.l3_domain = core / domain_cores;
      pu.smt_rank = rank;
      m.pus.push_back(pu);
    }
  }
  m.core_kinds = {"core"};
  m.caches = {{1, 32 << 10, size.cores, size.smt, 64},
              {2, 1 << 20, size.cores, size.smt, 64},
              {3, size.l3_bytes, size.cores / domain_cores, domain_cores * size.smt, 64}};
  m.numa_nodes = {{0, size.memory_bytes}};
  Limits& limits = m.limits;
  limits.installed_cpus = limits.affinity_cpus = limits.effective_cpus = size.threads();
  limits.limited_by = size.smt > 1 ? "installed" : "affinity";
  limits.memory_total_bytes = size.memory_bytes;
  limits.memory_available_bytes = limits.memory_budget_bytes = size.memory_bytes / 16 * 15;
  limits.shm_total_bytes = limits.shm_free_bytes = size.memory_bytes / 2;
  m.os = "Debian GNU/Linux 12 (bookworm)";
  m.kernel = "6.1.0";
  if (size.smt == 1) m.hypervisor = "KVM";
  m.thp_mode = "madvise";
  m.shmem_thp_mode = "never";
  m.missing = {{"hardware counters", "no counter can be opened in this guest",
                "choose a whole-socket or metal instance; everything else is complete without"}};
  return m;
}

inline void add_streams(Results& results, const Size& size) {
  const std::vector<std::pair<std::string, double>> operations{
      {"read", 1.0}, {"copy", 1.27}, {"triad", 1.25}, {"streaming_write", 0.85}, {"write", 0.6}};
  for (const auto& [operation, factor] : operations) {
    for (const std::string page : {"4k", "thp"}) {
      if (page == "4k" && operation != "read") continue;
      for (const int t : size.counts()) {
        const double value = size.dram(t) * factor * (page == "4k" ? 0.85 : 1);
        Parameters p;
        p.set("operation", operation).set("level", "dram").set("page", page).set("threads", t);
        results.points.push_back(point("stream_bandwidth", p, Unit::kBytesPerSecond, value, 0.05));
        if (t == size.counts().back() && operation == "copy") {
          results.points.back().verdict.worsen(Validity::kNoisy, "bimodal",
                                               "two states 1.4x apart, minutes long");
        }
      }
    }
  }
  for (const int t : {1, size.cores}) {
    for (std::int64_t bytes = 16 << 10; bytes <= (128 << 20); bytes *= 2) {
      const double b = static_cast<double>(bytes);
      const double l3 = static_cast<double>(size.l3_bytes) / 3;
      const double rate = b < 40e3 ? 203e9 : b < 1.2e6 ? 103e9 : b < l3 ? 97e9 : size.dram_one;
      const double all = t == 1 ? rate : rate > 50e9 ? rate * t * 0.93 : size.dram_all;
      Parameters p;
      p.set("operation", "read")
          .set("page", "thp")
          .set("threads", t)
          .set("working_set_bytes", bytes);
      results.points.push_back(point("stream_bandwidth", p, Unit::kBytesPerSecond, all));
    }
  }
}

inline void add_other_probes(Results& results, const Size& size) {
  for (const int t : {1, size.cores}) {
    for (std::int64_t positions = 8; positions <= 32768; positions *= 4) {
      const double slow = 1 + static_cast<double>(positions) / 6000;
      Parameters p;
      p.set("operation", "attention").set("positions", positions).set("kv_bytes", positions * 4096);
      p.set("threads", t);
      results.points.push_back(
          point("attention_kv", p, Unit::kFlopsPerSecond, 21e9 * t * 0.95 / slow));
    }
  }
  const std::vector<std::pair<std::string, double>> syncs{
      {"spin", 0.095e-6}, {"futex", 11e-6}, {"openmp", 0.28e-6}, {"openmp_passive", 9e-6}};
  for (const auto& [sync, cost] : syncs) {
    for (const int t : size.counts()) {
      if (t == 1) continue;
      for (const std::string operation : {"barrier", "region"}) {
        Parameters p;
        p.set("operation", operation).set("sync", sync).set("threads", t);
        const double seconds = cost * t / 2 * (operation == "region" ? 1.7 : 1);
        results.points.push_back(point("dispatch_overhead", p, Unit::kSeconds, seconds, 0.1));
      }
    }
  }
  for (const std::string operation : {"write", "read", "repeat_read"}) {
    for (const std::string path : {"read", "mmap"}) {
      for (const int t : {1, size.cores}) {
        Parameters p;
        p.set("operation", operation).set("path", path).set("threads", t);
        const double one = (operation == "write" ? 2.1e9 : 9.5e9) * (path == "mmap" ? 1.8 : 1);
        results.points.push_back(
            point("shm_bandwidth", p, Unit::kBytesPerSecond, one * std::sqrt(t), 0.04));
      }
    }
  }
  if (size.smt > 1) {
    for (const auto& [operation, gain] : std::vector<std::pair<std::string, double>>{
             {"compute", 0.97}, {"stream_read", 1.01}, {"attention", 1.12}}) {
      for (const int per_core : {1, 2}) {
        Parameters p;
        p.set("operation", operation).set("cores", size.cores);
        p.set("threads_per_core", per_core).set("threads", per_core * size.cores);
        const bool stream = operation == "stream_read";
        results.points.push_back(
            point("smt_interference", p, stream ? Unit::kBytesPerSecond : Unit::kFlopsPerSecond,
                  (stream ? size.dram_all : 900e9) * (per_core == 2 ? gain : 1)));
      }
    }
  }
  for (const int t : size.counts()) {
    Parameters p;
    p.set("operation", "matmul").set("type", "q8_0").set("rows", 512).set("threads", t);
    results.points.push_back(
        point("matmul_throughput", p, Unit::kFlopsPerSecond, 210e9 * size.core_worth(t)));
  }
}

struct Model {
  std::string name, title;
  double weight_bytes, active_bytes, parameters;
};

inline Prediction predict(const Size& size, const Model& model, const std::string& phase, int t) {
  Prediction p;
  p.phase = phase;
  p.threads = t;
  p.prompt_tokens = p.context_tokens = 512;
  std::map<std::string, double>& terms = p.seconds_by_term;
  if (phase == "decode") {
    const double worth = t <= size.cores ? 1 : size.core_worth(t) / size.cores;
    terms = {{"weights", model.active_bytes / (size.dram(t) * 0.8 * worth)},
             {"attention", 2.2e-3 / size.core_worth(t)},
             {"dispatch", 310 * 0.05e-6 * t},
             {"serial", 0.4e-3}};
  } else {
    terms = {{"compute", 512 * 2 * model.parameters / (210e9 * size.core_worth(t))},
             {"attention", 0.9 / size.core_worth(t)},
             {"dispatch", 310 * 0.05e-6 * t},
             {"serial", 0.4e-3}};
  }
  double seconds = 0, most = 0;
  for (const auto& [term, share] : terms) {
    seconds += share;
    if (share > most) {
      most = share;
      p.limited_by = term;
    }
  }
  for (const auto& [term, part] : terms) p.share_by_term[term] = part / seconds;
  p.tokens_per_second = (phase == "decode" ? 1 : 512) / seconds;
  p.low = p.tokens_per_second * 0.9;
  p.high = p.tokens_per_second * 1.08;
  p.regime = phase == "decode" ? kMemoryBoundDecode : kStreamingPrefill;
  return p;
}

inline PhaseAdvice phase_advice(const Size& size, const Model& model, const std::string& phase) {
  PhaseAdvice advice;
  advice.phase = phase;
  double best = 0;
  for (int t = 1; t <= size.threads(); ++t) {
    best = std::max(best, predict(size, model, phase, t).tokens_per_second);
  }
  for (int t = size.threads(); t >= 1; --t) {
    if (predict(size, model, phase, t).tokens_per_second >= 0.98 * best) advice.threads = t;
  }
  advice.expected = predict(size, model, phase, advice.threads);
  std::vector<int> cpus;
  for (int t = 0; t < advice.threads; ++t) cpus.push_back(t);
  advice.cpu_list = cpus;
  advice.reason = phase == "prefill"
                      ? "A prompt is computed, not streamed: every full core adds nearly its own "
                        "share, hardware threads add nothing."
                      : "A token reads every weight once, and this many threads already draw all "
                        "the bandwidth that memory gives.";
  const int other = advice.threads > 1 ? advice.threads - 1 : 1;
  if (other != advice.threads) {
    const double rate = predict(size, model, phase, other).tokens_per_second;
    advice.alternatives = {
        {other, rate, 1 - rate / advice.expected.tokens_per_second, "leaves one core free"}};
  }
  advice.confidence = "medium";
  advice.confidence_reasons = {"one bandwidth point is noisy (bimodal)"};
  return advice;
}

inline ModelAdvice model_advice(const Size& size, const Model& model) {
  ModelAdvice advice;
  advice.model = model.name;
  advice.title = model.title;
  advice.weight_bytes = static_cast<std::int64_t>(model.weight_bytes);
  advice.weight_bytes_per_token = static_cast<std::int64_t>(model.active_bytes);
  advice.kv_bytes_per_position = 147456;
  advice.memory_bytes = advice.weight_bytes + 512 * advice.kv_bytes_per_position;
  advice.engine_profile = "llama.cpp-threadpool";
  advice.fits = advice.memory_bytes < size.memory_bytes / 16 * 15;
  advice.fits_reason = fmt::format("needs {:.1f} GiB of {:.1f} GiB",
                                   static_cast<double>(advice.memory_bytes) / 0x1p30,
                                   static_cast<double>(size.memory_bytes / 16 * 15) / 0x1p30);
  if (!advice.fits) return advice;
  advice.prefill = phase_advice(size, model, "prefill");
  advice.decode = phase_advice(size, model, "decode");
  advice.compromise = advice.prefill;
  advice.compromise.phase = "both";
  for (const std::string phase : {"prefill", "decode"}) {
    for (int t = 1; t <= size.threads(); ++t) {
      advice.predictions.push_back(predict(size, model, phase, t));
    }
  }
  for (const std::int64_t cached : {0, 4096}) {
    for (const std::int64_t prompt : {8, 32, 128, 512, 2048}) {
      Prediction p = advice.prefill.expected;
      const double slow =
          1 + 6.0 / static_cast<double>(prompt) + static_cast<double>(prompt + cached) / 2e4;
      p.prompt_tokens = prompt;
      p.context_tokens = cached;
      p.tokens_per_second /= slow;
      p.low /= slow;
      p.high /= slow;
      if (prompt < 64) {
        p.regime = kDispatchBoundPrefill;
        p.limited_by = "dispatch";
        p.share_by_term = {
            {"compute", 0.3}, {"attention", 0.1}, {"dispatch", 0.5}, {"serial", 0.1}};
      }
      advice.by_prompt.push_back(p);
    }
  }
  const double now = advice.decode.expected.tokens_per_second;
  advice.levers = {{"quantisation", "q8_0", "decode", now, now * 0.55, 0.55, "more bytes a token"},
                   {"batch", "8 sequences", "decode", now, now * 3.1, 3.1, "weights read once"},
                   {"huge_pages", "thp", "prefill", now, now * 1.04, 1.04, "reads are faster"},
                   {"wide_attention", "", "decode", now, {}, {}, "nothing to be had here"}};
  const std::string prefill = std::to_string(advice.prefill.threads);
  const std::string decode = std::to_string(advice.decode.threads);
  advice.engines = {
      {"llama.cpp",
       "llama.cpp",
       {"llama-server", "-m", "model.gguf", "-t", decode, "-tb", prefill},
       {},
       {},
       {},
       {"-tb inherits -t when it is left out"}},
      {"ollama",
       "ollama",
       {},
       {},
       "Modelfile",
       "FROM model\nPARAMETER num_thread " + decode + "\n",
       {"one number for both phases"}},
      {"pytorch",
       "PyTorch",
       {},
       {{"OMP_NUM_THREADS", prefill}, {"MKL_NUM_THREADS", prefill}},
       {},
       {},
       {}},
      {"vllm", "vLLM on CPUs", {}, {{"VLLM_CPU_OMP_THREADS_BIND", "0-" + prefill}}, {}, {}, {}},
      {"rayon", "Rayon (Rust)", {}, {{"RAYON_NUM_THREADS", prefill}}, {}, {}, {}},
  };
  advice.rules = {{"all logical CPUs", size.threads(), size.threads(), 0.06, 0.11},
                  {"half of them", std::max(1, size.threads() / 2), std::max(1, size.threads() / 2),
                   0.02, 0.01}};
  return advice;
}

inline const std::string kQwen = "qwen3-4b:q4_0";  // a model that the documents hold

inline Documents documents(const Size& size) {
  Documents d;
  Results& results = d.results;
  results.created_utc = "2026-01-31T12:00:00Z";
  results.command = {"memory_benchmark", "run", "--budget", "60s", "--out", "my results"};
  results.budget_seconds = 60;
  results.machine = machine(size);
  results.build = {"0.1.0",          "GCC 12.2.0", "Release", {{"hwloc", "2.9.0"}},
                   {"AVX3", "AVX2"}, "AVX3"};
  add_streams(results, size);
  add_other_probes(results, size);
  results.missing = {
      {"1 GiB pages", "none are reserved",
       "echo 4 | sudo tee /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"}};
  if (size.smt == 1) {
    results.missing.push_back(
        {"hardware threads", "every core shows one PU", "nothing to compare"});
  }
  results.steps = {{"stream_bandwidth",
                    {"stream_bandwidth", "--plan", "plan.json"},
                    20.4,
                    0,
                    static_cast<int>(results.points.size()),
                    {}}};

  Recommendation& r = d.recommendation;
  r.created_utc = results.created_utc;
  r.results_file = "results.json";
  r.limits = results.machine.limits;
  r.verdict.worsen(Validity::kNoisy, "bimodal", "one DRAM point has two states");
  for (const Model& model :
       std::vector<Model>{{"gemma-3-270m:q4_0", "Gemma 3 270M, Q4_0", 0.24e9, 0.22e9, 0.27e9},
                          {"gemma-3-1b:q4_0", "Gemma 3 1B, Q4_0", 0.8e9, 0.72e9, 1.0e9},
                          {"qwen2.5-1.5b:q4_0", "Qwen2.5 1.5B, Q4_0", 1.0e9, 0.93e9, 1.54e9},
                          {"qwen3-4b:q4_0", "Qwen3 4B, Q4_0", 2.4e9, 2.37e9, 4.0e9},
                          {"llama-3.1-8b:q4_0", "Llama 3.1 8B, Q4_0", 4.7e9, 4.4e9, 8.0e9},
                          {"qwen3-30b-a3b:q4_0", "Qwen3 30B A3B, Q4_0", 17.3e9, 1.9e9, 3.3e9},
                          {"llama-2-70b:q4_0", "Llama 2 70B, Q4_0", 38.9e9, 38.7e9, 69e9}}) {
    r.models.push_back(model_advice(size, model));
  }
  const Model qwen{"qwen3-4b:q4_0", "Qwen3 4B, Q4_0", 2.4e9, 2.37e9, 4.0e9};
  for (const std::string phase : {"prefill", "decode"}) {
    ModelCurve curve{
        "measured_" + phase + "/" + qwen.name, "threads", "tokens/s", {}, {}, {}, {}, {}};
    for (const int t : size.counts()) {
      const double rate = predict(size, qwen, phase, t).tokens_per_second * 0.97;
      curve.x.push_back(t);
      curve.y.push_back(rate);
      curve.low.push_back(rate * 0.98);
      curve.high.push_back(rate * 1.02);
    }
    r.curves.push_back(curve);
  }
  r.curves.push_back({"bandwidth",
                      "threads",
                      "B/s",
                      {1.0},
                      {size.dram_one},
                      {},
                      {},
                      {{"knee_threads", size.smt > 1 ? 5.0 : 2.0}}});
  r.curves.push_back({"bandwidth_by_working_set",
                      "B",
                      "B/s",
                      {},
                      {},
                      {},
                      {},
                      {{"l3_usable_bytes", static_cast<double>(size.l3_bytes) / 3}}});
  r.scenario_name = "chat";
  ModelScenario played{.model = qwen.name, .title = qwen.title, .fits_reason = "fits"};
  played.reason = "There is nothing to switch.";
  for (const std::string phase : {"prefill", "decode", "prefill", "decode"}) {
    ScenarioPhase one{.phase = phase, .tokens = phase == "decode" ? 300 : 200};
    one.context_tokens = played.context_tokens_at_end;
    one.regime = phase == "decode" ? kMemoryBoundDecode : kStreamingPrefill;
    one.limited_by = phase == "decode" ? "weights" : "compute";
    one.threads = size.cores;
    one.tokens_per_second = predict(size, qwen, phase, size.cores).tokens_per_second;
    one.seconds = static_cast<double>(one.tokens) / one.tokens_per_second;
    one.low = one.seconds * 0.92;
    one.high = one.seconds * 1.1;
    one.start_seconds = played.seconds;
    played.seconds += one.seconds;
    played.context_tokens_at_end += one.tokens;
    played.phases.push_back(one);
  }
  r.scenario = played;
  r.findings = {
      {"warning", "Bandwidth has two states",
       "DRAM copy reads 46.7 GB/s for a minute, then 65 GB/s: a neighbour shares the memory.",
       "Run again at another hour, or take an instance that owns its socket."},
      {"info", "Huge pages help reads",
       "29.4 GB/s on transparent huge pages, 25.0 GB/s on 4 KiB pages with one thread.",
       "Keep weights in anonymous memory: with llama.cpp, --no-mmap."}};
  return d;
}

inline Documents small_guest() { return documents(Size{}); }
inline Documents smt_machine() { return documents(Size{12, 2, 31e9, 62e9, 32 << 20, 64LL << 30}); }

}  // namespace mb::fixture
