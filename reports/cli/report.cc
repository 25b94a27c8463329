// The page and the picture again, from a document that may have been measured elsewhere.
#include <fmt/format.h>

#include <filesystem>

#include "data/error.h"
#include "data/system/files.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/terminal.h"
#include "reports/cli/trust.h"
#include "reports/render/render.h"

namespace mb {

int run_report(const Arguments& arguments) {
  Flags flags(
      "report",
      "Writes the page (--html), the picture (--png) or single charts (--png-dir) of a results\n"
      "document, or prints the summary when none is asked for.",
      {"RESULTS"},
      "  memory_benchmark report D/results.json --html server.html --png server.png\n"
      "  memory_benchmark report D/results.json --png-dir charts --model qwen3-4b:q8_0\n");
  flags.value("html", "FILE", "write the self-contained page")
      .value("png", "FILE", "draw the charts (needs gnuplot)")
      .value("png-dir", "DIR", "one PNG a chart, with the gnuplot script that draws it beside each")
      .values("model", "MODEL", "a catalogue model, repeatable (default: all that fit)")
      .flag("json", "print the recommendation document that the page shows");
  if (!flags.parse(arguments)) return 0;
  const std::filesystem::path origin = flags.positional(0);
  for (const char* name : {"html", "png"}) {
    const auto file = flags.get(name);
    if (!file || !std::filesystem::exists(*file) || !std::filesystem::equivalent(*file, origin)) {
      continue;
    }
    throw Error(ErrorCode::kUsage, fmt::format("--{}: {} is the results document itself; name "
                                               "another file",
                                               name, *file));
  }
  AdviceRequest request;
  request.models = canonical_models(flags.all("model"));
  request.results_file = origin.filename().string();
  const Results results = load_results(origin);
  const Recommendation recommendation = advise_or_explain(results, request);
  if (const auto html = flags.get("html")) {
    write_file_atomically(*html, render_html(results, recommendation));
  }
  if (const auto png = flags.get("png")) {
    if (const auto missing = render_png(results, recommendation, *png)) {
      throw Error(ErrorCode::kNotAvailable,
                  fmt::format("--png: {}; {}", missing->cause, missing->remedy));
    }
  }
  if (const auto folder = flags.get("png-dir")) {
    if (const auto missing = render_png_folder(results, recommendation, *folder)) {
      throw Error(ErrorCode::kNotAvailable, fmt::format("--png-dir: {}; the scripts are in {}; {}",
                                                        missing->cause, *folder, missing->remedy));
    }
  }
  if (flags.has("json")) {
    fmt::print("{}", to_json_text(recommendation));
  } else if (!flags.has("html") && !flags.has("png") && !flags.has("png-dir")) {
    fmt::print("{}", render_terminal(results, recommendation, standard_output_style()));
  }
  require_trust(results, recommendation, !request.models.empty());
  return 0;
}

}  // namespace mb
