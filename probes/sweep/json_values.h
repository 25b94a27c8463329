// JSON inside other output: engines print their result between log lines.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

namespace mb {

// Every object in the JSON values that start a line of `text` ("data: " of an event stream may
// stand before), outer ones first. Damaged values are passed over.
void for_each_object(std::string_view text,
                     const std::function<void(const nlohmann::json& object)>& visit);

}  // namespace mb
