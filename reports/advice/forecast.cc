// Besides one request a thread count comes the request whose phases have the count that is fastest
// for each, which an engine with two settings reaches.
#include "reports/advice/forecast.h"

#include <algorithm>

#include "reports/advice/parts.h"
#include "reports/model/request_time.h"

namespace mb {
namespace {

std::vector<Prediction> predict_both(const MachineModel& model, const ModelShape& shape,
                                     const ForecastRequest& request) {
  const Workload work(shape);
  const int budget = model.machine().limits.effective_cpus;
  std::vector<Prediction> made;
  Query query = request.query;
  for (const char* phase : {"prefill", "decode"}) {
    query.phase = phase;
    for (const int threads : request.threads) {
      made.push_back(model.predict(work, request.engine, query, threads));
      if (threads > budget) made.back().extrapolated = true;
    }
  }
  return made;
}

int fastest(const std::vector<Prediction>& predictions, const char* phase) {
  const Prediction* best = nullptr;
  for (const Prediction& each : predictions) {
    if (each.phase != phase) continue;
    if (best == nullptr || each.tokens_per_second > best->tokens_per_second) best = &each;
  }
  return best->threads;
}

}  // namespace

Forecast forecast(const MachineModel& model, const ModelShape& shape,
                  const ForecastRequest& request) {
  Forecast made;
  made.model = shape.spec();
  made.title = title_of(shape);
  made.engine_profile = request.engine.name;
  made.interpolated_between = shape.between;
  made.verdict = model.verdict();
  made.predictions = predict_both(model, shape, request);
  const Workload work(shape);
  const auto add = [&](int prefill, int decode) {
    made.end_to_end.push_back(end_to_end(model, work, request.engine, request.query,
                                         request.new_tokens, prefill, decode));
  };
  for (const int threads : request.threads) add(threads, threads);
  const int prefill = fastest(made.predictions, "prefill");
  const int decode = fastest(made.predictions, "decode");
  if (prefill != decode) add(prefill, decode);
  for (const std::string& name : shape.between) {
    const ModelShape near = find_model(name + ":" + shape.label());
    made.nearest.push_back({near.spec(), title_of(near), predict_both(model, near, request)});
  }
  return made;
}

}  // namespace mb
