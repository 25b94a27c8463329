// The page around what a report or a comparison says: head, policy, style, scripts, contents.
#pragma once
#include <string>
#include <vector>

namespace mb::html {

// A section; its markup is finished, a section without any is left out.
struct Part {
  std::string id, title, lead, markup;
};

struct Page {
  std::string title, masthead;  // escaped here
  std::string answer;           // markup of the first screen
  std::vector<Part> parts;
  std::string footer;  // markup
  std::string charts;  // charts_json()
};
std::string page_text(const Page& page);

}  // namespace mb::html
