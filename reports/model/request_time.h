// Seconds of whole requests: a prefill, and a run of decode steps whose context grows.
#pragma once
#include <cstdint>

#include "data/documents/forecast.h"
#include "reports/model/machine_model.h"

namespace mb {

struct Seconds {
  double value = 0, low = 0, high = 0;  // 90 % interval
  Seconds& operator+=(const Seconds& other);
};

// One step of this prediction's kind, with the interval of its rate.
Seconds step_time(const Prediction& prediction);

// `steps` decode steps that find context_tokens, context_tokens + 1 ... positions in the cache; the
// query's phase is ignored. None take no time.
Seconds decode_time(const MachineModel& model, const Workload& work, const EngineProfile& engine,
                    Query query, std::int64_t steps, int threads);

// A request of query.prompt_tokens on query.context_tokens and new_tokens of answer (at least 1).
// Errors are taken as shared by both phases, so the ends of their intervals add up.
EndToEnd end_to_end(const MachineModel& model, const Workload& work, const EngineProfile& engine,
                    Query query, std::int64_t new_tokens, int prefill_threads, int decode_threads);

}  // namespace mb
