// Hardware counters of somebody else's program through perf events: opened on the child before it
// becomes the program, switched on by its exec, inherited by every thread and process it starts.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/documents/sweep.h"
#include "data/system/descriptor.h"

namespace mb {

struct CounterEvent {
  std::string name;
  std::uint32_t type = 0;  // PERF_TYPE_...
  std::uint64_t config = 0;
};
// instructions, cycles, cache_misses, and page_faults, which every kernel counts.
const std::vector<CounterEvent>& child_counter_events();

class ChildCounters {
 public:
  // For ChildRequest::before_exec: opens what can be opened on `pid`.
  void open(int pid);
  // After the child's end: values, those of shared counters scaled to the whole time; and why
  // there are no hardware ones.
  void report(SweepUsage& usage) const;

 private:
  struct Opened {
    std::string name;
    Descriptor descriptor;
  };
  std::vector<Opened> opened_;
  std::string error_;  // of the first hardware event that could not be opened
};

}  // namespace mb
