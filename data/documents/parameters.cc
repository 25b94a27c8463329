// A short vector searched front to back: points have at most eight axes.
#include "data/documents/parameters.h"

#include <fmt/format.h>

#include <algorithm>

namespace mb {
namespace {

using Entries = std::vector<Parameters::Entry>;

const Parameters::Value* find(const Entries& entries, std::string_view key) {
  const auto found = std::ranges::find(entries, key, &Parameters::Entry::first);
  return found == entries.end() ? nullptr : &found->second;
}

void assign(Entries& entries, std::string_view key, Parameters::Value value) {
  const auto found = std::ranges::find(entries, key, &Parameters::Entry::first);
  if (found == entries.end()) {
    entries.emplace_back(std::string(key), std::move(value));
  } else {
    found->second = std::move(value);
  }
}

}  // namespace

Parameters& Parameters::set(std::string_view key, std::int64_t value) {
  assign(entries_, key, value);
  return *this;
}

Parameters& Parameters::set(std::string_view key, std::string_view value) {
  assign(entries_, key, std::string(value));
  return *this;
}

std::optional<std::int64_t> Parameters::number(std::string_view key) const {
  const auto* value = find(entries_, key);
  const auto* number = value ? std::get_if<std::int64_t>(value) : nullptr;
  return number ? std::optional(*number) : std::nullopt;
}

std::optional<std::string> Parameters::text(std::string_view key) const {
  const auto* value = find(entries_, key);
  const auto* text = value ? std::get_if<std::string>(value) : nullptr;
  return text ? std::optional(*text) : std::nullopt;
}

std::int64_t Parameters::number_or(std::string_view key, std::int64_t fallback) const {
  return number(key).value_or(fallback);
}

std::string Parameters::text_or(std::string_view key, std::string_view fallback) const {
  return text(key).value_or(std::string(fallback));
}

bool Parameters::has(std::string_view key) const { return find(entries_, key) != nullptr; }

std::string Parameters::name(std::string_view probe) const {
  std::string name(probe);
  for (const auto& [key, value] : entries_) {
    name += '/';
    if (key != "operation" && key != "level") name += key + ":";
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      name += fmt::format("{}", *number);
    } else {
      name += std::get<std::string>(value);
    }
  }
  return name;
}

}  // namespace mb
