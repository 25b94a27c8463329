// smaps is a list of mappings by rising address: a header line "begin-end perms ...", then fields
// "Name: N kB". Reading stops behind the range, since each mapping costs a page-table walk.
#include "probes/core/smaps.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "probes/core/host_text.h"

namespace mb {
namespace {

struct Range {
  std::uint64_t begin = 0, end = 0;
};

std::optional<Range> parse_header(std::string_view line) {
  Range range;
  const auto first = std::from_chars(line.data(), line.data() + line.size(), range.begin, 16);
  if (first.ec != std::errc() || first.ptr == line.data() + line.size() || *first.ptr != '-') {
    return std::nullopt;
  }
  const auto second = std::from_chars(first.ptr + 1, line.data() + line.size(), range.end, 16);
  if (second.ec != std::errc() || second.ptr == line.data() + line.size() || *second.ptr != ' ') {
    return std::nullopt;
  }
  return range;
}

void add_field(MappedPages& pages, std::string_view line) {
  const auto words = split_words(line);
  if (words.size() != 3 || words[2] != "kB") return;
  const std::int64_t bytes = parse_number(words[1]).value_or(0) * 1024;
  if (words[0] == "Rss:") pages.resident_bytes += bytes;
  if (words[0] == "AnonHugePages:") pages.huge_bytes += bytes;
  // hugetlb pages are not part of Rss
  if (words[0] == "Private_Hugetlb:" || words[0] == "Shared_Hugetlb:") {
    pages.resident_bytes += bytes;
    pages.huge_bytes += bytes;
  }
  if (words[0] == "KernelPageSize:") {
    pages.kernel_page_bytes = std::max(pages.kernel_page_bytes, bytes);
  }
}

}  // namespace

std::optional<MappedPages> read_mapped_pages(std::istream& smaps, std::uint64_t begin,
                                             std::uint64_t end) {
  MappedPages pages;
  bool inside = false, found = false;
  for (std::string line; std::getline(smaps, line);) {
    if (const auto range = parse_header(line)) {
      if (range->begin >= end) break;
      inside = range->end > begin;
      found = found || inside;
    } else if (inside) {
      add_field(pages, line);
    }
  }
  return found ? std::optional(pages) : std::nullopt;
}

}  // namespace mb
