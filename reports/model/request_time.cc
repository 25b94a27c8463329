// A decode step's seconds bend where the KV cache leaves a cache level and are straight elsewhere,
// so Simpson's rule over short stretches of context gives their sum to well under a percent.
#include "reports/model/request_time.h"

#include <algorithm>
#include <cmath>

#include "reports/model/workload.h"

namespace mb {

Seconds& Seconds::operator+=(const Seconds& other) {
  value += other.value;
  low += other.low;
  high += other.high;
  return *this;
}

Seconds step_time(const Prediction& prediction) {
  const double seconds = prediction.seconds.value_or(0), rate = prediction.tokens_per_second;
  return {seconds, seconds * rate / prediction.high, seconds * rate / prediction.low};
}

Seconds decode_time(const MachineModel& model, const Workload& work, const EngineProfile& engine,
                    Query query, std::int64_t steps, int threads) {
  if (steps <= 0) return {};
  query.phase = "decode";
  const std::int64_t first = query.context_tokens, last = first + steps - 1;
  const auto at = [&](double context) {
    query.context_tokens = static_cast<std::int64_t>(std::llround(context));
    return step_time(model.predict(work, engine, query, threads));
  };
  constexpr std::int64_t kStretch = 1024, kMostStretches = 64;
  const auto stretches =
      static_cast<double>(std::clamp(steps / kStretch, std::int64_t{1}, kMostStretches));
  const double width = static_cast<double>(last - first) / stretches;
  const double share = static_cast<double>(steps) / stretches;
  Seconds total, from = at(static_cast<double>(first));
  for (int i = 0; i < static_cast<int>(stretches); ++i) {
    const double begin = static_cast<double>(first) + i * width;
    const Seconds middle = at(begin + width / 2), to = at(begin + width);
    const auto mean = [](double a, double m, double b) { return (a + 4 * m + b) / 6; };
    total +=
        {share * mean(from.value, middle.value, to.value),
         share * mean(from.low, middle.low, to.low), share * mean(from.high, middle.high, to.high)};
    from = to;
  }
  return total;
}

EndToEnd end_to_end(const MachineModel& model, const Workload& work, const EngineProfile& engine,
                    Query query, std::int64_t new_tokens, int prefill_threads, int decode_threads) {
  query.phase = "prefill";
  const Seconds first = step_time(model.predict(work, engine, query, prefill_threads));
  Query answer = query;
  answer.context_tokens = query.context_tokens + query.prompt_tokens;
  const Seconds rest = decode_time(model, work, engine, answer, new_tokens - 1, decode_threads);
  Seconds whole = first;
  whole += rest;
  return {prefill_threads, decode_threads, query.prompt_tokens, query.context_tokens,
          new_tokens,      first.value,    rest.value,          whole.value,
          whole.low,       whole.high};
}

}  // namespace mb
