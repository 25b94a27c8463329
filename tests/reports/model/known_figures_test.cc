// Predictions and fits of known machines against reviewed figures: whatever moves one is seen.
// That the laws hold is for the other tests; here every figure of a document is held at once.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "reports/model/calibrate.h"
#include "reports/model/fit.h"
#include "reports/model/machine_model.h"
#include "reports/model/request_time.h"
#include "reports/model/workload.h"
#include "tests/golden.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;

// Dependent loads of one thread: 2 ns in the L2, 12 in the L3, 90 in memory.
void add_latencies(Results& results, double l3_bytes) {
  for (std::int64_t bytes = 64 << 10; bytes <= 1 << 30; bytes *= 2) {
    const auto size = static_cast<double>(bytes);
    const double seconds = size <= (1 << 20) ? 2e-9 : size <= l3_bytes / 2 ? 12e-9 : 90e-9;
    for (const char* page : {"thp", "4k"}) {
      synthetic::add_point(results, "cache_latency",
                           {{"page", page}, {"working_set_bytes", bytes}, {"threads", 1}}, seconds,
                           Unit::kSeconds, 0.004);
    }
  }
}

Laws hardware_threads() {
  Laws laws;
  laws.cores = 6;
  laws.smt = 2;
  laws.l3_domains = 2;
  laws.pages_4k = 0.8;
  laws.spread = 0.03;
  laws.barrier_two = 1e-6;
  laws.models = {"qwen3-4b:q4_0"};
  return laws;
}

Results noisy_machine() {
  const Laws laws = hardware_threads();
  Results results = synthetic::results(laws);
  add_latencies(results, laws.l3_bytes);
  for (Point& point : results.points) {
    const std::int64_t threads = point.parameters.number_or("threads", 1);
    if (point.probe == "stream_bandwidth" && threads == 4) {
      point.verdict.worsen(Validity::kNoisy, "steal", "0.2 %");
    }
    if (point.probe == "attention_kv" && threads == 2) {
      point.verdict.worsen(Validity::kInvalid, "spread", "MAD 12 %");
    }
    if (point.probe == "decode_scaling" && threads == 6) {
      point.modes = Modes{0.9 * point.summary.median, 1.3 * point.summary.median};
    }
  }
  return results;
}

// What a run that was cut short knows: no step, no attention, arithmetic with one thread.
Results cut_short() {
  Laws laws = hardware_threads();
  laws.models = {};
  Results results = synthetic::results(laws);
  std::erase_if(results.points, [](const Point& point) {
    const std::int64_t threads = point.parameters.number_or("threads", 1);
    return point.probe == "attention_kv" || (point.probe == "matmul_throughput" && threads > 1) ||
           (point.probe == "dispatch_overhead" &&
            (threads > 4 || point.parameters.text_or("sync", "") == "openmp"));
  });
  for (const int each : {1, 2}) {
    synthetic::add_point(
        results, "smt_interference",
        {{"operation", "compute"}, {"cores", 6}, {"threads_per_core", each}, {"threads", 6 * each}},
        each == 1 ? 100e9 : 130e9, Unit::kFlopsPerSecond, 0.004);
  }
  return results;
}

Results large_cache() {
  Laws laws;
  laws.l3_bytes = 6e9;
  laws.l3_one = 60e9;
  laws.matvec_one = 300e9;
  laws.efficiency = 0.4;
  laws.models = {"qwen3-30b-a3b:q4_0"};
  return synthetic::results(laws);
}

const std::vector<Query>& queries() {
  static const std::vector<Query> all{
      {.phase = "decode"},
      {.phase = "decode", .context_tokens = 9000, .kv_type = "q8_0", .batch = 4},
      {.phase = "decode", .context_tokens = 64, .instances = 2, .rows = 5},
      {.phase = "prefill", .context_tokens = 0},
      {.phase = "prefill", .prompt_tokens = 9, .context_tokens = 4096},
      {.phase = "prefill", .prompt_tokens = 700, .context_tokens = 100, .batch = 2}};
  return all;
}

std::string line_of(const Prediction& seen) {
  std::string text = fmt::format("{:.7g} [{:.7g} {:.7g}] {} {} from {}; roofline {:.7g};",
                                 seen.tokens_per_second, seen.low, seen.high, seen.regime,
                                 seen.limited_by, seen.served_from, *seen.roofline_seconds);
  for (const auto& [term, seconds] : seen.seconds_by_term) {
    text += fmt::format(" {} {:.7g}", term, seconds);
  }
  return text + "\n";
}

