// Puts the advice together. Everything follows from the results document alone, so the same
// document gives the same recommendation, byte for byte: its time is the document's, redraws are
// seeded.
#include "reports/advice/advise.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"
#include "reports/advice/parts.h"

namespace mb {
namespace {

std::string gib(std::int64_t bytes) {
  return fmt::format("{:.3g} GiB", static_cast<double>(bytes) / (1 << 30));
}

std::string upper(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return made;
}

}  // namespace

std::string title_of(const ModelShape& shape) {
  return fmt::format("{}, {}", shape.title, upper(shape.label()));
}

namespace {

ModelAdvice facts_of(const AdviceContext& context, const ModelShape& shape) {
  ModelAdvice advice;
  advice.model = shape.spec();
  advice.title = title_of(shape);
  advice.weight_bytes = shape.weight_bytes();
  advice.weight_bytes_per_token = shape.weight_bytes_per_token();
  advice.kv_bytes_per_position = shape.kv_bytes_per_position();
  advice.memory_bytes = shape.memory_bytes(context.prompt_tokens + context.context_tokens);
  advice.engine_profile = context.engine.name;
  const std::int64_t budget = context.results.machine.limits.memory_budget_bytes;
  advice.fits = budget <= 0 || advice.memory_bytes <= budget;
  advice.fits_reason =
      budget <= 0
          ? fmt::format("needs {}; the memory budget is not known", gib(advice.memory_bytes))
          : fmt::format("needs {} of {}", gib(advice.memory_bytes), gib(budget));
  return advice;
}

ByThreads predict_all(const AdviceContext& context, const Workload& work, const char* phase) {
  const Query query{phase, context.prompt_tokens, context.context_tokens, "f16"};
  ByThreads predictions;
  for (int threads = 1; threads <= context.budget; ++threads) {
    predictions.emplace(threads, context.model.predict(work, context.engine, query, threads));
  }
  return predictions;
}

ModelAdvice advise_model(const AdviceContext& context, const ModelShape& shape,
                         const std::vector<MachineModel>& redraws) {
  ModelAdvice advice = facts_of(context, shape);
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
  advice.rules = judge_rules(context, prefill, decode, advice);
  advice.engines = engine_settings(context, advice);
  return advice;
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

Recommendation advise(const Results& results, const AdviceRequest& request) {
  check(request);
  const EngineProfile engine = find_engine_profile(request.engine_profile);
  std::vector<ModelShape> shapes;
  for (const std::string& spec : request.models.empty() ? catalogue() : request.models) {
    ModelShape shape = find_model(spec);
    if (!shape.unsupported.empty()) {
      if (request.models.empty()) continue;
      throw Error(ErrorCode::kNotAvailable, fmt::format("{}: {}", spec, shape.unsupported));
    }
    shapes.push_back(std::move(shape));
  }
  const MachineModel model(results);
  const AdviceContext context{results,
                              model,
                              engine,
                              request.tolerance,
                              request.prompt_tokens,
                              request.context_tokens,
                              std::max(1, results.machine.limits.effective_cpus)};
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
    made.models.push_back(advise_model(context, shape, redraws));
  }
  made.curves = model.curves();
  made.findings = find_findings(context);
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
