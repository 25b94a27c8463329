// Binary sizes in bytes.
#pragma once
#include <cstdint>

namespace mb {

inline constexpr std::int64_t kKiB = 1024, kMiB = 1024 * kKiB;

}  // namespace mb
