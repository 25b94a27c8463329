// The text of one engine's settings, shared by the page and by `recommend --format`.
#pragma once
#include <string>

#include "data/documents/recommendation.h"

namespace mb {

// Exports, command line and file content, without comments; what a person pastes.
std::string settings_text(const EngineSettings& settings);

}  // namespace mb
