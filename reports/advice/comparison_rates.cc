// Results documents are asked for advice; a sweep is fitted, and its advised count (over threads)
// or its length nearest to the request's (over prompts) gives the rate, measured there.
#include "reports/advice/comparison_rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "reports/advice/advise.h"
#include "reports/advice/parts.h"
#include "reports/model/fit.h"
#include "workloads/shapes/model_shape.h"
#include "workloads/shapes/quantisation.h"

namespace mb {
namespace {

std::string lower_case(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return made;
}

// What sources write for a type, beside llama.cpp's labels.
constexpr std::pair<std::string_view, std::string_view> kOtherWords[] = {
    {"q4", "q4_0"},     {"int8", "q8_0"}, {"bfloat16", "bf16"},
    {"float32", "f32"}, {"fp32", "f32"},  {"float16", "f16"}};

std::string label_of(const std::string& quantisation) {
  const std::string said = lower_case(quantisation);
  std::string_view best;
  for (const Quantisation& one : quantisations()) {
    if (said.starts_with(one.label) && one.label.size() > best.size()) best = one.label;
  }
  if (!best.empty()) return std::string(best);
  for (const auto& [word, label] : kOtherWords) {
    const bool ends = said.size() == word.size() ||
                      (said.size() > word.size() && !std::isalnum(said[word.size()]));
    if (said.starts_with(word) && ends && said.find("awq") == std::string::npos) {
      return std::string(label);
    }
  }
  return "";
}

ComparedRate rate_of(const std::string& name, const PhaseAdvice& advice) {
  ComparedRate rate;
  rate.document = name;
  rate.threads = advice.threads;
  rate.tokens_per_second = advice.expected.tokens_per_second;
  rate.low = advice.expected.low;
  rate.high = advice.expected.high;
  rate.prompt_tokens = static_cast<double>(advice.expected.prompt_tokens);
  rate.context_tokens = static_cast<double>(advice.expected.context_tokens);
  rate.limited_by = advice.expected.limited_by;
  return rate;
}

void add_results(const Results& results, const std::vector<std::string>& models,
                 const ComparisonRequest& request, DocumentRates& into) {
  ComparedDocument& document = into.document;
  document.kind = "results";
  document.machine = results.machine.cpu_model;
  document.instance = results.machine.cloud_label.value_or("");
  document.cpus = results.machine.limits.effective_cpus;
  document.created_utc = results.created_utc;
  document.version = results.build.version;
  AdviceRequest asked;
  asked.models = models;
  asked.prompt_tokens = request.prompt_tokens;
  asked.context_tokens = request.context_tokens;
  asked.tolerance = request.tolerance;
  document.engine = asked.engine_profile;
  try {
    const Recommendation made = advise(results, asked);
    document.verdict = made.verdict;
    for (const ModelAdvice& advice : made.models) {
      into.titles[advice.model] = advice.title;
      if (!advice.fits) {
        into.absent[advice.model] = advice.fits_reason;
        continue;
      }
      into.rates[advice.model] = {{"prefill", rate_of(document.name, advice.prefill)},
                                  {"decode", rate_of(document.name, advice.decode)}};
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUntrustworthy) throw;
    document.verdict.worsen(Validity::kInvalid, "few_samples", error.what());
    for (const std::string& model : models) into.absent[model] = error.what();
  }
}

const FitPrediction* prediction_for(const SeriesFit& fit, double prompt_tokens) {
  if (fit.predicted.empty()) return nullptr;
  const FitPrediction* best = nullptr;
  for (const FitPrediction& one : fit.predicted) {
    if (fit.variable == "threads") {
      if (one.threads == fit.recommended_threads) return &one;
    } else if (fit.variable == "prompt_tokens" && one.measured_tokens_per_second && one.at > 0) {
      const auto far = [&](double at) { return std::abs(std::log(at / prompt_tokens)); };
      if (best == nullptr || far(one.at) < far(best->at)) best = &one;
    }
  }
  return best;
}

// Series of other kinds of weights in the same file carry their own name.
bool of_another_type(const SweepSeries& series, const std::string& label) {
  const std::string own = label_of(series.label);
  return !own.empty() && own != label;
}

void add_sweep(const Sweep& sweep, const std::vector<std::string>& models,
               const ComparisonRequest& request, DocumentRates& into) {
  ComparedDocument& document = into.document;
  document.kind = "sweep";
  document.machine = sweep.machine.cpu;
  document.cpus = sweep.machine.logical_cpus.value_or(0);
  document.created_utc = sweep.created_utc;
  document.engine = sweep.engine_name;
  const std::string spec = spec_of_sweep(sweep);
  if (std::ranges::count(models, spec) == 0) {
    for (const std::string& model : models) {
      into.absent[model] =
          fmt::format("the sweep ran {}, {}", sweep.model.name, sweep.model.quantisation);
    }
    return;
  }
  const std::string label = spec.substr(spec.find(':') + 1);
  into.titles[spec] = title_of(find_model(spec));
  FitOptions options;
  options.tolerance = request.tolerance;
  const std::vector<SeriesFit> fits = fit_sweep(sweep, options);
  for (std::size_t i = 0; i < fits.size() && i < sweep.series.size(); ++i) {
    const SeriesFit& fit = fits[i];
    if ((fit.phase != "prefill" && fit.phase != "decode") || into.rates[spec].contains(fit.phase) ||
        of_another_type(sweep.series[i], label)) {
      continue;
    }
    const FitPrediction* found = prediction_for(fit, static_cast<double>(request.prompt_tokens));
    if (found == nullptr) continue;
    ComparedRate rate;
    rate.document = document.name;
    rate.threads =
        fit.variable == "threads" ? fit.recommended_threads : sweep.series[i].threads.value_or(0);
    rate.tokens_per_second = found->measured_tokens_per_second.value_or(found->tokens_per_second);
    rate.low = std::min(found->low, rate.tokens_per_second);
    rate.high = std::max(found->high, rate.tokens_per_second);
    rate.measured = found->measured_tokens_per_second.has_value();
    rate.prompt_tokens =
        fit.variable == "prompt_tokens" ? std::optional<double>(found->at) : fit.prompt_tokens;
    rate.context_tokens = fit.context_tokens;
    rate.limited_by = found->limited_by;
    rate.note = sweep.model.quantisation;
    into.rates[spec][fit.phase] = rate;
  }
  if (into.rates[spec].empty()) {
    into.rates.erase(spec);
    into.absent[spec] = "the sweep has no series of prefill or decode over threads or prompts";
  }
}

void add_cost(double price_per_hour, ComparedRate& rate) {
  constexpr double kMillion = 1e6, kSecondsPerHour = 3600;
  const auto cost = [&](double rate_of) -> std::optional<double> {
    if (!(rate_of > 0)) return std::nullopt;
    return price_per_hour / kSecondsPerHour / rate_of * kMillion;
  };
  rate.cost_per_million_tokens = cost(rate.tokens_per_second);
  rate.cost_low = cost(rate.high);
  rate.cost_high = cost(rate.low);
}

}  // namespace

std::string spec_of_sweep(const Sweep& sweep) {
  std::string said = lower_case(sweep.model.name);
  said.erase(0, said.rfind('/') == std::string::npos ? 0 : said.rfind('/') + 1);
  std::string best;
  for (const std::string& name : catalogue()) {
    const bool ends = said.size() == name.size() ||
                      (said.size() > name.size() && !std::isalnum(said[name.size()]));
    if (said.starts_with(name) && ends && name.size() > best.size()) best = name;
  }
  const std::string label = label_of(sweep.model.quantisation);
  return best.empty() || label.empty() ? "" : best + ":" + label;
}

DocumentRates rates_of(const ComparisonInput& input, const std::vector<std::string>& models,
                       const ComparisonRequest& request) {
  DocumentRates made;
  made.document.name = input.name;
  made.document.price_per_hour = input.price_per_hour;
  if (input.results) {
    add_results(*input.results, models, request, made);
  } else if (input.sweep) {
    add_sweep(*input.sweep, models, request, made);
  }
  if (input.price_per_hour) {
    for (auto& [model, phases] : made.rates) {
      for (auto& [phase, rate] : phases) add_cost(*input.price_per_hour, rate);
    }
  }
  return made;
}

}  // namespace mb
