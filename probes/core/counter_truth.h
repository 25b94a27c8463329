// Which counters tell the truth here: every event that is wanted is opened, run over loops of known
// work and judged by what is read back. PAPI lists events on machines that cannot count them, so
// only this proves one.
#pragma once
#include <string>
#include <vector>

#include "data/documents/machine.h"
#include "data/system/files.h"

namespace mb {

// Work whose counts are known.
enum class KnownLoop {
  kSpin,       // kSpinTurns of a decrement and a branch: instructions and branches exactly
  kWalk,       // one load from each line of kWalkBytes of memory: misses at most one a line
  kTouch,      // first touch of kTouchPages new pages: one fault each
  kSleepless,  // kSpin again, for events of time: nanoseconds beside the thread's CPU clock
};
inline constexpr long kSpinTurns = 5'000'000;
inline constexpr long kWalkBytes = 32L << 20, kWalkLines = kWalkBytes / 64;
inline constexpr long kTouchPages = 1000;

// Instructions of kSpin; 0 where the loop has not been counted by hand for this instruction set.
long long spin_instructions();

struct EventRun {
  std::string error;     // of opening, starting or reading, in PAPI's words; empty: none
  bool is_known = true;  // false: this processor or PAPI has no event of that name
  long long counted = 0;
  long long expected = 0;  // of kSleepless: nanoseconds by the CPU clock
};

// The seam: how one event is counted over one loop. PAPI behind it, or a test's fake.
class EventCounter {
 public:
  virtual ~EventCounter() = default;
  virtual EventRun count(const std::string& event, KnownLoop loop) = 0;
  // Whether all of these find a register at the same time.
  virtual bool fit_together(const std::vector<std::string>& events) = 0;
};

// Whether the kernel lists a core PMU: x86, Intel hybrids, Arm.
bool shows_pmu(const HostFiles& files);

// One row an event, in a fixed order. `files` tells of perf_event_paranoid and the PMU.
std::vector<CounterTruth> truth_table(EventCounter& counter, const HostFiles& files);

// Names of the events of one set that may be counted together: those that count or are plausible.
std::vector<std::string> usable_events(const std::vector<CounterTruth>& truth,
                                       std::string_view set);

}  // namespace mb
