// The named axes of a measured or planned point, in order: operation, threads, page kind, bytes.
//
// Order is kept because it makes the point's name:
//   stream_bandwidth/read/dram/page:thp/threads:2
// `operation` and `level` stand by their value alone, every other axis as key:value. Whole numbers
// and words only: a point is found again by comparing these exactly, so no floating point.
//
// Axes in use (units last; the same words in C++, JSON, HTML and on the command line):
//   operation            what is done: read, write, copy, barrier, region, matvec, matmul, step ...
//   level                L1 L2 L3 dram
//   path                 shm_bandwidth: read (copy through read()) | mmap
//   page                 4k thp hugetlb_2m hugetlb_1g
//   placement            spread (default, then absent) | compact
//   sync                 spin futex openmp openmp_passive
//   type                 weight type: f32 bf16 f16 q8_0 q4_0;   kv_type: f32 f16
//   model                catalogue name with quantisation, qwen3-4b:q4_0
//   from_pu, to_pu       OS indices of a pair;  rest_percent: of a reader's time (loaded_latency)
//   threads, threads_per_core, rows, positions, prompt_tokens, context_tokens, layers
//   working_set_bytes    bytes one thread goes over;  total_bytes: over all threads
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mb {

class Parameters {
 public:
  using Value = std::variant<std::int64_t, std::string>;
  using Entry = std::pair<std::string, Value>;

  Parameters() = default;
  Parameters(std::initializer_list<Entry> entries) : entries_(entries) {}

  // Sets or replaces; a new key goes last. Returns *this for chaining.
  Parameters& set(std::string_view key, std::int64_t value);
  Parameters& set(std::string_view key, std::string_view value);

  std::optional<std::int64_t> number(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::int64_t number_or(std::string_view key, std::int64_t fallback) const;
  std::string text_or(std::string_view key, std::string_view fallback) const;
  bool has(std::string_view key) const;

  // "probe/operation/level/key:value/..." in the order of the entries.
  std::string name(std::string_view probe) const;

  const std::vector<Entry>& entries() const { return entries_; }
  bool operator==(const Parameters&) const = default;

 private:
  std::vector<Entry> entries_;
};

}  // namespace mb
