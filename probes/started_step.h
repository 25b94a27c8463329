// What it costs an engine to start its threads anew for every step, as llama.cpp does without
// OpenMP where the program attached no pool of its own (its bindings for Node and others).
//
// One step is kRegions pieces of made-up work, each in chunks that threads take as they come and
// with a barrier after it, whose threads but the first are created before and joined after. It is
// handed from this thread to one of a pool's, as an event loop hands over what blocks: then the
// scheduler may take the other CPU for busy still and put a new thread on the CPU of its maker,
// where each barrier waits for the scheduler's next tick until the balancer parts them. On a guest
// of two CPUs that befell 97 of 120 steps of npm's node-llama-cpp, for 18 ms in the mean (Linux
// 6.18; docs/likeness-zen4.md), and few of a loop that starts its threads without handing over. The
// longer a step, the less it loses there: hence the axis work_ms.
//
// Most steps lose little and some lose much, and throughput is the mean of them: a sample is the
// mean of several steps. Waiting and spread are what is measured, so neither makes the point
// invalid.
#pragma once
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "data/error.h"
#include "probes/core/pin_thread.h"
#include "probes/core/probe.h"
#include "probes/core/team_base.h"

namespace mb {

[[noreturn]] inline void refuse_thread(const std::system_error& error) {
  throw Error(ErrorCode::kNoResource,
              fmt::format("cannot create a thread: {}; raise the limit of processes (ulimit -u)",
                          error.what()));
}

// Threads that sleep until something is handed to one of them.
class HandOver {
 public:
  explicit HandOver(int threads) : mask_(CallerMask::original()) {
    try {
      for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
    } catch (const std::system_error& error) {
      end();
      refuse_thread(error);
    }
  }
  ~HandOver() { end(); }
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;

  // Runs it on one of the threads and waits; what it throws comes out here.
  double run(std::function<double()> work) {
    std::packaged_task<double()> task(std::move(work));
    std::future<double> result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    news_.notify_one();
    return result.get();
  }

  // Whether somebody else (taskset, a cpuset) has changed where these threads may run.
  bool moved() {
    return run([this] { return PuMask::of_this_thread() == mask_ ? 0.0 : 1.0; }) > 0;
  }

