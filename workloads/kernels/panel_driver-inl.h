// The loops around a panel kernel, shared by Highway's targets and the VNNI files. A kernel's
// `template <PanelType, int rows> run(panel, x, out, stride)` multiplies one panel by up to kRows
// activation rows and writes 16 results a row; where its kPanels is two, `run_pair` multiplies two
// that follow each other by kRows.
//
// Order: chunks of activation rows that stay in L2, then panels, then row blocks; so a panel (10 to
// 70 KiB) is unpacked from L1/L2 for each row block and comes from memory once a chunk.
//
// Included inside each target's namespace: no include guard by intent.

// Half of the smallest L2 in use (512 KiB on desktops); the rest is for the panel and results.
constexpr long kChunkBytes = 256 * 1024;

template <class Kernel, PanelType type, int block_rows>
void drive_rows(const std::byte* panel, const QuantisedRows& x, long first, long last, float* out,
                long stride) {
  long s = first;
  for (; s + block_rows <= last; s += block_rows) {
    Kernel::template run<type, block_rows>(panel, x.row(s), out + s * stride, stride);
  }
  if constexpr (block_rows > 1) {
    drive_rows<Kernel, type, block_rows / 2>(panel, x, s, last, out, stride);
  }
}

// Two whole panels: full blocks of rows at once, what remains one after the other.
template <class Kernel, PanelType type>
void drive_pair(const std::byte* panel, const QuantisedRows& x, long first, long last, float* out,
                long stride) {
  long s = first;
  for (; s + Kernel::kRows <= last; s += Kernel::kRows) {
    Kernel::template run_pair<type>(panel, x.row(s), out + s * stride, stride);
  }
  drive_rows<Kernel, type, Kernel::kRows / 2>(panel, x, s, last, out, stride);
  drive_rows<Kernel, type, Kernel::kRows / 2>(panel + panel_bytes(type, x.columns), x, s, last,
                                              out + kPanelRows, stride);
}

template <class Kernel, PanelType type>
void drive(const PanelMatrix& matrix, long first_panel, long last_panel, const QuantisedRows& x,
           long rows, float* out, long stride) {
  const long fitting = kChunkBytes / matrix.columns / Kernel::kRows * Kernel::kRows;
  const long chunk = fitting < Kernel::kRows ? Kernel::kRows : fitting;
  for (long first = 0; first < rows; first += chunk) {
    const long last = first + chunk < rows ? first + chunk : rows;
    for (long p = first_panel; p < last_panel; ++p) {
      const long row = p * kPanelRows, kept = matrix.rows - row;
      if constexpr (Kernel::kPanels == 2) {
        if (p + 1 < last_panel && kept >= 2 * kPanelRows) {
          drive_pair<Kernel, type>(matrix.panel(p), x, first, last, out + row, stride);
          ++p;
          continue;
        }
      }
      if (kept >= kPanelRows) {
        drive_rows<Kernel, type, Kernel::kRows>(matrix.panel(p), x, first, last, out + row, stride);
        continue;
      }
      for (long s = first; s < last; ++s) {  // the matrix ends inside this panel
        float whole[kPanelRows];
        Kernel::template run<type, 1>(matrix.panel(p), x.row(s), whole, kPanelRows);
        for (long r = 0; r < kept; ++r) out[s * stride + row + r] = whole[r];
      }
    }
  }
}

template <class Kernel>
void drive_type(const PanelMatrix& matrix, long first_panel, long last_panel,
                const QuantisedRows& x, long rows, float* out, long stride) {
  switch (matrix.type) {
    case PanelType::kQ4_0:
      return drive<Kernel, PanelType::kQ4_0>(matrix, first_panel, last_panel, x, rows, out, stride);
    case PanelType::kQ8_0:
      return drive<Kernel, PanelType::kQ8_0>(matrix, first_panel, last_panel, x, rows, out, stride);
    case PanelType::kQ6_K:
      return drive<Kernel, PanelType::kQ6_K>(matrix, first_panel, last_panel, x, rows, out, stride);
    case PanelType::kQ4_K:
      return drive<Kernel, PanelType::kQ4_K>(matrix, first_panel, last_panel, x, rows, out, stride);
  }
}
