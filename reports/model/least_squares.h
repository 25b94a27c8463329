// Levenberg-Marquardt for a few parameters: damped Gauss-Newton steps, derivatives by differences.
#pragma once
#include <Eigen/Core>
#include <array>
#include <functional>
#include <vector>

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
Minimum<N> least_squares(const Residuals& residuals, const Eigen::Matrix<double, N, 1>& x,
                         const std::array<bool, N>& mask);

// The same of any number of parameters: compiled once.
Minimum<Eigen::Dynamic> least_squares(
    const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, Eigen::VectorXd x,
    const std::vector<bool>& mask);

template <int N, class Residuals>
Minimum<N> least_squares(const Residuals& residuals, const Eigen::Matrix<double, N, 1>& x,
                         const std::array<bool, N>& mask) {
  const auto found = least_squares(
      [&](const Eigen::VectorXd& at) -> Eigen::VectorXd {
        return residuals(Eigen::Matrix<double, N, 1>(at));
      },
      Eigen::VectorXd(x), std::vector<bool>(mask.begin(), mask.end()));
  return {found.x, found.cost};
}

}  // namespace mb
