// What pages a range of our own memory really lies on, from /proc/self/smaps.
#pragma once
#include <cstdint>
#include <istream>
#include <optional>

namespace mb {

struct MappedPages {
  std::int64_t resident_bytes = 0;     // touched, on pages of any kind
  std::int64_t huge_bytes = 0;         // of these on transparent huge or hugetlb pages
  std::int64_t kernel_page_bytes = 0;  // of the mapping: above 4 KiB only for hugetlb
};

// Sums the mappings that overlap [begin, end); nullopt when none does or the text is not smaps.
std::optional<MappedPages> read_mapped_pages(std::istream& smaps, std::uint64_t begin,
                                             std::uint64_t end);

}  // namespace mb
