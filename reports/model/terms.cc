// smoothmax(a, b) = (a^p + b^p)^(1/p) with p = 4: memory and compute overlap almost wholly (threads
// prefetch while others compute), at equality the step takes 19 % more than either alone.
//
// A decode step is one row; a prefill step is ceil(S / ubatch) blocks that each read the weights,
// with the head computed for the last row of the last block only. Matrix rates at few rows run on a
// log-log line from the matrix-vector rate (one row) to the first measured row count.
//
// What serves a byte: in decode all that a token touches goes by between two uses of the same byte,
// so weights and KV together decide; in prefill the weights decide for weights, and one layer's KV
// for attention, which is how the isolated attention curve is indexed. In decode attention takes
// the longer of that curve and of streaming its KV bytes.
#include "reports/model/terms.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"

namespace mb {
namespace {

constexpr double kSmoothness = 4;

struct Joined {
  double seconds = 0, share_a = 0.5;  // share of a in the logarithmic derivative
};

Joined smoothmax(double a, double b) {
  const double top = std::max(a, b);
  if (top <= 0) return {0, 0.5};
  const double pa = std::pow(a / top, kSmoothness), pb = std::pow(b / top, kSmoothness);
  return {top * std::pow(pa + pb, 1 / kSmoothness), pa / (pa + pb)};
}

// Gathers terms with their leanings; shares of the total are taken at the end.
class Ledger {
 public:
  void lean(Source source, double seconds, double spread) {
    const auto i = static_cast<std::size_t>(source);
    leaning_[i] += seconds;
    terms.spread[i] = std::max(terms.spread[i], spread);
  }
  StepTerms finish() {
    const double total = terms.total();
    for (std::size_t i = 0; i < kSources; ++i) {
      terms.weight[i] = total > 0 ? leaning_[i] / total : 0;
    }
    return terms;
  }
  StepTerms terms;

 private:
  std::array<double, kSources> leaning_{};
};

class Stepper {
 public:
  Stepper(const MeasuredCurves& curves, const Workload& work, const EngineProfile& engine,
          const Step& step, int threads)
      : curves_(curves),
        work_(work),
        engine_(engine),
        step_(step),
        threads_(threads),
        page_(curves.page(engine.weights_page)),
        effective_(curves.threads_effective(threads, engine.dynamic_chunks)),
        kv_bytes_(work.kv_bytes(step.cached + step.rows, step.kv_type)) {
    const std::int64_t block = engine.ubatch > 0 ? engine.ubatch : step.rows;
    rows_ = static_cast<double>(std::min(step.rows, block));
    blocks_ = std::ceil(static_cast<double>(step.rows) / static_cast<double>(block));
  }

  StepTerms terms() {
    add_weights_and_compute();
    add_attention();
    add_dispatch();
    ledger_.terms[Term::kSerial] = engine_.serial_seconds_per_token * blocks_;
    return ledger_.finish();
  }

 private:
  // The few f32 weights of a quantised model (routers) must not cost it its prediction where only
  // quantised rates were measured: up to this share of the bytes, another kind's rate stands in.
  static constexpr double kMinorShare = 0.05;
  bool is_minor(const TypedWork& work) const {
    return work.bytes <= kMinorShare * (work_.dense_bytes() + work_.expert_bytes());
  }

  // Seconds to go once over `bytes` of type `type` by matrix-vector products from the caches.
  Estimate matvec_seconds(const TypedWork& work, double bytes) const {
    auto type = curves_.matvec_type(work.type);
    if (!type && is_minor(work)) type = curves_.matvec_type(WeightType::kQ8_0);
    if (!type) {
      throw Error(ErrorCode::kUntrustworthy,
                  "no usable matrix-vector rate (matmul_throughput/matvec) in the results: "
                  "predictions need it; measure again");
    }
    const CurvePoint& rate = curves_.matvec.find(*type)->second;
    return {bytes / (rate.y * effective_ * engine_.matvec_efficiency), rate.spread};
  }

  // Seconds for `rows` rows in each product of `flops` in all.
  Estimate matmul_seconds(const TypedWork& work, double flops, double rows) const {
    auto type = curves_.matmul_type(work.type);
    if (!type && is_minor(work)) type = curves_.matmul_type(WeightType::kQ8_0);
    if (!type) {
      throw Error(ErrorCode::kUntrustworthy,
                  "no usable matrix product rate (matmul_throughput/matmul) in the results: "
                  "prefill needs it; measure again");
    }
    const Estimate measured = curves_.matmul.at(*type, rows, threads_);
    double rate = measured.value * engine_.matmul_efficiency;
    const double least_rows = curves_.matmul.smallest_x(*type);
    const auto one = curves_.matvec_type(work.type);
    if (rows < least_rows && one) {
      const double bytes_per_flop = work.bytes / work.flops_per_row;  // one row, each weight once
      const double at_one = curves_.matvec.find(*one)->second.y * effective_ *
                            engine_.matvec_efficiency / bytes_per_flop;
      rate = at_one * std::pow(rate / at_one, std::log(std::max(rows, 1.0)) / std::log(least_rows));
    }
    return {flops / rate, measured.spread};
  }

  void add_compute(double& seconds, Estimate part, Source source) {
    seconds += part.value;
    compute_.push_back({source, part});
  }

