// What the files of charts share: choosing usable points, putting them into series, axes.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/render/chart.h"
#include "reports/render/format.h"

namespace mb {

using PointFilter = std::function<bool(const Point&)>;
using Points = std::vector<const Point*>;

Chart empty_chart(std::string_view id, std::string_view title, std::string_view answers);

bool usable(const Point& point);
// Usable points of `probe` that `filter` takes, in document order.
Points select_all(const Results& results, std::string_view probe, const PointFilter& filter);
// The same without points of special placements and of pairs of nodes.
Points select(const Results& results, std::string_view probe, const PointFilter& filter);

DisplayUnit unit_of(const Points& points, bool smallest = false);
// `at` begins the words of the point: "2 threads, huge pages".
ChartPoint chart_point(const Point& point, double x, const DisplayUnit& unit, std::string_view at);

std::string threads_text(std::int64_t threads);
// The series of that label, made when new.
ChartSeries& series_named(Chart& chart, const std::string& label, int colour, bool dashed);
void sort_points(Chart& chart);  // by x
void sort_series(Chart& chart);  // by colour

const ModelCurve* find_curve(const Recommendation& recommendation, std::string_view name);

// Powers of two inside the range, at most six of them, named by `name`.
ChartAxis log2_axis(const std::vector<ChartSeries>& series,
                    const std::function<std::string(double)>& name);
// Row `label` of a chart whose x are rows; made when new.
double row_named(Chart& chart, const std::string& label);

// Placements, counters, rooflines, the conversation (charts_detail.cc).
std::vector<Chart> detail_charts(const Results& results, const Recommendation& recommendation);

}  // namespace mb
