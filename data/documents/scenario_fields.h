// How a conversation stands in JSON. Private to the .cc files of this folder.
#pragma once
#include "data/documents/json_fields.h"
#include "data/documents/scenario.h"

namespace mb::json {

template <>
struct Fields<ScenarioPhase> {
  static constexpr auto list = std::make_tuple(
      field("phase", &ScenarioPhase::phase), field("tokens", &ScenarioPhase::tokens),
      field("context_tokens", &ScenarioPhase::context_tokens),
      field("regime", &ScenarioPhase::regime), field("limited_by", &ScenarioPhase::limited_by),
      field("threads", &ScenarioPhase::threads), field("cpu_list", &ScenarioPhase::cpu_list),
      field("tokens_per_second", &ScenarioPhase::tokens_per_second),
      field("seconds", &ScenarioPhase::seconds), field("low", &ScenarioPhase::low),
      field("high", &ScenarioPhase::high), field("start_seconds", &ScenarioPhase::start_seconds));
};
template <>
struct Fields<ScenarioPlan> {
  static constexpr auto list = std::make_tuple(
      field("name", &ScenarioPlan::name), field("prefill_threads", &ScenarioPlan::prefill_threads),
      field("decode_threads", &ScenarioPlan::decode_threads),
      field("seconds", &ScenarioPlan::seconds), field("loss", &ScenarioPlan::loss));
};
template <>
struct Fields<ModelScenario> {
  static constexpr auto list = std::make_tuple(
      field("model", &ModelScenario::model), field("title", &ModelScenario::title),
      field("fits", &ModelScenario::fits), field("fits_reason", &ModelScenario::fits_reason),
      field("phases", &ModelScenario::phases), field("seconds", &ModelScenario::seconds),
      field("low", &ModelScenario::low), field("high", &ModelScenario::high),
      field("context_tokens_at_end", &ModelScenario::context_tokens_at_end),
      field("plans", &ModelScenario::plans),
      field("switching_pays", &ModelScenario::switching_pays),
      field("switching_seconds", &ModelScenario::switching_seconds),
      field("reason", &ModelScenario::reason));
};

}  // namespace mb::json
