// A term explains an error when one factor on its seconds, the same for all points of the phase,
// takes most of the squared error away: the factor is found by a search on a logarithmic grid, so
// that no term is favoured by its size.
#include "reports/model/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "reports/model/workload.h"

namespace mb {
namespace {

constexpr std::int64_t kDefaultPrompt = 512;  // DESIGN section 7

std::int64_t whole(std::optional<double> of_point, std::optional<double> of_series,
                   std::int64_t otherwise) {
  const auto value = of_point ? of_point : of_series;
  return value && *value >= 1 ? std::llround(*value) : otherwise;
}

struct Lengths {
  std::int64_t prompt, context, generated;
};

Lengths lengths_of(const SweepSeries& series, const SweepPoint& point) {
  return {whole(point.prompt_tokens, series.prompt_tokens,
                series.phase == "decode" ? 0 : kDefaultPrompt),
          whole(point.context_tokens, series.context_tokens, 0),
          whole(point.new_tokens, series.new_tokens, 0)};
}

class Predictor {
 public:
  Predictor(const MachineModel& model, const EngineProfile& engine, const ModelShape& shape)
      : model_(model), engine_(engine), work_(shape) {}

  Prediction predict(const std::string& phase, const Lengths& at, int threads) const {
    if (phase == "prefill") return prefill(at, threads);
    if (phase == "decode") return decode(at, threads);
    const Prediction first = prefill(at, threads), then = decode(at, threads);
    const auto made = static_cast<double>(std::max<std::int64_t>(at.generated, 1));
    const auto together = [&](double Prediction::*rate) {
      return made / (static_cast<double>(at.prompt) / (first.*rate) + made / (then.*rate));
    };
    Prediction both = then;
    both.phase = phase;
    both.prompt_tokens = at.prompt;
    both.tokens_per_second = together(&Prediction::tokens_per_second);
    both.low = together(&Prediction::low);
    both.high = together(&Prediction::high);
    for (auto& [term, seconds] : both.seconds_by_term) {
      seconds = seconds * made + first.seconds_by_term.at(term);
    }
    return both;
  }

 private:
  Prediction prefill(const Lengths& at, int threads) const {
    return model_.predict(work_, engine_, {"prefill", at.prompt, at.context, "f16"}, threads);
  }
  Prediction decode(const Lengths& at, int threads) const {
    const std::int64_t middle = at.context + at.prompt + at.generated / 2;
    return model_.predict(work_, engine_,
                          {"decode", std::max<std::int64_t>(at.prompt, 1), middle, "f16"}, threads);
  }

