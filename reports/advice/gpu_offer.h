// A GPU that could take layers off the CPU, as somebody describes it.
#pragma once
#include <cstdint>
#include <optional>

namespace mb {

struct GpuOffer {
  std::int64_t memory_bytes = 0;
  std::optional<std::int64_t> overhead_bytes;  // of the driver and buffers; else estimated
  std::optional<double> bandwidth_bytes_per_second;
};

}  // namespace mb
