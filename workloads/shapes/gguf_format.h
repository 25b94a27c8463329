// What the reader and the writer of GGUF headers share.
// Source: the GGUF specification (docs/gguf.md of ggml), versions 2 and 3.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace mb {

enum GgufValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};

// Throws Error(kFailure): the file's name, what is wrong with it.
[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what);

}  // namespace mb
