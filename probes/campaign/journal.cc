// JSON text holds newlines only between its tokens (inside strings they are escaped), so a document
// goes on one line by turning them into spaces; no JSON library is needed here.
#include "probes/campaign/journal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "data/error.h"
#include "data/system/files.h"

namespace mb {
namespace {

std::string on_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// "step 3 {...}" -> "step", "3 {...}"
std::pair<std::string_view, std::string_view> first_word(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return {text, {}};
  return {text.substr(0, space), text.substr(space + 1)};
}

template <class Number>
Number parse_number(std::string_view text, const std::string& origin) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::kFailure, fmt::format("{}: '{}' is not a number; the journal is damaged,"
                                                 " start a new run in another folder",
                                                 origin, text));
  }
  return value;
}

std::string list_or_default(const std::vector<std::string>& values) {
  return values.empty() ? "the default" : fmt::format("{}", fmt::join(values, ","));
}

[[noreturn]] void damaged(const std::string& origin) {
  throw Error(
      ErrorCode::kFailure,
      fmt::format("{}: steps are missing, the journal is damaged; start a new run in another "
                  "folder",
                  origin));
}

[[noreturn]] void refuse(std::string_view what, std::string_view then, std::string_view now) {
  throw Error(ErrorCode::kUsage,
              fmt::format("cannot resume: {} was {} and is {} now; resume with what it was, or "
                          "start a new run in another folder",
                          what, then, now));
}

}  // namespace

void begin_journal(const std::filesystem::path& path, const Journal& journal) {
  append_journal(path, fmt::format("budget {}", journal.request.budget_seconds));
  append_journal(path, fmt::format("threads {}", fmt::join(journal.request.threads, ",")));
  append_journal(path, fmt::format("models {}", fmt::join(journal.request.models, ",")));
  append_journal(path, fmt::format("probes {}", fmt::join(journal.request.probes, ",")));
  append_journal(path, fmt::format("sustain {}", journal.request.sustain_seconds));
  append_journal(path, "start " + on_one_line(to_json_text(journal.start)));
  for (const PlannedStep& step : journal.steps) {
    append_journal(path, "planned " + on_one_line(to_json_text(step)));
  }
  // How many: a line that is damaged later is passed over, and would shift all after it.
  append_journal(path, fmt::format("ready {}", journal.steps.size()));
}

void append_finished(const std::filesystem::path& path, std::size_t step, const Results& results) {
  append_journal(path, fmt::format("finished {} {}", step, on_one_line(to_json_text(results))));
}

std::optional<Journal> read_campaign_journal(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::string origin = path.string();
  Journal journal;
  bool ready = false;
  for (const std::string& line : read_journal(path)) {
    const auto [word, payload] = first_word(line);
    if (word == "budget") {
      journal.request.budget_seconds = parse_number<double>(payload, origin);
    } else if (word == "sustain") {
      journal.request.sustain_seconds = parse_number<double>(payload, origin);
    } else if (word == "threads") {
      for (const std::string& count : split(payload, ',')) {
        journal.request.threads.push_back(parse_number<int>(count, origin));
      }
    } else if (word == "models") {
      journal.request.models = split(payload, ',');
    } else if (word == "probes") {
      journal.request.probes = split(payload, ',');
    } else if (word == "start") {
      journal.start = results_from_json_text(payload, origin);
    } else if (word == "planned") {
      journal.steps.push_back(step_from_json_text(payload, origin));
    } else if (word == "ready") {
      ready = true;
      if (parse_number<std::size_t>(payload, origin) != journal.steps.size()) damaged(origin);
    } else if (word == "finished") {
      const auto [index, document] = first_word(payload);
      const auto step = parse_number<std::size_t>(index, origin);
      if (step >= journal.steps.size()) damaged(origin);
      journal.finished[step] = results_from_json_text(document, origin);
    }
  }
  if (!ready) return std::nullopt;
  return journal;
}

void require_same_machine(const Machine& then, const Machine& now) {
  if (then.cpu_model != now.cpu_model) {
    refuse("the processor", "'" + then.cpu_model + "'", "'" + now.cpu_model + "'");
  }
  if (then.limits.effective_cpus != now.limits.effective_cpus) {
    refuse("the CPU budget", std::to_string(then.limits.effective_cpus),
           std::to_string(now.limits.effective_cpus));
  }
  const auto usable = [](const Machine& machine) {
    std::vector<int> pus;
    for (const Pu& pu : machine.pus) {
      if (pu.usable) pus.push_back(pu.os_index);
    }
    std::sort(pus.begin(), pus.end());
    return fmt::format("{}", fmt::join(pus, ","));
  };
  if (usable(then) != usable(now)) refuse("the set of usable CPUs", usable(then), usable(now));
  if (then.pus != now.pus) refuse("the arrangement of cores and caches", "one", "another");
}

void require_same_request(const PlanRequest& then, const PlanRequest& now) {
  if (then.budget_seconds != now.budget_seconds) {
    refuse("--budget", fmt::format("{} s", then.budget_seconds),
           fmt::format("{} s", now.budget_seconds));
  }
  if (then.sustain_seconds != now.sustain_seconds) {
    refuse("--sustain", fmt::format("{} s", then.sustain_seconds),
           fmt::format("{} s", now.sustain_seconds));
  }
  const auto threads = [](const PlanRequest& request) {
    return request.threads.empty() ? std::string("the default")
                                   : fmt::format("{}", fmt::join(request.threads, ","));
  };
  if (then.threads != now.threads) refuse("--threads", threads(then), threads(now));
  if (then.models != now.models) {
    refuse("--model", list_or_default(then.models), list_or_default(now.models));
  }
  if (then.probes != now.probes) {
    refuse("the list of probes", list_or_default(then.probes), list_or_default(now.probes));
  }
}

}  // namespace mb
