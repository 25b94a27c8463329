// A chart, defined once as data and drawn by two back ends: Chart.js in the page (chart_json) and
// gnuplot for PNG and SVG. Values are a document's fields in the display unit that the axis names;
// nothing here is fitted, averaged or otherwise worked out.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"

namespace mb {

struct ChartPoint {
  double x = 0, y = 0;
  std::optional<double> low, high;
  Validity validity = Validity::kValid;
  std::string text;   // the point in words: "2 threads: 29.4 GB/s (28.9 to 30.1 GB/s)"
  std::string label;  // written beside the point; mostly empty
};

// kMeasured: points joined by a line; kPoints: not joined, over a model's curve.
enum class SeriesStyle { kMeasured, kPoints, kModel, kBars };

struct ChartSeries {
  std::string label;
  SeriesStyle style = SeriesStyle::kMeasured;
  int colour = 0;       // index into the palette, same in both back ends
  bool dashed = false;  // a second kind of the same operation (page kind)
  std::vector<ChartPoint> points;
};

// A vertical line (knee, cache size, core count) or the advised count, which sits on the curve.
struct ChartMark {
  double x = 0;
  std::optional<double> y;  // set: the advised point
  std::string label;
};

struct ChartTick {
  double at = 0;
  std::string label;
};

struct ChartAxis {
  std::string title;  // with unit: "bandwidth, GB/s"
  bool logarithmic = false;
  double min = 0, max = 0;       // max <= min: left to the back end
  std::vector<ChartTick> ticks;  // empty: left to the back end
};

struct Chart {
  std::string id;     // bandwidth_threads, working_set, latency, loaded_latency, attention,
                      // prefill, decode, dispatch, shm
  std::string model;  // name in the recommendation; empty for charts of the machine
  std::string title;
  std::string answers;  // one sentence: what the chart answers
  ChartAxis x, y;
  std::vector<ChartSeries> series;
  std::vector<ChartMark> marks;
  // Lines of mark labels at the top, which the y axis leaves free; advised counts stand at the
  // foot.
  int label_rows() const;
};
// Marks beyond this many start again at the top: three lines part what stands close together.
inline constexpr int kMostLabelRows = 3;

// Every chart that has at least one point, in reading order; prefill and decode once per model.
std::vector<Chart> make_charts(const Results& results, const Recommendation& recommendation);

// The charts of one model and of the machine: a page without scripts, a picture.
std::vector<const Chart*> charts_of_model(const std::vector<Chart>& charts,
                                          const std::string& model);

// The model that leads: the first that fits and whose steps were measured here, else the first that
// fits, else the first; nullptr without models.
const ModelAdvice* leading_model(const Recommendation& recommendation);

std::vector<Chart> machine_charts(const Results& results, const Recommendation& recommendation);
std::vector<Chart> model_charts(const Results& results, const Recommendation& recommendation,
                                const ModelAdvice& advice);

// Thread axis with whole-number ticks; logarithmic past 32 threads.
ChartAxis thread_axis(const std::vector<ChartSeries>& series);

}  // namespace mb
