// llama.cpp takes a count and a mask for each phase. Sources: its --help, common/arg.cpp.
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"

namespace mb {
namespace {

constexpr int kMostMaskCpus = 512;  // GGML_MAX_N_THREADS

std::string hex_mask(const std::vector<int>& cpus) {
  std::string digits(static_cast<std::size_t>(cpus.back() / 4 + 1), '0');
  for (const int cpu : cpus) {
    char& digit = digits[digits.size() - 1 - static_cast<std::size_t>(cpu / 4)];
    const int value = (digit <= '9' ? digit - '0' : digit - 'a' + 10) | (1 << (cpu % 4));
    digit = "0123456789abcdef"[value];
  }
  return "0x" + digits;
}

void add_mask(const std::vector<int>* cpus, bool batch, std::vector<std::string>& argv) {
  if (cpus == nullptr || cpus->back() >= kMostMaskCpus) return;
  if (cpus->back() - cpus->front() + 1 == static_cast<int>(cpus->size())) {
    argv.push_back(batch ? "-Crb" : "-Cr");
    argv.push_back(fmt::format("{}-{}", cpus->front(), cpus->back()));
  } else {
    argv.push_back(batch ? "-Cb" : "-C");
    argv.push_back(hex_mask(*cpus));
  }
  argv.push_back(batch ? "--cpu-strict-batch" : "--cpu-strict");
  argv.push_back("1");
}

}  // namespace

EngineSettings llama_cpp_settings(const EngineInput& input) {
  const std::string decode = std::to_string(input.advice.decode.threads);
  const std::string prefill = std::to_string(input.advice.prefill.threads);
  EngineSettings made{.title = "llama.cpp (llama-server, llama-cli)"};
  made.argv = {"llama-server", "-m", "model.gguf", "-t", decode, "-tb", prefill};
  const std::size_t without_masks = made.argv.size();
  add_mask(input.pin(input.advice.decode), false, made.argv);
  add_mask(input.pin(input.advice.prefill), true, made.argv);
  made.notes = {
      "-tb (prompt) inherits -t (generation) when it is left out; -tb has no environment variable.",
      "Left out, -t is the number of physical cores read from sysfs, blind to quotas and cpusets; "
      "zero or less means all logical CPUs."};
  if (made.argv.size() > without_masks) {
    made.notes.push_back("Older builds with OpenMP ignore CPU masks.");
  }
  if (input.machine.usable_numa_nodes() > 1) {
    made.notes.push_back(
        "Several NUMA nodes: compare with --numa distribute, after dropping the page cache once.");
  }
  return made;
}

EngineSettings llama_cpp_env_settings(const EngineInput& input) {
  EngineSettings made{.title = "llama.cpp (environment)"};
  made.env = {{"LLAMA_ARG_THREADS", std::to_string(input.advice.decode.threads)}};
  made.notes = {"A flag on the command line wins over its variable."};
  if (input.advice.prefill.threads != input.advice.decode.threads) {
    made.notes.push_back(
        fmt::format("There is no variable for -tb: without that flag the prompt is read with the "
                    "count of generation, not with {}.",
                    input.advice.prefill.threads));
  }
  return made;
}

EngineSettings llama_bench_settings(const EngineInput& input) {
  const int prefill = input.advice.prefill.threads, decode = input.advice.decode.threads;
  std::string counts = std::to_string(prefill);
  if (decode != prefill) counts += fmt::format(",{}", decode);
  EngineSettings made{.title = "llama-bench"};
  made.argv = {"llama-bench", "-m",  "model.gguf", "-t", counts, "-p",  "512",
               "-n",          "128", "-r",         "3",  "-o",   "json"};
  made.notes = {
      "One count a row, for both phases: read pp at the count for prefill, tg at the one "
      "for decode.",
      "memory_benchmark sweep runs it for every count and fits the result."};
  return made;
}

EngineSettings llama_cpp_python_settings(const EngineInput& input) {
  EngineSettings made{.title = "llama-cpp-python (keyword arguments)"};
  made.file_name = "llama.json";
  made.file_content =
      json_file({{"n_threads", std::to_string(input.advice.decode.threads)},
                 {"n_threads_batch", std::to_string(input.advice.prefill.threads)}});
  made.notes = {
      "Left out, n_threads is half of all logical CPUs and n_threads_batch all of them; "
      "-1 means all, which is not the same as leaving it out."};
  return made;
}

EngineSettings llama_crab_settings(const EngineInput& input) {
  EngineSettings made{.title = "llama.cpp bindings (context parameters)"};
  made.file_name = "params.json";
  made.file_content = json_file({{"n_threads", std::to_string(input.advice.decode.threads)},
                                 {"n_threads_batch", std::to_string(input.advice.prefill.threads)},
                                 {"n_gpu_layers", "0"}});
  made.notes = {"The library's own default is 4 threads, whatever the machine."};
  return made;
}

}  // namespace mb
