// Least squares on log throughput over the points of prefill and decode, pseudo-Huber beyond two
// deviations so that one bad point cannot bend the rest, with priors in place of bounds: a common
// factor, each term's own, and next to no serial time. A mixed phase has no terms of its own and is
// left out.
//
// The priors say what may differ between this run and the forward model, so that what one run
// showed is not carried to where it does not belong: a slow minute of memory, or threads that were
// started on one CPU, says nothing of a run on one thread.
#include "reports/model/calibrate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "data/error.h"
#include "reports/model/least_squares.h"
#include "reports/model/terms.h"

namespace mb {
namespace {

constexpr char kDefaultEngine[] = "llama.cpp-threadpool";
constexpr char kPlainBase[] = "generic";

// Noise of a point, as a share, beside what the terms' widths allow. Less lets one slow run decide;
// from 0.1 on a dozen exact points no longer outweigh the priors.
constexpr double kPointDeviation = 0.08;
// Logarithmic widths of the priors. Engines were seen at 0.4 to 1.1 of our own kernels; where the
// profile's figures were measured on this instruction set, that much is known.
constexpr double kCommonWidth = 0.5, kMeasuredCommonWidth = 0.15;
// Of a term's own factor: weights (DRAM of a guest from minute to minute), compute, attention, and
// dispatch (a factor of two, as where nothing was measured).
constexpr std::array kTermWidths{0.3, 0.15, 0.15, 0.7};
// Serial seconds a token: around 10 us (a sampler), two decades either way at two deviations.
constexpr double kTypicalSerialSeconds = 1e-5, kSerialWidth = 2.3;
constexpr double kHuberDeviations = 2;  // deviations

// Of what threads beyond the first take longer than predicted, all of them at once (with T threads
// to the power of others_share(T)). On two threads of a guest whose CPUs may or may not share a
// core a run differs from the forward model by 0.12 more than on one
// (docs/likeness-emerald-rapids.md).
constexpr double kOtherThreadsWidth = 0.3;

constexpr int kScaled = 4;  // weights, compute, attention, dispatch: the terms before serial
// A factor of all terms, one each, and that of the threads beyond the first.
constexpr int kPhaseParameters = 1 + kScaled + 1;
constexpr int kParameters = 2 * kPhaseParameters + 1;
using Vector = Eigen::Matrix<double, kParameters, 1>;

struct FitPoint {
  int phase;  // 0 prefill, 1 decode
  double threads;
  std::array<double, kTerms> seconds;  // uncalibrated
  double tokens;                       // of those seconds
  double measured;
};

double predicted(const FitPoint& point, const Vector& x) {
  const int base = point.phase * kPhaseParameters;
  const double all = x[base] + x[base + 1 + kScaled] * others_share(point.threads);
  double seconds = point.seconds[kScaled] + kTypicalSerialSeconds * std::exp(x[kParameters - 1]);
  for (int term = 0; term < kScaled; ++term) {
    seconds += point.seconds[static_cast<std::size_t>(term)] * std::exp(all + x[base + 1 + term]);
  }
  return point.tokens / seconds;
}

double softened(double deviations) {
  const double square = std::pow(deviations / kHuberDeviations, 2);
  return std::copysign(kHuberDeviations * std::sqrt(2 * (std::sqrt(1 + square) - 1)), deviations);
}

std::vector<FitPoint> fit_points(const std::vector<ComparedPoint>& compared) {
  std::vector<FitPoint> points;
  for (const ComparedPoint& each : compared) {
    if (each.phase == "mixed") continue;
    FitPoint point{each.phase == "decode",
                   static_cast<double>(each.threads),
                   {},
                   0,
                   each.measured_tokens_per_second};
    double total = 0;
    for (int i = 0; i < kTerms; ++i) {
      const double seconds =
          each.predicted.seconds_by_term.at(std::string(to_string(static_cast<Term>(i))));
      point.seconds[static_cast<std::size_t>(i)] = seconds;
      total += seconds;
    }
    point.tokens = each.predicted.tokens_per_second * total;
    points.push_back(point);
  }
  return points;
}

double prior_width(int parameter, double common_width) {
  if (parameter == kParameters - 1) return kSerialWidth;
  const int of_phase = parameter % kPhaseParameters;
  if (of_phase == 1 + kScaled) return kOtherThreadsWidth;
  return of_phase == 0 ? common_width : kTermWidths[static_cast<std::size_t>(of_phase) - 1];
}

Vector fit(const std::vector<FitPoint>& points, double common_width) {
  const auto count = static_cast<Eigen::Index>(points.size());
  const auto residuals = [&](const Vector& x) {
    Eigen::VectorXd r(count + kParameters);
    for (Eigen::Index i = 0; i < count; ++i) {
      const FitPoint& point = points[static_cast<std::size_t>(i)];
      r[i] = softened(std::log(predicted(point, x) / point.measured) / kPointDeviation);
    }
    for (int k = 0; k < kParameters; ++k) {
      r[count + k] = x[k] / prior_width(k, common_width);
    }
    return r;
  };
  std::array<bool, kParameters> mask;
  mask.fill(true);
  return least_squares<kParameters>(residuals, Vector::Zero(), mask).x;
}

double rms(const std::vector<FitPoint>& points, const auto& rate) {
  double sum = 0;
  for (const FitPoint& point : points) {
    sum += std::pow(std::log(rate(point) / point.measured), 2);
  }
  return std::sqrt(sum / static_cast<double>(points.size()));
}

double uncalibrated(const FitPoint& point) {
  double seconds = 0;
  for (const double part : point.seconds) seconds += part;
  return point.tokens / seconds;
}

// What the quantised products ran on, whose cores where makers of one instruction set differ, and
// whether they have units for matrices, which an engine may use where our products do not
// ("AVX512_VNNI/Intel/AMX"); empty where none was measured.
std::string cores_of_products(const Results& results) {
  std::string which;
  if (results.machine.cpu_model.find("Intel") != std::string::npos) which += "/Intel";
  if (std::ranges::count(results.machine.cpu_features, "amx_int8") > 0) which += "/AMX";
  for (const Point& point : results.points) {
    if (point.probe != "matmul_throughput") continue;
    const std::string type = point.parameters.text_or("type", "");
    if (!type.starts_with('q')) continue;
    if (const auto isa = point.notes.find("isa"); isa != point.notes.end()) {
      return isa->second + which;
    }
  }
  return {};
}

// The profile's own name where `name` is one or an alias of one; nullopt: a new name.
std::optional<std::string> built_in_name(std::string_view name) {
  try {
    return find_engine_profile(name).name;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Results calibrate(const Results& results, const std::vector<NamedSweep>& sweeps,
                  const std::string& name) {
  const std::optional<std::string> built_in = built_in_name(name);
  CalibratedProfile made{.name = built_in.value_or(name), .base = built_in.value_or(kPlainBase)};
  const EngineProfile base = find_engine_profile(made.base, cores_of_products(results));
  const MachineModel model(results);
  Results out = results;
  std::vector<ComparedPoint> compared;
  std::vector<std::string> skipped;
  for (const NamedSweep& sweep : sweeps) {
    made.sweeps.push_back(sweep.name);
    for (ComparedPoint& point : compare(model, base, sweep, skipped)) {
      if (point.phase != "mixed") {
        const double before = point.predicted.tokens_per_second;
        out.calibrations.push_back({made.name, sweep.shape.spec(), point.phase, point.threads,
                                    point.measured_tokens_per_second, before,
                                    point.measured_tokens_per_second / before});
      }
      compared.push_back(std::move(point));
    }
  }
  const std::vector<FitPoint> points = fit_points(compared);
  if (points.empty()) {
    throw Error(ErrorCode::kUntrustworthy,
                fmt::format("no point of prefill or decode can be used to calibrate {}{}", name,
                            skipped.empty() ? "" : "; " + skipped.front()));
  }
  const Vector x = fit(points, base.measured_on.empty() ? kCommonWidth : kMeasuredCommonWidth);
  made.points = static_cast<int>(points.size());
  for (int phase = 0; phase < 2; ++phase) {
    const bool seen = std::ranges::count(points, phase, &FitPoint::phase) > 0;
    const int first = phase * kPhaseParameters;
    for (int term = 0; term < kScaled && seen; ++term) {
      made.seconds_factors[fmt::format("{}/{}", phase == 0 ? "prefill" : "decode",
                                       to_string(static_cast<Term>(term)))] =
          std::exp(x[first] + x[first + 1 + term]);
    }
    if (seen) {
      made.seconds_factors[fmt::format("{}/{}", phase == 0 ? "prefill" : "decode", kOtherThreads)] =
          std::exp(x[first + 1 + kScaled]);
    }
  }
  made.serial_seconds_per_token = kTypicalSerialSeconds * std::exp(x[kParameters - 1]);
  made.rms_log_error_before = rms(points, uncalibrated);
  made.rms_log_error = rms(points, [&](const FitPoint& point) { return predicted(point, x); });
  out.calibrated_profiles.push_back(std::move(made));
  return out;
}

EngineProfile engine_profile_for(const Results& results, std::string_view name) {
  const std::string asked = built_in_name(name).value_or(std::string(name));
  const CalibratedProfile* found = nullptr;
  for (const CalibratedProfile& each : results.calibrated_profiles) {
    if (each.name == asked) found = &each;
  }
  const std::string cores = cores_of_products(results);
  if (found == nullptr) return find_engine_profile(name, cores);
  EngineProfile profile = find_engine_profile(found->base, cores);
  profile.seconds_factors = found->seconds_factors;
  profile.serial_seconds_per_token += found->serial_seconds_per_token;
  profile.calibrated_with =
      fmt::format("{} ({} points)", fmt::join(found->sweeps, ", "), found->points);
  profile.name = fmt::format("{}, calibrated with {}", found->name, profile.calibrated_with);
  return profile;
}

std::string engine_name_for(const Results& results, std::string_view asked) {
  if (!asked.empty()) return std::string(asked);
  return results.calibrated_profiles.empty() ? kDefaultEngine
                                             : results.calibrated_profiles.back().name;
}

}  // namespace mb
