// Progress goes to standard error: standard output carries the answer and may be a pipe.
#include "reports/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "data/system/streams.h"

namespace mb {
namespace {

constexpr int kUsualColumns = 80;
constexpr int kBarWidth = 24;

int columns_of(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

}  // namespace

TextStyle standard_output_style() {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");  // no-color.org: set and not empty
  TextStyle style;
  style.colour = terminal && (no_colour == nullptr || *no_colour == '\0');
  style.columns = terminal ? columns_of(STDOUT_FILENO) : kUsualColumns;
  return style;
}

std::string progress_text(const CampaignProgress& progress, int columns) {
  const double share = std::clamp(progress.share, 0.0, 1.0);
  const int filled = static_cast<int>(std::lround(share * kBarWidth));
  std::string line =
      fmt::format("[{:#>{}}{:->{}}] {:3.0f} %  {}  {:.0f} s to go", "", filled, "",
                  kBarWidth - filled, 100 * share, progress.step, std::ceil(progress.eta_seconds));
  // One column stays free, or the terminal would wrap and the next redraw miss the line.
  line.resize(std::min(line.size(), static_cast<std::size_t>(std::max(1, columns - 1))));
  return line;
}

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDERR_FILENO) == 1), columns_(columns_of(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::clear() {
  if (drawn_) tell("\r\033[K");
  drawn_ = false;
}

void ProgressLine::show(const CampaignProgress& progress) {
  if (!progress.message.empty()) {
    clear();
    tell("{}\n", progress.message);
  }
  if (!terminal_) return;
  tell("\r{}\033[K", progress_text(progress, columns_));
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace mb
