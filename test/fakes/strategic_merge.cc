#include "test/fakes/strategic_merge.h"

#include <regex>
#include <set>

#include "transport/text.h"

namespace godwit::test {
namespace {

using nlohmann::json;

json* find_by_type(json& list, const json& type) {
  for (auto& item : list) {
    if (item.value("type", json()) == type) return &item;
  }
  return nullptr;
}

std::string merge_conditions(json& present, const json& changes) {
  if (!changes.is_array() || !present.is_array()) return "conditions must be a list";
  for (const auto& change : changes) {
    if (!change.is_object() || !change.contains("type")) {
      return "map: does not contain declared merge key: type";
    }
    json* known = find_by_type(present, change["type"]);
    if (change.value("$patch", "") == "delete") {
      if (known != nullptr) present.erase(present.begin() + (known - &present[0]));
      continue;
    }
    if (known == nullptr) {
      present.push_back(json::object());
      known = &present.back();
    }
    if (auto wrong = apply_strategic_merge(*known, change); !wrong.empty()) return wrong;
  }
  return "";
}

bool is_time(const json& value) {
  static const std::regex form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))");
  return value.is_string() && std::regex_match(value.get<std::string>(), form);
}

std::string check_condition(const json& condition) {
  static const std::set<std::string> states = {"True", "False", "Unknown"};
  static const std::regex reason(R"([A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?)");
  for (const auto& [key, value] : condition.items()) {
    if (!value.is_string()) return key + " of a condition is no text";
  }
  if (!states.contains(condition.value("status", ""))) return "a condition's status";
  for (const char* key : {"lastHeartbeatTime", "lastTransitionTime"}) {
    if (condition.contains(key) && !is_time(condition[key])) return std::string("a time: ") + key;
  }
  if (!std::regex_match(condition.value("reason", "None"), reason)) return "a condition's reason";
  return condition.value("message", "").size() > 32'768 ? "a condition's message" : "";
}

}  // namespace

std::string apply_strategic_merge(json& object, const json& patch) {
  if (!patch.is_object()) return "expected an object";
  for (const auto& [key, value] : patch.items()) {
    if (key == "$patch") return "unrecognised $patch";
    if (value.is_null()) {
      object.erase(key);
    } else if (key == "conditions") {
      if (!object.contains(key)) object[key] = json::array();
      if (auto wrong = merge_conditions(object[key], value); !wrong.empty()) return wrong;
    } else if (value.is_object()) {
      if (!object.contains(key) || !object[key].is_object()) object[key] = json::object();
      if (auto wrong = apply_strategic_merge(object[key], value); !wrong.empty()) return wrong;
    } else {
      object[key] = value;
    }
  }
  return "";
}

void apply_merge(json& object, const json& patch) { object.merge_patch(patch); }

std::string check_node(const json& node) {
  std::size_t size = 0;
  for (const char* key : {"annotations", "labels"}) {
    const json texts = node["metadata"].value(key, json::object());
    for (const auto& [name, value] : texts.items()) {
      if (!value.is_string()) {
        return concat("cannot unmarshal ", value.type_name(),
                      " into Go struct field ObjectMeta.metadata.", key, " of type string");
      }
      size += name.size() + value.get<std::string>().size();
    }
  }
  if (size > 256 << 10) return "metadata.annotations: Too long: may not be more than 262144 bytes";
  std::set<std::string> types;
  const json status = node.value("status", json::object());
  const json conditions = status.value("conditions", json::array());
  for (const auto& condition : conditions) {
    if (auto wrong = check_condition(condition); !wrong.empty()) return wrong;
    if (!types.insert(condition.value("type", "")).second) return "a condition's type comes twice";
  }
  return "";
}

}  // namespace godwit::test
