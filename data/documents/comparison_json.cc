// The comparison as JSON: the list of fields of every struct.
#include "data/documents/comparison.h"
#include "data/documents/json_fields.h"

namespace mb::json {

template <>
struct Fields<ComparedDocument> {
  static constexpr auto list = std::make_tuple(
      field("name", &ComparedDocument::name), field("kind", &ComparedDocument::kind),
      field("machine", &ComparedDocument::machine), field("instance", &ComparedDocument::instance),
      field("cpus", &ComparedDocument::cpus), field("created_utc", &ComparedDocument::created_utc),
      field("version", &ComparedDocument::version), field("engine", &ComparedDocument::engine),
      field("verdict", &ComparedDocument::verdict),
      field("price_per_hour", &ComparedDocument::price_per_hour));
};
template <>
struct Fields<ComparedRate> {
  static constexpr auto list = std::make_tuple(
      field("document", &ComparedRate::document), field("threads", &ComparedRate::threads),
      field("tokens_per_second", &ComparedRate::tokens_per_second),
      field("low", &ComparedRate::low), field("high", &ComparedRate::high),
      field("measured", &ComparedRate::measured),
      field("prompt_tokens", &ComparedRate::prompt_tokens),
      field("context_tokens", &ComparedRate::context_tokens),
      field("limited_by", &ComparedRate::limited_by), field("note", &ComparedRate::note),
      field("cost_per_million_tokens", &ComparedRate::cost_per_million_tokens),
      field("cost_low", &ComparedRate::cost_low), field("cost_high", &ComparedRate::cost_high),
      field("standing", &ComparedRate::standing));
};
template <>
struct Fields<ComparedPhase> {
  static constexpr auto list = std::make_tuple(
      field("phase", &ComparedPhase::phase), field("rates", &ComparedPhase::rates),
      field("fastest", &ComparedPhase::fastest), field("cheapest", &ComparedPhase::cheapest),
      field("fastest_told_apart", &ComparedPhase::fastest_told_apart),
      field("same_threads", &ComparedPhase::same_threads));
};
template <>
struct Fields<ModelComparison> {
  static constexpr auto list = std::make_tuple(
      field("model", &ModelComparison::model), field("title", &ModelComparison::title),
      field("phases", &ModelComparison::phases), field("absent", &ModelComparison::absent),
      field("answer", &ModelComparison::answer));
};
template <>
struct Fields<ComparedFigure> {
  static constexpr auto list = std::make_tuple(
      field("point", &ComparedFigure::point), field("unit", &ComparedFigure::unit),
      field("base", &ComparedFigure::base), field("other", &ComparedFigure::other),
      field("base_value", &ComparedFigure::base_value),
      field("base_low", &ComparedFigure::base_low), field("base_high", &ComparedFigure::base_high),
      field("value", &ComparedFigure::value), field("low", &ComparedFigure::low),
      field("high", &ComparedFigure::high), field("ratio", &ComparedFigure::ratio),
      field("standing", &ComparedFigure::standing));
};
template <>
struct Fields<FigureCount> {
  static constexpr auto list = std::make_tuple(
      field("base", &FigureCount::base), field("other", &FigureCount::other),
      field("common", &FigureCount::common), field("better", &FigureCount::better),
      field("worse", &FigureCount::worse), field("not_told_apart", &FigureCount::not_told_apart));
};
template <>
struct Fields<Comparison> {
  static constexpr auto list = std::make_tuple(
      field("schema_version", &Comparison::schema_version),
      field("documents", &Comparison::documents), field("warnings", &Comparison::warnings),
      field("models", &Comparison::models), field("counts", &Comparison::counts),
      field("figures", &Comparison::figures));
};

}  // namespace mb::json

namespace mb {

std::string to_json_text(const Comparison& comparison) {
  return json::dump(json::to_json(comparison, json::Place()));
}

}  // namespace mb
