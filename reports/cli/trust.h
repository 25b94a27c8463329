// Exit code 7: the files are written and shown, but a script must not act on them.
#pragma once
#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "reports/advice/advise.h"

namespace mb {

// As advise(). Where the measurements carry no advice at all, an invalid one without models, whose
// missing list says why: the page still shows what was measured.
Recommendation advise_or_explain(const Results& results, const AdviceRequest& request);

// Throws Error(kUntrustworthy) when no point is usable or no model that fits has an advice.
void require_trust(const Results& results, const Recommendation& recommendation);

}  // namespace mb
