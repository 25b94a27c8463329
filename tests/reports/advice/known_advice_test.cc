// Advice on known machines against reviewed documents: whatever moves a figure or a word is seen.
// What each part promises is for the other tests; here every field is held at once.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "data/documents/forecast.h"
#include "reports/advice/advise.h"
#include "reports/advice/comparison.h"
#include "reports/advice/forecast.h"
#include "reports/advice/levers.h"
#include "reports/advice/scenario.h"
#include "tests/golden.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;

Laws known_laws() {
  Laws laws;
  laws.cores = 4;
  laws.smt = 2;
  laws.bandwidth_one = 12e9;
  laws.bandwidth_all = 30e9;
  laws.pages_4k = 0.85;
  laws.barrier_two = 8e-7;
  laws.models = {"qwen3-4b:q4_0"};
  return laws;
}

// The operations of a step with what they moved, and what counters saw.
void profile_steps(Results& results) {
  for (Point& point : results.points) {
    const std::int64_t threads = point.parameters.number_or("threads", 1);
    const bool step = point.probe == "decode_scaling" || point.probe == "prefill_scaling";
    const bool read = point.name.starts_with("stream_bandwidth/read/dram/page:thp");
    if (step || read) {
      point.counters.values = {{"PAPI_TOT_INS", 9'000'000 + 1000 * threads},
                               {"PAPI_TOT_CYC", 2'000'000 * threads},
                               {"PAPI_L3_TCM", 70'000 - 100 * threads}};
    }
    if (!step || threads < 4) continue;
    const double seconds = point.summary.median;
    for (const auto& [name, share, flops, bytes] :
         {std::tuple("gate_up", 0.5, 4e9, 1e9), std::tuple("attention", 0.3, 1e9, 2e9),
          std::tuple("norm", 0.15, 1e6, 4e6), std::tuple("layer0_norm", 0.05, 1e6, 1e6),
          std::tuple("copy", 0.05, 0.0, 1e6)}) {
      point.facts[std::string(name) + "_seconds"] = share * seconds;
      point.facts[std::string(name) + "_flops"] = flops;
      point.facts[std::string(name) + "_bytes"] = bytes;
    }
    point.notes["gate_up_served_by"] = "dram";
  }
}

void compare_hardware_threads(Results& results, int cores) {
  for (const auto& [work, one, two, unit] :
       {std::tuple("decode", 24e-3, 20e-3, Unit::kSeconds),
        std::tuple("prefill", 88e-3, 100e-3, Unit::kSeconds),
        std::tuple("compute", 400e9, 401e9, Unit::kFlopsPerSecond),
        std::tuple("stream_read", 30e9, 31e9, Unit::kBytesPerSecond)}) {
    for (const int each : {1, 2}) {
      synthetic::add_point(results, "smt_interference",
                           {{"operation", work},
                            {"cores", cores},
                            {"threads_per_core", each},
                            {"threads", cores * each}},
                           each == 1 ? one : two, unit, 0.003);
    }
  }
}

// Everything that advice looks at was measured.
Results well_known() {
  const Laws laws = known_laws();
  Results results = synthetic::results(laws);
  results.machine.cpu_features = {"avx2", "avx512f"};
  results.machine.governor = "powersave";
  profile_steps(results);
  compare_hardware_threads(results, laws.cores);
  Point& held = synthetic::add_held_step(results, 0.003);
  held.facts["rate_change"] = -0.07;
  held.noise.clock_drift = -0.06;
  return results;
}

// A guest with neighbours and a small quota.
Results disturbed() {
  Laws laws;
  laws.cores = 6;
  laws.spread = 0.12;
  laws.l3_bytes = 64 << 20;
  Machine machine = synthetic::machine(laws);
  machine.hypervisor = "KVM";
  machine.cloud_label = "t3.large";
  synthetic::set_quota(machine, 4.5);
  machine.limits.shm_total_bytes = 64 << 20;
  machine.missing = {{"hardware counters", "no PMU in this guest", "use a metal instance"}};
  machine.limits.memory_budget_bytes = 20LL << 30;
  Results results = synthetic::results(laws, machine);
  for (Point& point : results.points) {
    if (point.probe == "decode_scaling") point.verdict.worsen(Validity::kNoisy, "steal", "0.3 %");
    if (point.probe == "attention_kv" && point.parameters.number_or("threads", 1) == 2) {
      point.verdict.worsen(Validity::kInvalid, "pressure", "9 %");
    }
    if (point.probe == "stream_bandwidth") point.noise.throttled_share = 0.013;
    // All steps spread alike; without one that is the widest, rounding would say which is named.
    if (point.name.starts_with("prefill_scaling/step/model:qwen3-30b") &&
        point.parameters.number_or("threads", 1) == 2) {
      point.summary.mad *= 1.01;
    }
  }
  return results;
}

// Two sockets of four cores; nothing but isolated probes.
Results two_nodes() {
  Laws laws;
  laws.bandwidth_all = 90e9;
  laws.l3_domains = 2;
  laws.models = {};
  Machine machine = synthetic::machine(laws);
  machine.numa_nodes.push_back({1, 64LL << 30});
  for (Pu& pu : machine.pus) pu.numa_node = pu.package = pu.core / 4;
  machine.limits.affinity_cpus = 8;
  machine.limits.installed_cpus = 16;
  machine.limits.limited_by = "affinity";
  machine.pmu_counts = true;
  return synthetic::results(laws, machine);
}

std::string text_of(const PhaseAdvice& advice) {
  std::string text = fmt::format(
      " {}: {} threads on {}, {:.6g} tokens/s; {}\n  {} confidence: {}\n", advice.phase,
      advice.threads, advice.cpu_list ? fmt::format("{}", fmt::join(*advice.cpu_list, " ")) : "any",
      advice.expected.tokens_per_second, advice.reason, advice.confidence,
      fmt::join(advice.confidence_reasons, "; "));
  for (const Alternative& each : advice.alternatives) {
    text += fmt::format("  or {}: {:.6g} tokens/s, loss {:.6g}, {}\n", each.threads,
                        each.tokens_per_second, each.loss, each.note);
  }
  return text;
}

std::string text_of(const Offload& made) {
  return fmt::format(
      " offload {}: {} of {} layers, weights {} kv {} free {}, fits {}, cpu {:.6g} s gpu {:.6g} s, "
      "{:.6g} of {:.6g} tokens/s, alone {:.6g}\n",
      made.reason, made.gpu_layers, made.layers, made.gpu_weight_bytes, made.gpu_kv_bytes,
      made.free_bytes, made.rest_fits, made.cpu_seconds, made.gpu_seconds.value_or(0),
      made.tokens_per_second.value_or(0), made.tokens_per_second_at_most,
      made.cpu_only_tokens_per_second);
}

std::string text_of(const ModelAdvice& advice) {
  std::string text = fmt::format("{} {}: {}, {} {}\n", advice.model, advice.title,
                                 advice.fits_reason, advice.memory_bytes, advice.engine_profile);
  if (advice.offload) text += text_of(*advice.offload);
  if (!advice.fits) return text;
  for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode, &advice.compromise}) {
    text += text_of(*phase);
  }
  for (const RuleJudgement& each : advice.rules) {
    text += fmt::format(" {}: {} and {}, losses {:.6g} and {:.6g} {}\n", each.rule,
                        each.prefill_threads, each.decode_threads, each.prefill_loss,
                        each.decode_loss, each.note);
  }
  for (const Lever& each : advice.levers) {
    text += fmt::format(" {} {} {}: {:.6g} to {:.6g}, {:.6g} times; {}\n", each.name, each.setting,
                        each.phase, each.from_tokens_per_second,
                        each.to_tokens_per_second.value_or(0), each.speedup.value_or(0), each.note);
  }
  for (const Speculation& each : advice.speculation) {
    text += fmt::format(" {} drafts {}: {:.6g} s, check {:.6g} s, even at {:.6g};", each.draft,
                        each.draft_tokens, each.draft_seconds, each.check_seconds,
                        each.break_even_acceptance.value_or(-1));
    for (const auto& [share, speedup] : each.speedup_by_acceptance) {
      text += fmt::format(" {} {:.6g}", share, speedup);
    }
    text += "\n";
  }
  if (advice.target) {
    text += fmt::format(" target {}: {:.6g} times, {:.6g} B/s, {}\n", advice.target->reason,
                        advice.target->factor, advice.target->bandwidth_needed_bytes_per_second,
                        fmt::join(advice.target->reached_by, "; "));
  }
  return text;
}

