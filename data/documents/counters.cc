// Ratios of counted events: what people compare, since raw counts grow with time.
#include "data/documents/results.h"

namespace mb {

void derive(CounterReading& reading) {
  reading.derived.clear();
  const auto count = [&](const char* event) {
    const auto found = reading.values.find(event);
    return found == reading.values.end() ? std::nullopt
                                         : std::optional(static_cast<double>(found->second));
  };
  const auto add = [&](const char* name, std::optional<double> part, std::optional<double> whole,
                       double scale) {
    if (part && whole && *whole > 0) reading.derived[name] = scale * *part / *whole;
  };
  const auto instructions = count("PAPI_TOT_INS"), cycles = count("PAPI_TOT_CYC");
  constexpr double kKilo = 1000;
  add("instructions_per_cycle", instructions, cycles, 1);
  add("L1_misses_per_kilo_instruction", count("PAPI_L1_DCM"), instructions, kKilo);
  add("L2_misses_per_kilo_instruction", count("PAPI_L2_DCM"), instructions, kKilo);
  add("L3_misses_per_kilo_instruction", count("PAPI_L3_TCM"), instructions, kKilo);
  add("TLB_misses_per_kilo_instruction", count("PAPI_TLB_DM"), instructions, kKilo);
  add("stalled_share", count("PAPI_RES_STL"), cycles, 1);
  add("bytes_per_cycle", reading.bytes, cycles, 1);
}

}  // namespace mb
