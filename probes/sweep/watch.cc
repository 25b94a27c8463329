// One small file a thread is read (/proc/PID/task/TID/stat); its second field is a name in
// parentheses, which may hold any character, so the fields are counted from the last parenthesis.
#include "probes/sweep/watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "probes/core/host_text.h"

namespace mb {
namespace {

constexpr int kMostNested = 16;             // wrappers of wrappers
constexpr std::size_t kMostThreads = 4096;  // remembered; a machine's CPUs many times over
constexpr std::size_t kMostReported = 64;   // in the document
constexpr double kBusyShare = 1.0 / 5;      // of the busiest thread's CPU time

// Fields of /proc/PID/stat behind the name: state is the first, field 3 of proc(5).
constexpr std::size_t kState = 3 - 3, kUserTicks = 14 - 3, kSystemTicks = 15 - 3, kLastCpu = 39 - 3;

}  // namespace

double clock_ticks_per_second() { return static_cast<double>(::sysconf(_SC_CLK_TCK)); }

int ThreadWatch::look_at_process(int pid, int depth) {
  int threads = 0;
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  for (const std::string& id : files_.list(tasks)) {
    const auto tid = parse_number(id);
    const auto stat = files_.read(fmt::format("{}/{}/stat", tasks, id));
    if (!tid || !stat) continue;
    const auto open = stat->find('('), close = stat->rfind(')');
    if (open == std::string::npos || close == std::string::npos || close < open) continue;
    const auto fields = split_words(std::string_view(*stat).substr(close + 1));
    if (fields.size() <= kLastCpu) continue;
    ++threads;
    const auto known = threads_.find(static_cast<int>(*tid));
    if (known == threads_.end() && threads_.size() >= kMostThreads) continue;
    Seen& seen = threads_[static_cast<int>(*tid)];
    seen.thread.name = printable(std::string_view(*stat).substr(open + 1, close - open - 1));
    seen.thread.state = printable(fields[kState]);
    seen.cpu_seconds = static_cast<double>(parse_number(fields[kUserTicks]).value_or(0) +
                                           parse_number(fields[kSystemTicks]).value_or(0)) /
                       ticks_per_second_;
    if (const auto cpu = parse_number(fields[kLastCpu])) {
      seen.thread.last_cpu = static_cast<int>(*cpu);
    }
    const auto children = files_.read(fmt::format("{}/{}/children", tasks, id));
    if (!children || depth >= kMostNested) continue;
    for (const std::string_view child : split_words(*children)) {
      if (const auto child_pid = parse_number(child)) {
        threads += look_at_process(static_cast<int>(*child_pid), depth + 1);
      }
    }
  }
  return threads;
}

void ThreadWatch::look(int pid, double seconds) {
  most_at_once_ = std::max(most_at_once_, look_at_process(pid, 0));
  seconds_ = std::max(seconds_, seconds);
}

void ThreadWatch::report(SweepUsage& usage) const {
  if (most_at_once_ == 0) return;
  std::vector<const Seen*> order;
  for (const auto& [tid, seen] : threads_) order.push_back(&seen);
  std::ranges::stable_sort(order, std::ranges::greater(), &Seen::cpu_seconds);
  const double busiest = order.front()->cpu_seconds;
  usage.threads_spawned = most_at_once_;
  usage.threads_seen = static_cast<int>(threads_.size());
  usage.threads_busy = static_cast<int>(std::ranges::count_if(order, [&](const Seen* seen) {
    return seen->cpu_seconds > 0 && seen->cpu_seconds >= kBusyShare * busiest;
  }));
  for (const Seen* seen : order) {
    if (usage.threads.size() == kMostReported) break;
    SweepThread thread = seen->thread;
    if (seconds_ > 0) thread.cpu_share = seen->cpu_seconds / seconds_;
    usage.threads.push_back(std::move(thread));
  }
}

}  // namespace mb
