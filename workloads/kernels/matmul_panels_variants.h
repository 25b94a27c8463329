// The intrinsics variants of matmul_panels, each in a file of its own: products of bytes (x86:
// unsigned by signed, vpdpbusd, vpmaddubsw; Arm: signed, sdot, smmla), which Highway 1.0.3 does not
// offer and which are the whole inner loop on 16 rows x 4 columns. Used by matmul_panels.cc and its
// test.
#pragma once
#include <array>

#include "workloads/kernels/matmul_panels.h"
#include "workloads/kernels/panels.h"
#include "workloads/kernels/quantise.h"
#include "workloads/kernels/read_ahead.h"

namespace mb {

struct PanelVariant {
  const char* name;
  bool supported;  // by this CPU and system
  void (*run)(const PanelMatrix& matrix, long first_panel, long last_panel, const QuantisedRows& x,
              long rows, float* out, long stride);
  PanelPeak peak;
};

const PanelVariant& avx512_vnni();   // 512-bit
const PanelVariant& avx_vnni();      // 256-bit, VEX-encoded (client parts without AVX-512)
const PanelVariant& avx2();          // 256-bit vpmaddubsw
const PanelVariant& neon_i8mm();     // 128-bit smmla
const PanelVariant& neon_dotprod();  // 128-bit sdot

inline std::array<const PanelVariant*, 5> panel_variants() {
  return {&avx512_vnni(), &avx_vnni(), &avx2(), &neon_i8mm(), &neon_dotprod()};
}

}  // namespace mb
