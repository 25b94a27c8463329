// Exit code 7: the files are written and shown, but a script must not act on them. A wrong result
// of a kernel outranks it: exit code 1, since then no figure of this machine or build is worth
// anything.
#pragma once
#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "reports/advice/advise.h"

namespace mb {

// As advise(). Where the measurements carry no advice at all, an invalid one without models, whose
// missing list says why: the page still shows what was measured.
Recommendation advise_or_explain(const Results& results, const AdviceRequest& request);

// Throws Error(kFailure) when a kernel's result was wrong; Error(kUntrustworthy) when no point is
// usable, when no model that fits has an advice, or when one of the models that were `asked_for` by
// name fits and has none for prefill or decode.
void require_trust(const Results& results, const Recommendation& recommendation, bool asked_for);

}  // namespace mb
