// Bandwidth of plain streams: read, write, streaming write, copy, triad; in each cache level and in
// DRAM, against threads and against the working set.
//
// Each thread works on its own slice, which it touched first, from front to back. Bytes are counted
// by STREAM's rule (those that the operation names). DRAM: all slices together are four times the
// last-level caches. L1, L2: half of one cache, divided among the threads that share it; L3: half
// of the domain likewise.
//
// Copy and triad use plain stores where their data fits a cache and streaming stores in DRAM, where
// a plain store would first read each line that it overwrites (note "store"). `write` is plain
// everywhere, and `streaming_write` shows the difference.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "data/error.h"
#include "probes/core/probe.h"
#include "probes/core/rank_buffers.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/stream_copy.h"
#include "workloads/kernels/stream_read.h"
#include "workloads/kernels/stream_triad.h"
#include "workloads/kernels/stream_write.h"

namespace {

using mb::Error, mb::ErrorCode;

enum class Operation { kRead, kWrite, kStreamingWrite, kCopy, kTriad };

Operation operation_of(const std::string& name) {
  static const std::map<std::string, Operation> names{
      {"read", Operation::kRead},
      {"write", Operation::kWrite},
      {"streaming_write", Operation::kStreamingWrite},
      {"copy", Operation::kCopy},
      {"triad", Operation::kTriad}};
  const auto found = names.find(name);
  if (found != names.end()) return found->second;
  throw Error(
      ErrorCode::kUsage,
      fmt::format("operation '{}': expected read, write, streaming_write, copy or triad", name));
}

std::size_t arrays_of(Operation operation) {
  switch (operation) {
    case Operation::kCopy:
      return 2;
    case Operation::kTriad:
      return 3;
    default:
      return 1;
  }
}

// Of all slices of a DRAM point against the last-level caches: STREAM's rule.
constexpr std::int64_t kTimesLastLevelCache = 4;
// A pass over it takes at least 1 ms at 16 GB/s, so that threads that leave the start line a
// microsecond apart do not show; and it is several times any core's own L2 (2 to 3 MiB).
constexpr std::int64_t kLeastDramSliceBytes = std::int64_t{16} << 20;
// Under this times its L2, a thread's part of the L3 is partly served by the L2.
constexpr double kLeastOverL2 = 1.5;
// Whole turns of the unrolled loops, and array starts at whole lines.
constexpr std::size_t kGrainWords = 64;

constexpr std::uint64_t kWritten = 0x5A5A5A5A5A5A5A5A;
constexpr double kScale = 3, kAddend = 2;
constexpr std::size_t kTriadPeriod = 1024;  // small whole numbers: exact with one rounding or two

// The most threads of the team that share one cache of `level`.
int threads_on_one_cache(const mb::Machine& machine, const std::vector<int>& pus, int level) {
  int pus_per_instance = 1;
  for (const mb::Cache& cache : machine.caches) {
    if (cache.level == level) pus_per_instance = std::max(1, cache.pus_per_instance);
  }
  std::map<int, int> threads;
  int most = 1;
  for (std::size_t index = 0; index < machine.pus.size(); ++index) {
    const mb::Pu& pu = machine.pus[index];
    const int instance = level == 1   ? pu.core
                         : level == 3 ? pu.l3_domain
                                      : static_cast<int>(index) / pus_per_instance;
    threads[instance] += static_cast<int>(std::ranges::count(pus, pu.os_index));
    most = std::max(most, threads[instance]);
  }
  return most;
}

std::int64_t cache_slice_bytes(const mb::Machine& machine, const std::vector<int>& pus,
                               const std::string& level) {
  if (level != "L1" && level != "L2" && level != "L3") {
    throw Error(ErrorCode::kUsage, fmt::format("level '{}': expected L1, L2, L3 or dram", level));
  }
  const int number = level[1] - '0';
  const auto bytes = machine.cache_bytes(number);
  if (!bytes) {
    throw Error(ErrorCode::kNotAvailable, fmt::format("the machine shows no {} cache", level));
  }
  const std::int64_t slice = *bytes / 2 / threads_on_one_cache(machine, pus, number);
  const auto l2_bytes = static_cast<double>(machine.cache_bytes(2).value_or(0));
  if (number == 3 && static_cast<double>(slice) < kLeastOverL2 * l2_bytes) {
    throw Error(
        ErrorCode::kNotAvailable,
        fmt::format("each thread's part of half the L3 is {} KiB, which its L2 of {:.0f} KiB "
                    "would serve: measure with fewer threads",
                    slice / 1024, l2_bytes / 1024));
  }
  return slice;
}

std::int64_t slice_bytes(const mb::Parameters& parameters, const mb::Machine& machine,
                         const std::vector<int>& pus) {
  if (const auto bytes = parameters.number("working_set_bytes")) return *bytes;
  const std::string level = parameters.text_or("level", "dram");
  if (level != "dram") return cache_slice_bytes(machine, pus, level);
  const auto threads = static_cast<std::int64_t>(pus.size());
  const std::int64_t all = kTimesLastLevelCache * machine.last_level_cache_total_bytes();
  return std::max((all + threads - 1) / threads, kLeastDramSliceBytes);
}

class StreamCase final : public mb::Case {
 public:
  StreamCase(mb::PinnedTeam& team, const mb::RankBuffers& buffers, Operation operation,
             std::size_t words, bool streaming)
      : team_(team),
        buffers_(buffers),
        operation_(operation),
        words_(words),
        streaming_(streaming),
        sums_(static_cast<std::size_t>(team.size())) {
    quantity = "bandwidth";
    unit = mb::Unit::kBytesPerSecond;
    amount_per_iteration =
        static_cast<double>(arrays_of(operation) * words_ * sizeof(std::uint64_t)) *
        static_cast<double>(team.size());
    team_.run([this](int rank) { fill(rank); });
  }

