// The OpenMP team: a parallel region per run, `omp barrier` inside, the wait policy as libgomp read
// it at load. libgomp keeps its threads between regions of one size and replaces them when sizes
// change, so every rank asks for its PU at each start (one comparison when it is there already).
//
// Its waits are libgomp's and cannot be bounded, nor left by an exception: a rank that throws waits
// until every other rank has left the body or stands at a barrier, comes to that barrier itself,
// and the released ranks then find `aborted`.
#ifdef WITH_OPENMP
#include <omp.h>
#endif

#include "data/error.h"
#include "probes/core/team_base.h"

namespace mb {

#ifndef WITH_OPENMP

bool openmp_available() { return false; }

std::unique_ptr<PinnedTeam> make_openmp_team(const std::vector<int>&, double) {
  throw Error(ErrorCode::kNotAvailable,
              "this build has no OpenMP; configure with -DWITH_OPENMP=ON");
}

#else

bool openmp_available() { return true; }

namespace {

class OpenMpTeam final : public TeamBase {
 public:
  OpenMpTeam(const std::vector<int>& pus, double patience_seconds)
      : TeamBase(pus, patience_seconds), progress_(pus.size()) {
    settle();
  }

  void run(RankFunction body) override {
    pin_caller();
    bool complete = true;
    const int wanted = size();
    ++region_;
#pragma omp parallel num_threads(wanted) shared(complete)
    {
      const int rank = omp_get_thread_num();
      if (omp_get_num_threads() == wanted) {
        bool& completed = progress_[static_cast<std::size_t>(rank)].completed;
        completed = false;
        execute(
            [&](int me) {
              pin_this_thread(pus_[static_cast<std::size_t>(me)]);
              body(me);
              completed = true;
            },
            rank);
        leave(rank);
      } else if (rank == 0) {
        complete = false;
      }
    }
    if (!complete) {
      throw Error(
          ErrorCode::kNotAvailable,
          "OpenMP gave fewer threads than asked for; unset OMP_THREAD_LIMIT and OMP_DYNAMIC");
    }
    finish_region();
  }

  void barrier(int rank) override {
    Progress& mine = progress_[static_cast<std::size_t>(rank)];
    mine.barriers.store(mine.barriers.load(std::memory_order_relaxed) + 1,
                        std::memory_order_release);
#pragma omp barrier
    if (aborted_.load(std::memory_order_acquire)) throw Aborted{};
  }

 private:
  // A line a rank, written by it alone: two stores a region, one a barrier.
  struct alignas(kApart) Progress {
    std::atomic<std::uint64_t> barriers{0};  // that it has come to, over the team's life
    std::atomic<std::uint64_t> left{0};      // the last region whose body it has left
    bool completed = false;                  // the body returned
  };

  void leave(int rank) {
    Progress& mine = progress_[static_cast<std::size_t>(rank)];
    mine.left.store(region_, std::memory_order_release);
    if (mine.completed) return;
    bool somebody_waits = false;
    const std::uint64_t here = mine.barriers.load(std::memory_order_relaxed);
    for (Progress& other : progress_) {
      const auto gone = [&] { return other.left.load(std::memory_order_acquire) == region_; };
      const auto waits = [&] { return other.barriers.load(std::memory_order_acquire) > here; };
      while (!gone() && !waits()) sched_yield();
      somebody_waits = somebody_waits || !gone();
    }
    if (!somebody_waits) return;
    mine.barriers.store(here + 1, std::memory_order_release);
#pragma omp barrier
  }

  void release_barrier() override {}
  void reset_barrier() override {
    for (Progress& rank : progress_) rank.barriers.store(0, std::memory_order_relaxed);
  }

  std::vector<Progress> progress_;
  std::uint64_t region_ = 0;  // written by the caller between regions
};

}  // namespace

std::unique_ptr<PinnedTeam> make_openmp_team(const std::vector<int>& pus, double patience_seconds) {
  return std::make_unique<OpenMpTeam>(pus, patience_seconds);
}

#endif

}  // namespace mb
