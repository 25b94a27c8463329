// Parsing with limits and the texts of errors; the walking is in the header's templates.
//
// nlohmann's parser keeps its own stack, so a deep document cannot overflow ours; the nesting limit
// bounds memory and the recursion of our own readers. Duplicate keys are refused because parsers
// disagree on which one counts.
#include "data/documents/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace mb::json {
namespace {

// Documents nest eight deep at most; room for what later versions add.
constexpr int kMaxDepth = 64;
constexpr std::string_view kRemedy = "the file is damaged or was edited: write it again";

std::string kind_of(const Json& json) {
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    const std::string shown =
        Json(text.substr(0, 40)).dump(-1, ' ', true, Json::error_handler_t::replace);
    return "text " + shown + (text.size() > 40 ? "..." : "");
  }
  if (json.is_number() || json.is_boolean() || json.is_null()) return json.dump();
  return json.is_array() ? "an array" : "an object";
}

// "[json.exception.parse_error.101] parse error at line 1, column 5: ..." without the tag.
std::string plain(const std::exception& error) {
  const std::string text = error.what();
  const auto end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace

std::string Place::path() const {
  if (!parent_) return {};
  const std::string before = parent_->path();
  if (index_ >= 0) return fmt::format("{}[{}]", before, index_);
  return before.empty() ? std::string(key_) : fmt::format("{}.{}", before, key_);
}

void fail(const Place& place, std::string_view expected, const Json* found) {
  const std::string path = place.path();
  throw Error(ErrorCode::kFailure, fmt::format("{}: {}: expected {}{}; {}", place.origin(),
                                               path.empty() ? "the whole text" : path, expected,
                                               found ? ", found " + kind_of(*found) : "", kRemedy));
}

void fail_write(const Place& place) {
  throw Error(
      ErrorCode::kFailure,
      fmt::format("document not written: {} is not a finite number; this is a defect, please "
                  "report it",
                  place.path()));
}

Json parse(std::string_view text, std::string_view origin) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    throw Error(
        ErrorCode::kFailure,
        fmt::format("{}: expected a JSON document, the file is empty; {}", origin, kRemedy));
  }
  std::vector<std::set<std::string>> keys;  // of the objects and arrays that are open
  const auto check = [&](int, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      keys.emplace_back();
      if (static_cast<int>(keys.size()) > kMaxDepth) {
        throw Error(ErrorCode::kFailure,
                    fmt::format("{}: nested more than {} deep, no document of this program is; {}",
                                origin, kMaxDepth, kRemedy));
      }
    } else if (event == Event::object_end || event == Event::array_end) {
      keys.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        throw Error(ErrorCode::kFailure,
                    fmt::format("{}: key \"{}\" stands twice in one object; {}", origin,
                                key.substr(0, 80), kRemedy));
      }
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: not valid JSON, cut off or damaged: {}; write it again", origin,
                            plain(error)));
  }
}

void check_schema_version(const Json& json, std::string_view origin, std::string_view document,
                          int version, bool optional) {
  const Place root(origin);
  if (!json.is_object()) fail(root, fmt::format("a {} document", document), &json);
  const auto found = json.find("schema_version");
  if (found == json.end() && optional) return;
  const Place here(root, "schema_version");
  if (found == json.end()) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: schema_version is missing, so this is no {} document of "
                            "memory_benchmark; name the right file",
                            origin, document));
  }
  int value = 0;
  read_integer(*found, here, true, value);
  if (value == version) return;
  throw Error(ErrorCode::kFailure,
              fmt::format("{}: schema_version is {}, this program reads {} of a {} document; {}",
                          origin, value, version, document,
                          value > version ? "written by a newer memory_benchmark: update"
                                          : "written by an old memory_benchmark: measure again"));
}

std::string dump(const Json& json) {
  // Bytes that are no UTF-8 (a child's output) become U+FFFD: a document is always readable.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_field(Json& object, const Place& here, const char* name, bool sparse, bool empty,
                 const Callback<Json(const Place&)>& value) {
  if (sparse && empty) return;
  object[name] = value(here);
}

void read_field(const Json& object, const Place& here, const char* name, Rule rule, bool optional,
                const Callback<void(const Json&)>& read) {
  const auto found = object.find(name);
  if (found == object.end()) {
    if (!optional && rule != Rule::kSparse) fail(here, "to be there", nullptr);
    return;
  }
  if (found->is_null() && rule == Rule::kSparse) return;
  read(*found);
}

std::int64_t whole_number(const Json& json, const Place& place, bool may_be_negative,
                          std::int64_t least, std::int64_t most) {
  const auto check = [&](bool good) {
    if (!good)
      fail(place, may_be_negative ? "a whole number" : "a whole number, at least 0", &json);
  };
  if (json.is_number_float()) {
    const auto value = json.get<double>();
    const double limit = std::min(static_cast<double>(most), 9007199254740992.0);  // exact
    check(std::trunc(value) == value && std::abs(value) <= limit);
    check(value >= 0 || may_be_negative);
    return static_cast<std::int64_t>(value);
  }
  check(json.is_number_integer());
  if (json.is_number_unsigned()) {
    check(json.get<std::uint64_t>() <= static_cast<std::uint64_t>(most));
  }
  const auto whole = json.get<std::int64_t>();
  check(whole >= least && whole <= most && (whole >= 0 || may_be_negative));
  return whole;
}

Json to_json(const Parameters& parameters, const Place&) {
  Json object = Json::object();
  for (const auto& [key, value] : parameters.entries()) {
    std::visit([&object, &name = key](const auto& item) { object[name] = item; }, value);
  }
  return object;
}

void from_json(const Json& json, const Place& place, Parameters& out) {
  if (!json.is_object()) fail(place, "an object", &json);
  out = {};
  for (const auto& [key, item] : json.items()) {
    if (item.is_string()) {
      out.set(key, std::string_view(item.get_ref<const std::string&>()));
    } else if (item.is_number_integer()) {
      std::int64_t number = 0;
      read_integer(item, Place(place, key), true, number);
      out.set(key, number);
    } else {
      fail(Place(place, key), "a whole number or a word", &item);
    }
  }
}

}  // namespace mb::json
