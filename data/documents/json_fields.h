// How the documents become JSON and are read back. Private to the .cc files of this folder: it is
// the one place that knows nlohmann-json.
//
// A struct lists its fields once, as pairs of name and member (Fields<T>); writing and reading both
// walk that list, so the names in C++ and JSON cannot drift apart. Writing keeps the order of the
// list, indents by one, and refuses numbers that are not finite. Reading is strict: each value must
// be there with the right type, only std::optional members may be null or absent; unknown keys are
// passed over (a later minor version may add some). An error is one line with the file, the path of
// the field (points[3].samples[0]), what was expected, what was found and what to do.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/documents/machine.h"
#include "data/documents/parameters.h"
#include "data/documents/validity.h"
#include "data/error.h"

namespace mb::json {

using Json = nlohmann::ordered_json;

// kAlways: written and required. kSparse: left out when empty or nullopt; absent or null on reading
// means just that. kSigned: an integer that may be negative.
enum class Rule { kAlways, kSparse, kSigned };

template <class S, class M>
struct Field {
  const char* name;
  M S::*member;
  Rule rule = Rule::kAlways;
};
template <class S, class M>
constexpr Field<S, M> field(const char* name, M S::*member, Rule rule = Rule::kAlways) {
  return {name, member, rule};
}

// A function that is called before the call that takes it ends: std::function without its copy.
template <class Signature>
class Callback;
template <class Result, class... Arguments>
class Callback<Result(Arguments...)> {
 public:
  template <class F>
  Callback(const F& function)
      : function_(&function), call_([](const void* f, Arguments... arguments) -> Result {
          return (*static_cast<const F*>(f))(arguments...);
        }) {}
  Result operator()(Arguments... arguments) const { return call_(function_, arguments...); }

 private:
  const void* function_;
  Result (*call_)(const void*, Arguments...);
};

// Specialised for every struct of a document: static constexpr auto list = std::make_tuple(...).
template <class S>
struct Fields;
template <class S>
concept Described = requires {
  Fields<S>::list;
};

// Specialised for enumerations that stand as a word in JSON.
template <class E>
struct Words;  // static std::string_view to(E); static E from(std::string_view) throws Error
template <class E>
concept Worded = requires(E e) {
  Words<E>::to(e);
};

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

// Where in the document we are; lives on the stack and becomes text only for an error.
class Place {
 public:
  explicit Place(std::string_view origin = {}) : origin_(origin) {}  // the root; a file's name
  Place(const Place& parent, std::string_view key) : parent_(&parent), key_(key) {}
  Place(const Place& parent, std::size_t index)
      : parent_(&parent), index_(static_cast<std::ptrdiff_t>(index)) {}
  std::string path() const;
  std::string_view origin() const { return parent_ ? parent_->origin() : origin_; }

 private:
  const Place* parent_ = nullptr;
  std::string_view key_;
  std::ptrdiff_t index_ = -1;
  std::string_view origin_;
};

[[noreturn]] void fail(const Place& place, std::string_view expected, const Json* found);
[[noreturn]] void fail_write(const Place& place);

// Text -> JSON with limits (nesting, duplicate keys, numbers out of range); throws Error.
Json parse(std::string_view text, std::string_view origin);
// Throws unless `json` is an object whose schema_version is `version`. `optional`: may be absent.
void check_schema_version(const Json& json, std::string_view origin, std::string_view document,
                          int version, bool optional = false);
std::string dump(const Json& json);

// ---- writing ----
Json to_json(const Parameters& parameters, const Place& place);

// Sets object[name] to what `value` gives, unless it is empty and `sparse`. Not a template, as
// read_field: what a field decides is compiled once, not once a member.
void write_field(Json& object, const Place& here, const char* name, bool sparse, bool empty,
                 const Callback<Json(const Place&)>& value);

template <class T>
Json to_json(const T& value, const Place& place) {
  if constexpr (std::is_same_v<T, double>) {
    if (!std::isfinite(value)) fail_write(place);
    return value;
  } else if constexpr (is_optional<T>::value) {
    return value ? to_json(*value, place) : Json(nullptr);
  } else if constexpr (Worded<T>) {
    return std::string(Words<T>::to(value));
  } else if constexpr (Described<T>) {
    Json object = Json::object();
    const auto write = [&](const auto& f) {
      const auto& member = value.*f.member;
      using Member = std::remove_cvref_t<decltype(member)>;
      bool empty = false;
      if constexpr (requires { member.empty(); }) {
        empty = member.empty();
      } else if constexpr (is_optional<Member>::value) {
        empty = !member.has_value();
      }
      write_field(object, Place(place, f.name), f.name, f.rule == Rule::kSparse, empty,
                  [&member](const Place& here) { return to_json(member, here); });
    };
    std::apply([&](const auto&... f) { (write(f), ...); }, Fields<T>::list);
    return object;
  } else if constexpr (requires { typename T::mapped_type; }) {
    Json object = Json::object();
    for (const auto& [key, item] : value) object[key] = to_json(item, Place(place, key));
    return object;
  } else if constexpr (requires { typename T::value_type; } && !std::is_same_v<T, std::string>) {
    Json array = Json::array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      array.push_back(to_json(value[i], Place(place, i)));
    }
    return array;
  } else {
    return value;  // bool, integers, text
  }
}

