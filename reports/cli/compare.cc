// Machines or runs side by side: results documents, and sweeps of engines, in one table.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/system/files.h"
#include "reports/advice/comparison.h"
#include "reports/cli/command.h"
#include "reports/cli/compare_names.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/parse.h"
#include "reports/cli/request.h"
#include "reports/render/comparison.h"

namespace mb {
namespace {

// What is no sweep is left to the results' reader, which says what is wrong with it.
bool is_sweep(const std::string& text) {
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  return document.is_object() && document.contains("series");
}

std::vector<ComparisonInput> load_inputs(const std::vector<std::string>& files,
                                         const std::vector<std::string>& prices) {
  if (files.size() < 2) {
    throw Error(ErrorCode::kUsage,
                "compare: one document alone; name at least two, such as a.json b.json");
  }
  const std::vector<std::string> names = short_names(files);
  std::vector<ComparisonInput> inputs;
  for (std::size_t i = 0; i < files.size(); ++i) {
    ComparisonInput input;
    input.name = names[i];
    const bool readable = std::filesystem::is_regular_file(files[i]);
    if (readable && is_sweep(read_file(files[i]))) {
      input.sweep = load_sweep(files[i]);
    } else {
      input.results = load_results(files[i]);
    }
    inputs.push_back(std::move(input));
  }
  for (const std::string& price : prices) {
    const NamedPrice parsed = parse_price(price, names);
    std::ranges::find(inputs, parsed.name, &ComparisonInput::name)->price_per_hour =
        parsed.per_hour;
  }
  return inputs;
}

Flags compare_flags() {
  Flags flags("compare",
              "Puts machines or runs side by side: tokens per second and thread counts by model,\n"
              "which differences exceed the uncertainty, and what a million tokens cost. Takes\n"
              "results documents (predicted) and sweeps of engines (measured).",
              {"DOCUMENT..."},
              "  memory_benchmark compare small/results.json large/results.json\n"
              "  memory_benchmark compare a.json b.json --model qwen3-30b-a3b --price a=0.68/h "
              "--price b=1.9/h --html which.html\n"
              "  memory_benchmark compare results.json ryzen-threads.json --model "
              "qwen3-30b-a3b:q4_0 --markdown\n");
  flags
      .values("model", "MODEL",
              "a model, repeatable (default: those of the sweeps, else all that fit)")
      .values("price", "NAME=PRICE/h", "what the machine of a document costs an hour, repeatable")
      .value("prompt", "TOKENS", "new tokens of a prompt (default 512)")
      .value("context", "TOKENS", "positions already in the cache (default 512)")
      .value("tolerance", "SHARE", "loss accepted for fewer threads (default 2%)")
      .value("html", "FILE", "write the page")
      .value("png", "FILE", "draw the picture (needs gnuplot)")
      .flag("markdown", "print a Markdown table instead of the summary")
      .flag("json", "print the comparison document");
  return flags;
}

}  // namespace

int run_compare(const Arguments& arguments) {
  Flags flags = compare_flags();
  if (!flags.parse(arguments)) return 0;
  if (flags.has("json") && flags.has("markdown")) {
    throw Error(ErrorCode::kUsage, "compare: --json and --markdown exclude each other; give one");
  }
  ComparisonRequest request;
  request.models = canonical_models(flags.all("model"));
  if (const auto prompt = flags.get("prompt")) {
    request.prompt_tokens = parse_count("--prompt", *prompt, 1);
  }
  if (const auto context = flags.get("context")) {
    request.context_tokens = parse_count("--context", *context, 0);
  }
  if (const auto share = flags.get("tolerance")) {
    request.tolerance = parse_share("--tolerance", *share);
  }
  const std::vector<std::string> files = flags.positional_from(0);
  for (const char* name : {"html", "png"}) {
    const auto file = flags.get(name);
    if (file && std::ranges::count(files, *file) > 0) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--{}: {} is one of the documents; name another file", name, *file));
    }
  }
  const Comparison comparison = compare_documents(load_inputs(files, flags.all("price")), request);
  if (const auto html = flags.get("html")) {
    write_file_atomically(*html, render_comparison_html(comparison));
  }
  if (const auto png = flags.get("png")) {
    if (const auto missing = render_comparison_png(comparison, *png)) {
      throw Error(ErrorCode::kNotAvailable,
                  fmt::format("--png: {}; {}", missing->cause, missing->remedy));
    }
  }
  fmt::print("{}", flags.has("json")       ? to_json_text(comparison)
                   : flags.has("markdown") ? render_comparison_markdown(comparison)
                                           : render_comparison_text(comparison));
  return 0;
}

}  // namespace mb
