// The table of formats. Each entry is tested on output of its engine in tests/probes/sweep/outputs,
// whose name is the rule's. Order matters where a looser rule would match a stricter one's output.
#include "probes/sweep/parse_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "data/error.h"
#include "probes/core/host_text.h"
#include "probes/sweep/llama_bench.h"

namespace mb {
namespace {

using Q = Quantity;

ParseRule figures(std::string name, std::string summary, std::string source,
                  std::vector<LineFigure> lines, const std::vector<KeyFigure>& keys = {}) {
  const auto rule = std::make_shared<const FigureRule>(std::move(lines), keys);
  return {std::move(name), std::move(summary), std::move(source),
          [rule](std::string_view output, std::vector<std::string>& refused) {
            return rule->read(output, refused);
          }};
}

ParseRule llama_bench() {
  return {
      "llama-bench", "llama-bench -o json, jsonl, csv, md or sql",
      "llama.cpp tools/llama-bench, README",
      [](std::string_view output, std::vector<std::string>&) { return read_llama_bench(output); }};
}

// load, prompt eval, eval and total time of llama.cpp's programs; the server's have no prefix.
ParseRule llama_perf() {
  return figures(
      "llama-perf", "llama_perf and llama_print_timings lines, llama-cli's last line",
      "llama.cpp src/llama-context.cpp, tools/server, tools/cli",
      {{Q::kPrefillSeconds, "prompt eval time", R"(prompt eval time = *{n} ms /)", 1e-3},
       {Q::kPromptTokens, "prompt eval time", R"(prompt eval time = *[0-9.]+ ms / *{n} tokens)"},
       {Q::kPrefillRate, "prompt eval time",
        R"(prompt eval time = .* ms per token, *{n} tokens per second\))"},
       {Q::kDecodeSeconds, " eval time", R"((?:^|[^t]) +eval time = *{n} ms /)", 1e-3},
       {Q::kNewTokens, " eval time",
        R"((?:^|[^t]) +eval time = *[0-9.]+ ms / *{n} (?:runs|tokens))"},
       {Q::kDecodeRate, " eval time",
        R"((?:^|[^t]) +eval time = .* ms per token, *{n} tokens per second\))"},
       {Q::kPrefillRate, "[ Prompt:", R"(\[ Prompt: {n} t/s \| Generation: )"},
       {Q::kDecodeRate, "[ Prompt:", R"(\[ Prompt: \S+ t/s \| Generation: {n} t/s \])"}});
}

ParseRule ollama() {
  return figures("ollama", "ollama run --verbose; durations of its API",
                 "ollama cmd/cmd.go, docs/api.md",
                 {{Q::kPromptTokens, "prompt eval count:", R"(prompt eval count: +{n} token)"},
                  {Q::kPrefillSeconds, "prompt eval duration:", R"(prompt eval duration: +(\S+)$)"},
                  {Q::kPrefillRate, "prompt eval rate:", R"(prompt eval rate: +{n} tokens/s)"},
                  {Q::kNewTokens, "eval count:", R"(^[- ]*eval count: +{n} token)"},
                  {Q::kDecodeSeconds, "eval duration:", R"(^[- ]*eval duration: +(\S+)$)"},
                  {Q::kDecodeRate, "eval rate:", R"(^[- ]*eval rate: +{n} tokens/s)"}},
                 {{Q::kPromptTokens, "prompt_eval_count"},
                  {Q::kPrefillSeconds, "prompt_eval_duration", 1e-9},
                  {Q::kNewTokens, "eval_count"},
                  {Q::kDecodeSeconds, "eval_duration", 1e-9}});
}

ParseRule pytorch_text_generation() {
  return figures(
      "pytorch", "\"Prefill Tokens per second: X\", \"Decode Tokens per second: X\"",
      "Arm Learning Path \"Tune thread count for LLM inference\", transformers_llm_text_gen.py",
      {{Q::kPromptTokens, "Prefill Tokens:", R"(Prefill Tokens: *{n} *$)"},
       {Q::kPrefillSeconds, "Prefill time:", R"(Prefill time: *{n} seconds)"},
       {Q::kTotalSeconds, "E2E Generation time:", R"(E2E Generation time: *{n} seconds)"},
       {Q::kNewTokens, "Decoded Tokens:", R"(Decoded Tokens: *{n} *$)"},
       {Q::kDecodeSeconds, "Decode time:", R"(Decode time: *{n} seconds)"},
       {Q::kPrefillRate, "Prefill Tokens per second:", R"(Prefill Tokens per second: *{n} *$)"},
       {Q::kDecodeRate, "Decode Tokens per second:", R"(Decode Tokens per second: *{n} *$)"}});
}

// vLLM and sglang print the same summary of a serving benchmark.
ParseRule serving_benchmark() {
  return figures(
      "serving", "vllm bench serve, sglang.bench_serving and bench_offline_throughput",
      "vLLM vllm/benchmarks/serve.py, sglang python/sglang/bench_serving.py",
      {{Q::kRequests, "Successful requests:", R"(^Successful requests: +{n} *$)"},
       {Q::kTotalSeconds, "Benchmark duration (s):", R"(^Benchmark duration \(s\): +{n} *$)"},
       {Q::kPromptTokens, "Total input tokens:", R"(^Total input tokens: +{n} *$)"},
       {Q::kNewTokens, "Total generated tokens:", R"(^Total generated tokens: +{n} *$)"},
       {Q::kMixedRate,
        "Output token throughput (tok/s):", R"(^Output token throughput \(tok/s\): +{n} *$)"},
       {Q::kTotalRate,
        "oken throughput (tok/s):", R"(^Total [Tt]oken throughput \(tok/s\): +{n} *$)"}});
}

ParseRule vllm_throughput() {
  return figures(
      "vllm-throughput", "vllm bench throughput", "vLLM vllm/benchmarks/throughput.py",
      {{Q::kTotalRate, " total tokens/s, ",
        R"(Throughput: [0-9.]+ requests/s, {n} total tokens/s, [0-9.]+ output tokens/s)"},
       {Q::kMixedRate, " total tokens/s, ",
        R"(Throughput: [0-9.]+ requests/s, [0-9.]+ total tokens/s, {n} output tokens/s)"}});
}

ParseRule sglang_one_batch() {
  return figures(
      "sglang-one-batch", "sglang.bench_one_batch", "sglang python/sglang/bench_one_batch.py",
      {{Q::kPrefillSeconds, "Prefill. latency:", R"(Prefill\. latency: +{n} s, throughput:)"},
       {Q::kPrefillRate,
        "Prefill. latency:", R"(Prefill\. latency: +\S+ s, throughput: +{n} token/s)"},
       {Q::kDecodeRate, "Decode.  median latency:",
        R"(Decode\.  median latency: +\S+ s, median throughput: +{n} token/s)"},
       {Q::kBatch, "Batch size:", R"(Decode [0-9]+\. Batch size: {n}, latency:)"}});
}

// Inferences a second of a whole model; its own warm-up is not counted there.
ParseRule openvino() {
  return figures("openvino", "OpenVINO's benchmark_app: FPS, one inference counted as a token",
                 "OpenVINO samples/cpp/benchmark_app, documentation \"Benchmark Tool\"",
                 {{Q::kMixedRate, "[ INFO ] Throughput:", R"(\[ INFO \] Throughput: +{n} FPS)"}});
}

ParseRule ec2_notes() {
  return figures(
      "hf-cpu-benchmark", "\"Operation generate_llm took X seconds.\" with n_output_tokens",
      "StanHatko/hf_transformers_cpu_benchmark, run_benchmark.py (the EC2 notes)",
      {{Q::kTotalSeconds, "Operation generate_llm took", R"(Operation generate_llm took {n} sec)"}},
      {{Q::kTotalSeconds, "generate_llm"},
       {Q::kPromptTokens, "n_input_tokens"},
       {Q::kNewTokens, "n_output_tokens"},
       {Q::kPaddingTokens, "n_padding_tokens"}});
}

ParseRule llama_timings() {
  return figures("llama-timings", "timings of llama-server and of llama.cpp's bindings",
                 "llama.cpp tools/server README (timings), llama-crab performance recipe", {},
                 {{Q::kPromptTokens, "prompt_n"},
                  {Q::kContextTokens, "cache_n"},
                  {Q::kPrefillSeconds, "prompt_ms", 1e-3},
                  {Q::kPrefillSeconds, "prompt_sec"},
                  {Q::kPrefillRate, "prompt_per_second"},
                  {Q::kNewTokens, "predicted_n"},
                  {Q::kDecodeSeconds, "predicted_ms", 1e-3},
                  {Q::kDecodeSeconds, "predicted_sec"},
                  {Q::kDecodeRate, "predicted_per_second"},
                  {Q::kTotalSeconds, "total_sec"},
                  {Q::kTotalSeconds, "total_ms", 1e-3}});
}

ParseRule rayon() {
  return figures(
      "rayon", "\"Throughput: X tok/s\", \"Per token: X ms\"",
      "Sovereign AI Stack book, \"Profiling and Performance Tuning\"",
      {{Q::kDecodeRate, "Throughput", R"(Throughput *[:=|] *{n} tok(?:ens)?/s)"},
       {Q::kSecondsPerToken, "Per token", R"(Per token *[:=|] *([0-9.]+ *(?:s|ms|us|µs|ns))\b)"}});
}

std::string rule_names() {
  std::string names;
  for (const ParseRule& rule : parse_rules()) names += (names.empty() ? "" : ", ") + rule.name;
  return names;
}

LineFigure figure_from_text(const std::string& text) {
  const auto equals = text.find('=');
  const auto quantity = quantity_from_name(text.substr(0, equals));
  if (equals == std::string::npos || !quantity) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--parse {}: expected a rule ({}) or NAME=REGEX with NAME one of {}",
                            printable(text), rule_names(), quantity_names()));
  }
  const std::string pattern = text.substr(equals + 1);
  try {
    if (std::regex(pattern).mark_count() == 1) return {*quantity, "", pattern};
  } catch (const std::regex_error& error) {
    throw Error(ErrorCode::kUsage, fmt::format("--parse {}: no regular expression: {}",
                                               printable(text), error.what()));
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("--parse {}: put one pair of parentheses around the figure, as in "
                          "\"decode=Decode: ([0-9.]+) tok/s\"",
                          printable(text)));
}

}  // namespace

