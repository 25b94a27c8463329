// smoothmax(a, b) = (a^p + b^p)^(1/p): memory and compute overlap almost wholly (threads prefetch
// while others compute). With p = 4 the step takes 19 % more at equality than either alone; how
// much of that the measured decode steps did not have is left out again (residual.h).
//
// A decode step is one row a sequence, or several where it checks drafted tokens; a prefill step is
// ceil(S / ubatch) blocks that each read the weights, with the head computed for the last row of
// each sequence only. Matrix rates at few rows run on a log-log line from the matrix-vector rate
// (one row) to the first measured row count.
//
// Equal engines side by side share what all their threads together get: each curve is read at the
// count of all threads and divided by the engines; only barriers stay their own.
//
// What serves a byte: in decode all that a token touches goes by between two uses of the same byte,
// so weights and KV together decide; in prefill the weights decide for weights, and one layer's KV
// for attention, which is how the isolated attention curve is indexed (for engines whose prefill
// takes rows in blocks it is read in the near cache). In decode attention takes the longer of that
// curve and of streaming its KV bytes. Of engines that go by query head and
// position the curve gives the arithmetic alone, read where the caches hold the KV, and
// attention_rows.h what waiting for rows adds.
#include "reports/model/terms.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "reports/model/attention_rows.h"

namespace mb {
namespace {

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
          const Step& step, int threads, const Meeting& meeting)
      : curves_(curves),
        work_(work),
        engine_(engine),
        step_(step),
        threads_(threads),
        meeting_(meeting),
        batch_(static_cast<double>(step.batch)),
        instances_(static_cast<double>(step.instances)),
        all_threads_(threads_ * instances_),
        page_(curves.page(engine.weights_page)),
        mapped_page_(curves.page("4k")),
        effective_(curves.threads_effective(all_threads_, engine.dynamic_chunks) / instances_),
        kv_bytes_(batch_ * work.kv_bytes(step.cached + step.rows, step.kv_type)) {
    const std::int64_t all = step.rows * step.batch;
    const std::int64_t block = engine.ubatch > 0 ? engine.ubatch : all;
    all_rows_ = static_cast<double>(all);
    rows_ = static_cast<double>(std::min(all, block));
    blocks_ = std::ceil(all_rows_ / static_cast<double>(block));
    head_rows_ = step.prefill ? batch_ : all_rows_;
  }

  StepTerms terms() {
    add_weights_and_compute();
    add_attention();
    add_between();
    add_dispatch();
    // One thread picks a token of each row that went through a head.
    const double picks = work_.head.bytes > 0 ? head_rows_ : 0;
    const double pick = static_cast<double>(work_.shape.vocabulary) * curves_.pick_seconds;
    ledger_.terms[Term::kSerial] = engine_.serial_seconds_per_token * blocks_ + picks * pick;
    ledger_.terms.hardest_seconds += ledger_.terms[Term::kDispatch] + ledger_.terms[Term::kSerial];
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
    return {bytes / (rate.y * effective_ * matvec_efficiency(work)), rate.spread};
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
    Estimate measured = curves_.matmul.at(*type, rows, all_threads_);
    if (!curves_.matmul_scales()) {
      measured.value *= curves_.threads_effective(all_threads_, engine_.dynamic_chunks);
    }
    double rate = measured.value / instances_ * matmul_efficiency(work);
    const double least_rows = curves_.matmul.smallest_x(*type);
    const auto one = curves_.matvec_type(work.type);
    if (rows < least_rows && one) {
      const double bytes_per_flop = work.bytes / work.flops_per_row;  // one row, each weight once
      const double at_one = curves_.matvec.find(*one)->second.y * effective_ *
                            matvec_efficiency(work) / bytes_per_flop;
      rate = at_one * std::pow(rate / at_one, std::log(std::max(rows, 1.0)) / std::log(least_rows));
    }
    return {flops / rate, measured.spread};
  }

  // Seconds of `rows` rows through the matrices of `work`, `rows_each` at a time; one row reads
  // `bytes`.
  void add_compute(const TypedWork& work, double bytes, double rows, double rows_each) {
    const bool one_row = !step_.prefill && rows_each <= 1;
    const Source source = one_row ? Source::kMatvec : Source::kMatmul;
    const Estimate part = one_row ? matvec_seconds(work, bytes * rows)
                                  : matmul_seconds(work, work.flops_per_row * rows, rows_each);
    compute_.push_back({source, part, one_row ? matvec_efficiency(work) : matmul_efficiency(work)});
  }

