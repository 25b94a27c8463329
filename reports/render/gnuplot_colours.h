// Colours of the pictures, and the look that all charts share. Private to the gnuplot back end.
#pragma once
#include <array>
#include <string>
#include <string_view>

namespace mb {

// Okabe and Ito's palette, told apart with any kind of colour vision; the page's light theme has
// it.
inline constexpr std::array<std::string_view, 6> kPalette{"#0072B2", "#D55E00", "#009E73",
                                                          "#AA4499", "#B8860B", "#3C99D0"};
inline constexpr std::string_view kInk = "#1d2129", kMuted = "#5d6570", kGrid = "#d9d6cd",
                                  kWash = "#f1eee6";

// Hairline grid, no box, tick labels muted.
std::string gnuplot_style();

}  // namespace mb
