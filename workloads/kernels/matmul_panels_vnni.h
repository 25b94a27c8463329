// The intrinsics variants of matmul_panels: vpdpbusd multiplies unsigned by signed bytes and adds
// four products into each 32-bit lane, which is the whole inner loop on 16 rows x 4 columns.
// Used by matmul_panels.cc alone.
#pragma once
#include "workloads/kernels/panels.h"
#include "workloads/kernels/quantise.h"

namespace mb {

struct VnniVariant {
  const char* name;
  bool supported;  // by this CPU and system
  void (*run)(const PanelMatrix& matrix, long first_panel, long last_panel, const QuantisedRows& x,
              long rows, float* out, long stride);
};

const VnniVariant& avx512_vnni();  // 512-bit
const VnniVariant& avx_vnni();     // 256-bit, VEX-encoded (client parts without AVX-512)

}  // namespace mb