  double matmul_efficiency(const TypedWork& work) const {
    return engine_.matmul_efficiency_for(to_string(work.type), work.of_experts);
  }
  double matvec_efficiency(const TypedWork& work) const {
    const std::string_view own = to_string(work.type);
    const bool known = engine_.matvec_efficiencies(work.of_experts).contains(own);
    // Else relative to the rate that stands in, so it is that type's.
    const std::string type =
        known ? std::string(own) : curves_.matvec_type(work.type).value_or(std::string(own));
    return engine_.matvec_efficiency_for(type, work.of_experts);
  }

  // Bytes a second of weights of this type: repacked ones lie elsewhere than the mapped file's.
  Estimate bandwidth(const TypedWork& work, double resident) const {
    const auto& repacked = engine_.repacked_types;
    const bool mapped =
        engine_.weights_placement == "mmap" ||
        (engine_.weights_placement == "repacked" &&
         std::find(repacked.begin(), repacked.end(), to_string(work.type)) == repacked.end());
    return bandwidth(mapped ? mapped_page_ : page_, resident);
  }
  // Engines side by side each hold their own `resident` bytes.
  Estimate bandwidth(const std::string& page, double resident) const {
    Estimate all = curves_.bandwidth(page, all_threads_, resident * instances_);
    all.value *= meeting_.memory / instances_;
    return all;
  }

  // Reads and arithmetic, which overlap as sharply or as little as the measured steps showed.
  Joined meet(double streaming, double arithmetic) const {
    Joined joined = smoothmax(streaming, arithmetic, kOverlapPower);
    if (joined.seconds <= 0) return joined;
    const double overlap = meeting_.overlap, sum = streaming + arithmetic;
    const double other = overlap > 0 ? std::max(streaming, arithmetic) : sum;
    joined.seconds *= std::pow(other / joined.seconds, std::abs(overlap));
    if (overlap < 0) {
      joined.share_a += std::min(-overlap, 1.0) * (streaming / sum - joined.share_a);
    }
    return joined;
  }

  void add_weights_and_compute() {
    const Workload& work = work_;
    const double share = work.experts_touched(rows_);
    const double resident = work.dense_bytes() + work.expert_bytes() * share + work.head.bytes +
                            (step_.prefill ? 0 : kv_bytes_);
    ledger_.terms.served_from = curves_.serving_level(page_, all_threads_, resident * instances_);
    const double head_reads = std::min(blocks_, head_rows_);
    double streaming = 0, spread = 0;
    const auto stream = [&](const TypedWork& part, double bytes) {
      const Estimate rate = bandwidth(part, resident);
      streaming += bytes / rate.value;
      spread = std::max(spread, rate.spread);
    };
    for (const TypedWork& dense : work.dense) stream(dense, blocks_ * dense.bytes);
    for (const TypedWork& expert : work.experts) stream(expert, blocks_ * share * expert.bytes);
    stream(work.head, head_reads * work.head.bytes);

    const double experts = static_cast<double>(std::max<std::int64_t>(work.shape.experts, 1));
    const double rows_per_expert =
        std::max(1.0, rows_ * static_cast<double>(work.shape.experts_used) / experts);
    for (const TypedWork& dense : work.dense) add_compute(dense, dense.bytes, all_rows_, rows_);
    for (TypedWork expert : work.experts) {
      expert.bytes *= work.experts_touched(1);  // of those that one row uses, as its FLOP are
      add_compute(expert, expert.bytes, all_rows_, std::min(rows_, rows_per_expert));
    }
    if (head_rows_ <= 1) {
      compute_.push_back({Source::kMatvec, matvec_seconds(work.head, work.head.bytes),
                          matvec_efficiency(work.head)});
    } else {
      add_compute(work.head, work.head.bytes, head_rows_, std::min(head_rows_, rows_));
    }
    double compute = 0, unhindered = 0;  // the latter at our kernels' rates
    for (const Compute& each : compute_) {
      compute += each.part.value;
      unhindered += each.part.value * each.efficiency;
    }
    const Joined joined = meet(streaming, compute);
    ledger_.terms.roofline_seconds += meet(streaming, unhindered).seconds;
    ledger_.terms.hardest_seconds += std::max(streaming, compute);
    ledger_.terms[Term::kWeights] = joined.seconds * joined.share_a;
    ledger_.terms[Term::kCompute] = joined.seconds * (1 - joined.share_a);
    ledger_.lean(Source::kBandwidth, ledger_.terms[Term::kWeights], spread);
    for (const Compute& each : compute_) {
      ledger_.lean(each.source, ledger_.terms[Term::kCompute] * each.part.value / compute,
                   each.part.spread);
    }
  }