std::string predictions_of(const std::string& machine, const MachineModel& model,
                           const std::vector<std::string>& engines) {
  std::string text;
  const int all = model.machine().limits.effective_cpus;
  for (const std::string& name : engines) {
    const EngineProfile engine = find_engine_profile(name);
    for (const char* spec : {"qwen3-4b:q4_0", "gemma-3-1b:q8_0", "qwen3-30b-a3b:q4_k_m"}) {
      const Workload work(find_model(spec));
      for (const Query& query : queries()) {
        for (const int threads : {3, all / static_cast<int>(query.instances)}) {
          text += fmt::format("{} {} {} {} p{} c{} b{} {} i{} r{} t{}: ", machine, name, spec,
                              query.phase, query.prompt_tokens, query.context_tokens, query.batch,
                              query.kv_type, query.instances, query.rows, threads);
          text += line_of(model.predict(work, engine, query, threads));
        }
      }
    }
  }
  return text;
}

std::string model_of(const std::string& machine, const MachineModel& model) {
  std::string text = fmt::format("{}: {}\n", machine, to_string(model.verdict().validity));
  for (const Reason& reason : model.verdict().reasons) {
    text += fmt::format(" {}: {}\n", reason.code, reason.detail);
  }
  for (const Missing& entry : model.missing()) {
    text += fmt::format(" missing {}: {}; {}\n", entry.what, entry.cause, entry.remedy);
  }
  for (const ModelCurve& curve : model.curves()) {
    text += fmt::format(" {} over {} in {}\n", curve.name, curve.x_unit, curve.y_unit);
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      text += fmt::format("  {:.7g}: {:.7g} [{:.7g} {:.7g}]\n", curve.x[i], curve.y[i],
                          curve.low[i], curve.high[i]);
    }
    for (const auto& [mark, value] : curve.marks) text += fmt::format("  {} {:.7g}\n", mark, value);
  }
  for (const char* phase : {"prefill", "decode"}) {
    text += fmt::format(" measured {}: {}\n", phase, fmt::join(model.measured_threads(phase), " "));
  }
  return text;
}

TEST(KnownFigures, OfPredictions) {
  const std::vector<std::string> engines{"generic", "llama.cpp-threadpool", "pytorch-eager"};
  const MachineModel plain(synthetic::results(Laws{})), noisy(noisy_machine()), cut(cut_short()),
      cache(large_cache());
  std::string text = predictions_of("plain", plain, engines) +
                     predictions_of("noisy", noisy, engines) +
                     predictions_of("cut", cut, {"generic", "rayon"}) +
                     predictions_of("cache", cache, {"generic"});
  for (const std::uint64_t seed : {1, 2}) {
    text += predictions_of(fmt::format("draw{}", seed), noisy.resampled(seed), {"generic"});
  }
  golden::expect("model-predictions.txt", text, 1e-5);
}

TEST(KnownFigures, OfCurvesAndWhatIsMissing) {
  golden::expect("model-curves.txt",
                 model_of("plain", MachineModel(synthetic::results(Laws{}))) +
                     model_of("noisy", MachineModel(noisy_machine())) +
                     model_of("cut", MachineModel(cut_short())) +
                     model_of("cache", MachineModel(large_cache())),
                 1e-5);
}

Sweep published_sweep(const std::string& name) {
  const std::string path = SOURCE_DIR "/data/datasets/" + name + ".json";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return sweep_from_json_text(text.str(), path);
}

// Intervals come from refits that begin at the best curve: they follow each other's path closely.
constexpr double kFitTolerance = 1e-3;

std::string fit_text(const SeriesFit& fit) {
  std::string text = fmt::format(" {} {} over {}: {} threads, {}, stable {:.6g}, rms {:.6g}\n",
                                 fit.phase, fit.label, fit.variable, fit.recommended_threads,
                                 fit.confidence, fit.stability, fit.rms_log_error);
  for (const std::string& reason : fit.reasons) text += fmt::format("  {}\n", reason);
  for (const FitParameter& each : fit.parameters) {
    text += fmt::format("  {} {:.6g} [{:.6g} {:.6g}] {}\n", each.name, each.value, each.low,
                        each.high, each.unit);
  }
  for (const auto& [edge, at] : fit.edges) text += fmt::format("  {} {:.6g}\n", edge, at);
  for (const FitCandidate& each : fit.candidates) {
    text +=
        fmt::format("  candidate {}: {:.6g}, loses {:.6g}{}\n", each.threads,
                    each.tokens_per_second, each.expected_loss, each.measured ? ", measured" : "");
  }
  for (const FitPrediction& each : fit.predicted) {
    text += fmt::format("  {} at {}: {:.6g} [{:.6g} {:.6g}] {} {} measured {:.6g}\n", each.threads,
                        each.at, each.tokens_per_second, each.low, each.high, each.regime,
                        each.limited_by, each.measured_tokens_per_second.value_or(0));
  }
  for (const FitLevel& each : fit.levels) {
    text += fmt::format("  {} bytes in {}: {:.6g}\n", each.kv_bytes, each.level,
                        each.gflops.value_or(0));
  }
  return text;
}

