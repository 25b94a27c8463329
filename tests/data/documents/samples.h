// Full sample documents: every field set to something that is not its default.
#pragma once
#include "data/documents/comparison.h"
#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"

namespace mb {

inline Machine sample_machine() {
  Machine machine;
  machine.cpu_model = "Sample \"CPU\" <b>é</b>";
  machine.isa = "x86_64";
  machine.cpu_features = {"avx2", "avx512f"};
  for (int i = 0; i < 4; ++i) {
    machine.pus.push_back({.os_index = i,
                           .core = i / 2,
                           .package = 0,
                           .numa_node = 0,
                           .l3_domain = 0,
                           .smt_rank = i % 2,
                           .core_kind = 0,
                           .usable = i != 3});
  }
  machine.caches = {{1, 32768, 2, 2, 64}, {2, 1 << 20, 2, 2, 64}, {3, 32 << 20, 1, 4, {}}};
  machine.numa_nodes = {{0, std::int64_t{24} << 30}};
  machine.core_kinds = {"performance"};
  machine.limits = {.installed_cpus = 4,
                    .affinity_cpus = 3,
                    .quota_cpus = 2.5,
                    .quota_source = "cgroup v2 /a/cpu.max",
                    .effective_cpus = 2,
                    .limited_by = "quota",
                    .memory_available_bytes = 22'000'000'000,
                    .memory_total_bytes = 24'000'000'000,
                    .memory_limit_bytes = 8'000'000'000,
                    .address_space_bytes = {},
                    .memory_budget_bytes = 8'000'000'000,
                    .shm_total_bytes = 1 << 26,
                    .shm_free_bytes = 1 << 25};
  machine.os = "Debian GNU/Linux 12 (bookworm)";
  machine.kernel = "6.1.0";
  machine.hypervisor = "KVM";
  machine.cloud_label = "m7a.large";
  machine.cloud_life_cycle = "spot";
  machine.cloud_zone = "eu-central-1a";
  machine.thp_mode = "madvise";
  machine.shmem_thp_mode = "never";
  machine.hugetlb_free_pages = {{"2048kB", 0}};
  machine.missing = {{"hardware counters", "no PMU in this guest", "use a metal instance"}};
  return machine;
}

inline Point sample_point() {
  Point point;
  point.probe = "stream_bandwidth";
  point.quantity = "bandwidth";
  point.unit = Unit::kBytesPerSecond;
  point.parameters = {{"operation", "read"}, {"level", "dram"}, {"page", "thp"}};
  point.parameters.set("threads", 2);
  point.name = point.parameters.name(point.probe);
  point.samples = {29.4e9, 30.1e9, 1.0 / 3.0, 5e-324, 1.7976931348623157e308};
  point.summary = summarise(point.samples, point.unit);
  point.modes = Modes{29.4e9, 36.8e9};
  point.verdict.worsen(Validity::kNoisy, "steal", "0.2 % of the used CPUs, limit 0.1 %");
  point.counters = {{{"PAPI_TOT_INS", 123456789012345}}, 0.75, "", ""};
  point.noise = {.wall_seconds = 0.5,
                 .cpu_seconds = 0.9,
                 .steal_share = 0.002,
                 .throttled_share = {},
                 .involuntary_switches_per_thread_second = 1.5,
                 .migrations = 0,
                 .major_faults = 0,
                 .clock_drift = -0.01};
  point.notes = {{"page_obtained", "thp"}};
  point.facts = {{"working_set_bytes", 1.3e8}};
  return point;
}

inline Results sample_results() {
  Results results;
  results.created_utc = "2026-01-31T12:00:00Z";
  results.state = "interrupted";
  results.command = {"memory_benchmark", "run", "--budget", "60s"};
  results.budget_seconds = 60;
  results.machine = sample_machine();
  results.build = {"0.1.0", "GCC 12.2", "Release", {{"hwloc", "2.9.0"}}, {"AVX2"}, "AVX2"};
  StepRecord step{.probe = "stream_bandwidth",
                  .argv = {"stream_bandwidth", "--plan", "p.json"},
                  .seconds = 4.5,
                  .exit_code = -1,
                  .points = 1,
                  .verdict = {}};
  step.verdict.worsen(Validity::kInvalid, "probe_failed", "killed by SIGSEGV");
  results.steps = {step};
  results.points = {sample_point()};
  Point bare;
  bare.name = "dispatch_overhead/barrier/sync:spin/threads:1";
  bare.probe = "dispatch_overhead";
  bare.quantity = "time";
  bare.parameters = {{"operation", "barrier"}, {"sync", "spin"}};
  bare.parameters.set("threads", 1);
  bare.counters.unavailable_cause = "no PMU";
  bare.counters.unavailable_remedy = "none here";
  results.points.push_back(bare);
  results.missing = {{"hugetlb_1g", "no pages reserved", "sysctl vm.nr_hugepages"}};
  results.calibrations = {{"llama.cpp", "qwen3-4b:q4_0", "decode", 2, 11.5, 12, 0.96}};
  results.calibrated_profiles = {{.name = "ours",
                                  .base = "generic",
                                  .sweeps = {"sweep.json"},
                                  .points = 4,
                                  .seconds_factors = {{"decode/weights", 1.25}},
                                  .serial_seconds_per_token = 2e-5,
                                  .rms_log_error_before = 0.3,
                                  .rms_log_error = 0.04}};
  return results;
}

inline PhaseAdvice sample_advice(const std::string& phase) {
  PhaseAdvice advice;
  advice.phase = phase;
  advice.threads = 2;
  advice.cpu_list = std::vector<int>{0, 2};
  advice.expected = {.phase = phase == "both" ? "decode" : phase,
                     .threads = 2,
                     .prompt_tokens = 512,
                     .context_tokens = 512,
                     .tokens_per_second = 12.5,
                     .low = 11,
                     .high = 14,
                     .regime = phase == "prefill" ? "streaming_prefill" : "memory_bound_decode",
                     .limited_by = "weights",
                     .seconds_by_term = {{"weights", 0.07}, {"dispatch", 0.001}}};
  advice.reason = "Two threads draw all the bandwidth there is.";
  advice.alternatives = {{1, 9.5, 0.24, "24 % slower and one core free"}};
  advice.confidence = "medium";
  advice.confidence_reasons = {"bandwidth was noisy"};
  return advice;
}

inline Recommendation sample_recommendation() {
  Recommendation document;
  document.created_utc = "2026-01-31T12:00:00Z";
  document.results_file = "results.json";
  document.limits = sample_machine().limits;
  document.verdict.worsen(Validity::kNoisy, "bimodal", "two groups");
  ModelAdvice model{.model = "qwen3-4b:q4_0", .title = "Qwen3 4B, Q4_0"};
  model.fits_reason = "needs 2.6 GiB of 7.5 GiB";
  model.weight_bytes = 2'400'000'000;
  model.weight_bytes_per_token = 2'300'000'000;
  model.kv_bytes_per_position = 147456;
  model.memory_bytes = 2'800'000'000;
  model.engine_profile = "llama.cpp-threadpool";
  model.prefill = sample_advice("prefill");
  model.decode = sample_advice("decode");
  model.compromise = sample_advice("both");
  model.compromise.cpu_list.reset();
  model.predictions = {model.decode.expected};
  model.engines = {{.engine = "env",
                    .title = "Environment",
                    .argv = {"llama-server", "-t", "2"},
                    .env = {{"OMP_NUM_THREADS", "2"}},
                    .file_name = "inference.env",
                    .file_content = "OMP_NUM_THREADS=2\n",
                    .notes = {"read once at start"}}};
  model.rules = {{"all logical CPUs", 4, 4, 0.1, -0.01}};
  model.by_prompt = {model.prefill.expected};
  document.models = {model};
  document.curves = {{.name = "dram_read",
                      .x_unit = "threads",
                      .y_unit = "B/s",
                      .x = {1, 2},
                      .y = {29e9, 37e9},
                      .low = {28e9, 33e9},
                      .high = {30e9, 44e9},
                      .marks = {{"knee_threads", 2}}}};
  document.findings = {{"warning", "Two states", "29 and 37 GB/s", "measure again later"}};
  document.missing = {{"eta", "no step points", "give a larger budget"}};
  document.rooflines = {{"decode_scaling/step/threads:2",
                         "decode",
                         "qwen3-4b:q4_0",
                         2,
                         30e9,
                         600e9,
                         {0.5, 20, 60},
                         {15e9, 600e9, 600e9},
                         {{"gate_up", 3.5, 90e9, 26e9, 0.04, 0.6, "dram"}}}};
  document.scenario_name = "chat";
  ModelScenario played{.model = "qwen3-4b:q4_0", .title = "Qwen3 4B, Q4_0", .fits_reason = "fits"};
  ScenarioPhase phase{.phase = "decode", .tokens = 30, .context_tokens = 200, .threads = 2};
  phase.regime = std::string(kMemoryBoundDecode);
  phase.limited_by = "weights";
  phase.tokens_per_second = 7.5;
  phase.seconds = 4;
  phase.low = 3.5;
  phase.high = 4.5;
  phase.start_seconds = 3;
  played.phases = {phase};
  played.seconds = 4;
  played.low = 3.5;
  played.high = 4.5;
  played.context_tokens_at_end = 230;
  played.plans = {{"per_phase", 0, 0, 4, 0}};
  played.reason = "There is nothing to switch.";
  document.scenario = played;
  return document;
}

inline Comparison sample_comparison() {
  Comparison document;
  ComparedDocument one{"server", "results", "Sample CPU", "m7a.large", 4};
  one.created_utc = "2026-01-31T12:00:00Z";
  one.version = "0.1.0";
  one.engine = "llama.cpp-threadpool";
  one.verdict.worsen(Validity::kNoisy, "bimodal", "two groups");
  one.price_per_hour = 0.68;
  document.documents = {one};
  document.warnings = {"Different plans, time to measure: server 60 s, other 10 s."};
  ComparedRate rate{.document = "server", .threads = 3, .tokens_per_second = 20, .low = 18};
  rate.high = 22;
  rate.prompt_tokens = 512;
  rate.context_tokens = 512;
  rate.limited_by = "weights";
  rate.note = "Q4";
  rate.cost_per_million_tokens = 9.44;
  rate.cost_low = 8.6;
  rate.cost_high = 10.5;
  rate.standing = "fastest";
  ModelComparison model{.model = "qwen3-4b:q4_0", .title = "Qwen3 4B, Q4_0"};
  model.phases = {{"decode", {rate}, "server", "server", true, true}};
  model.absent = {"other: needs 16.1 GiB of 7.5 GiB"};
  model.answer = "Answers are written fastest on server.";
  document.models = {model};
  document.counts = {{"server", "other", 1, 1, 0, 0}};
  document.figures = {{"stream_bandwidth/read/dram/threads:1", "B/s", "server", "other", 20e9, 19e9,
                       21e9, 30e9, 29e9, 31e9, 1.5, "better"}};
  return document;
}

inline Sweep sample_sweep() {
  Sweep sweep;
  sweep.id = "sample";
  sweep.source_title = "a sample";
  sweep.engine_name = "engine";
  sweep.caveats = "none of this was measured";
  sweep.machine.cpu = "Sample CPU";
  sweep.machine.isa = "x86_64";
  sweep.machine.physical_cores = 2;
  sweep.machine.logical_cpus = 4;
  sweep.machine.smt = 2;
  sweep.machine.l3_bytes_total = 32 << 20;
  sweep.model.name = "Qwen3-4B";
  sweep.model.quantisation = "Q4_0";
  sweep.model.weight_bytes = 2.4e9;
  SweepSeries series{.phase = "decode", .label = "run 1"};
  series.prompt_tokens = 135.9;
  series.batch = 1;
  for (const int threads : {1, 2, 4}) {
    SweepPoint point;
    point.threads = threads;
    point.tokens_per_second = 5.4 * threads;
    point.samples = {5.3 * threads, 5.4 * threads, 5.5 * threads};
    series.points.push_back(point);
  }
  SweepPoint failed{.status = "invalid", .note = "exit 1"};
  failed.threads = 8;
  series.points.push_back(failed);
  series.new_tokens = 64;
  series.points.front().total_tokens_per_second = 20;
  series.points.front().padding_tokens = 3;
  sweep.series = {series};
  sweep.created_utc = "2026-01-31T12:00:00Z";
  sweep.command = {"engine", "-t", "{threads}"};
  SweepRun run{.label = "run 1", .threads = 1, .round = 1, .seconds = 2.5, .remark = "a remark"};
  run.readings = {{.phase = "decode",
                   .prompt_tokens = 135.9,
                   .context_tokens = 200,
                   .new_tokens = 64,
                   .batch = 1,
                   .threads = 1,
                   .tokens_per_second = {5.4},
                   .total_tokens_per_second = 20,
                   .padding_tokens = 3}};
  run.usage = {.cpu_seconds = 2.4,
               .peak_rss_bytes = 2'000'000'000,
               .voluntary_switches = 7,
               .involuntary_switches = 9,
               .threads_spawned = 2,
               .threads_busy = 1,
               .threads_seen = 2,
               .threads = {{"engine", "R", 0.96, 1}},
               .counters = {{"instructions", 12'000'000'000}}};
  SweepRun dead{.threads = 8, .round = 1, .seconds = 0.1, .failure = "exit 1"};
  dead.usage.counters_unavailable = "no PMU";
  sweep.runs = {run, dead};
  return sweep;
}

}  // namespace mb
