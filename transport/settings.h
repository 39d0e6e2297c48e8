// Settings of a program: one YAML file plus environment variables, checked against one table.
// yaml-cpp is confined to settings.cc.
//
// The table says every key that exists, its type, default, bounds and meaning; from it come the
// checks, the error texts and the reference in the documentation. An unknown key, a bad value or a
// bad unit is an Error with file:line, key and what was expected. After load() nothing about a
// value can be wrong; programs copy values out into their own finalised struct.
//
// Environment: key `link.max_rate` is GODWIT_LINK_MAX_RATE ('.' and '-' become '_'). A table entry
// may name one more variable that older collectors used (NODE_NAME). The environment wins.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/result.h"

namespace godwit {

enum class SettingType : std::uint8_t {
  text,
  flag,      // true, false
  integer,   // bounds apply
  duration,  // 10s, 500ms, 5m, 1h, 7d; bounds in milliseconds
  bytes,     // 512MiB, 64KiB, 1GB, 100; bounds in bytes
  choice,    // one of `choices`
  list,      // YAML list of texts, or one text with commas
};

struct Setting {
  std::string key = {};  // "buffer.max_bytes"
  SettingType type = SettingType::text;
  std::string fallback = {};  // default, written as a person would; lists with commas
  std::string help = {};
  std::int64_t min = INT64_MIN;
  std::int64_t max = INT64_MAX;
  std::vector<std::string> choices =
      {};                      // for `choice`, and for the items of a list when not empty
  std::string other_env = {};  // "NODE_NAME"
  bool required = false;       // empty is an Error
  bool secret = false;         // never shown
  // Items of a list may be sections too: each becomes the text of its lines `key=value`, where a
  // list is `a|b`, and a section below it `key.name=value`.
  bool records = false;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
// The one place that calls getenv.
Environment process_environment();

class Settings {
 public:
  // `text` is the YAML document, `source` its name in messages. Every problem found is in the one
  // Error, a line each, at most 20.
  static Result<Settings> parse(std::span<const Setting> table, std::string_view text,
                                std::string_view source, const Environment& environment);
  // Reads `path`; "" means no file: defaults and environment alone.
  static Result<Settings> load(std::span<const Setting> table, const std::string& path,
                               const Environment& environment);

  // The key must be in the table with that type (assert).
  [[nodiscard]] std::string text(std::string_view key) const;  // text and choice
  [[nodiscard]] bool flag(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key) const;  // integer, duration (ms), bytes
  [[nodiscard]] std::vector<std::string> list(std::string_view key) const;
  // True when file or environment gave it.
  [[nodiscard]] bool is_set(std::string_view key) const;

 private:
  struct Value {
    SettingType type = SettingType::text;
    std::string text;
    std::int64_t number = 0;
    std::vector<std::string> items;
    bool given = false;
  };
  // Empty when the value fits the setting, else what is wrong with it.
  static std::string convert(const Setting& setting, bool is_list,
                             const std::vector<std::string>& items, Value& value);
  [[nodiscard]] const Value& find(std::string_view key,
                                  std::initializer_list<SettingType> types) const;

  std::map<std::string, Value, std::less<>> values_;
};

// One Markdown table row per setting: key, type, default, environment, meaning.
std::string describe_settings(std::span<const Setting> table);
std::string environment_name(std::string_view key);
// Milliseconds of "10s", "500ms", "5m", "1h", "7d".
std::optional<std::int64_t> parse_duration(std::string_view text);

}  // namespace godwit
