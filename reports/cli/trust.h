// Exit code 7: the files are written and shown, but a script must not act on them.
#pragma once
#include "data/documents/recommendation.h"
#include "data/documents/results.h"

namespace mb {

// Throws Error(kUntrustworthy) when no point is usable or no model that fits has an advice.
void require_trust(const Results& results, const Recommendation& recommendation);

}  // namespace mb
