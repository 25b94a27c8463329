// What only charts show, worked out here because a renderer computes nothing: prefill by prompt
// length, the operations of a profiled step under the machine's roof, what hardware counters say
// by threads, and a conversation played by the leading model.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "reports/advice/parts.h"
#include "reports/advice/scenario.h"

namespace mb {
namespace {

// From a short turn to a long document, each four times the last.
constexpr std::array<std::int64_t, 6> kColdPrompts{8, 32, 128, 512, 2048, 8192};
// A turn of a conversation whose history lies in the cache.
constexpr std::array<std::int64_t, 4> kWarmPrompts{8, 32, 128, 512};
constexpr std::int64_t kWarmContext = 4096;
constexpr std::string_view kPreset = "chat";

bool usable(const Point& point) {
  const Validity validity = point.verdict.validity;
  return (validity == Validity::kValid || validity == Validity::kNoisy) &&
         point.summary.count > 0 && point.summary.median > 0;
}

std::int64_t threads_of_point(const Point& point) {
  return point.parameters.number_or("threads", 1);
}

// The largest median at the most threads up to `threads` among the points that `wanted` picks; 0:
// there is none.
template <class Wanted>
double rate_at(const Results& results, std::string_view probe, std::int64_t threads,
               const Wanted& wanted) {
  std::int64_t at = 0;
  double best = 0;
  for (const Point* point : results.of_probe(probe)) {
    const std::int64_t count = threads_of_point(*point);
    if (!usable(*point) || count > threads || count < at || !wanted(point->parameters)) continue;
    if (count > at) best = 0;
    at = count;
    best = std::max(best, point->summary.median);
  }
  return best;
}

// The fastest matrix product of the model's own weights, else of any: bytes multiply faster than
// floats, and a step is held against what its own can do.
double matmul_rate(const Results& results, const std::string& model, std::int64_t threads) {
  const std::string label = model.substr(model.rfind(':') + 1);
  const auto rate = [&](bool own) {
    return rate_at(results, "matmul_throughput", threads, [&](const Parameters& p) {
      return p.text_or("operation", "") == "matmul" &&
             (!own || label.starts_with(p.text_or("type", "-")));  // q4_k_m: mostly q4_k
    });
  };
  const double own = rate(true);
  return own > 0 ? own : rate(false);
}

// Facts NAME_seconds, NAME_flops and NAME_bytes of a step's kinds of operations.
std::vector<RooflineOperation> operations_of(const Point& point) {
  constexpr std::string_view kSeconds = "_seconds";
  std::vector<RooflineOperation> operations;
  double all = 0;
  for (const auto& [fact, seconds] : point.facts) {
    if (!fact.ends_with(kSeconds) || !(seconds > 0)) continue;
    const std::string name = fact.substr(0, fact.size() - kSeconds.size());
    const bool of_one_layer =
        name.starts_with("layer") && std::isdigit(static_cast<unsigned char>(name[5]));
    const auto flops = point.facts.find(name + "_flops"), bytes = point.facts.find(name + "_bytes");
    if (of_one_layer || flops == point.facts.end() || bytes == point.facts.end()) continue;
    all += seconds;
    if (!(flops->second > 0) || !(bytes->second > 0)) continue;
    const auto served = point.notes.find(name + "_served_by");
    operations.push_back({name, flops->second / bytes->second, flops->second / seconds,
                          bytes->second / seconds, seconds, 0,
                          served == point.notes.end() ? "" : served->second});
  }
  for (RooflineOperation& operation : operations) operation.share = operation.seconds / all;
  std::ranges::stable_sort(operations, std::greater<>(), &RooflineOperation::share);
  return operations;
}

// Straight up to the ridge point, then flat, half a decade past the operations on both sides.
void add_roof(Roofline& roofline) {
  const double ridge = roofline.peak_flops_per_second / roofline.bandwidth_bytes_per_second;
  double least = ridge, most = ridge;
  for (const RooflineOperation& operation : roofline.operations) {
    least = std::min(least, operation.flops_per_byte);
    most = std::max(most, operation.flops_per_byte);
  }
  const double room = std::sqrt(10.0);
  roofline.roof_flops_per_byte = {least / room, ridge, most * room};
  roofline.roof_flops_per_second = {roofline.bandwidth_bytes_per_second * least / room,
                                    roofline.peak_flops_per_second, roofline.peak_flops_per_second};
}

std::string what_of(const Point& point) {
  if (point.probe == "decode_scaling") return "decode step";
  if (point.probe == "prefill_scaling") return "prefill step";
  const bool plain = !point.parameters.has("placement") && !point.parameters.has("cpu_node");
  if (point.probe == "stream_bandwidth" && plain &&
      point.parameters.text_or("operation", "") == "read" &&
      point.parameters.text_or("level", "") == "dram" &&
      point.parameters.text_or("page", "") == "thp") {
    return "DRAM read";
  }
  return "";
}

}  // namespace

std::vector<Prediction> predict_by_prompt(const AdviceContext& context, const Workload& work,
                                          int threads) {
  std::vector<Prediction> made;
  Query query = context.query;
  query.phase = "prefill";
  const auto add = [&](std::int64_t prompt, std::int64_t cached) {
    query.prompt_tokens = prompt;
    query.context_tokens = cached;
    made.push_back(context.model.predict(work, context.engine, query, threads));
  };
  for (const std::int64_t prompt : kColdPrompts) add(prompt, 0);
  for (const std::int64_t prompt : kWarmPrompts) add(prompt, kWarmContext);
  return made;
}

std::vector<Roofline> find_rooflines(const Results& results) {
  std::map<std::string, Roofline> by_step;  // of each phase and model the one with most threads
  for (const char* probe : {"prefill_scaling", "decode_scaling"}) {
    for (const Point* point : results.of_probe(probe)) {
      if (!usable(*point)) continue;
      Roofline made;
      made.operations = operations_of(*point);
      if (made.operations.empty()) continue;
      made.point = point->name;
      made.phase = std::string_view(probe) == "prefill_scaling" ? "prefill" : "decode";
      made.model = point->parameters.text_or("model", "");
      made.threads = static_cast<int>(threads_of_point(*point));
      made.bandwidth_bytes_per_second =
          rate_at(results, "stream_bandwidth", made.threads, [](const Parameters& p) {
            return p.text_or("operation", "") == "read" && p.text_or("level", "") == "dram" &&
                   !p.has("placement") && !p.has("cpu_node");
          });
      made.peak_flops_per_second = matmul_rate(results, made.model, made.threads);
      if (!(made.bandwidth_bytes_per_second > 0) || !(made.peak_flops_per_second > 0)) continue;
      add_roof(made);
      Roofline& kept = by_step[made.phase + "/" + made.model];
      if (made.threads >= kept.threads) kept = std::move(made);
    }
  }
  std::vector<Roofline> all;
  for (auto& [step, roofline] : by_step) all.push_back(std::move(roofline));
  return all;
}

std::vector<ModelCurve> counter_curves(const Results& results) {
  std::map<std::string, ModelCurve> curves;
  const auto add = [&curves](const std::string& figure, const char* unit, const std::string& what,
                             double threads, double value) {
    ModelCurve& curve = curves[figure + "/" + what];
    curve.name = figure + "/" + what;
    curve.x_unit = "threads";
    curve.y_unit = unit;
    if (!curve.x.empty() && curve.x.back() >= threads) return;  // the first model of each step
    curve.x.push_back(threads);
    curve.y.push_back(value);
  };
  std::vector<const Point*> points;
  for (const Point& point : results.points) {
    if (usable(point) && !what_of(point).empty()) points.push_back(&point);
  }
  std::ranges::stable_sort(points, std::less<>(),
                           [](const Point* point) { return threads_of_point(*point); });
  for (const Point* point : points) {
    const auto& values = point->counters.values;
    const auto count = [&values](const char* event) {
      const auto found = values.find(event);
      return found == values.end() ? 0.0 : static_cast<double>(found->second);
    };
    const double instructions = count("PAPI_TOT_INS"), cycles = count("PAPI_TOT_CYC");
    const auto threads = static_cast<double>(threads_of_point(*point));
    if (!(instructions > 0)) continue;
    if (cycles > 0) {
      add("instructions_per_cycle", "1", what_of(*point), threads, instructions / cycles);
    }
    if (values.contains("PAPI_L3_TCM")) {
      add("l3_misses_per_kilo_instruction", "1", what_of(*point), threads,
          1e3 * count("PAPI_L3_TCM") / instructions);
    }
  }
  std::vector<ModelCurve> all;
  for (auto& [name, curve] : curves) all.push_back(std::move(curve));
  return all;
}

void play_for_charts(const AdviceContext& context, Recommendation& made) {
  const ModelAdvice* lead = leading_model(made);
  if (lead == nullptr || !lead->fits) return;
  AdviceContext fresh = context;
  fresh.query.context_tokens = 0;
  const std::vector<PhaseTokens> phases = parse_phases(find_scenario_preset(kPreset).phases);
  ModelScenario played = play_model(fresh, find_model(lead->model), phases);
  if (!played.fits) return;
  made.scenario_name = kPreset;
  made.scenario = std::move(played);
}

}  // namespace mb
