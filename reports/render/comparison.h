// A comparison for readers: text for a terminal, a Markdown table, a page, a picture. Every figure
// is a field of the comparison document.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/comparison.h"
#include "data/documents/machine.h"
#include "reports/render/chart.h"

namespace mb {

std::string render_comparison_text(const Comparison& comparison);
std::string render_comparison_markdown(const Comparison& comparison);
std::string render_comparison_html(const Comparison& comparison);
// nullopt when done, else why not and what to do.
std::optional<Missing> render_comparison_png(const Comparison& comparison,
                                             const std::filesystem::path& png);

// A chart a phase, models in rows and documents beside each other; with prices the cost likewise.
std::vector<Chart> comparison_charts(const Comparison& comparison);

// "5 threads", or that the count is not told.
std::string compared_threads(const ComparedRate& rate);
std::string standing_words(const std::string& standing);  // not_told_apart -> within uncertainty
// "1.23 (1.1 to 1.4)"; an en dash without a price.
std::string compared_cost(const ComparedRate& rate);

}  // namespace mb
