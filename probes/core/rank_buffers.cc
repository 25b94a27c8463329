// Buffers are mapped by the caller and touched by the ranks, or on one node by all CPUs; page kinds
// are read back afterwards.
#include "probes/core/rank_buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "data/error.h"
#include "data/plan/placement.h"
#include "probes/core/pin_thread.h"

namespace mb {
namespace {

// No page is smaller, so a store at every such step touches every page.
constexpr std::size_t kTouchBytes = 4096;

// A huge page can only be given to a buffer that holds one. So much more is mapped of one node's
// buffer as well (but of a pool of huge pages, which is dear): parts of three ranks are rounded up
// and must not ask for a new buffer where one rank's was just large enough.
constexpr std::size_t kLeastBytes = std::size_t{2} << 20;

// Each reading walks the page tables of the whole process, so of a large team some ranks stand for
// all; they run the same code on the same machine.
constexpr std::size_t kMostVerified = 8;

// More only wait for each other in the kernel.
constexpr int kMostTouching = 16;
// A part of its own for each thread, huge pages whole.
constexpr std::size_t kTouchPartBytes = std::size_t{4} << 20;

// Part number `first` of the buffer and every `step`th after it.
void touch(const Buffer& buffer, std::size_t first, std::size_t step) {
  for (std::size_t part = first * kTouchPartBytes; part < buffer.size();
       part += step * kTouchPartBytes) {
    const std::size_t end = std::min(part + kTouchPartBytes, buffer.size());
    for (std::size_t at = part; at < end; at += kTouchBytes) buffer.data()[at] = {};
  }
}

// The caller may be pinned by its team, and new threads inherit that, so each goes to a PU of its
// own.
void touch_together(const Buffer& buffer, const Machine& machine) {
  const int threads = std::clamp(machine.limits.effective_cpus, 1, kMostTouching);
  std::vector<std::jthread> touching;
  for (const int pu : place(machine, threads, Placement::kSpread)) {
    const std::size_t first = touching.size();
    touching.emplace_back([&buffer, first, threads, pu] {
      try {
        pin_this_thread(pu);
      } catch (const Error&) {  // a mask that shrank: memory is touched from where the thread is
      }
      touch(buffer, first, static_cast<std::size_t>(threads));
    });
  }
}

}  // namespace

std::vector<RankBuffers::Key> RankBuffers::keys_of(const PinnedTeam& team, PageKind kind) const {
  std::vector<Key> keys;
  std::map<int, int> ranks_on;
  for (const int pu : team.pus()) keys.emplace_back(kind, pu, ranks_on[pu]++);
  return keys;
}

void RankBuffers::admit(Kit& kit, const std::vector<Key>& keys, std::size_t bytes) {
  const auto is_part = [&](const Key& key) { return std::ranges::find(keys, key) != keys.end(); };
  std::size_t total = 0;
  for (const auto& [key, kept] : kept_) {
    total += is_part(key) ? std::max(kept.buffer.size(), bytes) : kept.buffer.size();
  }
  for (const Key& key : keys) total += kept_.contains(key) ? 0 : bytes;
  try {
    kit.require_memory(static_cast<std::int64_t>(total));
  } catch (const Error&) {
    kept_.clear();
    kit.require_memory(static_cast<std::int64_t>(bytes * keys.size()));
  }
}

void RankBuffers::make(const Machine& machine, PinnedTeam& team, const std::vector<Key>& keys,
                       std::size_t bytes, PageKind kind) {
  const bool one_node = machine.usable_numa_nodes() == 1;
  const bool of_a_pool = kind != PageKind::k4KiB && kind != PageKind::kTransparentHuge;
  std::vector<std::size_t> fresh;
  for (std::size_t index = 0; index < keys.size(); ++index) {
    Kept& kept = kept_[keys[index]];
    if (kept.buffer.size() >= bytes) continue;
    kept = {};  // the old one goes before the new one comes
    kept.buffer = Buffer(bytes + (one_node && !of_a_pool ? kLeastBytes : 0), kind);
    fresh.push_back(index);
  }
  if (fresh.empty()) return;
  if (one_node) {
    touch_together(kept_[keys.front()].buffer, machine);
  } else {
    team.run([&](int rank) {
      const auto index = static_cast<std::size_t>(rank);
      if (std::ranges::binary_search(fresh, index)) {
        touch(kept_.find(keys[index])->second.buffer, 0, 1);
      }
    });
  }
  for (std::size_t i = 0; i < fresh.size(); i += (fresh.size() - 1) / kMostVerified + 1) {
    Kept& kept = kept_[keys[fresh[i]]];
    kept.obtained = kept.buffer.obtained();
    kept.huge_share = kept.buffer.huge_share().value_or(-1);
  }
}

void RankBuffers::prepare_ranks(Kit& kit, PinnedTeam& team, std::size_t ranks,
                                std::size_t bytes_per_rank, PageKind kind) {
  const auto in_whole = [](std::size_t bytes, std::size_t pages) {
    return (bytes + pages - 1) / pages * pages;
  };
  const bool one_node = kit.machine().usable_numa_nodes() == 1;
  const std::size_t bytes = in_whole(std::max(bytes_per_rank, kLeastBytes), kTouchBytes);
  std::vector<Key> keys{{kind, kAllPus, 0}};
  if (!one_node) {
    keys = keys_of(team, kind);
    keys.resize(ranks);
  }
  const std::size_t each = one_node ? in_whole(ranks * bytes, kLeastBytes) : bytes;
  data_.clear();
  admit(kit, keys, each);
  try {
    make(kit.machine(), team, keys, each, kind);
  } catch (...) {
    for (const Key& key : keys) kept_.erase(key);  // some may be untouched
    throw;
  }
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    data_.push_back(one_node ? kept_[keys.front()].buffer.data() + rank * bytes
                             : kept_[keys[rank]].buffer.data());
  }
  describe_pages(keys, kind);
}

void RankBuffers::describe_pages(const std::vector<Key>& keys, PageKind wanted) {
  wanted_ = obtained_ = wanted;
  huge_share_ = -1;
  for (const Key& key : keys) {
    const Kept& kept = kept_[key];
    if (kept.huge_share < 0) continue;
    if (huge_share_ < 0 || kept.huge_share < huge_share_) huge_share_ = kept.huge_share;
    if (kept.obtained != wanted) obtained_ = kept.obtained;
  }
}

void RankBuffers::prepare(Kit& kit, PinnedTeam& team, std::size_t bytes_per_rank, PageKind kind) {
  prepare_ranks(kit, team, static_cast<std::size_t>(team.size()), bytes_per_rank, kind);
}

void RankBuffers::prepare_first(Kit& kit, PinnedTeam& team, std::size_t bytes, PageKind kind) {
  prepare_ranks(kit, team, 1, bytes, kind);
}

void RankBuffers::prepare(Kit& kit, PinnedTeam& team, std::size_t bytes_per_rank,
                          const Parameters& parameters) {
  prepare(kit, team, bytes_per_rank, page_kind_from_string(parameters.text_or("page", "thp")));
}

void RankBuffers::describe(Case& into) const {
  if (huge_share_ < 0) {
    into.notes["page_obtained"] = "unknown";
    return;
  }
  into.notes["page_obtained"] = to_string(obtained_);
  into.facts["huge_page_share"] = huge_share_;
  if (obtained_ != wanted_) {
    into.notes["page_problem"] = fmt::format("{} pages were asked for, {} were given",
                                             to_string(wanted_), to_string(obtained_));
  }
}

}  // namespace mb