const std::vector<ParseRule>& parse_rules() {
  static const std::vector<ParseRule> rules = {
      llama_bench(),
      llama_perf(),
      ollama(),
      pytorch_text_generation(),
      serving_benchmark(),
      vllm_throughput(),
      sglang_one_batch(),
      openvino(),
      ec2_notes(),
      llama_timings(),
      rayon(),
  };
  return rules;
}

std::vector<ParseRule> parse_rules_from_texts(const std::vector<std::string>& texts) {
  std::vector<ParseRule> rules;
  std::vector<LineFigure> given;
  for (const std::string& text : texts) {
    const auto known = std::ranges::find(parse_rules(), text, &ParseRule::name);
    if (known != parse_rules().end()) {
      rules.push_back(*known);
    } else {
      given.push_back(figure_from_text(text));
    }
  }
  if (!given.empty()) rules.push_back(figures("given", "--parse", "given", std::move(given)));
  return rules;
}

Parsed parse_output(const std::vector<ParseRule>& rules, std::string_view output) {
  Parsed parsed;
  for (const ParseRule& rule : rules.empty() ? parse_rules() : rules) {
    std::vector<SweepReading> found = rule.parse(output, parsed.refused);
    if (!found.empty()) parsed.rule += (parsed.rule.empty() ? "" : ", ") + rule.name;
    std::ranges::move(found, std::back_inserter(parsed.readings));
    if (rules.empty() && !parsed.readings.empty()) break;
  }
  return parsed;
}

}  // namespace mb
