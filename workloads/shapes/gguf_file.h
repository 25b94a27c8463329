// The header of a GGUF file: its key-value pairs and its tensor table, never the tensor data.
//
// Layout (the GGUF specification, versions 2 and 3, little-endian): "GGUF", u32 version, u64
// tensors, u64 pairs; each pair a string key, u32 value type, value; each tensor a string name, u32
// dimensions, u64 each, u32 type, u64 offset; then, aligned, the data. Strings are a u64 length and
// bytes. The file is read as hostile: every count is held against what is left of the file and
// against a limit, so that memory stays in the tens of MiB whatever it claims.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "workloads/shapes/weight_type.h"

namespace mb {

// An array's length, and its elements where they are numbers or truths and not too many.
struct GgufArray {
  std::uint64_t count = 0;
  std::vector<std::int64_t> numbers;  // empty or `count` long
};
// Text longer than a KiB is passed over and stands here as empty.
using GgufValue = std::variant<std::int64_t, double, bool, std::string, GgufArray>;

struct GgufTensor {
  std::string name;
  std::array<std::int64_t, 4> extents = {1, 1, 1, 1};  // innermost (columns) first
  int dimensions = 0;
  WeightType type = WeightType::kF32;
  std::uint64_t offset = 0;  // from the start of the data
  std::int64_t bytes = 0;
};

struct GgufFile {
  std::filesystem::path path;
  std::uint32_t version = 0;
  std::uint64_t file_bytes = 0, data_start = 0, alignment = 32;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;  // in file order; distinct names, ranges apart, inside the file

  // nullopt: no such key. Throws Error(kFailure) naming file and key: of another type, out of
  // range.
  std::optional<std::int64_t> number(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  const GgufArray* array(std::string_view key) const;  // nullptr: no such key, or no array
};

// Throws Error(kFailure), one line that names the file, what is wrong where, and what to do.
GgufFile read_gguf(const std::filesystem::path& path);

// A model of one file or of all parts of a split one (NAME-00001-of-00003.gguf), in order,
// whichever part is named. Throws as read_gguf(), also for parts that are missing or are not of
// each other.
std::vector<GgufFile> read_gguf_parts(const std::filesystem::path& path);

// Text as it may stand in a message: cut to `most_bytes`, nothing but printable ASCII.
std::string printable(std::string_view text, std::size_t most_bytes = 80);

}  // namespace mb
