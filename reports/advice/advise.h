// From a results document to the recommendation document: for each model and phase the smallest
// thread count whose predicted throughput is within the tolerance of the best, never above the
// effective CPU budget; with reason, alternatives, confidence, rules of thumb judged, findings.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "reports/advice/gpu_offer.h"

namespace mb {

struct AdviceRequest {
  // Specs; none: the catalogue, and the model whose steps were measured in other quantisations too.
  std::vector<std::string> models;
  std::string engine_profile = "llama.cpp-threadpool";
  double tolerance = 0.02;
  std::int64_t prompt_tokens = 512, context_tokens = 512, batch = 1;
  std::string kv_type = "f16";
  std::string results_file;                        // as it shall be named in the document
  std::optional<double> target_tokens_per_second;  // of decode
  std::optional<GpuOffer> gpu;
};

Recommendation advise(const Results& results, const AdviceRequest& request);

}  // namespace mb
