// A size such as 4B or 30B-A3B as a shape. Widths and depths of published models grow as powers of
// their parameters, so each dimension is interpolated on logarithms between the two catalogue
// entries next to the size (beyond the ends: carried on from the last two); vocabulary, head size
// and the kind of architecture are those of the nearer one. At last the feed-forward width (of a
// MoE model: that of an expert, and the number of experts) is solved for, so that the parameters
// come out as asked. A guess with its sources named, not a model that somebody published.
#include <algorithm>
#include <cmath>
#include <regex>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/model_file.h"

namespace mb {
namespace {

// Widths that engines' blocks divide into: K-quant rows for the hidden width, q4_0 blocks for an
// expert's.
constexpr std::int64_t kWidthStep = 256, kExpertStep = 32;
// Beyond the catalogue by more than this factor a size is no interpolation any more.
constexpr double kFarthest = 4;

struct Size {
  double all = 0, active = 0;  // parameters; active 0: dense
};

std::optional<Size> parse(std::string_view text) {
  static const std::regex pattern(
      R"((\d{1,4}(?:\.\d{1,3})?)([BbMm])(?:-[Aa](\d{1,4}(?:\.\d{1,3})?)[Bb])?)");
  std::cmatch match;
  if (!std::regex_match(text.data(), text.data() + text.size(), match, pattern)) {
    return std::nullopt;
  }
  const bool millions = match[2] == "M" || match[2] == "m";
  Size size{std::stod(match[1]) * (millions ? 1e6 : 1e9)};
  if (match[3].matched) size.active = std::stod(match[3]) * 1e9;
  return size;
}

struct Neighbour {
  ModelShape shape;
  double position;  // logarithm of its parameters
};

// The two of the kind next to `position`: one on each side, or the last two on one side.
std::pair<Neighbour, Neighbour> neighbours(bool moe, double position) {
  std::vector<Neighbour> kind;
  for (const std::string& name : catalogue()) {
    ModelShape shape = find_model(name);
    if (shape.is_moe() != moe || !shape.unsupported.empty()) continue;
    const double at = std::log(static_cast<double>(shape.parameters()));
    kind.push_back({std::move(shape), at});
  }
  const auto above = std::ranges::lower_bound(kind, position, {}, &Neighbour::position);
  const auto last = static_cast<std::ptrdiff_t>(kind.size()) - 2;
  const auto first = std::clamp<std::ptrdiff_t>(above - kind.begin() - 1, 0, last);
  return {kind[static_cast<std::size_t>(first)], kind[static_cast<std::size_t>(first + 1)]};
}

std::int64_t stepped(double value, std::int64_t step) {
  const auto unit = static_cast<double>(step);
  return std::max<std::int64_t>(step, static_cast<std::int64_t>(std::round(value / unit)) * step);
}

// Parameters of `shape` outside of what is solved for.
double fixed_parameters(ModelShape shape) {
  double solved = 0;
  for (const Tensor& tensor : shape.tensors()) {
    const bool part = shape.is_moe() ? tensor.tensor_class == TensorClass::kExperts
                                     : tensor.tensor_class == TensorClass::kFeedForward;
    if (part) solved += static_cast<double>(tensor.parameters());
  }
  return static_cast<double>(shape.parameters()) - solved;
}

void solve_feed_forward(const Size& size, ModelShape& shape) {
  const double fixed = fixed_parameters(shape);
  const double column = 3 * static_cast<double>(shape.hidden * shape.layers);
  if (!shape.is_moe()) {
    shape.ffn = stepped((size.all - fixed) / column, kWidthStep);
    return;
  }
  const auto used = static_cast<double>(shape.experts_used);
  shape.expert_ffn = stepped((size.active - fixed) / used / column, kExpertStep);
  const double experts = (size.all - fixed) / (column * static_cast<double>(shape.expert_ffn));
  shape.experts = std::max(shape.experts_used, static_cast<std::int64_t>(std::round(experts)));
}

}  // namespace

bool is_size(std::string_view text) { return parse(text).has_value(); }

ModelShape shape_of_size(std::string_view text) {
  const Size size = *parse(text);
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::kUsage,
                fmt::format("no shape of size {}: {}; name a model (inspect --list), a .gguf or a "
                            "config.json",
                            printable(text), why));
  };
  if (size.all <= 0) refuse("it has no parameters");
  if (size.active > size.all) refuse("more parameters are active than there are");
  const double position = std::log(size.all);
  const auto pair = neighbours(size.active > 0, position);
  const auto &low = pair.first, &high = pair.second;
  const double beyond = std::max(low.position - position, position - high.position);
  if (beyond > std::log(kFarthest)) {
    refuse(fmt::format("it is more than {:.0f} times beyond {} and {}", kFarthest, low.shape.name,
                       high.shape.name));
  }
  const double share = (position - low.position) / (high.position - low.position);
  const auto between = [&](std::int64_t ModelShape::*field) {
    return std::exp(std::lerp(std::log(static_cast<double>(low.shape.*field)),
                              std::log(static_cast<double>(high.shape.*field)), share));
  };
  ModelShape shape = share < 0.5 ? low.shape : high.shape;
  shape.layers = stepped(between(&ModelShape::layers), 1);
  shape.hidden = stepped(between(&ModelShape::hidden), kWidthStep);
  const std::int64_t sharing = shape.heads / shape.kv_heads;
  shape.kv_heads = stepped(between(&ModelShape::heads) / static_cast<double>(sharing), 1);
  shape.heads = shape.kv_heads * sharing;
  // Attention and embedding may not take what the feed-forward part needs.
  const double limit = (size.active > 0 ? size.active : size.all) * 0.8;
  while (fixed_parameters(shape) > limit && shape.hidden > kWidthStep) shape.hidden -= kWidthStep;
  if (fixed_parameters(shape) > limit) refuse("its vocabulary alone would be larger");
  solve_feed_forward(size, shape);
  shape.name = text;
  shape.title =
      fmt::format("a {} model between {} and {}", text, low.shape.title, high.shape.title);
  shape.source = fmt::format("interpolated in the catalogue between {} and {}", low.shape.name,
                             high.shape.name);
  shape.between = {low.shape.name, high.shape.name};
  shape.published_parameters = 0;
  return shape;
}

}  // namespace mb
