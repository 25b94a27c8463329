// Bandwidth of plain streams: read, write, and STREAM's copy, scale, add and triad; in each cache
// level and in DRAM, against threads, working set, page kind, placement and NUMA node.
//
// Each thread works on its own slice, which it touched first (with memory_node: a thread of that
// node did). Bytes are counted by STREAM's rule (those that the operation names). DRAM: all slices
// together are four times the last-level caches. L1, L2: half of one cache, divided among the
// threads that share it; L3: half of what a stream finds of it here, which in a guest may be a
// part of what is reported (fact usable_l3_bytes).
//
// In DRAM an operation is one window of the slice and the next takes the window behind it, so that
// a sample need not last a whole pass over a slice of a gigabyte, and every byte is still as long
// ago as a pass is.
//
// Before the samples a short trial takes the loop that is fastest here (workloads/kernels/
// traversal.h). `write` has plain stores, `streaming_*` non-temporal ones; copy, scale, add and
// triad have plain ones in a cache, and in DRAM what the trial finds faster. Notes "kernel" and
// "store" say what was taken.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "data/error.h"
#include "probes/core/plateau.h"
#include "probes/core/probe.h"
#include "probes/core/rank_buffers.h"
#include "probes/core/tune.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/stream_operation.h"
#include "workloads/kernels/stream_read.h"

namespace mb {
namespace {

// kFaster is found by trial in DRAM. In a cache it would be no fair trial: a streaming store throws
// out what the plain one, tried next, would find.
enum class Stores { kPlain, kStreaming, kFaster };

struct NamedOperation {
  std::string_view name;
  StreamOperation operation;
  Stores stores;
};

constexpr NamedOperation kOperations[] = {
    {"read", StreamOperation::kRead, Stores::kPlain},
    {"write", StreamOperation::kWrite, Stores::kPlain},
    {"streaming_write", StreamOperation::kWrite, Stores::kStreaming},
    {"copy", StreamOperation::kCopy, Stores::kFaster},
    {"streaming_copy", StreamOperation::kCopy, Stores::kStreaming},
    {"scale", StreamOperation::kScale, Stores::kFaster},
    {"add", StreamOperation::kAdd, Stores::kFaster},
    {"triad", StreamOperation::kTriad, Stores::kFaster},
    {"streaming_triad", StreamOperation::kTriad, Stores::kStreaming},
};

const NamedOperation& operation_of(const std::string& name) {
  std::string names;
  for (const NamedOperation& known : kOperations) {
    if (known.name == name) return known;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
  }
  throw Error(ErrorCode::kUsage, fmt::format("operation '{}': expected one of {}", name, names));
}

// Of all slices of a DRAM point against the last-level caches: STREAM's rule.
constexpr std::int64_t kTimesLastLevelCache = 4;
// What one operation goes over in DRAM, and so the smallest slice: at least 1 ms at 16 GB/s, so
// that threads that leave the start line a microsecond apart do not show; and several times any
// core's own L2 (2 to 3 MiB).
constexpr std::int64_t kDramWindowBytes = std::int64_t{16} << 20;
// Under this times its L2, a thread's part of the L3 is partly served by the L2.
constexpr double kLeastOverL2 = 1.5;
// Whole turns of the unrolled loops, and array starts at whole lines.
constexpr std::size_t kGrainWords = 64;

// The trial's part of a point's time, and the length of its shortest tries. What DRAM's prefetchers
// make of a loop shows after a millisecond or two (seen on a Zen 4 guest), a cache's at once.
constexpr double kTuneShare = 0.08;  // its least rounds take about 36 ms in DRAM
constexpr std::size_t kLeastTryWords = std::size_t{32} << 10;  // 256 KiB: 5 us or more
constexpr double kTryInDramSeconds = 500e-6, kTryInCacheSeconds = 50e-6;

// The most threads of the team that share one cache of `level`.
int threads_on_one_cache(const Machine& machine, const std::vector<int>& pus, int level) {
  int pus_per_instance = 1;
  for (const Cache& cache : machine.caches) {
    if (cache.level == level) pus_per_instance = std::max(1, cache.pus_per_instance);
  }
  std::map<int, int> threads;
  int most = 1;
  for (std::size_t index = 0; index < machine.pus.size(); ++index) {
    const Pu& pu = machine.pus[index];
    const int instance = level == 1   ? pu.core
                         : level == 3 ? pu.l3_domain
                                      : static_cast<int>(index) / pus_per_instance;
    threads[instance] += static_cast<int>(std::ranges::count(pus, pu.os_index));
    most = std::max(most, threads[instance]);
  }
  return most;
}

// What one thread's read stream finds of its L3: from twice the L2, which would serve the first
// sizes, by half octaves to what is reported.
std::int64_t find_usable_l3(Kit& kit, PinnedTeam& team, RankBuffers& buffers, std::int64_t l2_bytes,
                            std::int64_t l3_bytes) {
  buffers.prepare_first(kit, team, static_cast<std::size_t>(l3_bytes), PageKind::kTransparentHuge);
  auto* words = buffers.as<std::uint64_t>(0);
  std::vector<SizedRate> rates;
  for (std::int64_t octave = 2 * l2_bytes; octave <= l3_bytes; octave *= 2) {
    for (const std::int64_t bytes : {octave, octave + octave / 2}) {
      if (bytes > l3_bytes) continue;
      const auto count = static_cast<std::size_t>(bytes) / sizeof(std::uint64_t);
      double best = 0;
      constexpr int kTries = 3;
      for (int attempt = 0; attempt <= kTries; ++attempt) {
        const double seconds = team.timed([&](int rank) {
          if (rank != 0) return;
          if (attempt == 0) std::fill_n(words, count, std::uint64_t{1});
          stream_read(words, count, 1);
        });
        if (attempt > 0) best = std::max(best, static_cast<double>(bytes) / seconds);
      }
      rates.push_back({bytes, best});
    }
  }
  return plateau_end(rates).value_or(l3_bytes);
}

// Bytes of one thread's slice in a cache level; facts of how they were found go to `facts`.
std::int64_t cache_slice_bytes(Kit& kit, PinnedTeam& team, RankBuffers& buffers,
                               const std::string& level, std::map<std::string, double>& facts) {
  if (level != "L1" && level != "L2" && level != "L3") {
    throw Error(ErrorCode::kUsage, fmt::format("level '{}': expected L1, L2, L3 or dram", level));
  }
  const int number = level[1] - '0';
  const Machine& machine = kit.machine();
  const auto reported = machine.cache_bytes(number);
  if (!reported) {
    throw Error(ErrorCode::kNotAvailable, fmt::format("the machine shows no {} cache", level));
  }
  const int sharing = threads_on_one_cache(machine, team.pus(), number);
  if (number < 3) return *reported / 2 / sharing;
  const std::int64_t l2_bytes = machine.cache_bytes(2).value_or(0);
  static std::map<int, std::int64_t> found;  // by PU: once in a process
  auto [usable, is_new] = found.try_emplace(team.pus()[0], *reported);
  if (is_new && l2_bytes > 0)
    usable->second = find_usable_l3(kit, team, buffers, l2_bytes, *reported);
  facts["usable_l3_bytes"] = static_cast<double>(usable->second);
  const std::int64_t slice = usable->second / 2 / sharing;
  if (static_cast<double>(slice) < kLeastOverL2 * static_cast<double>(l2_bytes)) {
    throw Error(
        ErrorCode::kNotAvailable,
        fmt::format("each thread's part of half the L3 that is found here is {} KiB, which its L2 "
                    "of {} KiB would serve; measure with fewer threads",
                    slice / 1024, l2_bytes / 1024));
  }
  return slice;
}

class StreamCase final : public Case {
 public:
  // One array of one thread: `windows` times `window` elements.
  StreamCase(PinnedTeam& team, const RankBuffers& buffers, const NamedOperation& named,
             std::size_t window, std::size_t windows)
      : team_(team),
        buffers_(buffers),
        operation_(named.operation),
        window_(window),
        pitch_(window * windows),
        sums_(static_cast<std::size_t>(team.size())) {
    quantity = "bandwidth";
    unit = Unit::kBytesPerSecond;
    const std::size_t bytes = arrays() * window * sizeof(std::uint64_t);
    amount_per_iteration = static_cast<double>(bytes) * static_cast<double>(team.size());
    facts["working_set_bytes"] = amount_per_iteration * static_cast<double>(windows);
    team_.run([this](int rank) { fill(operation_, slices(rank)); });
  }