std::string text_of(const Recommendation& made) {
  std::string text;
  for (const Finding& each : made.findings) {
    text += fmt::format("{}: {}: {}; {}; {}\n", each.severity, each.title, each.evidence,
                        each.remedy, each.cause);
  }
  for (const ModelAdvice& advice : made.models) text += text_of(advice);
  for (const KvPressure& each : made.kv_pressure) {
    text += fmt::format("{} threads: {:.6g} of KV, {:.6g} of L2, ratio {:.6g}\n", each.threads,
                        each.kv_bytes_per_thread, each.l2_bytes_per_thread, each.ratio);
  }
  for (const OffloadRule& each : made.offload_rules) {
    text += fmt::format("{} in {}: {}, {} {} to {} of {}, {}\n", each.model, each.gpu_memory_bytes,
                        each.reason, each.fitting, each.claimed_least, each.claimed_most,
                        each.layers, each.verdict);
  }
  return text;
}

TEST(KnownAdvice, OfAMachineWithEverythingMeasured) {
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0", "llama-2-70b:f16"};
  request.results_file = "results.json";
  request.target_tokens_per_second = 20;
  request.gpu = GpuOffer{2LL << 30, {}, 200e9};
  golden::expect("advice.json", to_json_text(advise(well_known(), request)), 1e-5);
}

