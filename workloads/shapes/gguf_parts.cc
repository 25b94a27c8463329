// Parts name each other by position and count only, so each is held against its place: a part that
// claims another number (a copy, a link in a circle), another count, or a tensor that an earlier
// part has, is refused.
#include <regex>
#include <set>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/gguf_format.h"

namespace mb {
namespace {

// llama.cpp's gguf-split writes five digits; a model of more parts than this is not known.
constexpr std::int64_t kMostParts = 999;

std::int64_t parts_of(const GgufFile& file) {
  const std::int64_t parts = file.number("split.count").value_or(1);
  if (parts < 0 || parts > kMostParts) {
    fail(file.path, fmt::format("split.count is {}, expected at most {}; the file is damaged",
                                parts, kMostParts));
  }
  return parts;
}

// "model-00002-of-00003.gguf" -> "model".
std::string stem_of(const GgufFile& file, std::int64_t parts) {
  const std::string name = file.path.filename().string();
  static const std::regex pattern(R"((.*)-(\d{5})-of-(\d{5})\.gguf)");
  std::smatch match;
  if (!std::regex_match(name, match, pattern) || std::stoll(match[3]) != parts) {
    fail(file.path,
         fmt::format("is part of a model split into {} files but is not named so; give it back its "
                     "name, such as model-00001-of-{:05}.gguf",
                     parts, parts));
  }
  return match[1];
}

void check_part(const GgufFile& part, std::int64_t index, std::int64_t parts) {
  const auto number = part.number("split.no");
  if (number != index || part.number("split.count") != parts) {
    fail(part.path, fmt::format("is named part {} of {} but says it is part {} of {}; the parts do "
                                "not belong together: download them again",
                                index + 1, parts, number.value_or(-1) + 1,
                                part.number("split.count").value_or(1)));
  }
}

}  // namespace

std::vector<GgufFile> read_gguf_parts(const std::filesystem::path& path) {
  GgufFile named = read_gguf(path);
  const std::int64_t parts = parts_of(named);
  std::vector<GgufFile> all;
  if (parts <= 1) {
    all.push_back(std::move(named));
    return all;
  }
  const std::string stem = stem_of(named, parts);
  std::set<std::string, std::less<>> names;
  std::size_t tensors = 0;
  for (std::int64_t index = 0; index < parts; ++index) {
    const auto sibling =
        path.parent_path() / fmt::format("{}-{:05}-of-{:05}.gguf", stem, index + 1, parts);
    if (!std::filesystem::exists(sibling)) {
      fail(sibling, fmt::format("missing: the model is split into {} files; put this one beside "
                                "the others",
                                parts));
    }
    GgufFile part = read_gguf(sibling);
    check_part(part, index, parts);
    tensors += part.tensors.size();
    if (tensors > (1u << 16)) fail(sibling, "the parts claim too many tensors; they are damaged");
    for (const GgufTensor& tensor : part.tensors) {
      if (!names.insert(tensor.name).second) {
        fail(sibling, fmt::format("has the tensor {} of an earlier part; the parts do not belong "
                                  "together: download them again",
                                  printable(tensor.name)));
      }
    }
    all.push_back(std::move(part));
  }
  const auto total = all.front().number("split.tensors.count");
  if (total && static_cast<std::size_t>(std::max<std::int64_t>(*total, 0)) != tensors) {
    fail(path, fmt::format("the parts have {} tensors, the first says {}; download them again",
                           tensors, *total));
  }
  return all;
}

}  // namespace mb
