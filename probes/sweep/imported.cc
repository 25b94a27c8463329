// A file's thread counts become runs, as if we had made them, so that series come out the same way.
#include "probes/sweep/imported.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>
#include <map>
#include <regex>

#include "data/error.h"
#include "data/system/clock.h"
#include "probes/core/host_text.h"
#include "probes/sweep/llama_bench.h"
#include "probes/sweep/series.h"

namespace mb {
namespace {

constexpr std::int64_t kShmFiles = 8;  // of the published script

std::optional<double> number_of(std::string_view text) {
  text = trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value > 0 && value < 1e18 ? std::optional(value) : std::nullopt;
}

std::pair<std::string_view, std::string_view> columns_of(std::string_view line) {
  const auto at = line.find_first_of(",;\t");
  if (at == std::string_view::npos) return {line, {}};
  return {line.substr(0, at), line.substr(at + 1)};
}

bool is_csv(std::string_view text) {
  int rows = 0;
  for (const std::string_view line : split_lines(text)) {
    if (trim(line).empty() || trim(line).front() == '#') continue;
    const auto [x, y] = columns_of(line);
    if (number_of(x) && number_of(y)) {
      ++rows;
    } else if (rows > 0 || y.empty()) {
      return false;  // a header stands first and has two columns
    }
  }
  return rows > 0;
}

[[noreturn]] void refuse(const ImportFile& file, std::string_view what) {
  throw Error(ErrorCode::kFailure, fmt::format("{}: {}", file.name, what));
}

std::vector<SweepRun> runs_of_csv(const ImportFile& file, const std::string& phase) {
  std::vector<SweepRun> runs;
  int number = 0;
  for (const std::string_view line : split_lines(file.text)) {
    ++number;
    const auto [x, y] = columns_of(line);
    const auto threads = number_of(x), rate = number_of(y);
    if (!threads || !rate) continue;  // header, comment, blank: is_csv() saw that it is
    if (*threads > kMostThreadCount || *threads != std::floor(*threads)) {
      refuse(file, fmt::format("line {}: {} is no thread count", number, trim(x)));
    }
    SweepRun run{.threads = static_cast<int>(*threads), .round = 1};
    run.readings = {{.phase = phase, .tokens_per_second = {*rate}}};
    runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<SweepRun> runs_of_llama_bench(const ImportFile& file) {
  std::map<int, SweepRun> by_threads;
  for (SweepReading& reading : read_llama_bench(file.text)) {
    if (!reading.threads) continue;
    SweepRun& run = by_threads[*reading.threads];
    run.threads = *reading.threads;
    run.round = 1;
    run.readings.push_back(std::move(reading));
  }
  if (by_threads.empty()) refuse(file, "its rows name no thread count; run llama-bench with -t");
  std::vector<SweepRun> runs;
  for (auto& [threads, run] : by_threads) runs.push_back(std::move(run));
  return runs;
}

std::string stem_of(const std::string& name) {
  const auto slash = name.find_last_of('/');
  const std::string file = slash == std::string::npos ? name : name.substr(slash + 1);
  return file.substr(0, file.find_last_of('.'));
}

// "0m4.942s"
std::optional<double> seconds_of_time_line(const std::string& text) {
  static const std::regex kReal(R"(^real\s+([0-9]+)m([0-9.]+)s\s*$)");
  std::smatch match;
  if (!std::regex_match(text, match, kReal)) return std::nullopt;
  const auto minutes = std::strtod(match[1].str().c_str(), nullptr);
  return 60 * minutes + std::strtod(match[2].str().c_str(), nullptr);
}

}  // namespace

std::optional<ImportFormat> import_format(std::string_view text) {
  if (text.find("Measure time ") != std::string_view::npos &&
      text.find("\nreal\t") != std::string_view::npos) {
    return ImportFormat::kShmLog;
  }
  if (!read_llama_bench(text).empty()) return ImportFormat::kLlamaBench;
  return is_csv(text) ? std::optional(ImportFormat::kCsv) : std::nullopt;
}

Sweep import_sweep(const std::vector<ImportFile>& files, const std::string& phase) {
  Sweep sweep;
  sweep.engine_name = "imported";
  for (const ImportFile& file : files) {
    const auto format = import_format(file.text);
    if (!format || *format == ImportFormat::kShmLog) {
      refuse(file, "neither llama-bench output nor two columns of thread count and tokens/s");
    }
    std::vector<SweepRun> runs =
        *format == ImportFormat::kLlamaBench ? runs_of_llama_bench(file) : runs_of_csv(file, phase);
    if (*format == ImportFormat::kLlamaBench) {
      const LlamaBenchFacts facts = llama_bench_facts(file.text);
      sweep.engine_name = facts.build.empty() ? "llama.cpp" : "llama.cpp " + facts.build;
      if (!facts.cpu.empty()) sweep.machine.cpu = facts.cpu;
      if (!facts.model.empty()) sweep.caveats += fmt::format("Model: {}. ", facts.model);
      if (facts.weight_bytes > 0) sweep.model.weight_bytes = facts.weight_bytes;
      if (facts.parameters > 0) sweep.model.parameters = facts.parameters;
    }
    for (SweepRun& run : runs) {
      if (files.size() > 1) run.label = stem_of(file.name);
      sweep.runs.push_back(std::move(run));
    }
    sweep.source_title += (sweep.source_title.empty() ? "imported from " : ", ") + file.name;
  }
  sweep.id = stem_of(files.front().name);
  sweep.created_utc = utc_now();
  sweep.caveats += "Imported: cores and logical CPUs of the machine are not known.";
  sweep.series = make_series(sweep.runs, {INT_MAX, ""});
  return sweep;
}

Results import_shm_log(const ImportFile& file, std::int64_t file_bytes) {
  static const std::regex kSection(
      R"(^Measure time (write files|read files|read single repeat), ([0-9]+) threads?\s*$)");
  Results results;
  results.created_utc = utc_now();
  results.command = {"memory_benchmark", "import", file.name};
  std::optional<Parameters> section;
  for (const std::string_view raw : split_lines(file.text)) {
    const std::string line(raw);
    std::smatch match;
    if (std::regex_match(line, match, kSection)) {
      const std::string work = match[1];
      section = Parameters{{"operation", work == "write files"  ? "write"
                                         : work == "read files" ? "read"
                                                                : "repeat_read"},
                           {"path", "read"},
                           {"total_bytes", kShmFiles * file_bytes},
                           {"threads", std::atoi(match[2].str().c_str())}};
      continue;
    }
    const auto seconds = seconds_of_time_line(line);
    if (!seconds || !section) continue;
    if (*seconds <= 0) refuse(file, "a section took no time at all: the files were too small");
    const std::string name = section->name("shm_bandwidth");
    auto point = std::ranges::find(results.points, name, &Point::name);
    if (point == results.points.end()) {
      results.points.push_back({.name = name,
                                .probe = "shm_bandwidth",
                                .quantity = "bandwidth",
                                .unit = Unit::kBytesPerSecond,
                                .parameters = *section});
      point = results.points.end() - 1;
      point->counters.unavailable_cause = "imported from a log";
      point->counters.unavailable_remedy = "measure with memory_benchmark shm or run";
      point->notes["source"] = file.name;
    }
    point->samples.push_back(static_cast<double>(kShmFiles * file_bytes) / *seconds);
    section.reset();
  }
  if (results.points.empty()) refuse(file, "no section with a \"real\" time was found");
  for (Point& point : results.points) point.summary = summarise(point.samples, point.unit);
  return results;
}

}  // namespace mb
