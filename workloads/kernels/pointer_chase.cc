// Eight steps a turn of the loop: the counter's own work is hidden behind the loads.
#include "workloads/kernels/pointer_chase.h"

#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace mb {

void link_chase(ChaseLine* lines, std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937_64 generator(seed);
  for (std::size_t left = count - 1; left > 1; --left) {  // line 0 stays first
    std::swap(order[left], order[1 + generator() % left]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    lines[order[i]] = {lines + order[i + 1 < count ? i + 1 : 0], i};
  }
}

const ChaseLine* chase(const ChaseLine* from, std::uint64_t steps) {
  const ChaseLine* at = from;
  for (; steps >= 8; steps -= 8) {
    at = at->next->next->next->next->next->next->next->next;
  }
  for (; steps > 0; --steps) at = at->next;
  return at;
}

}  // namespace mb
