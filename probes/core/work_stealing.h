// A work-stealing fork-join pool, as Rayon and TBB have: a range is split in halves, one half is
// put on the worker's own deque and may be stolen there by a worker that has nothing, the other is
// gone into; then the first is taken back or, when it was stolen, waited for while stealing
// elsewhere.
//
// Not a team: leaves have no rank and there is no barrier, which is how engines in Rust divide an
// operation. Rank 0 is the calling thread. Idle workers look for work for a while, then sleep on a
// futex.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "probes/core/pin_thread.h"
#include "workloads/team.h"

namespace mb {

class WorkStealingPool {
 public:
  // A worker a PU (OS index), pinned; several may share one. Throws Error(kNoResource) when a
  // thread cannot be started.
  explicit WorkStealingPool(const std::vector<int>& pus);
  ~WorkStealingPool();
  WorkStealingPool(const WorkStealingPool&) = delete;
  WorkStealingPool& operator=(const WorkStealingPool&) = delete;

  // leaf(i) for every i in [0, leaves), on any worker; returns when all have been. One caller; leaf
  // does not throw.
  void for_each(int leaves, RankFunction leaf);
  long steals() const { return steals_.load(); }

 private:
  struct Job;
  class Deque;
  void serve(std::size_t me);
  void split(std::size_t me, int first, int last);
  void execute(std::size_t me, Job& job);
  Job* steal(std::size_t me);
  void wake_one();
  void stop();

  CallerMask caller_mask_;
  std::vector<int> pus_;
  std::vector<std::unique_ptr<Deque>> deques_;
  std::vector<std::thread> workers_;
  const RankFunction* leaf_ = nullptr;  // published by the deques
  std::atomic<bool> stopping_{false};
  alignas(128) std::atomic<std::uint32_t> news_{0};
  alignas(128) std::atomic<std::uint32_t> sleepers_{0};
  alignas(128) std::atomic<long> steals_{0};
};

}  // namespace mb
