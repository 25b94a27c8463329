// What `compare` answers: documents of several machines, or of several runs, side by side. Results
// documents give predictions, sweep documents what an engine measured; each rate says which.
// Written as JSON (data/schema/comparison.schema.json) and never read back.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/validity.h"

namespace mb {

inline constexpr int kComparisonSchemaVersion = 1;

struct ComparedDocument {
  std::string name;               // short and unlike the others': the file's or its folder's
  std::string kind;               // results | sweep
  std::string machine, instance;  // CPU; cloud label, may be empty
  int cpus = 0;                   // that may be used; 0: not told
  std::string created_utc, version, engine;
  Verdict verdict;
  std::optional<double> price_per_hour;  // in the unit that the user thinks in
};

// One document's answer for one phase of a model.
struct ComparedRate {
  std::string document;
  int threads = 0;                                  // advised; 0: not told
  double tokens_per_second = 0, low = 0, high = 0;  // 90 % interval
  bool measured = false;                            // by an engine, else predicted
  std::optional<double> prompt_tokens, context_tokens;
  std::string limited_by, note;
  std::optional<double> cost_per_million_tokens, cost_low, cost_high;
  // Against the fastest: fastest | slower | not_told_apart (the intervals overlap).
  std::string standing;
};

struct ComparedPhase {
  std::string phase;                // prefill | decode
  std::vector<ComparedRate> rates;  // the fastest first
  std::string fastest, cheapest;    // names; cheapest: empty without prices
  bool fastest_told_apart = false;  // from all others
  bool same_threads = false;        // every document that tells advises one count
};

struct ModelComparison {
  std::string model, title;
  std::vector<ComparedPhase> phases;
  std::vector<std::string> absent;  // "NAME: needs 16.1 GiB of 7.5 GiB"
  std::string answer;               // which to take, in one or two sentences
};

// A point that two results documents have in common.
struct ComparedFigure {
  std::string point, unit, base, other;                // base, other: names of documents
  double base_value = 0, base_low = 0, base_high = 0;  // 95 % interval of the median
  double value = 0, low = 0, high = 0;
  double ratio = 0;      // value / base_value
  std::string standing;  // better | worse | not_told_apart
};
struct FigureCount {
  std::string base, other;
  int common = 0, better = 0, worse = 0, not_told_apart = 0;
};

struct Comparison {
  int schema_version = kComparisonSchemaVersion;
  std::vector<ComparedDocument> documents;
  std::vector<std::string> warnings;  // what makes the comparison unfair
  std::vector<ModelComparison> models;
  std::vector<FigureCount> counts;
  std::vector<ComparedFigure> figures;
};
std::string to_json_text(const Comparison& comparison);

}  // namespace mb
