// Engine settings as text that can be pasted or written to a file: comments first, then what to
// export, what to type and what to put in a file. The figures and words are the recommendation's.
#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"
#include "reports/advice/engines/engines.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/render.h"
#include "reports/render/settings.h"

namespace mb {
namespace {

const ModelAdvice& find_model(const Recommendation& recommendation, const std::string& model) {
  std::string names;
  for (const ModelAdvice& advice : recommendation.models) {
    if (advice.model == model) return advice;
    names += (names.empty() ? "" : ", ") + advice.model;
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("model '{}' is not in the recommendation; it has: {}", clean_text(model),
                          clean_text(names.empty() ? "none" : names)));
}

std::string comment(const std::string& text) { return "# " + clean_text(text) + "\n"; }

std::string header(const ModelAdvice& advice) {
  std::string text = comment(fmt::format("{}: by memory_benchmark", advice.title));
  for (const PhaseAdvice* phase : {&advice.prefill, &advice.decode}) {
    const Prediction& expected = phase->expected;
    text += comment(fmt::format("{}: {}, expect {} tokens/s ({})", phase->phase,
                                format_count(phase->threads, "thread", "threads"),
                                format_rate(expected.tokens_per_second),
                                format_rate_interval(expected.low, expected.high)));
  }
  return text;
}

std::string as_json(const Recommendation& recommendation, const ModelAdvice& advice) {
  Recommendation one = recommendation;
  one.models = {advice};
  return to_json_text(one);
}

// Forms that are the advice itself and not an engine's; json is made from the whole document.
struct AdviceFormat {
  const char* name;
  const char* summary;
  std::string (*render)(const ModelAdvice& advice);
};
constexpr AdviceFormat kAdviceFormats[] = {
    {"json", "the model's whole advice, as in recommendation.json", nullptr},
    {"csv", "a line a phase: threads, CPUs, tokens/s with interval", advice_csv},
    {"markdown", "the same as a table for a ticket or a README", advice_markdown},
    {"prometheus", "metrics for node_exporter's textfile collector", advice_prometheus},
};

// Comments stand where the file allows them: after a script's first line, nowhere in JSON.
RenderedSettings with_comments(const ModelAdvice& advice, const EngineSettings& settings) {
  std::string text = settings_text(settings);
  if (settings.file_name.ends_with(".json")) {
    RenderedSettings made{std::move(text), {}};
    for (const std::string& note : settings.notes) made.notes.push_back(clean_text(note));
    return made;
  }
  std::string comments = header(advice);
  for (const std::string& note : settings.notes) comments += comment(note);
  const std::size_t first = text.starts_with("#!") ? text.find('\n') + 1 : 0;
  return {text.insert(first, comments), {}};
}

}  // namespace

std::string settings_text(const EngineSettings& settings) {
  std::string text;
  for (const auto& [key, value] : settings.env) {
    text += fmt::format("export {}={}\n", key, shell_word(clean_text(value)));
  }
  if (!settings.argv.empty()) text += shell_line(settings.argv) + "\n";
  text += settings.file_content;
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

const std::vector<EngineFormat>& engine_formats() {
  static const std::vector<EngineFormat> formats = [] {
    std::vector<EngineFormat> made;
    for (const AdviceFormat& format : kAdviceFormats) made.push_back({format.name, format.summary});
    for (const EngineEntry& entry : engine_entries()) made.push_back({entry.name, entry.summary});
    return made;
  }();
  return formats;
}

RenderedSettings render_engine(const Recommendation& recommendation, const std::string& model,
                               const std::string& format) {
  const auto& formats = engine_formats();
  if (std::none_of(formats.begin(), formats.end(),
                   [&format](const EngineFormat& one) { return one.name == format; })) {
    std::string names;
    for (const EngineFormat& one : formats) names += (names.empty() ? "" : ", ") + one.name;
    throw Error(ErrorCode::kUsage, fmt::format("format '{}' is unknown; choose one of: {}",
                                               clean_text(format), names));
  }
  const ModelAdvice& advice = find_model(recommendation, model);
  if (format == "json") return {as_json(recommendation, advice), {}};
  if (!advice.fits) {
    throw Error(ErrorCode::kNoResource,
                fmt::format("{} does not fit this machine: {}", advice.title, advice.fits_reason));
  }
  for (const AdviceFormat& table : kAdviceFormats) {
    if (format == table.name) return {table.render(advice), {}};
  }
  for (const EngineSettings& settings : advice.engines) {
    if (settings.engine == format) return with_comments(advice, settings);
  }
  throw Error(ErrorCode::kNotAvailable,
              fmt::format("the recommendation for {} has no settings for '{}'; make it again with "
                          "this version: memory_benchmark recommend RESULTS --model {}",
                          advice.model, format, advice.model));
}

}  // namespace mb