  // Chooses the loop by tries of `try_seconds` and more; ends about `seconds` later.
  void tune(Stores stores_wanted, double seconds, double try_seconds) {
    set_try(try_seconds);
    way_.streaming_stores = stores_wanted == Stores::kStreaming;
    if (stores_wanted == Stores::kFaster) {
      Traversal streaming = way_;
      streaming.streaming_stores = true;
      way_ = choose({way_, streaming}, seconds / 4);
    }
    std::vector<Traversal> ways;
    for (Traversal way : traversals()) {
      way.streaming_stores = way_.streaming_stores;
      ways.push_back(way);
    }
    way_ = choose(ways, seconds);
    notes["isa"] = chosen_isa();
    notes["kernel"] = to_string(way_);
    if (stores(operation_)) notes["store"] = way_.streaming_stores ? "streaming" : "plain";
  }

  double seconds(std::uint64_t iterations) override {
    const std::size_t first = elements_ % pitch_;
    elements_ += iterations * window_;
    return team_.timed([this, iterations, first](int rank) {
      sums_[static_cast<std::size_t>(rank)].value += go_on(slices(rank), iterations, first);
    });
  }

  void check() override {
    team_.run([this](int rank) {
      if (is_right(operation_, slices(rank), sums_[static_cast<std::size_t>(rank)].value,
                   elements_)) {
        return;
      }
      throw Error(ErrorCode::kFailure,
                  fmt::format("thread {}: the kernel's result is wrong; this CPU or its memory "
                              "does not compute reliably",
                              rank));
    });
  }

