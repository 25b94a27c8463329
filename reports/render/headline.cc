// See headline.h.
#include "reports/render/headline.h"

#include <cmath>

namespace mb {

std::int64_t threads_of(const Point& point) { return point.parameters.number_or("threads", 1); }

const Point* find_point(const Results& results, std::string_view probe, Wanted wanted,
                        std::optional<int> threads) {
  const Point* found = nullptr;
  for (const Point* point : results.of_probe(probe)) {
    if (point->summary.count == 0 || point->verdict.validity >= Validity::kInvalid ||
        !std::isfinite(point->summary.median) || point->parameters.has("working_set_bytes")) {
      continue;
    }
    bool same = !threads || threads_of(*point) == *threads;
    for (const auto& [key, value] : wanted) {
      same = same && point->parameters.text_or(key, "") == value;
    }
    const auto size = [](const Point& p) {
      return std::pair(threads_of(p), p.parameters.number_or("rows", 0));
    };
    if (same && (found == nullptr || size(*point) > size(*found))) found = point;
  }
  return found;
}

Headline headline(const Results& results) {
  const auto read = [&results](std::string_view page, std::optional<int> threads) {
    return find_point(results, "stream_bandwidth",
                      {{"operation", "read"}, {"level", "dram"}, {"page", page}}, threads);
  };
  // Of the teams within the budget the largest; a barrier of one thread costs nothing and an
  // oversubscribed one is another story.
  const auto barrier = [&results](std::string_view sync) -> const Point* {
    for (int threads = results.machine.limits.effective_cpus; threads > 1; --threads) {
      const Point* point = find_point(results, "dispatch_overhead",
                                      {{"operation", "barrier"}, {"sync", sync}}, threads);
      if (point != nullptr) return point;
    }
    return nullptr;
  };
  Headline line;
  line.read_one_4k = read("4k", 1);
  line.read_all_4k = read("4k", {});
  line.read_one = read("thp", 1);
  line.read_all = read("thp", {});
  line.spin = barrier("spin");
  line.futex = barrier("futex");
  line.openmp = barrier("openmp");
  line.matmul = find_point(results, "matmul_throughput", {{"operation", "matmul"}});
  return line;
}

}  // namespace mb
