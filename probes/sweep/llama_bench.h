// The output of llama.cpp's llama-bench in each of its formats: json, jsonl, csv, md and sql, told
// apart by looks. Columns and keys are found by name, so that versions that add some are read too.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/sweep.h"

namespace mb {

// A larger figure is no count of threads, and may not fit an int.
inline constexpr double kMostThreadCount = 1 << 16;

// One reading a test (a row), with its lengths, depth and thread count; empty when nothing matches.
std::vector<SweepReading> read_llama_bench(std::string_view output);

// What llama-bench says of the machine and the model, of the last row that says it.
struct LlamaBenchFacts {
  std::string cpu, model, build;
  double weight_bytes = 0, parameters = 0;
};
LlamaBenchFacts llama_bench_facts(std::string_view output);

}  // namespace mb
