// The panel kernel over byte products, for any vector width that `Ops` gives. Weights are unsigned
// in the instruction: q4_0 and q6_k are stored so; q8_0 is flipped by its sign bit, unless
// Ops::kSignedWeights says that Ops::dot_rows unpacks and deals with signs itself. The offset is
// taken off each block's sum, offset * sum(activations).
//
// Included inside a file-local namespace: no include guard by intent.

template <class Ops>
struct PanelKernel {
  static constexpr int kRows = Ops::kRowBlock;
  using Ints = typename Ops::Ints;
  using Floats = typename Ops::Floats;

  // A product of one activation row goes at memory's speed. Every other line is fetched into L2
  // this far ahead: asking for all of them blinds the hardware's prefetcher (Zen 4, DECISIONS.md
  // 68).
  static constexpr long kPrefetchBytes = 2048;
  static constexpr long kPrefetchStep = 128;

  template <PanelType type>
  static inline void load_groups(const std::byte* values, Ints (&groups)[8]) {
    if constexpr (type == PanelType::kQ8_0) {
#pragma GCC unroll 8
      for (int g = 0; g < 8; ++g) {
        const Ints bytes = Ops::load(values + g * 64);
        groups[g] = Ops::flip_signs(bytes);
      }
    } else {
#pragma GCC unroll 4
      for (int g = 0; g < 4; ++g) {
        const Ints bytes = Ops::load(values + g * 64);
        groups[g] = Ops::low_nibbles(bytes);
        groups[g + 4] = Ops::high_nibbles(bytes);
      }
      if constexpr (type == PanelType::kQ6_K) {
#pragma GCC unroll 2
        for (int h = 0; h < 2; ++h) {
          const Ints pairs = Ops::load(values + 256 + h * 64);
          groups[4 * h] = Ops::join(groups[4 * h], Ops::template upper_bits<0>(pairs));
          groups[4 * h + 1] = Ops::join(groups[4 * h + 1], Ops::template upper_bits<1>(pairs));
          groups[4 * h + 2] = Ops::join(groups[4 * h + 2], Ops::template upper_bits<2>(pairs));
          groups[4 * h + 3] = Ops::join(groups[4 * h + 3], Ops::template upper_bits<3>(pairs));
        }
      }
    }
  }

  // Six bits of the row's scale or minimum of block j of eight (panels.h).
  static inline Floats six_bits(const std::byte* packed, long j, bool minimum) {
    const Ints own = Ops::load_bytes(packed + ((minimum ? 4 : 0) + j % 4) * kPanelRows);
    if (j < 4) return Ops::to_floats(Ops::template mask32<63>(own));
    const Ints both = Ops::load_bytes(packed + (8 + j % 4) * kPanelRows);
    const Ints low = minimum ? Ops::template shift32<4>(both) : Ops::template mask32<15>(both);
    const Ints high = Ops::template mask32<48>(Ops::template shift32<2>(own));
    return Ops::to_floats(Ops::join(low, high));
  }

  // q4_k: scale, or minimum, of a block for eight or sixteen rows.
  static inline Floats load_packed(const std::byte* scales, long block, bool minimum,
                                   long first_row) {
    const std::byte* halves =
        scales + kPackedScales * kPanelRows + (minimum ? kHalvesBytes : 0) + first_row * 2;
    return Ops::multiply(six_bits(scales + first_row, block % kSuperBlocks, minimum),
                         Ops::load_halves(halves));
  }

  template <PanelType type>
  static inline Floats load_scale(const std::byte* scales, long block, long half, long first_row) {
    if constexpr (type == PanelType::kQ6_K) {
      const std::byte* own = scales + (block % kSuperBlocks * 2 + half) * kPanelRows;
      return Ops::multiply(
          Ops::load_small(own + first_row),
          Ops::load_halves(scales + 2 * kSuperBlocks * kPanelRows + first_row * 2));
    } else if constexpr (type == PanelType::kQ4_K) {
      return load_packed(scales, block, false, first_row);
    } else {
      return Ops::load_halves(scales + first_row * 2);
    }
  }

  // With one activation row there is nothing else to overlap, so four chains hide the latency.
  template <PanelType type, int first, int last, int chains>
  static inline Ints dot(const Ints (&groups)[8], const std::int8_t* x) {
    Ints sums[chains];
#pragma GCC unroll 4
    for (int c = 0; c < chains; ++c) sums[c] = Ops::broadcast(0);
#pragma GCC unroll 8
    for (int g = first; g < last; ++g) {
      sums[g % chains] = Ops::dot(sums[g % chains], groups[g], x + g * 4);
    }
    if constexpr (chains == 4) {
      return Ops::add(Ops::add(sums[0], sums[1]), Ops::add(sums[2], sums[3]));
    }
    return sums[0];
  }

  // The integer sums of one block for every activation row; q6_k's halves apart.
  template <PanelType type, int rows, int halves>
  static inline void dot_block(const std::byte* at, const QuantisedRows& x, long block,
                               Ints (&dots)[halves][rows]) {
    constexpr int kChains = rows == 1 ? 4 : 1;
    constexpr int kGroups = 8 / halves;
    const std::int8_t* values = x.values + block * kBlockColumns;
    if constexpr (Ops::kSignedWeights) {
      Ops::template dot_rows<type, 0, kGroups>(at, values, x.columns, dots[0]);
      if constexpr (halves == 2) {
        Ops::template dot_rows<type, kGroups, 8>(at, values, x.columns, dots[1]);
      }
    } else {
      Ints groups[8];
      load_groups<type>(at, groups);
#pragma GCC unroll 8
      for (int m = 0; m < rows; ++m) {
        dots[0][m] = dot<type, 0, kGroups, kChains>(groups, values + m * x.columns);
        if constexpr (halves == 2) {
          dots[1][m] = dot<type, kGroups, 8, kChains>(groups, values + m * x.columns);
        }
      }
    }
  }