TEST(KnownAdvice, OfBatchesLongContextsAndOtherEngines) {
  AdviceRequest request;
  request.models = {"qwen3-30b-a3b:q4_k_m", "gemma-3-270m:q8_0"};
  request.engine_profile = "pytorch-eager";
  request.context_tokens = 6000;
  request.batch = 3;
  request.kv_type = "q8_0";
  request.tolerance = 0.1;
  request.target_tokens_per_second = 60;
  request.gpu = GpuOffer{40LL << 30, 1LL << 30, 500e9};
  golden::expect("advice-batch.txt", text_of(advise(well_known(), request)), 1e-5);
}

TEST(KnownAdvice, OfADisturbedGuestAndOfTwoNodes) {
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0", "llama-3.1-8b:q8_0", "qwen3-30b-a3b:q8_0"};
  std::string text = "disturbed\n" + text_of(advise(disturbed(), request));
  request.models = {"llama-3.1-8b:q4_0"};
  request.engine_profile = "generic";
  text += "two nodes\n" + text_of(advise(two_nodes(), request));
  golden::expect("advice-machines.txt", text, 1e-5);
}

Sweep table(const std::string& name) {
  const std::string path = SOURCE_DIR "/data/datasets/seed/" + name + ".json";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return sweep_from_json_text(text.str(), path);
}

Results small_machine(double faster) {
  Laws laws;
  laws.cores = 2;
  laws.bandwidth_one *= faster;
  laws.bandwidth_all *= faster;
  laws.matmul_one *= faster;
  laws.models = {"qwen3-30b-a3b:q4_0"};
  Results results = synthetic::results(laws);
  results.machine.cloud_label = "m7a.large";
  results.build = {"0.1.0", "GCC 12.2", "Release", {}, {}, "AVX2"};
  return results;
}

TEST(KnownAdvice, OfMachinesAndTablesSideBySide) {
  const Sweep threads = table("ryzen9-7900-qwen3-30b-a3b-q4-threads"),
              lengths = table("m3-ultra-qwen3-30b-a3b-q4-prompt-length");
  ComparisonRequest request;
  request.models = {"qwen3-30b-a3b:q4_0", "qwen3-4b:q4_0", "llama-2-70b:f16"};
  Comparison made = compare_documents({{"small", small_machine(1), {}, 0.2},
                                       {"fast", small_machine(1.7), {}, 0.5},
                                       {"ryzen", {}, threads, 0.3},
                                       {"m3", {}, lengths, {}}},
                                      request);
  std::erase_if(made.figures, [](const ComparedFigure& figure) {
    return figure.point.find("threads:2") == std::string::npos;  // the rest is alike
  });
  golden::expect("compared.json", to_json_text(made), 1e-3);  // fits stand beside predictions
}

TEST(KnownAdvice, OfASizeBetweenTwoOfTheCatalogue) {
  const Results results = synthetic::results(known_laws());
  ForecastRequest request;
  request.engine = find_engine_profile("generic");
  request.threads = {2, 4, 16};
  golden::expect("forecast.json",
                 to_json_text(forecast(MachineModel(results), find_model("5B:q4_0"), request)),
                 1e-5);
}

TEST(KnownAdvice, OfConversations) {
  const Results results = synthetic::results(known_laws());
  std::string text;
  for (const ScenarioPreset& preset : scenario_presets()) {
    ScenarioRequest request;
    request.models = {"qwen3-4b:q4_0", "gemma-3-1b:q8_0", "llama-2-70b:f16"};
    request.phases = preset.phases;
    request.batch = preset.batch;
    text += to_json_text(play_scenario(results, request));
  }
  golden::expect("scenarios.json", text, 1e-5);
}

}  // namespace
}  // namespace mb