  // Seconds of a group's layers by the measured kernel's rate, and what the engine makes of them.
  struct Kernel {
    double ours = 0, engine = 0, spread = 0;
  };
  Kernel attention_kernel(const AttentionGroup& group) const {
    const ModelShape& one = group.one;
    const std::optional<double> busiest = by_positions(one);
    // Shared out by heads and rows, more threads than those find no work.
    const double workers =
        busiest ? threads_ : std::min(threads_, static_cast<double>(one.heads) * rows_);
    const double flops = batch_ * group.layers * one.attention_flops(step_.rows, step_.cached);
    // A prefill goes through its sequences one by one, a decode step through all at once.
    const auto layer_kv =
        (step_.prefill ? 1 : batch_) *
        static_cast<double>(one.kv_bytes(step_.cached + step_.rows, step_.kv_type));
    const auto seconds_at = [&](double bytes) {
      const Estimate rate = curves_.attention.at("", bytes, workers * instances_);
      return Estimate{flops * instances_ / rate.value, rate.spread};
    };
    const double kv_cost = engine_.kv_cost_for(step_.kv_type);
    const Estimate ours = seconds_at(layer_kv);
    double engine = ours.value, spread = ours.spread;
    if (step_.prefill && engine_.attention_in_blocks(rows_, step_.kv_type)) {
      // The rows of a block share what they read: arithmetic, whichever cache holds the KV.
      const Estimate cached = seconds_at(std::min(layer_kv, curves_.near_cache_bytes(workers)));
      engine = cached.value / engine_.attention_block_efficiency;
    } else if (!step_.prefill) {
      const bool counted = rows_counted(one);
      const double bytes =
          counted ? std::min(layer_kv, curves_.near_cache_bytes(workers)) : layer_kv;
      const Estimate cached = seconds_at(bytes);
      engine = cached.value / engine_.attention_efficiency *
               row_cost(engine_.attention_row, head_elements(one)) * kv_cost;
      if (counted) {
        engine = rows_waited_for(one, engine, flops, layer_kv, workers, busiest.has_value());
        spread = std::max({spread, cached.spread, curves_.load_rate.at(step_bytes()).spread});
      }
      if (busiest) engine *= *busiest * threads_;
    } else {
      engine = ours.value / engine_.attention_efficiency *
               row_cost(engine_.attention_row, head_elements(one)) * kv_cost;
    }
    return {ours.value, engine, spread};
  }

  // Where the engine shares a layer's positions out instead of its heads: what the busiest has.
  std::optional<double> by_positions(const ModelShape& one) const {
    const bool single = !step_.prefill && step_.rows == 1 && step_.batch == 1;
    if (!single || engine_.kv_cost.contains(step_.kv_type)) return std::nullopt;
    const double of_position = 4 * static_cast<double>(one.heads) * head_elements(one);
    return busiest_share(engine_.attention_parts,
                         one.attention_flops(1, step_.cached) / of_position, threads_);
  }

  // Half of what a head multiplies at a position, once with the key and once with the value.
  static double head_elements(const ModelShape& one) {
    return one.latent ? static_cast<double>(2 * one.latent->kv_rank + one.latent->rope_size) / 2
                      : static_cast<double>(one.head_size);
  }

  // All that a token's step goes by, of all engines side by side.
  double step_bytes() const { return (kv_bytes_ + work_.weight_bytes_per_token()) * instances_; }

  // Whether memory is counted by rows: the engine's loads and the machine's latencies are known.
  bool rows_counted(const ModelShape& one) const {
    return engine_.attention_row.loads > 0 && one.kv_heads > 0 && !one.latent &&
           curves_.loads_known(step_bytes());
  }

  // Seconds of a decode step's rows that take `arithmetic` without waiting for any.
  double rows_waited_for(const ModelShape& one, double arithmetic, double flops, double layer_kv,
                         double workers, bool by_positions) const {
    const auto kv_heads = static_cast<double>(one.kv_heads), heads = static_cast<double>(one.heads);
    const double visits = flops / (4 * static_cast<double>(one.head_size));  // heads x positions
    const double pair = static_cast<double>(one.kv_bytes(1, step_.kv_type)) / kv_heads;
    const double share = heads / kv_heads * static_cast<double>(step_.rows);
    // Who has a part of the positions goes over it with all heads.
    const double turns =
        heads * static_cast<double>(step_.rows) * batch_ / (by_positions ? 1 : workers);
    const double parts = by_positions ? workers : 1;
    const RowPasses passes{.seconds = arithmetic * workers / visits,
                           .passes = std::clamp(turns, 1.0, std::max(share, 1.0)),
                           .step_bytes = step_bytes(),
                           .key_head_bytes = layer_kv / batch_ / kv_heads / parts,
                           .row_bytes = pair / 2,
                           .kv_heads = kv_heads};
    return with_waiting(engine_.attention_row, curves_, passes) * visits / workers;
  }

