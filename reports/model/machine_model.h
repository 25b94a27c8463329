// The machine as the model sees it: the measured curves of a results document with interpolation,
// each knowing its uncertainty and verdict. DESIGN section 5 names them.
//   B(T)          DRAM read bandwidth, bytes/s, by page kind
//   G_q           weight bytes/s one thread consumes when memory is no limit (matvec from L2)
//   F_q(T, S)     matmul FLOP/s at S rows
//   A(kv, T)      attention FLOP/s against one layer's KV bytes
//   tau(T, sync)  seconds for one parallel operation
//   start(w, T)   seconds that a step of w seconds takes longer whose threads are started for it
//   eta(T)        measured step over predicted step, by phase: the residual efficiency
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"
#include "workloads/shapes/model_shape.h"

namespace mb {

// What a single query row costs an engine beyond its elements (attention_rows.h); all 0: nothing.
struct AttentionRow {
  double elements = 0;               // a cached position costs as so many elements more
  double vector = 0, remainder = 0;  // elements past whole vectors of this many cost so much more
  double loads = 0;                  // loads waited for at each key row outside the core's cache
};

// How threads share out what a single query row looks at: equal parts of the cache's length rounded
// up to whole `rounded_to`, from a length of `from` on, so that the last threads' parts are partly
// empty. Shorter caches, and all of them where `from` is 0, are shared out by heads.
struct AttentionParts {
  double from = 0, rounded_to = 1;  // positions
};

// How an engine works, from data/engines/NAME.json; every number there has its source.
struct EngineProfile {
  std::string name, title;
  std::vector<std::string> aliases;   // shorter names that find it too
  std::string sync = "spin";          // spin | futex | openmp | openmp_passive
  std::string operation = "barrier";  // of a dispatch: barrier (running team) | region (fork, join)
  double regions_per_layer_dense = 0, regions_per_layer_moe = 0, regions_fixed = 0;  // R
  bool starts_threads = false;  // anew for every step, where others keep them
  std::int64_t ubatch = 512;    // rows of one prefill step; 0: the whole prompt
  // Page kind that holds the weights: 4k (mapped file) | thp | hugetlb_2m | hugetlb_1g, or
  // anonymous: thp where the system's mode is always, else 4k.
  std::string weights_page = "thp";
  // How weights come into memory: mmap (the mapped file itself) | repacked (types of
  // repacked_types are copied to anonymous memory, others stay mapped) | copied (all anonymous).
  std::string weights_placement = "copied";
  std::vector<std::string> repacked_types;
  std::string compiled_profile;  // the profile that fuses this one's operations; empty: none
  double matmul_efficiency = 1, matvec_efficiency = 1, attention_efficiency = 1;
  // Of types that differ from the others.
  using ByType = std::map<std::string, double, std::less<>>;
  ByType matmul_efficiency_of, matvec_efficiency_of;
  // By type, of experts' products, where the engine has other ones for them than for the rest.
  struct OfExperts {
    ByType matmul_efficiency, matvec_efficiency, overlap;
  };
  std::optional<OfExperts> experts;
  const ByType& matmul_efficiencies(bool of_experts) const {
    return of_experts && experts ? experts->matmul_efficiency : matmul_efficiency_of;
  }
  const ByType& matvec_efficiencies(bool of_experts) const {
    return of_experts && experts ? experts->matvec_efficiency : matvec_efficiency_of;
  }
  double matmul_efficiency_for(std::string_view type, bool of_experts = false) const {
    const ByType& known = matmul_efficiencies(of_experts);
    const auto own = known.find(type);
    return own == known.end() ? matmul_efficiency : own->second;
  }
  double matvec_efficiency_for(std::string_view type, bool of_experts = false) const {
    const ByType& known = matvec_efficiencies(of_experts);
    const auto own = known.find(type);
    return own == known.end() ? matvec_efficiency : own->second;
  }
  // How its decode steps' reads and arithmetic overlap where the rate of reads is the cores' to ask
  // for, against plain reads: 0 as the join of both has it, -1 not at all. By type, of types that
  // have no figure of their own `overlap`; absent: as in our measured steps, which ask ahead.
  std::optional<double> overlap;
  ByType overlap_of;
  double overlap_for(std::string_view type, bool of_experts = false) const {
    const ByType& known = of_experts && experts ? experts->overlap : overlap_of;
    const auto own = known.find(type);
    return own == known.end() ? overlap.value_or(0) : own->second;
  }
  // What the engine loses of what our kernels lose, as a power of the ratio: to a guest's
  // neighbours, on the cores' other hardware threads and in memory, and in a chain against its
  // terms. 1 as much, 0 nothing. Below 1 the efficiencies are those of cores that nobody disturbs.
  double prefill_slowdown = 1, decode_slowdown = 1;
  // Prefill rows from which attention takes rows in blocks, and its efficiency then, against our
  // one-row kernel on a KV in the near cache; 0: no such difference.
  std::int64_t attention_block_rows = 0;
  double attention_block_efficiency = 1;
  // Types of KV whose rows cost the engine's arithmetic more than those of f16, by what factor; it
  // takes none of them in blocks.
  ByType kv_cost;
  double kv_cost_for(std::string_view kv_type) const {
    const auto own = kv_cost.find(kv_type);
    return own == kv_cost.end() ? 1 : own->second;
  }
  bool attention_in_blocks(double prefill_rows, std::string_view kv_type) const {
    return attention_block_rows > 0 && prefill_rows >= static_cast<double>(attention_block_rows) &&
           !kv_cost.contains(kv_type);
  }
  AttentionRow attention_row;  // below attention_block_rows
  AttentionParts attention_parts;
  // What one thread takes for an element that stands between products (Workload::between_elements),
  // beyond what our steps take for it; 0: no more than ours.
  double element_seconds = 0;
  double serial_seconds_per_token = 0;
  bool dynamic_chunks = true;                  // else a static split waits for the slowest
  std::map<std::string, std::string> sources;  // of each field in words, or "not measured ..."
  std::string measured_on;                     // the cores that figures of on_isa are of, or empty
  // Of a calibrated profile (calibrate.h): "decode/weights" -> what multiplies that term's seconds;
  // "decode/other_threads" -> all terms', to the power of others_share.
  std::map<std::string, double> seconds_factors;
  std::string calibrated_with;  // "sweep.json (12 points)", which `name` says too; else empty
};
inline constexpr char kOtherThreads[] = "other_threads";
// Of a step's threads those beyond the first.
constexpr double others_share(double threads) { return 1 - 1 / threads; }

// By name or alias; throws Error(kUsage) listing the names. Where the file has figures measured on
// such `cores` they replace the others: what our quantised products ran on (note "isa" of
// matmul_throughput), with the maker and further units ("AVX512_VNNI/Intel/AMX"); the nearest more
// general name counts.
EngineProfile find_engine_profile(std::string_view name, std::string_view cores = {});
std::vector<std::string> engine_profiles();

struct Query {
  std::string phase;  // prefill | decode
  // New tokens of a prefill; positions that either phase finds in the cache (0: a cold prompt).
  std::int64_t prompt_tokens = 512, context_tokens = 512;
  std::string kv_type = "f16";
  std::int64_t batch = 1;      // sequences side by side in one step, each with a cache of its own
  std::int64_t instances = 1;  // equal engines side by side; `threads` are those of one of them
  std::int64_t rows = 1;       // of a decode step and sequence: more where it checks drafted tokens
};

struct Workload;  // a shape's bytes and FLOP, summed once (workload.h)

class MachineModel {
 public:
  explicit MachineModel(const Results& results);
  ~MachineModel();
  MachineModel(MachineModel&&) noexcept;