  // One block of one panel, for every activation row.
  template <PanelType type, int rows>
  static inline void add_block(const std::byte* panel, long block, long first_row,
                               const QuantisedRows& x, Floats (&totals)[rows]) {
    constexpr long kBytes = panel_value_bytes(type);
    constexpr int kSignBit = Ops::kSignedWeights ? 0 : 128;
    constexpr int kOffset = type == PanelType::kQ8_0   ? kSignBit
                            : type == PanelType::kQ4_0 ? 8
                            : type == PanelType::kQ6_K ? 32
                                                       : 0;
    const long blocks = x.columns / kBlockColumns;
    const std::byte* at = panel + values_at(type, block);
    const std::byte* scales = panel + scales_at(type, block);
    if (rows == 1 && first_row == 0) {
#pragma GCC unroll 4
      for (long line = 0; line < kBytes; line += kPrefetchStep) {
        __builtin_prefetch(at + kPrefetchBytes + line, 0, 2);
      }
    }
    constexpr int kHalves = type == PanelType::kQ6_K ? 2 : 1;  // with scales of their own
    Ints dots[kHalves][rows];
    dot_block<type, rows>(at + first_row * 4, x, block, dots);
    const Floats low = load_scale<type>(scales, block, 0, first_row);
    Floats high = low;  // the second scale of q6_k, the minimum of q4_k
    if constexpr (type == PanelType::kQ6_K) {
      high = load_scale<type>(scales, block, 1, first_row);
    } else if constexpr (type == PanelType::kQ4_K) {
      high = load_packed(scales, block, true, first_row);
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; ++m) {
      const std::int32_t* sums = x.sums + m * blocks * 2 + block * 2;
      const Floats scale = Ops::broadcast(x.scales[m * blocks + block]);
      if constexpr (type == PanelType::kQ6_K) {
        const Ints first = Ops::add(dots[0][m], Ops::broadcast(-kOffset * sums[0]));
        const Ints second = Ops::add(dots[1][m], Ops::broadcast(-kOffset * sums[1]));
        totals[m] = Ops::add_product(first, Ops::multiply(low, scale), totals[m]);
        totals[m] = Ops::add_product(second, Ops::multiply(high, scale), totals[m]);
      } else {
        Ints sum = dots[0][m];
        if constexpr (kOffset != 0) {
          sum = Ops::add(sum, Ops::broadcast(-kOffset * (sums[0] + sums[1])));
        }
        totals[m] = Ops::add_product(sum, Ops::multiply(low, scale), totals[m]);
        if constexpr (type == PanelType::kQ4_K) {
          totals[m] = Ops::add_product(Ops::broadcast(-(sums[0] + sums[1])),
                                       Ops::multiply(high, scale), totals[m]);
        }
      }
    }
  }

  // A vector is a part of the panel's rows. With one activation row all parts of a block are done
  // before the next, so that the panel is one stream; else it comes from a cache, and a part has
  // the registers for itself.
  template <PanelType type, int rows>
  static void run(const std::byte* panel, const QuantisedRows& x, float* out, long stride) {
    constexpr long kParts = rows == 1 ? kPanelRows / Ops::kLanes : 1;
    for (long first_row = 0; first_row < kPanelRows; first_row += kParts * Ops::kLanes) {
      Floats totals[kParts][rows];
#pragma GCC unroll 4
      for (long part = 0; part < kParts; ++part) {
#pragma GCC unroll 8
        for (int m = 0; m < rows; ++m) totals[part][m] = Ops::zero();
      }
      for (long block = 0; block < x.columns / kBlockColumns; ++block) {
#pragma GCC unroll 4
        for (long part = 0; part < kParts; ++part) {
          add_block<type, rows>(panel, block, first_row + part * Ops::kLanes, x, totals[part]);
        }
      }
#pragma GCC unroll 4
      for (long part = 0; part < kParts; ++part) {
#pragma GCC unroll 8
        for (int m = 0; m < rows; ++m) {
          Ops::store(out + m * stride + first_row + part * Ops::kLanes, totals[part][m]);
        }
      }
    }
  }
};

// The register-only peak (matmul_panels.h): chains enough to hide the latency, weights and
// activations of one. The asm keeps the compiler from adding up all passes at once.
template <class Ops>
struct PeakKernel {
  static constexpr int kChains = 10;
  static constexpr double kOpsPerPass = 2.0 * 4 * Ops::kLanes * kChains;

  static std::int32_t run(std::uint64_t passes) {
    typename Ops::Ints sums[kChains], ones = Ops::broadcast(0x01010101);
    const typename Ops::Ints values = ones;
#pragma GCC unroll 10
    for (int c = 0; c < kChains; ++c) sums[c] = Ops::broadcast(0);
    for (std::uint64_t pass = 0; pass < passes; ++pass) {
#pragma GCC unroll 10
      for (int c = 0; c < kChains; ++c) {
        asm volatile("" : "+x"(ones));
        sums[c] = Ops::peak_step(sums[c], ones, values);
      }
    }
#pragma GCC unroll 10
    for (int c = 1; c < kChains; ++c) sums[0] = Ops::add(sums[0], sums[c]);
    alignas(64) std::int32_t lanes[16];
    std::memcpy(lanes, &sums[0], sizeof sums[0]);
    return lanes[0];
  }
};
