// What a thread does between two moments: memory that it asks for (malloc and its kin are replaced
// in this program), page faults (getrusage), and system calls, which Linux hands to a signal
// handler while a byte says so (syscall user dispatch, x86 since 5.11). The handler counts the call
// and makes it, so that nothing else changes.
#pragma once
#include <map>

namespace mb {

struct RegionCounts {
  long allocations = 0, faults = 0;
  std::map<long, long> system_calls;  // by number
};

// False where the kernel cannot hand system calls over.
bool system_calls_can_be_watched();

// Watches the calling thread from construction to stop().
class RegionWatch {
 public:
  RegionWatch();
  void stop(RegionCounts& counts);

 private:
  long faults_before_ = 0;
};

}  // namespace mb
