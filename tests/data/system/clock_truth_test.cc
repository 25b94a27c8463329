// The clock across CPUs and under a changed wall clock.
//
// Two threads that change CPUs publish what they read; whoever reads less than what was published
// before has seen time go back. CLOCK_READS in the environment asks for more reads than the half
// million by default (the target `nightly` for 1e8).
//
// The wall clock is stepped inside this program alone: the C library's clock_gettime() and time()
// are replaced, and what they say of the wall is moved.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include "data/system/clock.h"

namespace {

std::atomic<long> wall_step_seconds{0};

}  // namespace

extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
  using Function = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(which, now);
  const bool wall = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
  if (wall && result == 0) now->tv_sec += wall_step_seconds;
  return result;
}

extern "C" time_t time(time_t* into) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

namespace mb {
namespace {

long reads_wanted() {
  const char* text = std::getenv("CLOCK_READS");
  return text == nullptr ? 500'000 : std::atol(text);
}

std::vector<int> allowed_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  sched_getaffinity(0, sizeof mask, &mask);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
  }
  return cpus;
}

void move_to(int cpu) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(cpu, &mask);
  pthread_setaffinity_np(pthread_self(), sizeof mask, &mask);
}

TEST(ClockTruth, NeverGoesBackAcrossCpus) {
  const std::vector<int> cpus = allowed_cpus();
  const long each = reads_wanted() / 2;
  std::atomic<double> latest{monotonic_clock().now_seconds()};
  std::atomic<long> backward{0};
  const auto read_on = [&](std::size_t first_cpu) {
    constexpr long kReadsPerCpu = 50'000;
    for (long i = 0; i < each; ++i) {
      if (i % kReadsPerCpu == 0) {
        move_to(cpus[(first_cpu + static_cast<std::size_t>(i / kReadsPerCpu)) % cpus.size()]);
      }
      double before = latest.load(std::memory_order_acquire);
      const double now = monotonic_clock().now_seconds();
      if (now < before) ++backward;
      while (now > before && !latest.compare_exchange_weak(before, now)) {
      }
    }
  };
  std::thread other(read_on, 0), one(read_on, 1);
  other.join();
  one.join();
  RecordProperty("reads", std::to_string(2 * each));
  EXPECT_EQ(backward, 0) << "of " << 2 * each << " reads on " << cpus.size() << " CPUs";
}

TEST(ClockTruth, AStepOfTheWallClockIsNotSeen) {
  for (const long step : {-3600L, 3600L, -40L * 365 * 86400}) {
    wall_step_seconds = 0;
    const double start = monotonic_clock().now_seconds();
    const std::string utc = utc_now();
    wall_step_seconds = step;
    const double end = monotonic_clock().now_seconds();
    EXPECT_NE(utc_now(), utc) << "the step must be there";
    EXPECT_GE(end, start);
    EXPECT_LT(end - start, 1800) << step;  // half of the smallest step
    monotonic_clock().sleep_seconds(0.001);
    EXPECT_LT(monotonic_clock().now_seconds() - start, 1800) << step;
  }
  wall_step_seconds = 0;
}

}  // namespace
}  // namespace mb
