// Picking the next token from the logits of a vocabulary: the largest, or a random one of those
// that hold most of the probability. Engines do it on one thread between two steps, so it is a
// serial part of every token.
#pragma once
#include <cstdint>
#include <vector>

namespace mb {

// Index of the largest of `count` >= 1 values, the first of equals.
long argmax(const float* values, long count);
long argmax_scalar(const float* values, long count);

// Top-k, then top-p, then a random choice by probability: the usual chain of samplers. Memory is
// had when it is made; pick() allocates nothing. Not thread-safe.
class TokenPicker {
 public:
  struct Settings {
    long top_k = 40;      // llama.cpp's defaults
    float top_p = 0.95F;  // of the probability that the kept ones have together
    float temperature = 0.8F;
  };
  TokenPicker() = default;
  explicit TokenPicker(long vocabulary) : TokenPicker(vocabulary, Settings()) {}
  TokenPicker(long vocabulary, const Settings& settings);

  long pick(const float* logits);

 private:
  struct Candidate {
    float logit;
    std::int32_t token;
  };
  Settings settings_;
  long vocabulary_ = 0;
  std::uint64_t state_ = 1;
  std::vector<Candidate> kept_;  // a heap, the smallest first
  std::vector<float> weights_;
};

}  // namespace mb