// Of each sweep the first `most` series.
std::string fits_text(const std::vector<const char*>& names, std::size_t most) {
  std::string text;
  for (const char* name : names) {
    Sweep sweep = published_sweep(name);
    sweep.series.resize(std::min(most, sweep.series.size()));
    text += fmt::format("{}\n", name);
    for (const SeriesFit& fit : fit_sweep(sweep, {.resamples = 40})) text += fit_text(fit);
  }
  return text;
}

TEST(KnownFigures, OfFitsOverThreads) {
  golden::expect("fit-threads.txt",
                 fits_text({"seed/ryzen9-7900-qwen3-30b-a3b-q4-threads",
                            "published/core-i7-12700h-llama32-1b-q4km-threads",
                            "published/dual-xeon-e5-2690v3-deepseek-r1-iq4kr4-threads",
                            "published/graviton3-64c-llama-7b-q8_0-threads"},
                           4),
                 kFitTolerance);
}

TEST(KnownFigures, OfFitsOverLengths) {
  golden::expect("fit-lengths.txt",
                 fits_text({"seed/ryzen9-7900-qwen3-30b-a3b-q4-prompt-length",
                            "seed/ec2-r8i-8xlarge-qwen3-30b-a3b-ipex-batch-sweep-run8",
                            "seed/ec2-r8i-8xlarge-qwen3-30b-a3b-ipex-generation-length-run9",
                            "published/xeon-6980p-deepseek-r1-q4kr4-depth-main",
                            "seed/ryzen9-7900-attention-kernel-kv-sweep"},
                           2),
                 kFitTolerance);
}

TEST(KnownFigures, OfFitsAsJson) {
  golden::expect("fit.json",
                 to_json_text(fit_sweep(
                     published_sweep("seed/ryzen9-7900-qwen3-30b-a3b-q4-prompt-length"), {})) +
                     to_json_text(fit_sweep(
                         published_sweep("seed/ryzen9-7900-attention-kernel-kv-sweep"), {})),
                 kFitTolerance);
}

// A published table beside predictions for a machine of as many cores.
TEST(KnownFigures, OfAComparisonAndItsCalibration) {
  Laws laws;
  laws.cores = 12;
  laws.smt = 2;
  const Results results = synthetic::results(laws);
  const MachineModel model(results);
  const NamedSweep named{"ryzen.json", published_sweep("seed/ryzen9-7900-qwen3-30b-a3b-q4-threads"),
                         find_model("qwen3-30b-a3b:q4_0")};
  std::vector<std::string> skipped;
  const auto points = compare(model, find_engine_profile("generic"), named, skipped);
  std::string text;
  for (const ComparedPoint& point : points) {
    text += fmt::format("{} t{}: measured {:.6g}, {}", point.phase, point.threads,
                        point.measured_tokens_per_second, line_of(point.predicted));
  }
  for (const PhaseErrors& each : errors_by_phase(points)) {
    text += fmt::format(
        "{}: {} points, mean {:.6g}, median {:.6g}, worst {:.6g}, bias {:.6g}, "
        "inside {:.6g}, {} x {:.6g}\n",
        each.phase, each.points, each.mean, each.median, each.worst, each.bias,
        each.inside_interval, each.term, each.factor);
  }
  for (const SeriesRegret& each : regrets(points, 0.02)) {
    text += fmt::format("{}: {} threads advised, {} best, {:.6g} lost\n", each.phase,
                        each.advised_threads, each.best_threads, each.regret);
  }
  const Results calibrated = calibrate(results, {named}, "llama.cpp");
  const CalibratedProfile& profile = calibrated.calibrated_profiles.at(0);
  text += fmt::format("{} on {}: {} points, serial {:.6g}, rms {:.6g} before {:.6g}\n",
                      profile.name, profile.base, profile.points, profile.serial_seconds_per_token,
                      profile.rms_log_error, profile.rms_log_error_before);
  for (const auto& [term, factor] : profile.seconds_factors) {
    text += fmt::format(" {} {:.6g}\n", term, factor);
  }
  const Workload work(named.shape);
  text += line_of(
      model.predict(work, engine_profile_for(calibrated, "llama.cpp"), {.phase = "decode"}, 8));
  const EndToEnd whole =
      end_to_end(model, work, find_engine_profile("generic"), {.phase = "prefill"}, 3000, 12, 4);
  text += fmt::format("{:.6g} s to the first token, {:.6g} of answer, {:.6g} [{:.6g} {:.6g}]\n",
                      whole.time_to_first_token_seconds, whole.decode_seconds, whole.seconds,
                      whole.low, whole.high);
  golden::expect("model-comparison.txt", text, kFitTolerance);
}

}  // namespace
}  // namespace mb
