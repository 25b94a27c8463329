// The order is a scrambling of numbers that can be undone: three times an odd multiplier, then the
// high bits onto the low ones (the finaliser of common hashes). So each line's place in the cycle
// and the line behind it are computed where the line lies, and lines are written one after another:
// a shuffled list of them needs a miss of its own a line, seconds for a gigabyte.
//
// Eight steps a turn of the chase's loop: the counter's own work is hidden behind the loads.
#include "workloads/kernels/pointer_chase.h"

#include <array>
#include <bit>
#include <random>

namespace mb {
namespace {

// Numbers below `count` onto numbers below `count`, one to one; 0 stays 0.
class Scrambling {
 public:
  Scrambling(std::uint64_t count, std::uint64_t seed)
      : count_(count),
        bits_(static_cast<int>(std::bit_width(count - 1))),
        mask_(~std::uint64_t{0} >> (64 - bits_)),
        shift_((bits_ + 1) / 2) {
    std::mt19937_64 generator(seed);
    for (std::size_t round = 0; round < odd_.size(); ++round) {
      odd_[round] = generator() | 1;
      // Newton's rule for the inverse modulo 2^64: 3 bits are right at first, then 6, 12, 24, 48.
      std::uint64_t inverse = odd_[round];
      for (int step = 0; step < 5; ++step) inverse *= 2 - odd_[round] * inverse;
      inverse_[round] = inverse;
    }
  }

  // Powers of two are scrambled; who lands past `count` goes on until he is back below it.
  std::uint64_t operator()(std::uint64_t number) const {
    do {
      for (const std::uint64_t odd : odd_) number = folded((number * odd) & mask_);
    } while (number >= count_);
    return number;
  }

  std::uint64_t undone(std::uint64_t number) const {
    do {
      for (std::size_t round = odd_.size(); round-- > 0;) {
        number = (folded(number) * inverse_[round]) & mask_;
      }
    } while (number >= count_);
    return number;
  }

 private:
  // Its own inverse, as the shift is half of the bits or more.
  std::uint64_t folded(std::uint64_t number) const { return number ^ (number >> shift_); }

  std::uint64_t count_;
  int bits_;
  std::uint64_t mask_;
  int shift_;
  std::array<std::uint64_t, 3> odd_{}, inverse_{};
};

}  // namespace

void link_chase(ChaseLine* lines, std::size_t count, std::uint64_t seed) {
  const Scrambling line_at(count, seed);
  for (std::size_t line = 0; line < count; ++line) {
    const std::uint64_t ordinal = line_at.undone(line);
    lines[line] = {lines + line_at(ordinal + 1 < count ? ordinal + 1 : 0), ordinal};
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
