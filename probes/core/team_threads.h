// A team of std::threads that live as long as it does, private to probes/core. `Waiting` decides
// how ranks wait at barriers and for the end of a region; the fork is a generation word on which
// idle workers look for a while (`idle_spin_seconds`) and then sleep, so that a team that is kept
// but not used takes nothing from the others.
//
// A worker that does not come back within the patience gets its pin lifted, so that the scheduler
// can run it elsewhere; the caller waits until it is out of the body (the body's data are the
// caller's) and only then throws.
#pragma once
#include <fmt/format.h>

#include <system_error>
#include <thread>

#include "data/error.h"
#include "probes/core/futex.h"
#include "probes/core/team_base.h"

namespace mb {

template <class Waiting>
class ThreadTeam final : public TeamBase {
 public:
  ThreadTeam(const std::vector<int>& pus, double patience_seconds, double idle_spin_seconds)
      : TeamBase(pus, patience_seconds), idle_spin_seconds_(idle_spin_seconds) {
    try {
      for (int rank = 1; rank < size(); ++rank) {
        workers_.emplace_back([this, rank] { serve(rank); });
      }
      settle();
    } catch (const std::system_error& error) {
      stop();
      throw Error(ErrorCode::kNoResource,
                  fmt::format("cannot start thread {} of {}: {}; raise the limit of processes "
                              "(ulimit -u) or ask for fewer threads",
                              workers_.size() + 2, size(), error.what()));
    } catch (...) {
      stop();
      throw;
    }
  }
  ~ThreadTeam() override { stop(); }

  void run(RankFunction body) override {
    if (broken_) throw_late(patience_seconds_);
    pin_caller();
    body_ = &body;
    remaining_.store(static_cast<std::uint32_t>(workers_.size()), std::memory_order_relaxed);
    if (!workers_.empty()) open_gate();
    execute(body, 0);
    join();
    finish_region();
  }

  void barrier(int) override {
    if (size() > 1) barrier_.arrive(size(), aborted_, patience_seconds_);
  }

 private:
  void release_barrier() override { barrier_.release(); }
  void reset_barrier() override { barrier_.reset(); }

  void open_gate() {
    region_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) futex_wake_all(region_);
  }

  void wait_at_gate(std::uint32_t seen) {
    const auto open = [&] { return region_.load(std::memory_order_acquire) != seen; };
    if (idle_spin_seconds_ > 0) {
      const double end = team_clock_seconds() + idle_spin_seconds_;
      for (int spin = 1; !open(); ++spin) {
        pause_instruction();
        // The clock every 256 looks: a look must stay cheap.
        if (spin % 256 == 0 && team_clock_seconds() > end) break;
      }
    }
    while (!open()) {
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      futex_wait(region_, seen, 0);
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  void serve(int rank) {
    for (std::uint32_t seen = 0;; ++seen) {
      wait_at_gate(seen);
      if (stopping_.load(std::memory_order_acquire)) return;
      execute(*body_, rank);
      if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) Waiting::wake(remaining_);
    }
  }

  void join() {
    const auto all_out = [](std::uint32_t left) { return left == 0; };
    // Twice, because a rank may itself be waiting at a barrier for one that never comes: it then
    // gives up first and the team stays whole.
    if (Waiting::wait(remaining_, 2 * patience_seconds_, all_out)) return;
    abort();
    for (std::thread& worker : workers_) {
      const PuMask& mask = CallerMask::original();
      pthread_setaffinity_np(worker.native_handle(), mask.bytes(), mask.data());
    }
    Waiting::wait(remaining_, 0, all_out);
    finish_region_quietly();
    broken_ = true;
    throw_late(patience_seconds_);
  }

  void finish_region_quietly() {
    try {
      finish_region();
    } catch (...) {  // the late rank is the cause of whatever else went wrong
    }
  }

  void stop() {
    stopping_.store(true, std::memory_order_release);
    if (!workers_.empty()) open_gate();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  const double idle_spin_seconds_;
  std::vector<std::thread> workers_;
  const RankFunction* body_ = nullptr;  // published by region_
  std::atomic<bool> stopping_{false};
  bool broken_ = false;
  alignas(kApart) std::atomic<std::uint32_t> region_{0};
  alignas(kApart) std::atomic<std::uint32_t> sleepers_{0};
  alignas(kApart) std::atomic<std::uint32_t> remaining_{0};
  CentralBarrier<Waiting> barrier_;
};

}  // namespace mb
