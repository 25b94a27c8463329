// GGUF bytes put together by hand, right or wrong as a test likes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

inline constexpr std::uint32_t kGgufU32 = 4, kGgufF32 = 6, kGgufBool = 7, kGgufString = 8,
                               kGgufArray = 9, kGgufU64 = 10;

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string gguf_string(std::string_view text) {
  return raw(std::uint64_t{text.size()}) + std::string(text);
}

class GgufBuilder {
 public:
  GgufBuilder& pair(std::string_view key, std::uint32_t type, const std::string& value) {
    pairs_ += gguf_string(key) + raw(type) + value;
    ++pair_count_;
    return *this;
  }
  GgufBuilder& number(std::string_view key, std::uint32_t value) {
    return pair(key, kGgufU32, raw(value));
  }
  GgufBuilder& text(std::string_view key, std::string_view value) {
    return pair(key, kGgufString, gguf_string(value));
  }
  GgufBuilder& tensor(std::string_view name, const std::vector<std::uint64_t>& extents,
                      std::uint32_t type, std::uint64_t offset) {
    tensors_ += gguf_string(name) + raw(static_cast<std::uint32_t>(extents.size()));
    for (const std::uint64_t extent : extents) tensors_ += raw(extent);
    tensors_ += raw(type) + raw(offset);
    ++tensor_count_;
    return *this;
  }
  // What the preamble says, where that is not the truth.
  GgufBuilder& claim(std::uint64_t tensors, std::uint64_t pairs) {
    claimed_ = true;
    claimed_tensors_ = tensors;
    claimed_pairs_ = pairs;
    return *this;
  }
  std::string bytes(std::size_t data_bytes = 0, std::uint32_t version = 3) const {
    std::string out = "GGUF" + raw(version) + raw(claimed_ ? claimed_tensors_ : tensor_count_) +
                      raw(claimed_ ? claimed_pairs_ : pair_count_) + pairs_ + tensors_;
    out.resize((out.size() + 31) / 32 * 32, '\0');
    return out + std::string(data_bytes, '\0');
  }

 private:
  std::string pairs_, tensors_;
  std::uint64_t pair_count_ = 0, tensor_count_ = 0, claimed_tensors_ = 0, claimed_pairs_ = 0;
  bool claimed_ = false;
};

inline std::filesystem::path put_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

// The pairs of a two-layer Llama of width 64; its tensors are added by with_tiny_tensors().
inline GgufBuilder tiny_pairs() {
  GgufBuilder builder;
  builder.text("general.architecture", "llama")
      .text("general.name", "Tiny")
      .number("general.file_type", 2)
      .number("llama.block_count", 1)
      .number("llama.context_length", 128)
      .number("llama.embedding_length", 64)
      .number("llama.feed_forward_length", 96)
      .number("llama.attention.head_count", 4)
      .number("llama.attention.head_count_kv", 2);
  return builder;
}

// Embedding (f32, 10 tokens), one norm and one q4_0 matrix: 2560 + 256 + 2304 bytes.
inline GgufBuilder tiny_model() {
  return tiny_pairs()
      .tensor("token_embd.weight", {64, 10}, 0, 0)
      .tensor("blk.0.attn_norm.weight", {64}, 0, 2560)
      .tensor("blk.0.attn_q.weight", {64, 64}, 2, 2816);
}
inline constexpr std::size_t kTinyDataBytes = 2816 + 2304;

}  // namespace mb
