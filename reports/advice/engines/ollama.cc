// ollama takes one count, in a Modelfile or in a request. Source: its api/types.go and docs.
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"

namespace mb {
namespace {

const char* const kNumThreadNote =
    "num_thread is one count for both phases; 0 lets the runtime decide, which may not see a "
    "quota.";

}  // namespace

EngineSettings ollama_settings(const EngineInput& input) {
  EngineSettings made{.title = "ollama (Modelfile)"};
  made.file_name = "Modelfile";
  made.file_content =
      fmt::format("FROM ./model.gguf\nPARAMETER num_thread {}\n", input.advice.compromise.threads);
  made.notes = {kNumThreadNote, "The server has no environment variable for it."};
  return made;
}

EngineSettings ollama_request_settings(const EngineInput& input) {
  EngineSettings made{.title = "ollama (options of a request)"};
  made.file_name = "request.json";
  made.file_content = json_file(
      {{"options", fmt::format("{{\"num_thread\": {}}}", input.advice.compromise.threads)}});
  made.notes = {kNumThreadNote,
                "Add model and prompt; a change of num_thread loads the model anew."};
  return made;
}

}  // namespace mb
