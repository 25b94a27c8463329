// From points to curves. A point's value is its median; that of a bimodal point the mean of the
// middle half of its samples, since the median of two states is one of them by the toss of a
// sample, and what an engine will meet is both. Deviations of a point, as deviations of its
// logarithm:
//   error   from the 95 % interval of the median: ln(high / low) / (2 x 1.96)
//   spread  from the samples: 1.4826 x MAD / median (the normal law's factor), at least the error;
//           of a bimodal point half the distance between the modes
// Both have a floor of half a percent (no clock and no machine is steadier) and are doubled for
// noisy points, which so weigh less and widen what rests on them; not of bimodal ones, whose two
// states say themselves how far apart they are.
#include "reports/model/measured.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "data/error.h"

namespace mb {
namespace {

constexpr double kLeastDeviation = 0.005;
constexpr double kSingleSampleDeviation = 0.05;  // one sample shows no spread: assume 5 %
// Of a guest's point, what its other minutes are away from the one visited: ratios of two points of
// a run scattered by 0.15 with one thread and 0.30 with two in 20 runs, each of both by 0.7 of
// that.
constexpr double kMinutes = 0.15;

struct Deviations {
  double spread = 0, error = 0;
};

Deviations deviations(const Point& point) {
  const Summary& summary = point.summary;
  double error = kSingleSampleDeviation, spread = kSingleSampleDeviation;
  if (summary.count > 1 && summary.low > 0 && summary.median > 0) {
    error = std::max(kLeastDeviation, std::log(summary.high / summary.low) / (2 * 1.96));
    spread = std::max(error, 1.4826 * summary.mad / summary.median);
  }
  if (point.modes && point.modes->low > 0) {
    return {std::max(error, std::log(point.modes->high / point.modes->low) / 2), error};
  }
  if (point.verdict.validity == Validity::kNoisy) return {2 * spread, 2 * error};
  return {spread, error};
}

// Mean of the middle half, of all where there are less than four.
double middle_mean(const std::vector<double>& sorted) {
  const auto quarter = static_cast<std::ptrdiff_t>(sorted.size() / 4);
  return std::reduce(sorted.begin() + quarter, sorted.end() - quarter) /
         static_cast<double>(std::ssize(sorted) - 2 * quarter);
}

std::string first_reason(const Verdict& verdict) {
  if (verdict.reasons.empty()) return std::string(to_string(verdict.validity));
  return fmt::format("{}: {}", verdict.reasons.front().code, verdict.reasons.front().detail);
}

// Types that stand in for each other, nearest first: quantised ones cost about the same to unpack
// per byte, two-byte floats the same per weight.
const std::vector<std::string_view>& stand_ins(WeightType type) {
  static const std::vector<std::string_view> quantised{"q4_0", "q4_k", "q8_0", "q6_k"};
  static const std::vector<std::string_view> q4_k{"q4_k", "q4_0", "q6_k", "q8_0"};
  static const std::vector<std::string_view> q8{"q8_0", "q6_k", "q4_0"};
  static const std::vector<std::string_view> q6{"q6_k", "q8_0", "q4_0"};
  static const std::vector<std::string_view> bf16{"bf16", "f16", "f32"};
  static const std::vector<std::string_view> f16{"f16", "bf16", "f32"};
  static const std::vector<std::string_view> f32{"f32", "bf16", "f16"};
  switch (type) {
    case WeightType::kQ8_0:
    case WeightType::kInt8Rows:
    case WeightType::kInt8Group32:
    case WeightType::kInt8Group128:
    case WeightType::kFp8:
      return q8;
    case WeightType::kQ6_K:
    case WeightType::kQ5_K:
    case WeightType::kQ5_0:
    case WeightType::kQ5_1:
      return q6;
    case WeightType::kQ4_K:
    case WeightType::kQ3_K:
    case WeightType::kQ2_K:
      return q4_k;
    case WeightType::kBF16:
      return bf16;
    case WeightType::kF16:
      return f16;
    case WeightType::kF32:
    case WeightType::kF64:
      return f32;
    default:
      return quantised;
  }
}

// Seconds of one barrier with two threads, as seen on a small cloud guest: spin 0.1 us, libgomp
// 0.3 us, sleeping on a futex 22 us. One shared counter is handed around, hence linear growth.
double dispatch_prior_seconds(std::string_view sync, double threads) {
  const double two_threads = sync == "spin" ? 1e-7 : sync == "openmp" ? 3e-7 : 2.2e-5;
  return two_threads / 2 * std::max(0.0, threads - 1);
}

// Of the logarithm: a factor of two either way, as where nothing was measured.
constexpr double kMostStartSpread = 0.7;

}  // namespace

MeasuredCurves::MeasuredCurves(const Results& results, Minutes minutes)
    : machine(results.machine), working_set(Curve::Axes::kLogarithmic), minutes_(minutes) {
  for (const Point& point : results.points) take(point);
  if (machine.hypervisor) reconcile_pages();
  find_cache_levels();
  list_missing();
}

double MeasuredCurves::value_of(const Point& point) const {
  std::vector<double> sorted = point.samples;
  std::ranges::sort(sorted);
  // How long waking and starting threads takes is the scheduler's, not a neighbour's.
  if (minutes_ == Minutes::kQuiet && !sorted.empty() && point.probe != "dispatch_overhead") {
    constexpr double kQuickest = 0.1;
    const auto from_best =
        static_cast<std::size_t>(kQuickest * static_cast<double>(sorted.size() - 1));
    return point.unit == Unit::kSeconds ? sorted[from_best] : sorted[sorted.size() - 1 - from_best];
  }
  return point.modes && sorted.size() >= 4 ? middle_mean(sorted) : point.summary.median;
}

void MeasuredCurves::take(const Point& point) {
  static const std::set<std::string, std::less<>> needed{
      "stream_bandwidth",  "matmul_throughput", "cache_latency",   "attention_kv",
      "dispatch_overhead", "smt_interference",  "prefill_scaling", "decode_scaling"};
  const Parameters& axes = point.parameters;
  const std::string operation = axes.text_or("operation", "");
  if (!needed.contains(point.probe) || axes.has("placement") || axes.has("cpu_node")) return;
  if (axes.has("sustain_seconds")) return;  // its samples drift on purpose
  if (point.probe == "stream_bandwidth" && operation != "read") return;
  const Validity validity = point.verdict.validity;
  if (validity >= Validity::kInvalid || !(point.summary.median >= 0) || point.summary.count == 0) {
    if (validity == Validity::kInvalid) {
      missing.push_back({point.name, "refused as invalid (" + first_reason(point.verdict) + ")",
                         "measure it again; neighbouring points stand in"});
      verdict.worsen(Validity::kNoisy,
                     point.verdict.reasons.empty() ? "spread" : point.verdict.reasons.front().code,
                     point.name + " was refused as invalid");
    }
    return;
  }
  if (validity == Validity::kNoisy) {
    for (const Reason& reason : point.verdict.reasons) {
      verdict.worsen(Validity::kNoisy, reason.code, point.name + ": " + reason.detail);
    }
    verdict.validity = std::max(verdict.validity, Validity::kNoisy);
  }
  Deviations d = deviations(point);
  if (machine.hypervisor && point.probe != "dispatch_overhead") {
    d.spread = std::hypot(d.spread, kMinutes / std::sqrt(visits_of(point)));
  }
  const double value = value_of(point);
  if (value <= 0 && point.unit != Unit::kSeconds) return;  // a rate of nothing says nothing
  const auto threads = static_cast<double>(axes.number_or("threads", 1));
  if (point.probe == "stream_bandwidth") {
    take_stream(point, d.spread, d.error);
  } else if (point.probe == "cache_latency") {
    // On small pages translation would be taken for a cache's end.
    const auto bytes = axes.number("working_set_bytes");
    if (!bytes || axes.text_or("page", "") != "thp" || value <= 0) return;
    load_rate.add({static_cast<double>(*bytes), 1 / value, d.spread, d.error});
  } else if (point.probe == "matmul_throughput" && operation == "matvec") {
    if (threads != 1 || axes.has("working_set_bytes")) return;  // from the cache alone
    matvec[axes.text_or("type", "")] = {1, value, d.spread, d.error};
  } else if (point.probe == "matmul_throughput") {
    const auto rows = static_cast<double>(axes.number_or("rows", 1));
    const std::string type = axes.text_or("type", "");
    matmul.add(type, rows, {threads, value, d.spread, d.error, visits_of(point)});
  } else if (point.probe == "attention_kv") {
    attention.add("", static_cast<double>(axes.number_or("kv_bytes", 1)),
                  {threads, value, d.spread, d.error});
  } else if (point.probe == "dispatch_overhead") {
    // Oversubscription is shown, not modelled; a region over rows is not dispatch alone.
    if (operation == "grain" || threads > machine.limits.effective_cpus) return;
    if (operation == "step") return take_start(point, threads, d.spread, d.error);
    if (operation == "pick") return take_pick(point);
    dispatch[operation + "/" + axes.text_or("sync", "spin")].add(
        {threads, value, d.spread, d.error});
  } else if (point.probe == "smt_interference") {
    if (operation != "compute") return;
    // The two sides meet in one ratio, whichever comes first.
    const double signed_value = axes.number_or("threads_per_core", 1) == 2 ? value : 1 / value;
    smt_gain = smt_gain.value_or(1) * signed_value;
  } else {
    take_chain(point, d.spread, d.error);
  }
}

void MeasuredCurves::take_stream(const Point& point, double spread, double error) {
  const Parameters& axes = point.parameters;
  const auto threads = static_cast<double>(axes.number_or("threads", 1));
  const std::string name = axes.text_or("level", "");
  const double value = value_of(point);
  if (name == "dram") {
    dram.add(axes.text_or("page", "thp"), 0, {threads, value, spread, error});
  } else if (!name.empty()) {
    level.add(name, 0, {threads, value, spread, error});
  } else if (const auto bytes = axes.number("working_set_bytes"); bytes && threads == 1) {
    working_set.add({static_cast<double>(*bytes), value, spread, error});
  }
}

// A guest's memory changes between two points by more than the kind of page does. So the ratio of
// two kinds at a thread count is drawn towards what it usually is, and both move to their middle.
void MeasuredCurves::reconcile_pages() {
  // One thread that reads 4 KiB pages against huge ones: 0.98 and 1.04 on two guests with long
  // budgets (docs/memory.md), 0.80 in 20 runs of 45 s on one of them. Several threads that the
  // memory holds up already read both alike.
  constexpr double kOneThread = 0.85;
  double one = 0;  // middle of both kinds with one thread
  for (const double threads : dram.threads()) {
    const auto huge = dram.point("thp", 0, threads), small = dram.point("4k", 0, threads);
    if (!huge || !small || huge->y <= 0 || small->y <= 0) continue;
    const double middle = std::sqrt(huge->y * small->y);
    if (threads == 1) one = middle;
    const double usual = one > 0 ? std::min(1.0, kOneThread * threads * one / middle) : kOneThread;
    const double half =
        std::pow(usual, (1 - kRatioTrust) / 2) * std::pow(small->y / huge->y, kRatioTrust / 2);
    dram.add("thp", 0, {threads, middle / half, huge->spread, huge->error});
    dram.add("4k", 0, {threads, middle * half, small->spread, small->error});
  }
}

void MeasuredCurves::take_chain(const Point& point, double spread, double error) {
  const Parameters& axes = point.parameters;
  const auto fact = [&](const char* name) {
    const auto found = point.facts.find(name);
    return found == point.facts.end() ? 0.0 : found->second;
  };
  if (point.summary.median <= 0 || fact("layers") < 1) return;
  ChainPoint chain;
  chain.phase = point.probe == "prefill_scaling" ? "prefill" : "decode";
  chain.model = axes.text_or("model", "");
  chain.sync = axes.text_or("sync", "spin");
  if (const auto page = point.notes.find("page_obtained"); page != point.notes.end()) {
    chain.page = page->second;
  }
  chain.prompt_tokens = axes.number_or("prompt_tokens", 1);
  chain.micro_batch = axes.number_or("micro_batch", 0);
  chain.context_tokens = axes.number_or("context_tokens", 0);
  chain.layers = static_cast<std::int64_t>(fact("layers"));
  chain.layers_full = static_cast<std::int64_t>(fact("layers_full"));
  chain.regions = fact("regions");
  chain.head = !point.facts.contains("head_bytes") || fact("head_bytes") > 0;
  chain.threads = static_cast<int>(axes.number_or("threads", 1));
  chain.seconds = value_of(point);
  chain.spread = spread;
  chain.error = error;
  chains.push_back(std::move(chain));
}

MeasuredCurves MeasuredCurves::resampled(Random& random) const {
  MeasuredCurves drawn = *this;
  drawn.dram.perturb(random);
  drawn.level.perturb(random);
  drawn.matmul.perturb(random);
  drawn.attention.perturb(random);
  for (auto& [name, curve] : drawn.dispatch) curve.perturb(random);
  drawn.start.perturb(random);
  std::normal_distribution<double> normal;
  for (auto& [type, point] : drawn.matvec) point.y *= std::exp(point.error * normal(random));
  for (ChainPoint& chain : drawn.chains) chain.seconds *= std::exp(chain.error * normal(random));
  drawn.load_rate.perturb(random);
  return drawn;
}

std::optional<std::string> MeasuredCurves::matvec_type(WeightType type) const {
  for (const std::string_view name : stand_ins(type)) {
    if (matvec.contains(name)) return std::string(name);
  }
  return std::nullopt;
}

std::optional<std::string> MeasuredCurves::matmul_type(WeightType type) const {
  for (const std::string_view name : stand_ins(type)) {
    if (matmul.has(name)) return std::string(name);
  }
  return std::nullopt;
}

std::string MeasuredCurves::page(std::string_view wanted) const {
  if (dram.empty()) {
    throw Error(ErrorCode::kUntrustworthy,
                "no usable DRAM read bandwidth (stream_bandwidth/read/dram) in the results: every "
                "prediction needs it; measure again, with a longer --budget if it was cut short");
  }
  if (wanted == "anonymous") wanted = machine.thp_mode == "always" ? "thp" : "4k";
  for (const std::string_view name :
       {wanted, std::string_view("thp"), std::string_view("4k"), std::string_view("hugetlb_2m"),
        std::string_view("hugetlb_1g")}) {
    if (dram.has(name)) return std::string(name);
  }
  throw Error(ErrorCode::kUntrustworthy, "DRAM read bandwidth was measured on no known page kind");
}

double MeasuredCurves::threads_effective(double threads, bool dynamic_chunks) const {
  constexpr double kLeast = 0.1;
  if (matmul_scales()) return std::clamp(matmul.scaling(threads), kLeast, threads);
  const double cores = std::max(1, machine.usable_cores());
  if (threads <= cores) return threads;
  const double gain = smt_gain.value_or(1.0), siblings = threads - cores;
  // Shared out in chunks the extra threads add their gain; shared out evenly, all wait for the two
  // that share a core.
  const double added = dynamic_chunks ? cores + siblings * (gain - 1) : threads * gain / 2;
  return std::clamp(added, kLeast, threads);
}

// The step's own work is known; its deviations are those of what is left.
void MeasuredCurves::take_start(const Point& point, double threads, double spread, double error) {
  constexpr double kLeastSeconds = 1e-6;  // no thread starts sooner
  const auto work = point.facts.find("work_seconds");
  if (work == point.facts.end() || !(work->second > 0)) return;
  // The mean, as of each sample's steps: long ones are most of the cost. Of the samples' middle
  // half: on a guest one step in twenty took some 90 ms more, and chance says how many of a dozen
  // samples have one.
  std::vector<double> sorted = point.samples;
  std::ranges::sort(sorted);
  const double whole = sorted.empty() ? 0 : middle_mean(sorted);
  const double seconds = std::max(whole - work->second, kLeastSeconds);
  const double share = whole / seconds;
  start.add("", work->second,
            {threads, seconds, std::min(spread * share, kMostStartSpread),
             std::min(error * share, kMostStartSpread)});
}

void MeasuredCurves::take_pick(const Point& point) {
  const auto vocabulary = point.facts.find("vocabulary");
  if (vocabulary == point.facts.end() || !(vocabulary->second > 0)) return;
  pick_seconds = point.summary.median / vocabulary->second;
}

Estimate MeasuredCurves::start_seconds(double work_seconds, double threads) const {
  if (threads <= 1 || start.empty()) return {0, 0};
  Estimate seconds = start.at("", work_seconds, threads);
  // Each thread is started in turn.
  if (threads > start.most_threads()) seconds.value *= threads / start.most_threads();
  return seconds;
}

Estimate MeasuredCurves::dispatch_seconds(std::string_view operation, std::string_view sync,
                                          double threads) const {
  const std::string_view other = operation == "barrier" ? "region" : "barrier";
  for (const std::string_view name : {operation, other}) {
    std::string key(name);  // asked for in every step of every redraw
    key.append("/").append(sync);
    const auto found = dispatch.find(key);
    if (found == dispatch.end()) continue;
    const double most = found->second.points().back().x;
    if (threads > 1 && most <= 1) continue;  // one thread waits for nobody: it tells nothing
    Estimate seconds = found->second.at(threads);
    // More threads than were measured cost more, in proportion; holding the end would flatter them.
    if (threads > most) seconds.value *= threads / most;
    return seconds;
  }
  constexpr double kPriorSpread = 0.7;  // a factor of two either way
  return {dispatch_prior_seconds(sync, threads), kPriorSpread};
}

void MeasuredCurves::list_missing() {
  const char* remedy = "give a larger --budget, or run the probe alone";
  std::vector<std::string_view> no_matvec, no_matmul, no_dispatch;
  for (const char* type : {"q4_0", "q8_0", "q4_k", "q6_k", "bf16", "f32"}) {
    if (!matvec.contains(type)) no_matvec.push_back(type);
    if (!matmul.has(type) && std::string_view(type) != "q6_k") no_matmul.push_back(type);
  }
  for (const char* sync : {"spin", "openmp"}) {
    if (!dispatch.contains(fmt::format("barrier/{}", sync))) no_dispatch.push_back(sync);
  }
  if (!no_matvec.empty()) {
    missing.push_back({fmt::format("matrix-vector rate of {}", fmt::join(no_matvec, ", ")),
                       "not measured; the nearest measured type stands in", remedy});
  }
  if (!no_matmul.empty()) {
    missing.push_back({fmt::format("matrix product rate of {}", fmt::join(no_matmul, ", ")),
                       "not measured; the nearest measured type stands in", remedy});
  }
  if (!matmul.empty() && !matmul_scales() && machine.limits.effective_cpus > 1) {
    missing.push_back({"matrix products with several threads",
                       "not measured; one thread's rate on each core stands in", remedy});
    verdict.worsen(Validity::kNoisy, "prior", "matrix products with several threads");
  }
  if (!no_dispatch.empty()) {
    missing.push_back({fmt::format("barrier cost with {}", fmt::join(no_dispatch, ", ")),
                       "not measured; a figure typical of small cloud guests stands in", remedy});
    verdict.worsen(Validity::kNoisy, "prior", "dispatch cost");
  }
  if (attention.empty()) {
    missing.push_back({"attention throughput",
                       "not measured; attention is predicted from the KV bytes it reads alone",
                       remedy});
    verdict.worsen(Validity::kNoisy, "prior", "attention throughput");
  }
  if (!dram.empty() && !dram.has("4k")) {
    missing.push_back({"DRAM read bandwidth on 4 KiB pages",
                       "not measured; the figure of the measured page kind stands in", remedy});
  }
  for (const CacheLevel& cache : caches) {
    if (cache.measured) continue;
    missing.push_back({fmt::format("usable size of {}", cache.name),
                       "the working-set sweep shows no edge; the reported size stands in",
                       "none needed; a guest may be shown the host's cache"});
  }
  for (const char* phase : {"decode", "prefill"}) {
    if (std::any_of(chains.begin(), chains.end(),
                    [&](const ChainPoint& chain) { return chain.phase == phase; })) {
      continue;
    }
    missing.push_back({fmt::format("measured {} step", phase),
                       "no usable point; predictions rest on the isolated probes alone", remedy});
  }
}

}  // namespace mb