  double seconds(std::uint64_t iterations) override {
    passes_ += iterations;
    return team_.timed([this, iterations](int rank) { stream(rank, iterations); });
  }

  void check() override {
    team_.run([this](int rank) {
      if (is_right(rank)) return;
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

  template <class T>
  T* array(int rank, std::size_t number) const {
    return buffers_.as<T>(rank) + number * words_;
  }

  void fill(int rank) {
    if (operation_ == Operation::kTriad) {
      for (std::size_t i = 0; i < words_; ++i) {
        array<double>(rank, 0)[i] = -1;
        array<double>(rank, 1)[i] = static_cast<double>(i % kTriadPeriod);
        array<double>(rank, 2)[i] = kAddend;
      }
      return;
    }
    const bool counts = operation_ == Operation::kRead;
    for (std::size_t i = 0; i < words_; ++i) {
      array<std::uint64_t>(rank, 0)[i] = counts ? i : 0;
      if (operation_ == Operation::kCopy) array<std::uint64_t>(rank, 1)[i] = i;
    }
  }

  void stream(int rank, std::uint64_t passes) {
    auto* words = array<std::uint64_t>(rank, 0);
    switch (operation_) {
      case Operation::kRead:
        sums_[static_cast<std::size_t>(rank)].value += mb::stream_read(words, words_, passes);
        return;
      case Operation::kWrite:
        return mb::stream_write(words, words_, kWritten, passes);
      case Operation::kStreamingWrite:
        return mb::stream_write_streaming(words, words_, kWritten, passes);
      case Operation::kCopy:
        return (streaming_ ? mb::stream_copy_streaming : mb::stream_copy)(
            words, array<std::uint64_t>(rank, 1), words_, passes);
      case Operation::kTriad:
        return (streaming_ ? mb::stream_triad_streaming : mb::stream_triad)(
            array<double>(rank, 0), array<double>(rank, 1), array<double>(rank, 2), kScale, words_,
            passes);
    }
  }

  bool is_right(int rank) const {
    const auto* words = array<std::uint64_t>(rank, 0);
    const auto* results = array<double>(rank, 0);
    switch (operation_) {
      case Operation::kRead:  // 0 + 1 + ... modulo 2^64, once a pass
        return sums_[static_cast<std::size_t>(rank)].value == passes_ * (words_ / 2 * (words_ - 1));
      case Operation::kCopy:
        for (std::size_t i = 0; i < words_; ++i) {
          if (words[i] != i) return false;
        }
        return true;
      case Operation::kTriad:
        for (std::size_t i = 0; i < words_; ++i) {
          if (results[i] != static_cast<double>(i % kTriadPeriod) + kScale * kAddend) return false;
        }
        return true;
      default:
        return std::all_of(words, words + words_, [](std::uint64_t w) { return w == kWritten; });
    }
  }

  mb::PinnedTeam& team_;
  const mb::RankBuffers& buffers_;
  const Operation operation_;
  const std::size_t words_;  // of one array of one thread
  const bool streaming_;
  std::vector<Sum> sums_;
  std::uint64_t passes_ = 0;
};

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  static mb::RankBuffers buffers;
  const mb::Parameters& parameters = point.parameters;
  const Operation operation = operation_of(parameters.text_or("operation", "read"));
  mb::PinnedTeam& team = kit.team(parameters);
  const std::int64_t bytes = slice_bytes(parameters, kit.machine(), team.pus());
  const std::size_t grain_bytes = kGrainWords * sizeof(std::uint64_t) * arrays_of(operation);
  if (bytes < static_cast<std::int64_t>(grain_bytes)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("working_set_bytes {}: expected at least {} for this "
                            "operation",
                            bytes, grain_bytes));
  }
  const std::size_t words = static_cast<std::size_t>(bytes) / grain_bytes * kGrainWords;
  const mb::PageKind kind = mb::page_kind_from_string(parameters.text_or("page", "thp"));
  buffers.prepare(kit, team, static_cast<std::size_t>(bytes), kind);

  const bool in_dram =
      !parameters.has("working_set_bytes") && parameters.text_or("level", "dram") == "dram";
  const bool streaming =
      operation == Operation::kStreamingWrite || (in_dram && arrays_of(operation) > 1);
  auto measured = std::make_unique<StreamCase>(team, buffers, operation, words, streaming);
  buffers.describe(*measured);
  measured->notes["isa"] = mb::chosen_isa();
  if (operation != Operation::kRead) measured->notes["store"] = streaming ? "streaming" : "plain";
  measured->facts["working_set_bytes"] = measured->amount_per_iteration;
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"stream_bandwidth",
       "Bytes per second of read, write, streaming write, copy and triad, by cache level, working "
       "set, page kind and threads.",
       prepare});
}
