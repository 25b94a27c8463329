// How a prediction stands in JSON: recommendations, forecasts and scenarios all hold some. Private
// to the .cc files of this folder.
#pragma once
#include "data/documents/json_fields.h"
#include "data/documents/recommendation.h"

namespace mb::json {

template <>
struct Fields<Prediction> {
  static constexpr auto list = std::make_tuple(
      field("phase", &Prediction::phase), field("threads", &Prediction::threads),
      field("prompt_tokens", &Prediction::prompt_tokens),
      field("context_tokens", &Prediction::context_tokens),
      field("tokens_per_second", &Prediction::tokens_per_second), field("low", &Prediction::low),
      field("high", &Prediction::high), field("regime", &Prediction::regime),
      field("limited_by", &Prediction::limited_by),
      field("seconds_by_term", &Prediction::seconds_by_term),
      field("batch", &Prediction::batch, Rule::kSparse),
      field("kv_type", &Prediction::kv_type, Rule::kSparse),
      field("share_by_term", &Prediction::share_by_term, Rule::kSparse),
      field("seconds", &Prediction::seconds, Rule::kSparse),
      field("ms_per_token", &Prediction::ms_per_token, Rule::kSparse),
      field("roofline_seconds", &Prediction::roofline_seconds, Rule::kSparse),
      field("overhead_factor", &Prediction::overhead_factor, Rule::kSparse),
      field("served_from", &Prediction::served_from, Rule::kSparse),
      field("extrapolated", &Prediction::extrapolated, Rule::kSparse));
};

}  // namespace mb::json
