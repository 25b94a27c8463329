// Quantised weights as the matmul kernels read them: panels of 16 rows, inside a panel groups of
// four columns, so that one 64-byte vector holds 16 rows x 4 columns and a dot-product instruction
// (vpdpbusd, vpmaddwd, sdot) gives one 32-bit sum a row, with no sum across lanes. Engines repack
// GGUF blocks the same way; bytes a weight are those of the published blocks, exactly.
//
// Scales stand beside their values, where a kernel comes by that takes all lines in order, so that
// a product over many rows is one stream (DECISIONS.md 68, 78). One panel of K columns (r: row of
// the panel, f16 and int8 as in the GGUF blocks) is
//   q8_0, q4_0  of every two blocks: values of the first, [r] f16 its scales, [r] f16 scales of the
//         second, values of the second; so values stand at whole lines
//   q6_k, q4_k  of every eight blocks: their scales, then their values
// with a block's values and eight blocks' scales:
//   q8_0  8 groups x [r][4] int8
//   q4_0  4 x [r][4] bytes: low nibbles are columns 0-15, high nibbles 16-31; weight = nibble - 8
//   q6_k  4 x [r][4] bytes of nibbles as in q4_0, then 2 x [r][4] bytes of upper bit pairs: vector
//         h, pair c belongs to group 4h + c; weight = 6 bits - 32
//         scales: 16 x [r] int8, one for 16 columns, then [r] f16 that multiply them
//   q4_k  as q4_0, weight = scale * nibble - minimum
//         scales: 12 x [r] bytes of eight scales and eight minima of 6 bits, packed as in the GGUF
//         block; then [r] f16 that multiply the scales and [r] f16 for the minima
#pragma once
#include <cstddef>
#include <cstdint>

namespace mb {

enum class PanelType { kQ4_0, kQ8_0, kQ6_K, kQ4_K };

inline constexpr long kPanelRows = 16;
inline constexpr long kBlockColumns = 32;   // columns that share an activation scale
inline constexpr long kSuperColumns = 256;  // columns of a q6_k or q4_k block
inline constexpr long kPackedScales = 12;   // bytes of a q4_k block's scales and minima

constexpr bool has_super_blocks(PanelType type) {
  return type == PanelType::kQ6_K || type == PanelType::kQ4_K;
}
inline constexpr long kSuperBlocks = kSuperColumns / kBlockColumns;
inline constexpr long kHalvesBytes = 2 * kPanelRows;  // one f16 a row

// Of one block, and of the scales of eight.
constexpr long panel_value_bytes(PanelType type) {
  return type == PanelType::kQ8_0 ? 512 : type == PanelType::kQ6_K ? 384 : 256;
}
constexpr long super_scale_bytes(PanelType type) {
  if (type == PanelType::kQ6_K) return 2 * kSuperBlocks * kPanelRows + kHalvesBytes;
  return kPackedScales * kPanelRows + 2 * kHalvesBytes;  // q4_k
}

// Bytes of a panel: columns must be a multiple of 32 (256 for q6_k and q4_k).
constexpr long panel_bytes(PanelType type, long columns) {
  const long blocks = columns / kBlockColumns;
  return blocks * panel_value_bytes(type) + (has_super_blocks(type)
                                                 ? blocks / kSuperBlocks * super_scale_bytes(type)
                                                 : blocks * kHalvesBytes);
}

// Where in a panel the values of a block begin, and its scales or those of its eight.
constexpr long values_at(PanelType type, long block) {
  const long values = panel_value_bytes(type);
  if (has_super_blocks(type)) {
    return block * values + (block / kSuperBlocks + 1) * super_scale_bytes(type);
  }
  return block * values + (block + 1) / 2 * 2 * kHalvesBytes;
}
constexpr long scales_at(PanelType type, long block) {
  if (has_super_blocks(type)) {
    return values_at(type, block / kSuperBlocks * kSuperBlocks) - super_scale_bytes(type);
  }
  return (block / 2 * 2 + 1) * panel_value_bytes(type) + block * kHalvesBytes;
}
constexpr long panel_count(long rows) { return (rows + kPanelRows - 1) / kPanelRows; }

// Borrowed weights; rows beyond `rows` in the last panel are there and ignored.
struct PanelMatrix {
  PanelType type = PanelType::kQ4_0;
  const std::byte* data = nullptr;
  long rows = 0, columns = 0;

  long panels() const { return panel_count(rows); }
  const std::byte* panel(long index) const { return data + index * panel_bytes(type, columns); }
};

// One weight as a number; the scalar twins' view of the layout.
float panel_weight(const PanelMatrix& matrix, long row, long column);

// Writes a valid panel of pseudo-random weights with mean about 0 and variance 1 / columns (so that
// activations keep their size through a chain of layers). The same seed gives the same panel.
void fill_panel(PanelType type, long columns, std::uint64_t seed, std::byte* panel);

}  // namespace mb
