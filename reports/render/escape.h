// Text from documents made harmless for the place it goes to. A document may come from anywhere: a
// CPU's name or a model's name is data, never markup, script, plot commands or terminal control.
#pragma once
#include <string>
#include <string_view>

namespace mb {

// Valid UTF-8 without control characters (newline and tab become spaces); broken bytes and controls
// become U+FFFD. All escapes start from this.
std::string clean_text(std::string_view text);

std::string html_escape(std::string_view text);        // for element content and quoted attributes
std::string html_escape_lines(std::string_view text);  // keeps newlines, for pre elements
std::string json_for_script(std::string json);         // no "</script>", no "<!--", no U+2028
std::string gnuplot_string(std::string_view text);     // with its quotes: 'it''s'
std::string clip_text(std::string_view text,
                      std::size_t columns);       // clean, at most so many characters
std::size_t text_columns(std::string_view text);  // code points of clean text
std::string pad_right(std::string_view text, std::size_t columns);  // clipped or filled with spaces
std::string pad_left(std::string_view text, std::size_t columns);
std::string base64(std::string_view bytes);

}  // namespace mb
