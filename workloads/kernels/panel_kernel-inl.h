// The panel kernel over byte products, for any vector width that `Ops` gives. Weights are unsigned
// in the instruction: q4_0 and q6_k are stored so; q8_0 is flipped by its sign bit, unless
// Ops::kSignedWeights says that Ops::dot_rows unpacks and deals with signs itself. Each block's sum
// starts from what the offset will make too much, offset * sum(activations).
//
// Included inside a file-local namespace: no include guard by intent.

template <class Ops>
struct PanelKernel {
  static constexpr int kRows = Ops::kRowBlock;
  static constexpr int kPanels = Ops::kPanelBlock;  // at once, where there are rows enough
  using Ints = typename Ops::Ints;
  using Floats = typename Ops::Floats;

  // What the integers that meet activations are above those meant; 128 where it can be had for
  // nothing, since sums of activations are stored so (quantise.h).
  template <PanelType type>
  static constexpr int kOffset = type == PanelType::kQ8_0   ? (Ops::kSignedWeights ? 0 : 128)
                                 : type == PanelType::kQ4_0 ? (Ops::kSignedWeights ? 8 : 128)
                                 : type == PanelType::kQ6_K ? 32
                                                            : 0;
  // How many of them one integer of the format is.
  template <PanelType type>
  static constexpr int kUnit = type == PanelType::kQ4_0 && !Ops::kSignedWeights ? 16 : 1;

