// The text of one engine's settings, shared by the page and by `recommend --format`.
#pragma once
#include <string>

#include "data/documents/recommendation.h"

namespace mb {

// Exports, command line and file content, without comments; what a person pastes.
std::string settings_text(const EngineSettings& settings);

// One model's advice as rows of a table or as metrics, one file each.
std::string advice_csv(const ModelAdvice& advice);         // RFC 4180, with a head line
std::string advice_markdown(const ModelAdvice& advice);    // a table
std::string advice_prometheus(const ModelAdvice& advice);  // node_exporter's textfile collector

}  // namespace mb