  // Tokens per second are those of all sequences and instances together, seconds those of one step
  // of one instance. Throws Error(kUntrustworthy) when a curve that the query needs has no usable
  // point.
  Prediction predict(const ModelShape& shape, const EngineProfile& engine, const Query& query,
                     int threads) const;
  Prediction predict(const Workload& work, const EngineProfile& engine, const Query& query,
                     int threads) const;
  // That rate alone, several times as fast: for many draws of the machine.
  double tokens_per_second(const Workload& work, const EngineProfile& engine, const Query& query,
                           int threads) const;

  // The same machine with every measured point moved within its error: one draw, the same for the
  // same seed. For how stable a choice is.
  MachineModel resampled(std::uint64_t seed) const;
  // Thread counts at which a step of this phase was measured; without any, those of its main curve.
  std::vector<int> measured_threads(std::string_view phase) const;

  // Seconds of one parallel region of this engine, as waking a team of another size takes.
  double region_seconds(const EngineProfile& engine, int threads) const;

  const Machine& machine() const;
  Verdict verdict() const;                 // the worst of the points it rests on
  std::vector<ModelCurve> curves() const;  // for charts: bandwidth knee, cache plateaus, eta
  std::vector<Missing> missing() const;    // curves that fell back to a prior, and why

 private:
  struct State;
  struct Scaled;
  MachineModel(std::unique_ptr<State> state, std::unique_ptr<State> quiet);
  Scaled scaled(const Workload& work, const EngineProfile& engine, const Query& query,
                int threads) const;
  std::unique_ptr<State> state_;
  std::unique_ptr<State> quiet_;  // of a guest: while no neighbour disturbed it
};

}  // namespace mb
