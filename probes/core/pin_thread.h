// Pinning of threads to one PU each, and the way back.
//
// Teams share their caller (rank 0): the first team of a thread remembers the thread's own mask,
// the last one that goes gives it back, in whatever order teams come and go. In between every
// region asks for its PU again, which costs nothing when the thread is there already.
#pragma once
#include <sched.h>

#include <array>

namespace mb {

// A CPU mask for up to 8192 PUs (cpu_set_t alone ends at 1024, and the kernel refuses short masks).
class PuMask {
 public:
  static PuMask of_this_thread();  // throws Error(kFailure)
  static PuMask of_one(int pu);
  bool has(int pu) const;
  bool operator==(const PuMask& other) const;
  const cpu_set_t* data() const { return sets_.data(); }
  std::size_t bytes() const { return sizeof sets_; }

 private:
  static constexpr int kMostPus = 8192;
  std::array<cpu_set_t, kMostPus / CPU_SETSIZE> sets_{};
};

// Binds the calling thread to `pu` unless this function has done so already. Throws
// Error(kNotAvailable) naming the PU when the kernel refuses.
void pin_this_thread(int pu);
// Binds it in any case: what a new team starts with, as OpenMP's threads outlive the team before.
void pin_this_thread_anew(int pu);

// False when the mask is no longer that PU alone: somebody else (taskset, a cpuset) changed it.
bool this_thread_may_use_only(int pu);

// Holds the calling thread's own mask while at least one of these lives in the thread.
class CallerMask {
 public:
  CallerMask();
  ~CallerMask();
  CallerMask(const CallerMask&) = delete;
  CallerMask& operator=(const CallerMask&) = delete;
  // What the thread was allowed before any team pinned it.
  static const PuMask& original();
};

}  // namespace mb
