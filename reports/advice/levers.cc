// A lever asks the forward model twice, before and after the change, each time at the fastest of
// the measured thread counts, so that no lever wins by a count that nobody saw. Errors that both
// answers share cancel in the ratio.
//
// What the model cannot know is said in the note: remote memory that was not measured, kernels of
// other types that stand in, copies of the weights that a second engine needs.
#include "reports/advice/levers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "data/error.h"
#include "reports/model/workload.h"

namespace mb {
namespace {

// "qwen3-4b" of "qwen3-4b:q4_0"; a file without a label stays.
std::string without_label(const ModelShape& shape) {
  const std::string spec = shape.spec(), label = ":" + shape.label();
  return spec.ends_with(label) ? spec.substr(0, spec.size() - label.size()) : spec;
}

bool has_page(const AdviceContext& context, std::string_view page) {
  const auto& points = context.results.points;
  return std::any_of(points.begin(), points.end(), [&](const Point& point) {
    return point.probe == "stream_bandwidth" && point.verdict.validity <= Validity::kNoisy &&
           point.parameters.text_or("level", "") == "dram" &&
           point.parameters.text_or("page", "") == page;
  });
}

class Levers {
 public:
  Levers(const AdviceContext& context, const ModelShape& shape)
      : context_(context), shape_(shape), work_(shape) {
    for (const char* phase : {"prefill", "decode"}) {
      before_[phase == std::string("decode")] = at_best(query_of(phase));
    }
  }

  std::vector<Lever> find() {
    quantisation();
    kv_type();
    batch();
    huge_pages();
    numa();
    instances();
    engine_per_sequence();
    prompt_cache();
    fused_operations();
    kept_threads();
    wide_attention();
    compiled();
    return std::move(levers_);
  }

 private:
  Query query_of(std::string_view phase) const {
    Query query = context_.query;
    query.phase = phase;
    return query;
  }
  Prediction at_best(const Query& query) const {
    return fastest(context_, work_, context_.engine, query);
  }
  const Prediction& before(std::string_view phase) const { return before_[phase == "decode"]; }

  void add(const char* name, std::string setting, const char* phase, double from, double to,
           std::string note) {
    levers_.push_back({name, std::move(setting), phase, from, to, to / from, std::move(note)});
  }
  void add(const char* name, std::string setting, const char* phase, const Prediction& after,
           std::string note) {
    add(name, std::move(setting), phase, before(phase).tokens_per_second, after.tokens_per_second,
        std::move(note));
  }
  void none(const char* name, const char* phase, std::string why) {
    levers_.push_back({name, "", phase, before(phase).tokens_per_second, {}, {}, std::move(why)});
  }

  void quantisation() {
    constexpr std::array kLabels{"f16", "q8_0", "q6_k", "q4_k_m", "q4_0", "q2_k"};
    for (const char* label : kLabels) {
      if (shape_.label() == label || (shape_.from_file && shape_.stored)) continue;
      try {
        const ModelShape other = find_model(without_label(shape_) + ":" + label);
        const Workload work(other);
        const Fit fit = fit_in_memory(context_, other,
                                      context_.query.prompt_tokens + context_.query.context_tokens);
        for (const char* phase : {"prefill", "decode"}) {
          const Prediction after = fastest(context_, work, context_.engine, query_of(phase));
          add("quantisation", label, phase, after,
              fmt::format("{} a token; {}{}", gib(other.weight_bytes_per_token()),
                          fit.fits ? "" : "does not fit: ", fit.reason));
        }
      } catch (const Error&) {
        // A label that this shape has no recipe for.
      }
    }
    if (shape_.from_file && shape_.stored) {
      none("quantisation", "decode", "a file has one; ask for the catalogue's model instead");
    }
  }

  void kv_type() {
    for (const char* type : {"f16", "q8_0", "q4_0"}) {
      if (context_.query.kv_type == type) continue;
      Query query = query_of("decode");
      query.kv_type = type;
      const double cost = context_.engine.kv_cost_for(type);
      add("kv_type", type, "decode", at_best(query),
          fmt::format("{:.3g} MiB of KV cache at {} positions; {}",
                      static_cast<double>(shape_.kv_bytes(query.context_tokens, type)) / (1 << 20),
                      query.context_tokens,
                      cost == 1
                          ? "the attention rate was measured with f16"
                          : fmt::format("its rows cost this engine's cores {:.2g} times those "
                                        "of f16",
                                        cost)));
    }
  }

  void batch() {
    for (const std::int64_t sequences : {2, 4, 8, 16}) {
      if (sequences <= context_.query.batch) continue;
      Query query = query_of("decode");
      query.batch = sequences;
      const Prediction after = at_best(query);
      add("batch", fmt::format("{} sequences", sequences), "decode", after,
          fmt::format("all together; {:.3g} tokens/s each",
                      after.tokens_per_second / static_cast<double>(sequences)));
    }
  }

