// predict(): terms of the step, scaled by the residual efficiency, named and given an interval.
//
// Interval (90 %): first-order sums of the logarithms. The total leans on five measured sources
// (bandwidth, matrix-vector, matrix product, attention, dispatch) with the weights that
// differentiation gives. Where a measured chain scales the prediction, an error that both share
// cancels, so only the difference of their leanings counts, and the chain's own spread is added.
// On top stands the error of form: 3 % where the same model was measured (what the published fits
// of this form leave), 10 % where another model's efficiency is borrowed, 20 % with none.
//
// Regime: decode is memory_bound_decode. Prefill is dispatch_bound_prefill where fewer than 32 new
// rows are computed (in the published prompt-length sweep such prompts reach less than three
// quarters of the plateau) or dispatch is the largest term, else streaming_prefill.
#include "reports/model/machine_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "reports/model/measured.h"
#include "reports/model/residual.h"
#include "reports/model/terms.h"
#include "reports/model/workload.h"

namespace mb {
namespace {

constexpr double kNormal90 = 1.645;
constexpr double kFormErrorSameModel = 0.03, kFormErrorBorrowed = 0.10, kFormErrorNone = 0.20;
constexpr std::int64_t kFewRows = 32;

double deviation(const StepTerms& terms, const ChosenResidual& chosen, double threads) {
  std::array<double, kSources> leaning = terms.weight;
  double form = kFormErrorNone, chain = 0;
  if (chosen.residual != nullptr) {
    const auto& shared = chosen.residual->leaning_at(threads);
    for (std::size_t i = 0; i < leaning.size(); ++i) leaning[i] -= shared[i];
    form = chosen.same_model ? kFormErrorSameModel : kFormErrorBorrowed;
    chain = chosen.residual->eta.at(threads).spread;
  }
  double variance = form * form + chain * chain;
  for (std::size_t i = 0; i < leaning.size(); ++i) {
    variance += std::pow(leaning[i] * terms.spread[i], 2);
  }
  return std::sqrt(variance);
}

std::string_view regime_of(bool prefill, std::int64_t rows, Term largest) {
  if (!prefill) return kMemoryBoundDecode;
  return rows < kFewRows || largest == Term::kDispatch ? kDispatchBoundPrefill : kStreamingPrefill;
}

}  // namespace

struct MachineModel::State {
  State(MeasuredCurves measured, std::shared_ptr<const std::vector<PreparedChain>> prepared)
      : curves(std::move(measured)),
        chains(std::move(prepared)),
        residuals(find_residuals(curves, *chains)) {}
  std::unique_ptr<State> resampled(std::uint64_t seed) const {
    Random random(seed);
    return std::make_unique<State>(curves.resampled(random), chains);
  }
  MeasuredCurves curves;
  std::shared_ptr<const std::vector<PreparedChain>> chains;
  std::vector<Residual> residuals;
};

MachineModel::MachineModel(const Results& results) {
  MeasuredCurves curves(results);
  auto chains = std::make_shared<const std::vector<PreparedChain>>(prepare_chains(curves.chains));
  if (results.machine.hypervisor) {
    quiet_ = std::make_unique<State>(MeasuredCurves(results, Minutes::kQuiet), chains);
  }
  state_ = std::make_unique<State>(std::move(curves), std::move(chains));
}
MachineModel::MachineModel(std::unique_ptr<State> state, std::unique_ptr<State> quiet)
    : state_(std::move(state)), quiet_(std::move(quiet)) {}
MachineModel::~MachineModel() = default;
MachineModel::MachineModel(MachineModel&&) noexcept = default;

MachineModel MachineModel::resampled(std::uint64_t seed) const {
  return {state_->resampled(seed), quiet_ ? quiet_->resampled(seed) : nullptr};
}

Prediction MachineModel::predict(const ModelShape& shape, const EngineProfile& engine,
                                 const Query& query, int threads) const {
  return predict(Workload(shape), engine, query, threads);
}

namespace {

Step step_of(const Query& query) {
  const bool prefill = query.phase == "prefill";
  if (!prefill && query.phase != "decode") {
    throw Error(ErrorCode::kUsage,
                fmt::format("unknown phase \"{}\": prefill or decode", query.phase));
  }
  const Step step{prefill,
                  prefill ? query.prompt_tokens : query.rows,
                  query.context_tokens,
                  query.kv_type,
                  query.batch,
                  query.instances};
  if (step.rows < 1 || step.cached < 0) {
    throw Error(ErrorCode::kUsage, "prompt: at least one token; context: none or more");
  }
  if (step.batch < 1 || step.instances < 1) {
    throw Error(ErrorCode::kUsage, "batch: at least one sequence");
  }
  return step;
}

// As the curves: at the count of all threads that run.
double all_threads(const Step& step, int threads) {
  return threads * static_cast<double>(step.instances);
}

// Of all that a token reads, by bytes.
double overlap_of(const EngineProfile& engine, const Workload& work) {
  double bytes = 0, weighted = 0;
  const auto add = [&](const TypedWork& part, double share) {
    bytes += share * part.bytes;
    weighted += share * part.bytes * engine.overlap_for(to_string(part.type), part.of_experts);
  };
  for (const TypedWork& dense : work.dense) add(dense, 1);
  for (const TypedWork& expert : work.experts) add(expert, work.experts_touched(1));
  add(work.head, 1);
  return bytes > 0 ? weighted / bytes : engine.overlap.value_or(0);
}

// An engine whose own overlap was measured, against plain reads, loses by that; of memory it takes
// from our steps what they got beyond or below what is usual of them.
Meeting meeting_of(const MeasuredCurves& curves, const ChosenResidual& chosen, const Workload& work,
                   const EngineProfile& engine, const Step& step, int threads) {
  Meeting met;
  const double all = all_threads(step, threads);
  if (chosen.residual != nullptr) met = chosen.residual->meeting_at(all);
  if (step.prefill || !engine.overlap) return met;
  if (met.memory < 1) met.memory = std::min(1.0, met.memory / kUsualMemory);
  met.overlap = overlap_of(engine, work) *
                share_asked_for(curves, engine.weights_page, all, work.weight_bytes_per_token());
  return met;
}

void scale(StepTerms& terms, const ChosenResidual& chosen, const EngineProfile& engine,
           const Step& step, int threads) {
  if (chosen.residual != nullptr) {
    // What stands between products is no slower for an engine whose products are.
    const double rest = std::pow(chosen.residual->rest.at(all_threads(step, threads)).value,
                                 step.prefill ? engine.prefill_slowdown : engine.decode_slowdown);
    for (const Term term : {Term::kWeights, Term::kCompute, Term::kAttention, Term::kDispatch}) {
      terms[term] /= rest;
    }
  }
  if (engine.seconds_factors.empty()) return;
  const auto factor = [&](std::string_view of) {
    const auto found =
        engine.seconds_factors.find(fmt::format("{}/{}", step.prefill ? "prefill" : "decode", of));
    return found == engine.seconds_factors.end() ? 1 : found->second;
  };
  const double others = std::pow(factor(kOtherThreads), others_share(all_threads(step, threads)));
  for (int i = 0; i < kTerms; ++i) {
    const auto term = static_cast<Term>(i);
    terms[term] *= factor(to_string(term)) * (term == Term::kSerial ? 1 : others);
  }
}

// What an engine takes that loses `slowdown` of what our kernels lose to neighbours, from what it
// would take with all they lose (`met`) and with none of it. Each term between its two, all of them
// to the total between both.
void lose_less(StepTerms& met, const StepTerms& quiet, double slowdown) {
  const auto between = [slowdown](double a, double b) {
    return a > 0 && b > 0 ? std::pow(a, slowdown) * std::pow(b, 1 - slowdown)
                          : std::lerp(b, a, slowdown);
  };
  const double total = between(met.total(), quiet.total());
  met.roofline_seconds = between(met.roofline_seconds, quiet.roofline_seconds);
  for (int i = 0; i < kTerms; ++i) {
    const auto term = static_cast<Term>(i);
    met[term] = between(met[term], quiet[term]);
  }
  const double sum = met.total();
  for (double& seconds : met.seconds) seconds *= total / sum;
}

}  // namespace

struct MachineModel::Scaled {
  Step step;
  StepTerms terms;
  double deviation = 0;  // of the total's logarithm

