// Do two hardware threads on a core help or hurt? The same work is done by one and by two threads
// on each of the same cores, and the total rates are compared:
//   compute      multiply-adds on registers alone: the siblings share the units, so no gain is due
//   stream_read  each thread reads its slice of DRAM: a second thread may hide latency
//   attention    each thread reads its own keys and values again and again, half an L2 of them, as
//                a head of attention does: one thread has room, two fill the cache they share
//   prefill      a step of prompt_tokens rows through a chain of a model's layers, by all threads
//   decode       one token's step through it
// Rates count all threads: FLOP/s, or bytes read per second (STREAM rule); steps are seconds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/error.h"
#include "data/plan/placement.h"
#include "probes/compute_case.h"
#include "probes/core/probe.h"
#include "probes/core/rank_buffers.h"
#include "probes/step_case.h"
#include "workloads/kernels/attention.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/stream_read.h"

namespace {

using mb::Error, mb::ErrorCode;

// As in stream_bandwidth: together four times the last-level caches, and long enough a pass.
constexpr std::int64_t kTimesLastLevelCache = 4;
constexpr std::int64_t kLeastDramSliceBytes = std::int64_t{16} << 20;
constexpr std::size_t kGrainBytes = 512;  // whole turns of the unrolled loop

class ReadCase final : public mb::Case {
 public:
  ReadCase(mb::PinnedTeam& team, const mb::RankBuffers& buffers, std::size_t words)
      : team_(team),
        buffers_(buffers),
        words_(words),
        sums_(static_cast<std::size_t>(team.size())) {
    unit = mb::Unit::kBytesPerSecond;
    amount_per_iteration =
        static_cast<double>(words * sizeof(std::uint64_t)) * static_cast<double>(team.size());
    facts["working_set_bytes"] = amount_per_iteration;
    team_.run([this](int rank) {
      for (std::size_t i = 0; i < words_; ++i) buffers_.as<std::uint64_t>(rank)[i] = i;
    });
  }

  double seconds(std::uint64_t iterations) override {
    passes_ += iterations;
    return team_.timed([this, iterations](int rank) {
      sums_[static_cast<std::size_t>(rank)].value +=
          mb::stream_read(buffers_.as<std::uint64_t>(rank), words_, iterations);
    });
  }

  void check() override {
    const std::uint64_t expected = passes_ * (words_ / 2 * (words_ - 1));
    for (const Sum& sum : sums_) {
      if (sum.value == expected) continue;
      throw Error(ErrorCode::kFailure,
                  "a read sum is wrong; this CPU or its memory does not compute reliably");
    }
  }

 private:
  struct alignas(128) Sum {
    std::uint64_t value = 0;
  };

  mb::PinnedTeam& team_;
  const mb::RankBuffers& buffers_;
  const std::size_t words_;
  std::vector<Sum> sums_;
  std::uint64_t passes_ = 0;
};

// One KV head for each thread: one token's four query rows (a common group) over f16 keys and
// values of 128 elements. All keys are equal and all values 1, so that every weight is 1 and every
// sum is the number of positions.
class AttentionCase final : public mb::Case {
 public:
  AttentionCase(mb::PinnedTeam& team, const mb::RankBuffers& buffers, std::size_t bytes)
      : team_(team),
        positions_(static_cast<long>(bytes) / kPositionBytes / mb::kAttentionTile *
                   mb::kAttentionTile),
        ranks_(static_cast<std::size_t>(team.size())) {
    if (positions_ == 0) {
      throw Error(ErrorCode::kNotAvailable, "half the L2 does not hold one tile of positions");
    }
    unit = mb::Unit::kFlopsPerSecond;
    // A multiply and an add for each element of each key and value, by each row.
    amount_per_iteration = 4.0 * kGroup * kHeadSize * static_cast<double>(positions_) * team.size();
    facts["working_set_bytes"] = static_cast<double>(positions_ * kPositionBytes) * team.size();
    team_.run([&](int rank) { fill(of(rank), buffers.data(rank)); });
  }

  double seconds(std::uint64_t iterations) override {
    return team_.timed([this, iterations](int rank) {
      Rank& mine = of(rank);
      const mb::QueryBlock block{
          mine.queries.data(), kGroup * kHeadSize, 1, kGroup, positions_ - 1, 0};
      const mb::AttentionPartial out{mine.values.data(), mine.maxima.data(), mine.weights.data()};
      for (std::uint64_t i = 0; i < iterations; ++i) {
        mb::attention(mine.head, block, 0, positions_, out);
      }
    });
  }

