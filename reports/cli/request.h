// The flags that say what is asked of an engine, the same for predict, recommend and scenario.
#pragma once
#include <string>

#include "data/documents/results.h"
#include "reports/cli/flags.h"
#include "reports/model/machine_model.h"

namespace mb {

// --batch --kv-type --engine
void add_engine_flags(Flags& flags);
// --prompt --context besides.
void add_request_flags(Flags& flags);

// Throw Error(kUsage) naming the flag.
// What was calibrated under that name in `results` comes before a built-in profile; without
// --engine, what was calibrated last.
EngineProfile engine_of(const Flags& flags, const Results& results);
std::string kv_type_of(const Flags& flags);
std::int64_t batch_of(const Flags& flags);
Query query_of(const Flags& flags);  // the phase is left empty

}  // namespace mb
