#include "transport/log.h"

#define SPDLOG_HEADER_ONLY
#define FMT_HEADER_ONLY
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "transport/json_writer.h"

namespace godwit::log {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger;
  Format format = Format::text;

  State() : logger(std::make_shared<spdlog::logger>("godwit", sink())) {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %L %v", spdlog::pattern_time_type::utc);
    logger->flush_on(spdlog::level::debug);
  }
  static spdlog::sink_ptr sink() { return std::make_shared<spdlog::sinks::stderr_sink_mt>(); }
};

State& state() {
  static State the_state;
  return the_state;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      break;
  }
  return spdlog::level::off;
}

std::string as_text(std::string_view part, std::string_view message, Fields fields) {
  std::string line = concat(part, ": ", message);
  for (const auto& field : fields) {
    const bool plain = !field.quoted || field.value.find_first_of(" \"\t\n=") == std::string::npos;
    line += concat(" ", field.key, "=", plain ? field.value : quote_for_message(field.value, 1000));
  }
  return line;
}

std::string as_json(Level level, std::string_view part, std::string_view message, Fields fields) {
  static constexpr std::string_view names[] = {"debug", "info", "warning", "error", "off"};
  JsonWriter json;
  json.begin_object();
  json.member("level", names[static_cast<int>(level)]);
  json.member("part", part);
  json.member("message", message);
  for (const auto& field : fields) {
    json.key(field.key);
    if (field.quoted) {
      json.value(field.value);
    } else {
      json.raw_value(field.value);
    }
  }
  json.end_object();
  // The opening brace is written by the pattern, in front of the time.
  return json.text().substr(1);
}

void write(Level level, std::string_view part, std::string_view message, Fields fields) {
  State& s = state();
  if (!s.logger->should_log(to_spdlog(level))) return;
  const std::string line = s.format == Format::json ? as_json(level, part, message, fields)
                                                    : as_text(part, message, fields);
  s.logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void start(Level level, Format format) {
  State& s = state();
  s.format = format;
  if (format == Format::json) {
    s.logger->set_pattern("{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",%v", spdlog::pattern_time_type::utc);
  }
  s.logger->set_level(to_spdlog(level));
}

Result<Level> parse_level(std::string_view text) {
  if (text == "debug") return Level::debug;
  if (text == "info") return Level::info;
  if (text == "warning") return Level::warning;
  if (text == "error") return Level::error;
  if (text == "off") return Level::off;
  return Error{ErrorCode::invalid, concat("log level ", quote_for_message(text),
                                          " is none of debug, info, warning, error, off")};
}

Result<Format> parse_format(std::string_view text) {
  if (text == "text") return Format::text;
  if (text == "json") return Format::json;
  return Error{ErrorCode::invalid,
               concat("log format ", quote_for_message(text), " is none of text, json")};
}

void debug(std::string_view part, std::string_view message, Fields fields) {
  write(Level::debug, part, message, fields);
}
void info(std::string_view part, std::string_view message, Fields fields) {
  write(Level::info, part, message, fields);
}
void warning(std::string_view part, std::string_view message, Fields fields) {
  write(Level::warning, part, message, fields);
}
void error(std::string_view part, std::string_view message, Fields fields) {
  write(Level::error, part, message, fields);
}

}  // namespace godwit::log
