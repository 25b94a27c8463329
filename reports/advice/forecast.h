// Predictions of one model over thread counts with the seconds of whole requests, and for a size
// those of its two neighbours in the catalogue.
#pragma once
#include <vector>

#include "data/documents/forecast.h"
#include "reports/model/machine_model.h"

namespace mb {

struct ForecastRequest {
  EngineProfile engine;
  Query query;                    // its phase is ignored: both are answered
  std::vector<int> threads;       // at least one
  std::int64_t new_tokens = 128;  // of an answer
};

// Throws Error(kUntrustworthy) when too little was measured.
Forecast forecast(const MachineModel& model, const ModelShape& shape,
                  const ForecastRequest& request);

}  // namespace mb
