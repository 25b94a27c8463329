// What one thread does after a step while the others wait: it picks the next token from the model's
// logits, the largest (argmax) or by top-k and top-p as samplers do. Seconds of one token; fact
// vocabulary: the logits that it went through.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "data/error.h"
#include "probes/core/probe.h"
#include "workloads/kernels/pick_token.h"
#include "workloads/shapes/model_shape.h"
#include "workloads/step_plan.h"

namespace mb {

class PickCase final : public Case {
 public:
  PickCase(PinnedTeam& team, long vocabulary, Pick pick)
      : team_(team),
        pick_(pick),
        logits_(static_cast<std::size_t>(vocabulary)),
        picker_(vocabulary) {
    // Logits as a model's: a bell around zero, so that few stand out and the heap of top-k settles.
    std::uint64_t state = 1;
    for (float& logit : logits_) {
      float sum = 0;
      for (int i = 0; i < kUniforms; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth (MMIX)
        sum += static_cast<float>(state >> 40) / static_cast<float>(1 << 24) - 0.5F;
      }
      logit = kSpread * sum;
    }
    facts["vocabulary"] = static_cast<double>(vocabulary);
  }

  double seconds(std::uint64_t iterations) override {
    return team_.timed([this, iterations](int rank) {
      const auto count = static_cast<long>(logits_.size());
      for (std::uint64_t i = 0; rank == 0 && i < iterations; ++i) {
        picked_ =
            pick_ == Pick::kArgmax ? argmax(logits_.data(), count) : picker_.pick(logits_.data());
      }
    });
  }

  // The picked one is among those that top-k keeps; by argmax the largest.
  void check() override {
    const long kept = pick_ == Pick::kArgmax ? 1 : TokenPicker::Settings().top_k;
    const auto larger = std::ranges::count_if(logits_, [this](float logit) {
      return logit > logits_.at(static_cast<std::size_t>(picked_));
    });
    if (larger < kept) return;
    throw Error(ErrorCode::kFailure,
                fmt::format("token {} was picked, {} are likelier", picked_, larger));
  }

 private:
  static constexpr int kUniforms = 4;
  static constexpr float kSpread = 5;
  PinnedTeam& team_;
  const Pick pick_;
  std::vector<float> logits_;
  TokenPicker picker_;
  volatile long picked_ = 0;
};

inline std::unique_ptr<Case> prepare_picked_token(const Parameters& parameters, Kit& kit) {
  const Pick pick = pick_from_string(parameters.text_or("pick", "top_p"));
  const ModelShape shape = find_model(parameters.text_or("model", "qwen3-4b:q4_0"));
  if (pick == Pick::kNone || shape.vocabulary < 1) {
    throw Error(ErrorCode::kUsage,
                "operation pick: expected pick argmax or top_p, and a model with a vocabulary");
  }
  return std::make_unique<PickCase>(kit.team(parameters), shape.vocabulary, pick);
}

}  // namespace mb
