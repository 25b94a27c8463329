// Learns the thread model's priors from published sweeps:
//   learn_priors [--without CPU] FOLDER...   prints the document that data/priors holds
//
// Expectation and maximisation: every series is fitted under the current prior, then each
// coordinate's prior becomes the mean and the spread of what was found, a fit's own uncertainty
// included. Machines weigh alike however many series they have, and the priors written by hand
// count as two machines, so that what no sweep shows keeps them. Developer's tool, not installed.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/error.h"
#include "data/system/files.h"
#include "reports/model/fit_parts.h"

namespace mb {
namespace {

constexpr int kRounds = 3, kDraws = 60;
constexpr double kByHand = 2;  // machines that the priors written by hand are worth
constexpr std::size_t kLeastCounts = 3;

struct Example {
  std::string machine, phase;
  ThreadSeries series;
};

std::vector<Example> read_examples(const std::vector<std::string>& folders,
                                   const std::string& without) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& folder : folders) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".json" && entry.path().filename() != "index.json") {
        paths.push_back(entry.path());
      }
    }
  }
  std::ranges::sort(paths);
  std::vector<Example> examples;
  for (const auto& path : paths) {
    const std::string text = read_file(path.string());
    if (!nlohmann::json::parse(text).contains("series")) continue;  // other measurements
    const Sweep sweep = sweep_from_json_text(text, path.string());
    if (sweep.kind != "threads" || sweep.machine.cpu == without) continue;
    for (const SweepSeries& series : sweep.series) {
      SeriesFit ignored;
      ThreadSeries made = thread_series(sweep, series, ignored, {});
      if (made.points.size() < kLeastCounts) continue;
      examples.push_back({sweep.machine.cpu, series.phase, std::move(made)});
    }
  }
  return examples;
}

struct Found {  // of one machine, sums over series and draws
  double sum = 0, squares = 0, count = 0;
};

CurvePrior learn_phase(const std::vector<Example>& examples, std::string_view phase,
                       const CurvePrior& now, const CurvePrior& by_hand) {
  std::array<std::map<std::string, Found>, kCurveParameters> found;
  for (const Example& example : examples) {
    if (example.phase != phase) continue;
    const CurveFit fit = fit_curve(example.series.points, example.series.layout, now, kDraws);
    const CurveMask mask = curve_mask(example.series.layout);
    for (std::size_t k = kWork + 1; k < kCurveParameters; ++k) {
      if (!mask[k]) continue;
      Found& machine = found[k][example.machine];
      for (const CurveVector& draw : fit.draws) {
        const double value = draw[static_cast<Eigen::Index>(k)];
        machine.sum += value;
        machine.squares += value * value;
        ++machine.count;
      }
    }
  }
  CurvePrior learned = by_hand;
  for (int k = kWork + 1; k < kCurveParameters; ++k) {
    double sum = kByHand * by_hand.mean[k], weight = kByHand;
    double squares =
        kByHand * (by_hand.mean[k] * by_hand.mean[k] + by_hand.deviation[k] * by_hand.deviation[k]);
    for (const auto& [name, machine] : found[static_cast<std::size_t>(k)]) {
      sum += machine.sum / machine.count;
      squares += machine.squares / machine.count;
      ++weight;
    }
    learned.mean[k] = sum / weight;
    learned.deviation[k] = std::sqrt(squares / weight - learned.mean[k] * learned.mean[k]);
  }
  return learned;
}

int run(std::vector<std::string> arguments) {
  std::string without;
  if (arguments.size() >= 2 && arguments[0] == "--without") {
    without = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  if (arguments.empty()) throw Error(ErrorCode::kUsage, "learn_priors [--without CPU] FOLDER...");
  const std::vector<Example> examples = read_examples(arguments, without);
  ThreadPriors priors = physical_priors();
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t phase = 0; phase < kSweepPhases.size(); ++phase) {
      priors[phase] =
          learn_phase(examples, kSweepPhases[phase], priors[phase], physical_priors()[phase]);
    }
  }
  fmt::print("{}", to_json_text(priors, without.empty() ? "learn_priors, machines weighed alike"
                                                        : "learn_priors without " + without));
  return 0;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  try {
    return mb::run({argv + 1, argv + argc});
  } catch (const mb::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.code());
  }
}
