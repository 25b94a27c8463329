// Forecasts and scenarios as JSON: the list of fields of every struct.
#include "data/documents/forecast.h"
#include "data/documents/json_fields.h"
#include "data/documents/prediction_fields.h"
#include "data/documents/scenario_fields.h"

namespace mb::json {

template <>
struct Fields<EndToEnd> {
  static constexpr auto list = std::make_tuple(
      field("prefill_threads", &EndToEnd::prefill_threads),
      field("decode_threads", &EndToEnd::decode_threads),
      field("prompt_tokens", &EndToEnd::prompt_tokens),
      field("context_tokens", &EndToEnd::context_tokens),
      field("new_tokens", &EndToEnd::new_tokens),
      field("time_to_first_token_seconds", &EndToEnd::time_to_first_token_seconds),
      field("decode_seconds", &EndToEnd::decode_seconds), field("seconds", &EndToEnd::seconds),
      field("low", &EndToEnd::low), field("high", &EndToEnd::high));
};
template <>
struct Fields<NearestShape> {
  static constexpr auto list =
      std::make_tuple(field("model", &NearestShape::model), field("title", &NearestShape::title),
                      field("predictions", &NearestShape::predictions));
};
template <>
struct Fields<Forecast> {
  static constexpr auto list = std::make_tuple(
      field("model", &Forecast::model), field("title", &Forecast::title),
      field("engine_profile", &Forecast::engine_profile),
      field("interpolated_between", &Forecast::interpolated_between, Rule::kSparse),
      field("verdict", &Forecast::verdict), field("predictions", &Forecast::predictions),
      field("end_to_end", &Forecast::end_to_end),
      field("nearest", &Forecast::nearest, Rule::kSparse));
};
template <>
struct Fields<Scenario> {
  static constexpr auto list = std::make_tuple(
      field("phases", &Scenario::phases), field("batch", &Scenario::batch),
      field("kv_type", &Scenario::kv_type), field("engine_profile", &Scenario::engine_profile),
      field("tolerance", &Scenario::tolerance), field("verdict", &Scenario::verdict),
      field("models", &Scenario::models), field("fastest", &Scenario::fastest));
};

}  // namespace mb::json

namespace mb {

std::string to_json_text(const Forecast& forecast) {
  return json::dump(json::to_json(forecast, json::Place()));
}

std::string to_json_text(const Scenario& scenario) {
  return json::dump(json::to_json(scenario, json::Place()));
}

}  // namespace mb
