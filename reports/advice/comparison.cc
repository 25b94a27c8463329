// Two rates are told apart when their 90 % intervals do not overlap, two measured points when the
// 95 % intervals of their medians do not: stricter than a test of the difference, so what is called
// different is. Nothing is averaged over machines or points.
#include "reports/advice/comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "data/error.h"
#include "reports/advice/comparison_rates.h"
#include "reports/advice/parts.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

std::string number(double value) { return fmt::format("{:.3g}", value); }

ComparedPhase join_phase(const std::vector<DocumentRates>& all, const std::string& model,
                         const std::string& phase) {
  ComparedPhase made;
  made.phase = phase;
  for (const DocumentRates& one : all) {
    const auto rates = one.rates.find(model);
    if (rates == one.rates.end() || !rates->second.contains(phase)) continue;
    made.rates.push_back(rates->second.at(phase));
  }
  if (made.rates.empty()) return made;
  std::ranges::stable_sort(made.rates, std::greater<>(), &ComparedRate::tokens_per_second);
  ComparedRate& first = made.rates.front();
  first.standing = "fastest";
  made.fastest = first.document;
  made.fastest_told_apart = made.rates.size() > 1;
  std::set<int> counts;
  const ComparedRate* cheapest = nullptr;
  for (ComparedRate& rate : made.rates) {
    if (rate.threads > 0) counts.insert(rate.threads);
    if (&rate != &first) {
      const bool apart = rate.high < first.low;
      rate.standing = apart ? "slower" : "not_told_apart";
      made.fastest_told_apart = made.fastest_told_apart && apart;
    }
    if (rate.cost_per_million_tokens &&
        (cheapest == nullptr ||
         *rate.cost_per_million_tokens < *cheapest->cost_per_million_tokens)) {
      cheapest = &rate;
    }
  }
  if (cheapest != nullptr) made.cheapest = cheapest->document;
  made.same_threads = counts.size() == 1;
  return made;
}

const ComparedRate& rate_in(const ComparedPhase& phase, const std::string& document) {
  return *std::ranges::find(phase.rates, document, &ComparedRate::document);
}

// One sentence a phase: the fastest and whether that is sure, then the cheapest.
std::string sentence_on(const ComparedPhase& phase) {
  const std::string name = phase.phase == "prefill" ? "Prompts are read" : "Answers are written";
  if (phase.rates.empty()) return "";
  const ComparedRate& first = phase.rates.front();
  if (phase.rates.size() == 1) {
    return fmt::format("{}: only {} has a figure, {} tokens/s.", name, first.document,
                       number(first.tokens_per_second));
  }
  const ComparedRate& second = phase.rates[1];
  std::string text = fmt::format(
      "{} fastest on {}, {} tokens/s against {} on {}{}", name, first.document,
      number(first.tokens_per_second), number(second.tokens_per_second), second.document,
      phase.fastest_told_apart ? "" : ", a difference within the uncertainty");
  if (!phase.cheapest.empty()) {
    const ComparedRate& cheap = rate_in(phase, phase.cheapest);
    text += fmt::format("; cheapest on {}, {} a million tokens", cheap.document,
                        number(*cheap.cost_per_million_tokens));
  }
  return text + ".";
}

ModelComparison join_model(const std::vector<DocumentRates>& all, const std::string& model) {
  ModelComparison made;
  made.model = model;
  made.title = title_of(find_model(model));
  for (const DocumentRates& one : all) {
    const auto absent = one.absent.find(model);
    if (absent != one.absent.end()) {
      made.absent.push_back(fmt::format("{}: {}", one.document.name, absent->second));
    }
  }
  for (const char* phase : {"prefill", "decode"}) {
    ComparedPhase joined = join_phase(all, model, phase);
    if (joined.rates.empty()) continue;
    const std::string sentence = sentence_on(joined);
    made.answer += (made.answer.empty() ? "" : " ") + sentence;
    made.phases.push_back(std::move(joined));
  }
  if (made.phases.empty()) made.answer = "No document has a rate for it.";
  return made;
}

bool usable_for_comparison(const Point& point) {
  return (point.verdict.validity == Validity::kValid ||
          point.verdict.validity == Validity::kNoisy) &&
         point.summary.count > 1 && point.summary.median > 0;
}

void compare_points(const ComparisonInput& base, const ComparisonInput& other, Comparison& into) {
  std::map<std::string, const Point*> known;
  for (const Point& point : base.results->points) {
    if (usable_for_comparison(point)) known[point.name] = &point;
  }
  FigureCount count{base.name, other.name};
  for (const Point& point : other.results->points) {
    const auto found = known.find(point.name);
    if (!usable_for_comparison(point) || found == known.end() ||
        found->second->unit != point.unit) {
      continue;
    }
    const Summary &a = found->second->summary, &b = point.summary;
    ComparedFigure made{point.name,
                        std::string(to_string(point.unit)),
                        base.name,
                        other.name,
                        a.median,
                        a.low,
                        a.high,
                        b.median,
                        b.low,
                        b.high,
                        b.median / a.median,
                        ""};
    const bool above = b.low > a.high, below = b.high < a.low;
    const bool less_is_better = point.unit == Unit::kSeconds;
    made.standing = !above && !below          ? "not_told_apart"
                    : above != less_is_better ? "better"
                                              : "worse";
    ++count.common;
    ++(made.standing == "better"  ? count.better
       : made.standing == "worse" ? count.worse
                                  : count.not_told_apart);
    into.figures.push_back(std::move(made));
  }
  into.counts.push_back(count);
}

