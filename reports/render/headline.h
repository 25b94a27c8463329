// The few points that stand for a machine in a summary. Only chosen here, never worked out.
#pragma once
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include "data/documents/results.h"

namespace mb {

using Wanted = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// The usable point of `probe` whose word parameters equal `wanted`, with exactly `threads`, or the
// most of them when absent; nullptr when there is none.
const Point* find_point(const Results& results, std::string_view probe, Wanted wanted,
                        std::optional<int> threads = std::nullopt);

struct Headline {
  const Point *read_one = nullptr, *read_all = nullptr;        // DRAM, huge pages where measured
  const Point *read_one_4k = nullptr, *read_all_4k = nullptr;  // DRAM, 4 KiB pages
  const Point *spin = nullptr, *futex = nullptr, *openmp = nullptr;  // one barrier, most threads
  const Point* matmul = nullptr;                                     // most threads, most rows
};
Headline headline(const Results& results);

std::int64_t threads_of(const Point& point);

}  // namespace mb