 private:
  struct alignas(128) Sum {  // two lines: neighbours are fetched in pairs
    std::uint64_t value = 0;
  };

  std::size_t arrays() const { return static_cast<std::size_t>(arrays_of(operation_)); }
  StreamSlices slices(int rank) const { return {buffers_.data(rank), pitch_, pitch_}; }

  static StreamSlices part(const StreamSlices& whole, std::size_t first, std::size_t count) {
    return {whole.data + first * sizeof(std::uint64_t), whole.pitch, count};
  }

  std::uint64_t go_on(const StreamSlices& all, std::uint64_t iterations, std::size_t first) const {
    if (window_ == pitch_) return run(operation_, all, iterations, way_);
    std::uint64_t sum = 0;
    for (; iterations > 0; --iterations) {
      sum += run(operation_, part(all, first, window_), 1, way_);
      first = first + window_ == pitch_ ? 0 : first + window_;
    }
    return sum;
  }

  // One try of way `way` over `words` of each array, in DRAM where the one before has not been.
  double seconds_of_try(const Traversal& way, std::size_t words) {
    const std::size_t count = std::min(words, pitch_);
    const std::uint64_t passes = std::max<std::size_t>(1, words / count);
    if (tried_to_ + count > pitch_) tried_to_ = 0;
    const double taken = team_.timed(
        [&](int rank) { run(operation_, part(slices(rank), tried_to_, count), passes, way); });
    tried_to_ += count;
    return taken;
  }

  void set_try(double try_seconds) {
    const std::size_t least = std::min(pitch_, kLeastTryWords);
    seconds_of_try(way_, least);  // the first one's faults and misses are not what is asked
    const double least_seconds = seconds_of_try(way_, least);
    const double times = std::clamp(try_seconds / least_seconds, 1.0, 1e6);
    try_words_ = least * static_cast<std::size_t>(times) / kGrainWords * kGrainWords;
  }

  Traversal choose(const std::vector<Traversal>& ways, double seconds) {
    return ways[fastest_of(ways.size(), seconds, monotonic_clock(), [&](auto index, int length) {
      return seconds_of_try(ways[index], try_words_ * static_cast<std::size_t>(length));
    })];
  }

  PinnedTeam& team_;
  const RankBuffers& buffers_;
  const StreamOperation operation_;
  const std::size_t window_, pitch_;
  Traversal way_;
  std::size_t try_words_ = kGrainWords, tried_to_ = 0;  // of each array
  std::vector<Sum> sums_;
  std::uint64_t elements_ = 0;  // of each array, gone over
};

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  static RankBuffers buffers;
  const Parameters& parameters = point.parameters;
  const NamedOperation& named = operation_of(parameters.text_or("operation", "read"));
  PinnedTeam& team = kit.team_of_node(parameters, "cpu_node");

  std::map<std::string, double> facts;
  const std::string level = parameters.text_or("level", "dram");
  std::int64_t bytes = 0;
  if (const auto wanted = parameters.number("working_set_bytes")) {
    bytes = *wanted;
  } else if (level == "dram") {
    const std::int64_t all = kTimesLastLevelCache * kit.machine().last_level_cache_total_bytes();
    const auto ranks = static_cast<std::int64_t>(team.size());
    bytes = std::max((all + ranks - 1) / ranks, kDramWindowBytes);
  } else {
    bytes = cache_slice_bytes(kit, team, buffers, level, facts);
  }
  const std::size_t grain_bytes =
      kGrainWords * sizeof(std::uint64_t) * static_cast<std::size_t>(arrays_of(named.operation));
  if (bytes < static_cast<std::int64_t>(grain_bytes)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("working_set_bytes {}: expected at least {} for this operation", bytes,
                            grain_bytes));
  }
  buffers.prepare(kit, kit.team_of_node(parameters, "memory_node"), static_cast<std::size_t>(bytes),
                  parameters);

  const bool in_dram = level == "dram" && !parameters.has("working_set_bytes");
  const auto windows = static_cast<std::size_t>(in_dram ? bytes / kDramWindowBytes : 1);
  const std::size_t window = static_cast<std::size_t>(bytes) / windows / grain_bytes * kGrainWords;
  auto measured = std::make_unique<StreamCase>(team, buffers, named, window, windows);
  const bool tried = named.stores != Stores::kFaster || in_dram;
  measured->tune(tried ? named.stores : Stores::kPlain, kTuneShare * point.seconds,
                 in_dram ? kTryInDramSeconds : kTryInCacheSeconds);
  measured->facts.merge(facts);
  buffers.describe(*measured);
  return measured;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"stream_bandwidth",
       "Bytes per second of read, write, copy, scale, add and triad, with plain and streaming "
       "stores, by cache level, working set, page kind, placement and threads.",
       mb::prepare});
}
