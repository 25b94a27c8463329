// What others measured becomes a document: a sweep of llama-bench output or CSV, results of the
// published /dev/shm logs.
#include <fmt/format.h>

#include <filesystem>

#include "data/error.h"
#include "data/system/files.h"
#include "data/system/streams.h"
#include "probes/sweep/imported.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/parse.h"
#include "reports/cli/sweep_text.h"
#include "reports/render/format.h"

namespace mb {
namespace {

// "1G" of --size or of a file named memtest_1G.txt or memtest_12G-2.txt.
std::int64_t size_of_files(const Flags& flags, const std::string& name) {
  std::string text = flags.get("size").value_or("");
  if (text.empty()) {
    const std::string stem = std::filesystem::path(name).stem().string();
    const auto line = stem.rfind('_');
    if (line != std::string::npos) text = stem.substr(line + 1, stem.find('-', line) - line - 1);
  }
  std::int64_t unit = 0;
  if (text.ends_with('G')) unit = std::int64_t{1} << 30;
  if (text.ends_with('M')) unit = std::int64_t{1} << 20;
  if (unit == 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}: how large each of its eight files was is not in it; say so with "
                            "--size 1G",
                            name));
  }
  text.pop_back();
  return unit * parse_count("--size", text, 1);
}

void print_points(const Results& results) {
  for (const Point& point : results.points) {
    fmt::print("{:<76}{:>10}\n", point.name, format_quantity(point.summary.median, point.unit));
  }
}

}  // namespace

int run_import(const Arguments& arguments) {
  Flags flags(
      "import",
      "Makes a document of measurements that others made: llama-bench output (json, jsonl,\n"
      "csv, md, sql), CSV of thread count and tokens/s, logs of the published /dev/shm script.",
      {"FILE..."},
      "  memory_benchmark import bench.jsonl --model qwen3-4b:q4_0 --out sweep.json\n"
      "  memory_benchmark import before.csv after.csv --phase decode --out sweep.json\n"
      "  memory_benchmark import memtest_1G.txt --out results.json\n");
  flags.value("out", "FILE", "the document to write")
      .value("phase", "PHASE", "of CSV: prefill, decode (default) or mixed")
      .value("model", "NAME", "the model's name for the sweep document")
      .value("cores", "N", "physical cores of the machine, for the fit")
      .value("cpus", "N", "logical CPUs of the machine, for the fit")
      .value("size", "SIZE", "of a /dev/shm log: each file's size (default: from the name)")
      .flag("json", "print the document too");
  if (!flags.parse(arguments)) return 0;
  const auto out = flags.get("out");
  if (!out) throw Error(ErrorCode::kUsage, "import: --out FILE is missing: where to write");
  if (std::filesystem::exists(*out)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--out: {} exists; nothing is overwritten, name another file", *out));
  }
  const std::string phase = flags.get("phase").value_or("decode");
  if (phase != "prefill" && phase != "decode" && phase != "mixed") {
    throw Error(ErrorCode::kUsage,
                fmt::format("--phase: '{}' is not prefill, decode or mixed", phase));
  }
  std::vector<ImportFile> files;
  for (const std::string& name : flags.positional_from(0)) files.push_back({name, read_file(name)});
  std::string text;
  if (import_format(files.front().text) == ImportFormat::kShmLog) {
    if (files.size() > 1) {
      throw Error(ErrorCode::kUsage, "import: one /dev/shm log makes one document; give one");
    }
    const Results results = import_shm_log(files.front(), size_of_files(flags, files.front().name));
    text = to_json_text(results);
    if (!flags.has("json")) print_points(results);
  } else {
    Sweep sweep = import_sweep(files, phase);
    sweep.model.name = flags.get("model").value_or("");
    if (const auto cores = flags.get("cores")) {
      sweep.machine.physical_cores = static_cast<int>(parse_count("--cores", *cores, 1));
    }
    if (const auto cpus = flags.get("cpus")) {
      sweep.machine.logical_cpus = static_cast<int>(parse_count("--cpus", *cpus, 1));
    }
    text = to_json_text(sweep);
    if (!flags.has("json")) fmt::print("{}", sweep_table(sweep));
  }
  write_file_atomically(*out, text);
  if (flags.has("json")) fmt::print("{}", text);
  tell("{}: written\n", *out);
  return 0;
}

}  // namespace mb
