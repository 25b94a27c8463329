// Random weights, block by block. A block's scales are set so that its weights spread by about 0.02
// around zero, the rest of it is random bits: any bits are a valid weight, but random scales would
// be infinities and not-a-numbers, on which engines are slow or give up.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/gguf_writer.h"

namespace mb {
namespace {

constexpr std::int64_t kChunkBytes = 4 << 20;
constexpr std::int64_t kAlignment = 32;
constexpr double kSpread = 0.02;  // what initialisers of transformers use

std::uint64_t next_random(std::uint64_t& state) {  // splitmix64 (Vigna)
  std::uint64_t z = (state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// Of a positive or negative number between f16's smallest subnormal and 65504.
std::uint16_t to_f16(double value) {
  const unsigned sign = value < 0 ? 0x8000u : 0;
  const double magnitude = std::abs(value);
  int exponent;
  std::frexp(magnitude, &exponent);  // magnitude = m * 2^exponent, m in [0.5, 1)
  if (exponent < -13) {              // subnormal: units of 2^-24
    return static_cast<std::uint16_t>(sign |
                                      static_cast<unsigned>(std::lround(magnitude * 0x1p24)));
  }
  const auto mantissa = static_cast<unsigned>(std::lround(std::ldexp(magnitude, 11 - exponent)));
  // The mantissa's leading one carries into the exponent, as does a rounding up.
  return static_cast<std::uint16_t>(sign |
                                    ((static_cast<unsigned>(exponent + 13) << 10) + mantissa));
}

// Where a block's f16 scales stand and what makes its weights spread by `kSpread`. `spread` is the
// standard deviation of a weight for scale 1 and random bits; `minimum` is the second scale as a
// multiple of the first, which moves the mean to zero; -1: the block has one only. Layouts as
// published with GGUF.
struct BlockScales {
  WeightType type;
  std::int64_t scale_at, minimum_at;
  double spread, minimum;
};
constexpr BlockScales kScales[] = {
    {WeightType::kQ4_0, 0, -1, 4.6, 0},   {WeightType::kQ4_1, 0, 2, 4.6, -7.5},
    {WeightType::kQ5_0, 0, -1, 9.2, 0},   {WeightType::kQ5_1, 0, 2, 9.2, -15.5},
    {WeightType::kQ8_0, 0, -1, 74, 0},    {WeightType::kQ2_K, 80, 82, 17, 1.5},
    {WeightType::kQ3_K, 108, -1, 42, 0},  {WeightType::kQ4_K, 0, 2, 240, 7.5},
    {WeightType::kQ5_K, 0, 2, 480, 15.5}, {WeightType::kQ6_K, 208, -1, 1360, 0},
    {WeightType::kIQ4_NL, 0, -1, 70, 0},  {WeightType::kIQ4_XS, 0, -1, 1290, 0},
};

void set_scales(WeightType type, char* block) {
  if (type == WeightType::kMXFP4) {
    block[0] = 120;  // 2^-7 for values of 0 to 6 with signs
    return;
  }
  for (const BlockScales& each : kScales) {
    if (each.type != type) continue;
    const double scale = kSpread / each.spread;
    const std::uint16_t first = to_f16(scale), second = to_f16(scale * each.minimum);
    std::memcpy(block + each.scale_at, &first, sizeof first);
    if (each.minimum_at >= 0) std::memcpy(block + each.minimum_at, &second, sizeof second);
    return;
  }
  throw Error(ErrorCode::kNotAvailable,
              fmt::format("random weights of type {} are not offered", to_string(type)));
}

// Uniform in (-sqrt(3) * kSpread, sqrt(3) * kSpread), whose standard deviation is kSpread.
float random_weight(std::uint64_t& state) {
  const auto bits = static_cast<std::int64_t>(next_random(state) >> 40) - (1 << 23);
  return static_cast<float>(static_cast<double>(bits) / (1 << 23) * kSpread * 1.7320508);
}

void fill_numbers(WeightType type, std::uint64_t& state, char* out, std::int64_t bytes) {
  const std::int64_t size = block_of(type).bytes;
  for (std::int64_t at = 0; at < bytes; at += size) {
    const float weight = random_weight(state);
    if (type == WeightType::kF32) {
      std::memcpy(out + at, &weight, sizeof weight);
    } else if (type == WeightType::kF16) {
      const std::uint16_t half = to_f16(weight);
      std::memcpy(out + at, &half, sizeof half);
    } else {  // bf16: the upper half of an f32
      std::memcpy(out + at, reinterpret_cast<const char*>(&weight) + 2, 2);
    }
  }
}

// A file that is removed unless it was finished.
class PartialFile {
 public:
  explicit PartialFile(const std::filesystem::path& file)
      : target_(file), path_(file.string() + fmt::format(".partial-{}", ::getpid())) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) fail("create", errno);
  }
  ~PartialFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!finished_) ::unlink(path_.c_str());
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  void write(const char* data, std::int64_t bytes) {
    while (bytes > 0) {
      const ssize_t put = ::write(fd_, data, static_cast<std::size_t>(bytes));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail("write", errno);
      data += put;
      bytes -= put;
    }
  }
  void finish() {
    if (::close(std::exchange(fd_, -1)) != 0) fail("write", errno);
    // A link fails where the name is taken meanwhile; a rename would overwrite.
    if (::link(path_.c_str(), target_.c_str()) != 0) {
      if (errno == EEXIST || ::rename(path_.c_str(), target_.c_str()) != 0) fail("name", errno);
      finished_ = true;
    }
  }

