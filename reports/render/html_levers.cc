// What would help: levers, drafts and offload of each model, and the rules for GPU layers.
#include <fmt/format.h>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/html_parts.h"
#include "reports/render/levers.h"

namespace mb::html {
namespace {

using Cell = Table::Cell;

constexpr std::size_t kLongestWords = 400;

std::string lever_table(const ModelAdvice& model) {
  Table table(clip_text(model.title, 120), {{"Change", Cell::kText},
                                            {"To", Cell::kText},
                                            {"Phase", Cell::kText},
                                            {"Speed-up", Cell::kNumber},
                                            {"tokens/s", Cell::kNumber},
                                            {"What it rests on", Cell::kWide}});
  for (const Lever& lever : model.levers) {
    table.row({html_escape(clip_text(lever_title(lever.name), kLongestWords)),
               html_escape(clip_text(lever.setting, kLongestWords)), html_escape(lever.phase),
               format_speedup(lever.speedup),
               lever.to_tokens_per_second ? format_rate(*lever.to_tokens_per_second) : "–",
               html_escape(clip_text(lever.note, kLongestWords))});
  }
  return table.empty() ? "" : table.text();
}

std::string speculation_table(const ModelAdvice& model) {
  Table table("Speculative decoding: drafts checked in one step",
              {{"Draft", Cell::kText},
               {"Tokens", Cell::kNumber},
               {"Break-even acceptance", Cell::kNumber},
               {"Speed-up at 60 %", Cell::kNumber},
               {"at 80 %", Cell::kNumber},
               {"at 100 %", Cell::kNumber}});
  for (const Speculation& each : model.speculation) {
    std::vector<std::string> cells{
        html_escape(each.draft), fmt::format("{}", each.draft_tokens),
        each.break_even_acceptance ? format_share(*each.break_even_acceptance) : "never"};
    for (const char* acceptance : {"0.6", "0.8", "1"}) {
      const auto found = each.speedup_by_acceptance.find(acceptance);
      cells.push_back(found == each.speedup_by_acceptance.end() ? "–"
                                                                : format_speedup(found->second));
    }
    table.row(cells);
  }
  return table.empty() ? "" : table.text();
}

std::string offload_rules(const Recommendation& recommendation) {
  Table table("Published rules for GPU layers, judged by the tensors' bytes",
              {{"Model", Cell::kText},
               {"GPU memory", Cell::kNumber},
               {"Rule: layers", Cell::kText},
               {"Fit", Cell::kNumber},
               {"Judgement", Cell::kWide}});
  for (const OffloadRule& rule : recommendation.offload_rules) {
    table.row({html_escape(rule.title), format_bytes(static_cast<double>(rule.gpu_memory_bytes)),
               rule.claimed_least == rule.layers
                   ? "all"
                   : fmt::format("{} to {}", rule.claimed_least, rule.claimed_most),
               fmt::format("{}", rule.fitting), html_escape(rule.reason)});
  }
  return table.empty() ? "" : table.text();
}

}  // namespace

std::string levers(const Documents& documents) {
  std::string markup = figures(documents, {"levers"});
  const auto& models = documents.recommendation.models;
  for (std::size_t i = 0; i < models.size(); ++i) {
    std::string block = lever_table(models[i]) + speculation_table(models[i]);
    if (models[i].target) block += paragraph(models[i].target->reason);
    if (models[i].offload) block += paragraph(models[i].offload->reason);
    if (!block.empty()) markup += fmt::format("<div data-model=\"{}\">{}</div>\n", i, block);
  }
  return markup + offload_rules(documents.recommendation);
}

}  // namespace mb::html
