// The contract of teams, for every way of synchronising, with real threads on real CPUs; more
// threads than CPUs where the machine has few.
#include "probes/core/pinned_team.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "data/error.h"
#include "probes/core/pin_thread.h"

namespace mb {
namespace {

using std::chrono::milliseconds;

std::vector<int> allowed_pus() {
  const PuMask mask = PuMask::of_this_thread();
  std::vector<int> pus;
  for (int pu = 0; pu < 1024; ++pu) {
    if (mask.has(pu)) pus.push_back(pu);
  }
  return pus;
}

// `count` CPUs, one after another, again from the first when there are fewer.
std::vector<int> some_pus(std::size_t count) {
  const std::vector<int> allowed = allowed_pus();
  std::vector<int> pus;
  for (std::size_t i = 0; i < count; ++i) pus.push_back(allowed[i % allowed.size()]);
  return pus;
}

std::vector<Sync> built_syncs() {
  std::vector<Sync> syncs = {Sync::kSpin, Sync::kFutex};
  if (openmp_available()) syncs.push_back(Sync::kOpenMp);
  return syncs;
}

class EveryTeam : public testing::TestWithParam<Sync> {
 protected:
  std::unique_ptr<PinnedTeam> team(std::size_t threads, double patience = 10) {
    return make_team(some_pus(threads), GetParam(), patience);
  }
};

INSTANTIATE_TEST_SUITE_P(PinnedTeam, EveryTeam, testing::ValuesIn(built_syncs()),
                         [](const auto& param_info) {
                           return std::string(to_string(param_info.param));
                         });

TEST_P(EveryTeam, RunsTheBodyOnceOnEveryRank) {
  for (const std::size_t threads : {1u, 2u, 5u}) {
    const auto ranks = team(threads);
    std::vector<std::atomic<int>> calls(threads);
    for (int region = 0; region < 50; ++region) {
      ranks->run([&](int rank) { ++calls[static_cast<std::size_t>(rank)]; });
    }
    for (const auto& count : calls) EXPECT_EQ(count, 50);
  }
}

TEST_P(EveryTeam, KeepsEveryRankOnItsCpu) {
  const auto ranks = team(allowed_pus().size());
  std::vector<int> seen(ranks->pus().size(), -1);
  ranks->run([&](int rank) { seen[static_cast<std::size_t>(rank)] = sched_getcpu(); });
  EXPECT_EQ(seen, ranks->pus());
  EXPECT_EQ(ranks->usage().migrations, 0);
}

TEST_P(EveryTeam, HoldsEveryRankAtABarrierUntilAllHaveCome) {
  constexpr int kRounds = 200;
  const auto ranks = team(4);
  std::atomic<int> arrived{0}, early{0};
  ranks->run([&](int rank) {
    for (int round = 1; round <= kRounds; ++round) {
      ++arrived;
      ranks->barrier(rank);
      if (arrived.load() < round * 4) ++early;
      ranks->barrier(rank);
    }
  });
  EXPECT_EQ(arrived, 4 * kRounds);
  EXPECT_EQ(early, 0);
}

TEST_P(EveryTeam, GoesOnAfterAPauseThatPutsItsThreadsToSleep) {
  const auto ranks = team(3);
  std::atomic<int> calls{0};
  for (int region = 0; region < 3; ++region) {
    std::this_thread::sleep_for(milliseconds(20));
    ranks->run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, 9);
}

TEST_P(EveryTeam, FinishesWhenAllThreadsShareOneCpu) {
  const auto ranks = make_team(std::vector<int>(4, allowed_pus().front()), GetParam());
  std::atomic<int> passed{0};
  ranks->run([&](int rank) {
    for (int round = 0; round < 10; ++round) ranks->barrier(rank);
    ++passed;
  });
  EXPECT_EQ(passed, 4);
}

TEST_P(EveryTeam, RethrowsOnTheCallerWhatAnyRankHasThrown) {
  const auto ranks = team(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    EXPECT_THROW(ranks->run([&](int rank) {
      if (rank == thrower) throw std::out_of_range("mine");
    }),
                 std::out_of_range);
    std::atomic<int> calls{0};
    ranks->run([&](int) { ++calls; });
    EXPECT_EQ(calls, 3) << "the team must be whole after rank " << thrower << " threw";
  }
}

TEST_P(EveryTeam, AnErrorFreesTheRanksThatWaitAtABarrier) {
  const auto ranks = team(4);
  for (int thrower = 0; thrower < 4; ++thrower) {
    EXPECT_THROW(ranks->run([&](int rank) {
      ranks->barrier(rank);
      if (rank == thrower) throw std::out_of_range("mine");
      ranks->barrier(rank);
      ranks->barrier(rank);
    }),
                 std::out_of_range);
    std::atomic<int> passed{0};
    ranks->run([&](int rank) {
      ranks->barrier(rank);
      ++passed;
      ranks->barrier(rank);
    });
    EXPECT_EQ(passed, 4);
  }
}

TEST_P(EveryTeam, AnErrorInATimedBodyReachesTheCaller) {
  const auto ranks = team(3);
  EXPECT_THROW(ranks->timed([&](int rank) {
    if (rank == 1) throw std::out_of_range("mine");
    ranks->barrier(rank);
  }),
               std::out_of_range);
  EXPECT_GE(ranks->timed([&](int rank) { ranks->barrier(rank); }), 0.0);
}

TEST_P(EveryTeam, TimesTheSlowestRankFromTheStartLine) {
  const auto ranks = team(2);
  // Time begins when the last rank leaves the start line, so the sleep must not begin before: a
  // rank that is preempted there would shorten it.
  std::atomic<bool> other_has_left{false};
  const double seconds = ranks->timed([&](int rank) {
    if (rank == 0) other_has_left = true;
    if (rank == 1) {
      while (!other_has_left) std::this_thread::yield();
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  EXPECT_GE(seconds, 0.019);  // the two clocks need not run alike
}

TEST_P(EveryTeam, LeavesForkAndLateComersOutOfTheTime) {
  // Nothing is done in the body, so the time is that of nothing, however long the fork took.
  const auto ranks = team(2);
  std::this_thread::sleep_for(milliseconds(10));
  double best = 1;
  for (int i = 0; i < 20; ++i) best = std::min(best, ranks->timed([](int) {}));
  RecordProperty("empty_region_seconds", std::to_string(1e9 * best) + "e-9");
  EXPECT_GE(best, 0.0);
  EXPECT_LT(best, 0.010);
}

TEST_P(EveryTeam, CountsCpuTimeOfAllRanks) {
  const auto ranks = team(2);
  const TeamUsage before = ranks->usage();
  ranks->run([](int) {
    timespec now{}, begin{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    do {
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000000000L + now.tv_nsec - begin.tv_nsec < 30000000L);
  });
  EXPECT_EQ(ranks->usage().unpinned, 0);
  // The kernel's figures may lag by a tick each.
  EXPECT_GE(ranks->usage().cpu_seconds - before.cpu_seconds, 0.04);
}

TEST_P(EveryTeam, SeesARankThatWasMovedToAnotherCpu) {
  const std::vector<int> pus = allowed_pus();
  if (pus.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const auto ranks = team(2);
  ranks->run([&](int rank) {
    if (rank != 1) return;
    const PuMask elsewhere = PuMask::of_one(pus[0]);
    sched_setaffinity(0, elsewhere.bytes(), elsewhere.data());
  });
  EXPECT_GT(ranks->usage().migrations, 0);
  EXPECT_EQ(ranks->usage().unpinned, 1) << "its mask is not what the team made it";
}

// libgomp's threads are the next team's too: moved ones stayed where they were, and every later
// point would have been refused.
TEST_P(EveryTeam, PinsThreadsThatWereMovedInTheTeamBefore) {
  const std::vector<int> pus = allowed_pus();
  if (pus.size() < 2) GTEST_SKIP() << "needs two CPUs";
  team(2)->run([&](int rank) {
    if (rank != 1) return;
    const PuMask elsewhere = PuMask::of_one(pus[0]);
    sched_setaffinity(0, elsewhere.bytes(), elsewhere.data());
  });
  const auto ranks = team(2);
  ranks->run([](int) {});
  EXPECT_EQ(ranks->usage().migrations, 0);
  EXPECT_EQ(ranks->usage().unpinned, 0);
}

TEST_P(EveryTeam, RefusesACpuThatMayNotBeUsed) {
  try {
    make_team({allowed_pus().front(), 8191}, GetParam());
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotAvailable);
    EXPECT_NE(std::string(error.what()).find("CPU 8191"), std::string::npos) << error.what();
  }
  EXPECT_EQ(allowed_pus(), some_pus(allowed_pus().size())) << "the caller must not stay pinned";
}

TEST_P(EveryTeam, RefusesToHaveNoThreads) { EXPECT_THROW(make_team({}, GetParam()), Error); }

TEST_P(EveryTeam, GivesTheCallerItsCpusBackInWhateverOrderTeamsGo) {
  const std::vector<int> before = allowed_pus();
  auto first = make_team({before.front()}, GetParam());
  auto second = make_team({before.back()}, GetParam());
  EXPECT_EQ(allowed_pus(), std::vector<int>{before.back()});
  first->run([](int) {});
  EXPECT_EQ(allowed_pus(), std::vector<int>{before.front()}) << "each region has its own CPU";
  first.reset();
  EXPECT_EQ(allowed_pus(), std::vector<int>{before.front()}) << "a team still lives";
  second->run([](int) {});
  EXPECT_EQ(allowed_pus(), std::vector<int>{before.back()});
  second.reset();
  EXPECT_EQ(allowed_pus(), before);
}

TEST_P(EveryTeam, TwoTeamsOfDifferentSizesTakeTurns) {
  const auto small = team(2), large = team(5);
  for (int turn = 0; turn < 5; ++turn) {
    for (PinnedTeam* ranks : {small.get(), large.get()}) {
      std::atomic<int> calls{0};
      std::vector<int> seen(static_cast<std::size_t>(ranks->size()), -1);
      ranks->run([&](int rank) {
        ++calls;
        seen[static_cast<std::size_t>(rank)] = sched_getcpu();
        ranks->barrier(rank);
      });
      EXPECT_EQ(calls, ranks->size());
      EXPECT_EQ(seen, ranks->pus());
    }
  }
}

// libgomp's waits cannot be bounded; the two of ours are.
class BoundedTeam : public EveryTeam {};
INSTANTIATE_TEST_SUITE_P(PinnedTeam, BoundedTeam, testing::Values(Sync::kSpin, Sync::kFutex),
                         [](const auto& param_info) {
                           return std::string(to_string(param_info.param));
                         });

void expect_late(const std::function<void()>& work) {
  try {
    work();
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotAvailable) << error.what();
  }
}

TEST_P(BoundedTeam, ARankThatNeverComesToABarrierIsAnErrorAndNotAHang) {
  const auto ranks = team(3, 1.0);  // shorter patience fails on an overloaded machine
  for (const int absent : {0, 2}) {
    expect_late([&] {
      ranks->run([&](int rank) {
        if (rank != absent) ranks->barrier(rank);
      });
    });
  }
  std::atomic<int> passed{0};
  ranks->run([&](int rank) {
    ranks->barrier(rank);
    ++passed;
  });
  EXPECT_EQ(passed, 3);
}

TEST_P(BoundedTeam, ARankThatComesBackTooLateEndsTheTeam) {
  const auto ranks = team(2, 0.5);
  std::atomic<bool> out{false};
  expect_late([&] {
    ranks->run([&](int rank) {
      if (rank == 0) return;
      std::this_thread::sleep_for(milliseconds(2000));
      out = true;
    });
  });
  EXPECT_TRUE(out) << "run() must not return while a rank still uses the caller's data";
  expect_late([&] { ranks->run([](int) {}); });
}

TEST(Sync, NamesAreReadAndWritten) {
  for (const Sync sync : {Sync::kSpin, Sync::kFutex, Sync::kOpenMp}) {
    EXPECT_EQ(sync_from_string(to_string(sync)), sync);
  }
  EXPECT_EQ(sync_from_string("openmp_passive"), Sync::kOpenMp);
  try {
    sync_from_string("mutex");
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("mutex"), std::string::npos);
  }
}

TEST(Sync, WithoutOpenMpItsTeamIsRefusedWithTheRemedy) {
  if (openmp_available()) GTEST_SKIP() << "needs a build without OpenMP";
  try {
    make_team(some_pus(1), Sync::kOpenMp);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotAvailable);
    EXPECT_NE(std::string(error.what()).find("WITH_OPENMP"), std::string::npos);
  }
}

}  // namespace
}  // namespace mb
