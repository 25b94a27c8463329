// The shared half of the teams: start line, per-rank clock, errors, getrusage and sched_getcpu.
#include "probes/core/team_base.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "data/error.h"
#include "data/system/clock.h"

namespace mb {
namespace {

TeamUsage usage_of_this_thread(long migrations) {
  rusage kernel{};
  getrusage(RUSAGE_THREAD, &kernel);
  TeamUsage usage;
  usage.cpu_seconds = seconds_of(kernel.ru_utime) + seconds_of(kernel.ru_stime);
  usage.involuntary_switches = kernel.ru_nivcsw;
  usage.voluntary_switches = kernel.ru_nvcsw;
  usage.major_faults = kernel.ru_majflt;
  usage.minor_faults = kernel.ru_minflt;
  usage.migrations = migrations;
  return usage;
}

}  // namespace

double team_clock_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void throw_late(double patience_seconds) {
  throw Error(ErrorCode::kNotAvailable,
              fmt::format("a thread of the team did not come within {} s: its CPU is taken away or "
                          "overloaded, or the threads do not pass the same barriers",
                          patience_seconds));
}

TeamBase::TeamBase(const std::vector<int>& pus, double patience_seconds)
    : pus_(pus), patience_seconds_(patience_seconds), slots_(pus.size()) {
  if (pus.empty()) throw Error(ErrorCode::kUsage, "a team needs at least one thread");
  for (const int pu : pus) {
    if (!CallerMask::original().has(pu)) {
      throw Error(ErrorCode::kNotAvailable,
                  fmt::format("CPU {} is outside this process's affinity mask; choose CPUs that "
                              "`taskset -cp $$` lists",
                              pu));
    }
  }
}

void TeamBase::execute(RankFunction body, int rank) {
  Slot& slot = slots_[static_cast<std::size_t>(rank)];
  try {
    if (!aborted_.load(std::memory_order_acquire)) body(rank);
  } catch (const Aborted&) {  // the rank that failed keeps the error
  } catch (...) {
    slot.error = std::current_exception();
    abort();
  }
}

void TeamBase::abort() {
  aborted_.store(true, std::memory_order_seq_cst);
  start_line_.release();
  release_barrier();
}

void TeamBase::finish_region() {
  if (!aborted_.load(std::memory_order_acquire)) return;
  std::exception_ptr first;
  for (Slot& slot : slots_) {
    if (!first) first = slot.error;
    slot.error = nullptr;
  }
  start_line_.reset();
  reset_barrier();
  aborted_.store(false, std::memory_order_seq_cst);
  if (first) std::rethrow_exception(first);
}

void TeamBase::settle() {
  run([this](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    pin_this_thread_anew(pus_[index]);
    slots_[index].at_start = usage_of_this_thread(0);
  });
}

void TeamBase::look_where(int rank) {
  const auto index = static_cast<std::size_t>(rank);
  if (sched_getcpu() != pus_[index]) ++slots_[index].now.migrations;
}

double TeamBase::timed(RankFunction body) {
  run([&](int rank) {
    Slot& slot = slots_[static_cast<std::size_t>(rank)];
    if (size() > 1) start_line_.arrive(size(), aborted_, patience_seconds_);
    slot.start = team_clock_seconds();
    body(rank);
    slot.end = team_clock_seconds();
    look_where(rank);
  });
  double start = slots_[0].start, end = slots_[0].end;
  for (const Slot& slot : slots_) {
    start = std::max(start, slot.start);
    end = std::max(end, slot.end);
  }
  return end - start;
}

TeamUsage TeamBase::usage() {
  run([this](int rank) {
    look_where(rank);
    Slot& slot = slots_[static_cast<std::size_t>(rank)];
    slot.now = usage_of_this_thread(slot.now.migrations);
    slot.now.unpinned = this_thread_may_use_only(pus_[static_cast<std::size_t>(rank)]) ? 0 : 1;
  });
  TeamUsage sum;
  for (const Slot& slot : slots_) {
    const TeamUsage &then = slot.at_start, &now = slot.now;
    sum.cpu_seconds += now.cpu_seconds - then.cpu_seconds;
    sum.involuntary_switches += now.involuntary_switches - then.involuntary_switches;
    sum.voluntary_switches += now.voluntary_switches - then.voluntary_switches;
    sum.major_faults += now.major_faults - then.major_faults;
    sum.minor_faults += now.minor_faults - then.minor_faults;
    sum.migrations += now.migrations;
    sum.unpinned += now.unpinned;
  }
  return sum;
}

}  // namespace mb
