// What would help this model on this machine, and by how much: each lever is the model asked twice.
#pragma once
#include <optional>
#include <vector>

#include "reports/advice/gpu_offer.h"
#include "reports/advice/parts.h"

namespace mb {

// Every lever, also those that are not to be had here (without a speed-up, with the reason).
std::vector<Lever> find_levers(const AdviceContext& context, const ModelShape& shape);

// Drafts of 2 to 8 tokens: guessed from the text, and by the smallest relative in the catalogue.
std::vector<Speculation> speculate(const AdviceContext& context, const ModelShape& shape);

TargetGap gap_to(const AdviceContext& context, const ModelShape& shape, double tokens_per_second,
                 const ModelAdvice& advice);

// Predictions at the measured counts of a phase, those within the budget; the fastest.
Prediction fastest(const AdviceContext& context, const Workload& work, const EngineProfile& engine,
                   Query query);

Offload offload(const AdviceContext& context, const ModelShape& shape, const GpuOffer& gpu);
// The published rules for 7B, 13B and 70B models, with the caches of this many positions.
std::vector<OffloadRule> judge_offload_rules(std::int64_t positions);

}  // namespace mb