  // Group g of a block as unsigned bytes; q4_0's nibbles are left in the upper half.
  template <PanelType type>
  static inline Ints group(const std::byte* at, int g) {
    if constexpr (type == PanelType::kQ8_0) {
      return Ops::flip_signs(Ops::load(at + g * 64));
    } else if constexpr (type == PanelType::kQ4_0) {
      const Ints both = Ops::load(at + g % 4 * 64);
      return g < 4 ? Ops::low_nibbles_raised(both) : Ops::high_nibbles_raised(both);
    } else {
      const Ints both = Ops::load(at + g % 4 * 64);
      const Ints nibbles = g < 4 ? Ops::low_nibbles(both) : Ops::high_nibbles(both);
      if constexpr (type == PanelType::kQ4_K) return nibbles;
      const Ints pairs = Ops::load(at + 256 + g / 4 * 64);
      switch (g % 4) {
        case 0:
          return Ops::join(nibbles, Ops::template upper_bits<0>(pairs));
        case 1:
          return Ops::join(nibbles, Ops::template upper_bits<1>(pairs));
        case 2:
          return Ops::join(nibbles, Ops::template upper_bits<2>(pairs));
        default:
          return Ops::join(nibbles, Ops::template upper_bits<3>(pairs));
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

  // The scales of eight blocks: q6_k's two of each block side by side; of q4_k all scales, then all
  // minima.
  using Decoded = Floats[2 * kSuperBlocks];
  template <PanelType type>
  static inline void decode_scales(const std::byte* scales, long first_row, Decoded& decoded) {
    const long bytes = super_scale_bytes(type);
    const Floats unit = Ops::load_halves(scales + bytes - kHalvesBytes + first_row * 2);
    if constexpr (type == PanelType::kQ6_K) {
#pragma GCC unroll 16
      for (long i = 0; i < 2 * kSuperBlocks; ++i) {
        decoded[i] = Ops::multiply(Ops::load_small(scales + i * kPanelRows + first_row), unit);
      }
    } else {
      const Floats first = Ops::load_halves(scales + bytes - 2 * kHalvesBytes + first_row * 2);
#pragma GCC unroll 8
      for (long j = 0; j < kSuperBlocks; ++j) {
        decoded[j] = Ops::multiply(six_bits(scales + first_row, j, false), first);
        decoded[kSuperBlocks + j] = Ops::multiply(six_bits(scales + first_row, j, true), unit);
      }
    }
  }

  static inline Ints four(const std::int8_t* x) {
    int bits;
    std::memcpy(&bits, x, 4);
    return Ops::broadcast(bits);
  }

  // Adds the products of groups [first, last). Group by group, so that sums and not groups stay in
  // registers. A single sum goes in four chains, since there is nothing else to overlap.
  template <PanelType type, int first, int last, int panels, int rows>
  static inline void dot_groups(const std::byte* const (&at)[panels], const std::int8_t* x,
                                long columns, Ints (&sums)[panels][rows]) {
    Ints chains[4] = {sums[0][0], Ops::broadcast(0), Ops::broadcast(0), Ops::broadcast(0)};
#pragma GCC unroll 8
    for (int g = first; g < last; ++g) {
      Ints weights[panels];
#pragma GCC unroll 2
      for (int p = 0; p < panels; ++p) weights[p] = group<type>(at[p], g);
#pragma GCC unroll 8
      for (int m = 0; m < rows; ++m) {
        const Ints values = four(x + m * columns + g * 4);
#pragma GCC unroll 2
        for (int p = 0; p < panels; ++p) {
          Ints& sum = panels * rows == 1 ? chains[g % 4] : sums[p][m];
          sum = Ops::dot(sum, weights[p], values);
        }
      }
    }
    if constexpr (panels * rows == 1) {
      sums[0][0] = Ops::add(Ops::add(chains[0], chains[1]), Ops::add(chains[2], chains[3]));
    }
  }

  // The integer sums of one block, or of half of it, for every panel and activation row.
  template <PanelType type, int halves, int half, int panels, int rows>
  static inline void dot_block(const std::byte* const (&at)[panels], const QuantisedRows& x,
                               long block, Ints (&dots)[panels][rows]) {
    constexpr int kFirst = half * 4, kLast = halves == 1 ? 8 : kFirst + 4;
#pragma GCC unroll 8
    for (int m = 0; m < rows; ++m) {
      const std::int32_t* sums = x.sums + (m * (x.columns / kBlockColumns) + block) * 2;
      std::int32_t start = halves == 1 ? sums[0] : half == 1 ? sums[1] : sums[0] - sums[1];
      if constexpr (kOffset<type> != -kSumFactor) start = (start * kOffset<type>) >> kSumShift;
#pragma GCC unroll 2
      for (int p = 0; p < panels; ++p) dots[p][m] = Ops::broadcast(start);
    }
    const std::int8_t* values = x.values + block * kBlockColumns;
    if constexpr (Ops::kSignedWeights) {
      Ops::template dot_rows<type, kFirst, kLast>(at[0], values, x.columns, dots[0]);
    } else {
      dot_groups<type, kFirst, kLast>(at, values, x.columns, dots);
    }
  }

  // Adds one block, or half of it, of each panel for every activation row. Scales that lie behind
  // the block's values are loaded last: lines out of order cost the hardware's prefetcher the
  // stream (DECISIONS.md 78).
  template <PanelType type, int halves, int half, int panels, int rows>
  static inline void add_products(const std::byte* const (&panel)[panels], long block,
                                  long first_row, const QuantisedRows& x,
                                  const Decoded (&decoded)[panels],
                                  Floats (&totals)[panels][rows]) {
    const long blocks = x.columns / kBlockColumns, j = block % kSuperBlocks;
    const std::byte* at[panels];
#pragma GCC unroll 2
    for (int p = 0; p < panels; ++p) at[p] = panel[p] + values_at(type, block) + first_row * 4;
    Ints dots[panels][rows];
    dot_block<type, halves, half>(at, x, block, dots);
#pragma GCC unroll 2
    for (int p = 0; p < panels; ++p) {
      Floats scales;
      if constexpr (has_super_blocks(type)) {
        scales = decoded[p][j * halves + half];
      } else {
        scales = Ops::load_halves(panel[p] + scales_at(type, block) + first_row * 2);
      }
#pragma GCC unroll 8
      for (int m = 0; m < rows; ++m) {
        const float scale = x.scales[m * blocks + block];
        totals[p][m] = Ops::add_product(dots[p][m], Ops::multiply(scales, Ops::broadcast(scale)),
                                        totals[p][m]);
        if constexpr (type == PanelType::kQ4_K) {
          const auto sum = static_cast<float>(x.sums[(m * blocks + block) * 2]);
          totals[p][m] =
              Ops::add_product(decoded[p][kSuperBlocks + j],
                               Ops::broadcast(scale * (sum * (1.0F / -kSumFactor))), totals[p][m]);
        }
      }
    }
  }

  // All blocks of rows [first_row, first_row + parts * Ops::kLanes) of each panel. Inlined by
  // force: else the totals would go through memory.
  template <PanelType type, int parts, int panels, int rows>
  [[gnu::always_inline]] static inline void add_blocks(const std::byte* const (&panel)[panels],
                                                       long first_row, const QuantisedRows& x,
                                                       Floats (&totals)[parts][panels][rows]) {
    constexpr int kHalves = type == PanelType::kQ6_K ? 2 : 1;  // with scales of their own
    constexpr long kBytes = panel_value_bytes(type);
    constexpr long kAskedAgain = 96;  // scales and the next block's first line (DECISIONS 113)
    Decoded decoded[parts][panels];
    const ReadAhead& ahead = read_ahead();
    for (long block = 0; block < x.columns / kBlockColumns; ++block) {
      if constexpr (rows == 1) {
        const std::byte* later = panel[0] + values_at(type, block) + ahead.panel_bytes;
        if (ahead.every_line) {
          ask_for<kBytes + kAskedAgain, ReadAhead::kLine>(later);
        } else {
          ask_for<kBytes, 2 * ReadAhead::kLine>(later);
        }
      }
      if (has_super_blocks(type) && block % kSuperBlocks == 0) {
        for (int part = 0; part < parts; ++part) {
          for (int p = 0; p < panels; ++p) {
            decode_scales<type>(panel[p] + scales_at(type, block), first_row + part * Ops::kLanes,
                                decoded[part][p]);
          }
        }
      }
#pragma GCC unroll 4
      for (int part = 0; part < parts; ++part) {
        const long row = first_row + part * Ops::kLanes;
        add_products<type, kHalves, 0>(panel, block, row, x, decoded[part], totals[part]);
        if constexpr (kHalves == 2) {
          add_products<type, kHalves, 1>(panel, block, row, x, decoded[part], totals[part]);
        }
      }
    }
  }

  // A vector is a part of the panel's rows. With one activation row all parts of a block are done
  // before the next, so that the panel is one stream; else it comes from a cache, and a part has
  // the registers for itself.
  template <PanelType type, int panels, int rows>
  static inline void multiply(const std::byte* const (&panel)[panels], const QuantisedRows& x,
                              float* out, long stride) {
    constexpr int kParts = rows == 1 ? kPanelRows / Ops::kLanes : 1;
    for (long first_row = 0; first_row < kPanelRows; first_row += kParts * Ops::kLanes) {
      Floats totals[kParts][panels][rows];
#pragma GCC unroll 4
      for (auto& part : totals) {
#pragma GCC unroll 2
        for (auto& of_panel : part) {
#pragma GCC unroll 8
          for (Floats& total : of_panel) total = Ops::zero();
        }
      }
      add_blocks<type>(panel, first_row, x, totals);
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
#pragma GCC unroll 2
        for (int p = 0; p < panels; ++p) {
#pragma GCC unroll 8
          for (int m = 0; m < rows; ++m) {
            Floats total = totals[part][p][m];
            if constexpr (kUnit<type> != 1) {
              total = Ops::multiply(total, Ops::broadcast(1.0F / kUnit<type>));
            }
            Ops::store(out + m * stride + p * kPanelRows + first_row + part * Ops::kLanes, total);
          }
        }
      }
    }
  }

  template <PanelType type, int rows>
  static void run(const std::byte* panel, const QuantisedRows& x, float* out, long stride) {
    const std::byte* const only[] = {panel};
    multiply<type, 1, rows>(only, x, out, stride);
  }
  template <PanelType type>
  static void run_pair(const std::byte* panel, const QuantisedRows& x, float* out, long stride) {
    // Results lie far apart, and stores would wait for their lines.
    for (int m = 0; m < kRows; ++m) {
      for (int p = 0; p < 2; ++p) __builtin_prefetch(out + m * stride + p * kPanelRows, 1);
    }
    const std::byte* next = panel + panel_bytes(type, x.columns);
    // Else GCC adds the distance to every address, and has more of them than registers.
    asm("" : "+r"(next));
    const std::byte* const both[] = {panel, next};
    multiply<type, 2, kRows>(both, x, out, stride);
  }
};

// The register-only peak (matmul_panels.h): chains enough to hide the latency, weights and
// activations of one. The asm keeps the compiler from adding up all passes at once.
template <class Ops>
struct PeakKernel {
  static constexpr int kChains = kPanelPeakChains;
  // Products that the instruction adds to a lane's sum.
  static constexpr double kOpsPerPass = 2.0 * Ops::kPeakProducts * Ops::kLanes * kChains;

  static std::int32_t run(std::uint64_t passes) {
    typename Ops::Ints sums[kChains], ones = Ops::broadcast(0x01010101);
    const typename Ops::Ints values = ones;
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) sums[c] = Ops::broadcast(0);
    for (std::uint64_t pass = 0; pass < passes; ++pass) {
#pragma GCC unroll 16
      for (int c = 0; c < kChains; ++c) {
        asm volatile("" : "+x"(ones));
        sums[c] = Ops::peak_step(sums[c], ones, values);
      }
    }
#pragma GCC unroll 16
    for (int c = 1; c < kChains; ++c) sums[0] = Ops::add(sums[0], sums[c]);
    alignas(64) std::int32_t lanes[16];
    std::memcpy(lanes, &sums[0], sizeof sums[0]);
    return lanes[0];
  }
};
