// Puts the parts into page/page.html. The page asks nothing of the network: its policy allows only
// its own style and its two scripts, each by the hash that was taken when they were embedded.
#include "reports/render/html_page.h"

#include <fmt/format.h>

#include <map>
#include <string_view>

#include "data/error.h"
#include "embedded/embedded_page.h"
#include "reports/render/escape.h"
#include "reports/render/html_parts.h"

namespace mb::html {
namespace {

const EmbeddedFile& asset(std::string_view name) {
  for (const EmbeddedFile& file : embedded_page()) {
    if (file.name == name) return file;
  }
  throw Error(ErrorCode::kFailure, fmt::format("the program was built without {}", name));
}

// Content-Security-Policy wants the digest in base64, CMake gives it in hexadecimal.
std::string policy_hash(const EmbeddedFile& file) {
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string digest;
  for (std::size_t i = 0; i + 1 < file.sha256_hex.size(); i += 2) {
    digest += static_cast<char>(nibble(file.sha256_hex[i]) << 4 | nibble(file.sha256_hex[i + 1]));
  }
  return "'sha256-" + base64(digest) + "'";
}

std::string policy() {
  return fmt::format(
      "default-src 'none'; script-src {} {}; style-src {}; img-src data:; base-uri 'none'; "
      "form-action 'none'",
      policy_hash(asset("chart.min.js")), policy_hash(asset("page.js")),
      policy_hash(asset("page.css")));
}

// Fills {{slots}} in one pass: what is put in is never searched for slots again.
std::string fill(std::string_view page,
                 const std::map<std::string, std::string, std::less<>>& slots) {
  std::string text;
  while (true) {
    const std::size_t open = page.find("{{");
    text += page.substr(0, open);
    if (open == std::string_view::npos) return text;
    const std::size_t close = page.find("}}", open);
    const std::string_view name = page.substr(open + 2, close - open - 2);
    const auto slot = slots.find(name);
    text += slot == slots.end() ? std::string(asset(name).content) : slot->second;
    page.remove_prefix(close + 2);
  }
}

}  // namespace

std::string page_text(const Page& page) {
  std::string sections, contents;
  for (const Part& part : page.parts) {
    if (part.markup.empty()) continue;
    contents += fmt::format("<li><a href=\"#{}\">{}</a></li>", part.id, part.title);
    sections +=
        fmt::format("<section class=\"part\" id=\"{}\"><h2>{}</h2>\n{}{}</section>\n", part.id,
                    part.title, part.lead.empty() ? "" : paragraph(part.lead, "lead"), part.markup);
  }
  const std::string licence = fmt::format(
      "<details><summary>Chart.js is embedded under its own "
      "licence.</summary><pre>{}</pre></details>",
      html_escape_lines(asset("copyright").content));
  return fill(asset("page.html").content, {{"policy", policy()},
                                           {"title", html_escape(page.title)},
                                           {"masthead", html_escape(page.masthead)},
                                           {"answer", page.answer},
                                           {"contents", "<ul>" + contents + "</ul>"},
                                           {"sections", sections},
                                           {"footer", page.footer + licence},
                                           {"charts", page.charts}});
}

}  // namespace mb::html
