// The parts of report.html. Each returns finished markup with every text escaped; html.cc puts them
// into page/page.html. A block with data-model="N" belongs to model N of the recommendation: the
// page's script shows only the chosen one, without scripts all are there.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "reports/render/chart.h"

namespace mb::html {

struct Documents {
  const Results& results;
  const Recommendation& recommendation;
  std::vector<Chart> charts;
  std::vector<std::string> svg;  // of charts, in order; empty strings without gnuplot
};

// A table with a caption. Cells hold markup; the first column is a row header.
class Table {
 public:
  enum class Cell { kText, kNumber, kWide };
  Table(std::string_view caption, std::vector<std::pair<std::string, Cell>> columns);
  void row(const std::vector<std::string>& cells, std::string_view attributes = "");
  bool empty() const { return rows_ == 0; }
  std::string text() const;

 private:
  std::vector<Cell> kinds_;
  std::string markup_;
  int rows_ = 0;
};

std::string paragraph(std::string_view text, std::string_view css_class = "");  // escapes
std::string verdict_mark(const Verdict& verdict);
std::string missing_table(std::string_view caption, const std::vector<Missing>& missing);
// Figures of these charts in a grid; empty when there are none.
std::string figures(const Documents& documents, const std::vector<std::string>& ids);
std::string charts_json(const Documents& documents);
int model_index(const Recommendation& recommendation, const std::string& model);  // -1: none

std::string answer(const Documents& documents);
std::string machine(const Documents& documents);
std::string regimes(const Documents& documents);
std::string dispatch(const Documents& documents);
std::string smt_and_counters(const Documents& documents);
std::string rules(const Documents& documents);
std::string levers(const Documents& documents);
std::string findings(const Documents& documents);
std::string engines(const Documents& documents);
std::string evidence(const Documents& documents);
std::string again(const Documents& documents);

}  // namespace mb::html
