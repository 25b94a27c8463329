// Engine settings as text that can be pasted or written to a file: comments first, then what to
// export, what to type and what to put in a file. The figures and words are the recommendation's.
#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"
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

}  // namespace

std::string settings_text(const EngineSettings& settings) {
  std::string text;
  // An env file takes KEY=value as it stands (docker, systemd); a shell must be told to export.
  const bool env_file = settings.engine == "env";
  for (const auto& [key, value] : settings.env) {
    text += env_file ? fmt::format("{}={}\n", key, clean_text(value))
                     : fmt::format("export {}={}\n", key, shell_word(clean_text(value)));
  }
  if (!settings.argv.empty()) text += shell_line(settings.argv) + "\n";
  text += settings.file_content;
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

const std::vector<EngineFormat>& engine_formats() {
  static const std::vector<EngineFormat> formats{
      {"json", "the model's whole advice, as in recommendation.json"},
      {"env", "KEY=value lines for an env file (docker --env-file, systemd)"},
      {"shell", "a shell fragment for any program: OpenMP counts and a CPU list"},
      {"llama.cpp", "flags of llama-server and llama-cli, prefill and decode apart"},
      {"ollama", "a Modelfile with num_thread (one count for both phases)"},
      {"pytorch", "OMP_NUM_THREADS and MKL_NUM_THREADS, set before the first work"},
      {"vllm", "VLLM_CPU_OMP_THREADS_BIND and its companions"},
      {"rayon", "RAYON_NUM_THREADS for engines written in Rust"},
  };
  return formats;
}

std::string render_engine(const Recommendation& recommendation, const std::string& model,
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
  if (format == "json") return as_json(recommendation, advice);
  if (!advice.fits) {
    throw Error(ErrorCode::kNoResource,
                fmt::format("{} does not fit this machine: {}", advice.title, advice.fits_reason));
  }
  for (const EngineSettings& settings : advice.engines) {
    if (settings.engine != format) continue;
    std::string text = header(advice);
    for (const std::string& note : settings.notes) text += comment(note);
    return text + settings_text(settings);
  }
  throw Error(ErrorCode::kNotAvailable,
              fmt::format("the recommendation for {} has no settings for '{}'; make it again with "
                          "this version: memory_benchmark recommend RESULTS --model {}",
                          advice.model, format, advice.model));
}

}  // namespace mb
