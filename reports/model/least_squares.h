// Levenberg-Marquardt for a few parameters: damped Gauss-Newton steps, derivatives by differences.
#pragma once
#include <Eigen/Dense>
#include <algorithm>
#include <array>

namespace mb {

template <int N>
struct Minimum {
  Eigen::Matrix<double, N, 1> x;
  double cost;  // sum of squared residuals
};

// The nearest minimum of the squared residuals from `x`. `residuals(x)` returns any fixed number of
// them; parameters outside `mask` must enter through their own rows alone, linearly. Ends after at
// most 60 steps; never worse than where it starts, also where residuals are not numbers.
template <int N, class Residuals>
Minimum<N> least_squares(const Residuals& residuals, Eigen::Matrix<double, N, 1> x,
                         const std::array<bool, N>& mask) {
  using Vector = Eigen::Matrix<double, N, 1>;
  using Matrix = Eigen::Matrix<double, N, N>;
  constexpr int kMostSteps = 60;
  constexpr double kDifference = 1e-6, kLeastDamping = 1e-9, kMostDamping = 1e12;
  double damping = 1e-2;
  Eigen::VectorXd r = residuals(x);
  double cost = r.squaredNorm();
  for (int i = 0; i < kMostSteps; ++i) {
    Eigen::MatrixXd j = Eigen::MatrixXd::Zero(r.size(), N);
    for (int k = 0; k < N; ++k) {
      if (!mask[static_cast<std::size_t>(k)]) continue;
      j.col(k) = (residuals(x + kDifference * Vector::Unit(k)) - r) / kDifference;
    }
    const Matrix normal = j.transpose() * j;
    const Vector gradient = j.transpose() * r;
    bool better = false, settled = false;
    while (!better && damping < kMostDamping) {
      Matrix damped = normal;
      damped.diagonal() *= 1 + damping;
      for (int k = 0; k < N; ++k) {
        if (!mask[static_cast<std::size_t>(k)]) damped(k, k) = 1;
      }
      const Vector step = -damped.ldlt().solve(gradient);
      const Eigen::VectorXd next = residuals(x + step);
      const double next_cost = next.squaredNorm();
      better = next_cost < cost;  // false also when not a number
      damping = better ? std::max(damping / 10, kLeastDamping) : damping * 10;
      if (!better) continue;
      settled = cost - next_cost < 1e-6 * (1 + cost);
      x += step;
      r = next;
      cost = next_cost;
    }
    if (!better || settled) break;
  }
  return {x, cost};
}

}  // namespace mb
