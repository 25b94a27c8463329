// Zen 4: asking for every line blinds its prefetcher (DECISIONS 68); nothing is gained while 32
// GB/s are all that DRAM gives, up to a fifth while it gives 60. Intel: Granite Rapids reads Q4_0
// at 0.65 of plain reads so, and at 0.91 to 1.00 when asked for every line (DECISIONS 113). Others
// were not measured.
#include "workloads/kernels/read_ahead.h"

namespace mb {

const ReadAhead& read_ahead() {
  static constexpr ReadAhead kEveryOther{false, 2048, 4096};
#if defined(__x86_64__)
  static constexpr ReadAhead kEvery{true, 2560, 3072};
  static const bool intel = __builtin_cpu_is("intel");
  if (intel) return kEvery;
#endif
  return kEveryOther;
}

}  // namespace mb
