// A mapping per buffer. Its writable part is fenced by an inaccessible page on both sides, so that
// the kernel never merges it with a neighbour and smaps tells of this buffer alone; an overrun
// faults at once. Hugetlb mappings are never merged and need no fence (their pools are too dear).
#include "probes/core/arena.h"

#include <fmt/format.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "data/error.h"
#include "probes/core/sizes.h"
#include "probes/core/smaps.h"

namespace mb {
namespace {

constexpr std::size_t kAlignment =
    2 * kMiB;                       // of a transparent huge page on x86 and 4 KiB-page Arm
constexpr double kMostPages = 0.9;  // the share that names a buffer's page kind

bool is_hugetlb(PageKind kind) {
  return kind == PageKind::kHugetlb2MiB || kind == PageKind::kHugetlb1GiB;
}

std::size_t page_bytes(PageKind kind) {
  switch (kind) {
    case PageKind::k4KiB:
      return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    case PageKind::kTransparentHuge:
    case PageKind::kHugetlb2MiB:
      return 2 * kMiB;
    case PageKind::kHugetlb1GiB:
      return 1024 * kMiB;
  }
  return kAlignment;
}

[[noreturn]] void refuse(std::size_t bytes, PageKind kind, int error) {
  const std::string remedy =
      is_hugetlb(kind)
          ? fmt::format("echo {} | sudo tee /sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages",
                        (bytes + page_bytes(kind) - 1) / page_bytes(kind), page_bytes(kind) / 1024)
          : "use a smaller buffer or raise the memory limit";
  throw Error(ErrorCode::kNoResource,
              fmt::format("{:.1f} MiB of {} pages: the kernel refuses ({}); {}",
                          static_cast<double>(bytes) / static_cast<double>(kMiB), to_string(kind),
                          std::strerror(error), remedy));
}

std::byte* map_hugetlb(std::size_t mapped, std::size_t bytes, PageKind kind) {
  const int size_flag = kind == PageKind::kHugetlb2MiB ? MAP_HUGE_2MB : MAP_HUGE_1GB;
  void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size_flag, -1, 0);
  if (memory == MAP_FAILED) refuse(bytes, kind, errno);
  return static_cast<std::byte*>(memory);
}

// Reserves room for alignment and both fences, gives back what is outside, opens the middle.
std::byte* map_fenced(std::size_t mapped, std::size_t bytes, PageKind kind) {
  const std::size_t fence = page_bytes(PageKind::k4KiB);
  const std::size_t reserved = mapped + kAlignment + 2 * fence;
  void* memory = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) refuse(bytes, kind, errno);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t data = (begin + fence + kAlignment - 1) / kAlignment * kAlignment;
  const std::uintptr_t end = begin + reserved, fenced_end = data + mapped + fence;
  if (data - fence > begin) munmap(memory, data - fence - begin);
  if (end > fenced_end) munmap(reinterpret_cast<void*>(fenced_end), end - fenced_end);
  if (mprotect(reinterpret_cast<void*>(data), mapped, PROT_READ | PROT_WRITE) != 0) {
    const int error = errno;
    munmap(reinterpret_cast<void*>(data - fence), mapped + 2 * fence);
    refuse(bytes, kind, error);
  }
  // EINVAL on a kernel without transparent huge pages: then there is nothing to ask or to refuse.
  madvise(reinterpret_cast<void*>(data), mapped,
          kind == PageKind::kTransparentHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return reinterpret_cast<std::byte*>(data);
}

std::optional<MappedPages> pages_of(const std::byte* data, std::size_t bytes) {
  std::ifstream smaps("/proc/self/smaps");
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  return read_mapped_pages(smaps, begin, begin + bytes);
}

double huge_share_of(const MappedPages& pages) {
  if (pages.resident_bytes == 0) return 0;
  return static_cast<double>(pages.huge_bytes) / static_cast<double>(pages.resident_bytes);
}

}  // namespace

std::string_view to_string(PageKind kind) {
  switch (kind) {
    case PageKind::k4KiB:
      return "4k";
    case PageKind::kTransparentHuge:
      return "thp";
    case PageKind::kHugetlb2MiB:
      return "hugetlb_2m";
    case PageKind::kHugetlb1GiB:
      return "hugetlb_1g";
  }
  return "4k";
}

PageKind page_kind_from_string(std::string_view text) {
  for (const PageKind kind : {PageKind::k4KiB, PageKind::kTransparentHuge, PageKind::kHugetlb2MiB,
                              PageKind::kHugetlb1GiB}) {
    if (text == to_string(kind)) return kind;
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("page kind '{}': expected 4k, thp, hugetlb_2m or hugetlb_1g", text));
}

Buffer::Buffer(std::size_t bytes, PageKind kind) : bytes_(bytes), wanted_(kind) {
  if (bytes == 0) return;
  const std::size_t page = page_bytes(kind);
  // Half the address space: no machine has it, and rounding cannot overflow below it.
  if (bytes > SIZE_MAX / 2) refuse(bytes, kind, ENOMEM);
  mapped_bytes_ = (bytes + page - 1) / page * page;
  data_ = is_hugetlb(kind) ? map_hugetlb(mapped_bytes_, bytes, kind)
                           : map_fenced(mapped_bytes_, bytes, kind);
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  const std::size_t fence = is_hugetlb(wanted_) ? 0 : page_bytes(PageKind::k4KiB);
  munmap(data_ - fence, mapped_bytes_ + 2 * fence);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)),
      wanted_(other.wanted_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  std::swap(wanted_, other.wanted_);
  return *this;
}

PageKind Buffer::obtained() const {
  const auto pages = pages_of(data_, mapped_bytes_);
  if (!pages) return PageKind::k4KiB;
  if (is_hugetlb(wanted_)) {
    return pages->kernel_page_bytes >= static_cast<std::int64_t>(1024 * kMiB)
               ? PageKind::kHugetlb1GiB
               : PageKind::kHugetlb2MiB;
  }
  return huge_share_of(*pages) >= kMostPages ? PageKind::kTransparentHuge : PageKind::k4KiB;
}

std::optional<double> Buffer::huge_share() const {
  const auto pages = pages_of(data_, mapped_bytes_);
  if (!pages) return std::nullopt;
  return huge_share_of(*pages);
}

}  // namespace mb