 private:
  [[noreturn]] void fail(std::string_view doing, int error) const {
    const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    throw Error(full ? ErrorCode::kNoResource : ErrorCode::kFailure,
                fmt::format("{}: cannot {}: {}; {}", target_.string(), doing, std::strerror(error),
                            full ? "free some space or name another folder"
                                 : "see the path and its permissions"));
  }
  std::filesystem::path target_, path_;
  int fd_ = -1;
  bool finished_ = false;
};

void check_room(const std::filesystem::path& file, std::int64_t bytes) {
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} exists; remove it or name another file", file.string()));
  }
  const auto space = std::filesystem::space(folder, error);
  if (error) {
    throw Error(ErrorCode::kFailure, fmt::format("{}: {}; name a folder that is there",
                                                 folder.string(), error.message()));
  }
  if (space.available < static_cast<std::uintmax_t>(bytes)) {
    throw Error(ErrorCode::kNoResource,
                fmt::format("{}: {} bytes are needed, {} are free there; free some space or name "
                            "another folder",
                            file.string(), bytes, space.available));
  }
}

std::int64_t padding(std::int64_t bytes) { return (kAlignment - bytes % kAlignment) % kAlignment; }

void fill(const Tensor& tensor, std::uint64_t& state, char* out, std::int64_t bytes) {
  if (tensor.tensor_class != TensorClass::kNorm) {
    return fill_random_blocks(tensor.type, state, out, bytes);
  }
  const float one = 1;
  for (std::int64_t at = 0; at < bytes; at += 4) std::memcpy(out + at, &one, sizeof one);
}

}  // namespace

void fill_random_blocks(WeightType type, std::uint64_t& state, char* out, std::int64_t bytes) {
  if (is_float(type)) return fill_numbers(type, state, out, bytes);
  for (std::int64_t at = 0; at < bytes; at += 8) {
    const std::uint64_t bits = next_random(state);
    std::memcpy(out + at, &bits, static_cast<std::size_t>(std::min<std::int64_t>(8, bytes - at)));
  }
  const std::int64_t block = block_of(type).bytes;
  for (std::int64_t at = 0; at < bytes; at += block) set_scales(type, out + at);
}

std::int64_t synthesize_gguf(const ModelShape& shape, const std::filesystem::path& file,
                             std::uint64_t seed, const SynthesisProgress& progress) {
  const std::string header = gguf_header(shape);
  const std::vector<Tensor> tensors = shape.tensors();
  auto all = static_cast<std::int64_t>(header.size());
  for (const Tensor& tensor : tensors) all += tensor.bytes() + padding(tensor.bytes());
  check_room(file, all);
  PartialFile out(file);
  out.write(header.data(), static_cast<std::int64_t>(header.size()));
  auto written = static_cast<std::int64_t>(header.size());
  std::vector<char> chunk(kChunkBytes);
  for (const Tensor& tensor : tensors) {
    const std::int64_t block = block_of(tensor.type).bytes;
    const std::int64_t most = kChunkBytes / block * block;
    for (std::int64_t left = tensor.bytes(); left > 0;) {
      const std::int64_t part = std::min(left, most);
      fill(tensor, seed, chunk.data(), part);
      out.write(chunk.data(), part);
      left -= part;
      written += part;
      if (progress) progress(written, all);
    }
    const std::string zeros(static_cast<std::size_t>(padding(tensor.bytes())), '\0');
    out.write(zeros.data(), static_cast<std::int64_t>(zeros.size()));
    written += static_cast<std::int64_t>(zeros.size());
  }
  out.finish();
  return written;
}

}  // namespace mb
