// The small guest's documents with harm in every place that a document can name.
#pragma once
#include <string>

#include "tests/reports/render/fixtures.h"

namespace mb::fixture {

// Names that would do harm where they are not escaped, in every place that a document can name.
inline const std::string& hostile_text() {
  static const std::string text =
      "</script><script>window.harm=1</script><img src=x onerror=harm()> \"'`&amp; {{policy}} "
      "\x1b[31m \x01 \xff \xe2\x80\xa8 \\ $(touch /tmp/harm) `touch /tmp/harm` <!-- " +
      std::string(10000, 'A');
  return text;
}
inline Documents hostile() {
  Documents d = small_guest();
  const std::string& text = hostile_text();
  d.results.machine.cpu_model = d.results.machine.os = d.results.machine.kernel = text;
  d.results.command = {"memory_benchmark", text};
  d.results.build.version = text;
  d.results.missing.push_back({text, text, text});
  d.results.points.front().verdict.worsen(Validity::kNoisy, "spread", text);
  d.results.points.front().notes["note"] = text;
  Parameters axes = d.results.points[1].parameters;
  axes.set("operation", text).set("page", text);
  d.results.points[1].parameters = axes;
  d.results.points[1].name = axes.name("stream_bandwidth");
  d.results.points[2].probe = text;
  for (ModelAdvice& model : d.recommendation.models) {
    model.model += text;
    model.title += text;
    model.fits_reason = text;
    model.prefill.reason = model.decode.reason = text;
    model.prefill.confidence_reasons = {text};
    for (Prediction& prediction : model.predictions) prediction.limited_by = text;
    for (Prediction& prediction : model.by_prompt) prediction.regime = prediction.limited_by = text;
    for (Lever& lever : model.levers) lever.setting = lever.note = lever.name = text;
    for (EngineSettings& engine : model.engines) {
      engine.title = engine.file_name = text;
      engine.argv.push_back(text);
      engine.env["KEY"] = text;
      engine.notes = {text};
    }
    for (RuleJudgement& rule : model.rules) rule.rule = text;
  }
  d.recommendation.findings = {{text, text, text, text}};
  d.recommendation.limits.limited_by = text;
  d.recommendation.scenario->title = d.recommendation.scenario->reason = text;
  d.recommendation.scenario_name = text;
  d.recommendation.scenario->phases.front().phase = text;
  d.recommendation.rooflines = {{text,
                                 text,
                                 text,
                                 2,
                                 3e10,
                                 4e11,
                                 {1, 13, 50},
                                 {3e10, 4e11, 4e11},
                                 {{text, 3, 1e10, 3e9, 0.1, 1, text}}}};
  d.recommendation.curves.push_back(
      {"instructions_per_cycle/" + text, text, text, {1, 2}, {1, 1}, {}, {}, {}});
  return d;
}

}  // namespace mb::fixture
