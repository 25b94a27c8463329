// The fits as `memory_benchmark fit --json` prints them: names as in fit.h, parameters by name.
#include <nlohmann/json.hpp>

#include "reports/model/fit.h"

namespace mb {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const FitPrediction& prediction, const std::string& variable) {
  Json json = Json::object();
  if (prediction.threads > 0) json["threads"] = prediction.threads;
  if (variable != "threads") json[variable] = prediction.at;
  json["tokens_per_second"] = prediction.tokens_per_second;
  json["low"] = prediction.low;
  json["high"] = prediction.high;
  if (prediction.likely > 0) json["likely"] = prediction.likely;
  json["regime"] = prediction.regime;
  json["limited_by"] = prediction.limited_by;
  if (prediction.measured_tokens_per_second) {
    json["measured_tokens_per_second"] = *prediction.measured_tokens_per_second;
  }
  return json;
}

Json to_json(const SeriesFit& fit) {
  Json json = {{"phase", fit.phase}};
  if (!fit.label.empty()) json["label"] = fit.label;
  if (fit.prompt_tokens) json["prompt_tokens"] = *fit.prompt_tokens;
  if (fit.context_tokens) json["context_tokens"] = *fit.context_tokens;
  json["variable"] = fit.variable;
  json["recommended_threads"] = fit.recommended_threads;
  json["candidates"] = Json::array();
  for (const FitCandidate& each : fit.candidates) {
    json["candidates"].push_back({{"threads", each.threads},
                                  {"tokens_per_second", each.tokens_per_second},
                                  {"expected_loss", each.expected_loss},
                                  {"measured", each.measured}});
  }
  json["confidence"] = fit.confidence;
  json["stability"] = fit.stability;
  json["reasons"] = fit.reasons;
  json["rms_log_error"] = fit.rms_log_error;
  json["parameters"] = Json::object();
  for (const FitParameter& parameter : fit.parameters) {
    json["parameters"][parameter.name] = {{"value", parameter.value},
                                          {"low", parameter.low},
                                          {"high", parameter.high},
                                          {"unit", parameter.unit}};
  }
  json["edges"] = Json::object();
  for (const auto& [name, value] : fit.edges) json["edges"][name] = value;
  json["predicted"] = Json::array();
  for (const FitPrediction& prediction : fit.predicted) {
    json["predicted"].push_back(to_json(prediction, fit.variable));
  }
  if (!fit.levels.empty()) {
    json["levels"] = Json::array();
    for (const FitLevel& level : fit.levels) {
      json["levels"].push_back({{"kv_bytes", level.kv_bytes}, {"level", level.level}});
      if (level.gflops) json["levels"].back()["gflops"] = *level.gflops;
    }
  }
  return json;
}

}  // namespace

std::string to_json_text(const std::vector<SeriesFit>& fits) {
  Json series = Json::array();
  for (const SeriesFit& fit : fits) series.push_back(to_json(fit));
  return Json{{"series", std::move(series)}}.dump(1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

}  // namespace mb
