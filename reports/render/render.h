// Renderers: documents in, text out. None computes a number; every figure shown is a field of the
// results or the recommendation document. Names from documents are escaped for their place.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"

namespace mb {

struct TextStyle {
  bool colour = false;
  int columns = 80;
};

// The answer in one screen (at most 40 lines).
std::string render_terminal(const Results& results, const Recommendation& recommendation,
                            const TextStyle& style);

// One self-contained page. `svg` holds gnuplot's picture per chart id, empty without gnuplot.
std::string render_html(const Results& results, const Recommendation& recommendation);

// One dashboard picture through gnuplot. Returns nullopt when done, else why not and what to do.
std::optional<Missing> render_png(const Results& results, const Recommendation& recommendation,
                                  const std::filesystem::path& png);

// One PNG and its gnuplot script for each chart of the machine and of the leading model.
std::optional<Missing> render_png_folder(const Results& results,
                                         const Recommendation& recommendation,
                                         const std::filesystem::path& folder);

// One engine's settings as text: `format` is json, env, llama.cpp, ollama, ... (engine_formats()).
// Throws Error(kUsage) listing the formats.
struct RenderedSettings {
  std::string text;
  std::vector<std::string> notes;  // what the text itself has no place for (JSON has no comments)
};
RenderedSettings render_engine(const Recommendation& recommendation, const std::string& model,
                               const std::string& format);
struct EngineFormat {
  std::string name, summary;
};
const std::vector<EngineFormat>& engine_formats();

}  // namespace mb
