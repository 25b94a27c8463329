// A file of the data folder compiled into a program (see house_embed in scripts/cmake).
#pragma once
#include <string_view>

namespace mb {

struct EmbeddedFile {
  std::string_view name;  // file name without folders, e.g. "qwen3-4b.json"
  std::string_view content;
  std::string_view sha256_hex;  // of content, taken when it was embedded
};

}  // namespace mb
