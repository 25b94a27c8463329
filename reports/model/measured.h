// The points of a results document as the curves that the model reads. Invalid and unavailable
// points are refused and named; noisy ones count with twice their deviation. What was not measured
// at all is listed with what stands in for it.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/results.h"
#include "reports/model/curves.h"
#include "workloads/shapes/model_shape.h"

namespace mb {

// Of two memory rates of a guest that met different minutes: the part of their ratio's logarithm
// that is the machine's. From its deviations between machines (0.15, a guess) and between two
// points of one run.
inline constexpr double ratio_trust(double deviation) {
  return 0.15 * 0.15 / (0.15 * 0.15 + deviation * deviation);
}
// Of two points whose own spread tells nothing of other minutes: 20 runs of a guest, 0.15 with one
// thread, 0.30 with two.
inline constexpr double kRatioTrust = ratio_trust(0.25);

// One measured chain of layers (prefill_scaling, decode_scaling).
struct ChainPoint {
  std::string phase, model, sync, page = "thp";
  std::int64_t micro_batch = 0;  // rows of one step of a prompt; 0: all
  std::int64_t prompt_tokens = 0, context_tokens = 0, layers = 0, layers_full = 0;
  double regions = 0;  // barriers of the whole chain; 0 unknown
  bool head = true;    // the chain ends in the output head
  int threads = 0;
  double seconds = 0, spread = 0, error = 0;
};

// A cache level as reads see it: the reported size, cut to what the working-set sweep shows.
struct CacheLevel {
  std::string name;                               // L2, L3
  double usable_bytes = 0;                        // of one instance, as streams of reads see it
  bool measured = false;                          // else as the system reports it
  std::optional<double> usable_bytes_by_latency;  // as single loads see it
  int instances = 1;                              // within reach, when every thread is in use
};

// Of a guest's points: what all samples say, or the quickest tenth of them, taken while no
// neighbour was on the cores' other hardware threads or held the memory up. Of fewer than eleven
// samples that is the best one. What else is done about points of a guest is done in both states.
enum class Minutes { kAll, kQuiet };

struct MeasuredCurves {
  explicit MeasuredCurves(const Results& results, Minutes minutes = Minutes::kAll);

  Machine machine;
  // Read bandwidth, bytes/s, group: page kind. Of a guest the kinds are brought nearer to each
  // other than they were measured (reconcile_pages).
  Family dram;
  Family level;                                        // read bandwidth of L1, L2, L3, group: level
  Family matmul;                                       // FLOP/s, group: weight type, x: rows
  Family attention;                                    // FLOP/s, group: "", x: one layer's KV bytes
  std::map<std::string, Curve, std::less<>> dispatch;  // seconds, "barrier/spin" ...
  // Seconds, group: "", x: a step's work, s. Straight between lengths: 13.8, 7.3 to 12.5, 7.4 and
  // 1.5 ms with 10, 20, 40 and 80 ms of work on a Granite Rapids guest (DECISIONS 115).
  Family start{Curve::Axes::kLinear};
  double pick_seconds = 0;  // to choose a token, of each of a vocabulary's; 0: not measured
  std::map<std::string, CurvePoint, std::less<>> matvec;  // weight bytes/s of one thread, by type
  Curve working_set;               // one thread's read bandwidth against bytes
  Curve load_rate;                 // one thread's dependent loads per second against bytes
  std::optional<double> smt_gain;  // rate of two threads a core over one, compute
  std::vector<CacheLevel> caches;  // nearest first, without L1
  std::vector<ChainPoint> chains;
  Verdict verdict;
  std::vector<Missing> missing;

  MeasuredCurves resampled(Random& random) const;

  // Best stand-in of a weight type among those measured: same, else of its kind; nullopt: none.
  std::optional<std::string> matvec_type(WeightType type) const;
  std::optional<std::string> matmul_type(WeightType type) const;
  std::string page(std::string_view wanted) const;  // throws Error(kUntrustworthy) without B(T)

  // A run that was cut short may know one thread's rate alone, which does not tell how it scales.
  bool matmul_scales() const { return matmul.most_threads() > 1; }
  double threads_effective(double threads, bool dynamic_chunks) const;
  Estimate dispatch_seconds(std::string_view operation, std::string_view sync,
                            double threads) const;
  // What a step of so much work takes longer whose threads are started for it; nothing where that
  // was not measured.
  Estimate start_seconds(double work_seconds, double threads) const;
  // Bytes/s that `threads` read from a working set of `bytes`, all threads together.
  Estimate bandwidth(std::string_view page, double threads, double bytes) const;
  // The L2 caches within reach of so many threads, as reads see them; usual ones where none was
  // seen.
  double near_cache_bytes(double threads) const;
  // Whether single loads were timed in sets of so many bytes, or in sets that no cache holds.
  bool loads_known(double bytes) const;
  // The level that serves most of such a working set: "L2", "L3" or "dram". The name lives as long
  // as these curves.
  std::string_view serving_level(std::string_view page, double threads, double bytes) const;

 private:
  // Share of a cyclic read of `bytes` that a cache does not hold.
  double share_outside(const CacheLevel& cache, double threads, double bytes) const;
  void take(const Point& point);
  double value_of(const Point& point) const;
  void take_stream(const Point& point, double spread, double error);
  void take_chain(const Point& point, double spread, double error);
  void take_pick(const Point& point);
  void take_start(const Point& point, double threads, double spread, double error);
  void reconcile_pages();
  void find_cache_levels();
  void list_missing();

  Minutes minutes_;
};

}  // namespace mb
