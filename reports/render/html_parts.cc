// Tables, figures and the charts' JSON block: what several sections use.
#include "reports/render/html_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/render/escape.h"
#include "reports/render/format.h"

namespace mb::html {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestRowName = 48, kLongestTooltip = 500, kLongestTitle = 120;

std::string_view style_name(SeriesStyle style) {
  switch (style) {
    case SeriesStyle::kModel:
      return "model";
    case SeriesStyle::kBars:
      return "bars";
    case SeriesStyle::kPoints:
      return "points";
    case SeriesStyle::kSpans:
      return "spans";
    case SeriesStyle::kMeasured:
      break;
  }
  return "measured";
}

json axis_json(const ChartAxis& axis) {
  json ticks = json::array();
  for (const ChartTick& tick : axis.ticks) {
    ticks.push_back({{"at", tick.at}, {"label", clip_text(tick.label, kLongestRowName)}});
  }
  return {{"title", clean_text(axis.title)},
          {"logarithmic", axis.logarithmic},
          {"min", axis.min},
          {"max", axis.max},
          {"ticks", ticks}};
}

json series_json(const ChartSeries& series) {
  json points = json::array();
  for (const ChartPoint& point : series.points) {
    json one = {{"x", point.x},
                {"y", point.y},
                {"verdict", to_string(point.validity)},
                {"text", clip_text(point.text, kLongestTooltip)}};
    if (!point.label.empty()) one["label"] = clip_text(point.label, kLongestRowName);
    if (point.from) one["from"] = *point.from;
    if (point.low) one["low"] = *point.low;
    if (point.high) one["high"] = *point.high;
    points.push_back(std::move(one));
  }
  json made = {{"label", clip_text(series.label, 60)},
               {"style", style_name(series.style)},
               {"colour", series.colour},
               {"dashed", series.dashed},
               {"points", points}};
  if (!series.common.empty()) made["common"] = clip_text(series.common, kLongestTooltip);
  return made;
}

// x of every point, once, in order.
std::set<double> abscissae(const Chart& chart) {
  std::set<double> values;
  for (const ChartSeries& series : chart.series) {
    for (const ChartPoint& point : series.points) values.insert(point.x);
  }
  return values;
}

std::string row_name(const Chart& chart, double x) {
  for (const ChartTick& tick : chart.x.ticks) {
    if (tick.at == x) return tick.label;
  }
  return chart.id == "working_set" || chart.id == "latency" ? format_bytes(x) : format_number(x);
}

std::string figure_cell(const ChartPoint& point) {
  std::string cell = html_escape(format_number(point.y));
  if (point.low && point.high) {
    cell += fmt::format(" <span class=\"muted\">({})</span>",
                        format_rate_interval(*point.low, *point.high));
  }
  if (point.validity != Validity::kValid) {
    cell += fmt::format(" <span class=\"verdict {0}\">{0}</span>", to_string(point.validity));
  }
  return cell;
}

std::string chart_table(const Chart& chart, const std::string& caption) {
  std::vector<std::pair<std::string, Table::Cell>> columns;
  columns.emplace_back(chart.x.title.empty() ? "what" : chart.x.title, Table::Cell::kText);
  for (const ChartSeries& series : chart.series) {
    columns.emplace_back(clip_text(series.label, kLongestTitle), Table::Cell::kNumber);
  }
  Table table(caption, columns);
  for (const double x : abscissae(chart)) {
    std::vector<std::string> cells{html_escape(clip_text(row_name(chart, x), kLongestTitle))};
    for (const ChartSeries& series : chart.series) {
      const auto point =
          std::find_if(series.points.begin(), series.points.end(),
                       [x](const ChartPoint& candidate) { return candidate.x == x; });
      cells.push_back(point == series.points.end() ? "" : figure_cell(*point));
    }
    table.row(cells);
  }
  return table.text();
}

std::string data_model(const Documents& documents, const std::string& model) {
  if (model.empty()) return "";
  return fmt::format(" data-model=\"{}\"", model_index(documents.recommendation, model));
}

std::string title_of(const Documents& documents, const std::string& model) {
  const int index = model_index(documents.recommendation, model);
  return index < 0 ? "" : documents.recommendation.models[static_cast<std::size_t>(index)].title;
}

// One figure for all charts of an id: those of several models share a canvas.
std::string figure(const Documents& documents, const std::string& id) {
  std::string tables, pictures;
  const Chart* first = nullptr;
  for (std::size_t i = 0; i < documents.charts.size(); ++i) {
    const Chart& chart = documents.charts[i];
    if (chart.id != id) continue;
    if (first == nullptr) first = &chart;
    const std::string caption =
        chart.title + ", " + chart.y.title +
        (chart.model.empty() ? ""
                             : ": " + clip_text(title_of(documents, chart.model), kLongestTitle));
    tables += fmt::format("<div{}>{}</div>", data_model(documents, chart.model),
                          chart_table(chart, caption));
    if (i < documents.svg.size() && !documents.svg[i].empty()) {
      pictures += fmt::format("<img alt=\"{}\" src=\"data:image/svg+xml;base64,{}\">",
                              html_escape(caption), base64(documents.svg[i]));
    }
  }
  if (first == nullptr) return "";
  return fmt::format(
      "<figure class=\"card\" id=\"chart-{0}\"><figcaption><h3>{1}</h3><p>{2}</p></figcaption>"
      "<div class=\"plot\"><canvas data-chart=\"{0}\" role=\"img\" aria-label=\"{1}: "
      "{2}\"></canvas>"
      "</div><div class=\"tools\"></div><noscript>{3}</noscript>"
      "<details><summary>The figures as a table</summary>{4}</details></figure>\n",
      first->id, html_escape(first->title), html_escape(clip_text(first->answers, kLongestTooltip)),
      pictures.empty() ? "<p class=\"small muted\">The chart needs scripts; its figures are in the "
                         "table below.</p>"
                       : pictures,
      tables);
}

}  // namespace

