// Measured points as curves. Between two measured points a curve is a straight piece (linear axes
// for threads, logarithmic ones for bytes and rows): it never overshoots, and a cliff between P and
// P + 1 threads stays where it was measured. Outside the measured range the end value is held; a
// rate below its smallest measured thread count falls in proportion.
//
// Every value carries two standard deviations of its logarithm:
//   spread   of single samples: what a run may show; intervals are made from it
//   error    of the median: how well the curve is known; resampling draws from it
#pragma once
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

struct Estimate {
  double value = 0, spread = 0;
};

// (a^power + b^power)^(1/power) of two times that overlap almost wholly.
inline constexpr double kOverlapPower = 4;
struct Joined {
  double seconds = 0, share_a = 0.5;  // share of a in the logarithmic derivative
};
Joined smoothmax(double a, double b, double power);

struct CurvePoint {
  double x = 0, y = 0;
  double spread = 0, error = 0;
  double visits = 1;  // in which it was measured, apart in time
};

using Random = std::mt19937_64;

class Curve {
 public:
  enum class Axes { kLinear, kLogarithmic };
  enum class Below { kHold, kProportional };  // what holds under the first point
  Curve() = default;
  explicit Curve(Axes axes, Below below = Below::kHold) : axes_(axes), below_(below) {}

  // Keeps the points in order of x; of two at the same x the later one stays.
  void add(const CurvePoint& point);
  Estimate at(double x) const;  // of a curve with at least one point
  bool has(double x) const;
  bool empty() const { return points_.empty(); }
  const std::vector<CurvePoint>& points() const { return points_; }
  // Multiplies every y by exp(error * standard normal).
  void perturb(Random& random);

 private:
  Axes axes_ = Axes::kLinear;
  Below below_ = Below::kHold;
  std::vector<CurvePoint> points_;
};

// Curves over threads that share a resource: one for each group (weight type, page kind) and x
// (rows, bytes). A short budget measures some of them at few thread counts only, so the curve with
// the most counts is the reference and the others keep their ratio to it: the knee and the SMT
// cliff seen on one are not lost on the others.
class Family {
 public:
  explicit Family(Curve::Axes between = Curve::Axes::kLogarithmic) : between_(between) {}
  void add(std::string_view group, double x, const CurvePoint& over_threads);
  bool empty() const { return members_.empty(); }
  bool has(std::string_view group) const;
  // As measured; nullopt where it was not.
  std::optional<CurvePoint> point(std::string_view group, double x, double threads) const;
  // Between two x as the axes say, ends held. `group` must be there.
  Estimate at(std::string_view group, double x, double threads) const;
  double smallest_x(std::string_view group) const;
  // Rate at `threads` relative to the rate at one thread: the (lower) median of the members that
  // were measured at both, since a neighbour's visit to one of them must not decide for all; of
  // those with more than half of the most visits, since others' single visits were one minute. At
  // other counts the reference's.
  double scaling(double threads) const;
  // Thread counts of the reference.
  std::vector<double> threads() const;
  double most_threads() const { return empty() ? 0 : reference().over_threads.points().back().x; }
  void perturb(Random& random);

 private:
  struct Member {
    std::string group;
    double x = 0;
    Curve over_threads;
  };
  const Member& reference() const { return members_.at(reference_); }
  Estimate value(const Member& member, double threads) const;
  Curve::Axes between_;
  std::vector<Member> members_;  // sorted by group, then x
  std::size_t reference_ = 0;    // the one with the most thread counts
};

}  // namespace mb
