// The header as one string: key-value pairs, then the tensor table with offsets running on.
//
// Keys are those that llama.cpp's loader asks for by architecture; what a key has no published
// figure for (epsilons) is the usual one, since speed does not depend on it.
#include "workloads/shapes/gguf_writer.h"

#include <array>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/gguf_format.h"

namespace mb {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kAlignment = 32;  // GGUF's default
// Token types of llama.h.
constexpr std::int32_t kNormal = 1, kControl = 3, kUnused = 5;
constexpr std::int64_t kBytes = 256;

class HeaderWriter {
 public:
  void text_pair(std::string_view key, std::string_view value) {
    start(key, kString);
    text(value);
  }
  void number_pair(std::string_view key, std::int64_t value) {
    start(key, kUint32);
    put(static_cast<std::uint32_t>(value));
  }
  void real_pair(std::string_view key, double value) {
    start(key, kFloat32);
    put(static_cast<float>(value));
  }
  void truth_pair(std::string_view key, bool value) {
    start(key, kBool);
    put(static_cast<std::uint8_t>(value));
  }
  void start_array(std::string_view key, std::uint32_t type, std::int64_t count) {
    start(key, kArray);
    put(type);
    put(static_cast<std::uint64_t>(count));
  }
  void text(std::string_view value) {
    put(static_cast<std::uint64_t>(value.size()));
    out_ += value;
  }
  template <class T>
  void put(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  std::uint64_t pairs() const { return pairs_; }
  const std::string& out() const { return out_; }

 private:
  void start(std::string_view key, std::uint32_t type) {
    ++pairs_;
    text(key);
    put(type);
  }
  std::string out_;
  std::uint64_t pairs_ = 0;
};

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// How byte-level BPE writes a byte: printable Latin-1 as itself, the others from U+0100 on.
// Source: GPT-2's bytes_to_unicode.
std::array<std::string, kBytes> byte_tokens() {
  std::array<std::string, kBytes> tokens;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < tokens.size(); ++byte) {
    const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                        (byte >= 0xAE && byte <= 0xFF);
    append_utf8(tokens[byte], itself ? byte : next++);
  }
  return tokens;
}

void write_tokenizer(const ModelShape& shape, HeaderWriter& out) {
  const std::int64_t end_of_text = kBytes;
  out.text_pair("tokenizer.ggml.model", "gpt2");
  out.text_pair("tokenizer.ggml.pre", "default");
  out.start_array("tokenizer.ggml.tokens", kString, shape.vocabulary);
  for (const std::string& token : byte_tokens()) out.text(token);
  out.text("<|endoftext|>");
  for (std::int64_t i = kBytes + 1; i < shape.vocabulary; ++i) {
    out.text(fmt::format("<unused_{}>", i));
  }
  out.start_array("tokenizer.ggml.token_type", kInt32, shape.vocabulary);
  for (std::int64_t i = 0; i < shape.vocabulary; ++i) {
    out.put(i < kBytes ? kNormal : i == end_of_text ? kControl : kUnused);
  }
  // Loaders want the list; this merge is of two bytes that follow each other in no valid text.
  out.start_array("tokenizer.ggml.merges", kString, 1);
  out.text(fmt::format("{} {}", byte_tokens()[0xFE], byte_tokens()[0xFF]));
  out.number_pair("tokenizer.ggml.bos_token_id", end_of_text);
  out.number_pair("tokenizer.ggml.eos_token_id", end_of_text);
  out.number_pair("tokenizer.ggml.padding_token_id", end_of_text);
  out.truth_pair("tokenizer.ggml.add_bos_token", false);
}

void write_hyperparameters(const ModelShape& shape, HeaderWriter& out) {
  const auto key = [&](std::string_view name) {
    return fmt::format("{}.{}", shape.architecture, name);
  };
  out.text_pair("general.architecture", shape.architecture);
  // Not the model's name: llama.cpp wants certain tokens of models that are called after some.
  out.text_pair("general.name", "random weights");
  out.text_pair("general.description", fmt::format("the shape of {}", shape.title));
  out.text_pair("general.type", "model");
  out.number_pair("general.quantization_version", 2);
  out.number_pair("general.file_type", find_quantisation(shape.label()).file_type);
  out.number_pair(key("block_count"), shape.layers);
  out.number_pair(key("context_length"), shape.context_length > 0 ? shape.context_length : 4096);
  out.number_pair(key("embedding_length"), shape.hidden);
  out.number_pair(key("feed_forward_length"), shape.ffn);
  out.number_pair(key("attention.head_count"), shape.heads);
  out.number_pair(key("attention.head_count_kv"), shape.kv_heads);
  out.number_pair(key("attention.key_length"), shape.head_size);
  out.number_pair(key("attention.value_length"), shape.head_size);
  out.real_pair(key("attention.layer_norm_rms_epsilon"), 1e-6);
  out.real_pair(key("rope.freq_base"), shape.rope_base);
  out.number_pair(key("rope.dimension_count"), shape.head_size);
  out.number_pair(key("vocab_size"), shape.vocabulary);
  if (shape.sliding_window > 0) {
    out.number_pair(key("attention.sliding_window"), shape.sliding_window);
  }
  if (shape.is_moe()) {
    out.number_pair(key("expert_count"), shape.experts);
    out.number_pair(key("expert_used_count"), shape.experts_used);
    out.number_pair(key("expert_feed_forward_length"), shape.expert_ffn);
  }
  if (shape.shared_ffn > 0) {
    out.number_pair(key("expert_shared_feed_forward_length"), shape.shared_ffn);
  }
}

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void write_tensor_table(const std::vector<Tensor>& tensors, HeaderWriter& out) {
  std::uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    std::vector<std::int64_t> extents{tensor.columns};
    if (tensor.rows > 1 || tensor.count > 1) extents.push_back(tensor.rows);
    if (tensor.count > 1) extents.push_back(tensor.count);
    out.text(tensor.name);
    out.put(static_cast<std::uint32_t>(extents.size()));
    for (const std::int64_t extent : extents) out.put(static_cast<std::uint64_t>(extent));
    out.put(*gguf_number(tensor.type));
    out.put(offset);
    offset = aligned(offset + static_cast<std::uint64_t>(tensor.bytes()));
  }
}

void check(const ModelShape& shape) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("no file of {} can be synthesised: {}", printable(shape.spec()), why));
  };
  if (!shape.unsupported.empty()) refuse(shape.unsupported);
  if (shape.stored) refuse("it is a file already; name its config.json or a catalogue name");
  if (!gguf_number(shape.type)) {
    refuse(fmt::format("GGUF has no type {}; say one, as in {}:q4_0", to_string(shape.type),
                       printable(shape.name)));
  }
  if (shape.vocabulary <= kBytes) refuse("a byte-level tokenizer needs at least 257 tokens");
}

}  // namespace

std::string gguf_header(const ModelShape& shape) {
  check(shape);
  HeaderWriter pairs;
  write_hyperparameters(shape, pairs);
  write_tokenizer(shape, pairs);
  const std::vector<Tensor> tensors = shape.tensors();
  HeaderWriter table;
  write_tensor_table(tensors, table);
  HeaderWriter start;
  start.put(std::uint32_t{0x46554747});  // "GGUF"
  start.put(kVersion);
  start.put(static_cast<std::uint64_t>(tensors.size()));
  start.put(pairs.pairs());
  std::string header = start.out() + pairs.out() + table.out();
  header.resize(static_cast<std::size_t>(aligned(header.size())), '\0');
  return header;
}

}  // namespace mb
