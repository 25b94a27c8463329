// The answer in one screen: the leading model in a sentence a phase, all models in a table, then
// the machine with its effective CPUs first, the headline figures and what to beware of. Never more
// than forty lines: what does not fit is counted and left to the page.
#include <fmt/format.h>

#include <algorithm>

#include "reports/render/chart.h"
#include "reports/render/escape.h"
#include "reports/render/format.h"
#include "reports/render/headline.h"
#include "reports/render/render.h"

namespace mb {
namespace {

constexpr std::size_t kMostLines = 40;
constexpr std::size_t kMostModels = 14;
constexpr std::size_t kMostFindings = 3;

// SGR codes: the eight basic colours, which every terminal's theme keeps readable.
constexpr std::string_view kBold = "1", kDim = "2", kGreen = "1;32", kYellow = "1;33",
                           kRed = "1;31";

class Screen {
 public:
  explicit Screen(const TextStyle& style)
      : columns_(static_cast<std::size_t>(std::max(style.columns, 40))), colour_(style.colour) {}

  std::size_t columns() const { return columns_; }
  void line(std::string_view text = "") {
    if (lines_ == kMostLines) return;
    ++lines_;
    text_ += std::string(text) + "\n";
  }
  // A name in the margin and its text, folded at blanks under itself.
  void entry(std::string_view name, std::string_view text, std::string_view paint = kBold) {
    constexpr std::size_t kMargin = 10;
    std::string rest = clean_text(text);
    std::string margin = pad_right(name, kMargin);
    margin = painted(paint, margin);
    while (true) {
      const std::string piece = take(rest, columns_ - kMargin);
      line(margin + piece);
      if (rest.empty()) return;
      margin = std::string(kMargin, ' ');
    }
  }
  std::string bold(std::string_view text) const { return painted(kBold, text); }
  std::string dim(std::string_view text) const { return painted(kDim, text); }
  std::string painted(std::string_view code, std::string_view text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
  const std::string& text() const { return text_; }

 private:
  // As many words as fit; a word longer than the line is cut.
  static std::string take(std::string& rest, std::size_t width) {
    if (text_columns(rest) <= width) return std::exchange(rest, "");
    std::string line, word;
    std::size_t used = 0;
    while (!rest.empty()) {
      const std::size_t blank = std::min(rest.find(' '), rest.size());
      word = rest.substr(0, blank);
      const std::size_t needed = text_columns(word) + (line.empty() ? 0 : 1);
      if (used + needed > width) break;
      line += (line.empty() ? "" : " ") + word;
      used += needed;
      rest.erase(0, std::min(blank + 1, rest.size()));
    }
    if (line.empty()) {
      line = clip_text(word, width);
      rest.erase(0, std::min(word.size() + 1, rest.size()));
    }
    return line;
  }

  std::size_t columns_, lines_ = 0;
  bool colour_;
  std::string text_;
};

std::string phase_sentence(const PhaseAdvice& phase) {
  return fmt::format("{}: {} tokens/s ({}). {}", format_count(phase.threads, "thread", "threads"),
                     format_rate(phase.expected.tokens_per_second),
                     format_rate_interval(phase.expected.low, phase.expected.high), phase.reason);
}

void show_answer(Screen& screen, const Recommendation& recommendation) {
  const ModelAdvice* lead = leading_model(recommendation);
  if (lead == nullptr) {
    screen.line("No model to advise on.");
    return;
  }
  screen.line(screen.bold(clip_text(lead->title, screen.columns())));
  if (!lead->fits) {
    screen.entry("", "does not fit: " + lead->fits_reason);
    return;
  }
  screen.entry("Prefill", phase_sentence(lead->prefill));
  screen.entry("Decode", phase_sentence(lead->decode));
}

void show_models(Screen& screen, const Recommendation& recommendation) {
  const auto& models = recommendation.models;
  if (models.empty()) return;
  // Model, then per phase threads and tokens/s, limits, confidence: 34 + 30 columns are figures.
  const std::size_t name_width = screen.columns() - 54;
  screen.line();
  screen.line(screen.bold(pad_right("", name_width) + "  -- prefill --   -- decode ---"));
  screen.line(
      screen.bold(pad_right("Model", name_width) + "  thr    tok/s   thr    tok/s  limited by"));
  std::size_t shown = 0;
  for (const ModelAdvice& model : models) {
    if (shown == kMostModels) break;
    ++shown;
    std::string line = pad_right(model.title, name_width);
    if (!model.fits) {
      line += "  " + screen.dim(clip_text(model.fits_reason, screen.columns() - name_width - 2));
      screen.line(line);
      continue;
    }
    for (const PhaseAdvice* phase : {&model.prefill, &model.decode}) {
      line += pad_left(fmt::format("{}", phase->threads), phase == &model.prefill ? 5 : 6);
      line += pad_left(format_rate(phase->expected.tokens_per_second), 9);
    }
    const bool low = model.prefill.confidence == "low" || model.decode.confidence == "low";
    line += "  " + clip_text(words_of(model.prefill.expected.limited_by) + ", " +
                                 words_of(model.decode.expected.limited_by) + (low ? " ?" : ""),
                             screen.columns() - name_width - 31);
    screen.line(line);
  }
  if (shown < models.size()) {
    screen.line(screen.dim(fmt::format("… and {} more in the report", models.size() - shown)));
  }
}

std::string quantity(const Point* point) {
  return format_quantity(point->summary.median, point->unit);
}

std::string both(const Point* one, const Point* all) {
  std::string text = fmt::format("{} with 1 thread", quantity(one));
  if (all != nullptr && all != one) {
    text += fmt::format(", {} with {}", quantity(all), threads_of(*all));
  }
  return text;
}

void show_figures(Screen& screen, const Results& results) {
  const Headline line = headline(results);
  if (line.read_one != nullptr) {
    screen.entry("DRAM read", both(line.read_one, line.read_all) + ", huge pages");
  }
  if (line.read_one_4k != nullptr) {
    screen.entry(line.read_one != nullptr ? "" : "DRAM read",
                 both(line.read_one_4k, line.read_all_4k) + ", 4 KiB pages");
  }
  std::string barriers;
  for (const auto& [point, how] :
       {std::pair(line.spin, "spinning"), std::pair(line.openmp, "OpenMP"),
        std::pair(line.futex, "sleeping")}) {
    if (point == nullptr) continue;
    barriers += fmt::format("{}{} {} ({})", barriers.empty() ? "" : ", ", quantity(point), how,
                            format_count(threads_of(*point), "thread", "threads"));
  }
  if (!barriers.empty()) screen.entry("Barrier", barriers);
}

std::string_view paint_of(Validity validity) {
  return validity == Validity::kValid ? kGreen : validity == Validity::kNoisy ? kYellow : kRed;
}

void show_trust(Screen& screen, const Results& results, const Recommendation& recommendation) {
  const Verdict& verdict = recommendation.verdict;
  const auto of_points = [&results](Validity validity) {
    return std::count_if(results.points.begin(), results.points.end(),
                         [validity](const Point& p) { return p.verdict.validity == validity; });
  };
  std::string text = fmt::format(
      "{}; {}", to_string(verdict.validity),
      format_count(static_cast<std::int64_t>(results.points.size()), "point", "points"));
  for (const Validity validity : {Validity::kNoisy, Validity::kInvalid, Validity::kUnavailable}) {
    const auto count = of_points(validity);
    if (count > 0) text += fmt::format(", {} {}", count, to_string(validity));
  }
  if (!verdict.reasons.empty()) text += " (" + clip_text(format_reasons(verdict), 90) + ")";
  screen.entry("Trust", text, paint_of(verdict.validity));
  if (results.state != "complete") screen.entry("", "the run was " + results.state);
  std::size_t shown = 0;
  for (const Finding& finding : recommendation.findings) {
    if (finding.severity != "warning" || shown++ == kMostFindings) continue;
    // A title may be a whole sentence; its full stop would stand before the colon.
    const std::string title = finding.title.substr(0, finding.title.find_last_not_of('.') + 1);
    screen.entry("Note", clip_text(title + ": " + finding.evidence, 140));
  }
}

}  // namespace

std::string render_terminal(const Results& results, const Recommendation& recommendation,
                            const TextStyle& style) {
  Screen screen(style);
  show_answer(screen, recommendation);
  show_models(screen, recommendation);
  screen.line();
  screen.entry("Machine",
               format_cpu_budget(recommendation.limits) + ", " +
                   clip_text(results.machine.cpu_model, 60) + ", " +
                   format_bytes(static_cast<double>(recommendation.limits.memory_budget_bytes)) +
                   " of memory to plan with");
  show_figures(screen, results);
  show_trust(screen, results, recommendation);
  return screen.text();
}

}  // namespace mb
