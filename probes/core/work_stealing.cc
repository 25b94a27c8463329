// The deque is Chase and Lev's ("Dynamic circular work-stealing deque", SPAA 2005) without growth:
// halving an int's range nests at most 31 deep. All its atomics are sequentially consistent, which
// on x86 costs the one fence that the algorithm needs anyway.
#include "probes/core/work_stealing.h"

#include <fmt/format.h>

#include <array>
#include <system_error>

#include "data/error.h"
#include "probes/core/futex.h"
#include "probes/core/pin_thread.h"
#include "probes/core/team_base.h"

namespace mb {

struct WorkStealingPool::Job {
  int first, last;
  std::atomic<bool> done{false};
};

class alignas(kApart) WorkStealingPool::Deque {
 public:
  // By the owner.
  void push(Job* job) {
    const std::int64_t bottom = bottom_.load();
    slots_[static_cast<std::size_t>(bottom) % kSlots].store(job);
    bottom_.store(bottom + 1);
  }
  Job* pop() {
    const std::int64_t bottom = bottom_.load() - 1;
    bottom_.store(bottom);
    std::int64_t top = top_.load();
    if (top > bottom) {  // empty
      bottom_.store(bottom + 1);
      return nullptr;
    }
    Job* job = slots_[static_cast<std::size_t>(bottom) % kSlots].load();
    if (top < bottom) return job;
    // The last one: whoever moves `top` has it.
    const bool mine = top_.compare_exchange_strong(top, top + 1);
    bottom_.store(bottom + 1);
    return mine ? job : nullptr;
  }
  // By anybody else; nullptr when there is nothing or another was quicker.
  Job* steal() {
    std::int64_t top = top_.load();
    if (top >= bottom_.load()) return nullptr;
    Job* job = slots_[static_cast<std::size_t>(top) % kSlots].load();
    return top_.compare_exchange_strong(top, top + 1) ? job : nullptr;
  }

 private:
  static constexpr std::size_t kSlots = 64;
  std::atomic<std::int64_t> top_{0};
  alignas(kApart) std::atomic<std::int64_t> bottom_{0};
  std::array<std::atomic<Job*>, kSlots> slots_{};
};

namespace {

// Rayon looks 32 times with a yield before a worker sleeps; a look here is a pause, so more.
constexpr int kLooksBeforeYield = 1000, kYieldsBeforeSleep = 32;
// A sleeper looks again by itself, so that no wake-up that is lost can hang the pool.
constexpr double kMostSleepSeconds = 0.1;

}  // namespace

WorkStealingPool::WorkStealingPool(const std::vector<int>& pus) : pus_(pus) {
  if (pus.empty()) throw Error(ErrorCode::kUsage, "a pool needs at least one thread");
  for (std::size_t i = 0; i < pus.size(); ++i) deques_.push_back(std::make_unique<Deque>());
  pin_this_thread(pus_[0]);
  try {
    for (std::size_t me = 1; me < pus.size(); ++me) {
      workers_.emplace_back([this, me] { serve(me); });
    }
  } catch (const std::system_error& error) {
    stop();
    throw Error(ErrorCode::kNoResource,
                fmt::format("cannot start thread {} of {}: {}; raise the limit of processes "
                            "(ulimit -u) or ask for fewer threads",
                            workers_.size() + 2, pus.size(), error.what()));
  } catch (...) {
    stop();
    throw;
  }
}

WorkStealingPool::~WorkStealingPool() { stop(); }

void WorkStealingPool::stop() {
  stopping_.store(true);
  news_.fetch_add(1);
  futex_wake_all(news_);
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void WorkStealingPool::for_each(int leaves, RankFunction leaf) {
  if (leaves < 1) return;
  pin_this_thread(pus_[0]);
  leaf_ = &leaf;
  split(0, 0, leaves);
}

void WorkStealingPool::split(std::size_t me, int first, int last) {
  if (last - first == 1) return (*leaf_)(first);
  const int middle = first + (last - first) / 2;
  Job right{middle, last};
  deques_[me]->push(&right);
  wake_one();
  split(me, first, middle);
  if (deques_[me]->pop() != nullptr) return split(me, middle, last);  // nobody took it
  for (int look = 0; !right.done.load(); ++look) {
    if (Job* other = steal(me)) {
      execute(me, *other);
      look = 0;
    } else if (look < kLooksBeforeYield) {
      pause_instruction();
    } else {
      sched_yield();
    }
  }
}

void WorkStealingPool::execute(std::size_t me, Job& job) {
  split(me, job.first, job.last);
  job.done.store(true);
}

WorkStealingPool::Job* WorkStealingPool::steal(std::size_t me) {
  for (std::size_t step = 1; step < deques_.size(); ++step) {
    if (Job* job = deques_[(me + step) % deques_.size()]->steal()) {
      steals_.fetch_add(1, std::memory_order_relaxed);
      return job;
    }
  }
  return nullptr;
}

void WorkStealingPool::wake_one() {
  if (sleepers_.load() == 0) return;
  news_.fetch_add(1);
  futex_wake_one(news_);
}

void WorkStealingPool::serve(std::size_t me) {
  pin_this_thread(pus_[me]);
  for (int look = 0; !stopping_.load();) {
    const std::uint32_t seen = news_.load();
    if (Job* job = steal(me)) {
      execute(me, *job);
      look = 0;
    } else if (++look < kLooksBeforeYield) {
      pause_instruction();
    } else if (look < kLooksBeforeYield + kYieldsBeforeSleep) {
      sched_yield();
    } else {
      // Announced before the last look: a push after it finds a sleeper and changes `news`.
      sleepers_.fetch_add(1);
      Job* late = steal(me);
      if (late == nullptr && !stopping_.load()) futex_wait(news_, seen, kMostSleepSeconds);
      sleepers_.fetch_sub(1);
      if (late != nullptr) execute(me, *late);
      look = 0;
    }
  }
}

}  // namespace mb
