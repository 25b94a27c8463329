// A counter counts only what it ran for: the kernel shares few registers among many events, so each
// value is read with its enabled and running time. A hardware event that opened but counted no
// instruction in a whole run is a virtual machine's pretence and is said to be unavailable.
#include "probes/sweep/child_counters.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace mb {
namespace {

std::optional<std::int64_t> value_of(const Descriptor& descriptor) {
  std::array<std::uint64_t, 3> read{};  // value, enabled, running
  if (::read(descriptor.get(), read.data(), sizeof read) != sizeof read) return std::nullopt;
  if (read[2] == 0) return std::nullopt;  // never ran
  const double scale = static_cast<double>(read[1]) / static_cast<double>(read[2]);
  return static_cast<std::int64_t>(static_cast<double>(read[0]) * scale);
}

}  // namespace

const std::vector<CounterEvent>& child_counter_events() {
  static const std::vector<CounterEvent> events = {
      {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
      {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
      {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
      {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
  };
  return events;
}

void ChildCounters::open(int pid) {
  for (const CounterEvent& event : child_counter_events()) {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = event.type;
    attributes.config = event.config;
    attributes.disabled = 1;
    attributes.enable_on_exec = 1;
    attributes.inherit = 1;
    attributes.exclude_kernel = 1;  // what a user may count under perf_event_paranoid 2
    attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    Descriptor descriptor(static_cast<int>(
        ::syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
    if (descriptor) {
      opened_.push_back({event.name, std::move(descriptor)});
    } else if (event.type == PERF_TYPE_HARDWARE && error_.empty()) {
      error_ = fmt::format("{}: {}", event.name, std::strerror(errno));
    }
  }
}

void ChildCounters::report(SweepUsage& usage) const {
  for (const Opened& counter : opened_) {
    if (const auto value = value_of(counter.descriptor)) usage.counters[counter.name] = *value;
  }
  const auto instructions = usage.counters.find("instructions");
  if (instructions != usage.counters.end() && instructions->second > 0) return;
  for (const char* name : {"instructions", "cycles", "cache_misses"}) usage.counters.erase(name);
  usage.counters_unavailable =
      error_.empty() ? "the counters open but do not count" : "no hardware counters: " + error_;
}

}  // namespace mb