  void huge_pages() {
    if (!has_page(context_, "thp") || !has_page(context_, "4k")) {
      none("huge_pages", "decode", "not both page kinds were measured");
      return;
    }
    EngineProfile huge = context_.engine;
    huge.weights_page = "thp";
    huge.weights_placement = "copied";
    for (const char* phase : {"prefill", "decode"}) {
      add("huge_pages", "weights on huge pages", phase,
          fastest(context_, work_, huge, query_of(phase)),
          fmt::format("now {} ({})", context_.engine.weights_placement,
                      context_.results.machine.thp_mode));
    }
  }

  void numa() {
    const Machine& machine = context_.results.machine;
    const int parts = std::max(machine.usable_numa_nodes(), machine.usable_packages());
    const int each = std::min(machine.usable_cores(), context_.budget) / std::max(1, parts);
    if (parts < 2 || each < 1) {
      none("numa", "decode", "there is one memory node");
      return;
    }
    for (const char* phase : {"prefill", "decode"}) {
      Query query = query_of(phase);
      query.instances = parts;
      const double all =
          context_.model.predict(work_, context_.engine, query, each).tokens_per_second;
      add("numa", fmt::format("one node or socket, {}", count_of(each, "thread")), phase,
          before(phase).tokens_per_second, all / parts,
          "a node is taken to have its equal share of the bandwidth; remote reads were not "
          "measured, so a single engine over all nodes may do worse than predicted");
      add("numa", fmt::format("{} engines, one a node", parts), phase,
          before(phase).tokens_per_second, all, "all together; each holds its own weights");
    }
  }

  void instances() {
    if (context_.budget < 2) {
      none("instances", "decode", "there is one CPU");
      return;
    }
    for (const char* phase : {"prefill", "decode"}) {
      const int each = std::max(1, before(phase).threads / 2);
      Query query = query_of(phase);
      query.instances = 2;
      add("instances", fmt::format("2 engines of {}", count_of(each, "thread")), phase,
          context_.model.predict(work_, context_.engine, query, each),
          fmt::format("both together; {} of weights more unless both map one file",
                      gib(shape_.weight_bytes())));
    }
  }

  void engine_per_sequence() {
    const int sequences = std::min(4, context_.budget);
    if (sequences < 2) {
      none("engine_per_sequence", "decode", "there is one CPU");
      return;
    }
    Query together = query_of("decode"), apart = together;
    together.batch = apart.instances = sequences;
    apart.batch = 1;
    const int each = std::max(1, before("decode").threads / sequences);
    add("engine_per_sequence",
        fmt::format("{} engines of {} instead of a batch of {}", sequences,
                    count_of(each, "thread"), sequences),
        "decode", at_best(together).tokens_per_second,
        context_.model.predict(work_, context_.engine, apart, each).tokens_per_second,
        "a batch reads the weights once for all sequences, engines apart read them each");
  }

  void prompt_cache() {
    const Query warm = query_of("prefill");
    if (warm.context_tokens == 0) {
      none("prompt_cache", "prefill", "no cached positions were asked for (--context)");
      return;
    }
    Query cold = warm;
    cold.prompt_tokens += cold.context_tokens;
    cold.context_tokens = 0;
    const double seconds = at_best(cold).seconds.value_or(0);
    const double from = static_cast<double>(warm.prompt_tokens * warm.batch) / seconds;
    add("prompt_cache", fmt::format("{} positions kept", warm.context_tokens), "prefill", from,
        before("prefill").tokens_per_second,
        fmt::format("new tokens a second of a prompt of {} whose first {} are known",
                    cold.prompt_tokens, warm.context_tokens));
  }

  void fused_operations() {
    EngineProfile fused = context_.engine;
    const EngineProfile lean = find_engine_profile("generic");
    const bool moe = shape_.is_moe();
    const double own = moe ? fused.regions_per_layer_moe : fused.regions_per_layer_dense;
    const double least = moe ? lean.regions_per_layer_moe : lean.regions_per_layer_dense;
    if (own <= least) {
      none("fused_operations", "decode",
           fmt::format("{} has {:g} regions a layer already", fused.name, own));
      return;
    }
    fused.regions_per_layer_dense = lean.regions_per_layer_dense;
    fused.regions_per_layer_moe = lean.regions_per_layer_moe;
    for (const char* phase : {"prefill", "decode"}) {
      add("fused_operations", fmt::format("{:g} regions a layer instead of {:g}", least, own),
          phase, fastest(context_, work_, fused, query_of(phase)),
          fmt::format("synchronising takes {:.2g} % of the time",
                      100 * before(phase).share_by_term.at("dispatch")));
    }
  }