  void add_weights_and_compute() {
    const Workload& work = work_;
    const double all_experts = work.expert_bytes();
    const double touched = all_experts * work.experts_touched(rows_);
    const double bytes = blocks_ * (work.dense_bytes() + touched) + work.head.bytes;
    const double resident = work.dense_bytes() + touched + work.head.bytes;
    const Estimate bandwidth =
        curves_.bandwidth(page_, threads_, resident + (step_.prefill ? 0 : kv_bytes_));
    const double streaming = bytes / bandwidth.value;

    double compute = 0;
    const double experts = static_cast<double>(std::max<std::int64_t>(work.shape.experts, 1));
    const double rows_per_expert =
        std::max(1.0, rows_ * static_cast<double>(work.shape.experts_used) / experts);
    for (const TypedWork& dense : work.dense) {
      if (step_.prefill) {
        add_compute(compute, matmul_seconds(dense, dense.flops_per_row * rows(), rows_),
                    Source::kMatmul);
      } else {
        add_compute(compute, matvec_seconds(dense, dense.bytes), Source::kMatvec);
      }
    }
    for (TypedWork expert : work.experts) {
      const double used = expert.bytes * work.experts_touched(1);
      if (step_.prefill) {
        expert.bytes = used;  // of the experts that one row uses, as its FLOP are
        add_compute(compute, matmul_seconds(expert, expert.flops_per_row * rows(), rows_per_expert),
                    Source::kMatmul);
      } else {
        add_compute(compute, matvec_seconds(expert, used), Source::kMatvec);
      }
    }
    add_compute(compute, matvec_seconds(work.head, work.head.bytes), Source::kMatvec);

    const Joined joined = smoothmax(streaming, compute);
    ledger_.terms[Term::kWeights] = joined.seconds * joined.share_a;
    ledger_.terms[Term::kCompute] = joined.seconds * (1 - joined.share_a);
    ledger_.lean(Source::kBandwidth, ledger_.terms[Term::kWeights], bandwidth.spread);
    for (const auto& [source, part] : compute_) {
      ledger_.lean(source, ledger_.terms[Term::kCompute] * part.value / compute, part.spread);
    }
  }

  void add_attention() {
    const ModelShape& shape = work_.shape;
    // Engines share attention out by heads and rows: more threads than those find no work.
    const double workers = std::min<double>(threads_, static_cast<double>(shape.heads) * rows_);
    double kernel = 0, spread = 0;
    for (const AttentionGroup& group : work_.attention) {
      if (curves_.attention.empty()) break;
      const double flops = group.layers * group.one.attention_flops(step_.rows, step_.cached);
      const auto layer_kv =
          static_cast<double>(group.one.kv_bytes(step_.cached + step_.rows, step_.kv_type));
      const Estimate rate = curves_.attention.at("", layer_kv, workers);
      kernel += flops / (rate.value * engine_.attention_efficiency);
      spread = std::max(spread, rate.spread);
    }
    const double touched = step_.prefill ? kv_bytes_ : kv_bytes_ + work_.weight_bytes_per_token();
    const Estimate bandwidth = curves_.bandwidth(page_, threads_, touched);
    const double streaming = kv_bytes_ / bandwidth.value;
    // In prefill a block's rows share what they read, so bytes bind only without a kernel curve.
    const Joined joined =
        step_.prefill && kernel > 0 ? Joined{kernel, 1} : smoothmax(kernel, streaming);
    ledger_.terms[Term::kAttention] = joined.seconds;
    ledger_.lean(Source::kAttention, joined.seconds * joined.share_a, spread);
    ledger_.lean(Source::kBandwidth, joined.seconds * (1 - joined.share_a), bandwidth.spread);
  }

  void add_dispatch() {
    const double per_layer =
        work_.shape.is_moe() ? engine_.regions_per_layer_moe : engine_.regions_per_layer_dense;
    const double regions =
        per_layer * static_cast<double>(work_.shape.layers) + engine_.regions_fixed;
    const Estimate tau = curves_.dispatch_seconds(engine_.operation, engine_.sync, threads_);
    ledger_.terms[Term::kDispatch] = regions * blocks_ * tau.value;
    ledger_.lean(Source::kDispatch, ledger_.terms[Term::kDispatch], tau.spread);
  }

  double rows() const { return static_cast<double>(step_.rows); }

  const MeasuredCurves& curves_;
  const Workload& work_;
  const EngineProfile& engine_;
  const Step& step_;
  double threads_;
  std::string page_;
  double effective_, kv_bytes_, rows_ = 1, blocks_ = 1;
  std::vector<std::pair<Source, Estimate>> compute_;
  Ledger ledger_;
};

}  // namespace

std::string_view to_string(Term term) {
  static constexpr std::array<std::string_view, kTerms> kNames{"weights", "compute", "attention",
                                                               "dispatch", "serial"};
  return kNames[static_cast<std::size_t>(term)];
}

double StepTerms::total() const {
  double sum = 0;
  for (const double part : seconds) sum += part;
  return sum;
}

StepTerms step_terms(const MeasuredCurves& curves, const Workload& work,
                     const EngineProfile& engine, const Step& step, int threads) {
  return Stepper(curves, work, engine, step, threads).terms();
}

}  // namespace mb
