// One scanner decodes UTF-8; everything else works on text that it has cleaned.
#include "reports/render/escape.h"

#include <cstdint>

namespace mb {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_continuation(unsigned char c) { return (c & 0xC0) == 0x80; }

// Length of the well-formed sequence at the start of `text`, 0 when there is none. Overlong forms,
// surrogates and code points past U+10FFFF are not well formed (Unicode, table 3-7).
std::size_t sequence_length(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const unsigned char c = at(0), d = at(1);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return is_continuation(d) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    const bool second = is_continuation(d) && !(c == 0xE0 && d < 0xA0) && !(c == 0xED && d > 0x9F);
    return second && is_continuation(at(2)) ? 3 : 0;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    const bool second = is_continuation(d) && !(c == 0xF0 && d < 0x90) && !(c == 0xF4 && d > 0x8F);
    return second && is_continuation(at(2)) && is_continuation(at(3)) ? 4 : 0;
  }
  return 0;
}

bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  // C1 controls, which some terminals obey.
  return sequence.size() == 2 && first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace

std::string clean_text(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const std::string_view sequence = text.substr(0, length);
    if (length == 0) {
      clean += kReplacement;
    } else if (sequence == "\n" || sequence == "\t") {
      clean += ' ';
    } else if (is_control(sequence)) {
      clean += kReplacement;
    } else {
      clean += sequence;
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

std::string html_escape(std::string_view text) {
  std::string escaped;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string html_escape_lines(std::string_view text) {
  std::string escaped;
  while (true) {
    const std::size_t end = text.find('\n');
    escaped += html_escape(text.substr(0, end));
    if (end == std::string_view::npos) return escaped;
    escaped += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string json_for_script(std::string json) {
  // Inside a script element only these can end the data or confuse a reader; all occur in JSON
  // strings alone, where \u escapes mean the same.
  json = replace_all(std::move(json), "<", "\\u003c");
  json = replace_all(std::move(json), ">", "\\u003e");
  json = replace_all(std::move(json), "&", "\\u0026");
  json = replace_all(std::move(json), "\xE2\x80\xA8", "\\u2028");
  return replace_all(std::move(json), "\xE2\x80\xA9", "\\u2029");
}

std::string gnuplot_string(std::string_view text) {
  // Single quotes: gnuplot expands neither backslashes nor backticks in them.
  return "'" + replace_all(clean_text(text), "'", "''") + "'";
}

std::string clip_text(std::string_view text, std::size_t columns) {
  std::string clean = clean_text(text);
  if (text_columns(clean) <= columns || columns == 0) return clean;
  std::size_t bytes = 0;
  for (std::size_t column = 0; column + 1 < columns; ++column) {
    bytes += sequence_length(std::string_view(clean).substr(bytes));
  }
  return clean.substr(0, bytes) + "…";
}

std::size_t text_columns(std::string_view text) {
  std::size_t columns = 0;
  for (const char c : text) {
    if (!is_continuation(static_cast<unsigned char>(c))) ++columns;
  }
  return columns;
}

std::string pad_right(std::string_view text, std::size_t columns) {
  std::string padded = clip_text(text, columns);
  return padded.append(columns - text_columns(padded), ' ');
}

std::string pad_left(std::string_view text, std::size_t columns) {
  const std::string clipped = clip_text(text, columns);
  return std::string(columns - text_columns(clipped), ' ') + clipped;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += i + j > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
    }
  }
  return text;
}

}  // namespace mb
