// Puts the advice together. Everything follows from the results document alone, so the same
// document gives the same recommendation, byte for byte: its time is the document's, redraws are
// seeded.
#include "reports/advice/advise.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "data/error.h"
#include "data/plan/topology_check.h"
#include "reports/advice/levers.h"
#include "reports/advice/parts.h"
#include "reports/model/calibrate.h"
#include "workloads/shapes/weight_type.h"

namespace mb {
namespace {

std::string upper(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return made;
}

}  // namespace

std::string gib(std::int64_t bytes) {
  return fmt::format("{:.3g} GiB", static_cast<double>(bytes) / (1 << 30));
}

std::string title_of(const ModelShape& shape) {
  return fmt::format("{}, {}", shape.title, upper(shape.label()));
}

Fit fit_in_memory(const AdviceContext& context, const ModelShape& shape, std::int64_t positions) {
  const Query& query = context.query;
  const std::int64_t bytes = shape.memory_bytes(positions, query.kv_type) +
                             (query.batch - 1) * shape.kv_bytes(positions, query.kv_type);
  const std::int64_t budget = context.results.machine.limits.memory_budget_bytes;
  if (budget <= 0) {
    return {true, bytes, fmt::format("needs {}; the memory budget is not known", gib(bytes))};
  }
  return {bytes <= budget, bytes, fmt::format("needs {} of {}", gib(bytes), gib(budget))};
}

namespace {

ModelAdvice facts_of(const AdviceContext& context, const ModelShape& shape) {
  ModelAdvice advice;
  advice.model = shape.spec();
  advice.title = title_of(shape);
  advice.weight_bytes = shape.weight_bytes();
  advice.weight_bytes_per_token = shape.weight_bytes_per_token();
  advice.kv_bytes_per_position = shape.kv_bytes_per_position(context.query.kv_type);
  advice.engine_profile = context.engine.name;
  const Fit fit =
      fit_in_memory(context, shape, context.query.prompt_tokens + context.query.context_tokens);
  advice.memory_bytes = fit.bytes;
  advice.fits = fit.fits;
  advice.fits_reason = fit.reason;
  return advice;
}

ByThreads predict_all(const AdviceContext& context, const Workload& work, const char* phase) {
  Query query = context.query;
  query.phase = phase;
  ByThreads predictions;
  for (int threads = 1; threads <= context.budget; ++threads) {
    predictions.emplace(threads, context.model.predict(work, context.engine, query, threads));
  }
  return predictions;
}

ModelAdvice advise_model(const AdviceContext& context, const ModelShape& shape,
                         const std::vector<MachineModel>& redraws, const AdviceRequest& request) {
  ModelAdvice advice = facts_of(context, shape);
  if (request.gpu) advice.offload = offload(context, shape, *request.gpu);
  if (!advice.fits) return advice;
  const Workload work(shape);
  const ByThreads prefill = predict_all(context, work, "prefill");
  const ByThreads decode = predict_all(context, work, "decode");
  advice.prefill = advise_phase(context, work, prefill, redraws);
  advice.decode = advise_phase(context, work, decode, redraws);
  advice.compromise = advise_compromise(context, prefill, decode, advice.prefill, advice.decode);
  for (const ByThreads* phase : {&prefill, &decode}) {
    for (const auto& [threads, prediction] : *phase) advice.predictions.push_back(prediction);
  }
  advice.by_prompt = predict_by_prompt(context, work, advice.prefill.threads);
  advice.rules = judge_rules(context, shape, prefill, decode, advice);
  advice.engines =
      engine_settings(context.results.machine, std::string(to_string(shape.type)), advice);
  advice.levers = find_levers(context, shape);
  advice.speculation = speculate(context, shape);
  if (request.target_tokens_per_second) {
    advice.target = gap_to(context, shape, *request.target_tokens_per_second, advice);
  }
  return advice;
}

std::vector<ModelShape> shapes_asked(const std::vector<std::string>& specs) {
  std::vector<ModelShape> shapes;
  for (const std::string& spec : specs) {
    shapes.push_back(find_model(spec));
    if (!shapes.back().unsupported.empty()) {
      throw Error(ErrorCode::kNotAvailable, fmt::format("{}: {}", spec, shapes.back().unsupported));
    }
  }
  return shapes;
}

// The catalogue as a four-bit file holds it. The model whose steps were measured also comes in the
// two other sizes that people download most, so that a page can switch between them.
std::vector<ModelShape> shapes_unasked(const MachineModel& model) {
  constexpr std::array kOtherLabels{"q4_k_m", "q8_0"};
  const std::vector<ModelCurve> curves = model.curves();
  std::vector<ModelShape> shapes;
  for (const std::string& name : catalogue()) {
    ModelShape shape = find_model(name);
    if (!shape.unsupported.empty()) continue;
    const bool measured = std::ranges::find(curves, "measured_decode/" + shape.spec(),
                                            &ModelCurve::name) != curves.end();
    shapes.push_back(std::move(shape));
    if (!measured) continue;
    for (const char* label : kOtherLabels) shapes.push_back(find_model(name + ":" + label));
  }
  return shapes;
}

void check(const AdviceRequest& request) {
  if (!(request.tolerance >= 0 && request.tolerance < 1)) {
    throw Error(ErrorCode::kUsage, fmt::format("tolerance {} is not between 0 and 1 (0.02 is 2 %)",
                                               request.tolerance));
  }
  if (request.prompt_tokens < 1 || request.context_tokens < 0) {
    throw Error(ErrorCode::kUsage, "prompt: at least one token; context: none or more");
  }
}

}  // namespace

Recommendation advise(const Results& measured, const AdviceRequest& request) {
  check(request);
  // Cores, domains and packages as the pairs of CPUs show them: the campaign measured by the same.
  const TopologyCheck topology = check_topology(measured);
  Results results = measured;
  results.machine = with_inferred_topology(measured.machine, topology);
  const EngineProfile engine = engine_profile_for(results, request.engine_profile);
  const MachineModel model(results);
  const std::vector<ModelShape> shapes =
      request.models.empty() ? shapes_unasked(model) : shapes_asked(request.models);
  Query query{"", request.prompt_tokens, request.context_tokens, request.kv_type};
  query.batch = request.batch;
  const AdviceContext context{results, model,
                              engine,  request.tolerance,
                              query,   std::max(1, results.machine.limits.effective_cpus)};
  Recommendation made;
  made.created_utc = results.created_utc;
  made.results_file = request.results_file;
  made.tolerance = request.tolerance;
  made.prompt_tokens = request.prompt_tokens;
  made.context_tokens = request.context_tokens;
  made.limits = results.machine.limits;
  made.verdict = model.verdict();
  const std::vector<MachineModel> redraws = redraw(model);
  for (const ModelShape& shape : shapes) {
    made.models.push_back(advise_model(context, shape, redraws, request));
  }
  made.smt = compare_smt(results, request.tolerance);
  for (std::size_t i = 0; i < shapes.size() && made.kv_pressure.empty(); ++i) {
    if (made.models[i].fits) made.kv_pressure = kv_pressure(context, shapes[i]);
  }
  made.curves = model.curves();
  for (ModelCurve& curve : counter_curves(results)) made.curves.push_back(std::move(curve));
  made.rooflines = find_rooflines(results);
  play_for_charts(context, made);
  made.findings = find_findings(context);
  topology_findings(measured.machine, topology, made.findings);
  diagnose(context, made);
  made.offload_rules = judge_offload_rules(request.prompt_tokens + request.context_tokens);
  made.missing = results.missing;
  for (const std::vector<Missing>& more : {results.machine.missing, model.missing()}) {
    for (const Missing& entry : more) {
      if (std::find(made.missing.begin(), made.missing.end(), entry) == made.missing.end()) {
        made.missing.push_back(entry);
      }
    }
  }
  return made;
}

}  // namespace mb
