// The first screen: for the chosen model the two counts with what to expect and why, then all
// models in one table.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/html_parts.h"

namespace mb::html {
namespace {

// Where one step's time goes: a bar with a piece per term, the longest first. The picture's width
// is the sum of the seconds, so no share is worked out; the figures beside it are the document's.
std::string step_bar(const Prediction& prediction) {
  std::vector<std::pair<double, std::size_t>> terms;
  double sum = 0;
  for (std::size_t i = 0; i < kTermNames.size(); ++i) {
    const auto term = prediction.seconds_by_term.find(std::string(kTermNames[i]));
    if (term == prediction.seconds_by_term.end() || !(term->second > 0)) continue;
    terms.emplace_back(term->second, i);
    sum += term->second;
  }
  if (terms.empty()) return "";
  std::sort(terms.rbegin(), terms.rend());
  // Thinner than this a piece cannot be seen, and its figure would only distract.
  constexpr double kThinnest = 1e-3;
  std::string pieces, keys;
  double end = 0;
  for (const auto& [seconds, i] : terms) {
    if (seconds < kThinnest * sum) break;
    pieces += fmt::format("<rect class=\"t{}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"1\"></rect>",
                          i, end, seconds);
    keys += fmt::format(
        "<li><svg class=\"t{}\" viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect width=\"1\" "
        "height=\"1\"></rect></svg>{} {}</li>",
        i, words_of(kTermNames[i]), format_seconds(seconds));
    end += seconds;
  }
  return fmt::format(
      "<svg class=\"step\" viewBox=\"0 0 {} 1\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\">{}"
      "</svg><ul class=\"keys\" aria-label=\"Where the time of one step goes\">{}</ul>",
      end, pieces, keys);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
  return all;
}

std::string phase_card(const PhaseAdvice& advice, std::string_view title) {
  const Prediction& expected = advice.expected;
  std::string markup = fmt::format(
      "<div class=\"card phase\"><h2>{}</h2><p class=\"threads\"><b>{}</b>{}</p>"
      "<p class=\"rate\"><b>{}</b> tokens/s <span class=\"muted\">({} with 90\u00a0% "
      "probability)</span></p>{}",
      title, advice.threads, advice.threads == 1 ? "thread" : "threads",
      format_rate(expected.tokens_per_second), format_rate_interval(expected.low, expected.high),
      step_bar(expected));
  markup += paragraph(advice.reason, "why");
  const auto fine = [&markup](const std::string& text) { markup += paragraph(text, "fine"); };
  for (const Alternative& other : advice.alternatives) {
    fine(fmt::format("{}: {} tokens/s, {}", format_count(other.threads, "thread", "threads"),
                     format_rate(other.tokens_per_second),
                     other.note.empty() ? format_loss(other.loss) : other.note));
  }
  if (advice.cpu_list && !advice.cpu_list->empty()) {
    fine("CPUs " + format_cpu_list(*advice.cpu_list));
  }
  fine(fmt::format("Confidence {}{}{}", advice.confidence,
                   advice.confidence_reasons.empty() ? "" : ": ",
                   joined(advice.confidence_reasons)));
  return markup + "</div>\n";
}

std::string model_answer(const ModelAdvice& model, std::size_t index, bool lead,
                         const Recommendation& recommendation) {
  std::string markup = fmt::format("<article data-model=\"{}\"{}>", index, lead ? "" : " hidden");
  markup += fmt::format("<h1>{}</h1>\n", html_escape(model.title));
  if (!model.fits) {
    markup += paragraph("Does not fit this machine: " + model.fits_reason + ".", "lead");
    return markup + "</article>\n";
  }
  markup += paragraph(
      fmt::format(
          "A prompt of {} tokens, then answers with {} in the context. {} are read for each "
          "token; {}.",
          recommendation.prompt_tokens, recommendation.context_tokens,
          format_bytes(static_cast<double>(model.weight_bytes_per_token)), model.fits_reason),
      "lead");
  markup += "<div class=\"phases\">" + phase_card(model.prefill, "Prefill: reading the prompt") +
            phase_card(model.decode, "Decode: writing the answer") + "</div>\n";
  if (model.compromise.threads > 0) {
    markup += paragraph(fmt::format("An engine that takes only one number for both: {}.",
                                    format_count(model.compromise.threads, "thread", "threads")),
                        "both");
  }
  return markup + "</article>\n";
}

std::string all_models(const Recommendation& recommendation) {
  using Cell = Table::Cell;
  Table table("Every model: threads to give, tokens per second to expect, what limits each phase",
              {{"Model", Cell::kText},
               {"Prefill threads", Cell::kNumber},
               {"tokens/s", Cell::kNumber},
               {"Decode threads", Cell::kNumber},
               {"tokens/s", Cell::kNumber},
               {"Limited by", Cell::kText},
               {"Confidence", Cell::kText}});
  for (std::size_t i = 0; i < recommendation.models.size(); ++i) {
    const ModelAdvice& model = recommendation.models[i];
    const std::string row = fmt::format("data-model=\"{}\"", i);
    if (!model.fits) {
      table.row({html_escape(model.title), "–", "", "–", "", html_escape(model.fits_reason), ""},
                row);
      continue;
    }
    const Prediction &prefill = model.prefill.expected, &decode = model.decode.expected;
    const bool same = model.prefill.confidence == model.decode.confidence;
    table.row({html_escape(model.title), fmt::format("{}", model.prefill.threads),
               format_rate(prefill.tokens_per_second), fmt::format("{}", model.decode.threads),
               format_rate(decode.tokens_per_second),
               html_escape(words_of(prefill.limited_by) + " / " + words_of(decode.limited_by)),
               html_escape(same ? model.prefill.confidence
                                : model.prefill.confidence + " / " + model.decode.confidence)},
              row);
  }
  return table.text();
}

}  // namespace

std::string answer(const Documents& documents) {
  const Recommendation& recommendation = documents.recommendation;
  const ModelAdvice* lead = leading_model(recommendation);
  if (lead == nullptr) {
    return "<h1>No advice</h1>" + paragraph("The recommendation holds no model.", "lead");
  }
  std::string families, quantisations, answers;
  std::vector<std::string> known;
  for (std::size_t i = 0; i < recommendation.models.size(); ++i) {
    const ModelAdvice& model = recommendation.models[i];
    const bool chosen = &model == lead;
    // "Qwen3 4B" and "Q4_0" of "Qwen3 4B, Q4_0".
    const std::size_t comma = model.title.rfind(", ");
    const std::string family = model.title.substr(0, comma);
    const auto place = std::ranges::find(known, family) - known.begin();
    if (place == std::ssize(known)) {
      known.push_back(family);
      const bool leads = lead->title.substr(0, lead->title.rfind(", ")) == family;
      families += fmt::format("<option value=\"{}\"{}>{}</option>", place, leads ? " selected" : "",
                              html_escape(clip_text(family, 80)));
    }
    quantisations += fmt::format(
        "<option value=\"{}\" data-family=\"{}\"{}>{}</option>", i, place,
        chosen ? " selected" : "",
        html_escape(comma == std::string::npos ? "as it is"
                                               : clip_text(model.title.substr(comma + 2), 80)));
    answers += model_answer(model, i, chosen, recommendation);
  }
  return fmt::format(
             "<div class=\"choose\"><label for=\"model\">Model</label><select id=\"model\">{}"
             "</select><label for=\"quantisation\">Quantisation</label>"
             "<select id=\"quantisation\">{}</select></div>\n",
             families, quantisations) +
         answers + all_models(recommendation);
}

}  // namespace mb::html