 private:
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    news_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void serve() {
    // A team may have pinned who made this thread. What may not be used any more stays refused.
    sched_setaffinity(0, mask_.bytes(), mask_.data());
    std::unique_lock lock(mutex_);
    while (true) {
      news_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      std::packaged_task<double()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  CallerMask caller_mask_;
  const PuMask mask_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::packaged_task<double()>> tasks_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

class StartedStepCase final : public Case {
 public:
  StartedStepCase(double work_seconds, int threads)
      : threads_(threads),
        steps_(std::max(kLeastSteps, std::lround(kSampleSeconds / work_seconds))),
        chunk_seconds_(work_seconds / kRegions / kChunksAThread),
        next_(kRegions),
        workers_(static_cast<std::size_t>(threads) - 1),
        hand_over_(kPoolThreads) {
    facts["work_seconds"] = work_seconds;
    scheduling_is_measured = true;
  }

  // The mean of so many steps for each iteration, or of those that fit into the longest sample.
  double seconds(std::uint64_t iterations) override {
    const std::uint64_t wanted = iterations * static_cast<std::uint64_t>(steps_);
    const double begin = now();
    double sum = 0;
    std::uint64_t done = 0;
    while (done < wanted && (done == 0 || now() - begin < kLongestSampleSeconds)) {
      spend(kThinkSeconds);
      sum += hand_over_.run([this] {
        spend(kThinkSeconds);
        return step();
      });
      ++done;
    }
    return sum / static_cast<double>(done) * static_cast<double>(iterations);
  }

  // Nothing pins these threads, so a mask that was narrowed meanwhile is no failed pin elsewhere.
  void check() override {
    if (hand_over_.moved()) {
      throw Error(
          ErrorCode::kNotAvailable,
          "the CPUs that threads may use were changed while they were started; measure again");
    }
    const std::int64_t expected = performed_ * kRegions * kChunksAThread * threads_;
    if (chunks_.load() == expected) return;
    throw Error(ErrorCode::kFailure,
                fmt::format("{} chunks were done of {}", chunks_.load(), expected));
  }

 private:
  static constexpr int kRegions = 200, kChunksAThread = 4;  // some barriers of a token
  static constexpr double kSampleSeconds = 0.15;            // work of the steps of a sample
  static constexpr long kLeastSteps = 3;
  static constexpr double kLongestSampleSeconds = 1;  // where many threads share CPUs by chance
  static constexpr int kPoolThreads = 4;              // libuv's default
  static constexpr double kThinkSeconds = 1.5e-4;     // picking a token; building a graph
  // A step that has taken so long shares a CPU for good: its barriers let others run then.
  static constexpr double kPatienceSeconds = 0.25;

  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  static void spend(double seconds) {
    for (const double end = now() + seconds; now() < end;) continue;
  }

  double step() {
    for (std::atomic<int>& next : next_) next.store(0);
    arrived_.store(0);
    passed_.store(0);
    abandoned_.store(false);
    begin_ = now();
    ++performed_;
    try {
      for (std::thread& worker : workers_) worker = std::thread([this] { work(); });
      work();
    } catch (const std::system_error& error) {
      abandoned_.store(true);
      join();
      refuse_thread(error);
    }
    join();
    return now() - begin_;
  }

  void join() {
    for (std::thread& worker : workers_) {
      if (worker.joinable()) worker.join();
    }
  }

  void work() {
    for (std::atomic<int>& next : next_) {
      while (next.fetch_add(1) < kChunksAThread * threads_) {
        spend(chunk_seconds_);
        chunks_.fetch_add(1, std::memory_order_relaxed);
      }
      barrier();
      if (abandoned_.load()) return;
    }
  }

  // As in ggml: a counter to arrive at, another to spin on.
  void barrier() {
    const int before = passed_.load();
    if (arrived_.fetch_add(1) == threads_ - 1) {
      arrived_.store(0);
      passed_.fetch_add(1);
      return;
    }
    for (unsigned look = 1; passed_.load() == before && !abandoned_.load(); ++look) {
      pause_instruction();
      constexpr unsigned kLooks = 1024;
      if (look % kLooks == 0 && now() - begin_ > kPatienceSeconds) std::this_thread::yield();
    }
  }

  const int threads_;
  const long steps_;
  const double chunk_seconds_;
  std::vector<std::atomic<int>> next_;  // chunk of each region
  std::vector<std::thread> workers_;
  std::atomic<std::int64_t> chunks_{0};
  std::int64_t performed_ = 0;
  double begin_ = 0;
  std::atomic<bool> abandoned_{false};
  alignas(128) std::atomic<int> arrived_{0};
  alignas(128) std::atomic<int> passed_{0};
  HandOver hand_over_;
};

// Throws Error(kUsage) unless sync is thread_create, there is more than one thread and some work.
inline std::unique_ptr<Case> prepare_started_step(const Parameters& parameters) {
  const std::string sync = parameters.text_or("sync", "");
  const auto threads = static_cast<int>(parameters.number_or("threads", 1));
  const std::int64_t work_ms = parameters.number_or("work_ms", 10);
  constexpr std::int64_t kMostWorkMs = 1000;
  if (work_ms < 1 || work_ms > kMostWorkMs) {
    throw Error(ErrorCode::kUsage,
                fmt::format("work_ms {}: expected 1 to {}", work_ms, kMostWorkMs));
  }
  if (sync != "thread_create" || threads < 2) {
    throw Error(ErrorCode::kUsage,
                fmt::format("operation step with sync {} and {} threads: expected thread_create "
                            "and two threads or more",
                            sync, threads));
  }
  return std::make_unique<StartedStepCase>(1e-3 * static_cast<double>(work_ms), threads);
}

}  // namespace mb