  void check() override {
    const auto expected = static_cast<float>(positions_);
    const auto wrong = [&](float sum) { return std::abs(sum - expected) > 1e-3F * expected; };
    for (const Rank& rank : ranks_) {
      if (std::ranges::none_of(rank.values, wrong) && std::ranges::none_of(rank.weights, wrong)) {
        continue;
      }
      throw Error(ErrorCode::kFailure,
                  "an attention sum is wrong; this CPU or its memory does not compute reliably");
    }
  }

 private:
  static constexpr long kHeadSize = 128, kGroup = 4;
  static constexpr long kPositionBytes = 2 * mb::kv_head_bytes(mb::KvType::kF16, kHeadSize, 1);

  struct alignas(128) Rank {
    mb::KvHead head;
    std::vector<float> queries, values, maxima, weights;
  };
  Rank& of(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }

  void fill(Rank& rank, std::byte* memory) const {
    rank.head = {mb::KvType::kF16, memory,
                 memory + mb::kv_head_bytes(mb::KvType::kF16, kHeadSize, positions_), kHeadSize};
    const std::vector<float> key(kHeadSize, 0.5F), value(kHeadSize, 1.0F);
    for (long at = 0; at < positions_; ++at) {
      mb::append_kv(rank.head, at, key.data(), value.data());
    }
    rank.queries.assign(kGroup * kHeadSize, 0.25F);
    rank.values.assign(kGroup * kHeadSize, 0.0F);
    rank.maxima.assign(kGroup, 0.0F);
    rank.weights.assign(kGroup, 0.0F);
  }

  mb::PinnedTeam& team_;
  const long positions_;
  std::vector<Rank> ranks_;
};

// Bytes of one thread. The same work on the same cores whatever threads_per_core: DRAM slices share
// one total; attention keeps what one thread reads at a time.
std::int64_t slice_bytes(const std::string& operation, const mb::Machine& machine, int threads) {
  if (operation == "stream_read") {
    return std::max(kTimesLastLevelCache * machine.last_level_cache_total_bytes() / threads,
                    kLeastDramSliceBytes);
  }
  if (operation != "attention") {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("operation '{}': expected compute, stream_read, attention, prefill or decode",
                    operation));
  }
  const auto l2_bytes = machine.cache_bytes(2);
  if (!l2_bytes) throw Error(ErrorCode::kNotAvailable, "the machine shows no L2 cache");
  return *l2_bytes / 2;
}

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  static mb::RankBuffers buffers;
  const auto cores = static_cast<int>(point.parameters.number_or("cores", 1));
  const auto per_core = static_cast<int>(point.parameters.number_or("threads_per_core", 1));
  const std::vector<int> pus = mb::place_on_cores(kit.machine(), cores, per_core);
  if (!kit.machine().has_smt() || pus.empty()) {
    throw Error(ErrorCode::kNotAvailable, "no hardware threads to compare here");
  }
  mb::PinnedTeam& team = kit.team(pus, mb::Sync::kSpin);
  const std::string operation = point.parameters.text_or("operation", "compute");
  std::unique_ptr<mb::Case> measured;
  if (operation == "decode") return mb::prepare_step_on(team, point, kit, 1, 1);
  if (operation == "prefill") {
    const auto rows = static_cast<long>(point.parameters.number_or("prompt_tokens", 128));
    return mb::prepare_step_on(team, point, kit, rows, 1);
  }
  if (operation == "compute") {
    measured = std::make_unique<mb::ComputeCase>(team);
  } else {
    const std::int64_t bytes = slice_bytes(operation, kit.machine(), team.size());
    const std::size_t whole = static_cast<std::size_t>(bytes) / kGrainBytes * kGrainBytes;
    buffers.prepare(kit, team, whole, mb::PageKind::kTransparentHuge);
    if (operation == "attention") {
      measured = std::make_unique<AttentionCase>(team, buffers, whole);
    } else {
      measured = std::make_unique<ReadCase>(team, buffers, whole / sizeof(std::uint64_t));
    }
    buffers.describe(*measured);
  }
  measured->quantity = "rate";
  measured->notes["isa"] = mb::chosen_isa();
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(argc, argv,
                        {"smt_interference",
                         "The same work by one and by two hardware threads a core: compute, DRAM "
                         "reads, attention in the L2, prefill and decode steps.",
                         prepare});
}
