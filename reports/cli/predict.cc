// Tokens per second by thread count, what limits each, and the seconds of whole requests.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "data/error.h"
#include "reports/advice/forecast.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/parse.h"
#include "reports/cli/request.h"
#include "reports/render/format.h"

namespace mb {
namespace {

ModelShape one_model(const Flags& flags) {
  const std::vector<std::string> models = flags.all("model");
  if (models.size() != 1) {
    throw Error(ErrorCode::kUsage, fmt::format("predict: one --model is needed, {} given; "
                                               "memory_benchmark inspect --list names them",
                                               models.size()));
  }
  return load_model(models.front());
}

std::vector<int> thread_list(const Flags& flags, int budget) {
  if (const auto text = flags.get("threads")) {
    const std::vector<int> threads = parse_threads("--threads", *text);
    if (threads.back() > budget && !flags.has("extrapolate")) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--threads: {} is above the CPU budget of {} that was measured; "
                              "--extrapolate predicts all the same, marked",
                              threads.back(), budget));
    }
    return threads;
  }
  std::vector<int> threads(static_cast<std::size_t>(budget));
  std::iota(threads.begin(), threads.end(), 1);
  return threads;
}

// "weights 93 %, attention 4 %": what takes at least a fiftieth, the longest first.
std::string shares(const Prediction& prediction) {
  constexpr double kWorthNaming = 0.02;
  std::vector<std::pair<double, std::string>> parts;
  for (const auto& [term, share] : prediction.share_by_term) {
    if (share >= kWorthNaming) parts.emplace_back(share, term);
  }
  std::sort(parts.rbegin(), parts.rend());
  std::string text;
  for (const auto& [share, term] : parts) {
    text += fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ", words_of(term), 100 * share);
    // What an engine's regions or barriers come to, in the unit that people compare.
    if (term == "dispatch" && prediction.ms_per_token) {
      text += fmt::format(" ({} ms a token)", format_number(share * *prediction.ms_per_token));
    }
  }
  return text;
}

void print_table(const std::vector<Prediction>& predictions) {
  fmt::print("{:<8}{:>8}{:>10}  {:<18}{:>9}{:>9}  {:<23}{}\n", "phase", "threads", "tokens/s",
             "90 % interval", "ms/token", "overhead", "regime", "where the time goes");
  for (const Prediction& each : predictions) {
    fmt::print("{:<8}{:>8}{:>10}  {:<18}{:>9}{:>8}x  {:<23}{}{}{}\n", each.phase, each.threads,
               format_rate(each.tokens_per_second), format_rate_interval(each.low, each.high),
               format_number(each.ms_per_token.value_or(0)),
               format_number(each.overhead_factor.value_or(0)), words_of(each.regime), shares(each),
               each.served_from == "dram" ? "" : ", from " + each.served_from,
               each.extrapolated ? "  (extrapolated)" : "");
  }
}

void print_requests(const std::vector<EndToEnd>& requests) {
  const EndToEnd& first = requests.front();
  fmt::print("\nA prompt of {} tokens on {} in the cache, then {} tokens of answer:\n",
             first.prompt_tokens, first.context_tokens, first.new_tokens);
  fmt::print("{:>15}{:>15}{:>15}{:>12}{:>12}  {}\n", "prefill threads", "decode threads",
             "first token, s", "decode, s", "whole, s", "90 % interval");
  for (const EndToEnd& each : requests) {
    fmt::print("{:>15}{:>15}{:>15}{:>12}{:>12}  {}\n", each.prefill_threads, each.decode_threads,
               format_number(each.time_to_first_token_seconds), format_number(each.decode_seconds),
               format_number(each.seconds), format_rate_interval(each.low, each.high));
  }
}

void print_forecast(const Forecast& made) {
  fmt::print("{} ({}), engine {}\n", made.title, made.model, made.engine_profile);
  if (!made.interpolated_between.empty()) {
    fmt::print("A size between two models of the catalogue; both are shown below.\n");
  }
  print_table(made.predictions);
  print_requests(made.end_to_end);
  for (const NearestShape& near : made.nearest) {
    fmt::print("\n{} ({})\n", near.title, near.model);
    print_table(near.predictions);
  }
  if (made.verdict.validity != Validity::kValid) {
    fmt::print("\nThe measurements are {}: {}\n", to_string(made.verdict.validity),
               format_reasons(made.verdict).substr(0, 160));
  }
}

}  // namespace

int run_predict(const Arguments& arguments) {
  Flags flags("predict",
              "Predicts a model's tokens per second and the seconds of whole requests from a "
              "results document.",
              {"RESULTS"},
              "  memory_benchmark predict D/results.json --model qwen3-4b --threads 1-16\n"
              "  memory_benchmark predict D/results.json --model 30B-A3B:q4_0 --context 8192 "
              "--kv-type q8_0\n"
              "  memory_benchmark predict D/results.json --model qwen3-4b --prompt 20 "
              "--context 5250 --new 200\n"
              "  memory_benchmark predict D/results.json --model qwen3-4b --batch 8 --engine "
              "pytorch-compiled --json\n");
  flags.values("model", "MODEL", "a catalogue model, a .gguf, a config.json or a size (4B:q4_0)")
      .value("threads", "LIST", "thread counts (default: every one within the CPU budget)");
  add_request_flags(flags);
  flags.value("new", "TOKENS", "of the answer, for the seconds of a request (default 128)")
      .flag("extrapolate", "predict above the CPU budget too, marked")
      .flag("json", "print {\"predictions\": [...], \"end_to_end\": [...]}");
  if (!flags.parse(arguments)) return 0;
  const ModelShape shape = one_model(flags);
  ForecastRequest request{{}, query_of(flags), {}};
  if (const auto text = flags.get("new")) request.new_tokens = parse_count("--new", *text, 1);
  const Results results = load_results(flags.positional(0));
  request.engine = engine_of(flags, results);
  const MachineModel model(results);
  request.threads = thread_list(flags, model.machine().limits.effective_cpus);
  const Forecast made = forecast(model, shape, request);
  if (flags.has("json")) {
    fmt::print("{}", to_json_text(made));
  } else {
    print_forecast(made);
  }
  return 0;
}

}  // namespace mb
