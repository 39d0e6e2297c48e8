#include "edge/commands.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "edge/boot_clock.h"
#include "edge/collectors/jtop/jtop.h"
#include "edge/collectors/npu_smi/parse.h"
#include "edge/link_meter.h"
#include "edge/read_all.h"
#include "transport/catalog.h"
#include "transport/clock.h"
#include "transport/exposition.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

// One digit behind the point: for people.
std::string short_number(double value) { return format_number(std::round(value * 10) / 10); }

std::string value_text(const Sample& sample) {
  std::string text = format_number(sample.value);
  const MetricInfo* const info = find_metric(sample.series.name);
  if (info == nullptr || info->unit.empty()) return text;
  text += concat(" ", info->unit);
  if (info->unit != "bytes") return text;
  constexpr std::array<std::string_view, 4> units = {"MiB", "GiB", "TiB", "PiB"};
  double scaled = sample.value / (1 << 20);
  if (std::abs(scaled) < 1) return text;
  std::size_t unit = 0;
  for (; std::abs(scaled) >= 1024 && unit + 1 < units.size(); ++unit) scaled /= 1024;
  return text + concat(" (", short_number(scaled), " ", units[unit], ")");
}

void print_table(const std::vector<Reading>& readings, std::ostream& out) {
  for (const auto& reading : readings) {
    if (reading.samples.empty()) continue;
    out << "# " << reading.name << ": " << reading.samples.size() << " readings in "
        << (reading.seconds < 1e-4 ? "under 0.1" : short_number(reading.seconds * 1000)) << " ms\n";
    std::size_t width = 0;
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& sample : reading.samples) {
      lines.emplace_back(format_series(sample.series), value_text(sample));
      width = std::max(width, lines.back().first.size());
    }
    width = std::min<std::size_t>(width, 100);
    for (const auto& [series, value] : lines) {
      const std::size_t pad = series.size() < width ? width - series.size() : 0;
      out << series << std::string(pad + 2, ' ') << value << '\n';
    }
    out << '\n';
  }
}

void print_json(const std::vector<Reading>& readings, std::ostream& out) {
  JsonWriter json(2);
  json.begin_object();
  for (const auto& reading : readings) {
    json.key(reading.name);
    json.begin_object();
    json.member("seconds", reading.seconds);
    if (!reading.status) json.member("problem", reading.status.error().message);
    json.key("readings");
    json.begin_object();
    for (const auto& sample : reading.samples) {
      json.member(format_series(sample.series), sample.value);
    }
    json.end_object();
    json.end_object();
  }
  json.end_object();
  out << json.text() << '\n';
}

void print_prom(const std::vector<Reading>& readings, std::ostream& out) {
  std::vector<Sample> all;
  for (const auto& reading : readings) {
    all.insert(all.end(), reading.samples.begin(), reading.samples.end());
  }
  out << expose(all);
}

std::string age_text(std::int64_t ms) {
  const std::int64_t s = ms / 1000;
  return concat(s / 86'400, "d ", s / 3600 % 24, "h ", s / 60 % 60, "m ", s % 60, "s");
}

void print_counts(std::string_view title, const std::map<std::string, std::uint64_t>& counts,
                  std::ostream& out) {
  for (const auto& [reason, ticks] : counts) {
    out << title << " (" << reason << "): " << ticks << " ticks\n";
  }
}

// The month that was counted last: only the settings know on which day it began.
void print_meter(const std::string& buffer_path, std::ostream& out) {
  const auto meter = LinkMeter::read(link_meter_path(buffer_path));
  if (!meter) return;
  const std::int64_t now_ms = system_clock()().wall_ms;
  const auto line = [&](std::string_view what, const LinkUsage& usage) {
    out << "link, " << what << ": " << usage.sent_bytes << " bytes sent, " << usage.received_bytes
        << " received\n";
  };
  line("today", meter->day(now_ms));
  line("month", meter->latest_month());
}

}  // namespace

