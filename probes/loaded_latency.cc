// Load latency in DRAM while other threads read: how much later a single load comes back as the
// memory gets busier. One rank chases pointers through a set past the caches; the others stream
// through slices of their own and rest between chunks as long as the point says.
//
// `rest` is the share of a reader's time spent resting, in percent, so that the curve has points
// between an idle and a saturated memory even with two CPUs. Fact load_bytes_per_s: what the
// readers together really read.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "data/error.h"
#include "probes/core/probe.h"
#include "probes/core/rank_buffers.h"
#include "workloads/kernels/pointer_chase.h"
#include "workloads/kernels/stream_read.h"

namespace mb {
namespace {

// A chunk is 2 to 20 us of reading: short against the latency's own sampling, long against the
// clock that measures a rest.
constexpr std::size_t kChunkWords = 32 * 1024 / sizeof(std::uint64_t);

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class LoadedCase final : public Case {
 public:
  LoadedCase(PinnedTeam& team, const RankBuffers& buffers, std::size_t bytes, double rest)
      : team_(team),
        buffers_(buffers),
        bytes_(bytes),
        rest_(rest),
        at_(buffers.as<ChaseLine>(0)),
        read_(static_cast<std::size_t>(team.size())) {
    team_.run([&](int rank) {
      if (rank == 0) return link_chase(buffers_.as<ChaseLine>(0), lines(), /*seed=*/1);
      std::fill_n(buffers_.as<std::uint64_t>(rank), words(), std::uint64_t{1});
    });
  }

  double seconds(std::uint64_t iterations) override {
    steps_ += iterations;
    done_.store(false);
    const double taken = team_.timed([this, iterations](int rank) {
      if (rank > 0) return read(rank);
      at_ = chase(at_, iterations);
      done_.store(true, std::memory_order_release);
    });
    seconds_ += taken;
    double bytes = 0;
    for (const Read& one : read_) bytes += static_cast<double>(one.words) * sizeof(std::uint64_t);
    facts["load_bytes_per_s"] = bytes / seconds_;
    return taken;
  }

  void check() override {
    bool right = at_->ordinal == steps_ % lines();
    for (const Read& one : read_) right = right && one.sum == one.words;  // every word is 1
    if (!right) {
      throw Error(ErrorCode::kFailure,
                  "a load gave a wrong value; this CPU or its memory does not work reliably");
    }
  }

 private:
  struct alignas(128) Read {
    std::uint64_t words = 0, sum = 0;
    std::size_t offset = 0;
  };
  std::size_t lines() const { return bytes_ / sizeof(ChaseLine); }
  std::size_t words() const { return bytes_ / sizeof(std::uint64_t) / kChunkWords * kChunkWords; }

  void read(int rank) {
    Read& mine = read_[static_cast<std::size_t>(rank)];
    const auto* data = buffers_.as<std::uint64_t>(rank);
    while (!done_.load(std::memory_order_acquire)) {
      const double begin = now_seconds();
      mine.sum += stream_read(data + mine.offset, kChunkWords, 1);
      mine.words += kChunkWords;
      mine.offset = (mine.offset + kChunkWords) % words();
      if (rest_ <= 0) continue;
      const double took = now_seconds() - begin;
      const double until = begin + took / (1 - rest_);
      while (now_seconds() < until && !done_.load(std::memory_order_relaxed)) {
      }
    }
  }

  PinnedTeam& team_;
  const RankBuffers& buffers_;
  std::size_t bytes_;  // of each rank
  double rest_;        // share of a reader's time
  const ChaseLine* at_;
  std::vector<Read> read_;
  std::atomic<bool> done_{false};
  std::uint64_t steps_ = 0;
  double seconds_ = 0;
};

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  static RankBuffers buffers;
  const Parameters& parameters = point.parameters;
  if (parameters.text_or("operation", "load") != "load") {
    throw Error(ErrorCode::kUsage, "expected operation load");
  }
  const std::int64_t rest = parameters.number_or("rest_percent", 0);
  if (rest < 0 || rest > 99) {
    throw Error(ErrorCode::kUsage, fmt::format("rest_percent {}: expected 0 to 99", rest));
  }
  PinnedTeam& team = kit.team(parameters);
  // Past the caches: four times as much, twice beside readers on the same cache, who throw out what
  // it left there; their slices are as large.
  constexpr std::int64_t kLeastBytes = std::int64_t{64} << 20;
  const std::int64_t times = team.size() > 1 && kit.machine().usable_l3_domains() == 1 ? 2 : 4;
  const std::int64_t bytes =
      std::max(times * kit.machine().cache_bytes(3).value_or(0), kLeastBytes);
  buffers.prepare(kit, team, static_cast<std::size_t>(bytes), parameters);
  auto measured = std::make_unique<LoadedCase>(team, buffers, static_cast<std::size_t>(bytes),
                                               static_cast<double>(rest) / 100);
  buffers.describe(*measured);
  return measured;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"loaded_latency", "Seconds of one dependent load from DRAM while other threads read.",
       mb::prepare, /*in_nanoseconds=*/true});
}
