// The recommendation document as JSON: the list of fields of every struct.
#include "data/documents/json_fields.h"
#include "data/documents/prediction_fields.h"
#include "data/documents/recommendation.h"
#include "data/documents/scenario_fields.h"

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
                      field("decode_loss", &RuleJudgement::decode_loss),
                      field("note", &RuleJudgement::note, Rule::kSparse));
};
template <>
struct Fields<Lever> {
  static constexpr auto list = std::make_tuple(
      field("name", &Lever::name), field("setting", &Lever::setting), field("phase", &Lever::phase),
      field("from_tokens_per_second", &Lever::from_tokens_per_second),
      field("to_tokens_per_second", &Lever::to_tokens_per_second),
      field("speedup", &Lever::speedup), field("note", &Lever::note));
};
template <>
struct Fields<Speculation> {
  static constexpr auto list = std::make_tuple(
      field("draft", &Speculation::draft), field("draft_tokens", &Speculation::draft_tokens),
      field("draft_seconds", &Speculation::draft_seconds),
      field("check_seconds", &Speculation::check_seconds),
      field("break_even_acceptance", &Speculation::break_even_acceptance),
      field("speedup_by_acceptance", &Speculation::speedup_by_acceptance));
};
template <>
struct Fields<TargetGap> {
  static constexpr auto list = std::make_tuple(
      field("target_tokens_per_second", &TargetGap::target_tokens_per_second),
      field("expected_tokens_per_second", &TargetGap::expected_tokens_per_second),
      field("factor", &TargetGap::factor),
      field("bandwidth_needed_bytes_per_second", &TargetGap::bandwidth_needed_bytes_per_second),
      field("reached_by", &TargetGap::reached_by), field("reason", &TargetGap::reason));
};
template <>
struct Fields<Offload> {
  static constexpr auto list = std::make_tuple(
      field("gpu_memory_bytes", &Offload::gpu_memory_bytes),
      field("overhead_bytes", &Offload::overhead_bytes), field("layers", &Offload::layers),
      field("gpu_layers", &Offload::gpu_layers), field("head_on_gpu", &Offload::head_on_gpu),
      field("gpu_weight_bytes", &Offload::gpu_weight_bytes),
      field("gpu_kv_bytes", &Offload::gpu_kv_bytes),
      field("free_bytes", &Offload::free_bytes, Rule::kSigned),
      field("rest_fits", &Offload::rest_fits), field("cpu_threads", &Offload::cpu_threads),
      field("cpu_seconds", &Offload::cpu_seconds), field("gpu_seconds", &Offload::gpu_seconds),
      field("tokens_per_second", &Offload::tokens_per_second),
      field("tokens_per_second_at_most", &Offload::tokens_per_second_at_most),
      field("cpu_only_tokens_per_second", &Offload::cpu_only_tokens_per_second),
      field("reason", &Offload::reason));
};
template <>
struct Fields<OffloadRule> {
  static constexpr auto list = std::make_tuple(
      field("model", &OffloadRule::model), field("title", &OffloadRule::title),
      field("gpu_memory_bytes", &OffloadRule::gpu_memory_bytes),
      field("positions", &OffloadRule::positions), field("layers", &OffloadRule::layers),
      field("claimed_least", &OffloadRule::claimed_least),
      field("claimed_most", &OffloadRule::claimed_most), field("fitting", &OffloadRule::fitting),
      field("verdict", &OffloadRule::verdict), field("reason", &OffloadRule::reason));
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
      field("rules", &ModelAdvice::rules),
      field("by_prompt", &ModelAdvice::by_prompt, Rule::kSparse),
      field("levers", &ModelAdvice::levers, Rule::kSparse),
      field("speculation", &ModelAdvice::speculation, Rule::kSparse),
      field("target", &ModelAdvice::target, Rule::kSparse),
      field("offload", &ModelAdvice::offload, Rule::kSparse));
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
struct Fields<RooflineOperation> {
  static constexpr auto list = std::make_tuple(
      field("name", &RooflineOperation::name),
      field("flops_per_byte", &RooflineOperation::flops_per_byte),
      field("flops_per_second", &RooflineOperation::flops_per_second),
      field("bytes_per_second", &RooflineOperation::bytes_per_second),
      field("seconds", &RooflineOperation::seconds), field("share", &RooflineOperation::share),
      field("served_by", &RooflineOperation::served_by));
};
template <>
struct Fields<Roofline> {
  static constexpr auto list =
      std::make_tuple(field("point", &Roofline::point), field("phase", &Roofline::phase),
                      field("model", &Roofline::model), field("threads", &Roofline::threads),
                      field("bandwidth_bytes_per_second", &Roofline::bandwidth_bytes_per_second),
                      field("peak_flops_per_second", &Roofline::peak_flops_per_second),
                      field("roof_flops_per_byte", &Roofline::roof_flops_per_byte),
                      field("roof_flops_per_second", &Roofline::roof_flops_per_second),
                      field("operations", &Roofline::operations));
};
template <>
struct Fields<Finding> {
  static constexpr auto list =
      std::make_tuple(field("severity", &Finding::severity), field("title", &Finding::title),
                      field("evidence", &Finding::evidence), field("remedy", &Finding::remedy),
                      field("cause", &Finding::cause, Rule::kSparse));
};
template <>
struct Fields<SmtComparison> {
  static constexpr auto list = std::make_tuple(
      field("work", &SmtComparison::work), field("regime", &SmtComparison::regime),
      field("cores", &SmtComparison::cores), field("gain", &SmtComparison::gain, Rule::kSigned),
      field("low", &SmtComparison::low, Rule::kSigned),
      field("high", &SmtComparison::high, Rule::kSigned),
      field("verdict", &SmtComparison::verdict));
};
template <>
struct Fields<KvPressure> {
  static constexpr auto list =
      std::make_tuple(field("model", &KvPressure::model), field("threads", &KvPressure::threads),
                      field("positions", &KvPressure::positions),
                      field("kv_bytes_per_thread", &KvPressure::kv_bytes_per_thread),
                      field("l2_bytes_per_thread", &KvPressure::l2_bytes_per_thread),
                      field("ratio", &KvPressure::ratio));
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
      field("findings", &Recommendation::findings), field("missing", &Recommendation::missing),
      field("offload_rules", &Recommendation::offload_rules, Rule::kSparse),
      field("smt", &Recommendation::smt, Rule::kSparse),
      field("kv_pressure", &Recommendation::kv_pressure, Rule::kSparse),
      field("rooflines", &Recommendation::rooflines, Rule::kSparse),
      field("scenario_name", &Recommendation::scenario_name, Rule::kSparse),
      field("scenario", &Recommendation::scenario, Rule::kSparse));
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