  void add_attention() {
    Kernel kernel;
    for (const AttentionGroup& group : work_.attention) {
      if (curves_.attention.empty()) break;
      const Kernel part = attention_kernel(group);
      kernel = {kernel.ours + part.ours, kernel.engine + part.engine,
                std::max(kernel.spread, part.spread)};
    }
    const double touched = step_.prefill ? kv_bytes_ : kv_bytes_ + work_.weight_bytes_per_token();
    const Estimate rate = bandwidth(page_, touched);
    const double streaming = kv_bytes_ / rate.value;
    // In prefill a block's rows share what they read, so bytes bind only without a kernel curve.
    const bool bytes_bind = !step_.prefill || kernel.engine <= 0;
    const auto join = [&](double seconds) {
      return bytes_bind ? meet(streaming, seconds) : Joined{seconds, 0};
    };
    const Joined joined = join(kernel.engine);
    ledger_.terms.hardest_seconds +=
        bytes_bind ? std::max(kernel.engine, streaming) : kernel.engine;
    ledger_.terms.roofline_seconds += join(kernel.ours).seconds;
    ledger_.terms[Term::kAttention] = joined.seconds;
    ledger_.lean(Source::kBandwidth, joined.seconds * joined.share_a, rate.spread);
    ledger_.lean(Source::kAttention, joined.seconds * (1 - joined.share_a), kernel.spread);
  }

  // Engines share these operations out by rows. No term of its own: like products they are what
  // cores compute between barriers.
  void add_between() {
    const double seconds = engine_.element_seconds * work_.between_elements * all_rows_ /
                           std::min(std::max(rows_, 1.0), effective_);
    ledger_.terms[Term::kCompute] += seconds;
    ledger_.terms.hardest_seconds += seconds;
    ledger_.lean(Source::kMatmul, seconds, 0);
  }

  void add_dispatch() {
    const double per_layer =
        work_.shape.is_moe() ? engine_.regions_per_layer_moe : engine_.regions_per_layer_dense;
    const double regions =
        per_layer * static_cast<double>(work_.shape.layers) + engine_.regions_fixed;
    const Estimate tau = curves_.dispatch_seconds(engine_.operation, engine_.sync, threads_);
    const double barriers = regions * tau.value;
    Estimate start{0, 0};
    if (engine_.starts_threads) {
      const double work = ledger_.terms[Term::kWeights] + ledger_.terms[Term::kCompute] +
                          ledger_.terms[Term::kAttention];
      start = curves_.start_seconds(work / blocks_ + barriers, threads_);
    }
    ledger_.terms[Term::kDispatch] = blocks_ * (barriers + start.value);
    ledger_.lean(Source::kDispatch, ledger_.terms[Term::kDispatch],
                 start.value > barriers ? start.spread : tau.spread);
  }

  const MeasuredCurves& curves_;
  const Workload& work_;
  const EngineProfile& engine_;
  const Step& step_;
  double threads_;
  Meeting meeting_;
  double batch_, instances_, all_threads_;
  std::string page_, mapped_page_;
  double effective_, kv_bytes_;
  // Rows of the step, of one of its blocks, and those that go through the head.
  double all_rows_ = 1, rows_ = 1, blocks_ = 1, head_rows_ = 1;
  struct Compute {
    Source source;
    Estimate part;
    double efficiency;  // the engine's against our kernels, already in `part`
  };
  std::vector<Compute> compute_;
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

double share_asked_for(const MeasuredCurves& curves, const std::string& page, double threads,
                       double bytes) {
  const std::string kind = curves.page(page);
  const double of_one = curves.bandwidth(kind, 1, bytes).value;
  return std::clamp(2 * curves.bandwidth(kind, threads, bytes).value / (threads * of_one) - 1, 0.0,
                    1.0);
}

StepTerms step_terms(const MeasuredCurves& curves, const Workload& work,
                     const EngineProfile& engine, const Step& step, int threads,
                     const Meeting& meeting) {
  return Stepper(curves, work, engine, step, threads, meeting).terms();
}

}  // namespace mb
