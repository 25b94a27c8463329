// Calibration: a few runs of an engine scale the forward model. Each phase gets one common factor
// and each of its terms a factor of its own around it; what the runs cannot tell apart stays near
// the common one.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/results.h"
#include "reports/model/compare.h"

namespace mb {

// `results` with the profile `name` fitted to the sweeps and the points it was fitted to; every
// measurement stays as it was. `name` is a profile of data/engines, or a new name, then on the base
// of "generic". Throws Error(kUntrustworthy) when no point can be used.
Results calibrate(const Results& results, const std::vector<NamedSweep>& sweeps,
                  const std::string& name);

// The profile to predict with: what was calibrated under `name` last, else that of data/engines.
// Throws Error(kUsage) listing the names.
EngineProfile engine_profile_for(const Results& results, std::string_view name);

// `asked`, or where nothing is asked for what was calibrated last, or the default.
std::string engine_name_for(const Results& results, std::string_view asked);

}  // namespace mb
