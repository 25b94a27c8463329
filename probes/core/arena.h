// Page-typed buffers. What was really obtained is read back from /proc/self/smaps after first
// touch: asking for huge pages proves nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mb {

enum class PageKind { k4KiB, kTransparentHuge, kHugetlb2MiB, kHugetlb1GiB };
std::string_view to_string(PageKind kind);              // 4k thp hugetlb_2m hugetlb_1g
PageKind page_kind_from_string(std::string_view text);  // throws Error(kUsage)

// Anonymous private memory, not touched yet, 2 MiB aligned. Movable, freed by its destructor.
class Buffer {
 public:
  Buffer() = default;
  // Throws Error(kNoResource) naming size and page kind when the kernel refuses; thp and 4k set
  // madvise so that the other kind is not given by accident.
  Buffer(std::size_t bytes, PageKind kind);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  // After touching: the kind that holds at least 90 % of the pages; "mixed" shows in huge_share().
  PageKind obtained() const;
  // Share of the touched bytes on pages larger than 4 KiB, 0..1; nullopt where smaps is missing.
  std::optional<double> huge_share() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0, mapped_bytes_ = 0;
  PageKind wanted_ = PageKind::k4KiB;
};

}  // namespace mb
