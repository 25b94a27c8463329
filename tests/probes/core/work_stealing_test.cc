// The pool's promise: every leaf once, whoever runs it, also with more workers than CPUs and after
// its workers have fallen asleep.
#include "probes/core/work_stealing.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "probes/core/pin_thread.h"
#include "tests/error_code.h"

namespace mb {
namespace {

std::vector<int> some_pus(std::size_t count) {
  const PuMask mask = PuMask::of_this_thread();
  std::vector<int> allowed, pus;
  for (int pu = 0; pu < 1024; ++pu) {
    if (mask.has(pu)) allowed.push_back(pu);
  }
  for (std::size_t i = 0; i < count; ++i) pus.push_back(allowed[i % allowed.size()]);
  return pus;
}

TEST(WorkStealingPool, RunsEveryLeafOnce) {
  for (const std::size_t threads : {1u, 2u, 5u}) {
    WorkStealingPool pool(some_pus(threads));
    for (const int leaves : {1, 2, 3, 64, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(leaves));
      pool.for_each(leaves, [&](int leaf) { ++runs[static_cast<std::size_t>(leaf)]; });
      for (const auto& count : runs) ASSERT_EQ(count.load(), 1) << threads << " threads";
    }
  }
}

TEST(WorkStealingPool, NeedsAThread) {
  EXPECT_EQ(code_of([] { WorkStealingPool pool({}); }), ErrorCode::kUsage);
}

TEST(WorkStealingPool, NoLeafIsNoWork) {
  WorkStealingPool pool(some_pus(2));
  pool.for_each(0, [](int) { FAIL(); });
}

TEST(WorkStealingPool, ResultsAreSeenByTheCallerEveryTime) {
  WorkStealingPool pool(some_pus(3));
  std::vector<long> squares(37);
  for (long round = 1; round <= 2000; ++round) {
    pool.for_each(37, [&](int leaf) { squares[static_cast<std::size_t>(leaf)] = round * leaf; });
    ASSERT_EQ(std::accumulate(squares.begin(), squares.end(), 0L), round * 666);
  }
}

TEST(WorkStealingPool, OthersStealWhatIsLong) {
  WorkStealingPool pool(some_pus(2));
  for (int attempt = 0; attempt < 100 && pool.steals() == 0; ++attempt) {
    pool.for_each(8, [](int) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
  }
  EXPECT_GT(pool.steals(), 0);
}

TEST(WorkStealingPool, WakesUpAfterAPause) {
  WorkStealingPool pool(some_pus(4));
  std::atomic<int> runs{0};
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));  // past the sleepers' own look
    pool.for_each(16, [&](int) { ++runs; });
  }
  EXPECT_EQ(runs.load(), 48);
}

}  // namespace
}  // namespace mb
