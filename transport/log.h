// Log lines for people (default) or machines (--log-format json). spdlog is confined to log.cc.
//
// One line per event: what happened, then the facts as fields. Log only where nobody is left to
// return an Error to. Any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "transport/result.h"
#include "transport/text.h"

namespace godwit::log {

enum class Level : std::uint8_t { debug, info, warning, error, off };
enum class Format : std::uint8_t { text, json };

struct Field {
  std::string_view key;
  std::string value;
  bool quoted = true;  // false for numbers and booleans in JSON

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), quoted(false) {}
  Field(std::string_view k, double v) : key(k), value(format_number(v)), quoted(false) {}
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(std::to_string(v)), quoted(false) {}
};
using Fields = std::initializer_list<Field>;

// Call once, before threads start. Lines go to standard error.
void start(Level level, Format format);
Result<Level> parse_level(std::string_view text);
Result<Format> parse_format(std::string_view text);

// `part` names the speaker: "mqtt", "buffer", "jtop".
void debug(std::string_view part, std::string_view message, Fields fields = {});
void info(std::string_view part, std::string_view message, Fields fields = {});
void warning(std::string_view part, std::string_view message, Fields fields = {});
void error(std::string_view part, std::string_view message, Fields fields = {});

}  // namespace godwit::log
