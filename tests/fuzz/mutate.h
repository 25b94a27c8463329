// One to four small damages of a text, drawn from the generator that is given: a byte, a bit, an
// end, an awkward number, a hole, a repetition. Near the beginning, where headers are.
#pragma once
#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include "tests/workloads/shapes/gguf_builder.h"

namespace mb {

// Values that arithmetic trips over.
inline constexpr std::uint64_t kAwkward[] = {0,          1,          0x7F,       0x80,
                                             0xFF,       0x7FFF,     0x7FFFFFFF, 0x80000000,
                                             0xFFFFFFFF, 1ull << 32, 1ull << 62, ~0ull};

// Headers of model files and documents lie in the first bytes.
inline constexpr std::size_t kHeaderBytes = 1200;

inline std::string mutate(std::string text, std::mt19937_64& random,
                          std::size_t reach = kHeaderBytes) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (std::size_t change = 1 + below(4); change > 0 && !text.empty(); --change) {
    const std::size_t at = below(std::min(text.size(), std::max<std::size_t>(1, reach)));
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2:
        text.resize(at);
        break;
      case 3: {
        const std::string value = raw(kAwkward[below(std::size(kAwkward))]);
        text.replace(at, std::min<std::size_t>(1u << below(4), text.size() - at), value, 0,
                     std::size_t{1} << below(4));
        break;
      }
      case 4:
        text.erase(at, 1 + below(8));
        break;
      default:
        text.insert(at, text.substr(below(text.size()), below(24)));
    }
  }
  return text;
}

}  // namespace mb
