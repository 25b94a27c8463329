// What this build is, for people and for programs.
#pragma once
#include <string>

namespace mb {

std::string version_line();       // "memory_benchmark 0.1.0"
std::string version_json_text();  // build, features, libraries, instruction sets, schema versions

}  // namespace mb
