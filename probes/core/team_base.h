// What the three teams share, private to probes/core: the start line, the rank's clock, the errors
// of a body and the kernel's accounting. A concrete team adds the region (run) and the barrier.
//
// Errors: the first rank that throws sets `aborted`; every wait of the others then throws Aborted,
// so that all leave the body; the region rethrows the error on the caller when all are out. A wait
// that outlasts the patience is such an error too.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <vector>

#include "probes/core/pin_thread.h"
#include "probes/core/pinned_team.h"

namespace mb {

// Two lines: adjacent lines are fetched in pairs on x86.
inline constexpr std::size_t kApart = 128;

// Thrown inside a body's wait when another rank has failed; never leaves a region.
struct Aborted {};

inline void pause_instruction() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

double team_clock_seconds();  // CLOCK_MONOTONIC, read without a system call
[[noreturn]] void throw_late(double patience_seconds);

// Waits by spinning. After kSpinsBeforeYield it yields between looks: when ranks outnumber PUs the
// one that is waited for needs this PU.
struct SpinWaiting {
  static void publish(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    word.store(value, std::memory_order_seq_cst);
  }
  static void wake(std::atomic<std::uint32_t>&) {}  // those who spin see it
  // Until done(value of word); false when the patience is over. 0: without end.
  template <class Done>
  static bool wait(std::atomic<std::uint32_t>& word, double patience_seconds, Done done) {
    for (int spin = 0; spin < kSpinsBeforeYield; ++spin) {
      if (done(word.load(std::memory_order_acquire))) return true;
      pause_instruction();
    }
    return wait_yielding([&] { return done(word.load(std::memory_order_acquire)); },
                         patience_seconds);
  }

 private:
  // 50 to 100 us (a pause takes 40 cycles on Zen 4, 140 on Skylake): longer than a barrier among
  // ranks that run, a small part of a scheduler's slice. Alone on its PU a yield returns at once.
  static constexpr int kSpinsBeforeYield = 2000;
  template <class Done>
  static bool wait_yielding(Done done, double patience_seconds);
};

template <class Done>
bool SpinWaiting::wait_yielding(Done done, double patience_seconds) {
  const double end = patience_seconds > 0 ? team_clock_seconds() + patience_seconds : 0;
  while (!done()) {
    sched_yield();
    if (end > 0 && team_clock_seconds() > end) return done();
  }
  return true;
}

// A barrier of one counter and one generation, on lines of their own. `Waiting` decides how a rank
// waits; what it does otherwise is the same for spinning and sleeping ranks.
template <class Waiting>
class CentralBarrier {
 public:
  void arrive(int size, const std::atomic<bool>& aborted, double patience_seconds) {
    const std::uint32_t generation = generation_.load(std::memory_order_seq_cst);
    if (aborted.load(std::memory_order_seq_cst)) throw Aborted{};
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(size)) {
      arrived_.store(0, std::memory_order_relaxed);
      Waiting::publish(generation_, generation + 1);
      return;
    }
    if (!Waiting::wait(generation_, patience_seconds,
                       [generation](std::uint32_t now) { return now != generation; })) {
      throw_late(patience_seconds);
    }
    if (aborted.load(std::memory_order_seq_cst)) throw Aborted{};
  }
  // Wakes all who wait; they find `aborted` set, which the caller has done before.
  void release() { Waiting::publish(generation_, generation_.load() + 1); }
  // After a failed region, when every rank is out.
  void reset() { arrived_.store(0, std::memory_order_relaxed); }

 private:
  alignas(kApart) std::atomic<std::uint32_t> arrived_{0};
  alignas(kApart) std::atomic<std::uint32_t> generation_{0};
};

class TeamBase : public PinnedTeam {
 public:
  int size() const final { return static_cast<int>(pus_.size()); }
  const std::vector<int>& pus() const final { return pus_; }
  double timed(RankFunction body) final;
  TeamUsage usage() final;

 protected:
  // Throws Error when there is no PU or one is outside the caller's own mask.
  TeamBase(const std::vector<int>& pus, double patience_seconds);

  // Runs body(rank) and keeps what it throws; called by every rank inside a region.
  void execute(RankFunction body, int rank);
  void pin_caller() { pin_this_thread(pus_[0]); }
  // On the caller when all ranks are out: rethrows what a rank has thrown and mends the barriers.
  void finish_region();
  // Sets `aborted` and wakes every waiting rank.
  void abort();
  virtual void release_barrier() = 0;
  virtual void reset_barrier() = 0;
  // First region of a team: pins every rank, starts its accounting.
  void settle();

  const std::vector<int> pus_;
  const double patience_seconds_;
  alignas(kApart) std::atomic<bool> aborted_{false};

 private:
  struct alignas(kApart) Slot {
    double start = 0, end = 0;
    TeamUsage at_start, now;
    std::exception_ptr error;
  };
  void look_where(int rank);

  CallerMask caller_mask_;
  std::vector<Slot> slots_;
  CentralBarrier<SpinWaiting> start_line_;
};

std::unique_ptr<PinnedTeam> make_spin_team(const std::vector<int>& pus, double patience_seconds);
std::unique_ptr<PinnedTeam> make_futex_team(const std::vector<int>& pus, double patience_seconds);
std::unique_ptr<PinnedTeam> make_openmp_team(const std::vector<int>& pus, double patience_seconds);

}  // namespace mb
