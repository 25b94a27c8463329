// The recommendation document as JSON: the list of fields of every struct.
#include "data/documents/json_fields.h"
#include "data/documents/prediction_fields.h"
#include "data/documents/recommendation.h"

namespace mb::json {

template <>
struct Fields<Alternative> {
  static constexpr auto list =
      std::make_tuple(field("threads", &Alternative::threads),
                      field("tokens_per_second", &Alternative::tokens_per_second),
                      field("loss", &Alternative::loss), field("note", &Alternative::note));
};
template <>
struct Fields<PhaseAdvice> {
  static constexpr auto list = std::make_tuple(
      field("phase", &PhaseAdvice::phase), field("threads", &PhaseAdvice::threads),
      field("cpu_list", &PhaseAdvice::cpu_list), field("expected", &PhaseAdvice::expected),
      field("reason", &PhaseAdvice::reason), field("alternatives", &PhaseAdvice::alternatives),
      field("confidence", &PhaseAdvice::confidence),
      field("confidence_reasons", &PhaseAdvice::confidence_reasons));
};
template <>
struct Fields<EngineSettings> {
  static constexpr auto list = std::make_tuple(
      field("engine", &EngineSettings::engine), field("title", &EngineSettings::title),
      field("argv", &EngineSettings::argv), field("env", &EngineSettings::env),
      field("file_name", &EngineSettings::file_name),
      field("file_content", &EngineSettings::file_content), field("notes", &EngineSettings::notes));
};
template <>
struct Fields<RuleJudgement> {
  static constexpr auto list =
      std::make_tuple(field("rule", &RuleJudgement::rule),
                      field("prefill_threads", &RuleJudgement::prefill_threads),
                      field("decode_threads", &RuleJudgement::decode_threads),
                      field("prefill_loss", &RuleJudgement::prefill_loss),
                      field("decode_loss", &RuleJudgement::decode_loss));
};
template <>
struct Fields<ModelAdvice> {
  static constexpr auto list = std::make_tuple(
      field("model", &ModelAdvice::model), field("title", &ModelAdvice::title),
      field("fits", &ModelAdvice::fits), field("fits_reason", &ModelAdvice::fits_reason),
      field("weight_bytes", &ModelAdvice::weight_bytes),
      field("weight_bytes_per_token", &ModelAdvice::weight_bytes_per_token),
      field("kv_bytes_per_position", &ModelAdvice::kv_bytes_per_position),
      field("memory_bytes", &ModelAdvice::memory_bytes),
      field("engine_profile", &ModelAdvice::engine_profile),
      field("prefill", &ModelAdvice::prefill), field("decode", &ModelAdvice::decode),
      field("compromise", &ModelAdvice::compromise),
      field("predictions", &ModelAdvice::predictions), field("engines", &ModelAdvice::engines),
      field("rules", &ModelAdvice::rules));
};
template <>
struct Fields<ModelCurve> {
  static constexpr auto list =
      std::make_tuple(field("name", &ModelCurve::name), field("x_unit", &ModelCurve::x_unit),
                      field("y_unit", &ModelCurve::y_unit), field("x", &ModelCurve::x),
                      field("y", &ModelCurve::y), field("low", &ModelCurve::low),
                      field("high", &ModelCurve::high), field("marks", &ModelCurve::marks));
};
template <>
struct Fields<Finding> {
  static constexpr auto list =
      std::make_tuple(field("severity", &Finding::severity), field("title", &Finding::title),
                      field("evidence", &Finding::evidence), field("remedy", &Finding::remedy));
};
template <>
struct Fields<Recommendation> {
  static constexpr auto list = std::make_tuple(
      field("schema_version", &Recommendation::schema_version),
      field("created_utc", &Recommendation::created_utc),
      field("results_file", &Recommendation::results_file),
      field("tolerance", &Recommendation::tolerance),
      field("prompt_tokens", &Recommendation::prompt_tokens),
      field("context_tokens", &Recommendation::context_tokens),
      field("limits", &Recommendation::limits), field("verdict", &Recommendation::verdict),
      field("models", &Recommendation::models), field("curves", &Recommendation::curves),
      field("findings", &Recommendation::findings), field("missing", &Recommendation::missing));
};

}  // namespace mb::json

namespace mb {

using json::Place;

std::string to_json_text(const Recommendation& recommendation) {
  return json::dump(json::to_json(recommendation, Place()));
}

Recommendation recommendation_from_json_text(std::string_view text, std::string_view origin) {
  const json::Json document = json::parse(text, origin);
  json::check_schema_version(document, origin, "recommendation", kRecommendationSchemaVersion);
  Recommendation recommendation;
  json::from_json(document, Place(origin), recommendation);
  return recommendation;
}

}  // namespace mb
