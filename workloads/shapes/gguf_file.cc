// One pass over the header through a small window; fixed-size arrays are skipped by position.
#include "workloads/shapes/gguf_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <set>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/gguf_format.h"

namespace mb {
namespace {

// Largest seen in published files: 1,100 tensors (45,000 with experts one by one), 60 pairs, 30 MB
// of header (vocabularies of 260,000 words with merges).
constexpr std::uint64_t kMostTensors = 1u << 16, kMostPairs = 4096;
constexpr std::uint64_t kMostHeaderBytes = 64u << 20;
constexpr std::size_t kMostKeyBytes = 256, kMostTextKept = 1024, kMostNumbersKept = 1024;
constexpr std::int64_t kMostExtent = std::int64_t{1} << 40;
constexpr int kMostArrayNesting = 4;

// 0: not of fixed size.
std::uint64_t size_of(std::uint32_t type) {
  constexpr std::uint64_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

class HeaderReader {
 public:
  explicit HeaderReader(const std::filesystem::path& path) : path_(path) {
    // O_NONBLOCK: a FIFO in the place of a file must not hang us.
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd_ < 0) fail(path, fmt::format("cannot open: {}; see the path", std::strerror(errno)));
    struct stat status {};
    if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(fd_);
      fail(path, "no regular file; name a .gguf file");
    }
    file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~HeaderReader() { ::close(fd_); }
  HeaderReader(const HeaderReader&) = delete;
  HeaderReader& operator=(const HeaderReader&) = delete;

  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t position() const { return window_start_ + used_; }
  std::uint64_t left() const { return file_bytes_ - std::min(position(), file_bytes_); }
  // What is being read, for the messages.
  void at(std::string what) { what_ = std::move(what); }

  template <class T>
  T read() {
    T value;
    copy(reinterpret_cast<char*>(&value), sizeof(T));
    return value;
  }
  std::string text(std::uint64_t bytes) {
    std::string out(static_cast<std::size_t>(bytes), '\0');
    copy(out.data(), out.size());
    return out;
  }
  // A string of at most `most` bytes.
  std::string name(std::size_t most) {
    const auto bytes = read<std::uint64_t>();
    require(bytes);
    if (bytes > most) {
      fail(path_, fmt::format("{} is {} bytes long, at most {} are expected; the file is damaged",
                              what_, bytes, most));
    }
    return text(bytes);
  }
  void skip(std::uint64_t bytes) {
    require(bytes);
    if (used_ + bytes <= filled_) {
      used_ += static_cast<std::size_t>(bytes);
      return;
    }
    window_start_ = position() + bytes;
    used_ = filled_ = 0;
    check_length();
  }
  void require(std::uint64_t bytes) const {
    if (bytes > left()) cut_off();
  }
  [[noreturn]] void cut_off() const {
    fail(path_, fmt::format("cut off: {} at byte {} goes beyond the file's {} bytes; download it "
                            "again",
                            what_, position(), file_bytes_));
  }

 private:
  void check_length() const {
    if (position() > kMostHeaderBytes) {
      fail(path_, fmt::format("{}: the header is longer than {} MiB, no known model's is; the file "
                              "is damaged",
                              what_, kMostHeaderBytes >> 20));
    }
  }
  void copy(char* out, std::size_t bytes) {
    require(bytes);
    while (bytes > 0) {
      if (used_ == filled_) fill();
      const std::size_t part = std::min(bytes, filled_ - used_);
      std::memcpy(out, window_.data() + used_, part);
      used_ += part;
      out += part;
      bytes -= part;
    }
  }
  void fill() {
    window_start_ += used_;
    used_ = filled_ = 0;
    check_length();
    ssize_t got;
    do {
      got = ::pread(fd_, window_.data(), window_.size(), static_cast<off_t>(window_start_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) fail(path_, fmt::format("cannot read: {}", std::strerror(errno)));
    if (got == 0) cut_off();  // it became shorter meanwhile
    filled_ = static_cast<std::size_t>(got);
  }

  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t file_bytes_ = 0, window_start_ = 0;
  std::size_t used_ = 0, filled_ = 0;
  std::array<char, 1 << 16> window_;
  std::string what_ = "the header";
};

// Well-formed UTF-8 (no overlong forms, surrogates or values above U+10FFFF).
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned first = byte(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    const unsigned second = byte(i + 1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += length;
  }
  return true;
}

class Parser {
 public:
  explicit Parser(const std::filesystem::path& path) : in_(path) { file_.path = path; }

  GgufFile parse() {
    file_.file_bytes = in_.file_bytes();
    const auto [tensors, pairs] = preamble();
    for (std::uint64_t i = 0; i < pairs; ++i) pair(i);
    find_alignment();
    for (std::uint64_t i = 0; i < tensors; ++i) tensor(i);
    const std::uint64_t end = in_.position();
    file_.data_start = (end + file_.alignment - 1) / file_.alignment * file_.alignment;
    check_ranges();
    return std::move(file_);
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    fail(file_.path, what + "; the file is damaged: download it again");
  }

  std::pair<std::uint64_t, std::uint64_t> preamble() {
    in_.at("the magic number");
    if (in_.left() == 0) fail(file_.path, "the file is empty; download it again");
    if (in_.read<std::uint32_t>() != 0x46554747u) {  // "GGUF"
      fail(file_.path, "does not start with GGUF, so it is no GGUF file; name another");
    }
    in_.at("the version");
    file_.version = in_.read<std::uint32_t>();
    if (file_.version != 0 && (file_.version & 0xFFFF) == 0) {
      fail(file_.path,
           "is a big-endian GGUF file, which is not supported; convert it to little-endian "
           "(gguf-py's gguf_convert_endian)");
    }
    if (file_.version != 2 && file_.version != 3) {
      fail(file_.path, fmt::format("GGUF version {}, versions 2 and 3 can be read; convert it with "
                                   "a current llama.cpp",
                                   file_.version));
    }
    in_.at("the counts of tensors and pairs");
    const auto tensors = in_.read<std::uint64_t>();
    const auto pairs = in_.read<std::uint64_t>();
    if (tensors > kMostTensors) {
      damaged(fmt::format("claims {} tensors, at most {} are expected", tensors, kMostTensors));
    }
    if (pairs > kMostPairs) {
      damaged(fmt::format("claims {} key-value pairs, at most {} are expected", pairs, kMostPairs));
    }
    return {tensors, pairs};
  }

  void pair(std::uint64_t index) {
    in_.at(fmt::format("the key of pair {}", index));
    std::string key = in_.name(kMostKeyBytes);
    if (key.empty() || !is_utf8(key)) {
      damaged(fmt::format("the key of pair {} is {}", index,
                          key.empty() ? "empty" : "not UTF-8: " + printable(key)));
    }
    in_.at(fmt::format("the value of {}", printable(key)));
    const auto type = in_.read<std::uint32_t>();
    GgufValue value = this->value(key, type);
    if (!file_.metadata.emplace(key, std::move(value)).second) {
      damaged(fmt::format("the key {} stands twice", printable(key)));
    }
  }

  GgufValue value(const std::string& key, std::uint32_t type) {
    switch (type) {
      case kString: {
        const auto bytes = in_.read<std::uint64_t>();
        in_.require(bytes);
        if (bytes <= kMostTextKept) return in_.text(bytes);
        in_.skip(bytes);
        return std::string();
      }
      case kArray:
        return array(key, 0);
      case kFloat32:
        return static_cast<double>(in_.read<float>());
      case kFloat64:
        return in_.read<double>();
      case kBool:
        return in_.read<std::uint8_t>() != 0;
      default:
        if (size_of(type) == 0) {
          damaged(fmt::format("the value of {} is of the unknown type {}", printable(key), type));
        }
        return whole(type);
    }
  }

  // Of an integer type; beyond the signed range a number counts as the largest.
  std::int64_t whole(std::uint32_t type) {
    switch (type) {
      case kUint8:
      case kBool:
        return in_.read<std::uint8_t>();
      case kInt8:
        return in_.read<std::int8_t>();
      case kUint16:
        return in_.read<std::uint16_t>();
      case kInt16:
        return in_.read<std::int16_t>();
      case kUint32:
        return in_.read<std::uint32_t>();
      case kInt32:
        return in_.read<std::int32_t>();
      case kUint64:
        return static_cast<std::int64_t>(
            std::min<std::uint64_t>(in_.read<std::uint64_t>(), std::uint64_t{INT64_MAX}));
      default:
        return in_.read<std::int64_t>();
    }
  }

  GgufArray array(const std::string& key, int nesting) {
    const auto type = in_.read<std::uint32_t>();
    const auto count = in_.read<std::uint64_t>();
    GgufArray made{count, {}};
    const std::uint64_t least = type == kArray ? 12 : type == kString ? 8 : size_of(type);
    if (least == 0) {
      damaged(fmt::format("the array {} is of the unknown type {}", printable(key), type));
    }
    if (count > in_.left() / least) in_.cut_off();
    if (type == kArray) {
      if (nesting >= kMostArrayNesting) {
        damaged(fmt::format("the array {} is nested more than {} deep", printable(key),
                            kMostArrayNesting));
      }
      for (std::uint64_t i = 0; i < count; ++i) array(key, nesting + 1);
    } else if (type == kString) {
      for (std::uint64_t i = 0; i < count; ++i) in_.skip(in_.read<std::uint64_t>());
    } else if (type == kFloat32 || type == kFloat64 || count > kMostNumbersKept || nesting > 0) {
      in_.skip(count * least);
    } else {
      for (std::uint64_t i = 0; i < count; ++i) made.numbers.push_back(whole(type));
    }
    return made;
  }

  void find_alignment() {
    const auto alignment = file_.number("general.alignment").value_or(32);
    if (alignment < 1 || alignment > (1 << 20) ||
        !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
      damaged(fmt::format("general.alignment is {}, expected a power of two", alignment));
    }
    file_.alignment = static_cast<std::uint64_t>(alignment);
  }

  void tensor(std::uint64_t index) {
    in_.at(fmt::format("the name of tensor {}", index));
    GgufTensor tensor;
    tensor.name = in_.name(kMostKeyBytes);
    if (tensor.name.empty() || !is_utf8(tensor.name)) {
      damaged(fmt::format("the name of tensor {} is {}", index,
                          tensor.name.empty() ? "empty" : "not UTF-8: " + printable(tensor.name)));
    }
    if (!names_.insert(tensor.name).second) {
      damaged(fmt::format("the tensor {} stands twice", printable(tensor.name)));
    }
    in_.at(fmt::format("the entry of tensor {}", printable(tensor.name)));
    const auto dimensions = in_.read<std::uint32_t>();
    if (dimensions < 1 || dimensions > tensor.extents.size()) {
      damaged(fmt::format("the tensor {} has {} dimensions, expected 1 to {}",
                          printable(tensor.name), dimensions, tensor.extents.size()));
    }
    tensor.dimensions = static_cast<int>(dimensions);
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto extent = in_.read<std::uint64_t>();
      if (extent < 1 || extent > static_cast<std::uint64_t>(kMostExtent)) {
        damaged(fmt::format("the tensor {} has {} elements along dimension {}",
                            printable(tensor.name), extent, i));
      }
      tensor.extents[i] = static_cast<std::int64_t>(extent);
    }
    find_size(tensor, in_.read<std::uint32_t>());
    tensor.offset = in_.read<std::uint64_t>();
    file_.tensors.push_back(std::move(tensor));
  }

  void find_size(GgufTensor& tensor, std::uint32_t number) {
    const auto type = weight_type_of_gguf(number);
    if (!type) {
      fail(file_.path,
           fmt::format("the tensor {} is of type {}, which this program does not know; the file is "
                       "damaged or newer than this program",
                       printable(tensor.name), number));
    }
    tensor.type = *type;
    const Block block = block_of(*type);
    if (tensor.extents[0] % block.weights != 0) {
      damaged(fmt::format("the tensor {} has rows of {}, no multiple of the {} of {}",
                          printable(tensor.name), tensor.extents[0], block.weights,
                          to_string(*type)));
    }
    std::int64_t bytes = tensor.extents[0] / block.weights;
    bool fits = true;
    for (const std::int64_t factor :
         {block.bytes, tensor.extents[1], tensor.extents[2], tensor.extents[3]}) {
      fits = fits && !__builtin_mul_overflow(bytes, factor, &bytes);
    }
    if (!fits) damaged(fmt::format("the tensor {} is absurdly large", printable(tensor.name)));
    tensor.bytes = bytes;
  }

  void check_ranges() const {
    std::vector<const GgufTensor*> order;
    for (const GgufTensor& tensor : file_.tensors) order.push_back(&tensor);
    std::ranges::sort(order, {}, &GgufTensor::offset);
    std::uint64_t end = 0;
    const GgufTensor* before = nullptr;
    const std::uint64_t room = file_.file_bytes - std::min(file_.file_bytes, file_.data_start);
    for (const GgufTensor* tensor : order) {
      if (tensor->offset % file_.alignment != 0) {
        damaged(fmt::format("the tensor {} starts at {}, no multiple of the alignment {}",
                            printable(tensor->name), tensor->offset, file_.alignment));
      }
      if (before != nullptr && tensor->offset < end) {
        damaged(fmt::format("the tensors {} and {} overlap", printable(before->name),
                            printable(tensor->name)));
      }
      const auto bytes = static_cast<std::uint64_t>(tensor->bytes);
      if (bytes > room || tensor->offset > room - bytes) {
        fail(
            file_.path,
            fmt::format("cut off: the tensor {} ends beyond the file's {} bytes; download it again",
                        printable(tensor->name), file_.file_bytes));
      }
      end = tensor->offset + bytes;
      before = tensor;
    }
  }

  HeaderReader in_;
  GgufFile file_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace

void fail(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorCode::kFailure, fmt::format("{}: {}", printable(path.string(), 4096), what));
}

std::string printable(std::string_view text, std::size_t most_bytes) {
  std::string out;
  for (const char c : text.substr(0, most_bytes)) out += c >= ' ' && c <= '~' ? c : '?';
  if (text.size() > most_bytes) out += "...";
  return out;
}

std::optional<std::int64_t> GgufFile::number(std::string_view key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  if (const auto* value = std::get_if<std::int64_t>(&found->second)) return *value;
  fail(path, fmt::format("{} is no whole number; the file is damaged", printable(key)));
}

std::optional<double> GgufFile::real(std::string_view key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  if (const auto* value = std::get_if<double>(&found->second)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&found->second)) {
    return static_cast<double>(*value);
  }
  fail(path, fmt::format("{} is no number; the file is damaged", printable(key)));
}

std::optional<std::string> GgufFile::text(std::string_view key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  if (const auto* value = std::get_if<std::string>(&found->second)) return *value;
  fail(path, fmt::format("{} is no text; the file is damaged", printable(key)));
}

const GgufArray* GgufFile::array(std::string_view key) const {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : std::get_if<GgufArray>(&found->second);
}

GgufFile read_gguf(const std::filesystem::path& path) { return Parser(path).parse(); }

}  // namespace mb
