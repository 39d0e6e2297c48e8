// Settings::parse with any YAML text: an Error or values, never a crash, never unbounded work.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "transport/settings.h"

using namespace godwit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Setting> table = {
      {.key = "name", .type = SettingType::text},
      {.key = "a.flag", .type = SettingType::flag, .fallback = "true"},
      {.key = "a.count", .type = SettingType::integer, .fallback = "1", .min = 0, .max = 10},
      {.key = "a.b.time", .type = SettingType::duration, .fallback = "1s"},
      {.key = "a.b.size", .type = SettingType::bytes, .fallback = "1MiB"},
      {.key = "a.list", .type = SettingType::list},
      {.key = "a.choice", .type = SettingType::choice, .fallback = "x", .choices = {"x", "y"}},
  };
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto none = [](const std::string&) { return std::optional<std::string>(); };
  const auto settings = Settings::parse(table, text, "fuzz", none);
  if (settings.ok() && settings->integer("a.count") > 10) __builtin_trap();
  return 0;
}
