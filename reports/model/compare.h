// Predictions beside what an engine measured: how far off, by phase; which term explains it; what
// the advice would have lost; whether memory was as predicted.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/documents/sweep.h"
#include "reports/model/machine_model.h"

namespace mb {

struct NamedSweep {
  std::string name;  // its file
  Sweep sweep;
  ModelShape shape;  // of the model that ran
};

struct ComparedPoint {
  std::string sweep, label, phase;  // phase: prefill | decode | mixed
  int threads = 0;
  double measured_tokens_per_second = 0;
  // Of a mixed phase: generated tokens over prefill and decode together; the interval spans both.
  Prediction predicted;
  double error() const;  // predicted over measured, less 1
};

// Valid points over threads whose counts the machine document covers; decode and prefill at the
// lengths that the sweep gives (prompt 512 where it gives none, decode in the middle of what is
// generated). `skipped` gets one line for each kind of point that was left out.
std::vector<ComparedPoint> compare(const MachineModel& model, const EngineProfile& engine,
                                   const NamedSweep& sweep, std::vector<std::string>& skipped);

struct PhaseErrors {
  std::string phase;
  int points = 0;
  double mean = 0, median = 0, worst = 0;  // of |predicted / measured - 1|
  double bias = 0;                         // geometric mean of predicted / measured, less 1
  double inside_interval = 0;              // share
  // The term whose seconds, multiplied by `factor`, explain most, where they halve the squared
  // error at least; empty: none does.
  std::string term;
  double factor = 1;
};
std::vector<PhaseErrors> errors_by_phase(const std::vector<ComparedPoint>& points);

// What the predicted choice among the measured counts loses against the best of them.
struct SeriesRegret {
  std::string sweep, label, phase;
  int advised_threads = 0, best_threads = 0;
  double regret = 0;
};
std::vector<SeriesRegret> regrets(const std::vector<ComparedPoint>& points, double tolerance);

// Largest resident set of a sweep's runs against the shape's prediction at its longest context.
struct MemoryComparison {
  std::string sweep;
  std::int64_t measured_bytes = 0, predicted_bytes = 0;
};
std::optional<MemoryComparison> compare_memory(const NamedSweep& sweep);

}  // namespace mb
