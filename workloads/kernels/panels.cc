// Filling must not be slower than first touch (about 1 GB/s on small guests), hence eight bytes a
// step of a counter-based generator (splitmix64's mixing) and scales that vary in their low bits.
#include "workloads/kernels/panels.h"

#include <cmath>
#include <cstring>

#include "workloads/kernels/half.h"

namespace mb {
namespace {

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::uint16_t load_half(const std::byte* at) {
  std::uint16_t half;
  std::memcpy(&half, at, sizeof half);
  return half;
}

int as_int(std::byte value) { return std::to_integer<int>(value); }

// The stored integer of a weight of the block at `values`, without its offset.
int stored(PanelType type, const std::byte* values, long r, long in_block) {
  const long group = in_block / 4, lane = r * 4 + in_block % 4;
  if (type == PanelType::kQ8_0) return static_cast<std::int8_t>(as_int(values[group * 64 + lane]));
  const int nibble = (as_int(values[group % 4 * 64 + lane]) >> (group < 4 ? 0 : 4)) & 15;
  if (type != PanelType::kQ6_K) return nibble;
  const int upper = as_int(values[256 + group / 4 * 64 + lane]) >> (2 * (group % 4));
  return nibble | ((upper & 3) << 4);
}

// Scale (or minimum) of block `j` of eight: 6 bits, of the last four the upper two lie in the top
// of an earlier one's byte. `packed` is the row's first byte; its others follow in steps of 16.
int packed_six_bits(const std::byte* packed, long j, bool minimum) {
  const auto byte = [&](long i) { return as_int(packed[i * kPanelRows]); };
  const long own = (minimum ? 4 : 0) + j % 4;
  if (j < 4) return byte(own) & 63;
  const int low = minimum ? byte(8 + j % 4) >> 4 : byte(8 + j % 4) & 15;
  return low | (byte(own) >> 6 << 4);
}

float q4_k_weight(const std::byte* scales, long r, long column, int value) {
  const long j = column % kSuperColumns / kBlockColumns;
  const std::byte* halves = scales + kPackedScales * kPanelRows + r * 2;
  const float d = f32_from_f16(load_half(halves));
  const float d_minimum = f32_from_f16(load_half(halves + kHalvesBytes));
  return d * static_cast<float>(packed_six_bits(scales + r, j, false) * value) -
         d_minimum * static_cast<float>(packed_six_bits(scales + r, j, true));
}

// Fills memory with the numbers of one seed.
class Filler {
 public:
  explicit Filler(std::uint64_t seed) : state_(mixed(seed)) {}

  std::uint64_t next() { return mixed(state_ += kStep); }

  void fill(std::byte* at, long bytes, std::uint64_t mask, std::uint64_t add) {
    for (long i = 0; i < bytes; i += 8) {
      const std::uint64_t word = (next() & mask) + add;
      std::memcpy(at + i, &word, 8);
    }
  }

  // The low bits of the mantissa vary, so no two rows scale alike.
  void fill_halves(std::byte* at, std::uint16_t base, float factor = 1) {
    for (long r = 0; r < kPanelRows; ++r) {
      const auto scale = static_cast<std::uint16_t>(base ^ (next() & 0xFU));
      const std::uint16_t stored = factor == 1 ? scale : f16_from_f32(factor * f32_from_f16(scale));
      std::memcpy(at + 2 * r, &stored, 2);
    }
  }

 private:
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15ULL;  // splitmix64's odd increment
  std::uint64_t state_;
};

// The scales of one block, or of eight.
void fill_scales(PanelType type, std::uint16_t base, Filler& random, std::byte* scales) {
  if (type == PanelType::kQ6_K) {
    constexpr long kBytes = 2 * kSuperBlocks * kPanelRows;
    random.fill(scales, kBytes, 0x0707070707070707ULL, 0x0808080808080808ULL);  // 8 to 15
    scales += kBytes;
  } else if (type == PanelType::kQ4_K) {
    // Scales and minima of 32 to 47, a minimum counting 7.5 steps of a scale: the mean is zero.
    // Bytes 0 to 7 of twelve hold six bits and two upper bits (2: 32) of another; 8 to 11 nibbles.
    constexpr long kWhole = 8 * kPanelRows, kBytes = kPackedScales * kPanelRows;
    random.fill(scales, kWhole, 0x0F0F0F0F0F0F0F0FULL, 0xA0A0A0A0A0A0A0A0ULL);
    random.fill(scales + kWhole, kBytes - kWhole, ~0ULL, 0);
    scales += kBytes;
    random.fill_halves(scales + kHalvesBytes, base, 7.5F);
  }
  random.fill_halves(scales, base);
}

}  // namespace

float panel_weight(const PanelMatrix& matrix, long row, long column) {
  const std::byte* panel = matrix.panel(row / kPanelRows);
  const long r = row % kPanelRows, block = column / kBlockColumns;
  const std::byte* scales = panel + scales_at(matrix.type, block);
  const int value =
      stored(matrix.type, panel + values_at(matrix.type, block), r, column % kBlockColumns);
  if (matrix.type == PanelType::kQ6_K) {
    const long sixteen = column % kSuperColumns / 16;
    const auto scale = static_cast<std::int8_t>(as_int(scales[sixteen * kPanelRows + r]));
    const float super = f32_from_f16(load_half(scales + 2 * kSuperBlocks * kPanelRows + r * 2));
    return super * static_cast<float>(scale) * static_cast<float>(value - 32);
  }
  if (matrix.type == PanelType::kQ4_K) return q4_k_weight(scales, r, column, value);
  const float scale = f32_from_f16(load_half(scales + r * 2));
  return scale * static_cast<float>(matrix.type == PanelType::kQ4_0 ? value - 8 : value);
}

void fill_panel(PanelType type, long columns, std::uint64_t seed, std::byte* panel) {
  Filler random(seed);
  // Root mean square of the stored integers, scales and minima: uniform over 16, 256 and 64 values;
  // q6_k's scales have 11.7, q4_k's 39.8 with their spread and that of the minima.
  const double rms = type == PanelType::kQ4_0   ? 4.6
                     : type == PanelType::kQ8_0 ? 73.9
                     : type == PanelType::kQ6_K ? 18.5 * 11.7
                                                : 189.7;
  const std::uint16_t base =
      f16_from_f32(static_cast<float>(1 / (rms * std::sqrt(static_cast<double>(columns)))));
  const long together = has_super_blocks(type) ? kSuperBlocks : 1;
  for (long block = 0; block < columns / kBlockColumns; ++block) {
    random.fill(panel + values_at(type, block), panel_value_bytes(type), ~0ULL, 0);
    if (block % together == 0) fill_scales(type, base, random, panel + scales_at(type, block));
  }
}

}  // namespace mb
