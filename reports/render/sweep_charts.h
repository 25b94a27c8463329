// Charts of a sweep: throughput against threads (or the length that was varied), one chart a phase
// with every series of it in one picture.
#pragma once
#include <filesystem>
#include <optional>
#include <vector>

#include "data/documents/sweep.h"
#include "reports/model/fit.h"
#include "reports/render/chart.h"

namespace mb {

// `fits` in the order of the sweep's series, or empty: the advised counts become marks.
std::vector<Chart> sweep_charts(const Sweep& sweep, const std::vector<SeriesFit>& fits);

// All of them in one PNG; says why there is none.
std::optional<Missing> sweep_png(const Sweep& sweep, const std::vector<SeriesFit>& fits,
                                 const std::filesystem::path& png);

}  // namespace mb
