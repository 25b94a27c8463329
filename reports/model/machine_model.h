// The machine as the model sees it: the measured curves of a results document with interpolation,
// each knowing its uncertainty and verdict. DESIGN section 5 names them.
//   B(T)          DRAM read bandwidth, bytes/s, by page kind
//   G_q           weight bytes/s one thread consumes when memory is no limit (matvec from L2)
//   F_q(T, S)     matmul FLOP/s at S rows
//   A(kv, T)      attention FLOP/s against one layer's KV bytes
//   tau(T, sync)  seconds for one parallel operation
//   eta(T)        measured step over predicted step, by phase: the residual efficiency
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"
#include "workloads/shapes/model_shape.h"

namespace mb {

// How an engine works, from data/engines/NAME.json; every number there has its source.
struct EngineProfile {
  std::string name, title;
  std::string sync = "spin";          // spin | futex | openmp | openmp_passive
  double regions_per_layer_dense = 0, regions_per_layer_moe = 0, regions_fixed = 0;  // R
  std::int64_t ubatch = 512;
  std::string weights_page = "thp";   // page kind that holds the weights: 4k (mmap) | thp | ...
  double matmul_efficiency = 1, matvec_efficiency = 1, attention_efficiency = 1;
  double serial_seconds_per_token = 0;
  bool dynamic_chunks = true;         // else a static split waits for the slowest
  std::vector<std::string> sources;
};
EngineProfile find_engine_profile(std::string_view name);  // throws Error(kUsage) listing the names
std::vector<std::string> engine_profiles();

struct Query {
  std::string phase;  // prefill | decode
  std::int64_t prompt_tokens = 512, context_tokens = 512;
  std::string kv_type = "f16";
};

class MachineModel {
 public:
  explicit MachineModel(const Results& results);
  ~MachineModel();
  MachineModel(MachineModel&&) noexcept;

  // Throws Error(kUntrustworthy) when a curve that the query needs has no usable point.
  Prediction predict(const ModelShape& shape, const EngineProfile& engine, const Query& query,
                     int threads) const;

  const Machine& machine() const;
  const Verdict& verdict() const;               // the worst of the points it rests on
  std::vector<ModelCurve> curves() const;       // for charts: bandwidth knee, cache plateaus, eta
  std::vector<Missing> missing() const;         // curves that fell back to a prior, and why

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mb
