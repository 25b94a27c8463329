// Tokens per second by thread count, with what limits each.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/error.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/parse.h"
#include "reports/model/machine_model.h"
#include "reports/render/format.h"

namespace mb {
namespace {

constexpr char kDefaultEngine[] = "llama.cpp-threadpool";

struct Asked {
  ModelShape shape;
  EngineProfile engine;
  Query query;
  std::vector<int> threads;  // empty: every count within the CPU budget
};

Asked asked(const Flags& flags) {
  const std::vector<std::string> models = flags.all("model");
  if (models.size() != 1) {
    throw Error(ErrorCode::kUsage, fmt::format("predict: one --model is needed, {} given; "
                                               "memory_benchmark inspect --list names them",
                                               models.size()));
  }
  Asked request;
  request.shape = load_model(models.front());
  request.engine = find_engine_profile(flags.get("engine").value_or(kDefaultEngine));
  if (const auto text = flags.get("prompt")) {
    request.query.prompt_tokens = parse_count("--prompt", *text, 1);
  }
  if (const auto text = flags.get("context")) {
    request.query.context_tokens = parse_count("--context", *text, 0);
  }
  if (const auto text = flags.get("threads")) request.threads = parse_threads("--threads", *text);
  return request;
}

void check_threads(std::vector<int>& threads, int budget, bool extrapolate) {
  if (threads.empty()) {
    threads.resize(static_cast<std::size_t>(budget));
    std::iota(threads.begin(), threads.end(), 1);
  }
  if (threads.back() > budget && !extrapolate) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--threads: {} is above the CPU budget of {} that was measured; "
                            "--extrapolate predicts all the same, marked",
                            threads.back(), budget));
  }
}

nlohmann::ordered_json to_json(const Prediction& prediction, int budget) {
  nlohmann::ordered_json json{{"phase", prediction.phase},
                              {"threads", prediction.threads},
                              {"prompt_tokens", prediction.prompt_tokens},
                              {"context_tokens", prediction.context_tokens},
                              {"tokens_per_second", prediction.tokens_per_second},
                              {"low", prediction.low},
                              {"high", prediction.high},
                              {"regime", prediction.regime},
                              {"limited_by", prediction.limited_by},
                              {"seconds_by_term", prediction.seconds_by_term}};
  if (prediction.threads > budget) json["extrapolated"] = true;
  return json;
}

void print_table(const std::vector<Prediction>& predictions, int budget) {
  fmt::print("{:<9}{:>8}{:>12}  {:<20}{:<26}{}\n", "phase", "threads", "tokens/s", "90 % interval",
             "regime", "limited by");
  for (const Prediction& each : predictions) {
    fmt::print("{:<9}{:>8}{:>12}  {:<20}{:<26}{}{}\n", each.phase, each.threads,
               format_rate(each.tokens_per_second), format_rate_interval(each.low, each.high),
               words_of(each.regime), words_of(each.limited_by),
               each.threads > budget ? "  (extrapolated)" : "");
  }
}

}  // namespace

int run_predict(const Arguments& arguments) {
  Flags flags("predict", "Predicts a model's tokens per second from a results document.",
              {"RESULTS"},
              "  memory_benchmark predict D/results.json --model qwen3-4b --threads 1-16\n"
              "  memory_benchmark predict D/results.json --model qwen3-30b-a3b --context 8192\n"
              "  memory_benchmark predict D/results.json --model qwen3-4b --prompt 20 "
              "--context 5250\n");
  flags.values("model", "MODEL", "a catalogue model, such as qwen3-4b:q8_0")
      .value("threads", "LIST", "thread counts (default: every one within the CPU budget)")
      .value("prompt", "TOKENS", "new tokens of a prefill (default 512)")
      .value("context", "TOKENS", "positions already in the cache (default 512)")
      .value("engine", "PROFILE", "how the engine works (default llama.cpp-threadpool)")
      .flag("extrapolate", "predict above the CPU budget too, marked")
      .flag("json", "print {\"predictions\": [...]}");
  if (!flags.parse(arguments)) return 0;
  Asked request = asked(flags);
  const MachineModel model(load_results(flags.positional(0)));
  const int budget = model.machine().limits.effective_cpus;
  check_threads(request.threads, budget, flags.has("extrapolate"));
  std::vector<Prediction> predictions;
  for (const char* phase : {"prefill", "decode"}) {
    request.query.phase = phase;
    for (const int threads : request.threads) {
      predictions.push_back(model.predict(request.shape, request.engine, request.query, threads));
    }
  }
  if (!flags.has("json")) {
    print_table(predictions, budget);
    return 0;
  }
  auto list = nlohmann::ordered_json::array();
  for (const Prediction& prediction : predictions) list.push_back(to_json(prediction, budget));
  fmt::print("{}\n", nlohmann::ordered_json{{"predictions", list}}.dump(1));
  return 0;
}

}  // namespace mb