Table::Table(std::string_view caption, std::vector<std::pair<std::string, Cell>> columns) {
  markup_ =
      fmt::format("<div class=\"scroll\" tabindex=\"0\"><table><caption>{}</caption><thead><tr>",
                  html_escape(caption));
  for (const auto& [name, kind] : columns) {
    kinds_.push_back(kind);
    markup_ += fmt::format("<th scope=\"col\"{}>{}</th>",
                           kind == Cell::kNumber ? " class=\"n\"" : "", html_escape(name));
  }
  markup_ += "</tr></thead><tbody>";
}

void Table::row(const std::vector<std::string>& cells, std::string_view attributes) {
  ++rows_;
  markup_ += fmt::format("<tr{}{}>", attributes.empty() ? "" : " ", attributes);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Cell kind = kinds_.at(i);
    const std::string_view css = kind == Cell::kNumber ? " class=\"n\""
                                 : kind == Cell::kWide ? " class=\"w\""
                                                       : "";
    markup_ += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", css, cells[i])
                      : fmt::format("<td{}>{}</td>", css, cells[i]);
  }
  markup_ += "</tr>\n";
}

std::string Table::text() const { return markup_ + "</tbody></table></div>\n"; }

std::string paragraph(std::string_view text, std::string_view css_class) {
  return css_class.empty() ? fmt::format("<p>{}</p>\n", html_escape(text))
                           : fmt::format("<p class=\"{}\">{}</p>\n", css_class, html_escape(text));
}

std::string verdict_mark(const Verdict& verdict) {
  return fmt::format("<span class=\"verdict {0}\">{0}</span>", to_string(verdict.validity));
}

std::string missing_table(std::string_view caption, const std::vector<Missing>& missing) {
  Table table(caption, {{"What", Table::Cell::kText},
                        {"Why", Table::Cell::kWide},
                        {"What to do", Table::Cell::kWide}});
  std::vector<Missing> seen;
  for (const Missing& one : missing) {
    if (std::find(seen.begin(), seen.end(), one) != seen.end()) continue;
    seen.push_back(one);
    table.row({html_escape(one.what), html_escape(one.cause), html_escape(one.remedy)});
  }
  return table.empty() ? "" : table.text();
}

std::string figures(const Documents& documents, const std::vector<std::string>& ids) {
  std::string markup;
  for (const std::string& id : ids) markup += figure(documents, id);
  return markup.empty() ? "" : "<div class=\"charts\">\n" + markup + "</div>\n";
}

std::string charts_json(const Documents& documents) {
  json all = json::array();
  for (const Chart& chart : documents.charts) {
    json series = json::array(), marks = json::array(), bands = json::array();
    for (const ChartSeries& one : chart.series) series.push_back(series_json(one));
    for (const ChartMark& mark : chart.marks) {
      json one = {{"x", mark.x}, {"label", clip_text(mark.label, 40)}};
      if (mark.y) one["y"] = *mark.y;
      marks.push_back(std::move(one));
    }
    for (const ChartBand& band : chart.bands) {
      bands.push_back({{"from", band.from}, {"to", band.to}, {"label", clip_text(band.label, 40)}});
    }
    all.push_back({{"id", chart.id},
                   {"model", model_index(documents.recommendation, chart.model)},
                   {"title", clean_text(chart.title)},
                   {"x", axis_json(chart.x)},
                   {"y", axis_json(chart.y)},
                   {"series", series},
                   {"marks", marks},
                   {"bands", bands},
                   {"label_rows", chart.label_rows()}});
  }
  return json_for_script(all.dump());
}

int model_index(const Recommendation& recommendation, const std::string& model) {
  for (std::size_t i = 0; i < recommendation.models.size(); ++i) {
    if (!model.empty() && recommendation.models[i].model == model) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace mb::html
