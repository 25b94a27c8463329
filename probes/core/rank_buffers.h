// Memory for the ranks of a team. Where memory is several nodes, each rank's buffer is first
// touched by its own pinned thread, so that it lies on that thread's node, and belongs to a PU, a
// page kind and, where several ranks share a PU, its number among them. Where all memory is one
// node, who touches it tells nothing: the ranks have parts of one buffer of their page kind, which
// all usable CPUs touch together.
//
// First touch is the dear part (a guest that is handed its memory on demand was seen at 0.3 GB/s a
// CPU, where touched pages are written at 6), so a buffer is kept for later points and made anew
// only when one needs a larger one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "probes/core/arena.h"
#include "probes/core/pinned_team.h"
#include "probes/core/probe.h"

namespace mb {

class RankBuffers {
 public:
  // At least bytes_per_rank for each rank, touched. What is kept from earlier points is given up
  // when it would not fit the kit's memory beside the new. Throws Error(kNoResource) when this
  // point alone does not fit.
  void prepare(Kit& kit, PinnedTeam& team, std::size_t bytes_per_rank, PageKind kind);

  // The same on the pages that a point asks for (page, default thp).
  void prepare(Kit& kit, PinnedTeam& team, std::size_t bytes_per_rank,
               const Parameters& parameters);

  // The same for rank 0 alone.
  void prepare_first(Kit& kit, PinnedTeam& team, std::size_t bytes, PageKind kind);

  // Of the ranks of the last prepare. Contents are whatever was written there before.
  std::byte* data(int rank) const { return data_[static_cast<std::size_t>(rank)]; }
  template <class T>
  T* as(int rank) const {
    return reinterpret_cast<T*>(data(rank));
  }

  // What the last prepare got: "page_obtained", and "page_problem" in words where it is not what
  // was wanted; "huge_page_share" of the worst buffer.
  void describe(Case& into) const;

 private:
  // Kind, PU, number among the ranks on that PU; of one node's whole buffer kAllPus and 0.
  using Key = std::tuple<PageKind, int, int>;
  static constexpr int kAllPus = -1;
  struct Kept {
    Buffer buffer;
    PageKind obtained = PageKind::k4KiB;
    double huge_share = -1;  // negative: not read
  };
  std::vector<Key> keys_of(const PinnedTeam& team, PageKind kind) const;
  void prepare_ranks(Kit& kit, PinnedTeam& team, std::size_t ranks, std::size_t bytes_per_rank,
                     PageKind kind);
  void admit(Kit& kit, const std::vector<Key>& keys, std::size_t bytes);
  void make(const Machine& machine, PinnedTeam& team, const std::vector<Key>& keys,
            std::size_t bytes, PageKind kind);
  void describe_pages(const std::vector<Key>& keys, PageKind wanted);

  std::map<Key, Kept> kept_;
  std::vector<std::byte*> data_;
  PageKind wanted_ = PageKind::k4KiB, obtained_ = PageKind::k4KiB;
  double huge_share_ = -1;
};

}  // namespace mb
