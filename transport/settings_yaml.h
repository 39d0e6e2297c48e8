// Reads YAML documents: settings, key by key, for settings.cc, and any other as flat paths.
// yaml-cpp is confined to settings_yaml.cc.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"
#include "transport/settings.h"

namespace godwit {

// What the settings file or the environment says for one key.
struct RawSetting {
  std::string where;  // "agent.yaml:12" or "environment GODWIT_X"
  std::string text;
  std::vector<std::string> items;
  bool is_list = false;
};
using RawSettings = std::map<std::string, RawSetting, std::less<>>;

// Gathers everything that is wrong, so that a person can mend it in one go.
class SettingProblems {
 public:
  void add(std::string_view where, std::string_view key, std::string_view what);
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] Error error() const;  // one line each, at most 20

 private:
  std::vector<std::string> lines_;
};

// Keys that the table does not know, sections where values belong and the like go to `problems`.
RawSettings read_settings_yaml(std::span<const Setting> table, std::string_view text,
                               std::string_view source, SettingProblems& problems);

// Every plain value of a document by its path, list items by number: "users.0.name". Bounded in
// size, depth and number of values.
Result<std::map<std::string, std::string>> flatten_yaml(std::string_view text);

}  // namespace godwit
