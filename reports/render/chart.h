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
  std::optional<double> from;  // of a span: where it begins; it is y long
  Validity validity = Validity::kValid;
  std::string text;   // the point in words: "2 threads: 29.4 GB/s (28.9 to 30.1 GB/s)"
  std::string label;  // written beside the point; mostly empty
};

// kMeasured: points joined by a line; kPoints: not joined, over a model's curve; kModel: a line
// with its band; kBars: side by side; kSpans: lying on row x, from `from` on. Bars and spans have
// a chart of their own.
enum class SeriesStyle { kMeasured, kPoints, kModel, kBars, kSpans };

struct ChartSeries {
  std::string label;
  SeriesStyle style = SeriesStyle::kMeasured;
  int colour = 0;       // index into the palette, same in both back ends
  bool dashed = false;  // a second kind of the same operation (page kind)
  std::vector<ChartPoint> points;
  std::string common;  // what holds for all points and ends the words of each; may be empty
};

// A vertical line (knee, cache size, core count) or the advised count, which sits on the curve.
struct ChartMark {
  double x = 0;
  std::optional<double> y;  // set: the advised point
  std::string label;
};

// A stretch of the x axis with a name, such as the prompts of one regime.
struct ChartBand {
  double from = 0, to = 0;
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
                      // prefill, decode, by_prompt, shares, levers, dispatch, shm, placement,
                      // counters_ipc, counters_l3, roofline_prefill, roofline_decode, timeline
  std::string model;  // name in the recommendation; empty for charts of the machine
  std::string title;
  std::string answers;  // one sentence: what the chart answers
  ChartAxis x, y;
  std::vector<ChartSeries> series;
  std::vector<ChartMark> marks;
  std::vector<ChartBand> bands;
  bool lying() const;  // spans: x are rows, y runs along the foot
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

std::vector<Chart> machine_charts(const Results& results, const Recommendation& recommendation);
std::vector<Chart> model_charts(const Results& results, const Recommendation& recommendation,
                                const ModelAdvice& advice);

// Thread axis with whole-number ticks; logarithmic past 32 threads.
ChartAxis thread_axis(const std::vector<ChartSeries>& series);

}  // namespace mb