  Scaled(const State& state, const Workload& work, const EngineProfile& engine, const Query& query,
         int threads)
      : step(step_of(query)) {
    const ChosenResidual chosen = choose_residual(state.residuals, query.phase, work);
    terms = step_terms(state.curves, work, engine, step, threads,
                       meeting_of(state.curves, chosen, work, engine, step, threads));
    deviation = mb::deviation(terms, chosen, all_threads(step, threads));
    scale(terms, chosen, engine, step, threads);
  }
  double tokens_per_second() const {
    return static_cast<double>(step.rows * step.batch * step.instances) / terms.total();
  }
};

MachineModel::Scaled MachineModel::scaled(const Workload& work, const EngineProfile& engine,
                                          const Query& query, int threads) const {
  Scaled met(*state_, work, engine, query, threads);
  const double slowdown = met.step.prefill ? engine.prefill_slowdown : engine.decode_slowdown;
  if (quiet_ == nullptr || slowdown == 1) return met;
  lose_less(met.terms, Scaled(*quiet_, work, engine, query, threads).terms, slowdown);
  return met;
}

double MachineModel::tokens_per_second(const Workload& work, const EngineProfile& engine,
                                       const Query& query, int threads) const {
  return scaled(work, engine, query, threads).tokens_per_second();
}

Prediction MachineModel::predict(const Workload& work, const EngineProfile& engine,
                                 const Query& query, int threads) const {
  if (threads < 1) throw Error(ErrorCode::kUsage, "threads: at least 1 is needed");
  const Scaled scaled = this->scaled(work, engine, query, threads);
  const StepTerms& terms = scaled.terms;
  const Step& step = scaled.step;
  const double sigma = scaled.deviation;
  Prediction prediction;
  prediction.phase = query.phase;
  prediction.threads = threads;
  prediction.prompt_tokens = query.prompt_tokens;
  prediction.context_tokens = query.context_tokens;
  const double total = terms.total();
  if (!(total > 0) || !std::isnormal(1 / total) || !std::isfinite(sigma)) {
    throw Error(ErrorCode::kUntrustworthy,
                fmt::format("the measurements give no time that could be ({:g} s a step of {}): "
                            "some figure in the results is absurd; measure again",
                            total, query.phase));
  }
  prediction.batch = query.batch;
  prediction.kv_type = query.kv_type;
  prediction.tokens_per_second = scaled.tokens_per_second();
  prediction.low = prediction.tokens_per_second * std::exp(-kNormal90 * sigma);
  prediction.high = prediction.tokens_per_second * std::exp(kNormal90 * sigma);
  const auto largest = static_cast<Term>(
      std::max_element(terms.seconds.begin(), terms.seconds.end()) - terms.seconds.begin());
  prediction.regime = regime_of(step.prefill, step.rows, largest);
  prediction.limited_by = to_string(largest);
  for (int i = 0; i < kTerms; ++i) {
    const auto term = static_cast<Term>(i);
    prediction.seconds_by_term[std::string(to_string(term))] = terms[term];
    prediction.share_by_term[std::string(to_string(term))] = terms[term] / total;
  }
  prediction.seconds = total;
  prediction.ms_per_token = 1e3 / prediction.tokens_per_second;
  prediction.roofline_seconds = terms.roofline_seconds;
  if (terms.roofline_seconds > 0) prediction.overhead_factor = total / terms.roofline_seconds;
  prediction.served_from = terms.served_from;
  return prediction;
}

double MachineModel::region_seconds(const EngineProfile& engine, int threads) const {
  return state_->curves.dispatch_seconds("region", engine.sync, threads).value;
}

const Machine& MachineModel::machine() const { return state_->curves.machine; }

Verdict MachineModel::verdict() const {
  Verdict verdict = state_->curves.verdict;
  for (const Residual& residual : state_->residuals) {
    for (const std::string& text : residual.clamped) {
      verdict.worsen(Validity::kNoisy, "above_peak",
                     fmt::format("{} of {}: efficiency {}", residual.phase, residual.model, text));
    }
  }
  return verdict;
}

std::vector<Missing> MachineModel::missing() const {
  std::vector<Missing> missing = state_->curves.missing;
  for (const Residual& residual : state_->residuals) {
    if (residual.clamped.empty()) continue;
    missing.push_back(
        {fmt::format("efficiency of {} of {}", residual.phase, residual.model),
         fmt::format("outside what the terms can explain: {}", fmt::join(residual.clamped, "; ")),
         "measure again; if it stays, compare with a real engine (sweep, validate)"});
  }
  return missing;
}

std::vector<int> MachineModel::measured_threads(std::string_view phase) const {
  std::vector<int> counts;
  for (const Residual& residual : state_->residuals) {
    if (residual.phase != phase) continue;
    for (const CurvePoint& point : residual.eta.points())
      counts.push_back(static_cast<int>(point.x));
  }
  if (counts.empty()) {
    const Family& family = phase == "decode" || state_->curves.matmul.empty()
                               ? state_->curves.dram
                               : state_->curves.matmul;
    for (const double count : family.threads()) counts.push_back(static_cast<int>(count));
  }
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

namespace {

void add_point(ModelCurve& curve, double x, double y, double spread) {
  curve.x.push_back(x);
  curve.y.push_back(y);
  curve.low.push_back(y * std::exp(-kNormal90 * spread));
  curve.high.push_back(y * std::exp(kNormal90 * spread));
}

ModelCurve curve_of(std::string name, std::string x_unit, std::string y_unit, const Curve& from) {
  ModelCurve curve{std::move(name), std::move(x_unit), std::move(y_unit), {}, {}, {}, {}, {}};
  for (const CurvePoint& point : from.points()) add_point(curve, point.x, point.y, point.spread);
  return curve;
}

ModelCurve bandwidth_curve(const MeasuredCurves& curves) {
  ModelCurve curve{"bandwidth_read_dram", "threads", "B/s", {}, {}, {}, {}, {}};
  const std::string page = curves.page("thp");
  for (const double threads : curves.dram.threads()) {
    const Estimate estimate = curves.dram.at(page, 0, threads);
    add_point(curve, threads, estimate.value, estimate.spread);
  }
  // The knee: the fewest threads with 95 % of the most.
  const double most = *std::max_element(curve.y.begin(), curve.y.end());
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    if (curve.y[i] < 0.95 * most) continue;
    curve.marks["knee_threads"] = curve.x[i];
    break;
  }
  return curve;
}

ModelCurve working_set_curve(const MeasuredCurves& curves) {
  ModelCurve curve = curve_of("bandwidth_by_working_set", "B", "B/s", curves.working_set);
  for (const CacheLevel& cache : curves.caches) {
    if (!cache.measured) continue;
    curve.marks[fmt::format("l{}_usable_bytes", cache.name.substr(1))] = cache.usable_bytes;
  }
  return curve;
}

// Seconds again, as the probe measured them.
ModelCurve latency_curve(const MeasuredCurves& curves) {
  ModelCurve curve{"latency_by_working_set", "B", "s", {}, {}, {}, {}, {}};
  for (const CurvePoint& point : curves.load_rate.points()) {
    add_point(curve, point.x, 1 / point.y, point.spread);
  }
  for (const CacheLevel& cache : curves.caches) {
    if (!cache.usable_bytes_by_latency) continue;
    curve.marks[fmt::format("l{}_usable_bytes", cache.name.substr(1))] =
        *cache.usable_bytes_by_latency;
  }
  return curve;
}

}  // namespace

std::vector<ModelCurve> MachineModel::curves() const {
  std::vector<ModelCurve> curves;
  const MeasuredCurves& measured = state_->curves;
  if (!measured.dram.empty()) curves.push_back(bandwidth_curve(measured));
  if (!measured.working_set.empty()) curves.push_back(working_set_curve(measured));
  if (!measured.load_rate.empty()) curves.push_back(latency_curve(measured));
  for (const std::string_view phase : {"prefill", "decode"}) {
    for (const Residual& residual : state_->residuals) {
      if (residual.phase != phase) continue;
      curves.push_back(
          curve_of(fmt::format("eta_{}/{}", phase, residual.model), "threads", "1", residual.eta));
      curves.push_back(curve_of(fmt::format("measured_{}/{}", phase, residual.model), "threads",
                                "tokens/s", residual.whole_tokens_per_second));
    }
  }
  return curves;
}

}  // namespace mb
