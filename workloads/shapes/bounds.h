// Bounds on what a model file may claim, far above known models (DeepSeek-V3: 61 layers, 7168 wide,
// 256 experts), so that products of three stay in 64 bits.
#pragma once
#include <cstdint>

namespace mb {

constexpr std::int64_t kMostLayers = 4096, kMostWidth = 1 << 20, kMostExperts = 65536,
                       kMostTokens = std::int64_t{1} << 40;

}  // namespace mb
