// Diagnosis: a symptom, its cause and the remedy, each with the figure that shows it. Each is a
// small function that adds nothing where its figure is not there or in order.
//
// What belongs to a model is said of the first that fits; the machine is the same for all.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/advice/parts.h"

namespace mb {
namespace {

using Findings = std::vector<Finding>;

const ModelAdvice* first_fitting(const Recommendation& made) {
  for (const ModelAdvice& model : made.models) {
    if (model.fits && model.decode.threads > 0) return &model;
  }
  return nullptr;
}

const Prediction* at(const ModelAdvice& model, std::string_view phase, int threads) {
  for (const Prediction& each : model.predictions) {
    if (each.phase == phase && each.threads == threads) return &each;
  }
  return nullptr;
}

// DRAM bandwidth of the model's curve at a thread count it was measured at, and where it knees.
struct Bandwidth {
  double most = 0;
  int knee = 0;
  const ModelCurve* curve = nullptr;
  double at(int threads) const {
    for (std::size_t i = 0; i < curve->x.size(); ++i) {
      if (curve->x[i] >= threads) return curve->y[i];
    }
    return curve->y.back();
  }
};

std::optional<Bandwidth> bandwidth_of(const Recommendation& made) {
  for (const ModelCurve& curve : made.curves) {
    if (curve.name != "bandwidth_read_dram" || curve.y.empty()) continue;
    const auto knee = curve.marks.find("knee_threads");
    return Bandwidth{*std::max_element(curve.y.begin(), curve.y.end()),
                     knee == curve.marks.end() ? 0 : static_cast<int>(knee->second), &curve};
  }
  return std::nullopt;
}

void past_the_knee(const AdviceContext& context, const ModelAdvice& model,
                   const Bandwidth& bandwidth, Findings& out) {
  const Prediction* all = at(model, "decode", context.budget);
  if (all == nullptr || bandwidth.knee <= 0 || bandwidth.knee >= context.budget) return;
  const double loss = 1 - all->tokens_per_second / model.decode.expected.tokens_per_second;
  constexpr double kWorthSaying = 0.02;
  if (loss < kWorthSaying) return;
  out.push_back({"warning", "More threads decode slower",
                 fmt::format("{}: {} reach {:.0f} % of the memory's bandwidth, all {} decode "
                             "{:.0f} % slower than the {} advised",
                             model.title, count_of(bandwidth.knee, "thread"),
                             100 * bandwidth.at(bandwidth.knee) / bandwidth.most, context.budget,
                             100 * loss, model.decode.threads),
                 fmt::format("Give decode {} (engines' -t), prefill may keep {}.",
                             count_of(model.decode.threads, "thread"), model.prefill.threads),
                 "Threads past the knee of the bandwidth add no bytes, only waiting: dispatch and "
                 "shared cores."});
}

// Bytes a second that decode moves over what the memory gives the same threads.
void bandwidth_use(const ModelAdvice& model, const Bandwidth& bandwidth, Findings& out) {
  const Prediction& decode = model.decode.expected;
  if (decode.served_from != "dram") return;
  const double moved = decode.tokens_per_second / static_cast<double>(decode.batch.value_or(1)) *
                       static_cast<double>(model.weight_bytes_per_token);
  const double use = moved / bandwidth.at(decode.threads);
  constexpr double kLow = 0.2, kHigh = 0.7;
  // Some 250 words a minute are read, at four thirds of a token a word.
  constexpr double kReadingRate = 250.0 / 60 * 4 / 3;
  const std::string evidence = fmt::format(
      "decode of {} moves {:.3g} GB/s of weights, {:.0f} % of the {:.3g} GB/s that {} "
      "read; {:.3g} tokens/s",
      model.title, moved / 1e9, 100 * use, bandwidth.at(decode.threads) / 1e9,
      count_of(decode.threads, "thread"), decode.tokens_per_second);
  if (use < kLow) {
    const bool waiting = decode.limited_by == "dispatch";
    out.push_back(
        {"info", "Decode leaves the memory idle", evidence,
         waiting ? "Fewer threads, or an engine with fused operations."
                 : "A type that is cheaper to unpack, wider SIMD kernels, or a shorter "
                   "context; faster memory will not help.",
         fmt::format("It is not limited by memory: {} takes {:.0f} % of a token.",
                     decode.limited_by, 100 * decode.share_by_term.at(decode.limited_by))});
  } else if (use > kHigh && decode.tokens_per_second < kReadingRate) {
    out.push_back({"info", "The memory is busy and decode still slow", evidence,
                   "Fewer bytes a token: a smaller type, a smaller or a mixture-of-experts model, "
                   "or speculative decoding; more threads cannot help.",
                   "Every token reads all active weights once; they are large for this memory."});
  }
}

void variable_latency(const AdviceContext& context, Findings& out) {
  const Point* widest = nullptr;
  double most = 0;
  for (const Point& point : context.results.points) {
    if (point.probe != "decode_scaling" && point.probe != "prefill_scaling") continue;
    if (point.summary.median <= 0 || point.summary.count < 3) continue;
    const double spread = point.modes ? point.modes->high / point.modes->low - 1
                                      : point.summary.mad / point.summary.median;
    if (spread > most) {
      most = spread;
      widest = &point;
    }
  }
  constexpr double kVariable = 0.05;
  if (widest == nullptr || most < kVariable) return;
  const auto has = [&](const char* code) {
    return std::ranges::count(widest->verdict.reasons, code, &Reason::code) > 0;
  };
  const char* cause = has("steal")         ? "The hypervisor ran somebody else meanwhile."
                      : has("throttled")   ? "The CPU quota stopped the threads meanwhile."
                      : has("switches")    ? "Other programs took the CPUs meanwhile."
                      : has("migrations")  ? "Threads were moved between CPUs."
                      : has("clock_drift") ? "The clock changed meanwhile."
                      : widest->modes      ? "The memory has two states; a neighbour may share it."
                                           : "Nothing else was seen to run; caches or memory are "
                                             "shared with what is not seen here.";
  out.push_back({"warning", "Steps take varying time",
                 fmt::format("{}: {} by {:.0f} %", widest->name,
                             widest->modes ? "two modes apart" : "samples deviate", 100 * most),
                 "Measure at a quieter time; pin the engine's threads (CPU list of the advice) and "
                 "leave a core to the rest.",
                 cause});
}

void throttling(const AdviceContext& context, Findings& out) {
  int points = 0;
  double most = 0;
  for (const Point& point : context.results.points) {
    const double share = point.noise.throttled_share.value_or(0);
    points += share > 0;
    most = std::max(most, share);
  }
  if (points == 0) return;
  out.push_back(
      {"warning", "The CPU quota throttles",
       fmt::format("{} stopped, up to {:.1f} % of the time", count_of(points, "point"), 100 * most),
       fmt::format("Start at most {}: a quota is used up by the sum of all threads.",
                   count_of(context.budget, "thread")),
       context.results.machine.limits.quota_source.empty()
           ? "A control group above this one limits CPU time."
           : "Set by " + context.results.machine.limits.quota_source + "."});
}

// Two threads on cores of their own do twice the arithmetic of one.
void hidden_smt(const AdviceContext& context, Findings& out) {
  const Machine& machine = context.results.machine;
  if (machine.has_smt() || !machine.hypervisor || machine.usable_pus() < 2) return;
  // Pairs of CPUs tell it better where they were timed.
  if (!topology_evidence(context.results).contention.empty()) return;
  // The same product with one thread and with two.
  const Point *one = nullptr, *two = nullptr;
  for (const Point* point : context.results.of_probe("matmul_throughput")) {
    const Parameters& axes = point->parameters;
    if (axes.text_or("operation", "") != "matmul" || axes.number_or("threads", 0) != 2) continue;
    Parameters alone = axes;
    alone.set("threads", 1);
    one = context.results.find(alone.name(point->probe));
    two = point;
    if (one != nullptr &&
        std::max(one->verdict.validity, two->verdict.validity) <= Validity::kNoisy) {
      break;
    }
    one = nullptr;
  }
  if (one == nullptr || one->summary.median <= 0) return;
  const double gain = two->summary.median / one->summary.median;
  constexpr double kOfOneCore = 1.5;  // siblings gain 0 to 40 %, cores 100 %
  if (gain >= kOfOneCore) return;
  out.push_back({"warning", "Two CPUs do little more than one",
                 fmt::format("{}: two threads do {:.2f} times one", two->name, gain),
                 "Count cores, not CPUs: the measured curves do already.",
                 fmt::format("{} probably shows the two hardware threads of one core as cores, or "
                             "caps their CPU time.",
                             *machine.hypervisor)});
}

}  // namespace

void diagnose(const AdviceContext& context, Recommendation& made) {
  Findings out;
  const ModelAdvice* model = first_fitting(made);
  const auto bandwidth = bandwidth_of(made);
  if (model != nullptr && bandwidth) {
    past_the_knee(context, *model, *bandwidth, out);
    bandwidth_use(*model, *bandwidth, out);
  }
  variable_latency(context, out);
  throttling(context, out);
  hidden_smt(context, out);
  made.findings.insert(made.findings.end(), out.begin(), out.end());
  std::stable_partition(made.findings.begin(), made.findings.end(),
                        [](const Finding& finding) { return finding.severity == "warning"; });
}

}  // namespace mb
