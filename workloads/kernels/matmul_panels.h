// Quantised weights times quantised activations: out[s][row] = sum over columns of weight x value,
// exact integers inside a block, f32 over blocks. One activation row is decode's matrix-vector
// product, limited by how fast one thread takes weights in; many rows are prefill's matmul, limited
// by integer dot products.
//
// Runs on the best of: AVX-512 VNNI, AVX-VNNI, AVX2, NEON i8mm, NEON dotprod (own files: Highway
// 1.0.3 lacks products of bytes), or Highway's target with 16-bit products (vpmaddwd).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "workloads/kernels/panels.h"
#include "workloads/kernels/quantise.h"

namespace mb {

// Panels [first_panel, last_panel) of the matrix for activation rows [0, rows): out + s * stride
// gets element `row`; rows beyond matrix.rows are not written. x.columns == matrix.columns.
void matmul_panels(const PanelMatrix& matrix, long first_panel, long last_panel,
                   const QuantisedRows& x, long rows, float* out, long stride);
void matmul_panels_scalar(const PanelMatrix& matrix, long first_panel, long last_panel,
                          const QuantisedRows& x, long rows, float* out, long stride);

// What matmul_panels runs on now: AVX512_VNNI, AVX_VNNI, AVX2, NEON_I8MM, NEON_DOTPROD or the name
// of Highway's target.
std::string matmul_panels_isa();

// The same products on registers alone, as int8 (q8_0) needs them: multiply, add up to 32 bits.
// run(passes) returns kPanelPeakSumPerPass x passes modulo 2^32. Null where products go by
// Highway's portable path.
struct PanelPeak {
  double ops_per_pass = 0;
  std::int32_t (*run)(std::uint64_t passes) = nullptr;
};
PanelPeak panel_peak();
// Chains of four products of ones, enough for every unit times its cycles: x86 has two units of up
// to five cycles and sixteen registers, Arm's large cores have four units of up to four.
#ifdef __aarch64__
inline constexpr int kPanelPeakChains = 16;
#else
inline constexpr int kPanelPeakChains = 10;
#endif
inline constexpr std::int32_t kPanelPeakSumPerPass = 4 * kPanelPeakChains;

}  // namespace mb