  const MachineModel& model_;
  const EngineProfile& engine_;
  Workload work_;
};

double seconds_of(const Prediction& prediction) {
  double sum = 0;
  for (const auto& [term, seconds] : prediction.seconds_by_term) sum += seconds;
  return sum;
}

// Squared log errors with the term's seconds multiplied by `factor`.
double cost_with(const std::vector<const ComparedPoint*>& points, const std::string& term,
                 double factor) {
  double cost = 0;
  for (const ComparedPoint* point : points) {
    const double total = seconds_of(point->predicted);
    const double changed = total + (factor - 1) * point->predicted.seconds_by_term.at(term);
    const double rate = point->predicted.tokens_per_second * total / changed;
    cost += std::pow(std::log(rate / point->measured_tokens_per_second), 2);
  }
  return cost;
}

void explain(PhaseErrors& errors, const std::vector<const ComparedPoint*>& points) {
  const double before = cost_with(points, "weights", 1);
  double least = before / 2;
  for (const auto& [term, seconds] : points.front()->predicted.seconds_by_term) {
    for (int step = -40; step <= 40; ++step) {  // a tenth to ten times, by 6 %
      const double factor = std::pow(10.0, step / 40.0);
      const double cost = cost_with(points, term, factor);
      if (cost >= least) continue;
      least = cost;
      errors.term = term;
      errors.factor = factor;
    }
  }
}

}  // namespace

double ComparedPoint::error() const {
  return predicted.tokens_per_second / measured_tokens_per_second - 1;
}

std::vector<ComparedPoint> compare(const MachineModel& model, const EngineProfile& engine,
                                   const NamedSweep& sweep, std::vector<std::string>& skipped) {
  const Predictor predictor(model, engine, sweep.shape);
  const int budget = model.machine().limits.effective_cpus;
  std::map<std::string, int> left_out;
  std::vector<ComparedPoint> points;
  for (const SweepSeries& series : sweep.sweep.series) {
    for (const SweepPoint& point : series.points) {
      const auto threads = point.threads ? point.threads : series.threads;
      if (point.status != "valid" || point.tokens_per_second.value_or(0) <= 0) {
        ++left_out["without a usable figure"];
      } else if (!threads) {
        ++left_out["whose thread count is not known"];
      } else if (*threads > budget) {
        ++left_out[fmt::format("above the CPU budget of {} that was measured", budget)];
      } else if (point.batch.value_or(series.batch.value_or(1)) > 1) {
        ++left_out["of several sequences at once, which the model does not predict"];
      } else {
        points.push_back({sweep.name, series.label, series.phase, *threads,
                          *point.tokens_per_second,
                          predictor.predict(series.phase, lengths_of(series, point), *threads)});
      }
    }
  }
  for (const auto& [why, count] : left_out) {
    skipped.push_back(fmt::format("{}: {} left out {}", sweep.name,
                                  count == 1 ? "1 point" : fmt::format("{} points", count), why));
  }
  return points;
}

std::vector<PhaseErrors> errors_by_phase(const std::vector<ComparedPoint>& points) {
  std::vector<PhaseErrors> all;
  for (const char* phase : {"prefill", "decode", "mixed"}) {
    std::vector<const ComparedPoint*> of_phase;
    for (const ComparedPoint& point : points) {
      if (point.phase == phase) of_phase.push_back(&point);
    }
    if (of_phase.empty()) continue;
    PhaseErrors errors{.phase = phase, .points = static_cast<int>(of_phase.size())};
    std::vector<double> sizes;
    for (const ComparedPoint* point : of_phase) {
      const double error = point->error();
      sizes.push_back(std::abs(error));
      errors.bias += std::log1p(error) / errors.points;
      const bool inside = point->predicted.low <= point->measured_tokens_per_second &&
                          point->measured_tokens_per_second <= point->predicted.high;
      errors.inside_interval += inside ? 1.0 / errors.points : 0;
    }
    errors.bias = std::expm1(errors.bias);
    std::ranges::sort(sizes);
    errors.mean = std::accumulate(sizes.begin(), sizes.end(), 0.0) / errors.points;
    errors.median = (sizes[sizes.size() / 2] + sizes[(sizes.size() - 1) / 2]) / 2;
    errors.worst = sizes.back();
    explain(errors, of_phase);
    all.push_back(std::move(errors));
  }
  return all;
}

std::vector<SeriesRegret> regrets(const std::vector<ComparedPoint>& points, double tolerance) {
  using Key = std::tuple<std::string, std::string, std::string, std::int64_t, std::int64_t>;
  std::map<Key, std::vector<const ComparedPoint*>> series;
  for (const ComparedPoint& point : points) {
    series[{point.sweep, point.label, point.phase, point.predicted.prompt_tokens,
            point.predicted.context_tokens}]
        .push_back(&point);
  }
  std::vector<SeriesRegret> all;
  for (auto& [key, of_series] : series) {
    if (of_series.size() < 2) continue;
    std::ranges::sort(of_series, {}, &ComparedPoint::threads);
    double best_predicted = 0;
    const ComparedPoint* best = of_series.front();
    for (const ComparedPoint* point : of_series) {
      best_predicted = std::max(best_predicted, point->predicted.tokens_per_second);
      if (point->measured_tokens_per_second > best->measured_tokens_per_second) best = point;
    }
    const ComparedPoint* advised = *std::ranges::find_if(of_series, [&](const auto* point) {
      return point->predicted.tokens_per_second >= (1 - tolerance) * best_predicted;
    });
    all.push_back({advised->sweep, advised->label, advised->phase, advised->threads, best->threads,
                   1 - advised->measured_tokens_per_second / best->measured_tokens_per_second});
  }
  return all;
}

std::optional<MemoryComparison> compare_memory(const NamedSweep& sweep) {
  MemoryComparison memory{sweep.name, 0, 0};
  for (const SweepRun& run : sweep.sweep.runs) {
    memory.measured_bytes = std::max(memory.measured_bytes, run.usage.peak_rss_bytes.value_or(0));
  }
  if (memory.measured_bytes == 0) return std::nullopt;
  std::int64_t longest = 0;
  for (const SweepSeries& series : sweep.sweep.series) {
    for (const SweepPoint& point : series.points) {
      const Lengths at = lengths_of(series, point);
      longest = std::max(longest, at.prompt + at.context + at.generated);
    }
  }
  memory.predicted_bytes = sweep.shape.memory_bytes(longest);
  return memory;
}

}  // namespace mb
