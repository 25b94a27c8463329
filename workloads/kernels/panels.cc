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

constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15ULL;  // splitmix64's odd increment

std::uint16_t load_half(const std::byte* at) {
  std::uint16_t half;
  std::memcpy(&half, at, sizeof half);
  return half;
}

int as_int(std::byte value) { return std::to_integer<int>(value); }

// The stored integer of a weight, without its offset.
int stored(const PanelMatrix& matrix, const std::byte* panel, long r, long column) {
  const long block = column / kBlockColumns, in_block = column % kBlockColumns;
  const long group = in_block / 4, lane = r * 4 + in_block % 4;
  if (matrix.type == PanelType::kQ8_0) {
    return static_cast<std::int8_t>(as_int(panel[block * 512 + group * 64 + lane]));
  }
  const long stride = panel_value_bytes(matrix.type, kBlockColumns);
  const std::byte* values = panel + block * stride;
  const int nibble = (as_int(values[group % 4 * 64 + lane]) >> (group < 4 ? 0 : 4)) & 15;
  if (matrix.type != PanelType::kQ6_K) return nibble;
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

float q4_k_weight(const std::byte* scales, long columns, long r, long column, int value) {
  const long super = column / kSuperColumns, j = column % kSuperColumns / kBlockColumns;
  const std::byte* packed = scales + super * kPackedScales * kPanelRows + r;
  const std::byte* halves = scales + columns / kSuperColumns * kPackedScales * kPanelRows;
  const long at = (super * kPanelRows + r) * 2, minima = columns / kSuperColumns * kPanelRows * 2;
  const float d = f32_from_f16(load_half(halves + at));
  const float d_minimum = f32_from_f16(load_half(halves + minima + at));
  return d * static_cast<float>(packed_six_bits(packed, j, false) * value) -
         d_minimum * static_cast<float>(packed_six_bits(packed, j, true));
}

}  // namespace

float panel_weight(const PanelMatrix& matrix, long row, long column) {
  const std::byte* panel = matrix.panel(row / kPanelRows);
  const std::byte* scales = panel + panel_value_bytes(matrix.type, matrix.columns);
  const long r = row % kPanelRows;
  const int value = stored(matrix, panel, r, column);
  if (matrix.type == PanelType::kQ6_K) {
    const auto scale = static_cast<std::int8_t>(as_int(scales[column / 16 * kPanelRows + r]));
    const std::byte* halves = scales + matrix.columns;
    const float super =
        f32_from_f16(load_half(halves + (column / kSuperColumns * kPanelRows + r) * 2));
    return super * static_cast<float>(scale) * static_cast<float>(value - 32);
  }
  if (matrix.type == PanelType::kQ4_K) return q4_k_weight(scales, matrix.columns, r, column, value);
  const float scale =
      f32_from_f16(load_half(scales + (column / kBlockColumns * kPanelRows + r) * 2));
  return scale * static_cast<float>(matrix.type == PanelType::kQ4_0 ? value - 8 : value);
}

void fill_panel(PanelType type, long columns, std::uint64_t seed, std::byte* panel) {
  std::uint64_t state = mixed(seed);
  const auto fill = [&state](std::byte* at, long bytes, std::uint64_t mask, std::uint64_t add) {
    for (long i = 0; i < bytes; i += 8) {
      const std::uint64_t word = (mixed(state += kStep) & mask) + add;
      std::memcpy(at + i, &word, 8);
    }
  };
  const long value_bytes = panel_value_bytes(type, columns);
  fill(panel, value_bytes, ~0ULL, 0);
  std::byte* scales = panel + value_bytes;
  long count = columns / kBlockColumns * kPanelRows;
  // Root mean square of the stored integers: uniform over 16, 256, and 64 values.
  double rms = type == PanelType::kQ4_0 ? 4.6 : 73.9;
  if (type == PanelType::kQ6_K) {
    fill(scales, columns, 0x0707070707070707ULL, 0x0808080808080808ULL);  // int8 scales 8 to 15
    scales += columns;
    count = columns / kSuperColumns * kPanelRows;
    rms = 18.5 * 11.7;
  } else if (type == PanelType::kQ4_K) {
    // Scales and minima of 32 to 47, a minimum counting 7.5 steps of a scale: the mean is zero.
    const long packed = columns / kSuperColumns * kPackedScales * kPanelRows;
    for (long i = 0; i < packed; ++i) {
      // Bytes 0 to 7 of twelve hold six bits and two upper bits (2: 32) of another; 8 to 11
      // nibbles.
      const int random = static_cast<int>(mixed(state += kStep) & 0xFFU);
      const bool whole = i / kPanelRows % kPackedScales < 8;
      scales[i] = static_cast<std::byte>(whole ? 0xA0 | (random & 15) : random);
    }
    scales += packed;
    count = 2 * columns / kSuperColumns * kPanelRows;
    rms = 189.7;  // of 4.6 steps times 39.8, with the spread of scales and minima
  }
  const std::uint16_t base =
      f16_from_f32(static_cast<float>(1 / (rms * std::sqrt(static_cast<double>(columns)))));
  for (long i = 0; i < count; ++i) {
    // The low bits of the mantissa vary, so no two rows scale alike.
    const auto scale = static_cast<std::uint16_t>(base ^ (mixed(state += kStep) & 0xFU));
    // q4_k's minima come second: 7.5 steps each.
    const bool minimum = type == PanelType::kQ4_K && i >= count / 2;
    const std::uint16_t stored = minimum ? f16_from_f32(7.5F * f32_from_f16(scale)) : scale;
    std::memcpy(scales + 2 * i, &stored, 2);
  }
}

}  // namespace mb
