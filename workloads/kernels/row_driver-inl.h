// The loops around a kernel of row-major weights, shared by Highway's targets and AVX512-BF16's
// file. Strips of 16 weight rows stay in L2 while blocks of activation rows go by; what fills no
// block is multiplied row by row.
//
// A kernel knows its operands: `block<rows>(row, s)` multiplies kWeightRows weight rows from `row`
// by `rows` activation rows (kRows or 2) from s, `dot(row, s)` one of each.
//
// Included inside each target's namespace: no include guard by intent.

template <class Kernel>
void multiply_strip(const Kernel& kernel, long first, long last, long rows) {
  constexpr long kDown = Kernel::kWeightRows, kAcross = Kernel::kRows;
  const long whole = first + (last - first) / kDown * kDown;
  long s = 0;
  for (; s + kAcross <= rows; s += kAcross) {
    for (long row = first; row < whole; row += kDown) {
      kernel.template block<kAcross>(row, s);
    }
  }
  for (; s + 2 <= rows; s += 2) {
    for (long row = first; row < whole; row += kDown) kernel.template block<2>(row, s);
  }
  for (long row = first; row < last; ++row) {
    for (long t = row < whole ? s : 0; t < rows; ++t) kernel.dot(row, t);
  }
}

template <class Kernel>
void multiply_strips(const Kernel& kernel, long first, long last, long rows) {
  constexpr long kStrip = 16;
  for (long row = first; row < last; row += kStrip) {
    multiply_strip(kernel, row, row + kStrip < last ? row + kStrip : last, rows);
  }
}
