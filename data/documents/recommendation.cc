// Look-ups of the recommendation document.
#include "data/documents/recommendation.h"

#include <algorithm>

namespace mb {

const ModelAdvice* leading_model(const Recommendation& recommendation) {
  const auto measured_here = [&recommendation](const ModelAdvice& advice) {
    return std::ranges::any_of(recommendation.curves, [&advice](const ModelCurve& curve) {
      return curve.name == "measured_decode/" + advice.model;
    });
  };
  const ModelAdvice* first = nullptr;
  for (const ModelAdvice& advice : recommendation.models) {
    if (advice.fits && measured_here(advice)) return &advice;
    if (advice.fits && first == nullptr) first = &advice;
  }
  if (first != nullptr) return first;
  return recommendation.models.empty() ? nullptr : &recommendation.models.front();
}

}  // namespace mb