  void kept_threads() {
    EngineProfile kept = context_.engine;
    if (!kept.starts_threads) {
      none("kept_threads", "decode", fmt::format("{} keeps its threads already", kept.name));
      return;
    }
    kept.starts_threads = false;
    for (const char* phase : {"prefill", "decode"}) {
      const Prediction after = fastest(context_, work_, kept, query_of(phase));
      if (after.tokens_per_second > before(phase).tokens_per_second) {
        add("kept_threads", "threads that outlast a step", phase, after,
            "a build with OpenMP, or a program that attaches a pool of threads");
      } else {
        none("kept_threads", phase, "starting threads costs nothing here, or was not measured");
      }
    }
  }

  void wide_attention() {
    EngineProfile wide = context_.engine;
    wide.attention_efficiency *= 2;
    wide.attention_block_efficiency *= 2;
    const auto& features = context_.results.machine.cpu_features;
    const bool widest = std::find(features.begin(), features.end(), "avx512f") != features.end();
    for (const char* phase : {"prefill", "decode"}) {
      add("wide_attention", "attention twice as fast", phase,
          fastest(context_, work_, wide, query_of(phase)),
          fmt::format("what twice the SIMD width gives at most; attention takes {:.2g} % of the "
                      "time{}",
                      100 * before(phase).share_by_term.at("attention"),
                      widest ? ", and this CPU's widest is in use" : ""));
    }
  }

  void compiled() {
    const bool own = !context_.engine.compiled_profile.empty();
    const EngineProfile eager = own ? context_.engine : find_engine_profile("pytorch-eager");
    const EngineProfile fused = find_engine_profile(eager.compiled_profile);
    for (const char* phase : {"prefill", "decode"}) {
      add("compiled", fmt::format("{} instead of {}", fused.name, eager.name), phase,
          fastest(context_, work_, eager, query_of(phase)).tokens_per_second,
          fastest(context_, work_, fused, query_of(phase)).tokens_per_second,
          "by the parallel regions saved; the interpreter's time was not measured");
    }
  }

  const AdviceContext& context_;
  const ModelShape& shape_;
  Workload work_;
  Prediction before_[2];
  std::vector<Lever> levers_;
};

}  // namespace

Prediction fastest(const AdviceContext& context, const Workload& work, const EngineProfile& engine,
                   Query query) {
  std::optional<Prediction> best;
  std::vector<int> counts = context.model.measured_threads(query.phase);
  std::erase_if(counts, [&](int threads) { return threads > context.budget; });
  if (counts.empty()) counts = {1};
  for (const int threads : counts) {
    Prediction seen = context.model.predict(work, engine, query, threads);
    if (!best || seen.tokens_per_second > best->tokens_per_second) best = std::move(seen);
  }
  return *best;
}

std::vector<Lever> find_levers(const AdviceContext& context, const ModelShape& shape) {
  return Levers(context, shape).find();
}

TargetGap gap_to(const AdviceContext& context, const ModelShape& shape, double tokens_per_second,
                 const ModelAdvice& advice) {
  TargetGap gap;
  gap.target_tokens_per_second = tokens_per_second;
  gap.expected_tokens_per_second = advice.decode.expected.tokens_per_second;
  gap.factor = tokens_per_second / gap.expected_tokens_per_second;
  const Query& query = context.query;
  gap.bandwidth_needed_bytes_per_second =
      tokens_per_second *
      (static_cast<double>(shape.weight_bytes_per_token()) / static_cast<double>(query.batch) +
       static_cast<double>(shape.kv_bytes(query.context_tokens, query.kv_type)));
  for (const Lever& lever : advice.levers) {
    if (lever.phase != "decode" || !lever.to_tokens_per_second || lever.name == "compiled")
      continue;
    if (*lever.to_tokens_per_second < tokens_per_second) continue;
    gap.reached_by.push_back(fmt::format("{} {}", lever.name, lever.setting));
  }
  gap.reason =
      gap.factor <= 1
          ? fmt::format("{:.3g} tokens/s are expected: the target is met.",
                        gap.expected_tokens_per_second)
          : fmt::format(
                "{:.3g} tokens/s are expected, {:.3g} times too few; {}.",
                gap.expected_tokens_per_second, gap.factor,
                gap.reached_by.empty()
                    ? "no single change closes the gap"
                    : fmt::format("enough alone: {}{}", gap.reached_by.front(),
                                  gap.reached_by.size() > 1
                                      ? fmt::format(" and {} more", gap.reached_by.size() - 1)
                                      : ""));
  return gap;
}

}  // namespace mb