// ---- reading ----
void from_json(const Json& json, const Place& place, Parameters& out);

// A whole number from `least` to `most`, which other writers may give as 136.0.
std::int64_t whole_number(const Json& json, const Place& place, bool may_be_negative,
                          std::int64_t least, std::int64_t most);
template <class T>
void read_integer(const Json& json, const Place& place, bool may_be_negative, T& out) {
  using Limits = std::numeric_limits<T>;
  static_assert(Limits::digits <= 63, "most would not hold it");
  out = static_cast<T>(whole_number(json, place, may_be_negative, Limits::min(), Limits::max()));
}

// Calls `read` with the value at `name`. Absent: throws, unless `optional` or kSparse. Null: as
// absent for kSparse; an optional reads it itself.
void read_field(const Json& object, const Place& here, const char* name, Rule rule, bool optional,
                const Callback<void(const Json&)>& read);

template <class T>
void from_json(const Json& json, const Place& place, T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) fail(place, "true or false", &json);
    out = json.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    read_integer(json, place, false, out);
  } else if constexpr (std::is_same_v<T, double>) {
    if (!json.is_number() || !std::isfinite(json.get<double>())) fail(place, "a number", &json);
    out = json.get<double>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) fail(place, "text", &json);
    out = json.get<std::string>();
  } else if constexpr (is_optional<T>::value) {
    if (json.is_null()) {
      out.reset();
    } else {
      from_json(json, place, out.emplace());
    }
  } else if constexpr (Worded<T>) {
    if (!json.is_string()) fail(place, "a word", &json);
    try {
      out = Words<T>::from(json.get<std::string>());
    } catch (const Error& error) {
      fail(place, error.what(), nullptr);
    }
  } else if constexpr (Described<T>) {
    if (!json.is_object()) fail(place, "an object", &json);
    const auto read = [&](const auto& f) {
      auto& member = out.*f.member;
      using Member = std::remove_cvref_t<decltype(member)>;
      const Place here(place, f.name);
      read_field(json, here, f.name, f.rule, is_optional<Member>::value, [&](const Json& found) {
        if constexpr (std::is_integral_v<Member> && !std::is_same_v<Member, bool>) {
          read_integer(found, here, f.rule == Rule::kSigned, member);
        } else {
          from_json(found, here, member);
        }
      });
    };
    std::apply([&](const auto&... f) { (read(f), ...); }, Fields<T>::list);
  } else if constexpr (requires { typename T::mapped_type; }) {
    if (!json.is_object()) fail(place, "an object", &json);
    for (const auto& [key, item] : json.items()) from_json(item, Place(place, key), out[key]);
  } else {
    if (!json.is_array()) fail(place, "an array", &json);
    out.clear();
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
      from_json(json[i], Place(place, i), out.emplace_back());
    }
  }
}

// ---- what several documents hold ----
template <>
struct Words<Validity> {
  static std::string_view to(Validity validity) { return to_string(validity); }
  static Validity from(std::string_view text) { return validity_from_string(text); }
};
template <>
struct Fields<Reason> {
  static constexpr auto list =
      std::make_tuple(field("code", &Reason::code), field("detail", &Reason::detail));
};
template <>
struct Fields<Verdict> {
  static constexpr auto list =
      std::make_tuple(field("validity", &Verdict::validity), field("reasons", &Verdict::reasons));
};
template <>
struct Fields<Missing> {
  static constexpr auto list =
      std::make_tuple(field("what", &Missing::what), field("cause", &Missing::cause),
                      field("remedy", &Missing::remedy));
};
template <>
struct Fields<Limits> {
  static constexpr auto list = std::make_tuple(
      field("installed_cpus", &Limits::installed_cpus),
      field("affinity_cpus", &Limits::affinity_cpus), field("quota_cpus", &Limits::quota_cpus),
      field("quota_source", &Limits::quota_source),
      field("effective_cpus", &Limits::effective_cpus), field("limited_by", &Limits::limited_by),
      field("memory_available_bytes", &Limits::memory_available_bytes),
      field("memory_total_bytes", &Limits::memory_total_bytes),
      field("memory_limit_bytes", &Limits::memory_limit_bytes),
      field("address_space_bytes", &Limits::address_space_bytes),
      field("memory_budget_bytes", &Limits::memory_budget_bytes),
      field("shm_total_bytes", &Limits::shm_total_bytes),
      field("shm_free_bytes", &Limits::shm_free_bytes));
};

}  // namespace mb::json
