// Every format becomes rows of named texts; a row becomes a reading. In csv and sql all fields are
// quoted; in md the test is a word such as "pp512 @ d1024" or "tg 128" and the rate is "6.17 ±
// 0.07".
#include "probes/sweep/llama_bench.h"

#include <charconv>
#include <map>
#include <optional>
#include <regex>

#include "probes/core/host_text.h"
#include "probes/sweep/json_values.h"

namespace mb {
namespace {

using Row = std::map<std::string, std::string, std::less<>>;

struct Test {
  Row fields;
  std::vector<double> samples;  // json and jsonl alone
};

double number(const Row& row, std::string_view key) {
  const auto found = row.find(key);
  double value = 0;
  if (found != row.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), value);
  }
  return value > 0 && value < 1e15 ? value : 0;
}

// The parts of one csv line or one sql list: quoted by ' or ", the quote doubled inside.
std::vector<std::string> split_quoted(std::string_view line) {
  std::vector<std::string> parts(1);
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        parts.back() += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == ',') {
      parts.emplace_back();
    } else if (c != ' ' && c != '\r') {
      parts.back() += c;
    }
  }
  return parts;
}

void add_row(std::vector<Test>& tests, const std::vector<std::string>& names,
             const std::vector<std::string>& values) {
  if (names.size() != values.size()) return;
  Test test;
  for (std::size_t i = 0; i < names.size(); ++i) test.fields[names[i]] = values[i];
  tests.push_back(std::move(test));
}

bool is_header(const std::vector<std::string>& names) {
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return has("n_prompt") && has("n_gen") && has("avg_ts");
}

void read_json(std::string_view output, std::vector<Test>& tests) {
  for_each_object(output, [&](const nlohmann::json& object) {
    if (!object.contains("avg_ts") && !object.contains("samples_ts")) return;
    Test test;
    for (const auto& [key, value] : object.items()) {
      if (value.is_number()) test.fields[key] = value.dump();
      if (value.is_string()) test.fields[key] = value.get<std::string>();
    }
    const auto samples = object.find("samples_ts");
    if (samples != object.end() && samples->is_array()) {
      for (const auto& sample : *samples) {
        if (sample.is_number() && sample.get<double>() > 0) {
          test.samples.push_back(sample.get<double>());
        }
      }
    }
    tests.push_back(std::move(test));
  });
}

// csv: a header line, then rows. sql: INSERT INTO test (names) VALUES (values);
void read_csv_and_sql(std::string_view output, std::vector<Test>& tests) {
  static const std::regex kInsert(R"(^INSERT INTO \w+ \(([^)]*)\) VALUES \((.*)\);?$)");
  std::vector<std::string> header;
  for (const std::string_view line : split_lines(output)) {
    if (line.size() > 8192) continue;  // a row has some forty short fields
    const std::string text(trim(line));
    std::smatch match;
    if (text.starts_with("INSERT INTO ") && std::regex_match(text, match, kInsert)) {
      add_row(tests, split_quoted(match[1].str()), split_quoted(match[2].str()));
      continue;
    }
    if (text.find(',') == std::string::npos) {
      header.clear();
      continue;
    }
    const std::vector<std::string> parts = split_quoted(text);
    if (is_header(parts)) {
      header = parts;
    } else if (!header.empty()) {
      add_row(tests, header, parts);
    }
  }
}

std::vector<std::string> cells(std::string_view line) {
  std::vector<std::string> parts;
  while (!line.empty()) {
    const auto end = line.find('|');
    parts.emplace_back(trim(line.substr(0, end)));
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  }
  return parts;
}

void read_markdown(std::string_view output, std::vector<Test>& tests) {
  static const std::regex kTest(R"((?:pp *([0-9]+))?\+?(?:tg *([0-9]+))?(?: *@ *d *([0-9]+))?)");
  std::vector<std::string> header;
  for (const std::string_view raw : split_lines(output)) {
    const std::string_view line = trim(raw);
    if (!line.starts_with('|') || line.size() > 1024) {
      header.clear();
      continue;
    }
    const std::vector<std::string> parts = cells(line.substr(1));
    const auto has = [&](std::string_view name) {
      return std::find(parts.begin(), parts.end(), name) != parts.end();
    };
    if (has("test") && has("t/s")) {
      header = parts;
      continue;
    }
    if (header.empty() || parts.size() != header.size()) continue;
    Row row;
    for (std::size_t i = 0; i < parts.size(); ++i) row[header[i]] = parts[i];
    std::smatch match;
    if (!std::regex_match(row["test"], match, kTest)) continue;
    Row named{{"n_prompt", match[1]},
              {"n_gen", match[2]},
              {"n_depth", match[3]},
              {"avg_ts", row["t/s"]},
              {"model_type", row["model"]}};
    if (row.contains("threads")) named["n_threads"] = row["threads"];
    tests.push_back({std::move(named), {}});
  }
}

std::vector<Test> find_tests(std::string_view output) {
  std::vector<Test> tests;
  read_json(output, tests);
  if (tests.empty()) read_csv_and_sql(output, tests);
  if (tests.empty()) read_markdown(output, tests);
  return tests;
}

}  // namespace

std::vector<SweepReading> read_llama_bench(std::string_view output) {
  std::vector<SweepReading> readings;
  for (Test& test : find_tests(output)) {
    const double prompt = number(test.fields, "n_prompt"), made = number(test.fields, "n_gen");
    const auto known = [&](const char* key) {
      const double value = number(test.fields, key);
      return value > 0 ? std::optional(value) : std::nullopt;
    };
    SweepReading reading;
    reading.phase = made <= 0 ? "prefill" : prompt <= 0 ? "decode" : "mixed";
    reading.prompt_tokens = known("n_prompt");
    reading.new_tokens = known("n_gen");
    reading.context_tokens = known("n_depth");
    const auto threads = known("n_threads");
    if (threads && *threads <= kMostThreadCount) reading.threads = static_cast<int>(*threads);
    reading.tokens_per_second = std::move(test.samples);
    const double average = number(test.fields, "avg_ts");
    if (reading.tokens_per_second.empty() && average > 0) reading.tokens_per_second = {average};
    if (reading.tokens_per_second.empty() || (prompt <= 0 && made <= 0)) continue;
    // Its rate counts both.
    if (reading.phase == "mixed") reading.total_tokens_per_second = average;
    readings.push_back(std::move(reading));
  }
  return readings;
}

LlamaBenchFacts llama_bench_facts(std::string_view output) {
  LlamaBenchFacts facts;
  for (const Test& test : find_tests(output)) {
    const auto text = [&](const char* key, std::string& out) {
      const auto found = test.fields.find(key);
      if (found != test.fields.end() && !found->second.empty()) out = printable(found->second);
    };
    text("cpu_info", facts.cpu);
    text("model_type", facts.model);
    text("build_commit", facts.build);
    if (const double bytes = number(test.fields, "model_size"); bytes > 0) {
      facts.weight_bytes = bytes;
    }
    if (const double count = number(test.fields, "model_n_params"); count > 0) {
      facts.parameters = count;
    }
  }
  return facts;
}

}  // namespace mb