int once_command(const AgentSettings& settings, OnceFormat format, const std::string& collector,
                 std::ostream& out, std::ostream& errors) {
  std::vector<const AgentSettings::Choice*> choices;
  for (const auto& choice : settings.collectors) {
    if (collector.empty() || choice.spec->name == collector) choices.push_back(&choice);
  }
  if (choices.empty()) {
    errors << "godwit-agent: no collector "
           << (collector.empty() ? "is enabled" : concat("called ", quote_for_message(collector)))
           << "; enabled are:";
    for (const auto& choice : settings.collectors) errors << ' ' << choice.spec->name;
    errors << '\n';
    return exit_config;
  }
  const Host host(settings.root);
  const std::vector<Reading> readings = read_all(choices, host);
  if (format == OnceFormat::table) print_table(readings, out);
  if (format == OnceFormat::prom) print_prom(readings, out);
  if (format == OnceFormat::json) print_json(readings, out);
  bool any = false;
  for (const auto& reading : readings) {
    any = any || !reading.samples.empty();
    if (!reading.status) {
      errors << reading.name << ": " << reading.status.error().message << '\n';
    } else if (reading.samples.empty()) {
      errors << reading.name << ": nothing to read on this node\n";
    }
  }
  return any ? exit_ok : exit_failure;
}

int spool_command(const std::string& path, std::ostream& out, std::ostream& errors) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    errors << "godwit-agent: " << path << ": "
           << (error ? error.message() : "no such file; the agent has stored nothing there yet")
           << '\n';
    return exit_failure;
  }
  auto buffer = Buffer::open_read_only(path);
  if (!buffer) {
    errors << "godwit-agent: " << buffer.error().message << '\n';
    return exit_failure;
  }
  const BufferStats stats = buffer->stats();
  out << "file: " << path << '\n' << "stream: " << format_schema_id(buffer->epoch()) << '\n';
  out << "waiting: " << stats.ticks << " ticks in " << stats.rows << " frames, " << stats.bytes
      << " bytes\n";
  out << "file in use: " << stats.file_bytes << " bytes\n"
      << "last seq: " << buffer->last_seq() << '\n';
  const auto boots = buffer->boots();
  const auto oldest = buffer->oldest();
  if (!boots || !oldest) {
    errors << "godwit-agent: " << (boots ? oldest.error() : boots.error()).message << '\n';
    return exit_failure;
  }
  for (const auto& boot : *boots) {
    out << "boot " << boot.boot_id << ": ";
    if (boot.offset_ms) {
      out << "began " << format_utc(*boot.offset_ms) << ", clock "
          << quality_name(static_cast<BootClock::Quality>(boot.quality)) << '\n';
    } else {
      out << "wall time unknown\n";
    }
    if (!*oldest || (*oldest)->boot_id != boot.boot_id || !boot.offset_ms) continue;
    const std::int64_t wall = *boot.offset_ms + (*oldest)->first_boot_ms;
    out << "oldest: " << format_utc(wall) << ", "
        << age_text(std::max<std::int64_t>(0, system_clock()().wall_ms - wall)) << " ago\n";
  }
  print_meter(path, out);
  for (const auto& [reason, lost] : stats.lost) {
    out << "lost (" << reason << "): " << lost.ticks << " ticks, " << lost.samples << " samples\n";
  }
  print_counts("dead letters", stats.dead_by_reason, out);
  return exit_ok;
}

int parse_command(const std::string& kind, const std::string& file, std::ostream& out,
                  std::ostream& errors) {
  // A file of the user's, not of the host under --root.
  const auto content = Host().read_file(std::filesystem::absolute(file).string(), 16U << 20);
  const auto parsed = !content            ? Result<std::string>(content.error())
                      : kind == "npu-smi" ? parse_npu_smi_file(*content, file)
                                          : parse_jtop_file(*content);
  if (!parsed) {
    const std::string& message = parsed.error().message;
    const bool names_file = message.find(file) != std::string::npos;
    errors << "godwit-agent: " << (names_file ? "" : file + ": ") << message << '\n';
    return exit_failure;
  }
  out << *parsed << (parsed->ends_with('\n') ? "" : "\n");
  return exit_ok;
}

}  // namespace godwit
