// A fit in words and a table, for `fit` and for the end of `sweep`.
#pragma once
#include "reports/model/fit.h"

namespace mb {

void print_fit(const SeriesFit& fit);  // to standard output

}  // namespace mb
