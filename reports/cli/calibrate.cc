// An engine's own runs scale the model: a new results document with the fitted profile.
#include "reports/model/calibrate.h"

#include <fmt/format.h>

#include <filesystem>

#include "data/error.h"
#include "data/system/files.h"
#include "data/system/streams.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"

namespace mb {

int run_calibrate(const Arguments& arguments) {
  Flags flags(
      "calibrate",
      "Fits an engine's profile to sweeps of it and writes it, with the measurements, into a\n"
      "new results document; predict, recommend and validate use it from then on.",
      {"RESULTS", "SWEEP..."},
      "  memory_benchmark calibrate D/results.json sweep.json --engine llama.cpp-threadpool "
      "\\\n      --model qwen3-4b:q4_0 --out calibrated.json\n"
      "  memory_benchmark predict calibrated.json --model qwen3-8b:q4_0\n");
  flags.value("engine", "NAME", "a profile to scale, or a new name (on the base of generic)")
      .value("model", "MODEL", "of all sweeps (default: what each names)")
      .value("out", "FILE", "the results document to write")
      .flag("json", "print the document too");
  if (!flags.parse(arguments)) return 0;
  const auto engine = flags.get("engine"), out = flags.get("out");
  if (!engine || engine->empty()) {
    throw Error(ErrorCode::kUsage, "calibrate: --engine NAME is missing: what to call the profile");
  }
  if (!out) throw Error(ErrorCode::kUsage, "calibrate: --out FILE is missing: where to write");
  if (std::filesystem::exists(*out)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--out: {} exists; nothing is overwritten, name another file", *out));
  }
  const Results results = load_results(flags.positional(0));
  const Results calibrated =
      calibrate(results, load_named_sweeps(flags.positional_from(1), flags.get("model")), *engine);
  const std::string text = to_json_text(calibrated);
  write_file_atomically(*out, text);
  const CalibratedProfile& profile = calibrated.calibrated_profiles.back();
  if (flags.has("json")) {
    fmt::print("{}", text);
  } else {
    fmt::print("{} on the base of {}: {} points, rms error {:.1f} % before, {:.1f} % after\n",
               profile.name, profile.base, profile.points, 100 * profile.rms_log_error_before,
               100 * profile.rms_log_error);
    for (const auto& [term, factor] : profile.seconds_factors) {
      const bool of_threads = term.ends_with(kOtherThreads);
      fmt::print("  {:<20} takes {:.2f} times as long{}\n", term, factor,
                 of_threads ? " (to the power of 1 - 1 / threads)" : "");
    }
    fmt::print("  {:<20} {:.0f} us a token\n", "serial work",
               1e6 * profile.serial_seconds_per_token);
  }
  tell("{}: the measurements with this profile; {} is unchanged\n", *out, flags.positional(0));
  return 0;
}

}  // namespace mb
