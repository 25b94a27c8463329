// What to type, export or write so that an engine uses the advised counts. Each engine's reading of
// its own knobs is in the notes, because a right number in a wrong place is worse than none:
// llama.cpp takes two counts and masks; ollama, OpenMP programs, vLLM and rayon take one (the
// compromise). Where the budget is a quota no CPU is named: two containers would pick the same.
#include <fmt/format.h>

#include <algorithm>

#include "reports/advice/parts.h"

namespace mb {
namespace {

// llama.cpp's masks hold this many CPUs (its GGML_MAX_N_THREADS).
constexpr int kMostMaskCpus = 512;

std::string hex_mask(const std::vector<int>& cpus) {
  std::string digits(static_cast<std::size_t>(cpus.back() / 4 + 1), '0');
  for (const int cpu : cpus) {
    char& digit = digits[digits.size() - 1 - static_cast<std::size_t>(cpu / 4)];
    const int value = (digit <= '9' ? digit - '0' : digit - 'a' + 10) | (1 << (cpu % 4));
    digit = "0123456789abcdef"[value];
  }
  return "0x" + digits;
}

bool contiguous(const std::vector<int>& cpus) {
  return cpus.back() - cpus.front() + 1 == static_cast<int>(cpus.size());
}

// A list says something only when it leaves usable CPUs out.
bool worth_pinning(const AdviceContext& context, const PhaseAdvice& advice) {
  return advice.cpu_list && !advice.cpu_list->empty() &&
         static_cast<int>(advice.cpu_list->size()) < context.results.machine.usable_pus();
}

void add_mask(const PhaseAdvice& advice, bool batch, std::vector<std::string>& argv) {
  const std::vector<int>& cpus = *advice.cpu_list;
  if (cpus.back() >= kMostMaskCpus) return;
  if (contiguous(cpus)) {
    argv.push_back(batch ? "-Crb" : "-Cr");
    argv.push_back(fmt::format("{}-{}", cpus.front(), cpus.back()));
  } else {
    argv.push_back(batch ? "-Cb" : "-C");
    argv.push_back(hex_mask(cpus));
  }
  argv.push_back(batch ? "--cpu-strict-batch" : "--cpu-strict");
  argv.push_back("1");
}

EngineSettings llama_cpp(const AdviceContext& context, const ModelAdvice& advice) {
  EngineSettings made{"llama.cpp", "llama.cpp (llama-server, llama-cli)", {}, {}, "", "", {}};
  made.argv = {"llama-server",
               "-m",
               "model.gguf",
               "-t",
               std::to_string(advice.decode.threads),
               "-tb",
               std::to_string(advice.prefill.threads)};
  if (worth_pinning(context, advice.decode)) add_mask(advice.decode, false, made.argv);
  if (worth_pinning(context, advice.prefill)) add_mask(advice.prefill, true, made.argv);
  made.notes = {
      "-tb (prompt) inherits -t (generation) when it is left out; -tb has no environment variable.",
      "Left out, -t is the number of physical cores read from sysfs, blind to quotas and cpusets; "
      "zero or less means all logical CPUs."};
  if (made.argv.size() > 7) {
    made.notes.push_back("Older builds with OpenMP ignore CPU masks.");
  }
  if (context.results.machine.usable_numa_nodes() > 1) {
    made.notes.push_back(
        "Several NUMA nodes: compare with --numa distribute, after dropping the "
        "page cache once.");
  }
  return made;
}

EngineSettings ollama(const ModelAdvice& advice) {
  EngineSettings made{"ollama", "ollama (Modelfile)", {}, {}, "Modelfile", "", {}};
  made.file_content =
      fmt::format("FROM ./model.gguf\nPARAMETER num_thread {}\n", advice.compromise.threads);
  made.notes = {
      "num_thread is one count for both phases; 0 lets the runtime decide, which may not "
      "see a quota.",
      "The server has no environment variable for it; a request may carry it in options."};
  return made;
}

// One place for each CPU, in the order of the list.
std::string omp_places(const std::vector<int>& cpus) {
  std::string places;
  for (const int cpu : cpus) places += fmt::format("{}{{{}}}", places.empty() ? "" : ",", cpu);
  return places;
}

EngineSettings pytorch(const AdviceContext& context, const ModelAdvice& advice) {
  const PhaseAdvice& both = advice.compromise;
  EngineSettings made{"pytorch", "PyTorch and other OpenMP programs", {}, {}, "", "", {}};
  made.env = {{"OMP_NUM_THREADS", std::to_string(both.threads)},
              {"MKL_NUM_THREADS", std::to_string(both.threads)}};
  if (worth_pinning(context, both)) {
    made.env["OMP_PLACES"] = omp_places(*both.cpu_list);
    made.env["OMP_PROC_BIND"] = "close";
    made.notes.push_back(
        "OMP_PROC_BIND wins over GOMP_CPU_AFFINITY; two programs with the same "
        "places share the same cores.");
  }
  made.notes.push_back(
      "MKL_NUM_THREADS wins over OMP_NUM_THREADS inside MKL; both must be set "
      "before the first tensor.");
  if (advice.prefill.threads != advice.decode.threads) {
    made.notes.push_back(
        fmt::format("torch.set_num_threads({}) before generation and ({}) before a prompt gives "
                    "each phase its own count.",
                    advice.decode.threads, advice.prefill.threads));
  }
  return made;
}

EngineSettings vllm(const AdviceContext& context, const ModelAdvice& advice) {
  const PhaseAdvice& both = advice.compromise;
  EngineSettings made{"vllm", "vLLM on CPUs", {}, {}, "", "", {}};
  if (both.cpu_list) {
    made.env["VLLM_CPU_OMP_THREADS_BIND"] = cpu_ranges(*both.cpu_list);
    made.notes.push_back("One part per rank, parts joined by |, each inside one NUMA node.");
  } else {
    made.env["VLLM_CPU_OMP_THREADS_BIND"] = "nobind";
    made.env["OMP_NUM_THREADS"] = std::to_string(both.threads);
    made.notes.push_back("nobind, because a CPU quota names no CPUs; auto would take every core.");
  }
  if (context.results.machine.usable_numa_nodes() > 1) {
    made.notes.push_back(
        "This machine has several NUMA nodes: run one rank a node (-tp) with one "
        "part each.");
  }
  return made;
}

EngineSettings rayon(const ModelAdvice& advice) {
  EngineSettings made{"rayon", "Rust engines on rayon (candle, mistral.rs)", {}, {}, "", "", {}};
  made.env = {{"RAYON_NUM_THREADS", std::to_string(advice.compromise.threads)}};
  made.notes = {"The default is all logical CPUs; 0 means the default."};
  return made;
}

EngineSettings any_program(const AdviceContext& context, const ModelAdvice& advice, bool shell) {
  const PhaseAdvice& both = advice.compromise;
  EngineSettings made{shell ? "shell" : "env",
                      shell ? "any program, from a shell" : "any program, from an env file",
                      {},
                      {},
                      "",
                      "",
                      {}};
  const std::string count = std::to_string(both.threads);
  made.env = {{"OMP_NUM_THREADS", count},
              {"MKL_NUM_THREADS", count},
              {"RAYON_NUM_THREADS", count},
              {"LLAMA_ARG_THREADS", std::to_string(advice.decode.threads)}};
  made.notes = {"One count for both phases, except LLAMA_ARG_THREADS, which is for generation."};
  if (shell && worth_pinning(context, both)) {
    made.argv = {"taskset", "-c", cpu_ranges(*both.cpu_list), "PROGRAM"};
    made.notes.push_back(
        "taskset is what affinity-aware programs obey; others only share its CPUs.");
  }
  return made;
}

}  // namespace

std::string cpu_ranges(const std::vector<int>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += text.empty() ? "" : ",";
    text += i == last ? std::to_string(cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

std::vector<EngineSettings> engine_settings(const AdviceContext& context,
                                            const ModelAdvice& advice) {
  return {llama_cpp(context, advice),
          ollama(advice),
          pytorch(context, advice),
          vllm(context, advice),
          rayon(advice),
          any_program(context, advice, /*shell=*/false),
          any_program(context, advice, true)};
}

}  // namespace mb