// "NAME value" of all documents that have one, where they differ; empty where they agree.
std::string differing(const std::vector<std::pair<std::string, std::string>>& values) {
  std::set<std::string> distinct;
  std::vector<std::string> words;
  for (const auto& [name, value] : values) {
    distinct.insert(value);
    words.push_back(fmt::format("{} {}", name, value));
  }
  return distinct.size() > 1 ? fmt::format("{}", fmt::join(words, ", ")) : "";
}

void warn_of_runs(const std::vector<ComparisonInput>& inputs, Comparison& into) {
  std::vector<std::pair<std::string, std::string>> versions, builds, targets, budgets, points;
  for (const ComparisonInput& input : inputs) {
    if (!input.results) continue;
    const Results& r = *input.results;
    versions.emplace_back(input.name, r.build.version);
    builds.emplace_back(input.name, r.build.compiler + " " + r.build.type);
    targets.emplace_back(input.name, r.build.isa_chosen);
    budgets.emplace_back(input.name, fmt::format("{:g} s", r.budget_seconds));
    points.emplace_back(input.name, fmt::format("{}", r.points.size()));
    if (r.state != "complete") {
      into.warnings.push_back(fmt::format("{} was {} before its end.", input.name, r.state));
    }
  }
  const auto warn = [&into](const std::string& what, const std::string& values) {
    if (!values.empty()) into.warnings.push_back(fmt::format("{}: {}.", what, values));
  };
  warn("Programs of different versions", differing(versions));
  warn("Different builds", differing(builds));
  warn("Kernels of different instruction sets, as each machine has them", differing(targets));
  warn("Different plans, time to measure", differing(budgets));
  warn("Different plans, points measured", differing(points));
}

void warn_of_documents(Comparison& into) {
  std::vector<std::pair<std::string, std::string>> verdicts, kinds;
  for (const ComparedDocument& one : into.documents) {
    if (one.kind == "results") {
      verdicts.emplace_back(one.name, std::string(to_string(one.verdict.validity)));
    }
    kinds.emplace_back(one.name, one.kind == "sweep" ? "measured with " + one.engine
                                                     : "predicted for " + one.engine);
    if (one.verdict.validity == Validity::kInvalid) {
      into.warnings.push_back(fmt::format("{} is not trustworthy.", one.name));
    }
  }
  const std::string validity = differing(verdicts), engines = differing(kinds);
  if (!validity.empty()) into.warnings.push_back("Different validity: " + validity + ".");
  if (!engines.empty()) into.warnings.push_back("Not the same engine: " + engines + ".");
}

void warn_of_rates(Comparison& into) {
  for (const ModelComparison& model : into.models) {
    for (const ComparedPhase& phase : model.phases) {
      std::vector<std::pair<std::string, std::string>> lengths, words;
      for (const ComparedRate& rate : phase.rates) {
        if (rate.prompt_tokens) {
          lengths.emplace_back(rate.document, fmt::format("{:g}", *rate.prompt_tokens));
        }
        if (!rate.note.empty()) words.emplace_back(rate.document, "\"" + rate.note + "\"");
      }
      const std::string prompts = differing(lengths);
      if (!prompts.empty()) {
        into.warnings.push_back(fmt::format("{}, {}: prompts of different lengths, {} tokens.",
                                            model.title, phase.phase, prompts));
      }
      if (phase.phase == "decode" && !words.empty()) {
        std::vector<std::string> said;
        for (const auto& [name, word] : words) said.push_back(name + " " + word);
        into.warnings.push_back(fmt::format("{}: quantisation in the sources' words, {}.",
                                            model.title, fmt::join(said, ", ")));
      }
    }
  }
}

std::vector<std::string> models_of(const std::vector<ComparisonInput>& inputs,
                                   const ComparisonRequest& request) {
  if (!request.models.empty()) return request.models;
  std::vector<std::string> models;
  for (const ComparisonInput& input : inputs) {
    const std::string spec = input.sweep ? spec_of_sweep(*input.sweep) : "";
    if (!spec.empty() && std::ranges::count(models, spec) == 0) models.push_back(spec);
  }
  if (!models.empty()) return models;
  for (const std::string& name : catalogue()) {
    const ModelShape shape = find_model(name);
    if (shape.unsupported.empty()) models.push_back(shape.spec());
  }
  return models;
}

}  // namespace

Comparison compare_documents(const std::vector<ComparisonInput>& inputs,
                             const ComparisonRequest& request) {
  if (inputs.size() < 2) {
    throw Error(ErrorCode::kUsage, "compare: at least two documents are needed");
  }
  const std::vector<std::string> models = models_of(inputs, request);
  std::vector<DocumentRates> all;
  for (const ComparisonInput& input : inputs) all.push_back(rates_of(input, models, request));
  Comparison made;
  for (const DocumentRates& one : all) made.documents.push_back(one.document);
  bool any = false;
  for (const std::string& model : models) {
    ModelComparison joined = join_model(all, model);
    any = any || !joined.phases.empty();
    // Unasked, a model that nobody can run is left out.
    if (!joined.phases.empty() || !request.models.empty()) made.models.push_back(std::move(joined));
  }
  if (!any) {
    throw Error(ErrorCode::kUsage,
                fmt::format("compare: no document has a rate for {}; name another with --model",
                            fmt::join(models, ", ")));
  }
  const auto base = std::ranges::find_if(
      inputs, [](const ComparisonInput& input) { return input.results.has_value(); });
  for (auto other = base; other != inputs.end(); ++other) {
    if (other != base && other->results) compare_points(*base, *other, made);
  }
  warn_of_runs(inputs, made);
  warn_of_documents(made);
  warn_of_rates(made);
  return made;
}

}  // namespace mb
