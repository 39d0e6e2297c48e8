#include "transport/settings.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include "transport/settings_yaml.h"
#include "transport/text.h"

namespace godwit {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array<Unit, 5> duration_units = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 8> byte_units = {{{"", 1},
                                             {"B", 1},
                                             {"KiB", 1LL << 10},
                                             {"MiB", 1LL << 20},
                                             {"GiB", 1LL << 30},
                                             {"kB", 1000},
                                             {"MB", 1'000'000},
                                             {"GB", 1'000'000'000}}};

std::string_view expectation(SettingType type) {
  switch (type) {
    case SettingType::text:
      return "a text";
    case SettingType::flag:
      return "true or false";
    case SettingType::integer:
      return "a whole number";
    case SettingType::duration:
      return "a duration such as 500ms, 10s, 5m, 1h or 7d";
    case SettingType::bytes:
      return "a size such as 512MiB, 64KiB or 1GB";
    case SettingType::choice:
      return "one of the choices";
    case SettingType::list:
      return "a list of texts";
  }
  return "a value";
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string out;
  for (const auto& item : items) {
    if (&item != &items.front()) out += separator;
    out += item;
  }
  return out;
}

std::optional<std::int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits);
  const std::string_view name = digits == std::string_view::npos ? "" : trim(text.substr(digits));
  const auto amount = parse_double(number);
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (!amount || unit == units.end()) return std::nullopt;
  const double scaled = *amount * static_cast<double>(unit->factor);
  if (scaled > 9e18) return std::nullopt;
  return static_cast<std::int64_t>(scaled);
}

std::optional<std::int64_t> parse_number(SettingType type, std::string_view text) {
  if (type == SettingType::duration) return parse_with_unit(text, duration_units);
  if (type == SettingType::bytes) return parse_with_unit(text, byte_units);
  return parse_int(text);
}

std::string bounds_text(const Setting& setting) {
  const std::string_view unit = setting.type == SettingType::duration ? " ms"
                                : setting.type == SettingType::bytes  ? " bytes"
                                                                      : "";
  if (setting.max == INT64_MAX) return concat("at least ", setting.min, unit);
  if (setting.min == INT64_MIN) return concat("at most ", setting.max, unit);
  return concat("from ", setting.min, " to ", setting.max, unit);
}

std::vector<std::string> split_items(std::string_view text) {
  std::vector<std::string> items;
  for (const auto piece : split(text, ',')) {
    if (!trim(piece).empty()) items.emplace_back(trim(piece));
  }
  return items;
}

std::string complaint(const Setting& setting, std::string_view text, std::string_view expected) {
  const std::string shown = setting.secret ? "the value" : quote_for_message(text);
  return concat("expected ", expected, ", got ", shown);
}

// Empty when the text is a proper value of the setting; else what is wrong with it.
std::string check_items(const Setting& setting, const std::vector<std::string>& items) {
  for (const auto& item : items) {
    if (!setting.choices.empty() &&
        std::find(setting.choices.begin(), setting.choices.end(), item) == setting.choices.end()) {
      return complaint(setting, item, concat("one of ", join(setting.choices, ", ")));
    }
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> parse_duration(std::string_view text) {
  return parse_with_unit(text, duration_units);
}

std::string environment_name(std::string_view key) {
  std::string name = "GODWIT_";
  for (const char c : key) {
    if (c == '.' || c == '-') {
      name += '_';
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return name;
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    // Read once at start, before threads.
    const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Result<Settings> Settings::parse(std::span<const Setting> table, std::string_view text,
                                 std::string_view source, const Environment& environment) {
  SettingProblems problems;
  RawSettings found = read_settings_yaml(table, text, source, problems);
  Settings settings;
  for (const auto& setting : table) {
    RawSetting raw{"default", setting.fallback, {}, false};
    bool given = false;
    if (const auto it = found.find(setting.key); it != found.end()) {
      raw = it->second;
      given = true;
    }
    for (const auto& name : {setting.other_env, environment_name(setting.key)}) {
      const auto value = name.empty() ? std::nullopt : environment(name);
      if (value && !value->empty()) {
        raw = {concat("environment ", name), *value, {}, false};
        given = true;
      }
    }
    Value value{setting.type, raw.text, 0, {}, given};
    const std::string wrong = settings.convert(setting, raw.is_list, raw.items, value);
    if (!wrong.empty()) problems.add(raw.where, setting.key, wrong);
    settings.values_.emplace(setting.key, std::move(value));
  }
  if (!problems.empty()) return problems.error();
  return settings;
}

std::string Settings::convert(const Setting& setting, bool is_list,
                              const std::vector<std::string>& items, Value& value) {
  if (setting.type == SettingType::list) {
    value.items = is_list ? items : split_items(value.text);
    return check_items(setting, value.items);
  }
  if (is_list) return concat("expected ", expectation(setting.type), ", got a list");
  if (value.text.empty()) {
    if (setting.required) return concat("must be set; ", setting.help);
    const bool may_be_empty = setting.type == SettingType::text;
    if (!may_be_empty) return concat("expected ", expectation(setting.type), ", got nothing");
    return {};
  }
  switch (setting.type) {
    case SettingType::flag:
      if (value.text != "true" && value.text != "false") {
        return complaint(setting, value.text, expectation(setting.type));
      }
      value.number = value.text == "true" ? 1 : 0;
      return {};
    case SettingType::choice:
      return check_items(setting, {value.text});
    case SettingType::integer:
    case SettingType::duration:
    case SettingType::bytes: {
      const auto number = parse_number(setting.type, value.text);
      if (!number) return complaint(setting, value.text, expectation(setting.type));
      if (*number < setting.min || *number > setting.max) {
        return complaint(setting, value.text, bounds_text(setting));
      }
      value.number = *number;
      return {};
    }
    case SettingType::text:
    case SettingType::list:
      break;
  }
  return {};
}

Result<Settings> Settings::load(std::span<const Setting> table, const std::string& path,
                                const Environment& environment) {
  if (path.empty()) return parse(table, "", "settings", environment);
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  if (!in.is_open() || in.bad()) {
    const std::string reason = std::generic_category().message(errno);
    return Error{ErrorCode::no_data, concat("settings file ", path, ": ", reason)};
  }
  return parse(table, content.str(), path, environment);
}

const Settings::Value& Settings::find(std::string_view key,
                                      std::initializer_list<SettingType> types) const {
  const auto it = values_.find(key);
  assert(it != values_.end() && "the key is not in the table");
  assert(std::find(types.begin(), types.end(), it->second.type) != types.end());
  static_cast<void>(types);
  return it->second;
}

std::string Settings::text(std::string_view key) const {
  return find(key, {SettingType::text, SettingType::choice}).text;
}

bool Settings::flag(std::string_view key) const {
  return find(key, {SettingType::flag}).number != 0;
}

std::int64_t Settings::integer(std::string_view key) const {
  return find(key, {SettingType::integer, SettingType::duration, SettingType::bytes}).number;
}

std::vector<std::string> Settings::list(std::string_view key) const {
  return find(key, {SettingType::list}).items;
}

bool Settings::is_set(std::string_view key) const {
  const auto it = values_.find(key);
  return it != values_.end() && it->second.given;
}

std::string describe_settings(std::span<const Setting> table) {
  static constexpr std::array<std::string_view, 7> names = {
      "text", "true/false", "number", "duration", "size", "choice", "list"};
  std::string out = "| key | type | default | environment | meaning |\n|---|---|---|---|---|\n";
  for (const auto& setting : table) {
    std::string type(names[static_cast<std::size_t>(setting.type)]);
    if (!setting.choices.empty()) type += concat(": ", join(setting.choices, ", "));
    std::string variables = concat("`", environment_name(setting.key), "`");
    if (!setting.other_env.empty()) variables += concat(", `", setting.other_env, "`");
    const std::string fallback = setting.required           ? std::string("must be set")
                                 : setting.fallback.empty() ? std::string("")
                                                            : concat("`", setting.fallback, "`");
    out += concat("| `", setting.key, "` | ", type, " | ", fallback, " | ", variables, " | ",
                  setting.help, " |\n");
  }
  return out;
}

}  // namespace godwit
