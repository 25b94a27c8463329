// Quantised weights as the matmul kernels read them: panels of 16 rows, inside a panel groups of
// four columns, so that one 64-byte vector holds 16 rows x 4 columns and a dot-product instruction
// (vpdpbusd, vpmaddwd, sdot) gives one 32-bit sum a row, with no sum across lanes. Engines repack
// GGUF blocks the same way; bytes a weight are those of the published blocks, exactly.
//
// One panel of K columns, in order (r: row of the panel, f16 and int8 as in the GGUF blocks):
//   q8_0  values: K/32 blocks x 8 groups x [r][4] int8;          scales: K/32 x [r] f16
//   q4_0  values: K/32 blocks x 4 x [r][4] bytes;                scales: K/32 x [r] f16
//         low nibbles are columns 0-15 of the block, high nibbles 16-31; weight = nibble - 8
//   q6_k  values: K/32 blocks x (4 x [r][4] bytes of nibbles as in q4_0, then 2 x [r][4] bytes of
//         upper bit pairs: vector h, pair c belongs to group 4h + c); weight = 6 bits - 32
//         scales: K/16 x [r] int8, then K/256 x [r] f16 that multiply them
//   q4_k  values: as q4_0, weight = scale * nibble - minimum
//         K/256 x 12 x [r] bytes of eight scales and eight minima of 6 bits, packed as in the GGUF
//         block; then K/256 x [r] f16 that multiply the scales, then as many for the minima
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
// Columns must be a multiple of 32 (256 for q6_k and q4_k).
constexpr long panel_value_bytes(PanelType type, long columns) {
  const long per_block = type == PanelType::kQ8_0 ? 512 : type == PanelType::kQ6_K ? 384 : 256;
  return columns / kBlockColumns * per_block;
}
constexpr long panel_scale_bytes(PanelType type, long columns) {
  const long supers = columns / kSuperColumns;
  if (type == PanelType::kQ6_K) return columns + supers * 2 * kPanelRows;
  if (type == PanelType::kQ4_K) return supers * (kPackedScales + 4) * kPanelRows;
  return columns / kBlockColumns * 2 * kPanelRows;
}
constexpr long panel_bytes(PanelType type, long columns) {
  return panel_value_bytes(type, columns) + panel_scale_bytes(type, columns);
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
