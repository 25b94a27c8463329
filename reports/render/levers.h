// What would help, as text for a terminal: levers, drafts, the gap to a target, GPU offload and its
// rules, of every model that has them.
#pragma once
#include <string>
#include <string_view>

#include "data/documents/recommendation.h"

namespace mb {

std::string render_levers(const Recommendation& recommendation);

// "Another quantisation" of "quantisation"; an unknown name stands as it is.
std::string lever_title(std::string_view name);
// "1.83x", "–" where there is none.
std::string format_speedup(const std::optional<double>& speedup);

}  // namespace mb
