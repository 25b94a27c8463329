// A PMU that works, in place of PAPI's: this program defines the functions that counters.cc calls,
// and the linker prefers them to the library's. What a test changes stands in `pmu()`.
#pragma once
#include <map>
#include <set>
#include <string>

namespace mb {

struct FakePmu {
  std::map<std::string, long long> counts;  // events that there are, and what each run reads
  std::map<std::string, int> refusals;      // adding this event: a status of PAPI
  std::set<int> idle_ranks;                 // the n-th set made cannot be started, from 0
  std::size_t registers = 8;                // events that one set holds
  std::string fails;                        // this function, with status PAPI_EPERM
  int sets_made = 0, sets_left = 0, threads_left = 0;
};

FakePmu& pmu();    // of this process
void reset_pmu();  // counts what spin() runs, exactly

}  // namespace mb
