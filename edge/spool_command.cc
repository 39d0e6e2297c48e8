// godwit-agent spool: what a buffer holds, what it gave up and how long it will last.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "edge/boot_clock.h"
#include "edge/commands.h"
#include "edge/link_meter.h"
#include "transport/clock.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

struct Spool {
  std::string path;
  std::uint64_t stream = 0;
  std::uint64_t last_seq = 0;
  BufferStats stats;
  std::vector<BootRecord> boots;
  std::optional<StoredFrame> oldest, newest;
  std::uint64_t free_bytes = 0;
  std::optional<std::int64_t> lasts_ms;  // without a link, until something is thinned
};

Result<Spool> read_spool(const SpoolRequest& request) {
  std::error_code error;
  if (!std::filesystem::exists(request.path, error)) {
    return Error{
        ErrorCode::no_data,
        concat(request.path, ": ",
               error ? error.message() : "no such file; the agent has stored nothing there yet")};
  }
  auto buffer = Buffer::open_read_only(request.path);
  if (!buffer) return buffer.error();
  Spool spool{
      request.path, buffer->epoch(), buffer->last_seq(), buffer->stats(), {}, {}, {}, 0, {}};
  auto boots = buffer->boots();
  if (!boots) return boots.error();
  spool.boots = std::move(*boots);
  auto oldest = buffer->oldest();
  if (!oldest) return oldest.error();
  spool.oldest = std::move(*oldest);
  auto newest = buffer->newest();
  if (!newest) return newest.error();
  spool.newest = std::move(*newest);
  spool.free_bytes = request.max_bytes - std::min(request.max_bytes, spool.stats.file_bytes);
  // The newest row tells how fast readings come.
  if (spool.newest && spool.newest->ticks > 1 && !spool.newest->bytes.empty()) {
    const auto& row = *spool.newest;
    const double ms = static_cast<double>(row.last_boot_ms - row.first_boot_ms) *
                      static_cast<double>(row.ticks) / static_cast<double>(row.ticks - 1);
    spool.lasts_ms = static_cast<std::int64_t>(static_cast<double>(spool.free_bytes) * ms /
                                               static_cast<double>(row.bytes.size()));
  }
  return spool;
}

std::optional<std::int64_t> wall_ms(const Spool& spool, const std::string& boot_id,
                                    std::int64_t boot_ms) {
  for (const auto& boot : spool.boots) {
    if (boot.boot_id == boot_id && boot.offset_ms) return *boot.offset_ms + boot_ms;
  }
  return std::nullopt;
}

std::string duration_text(std::int64_t ms) {
  const std::int64_t s = ms / 1000;
  return concat(s / 86'400, "d ", s / 3600 % 24, "h ", s / 60 % 60, "m ", s % 60, "s");
}

std::string level_name(std::size_t level) {
  if (level == 0) return "as stored";
  if (level == 1) return "merged";
  return concat("1 of ", keep_every(level), " ticks");
}

void print_time(std::string_view what, const std::optional<std::int64_t>& ms, std::ostream& out) {
  out << what << ": ";
  if (ms) {
    out << format_utc(*ms) << ", "
        << duration_text(std::max<std::int64_t>(0, system_clock()().wall_ms - *ms)) << " ago\n";
  } else {
    out << "wall time unknown\n";
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

void print_text(const Spool& spool, std::ostream& out) {
  const BufferStats& stats = spool.stats;
  out << "file: " << spool.path << '\n' << "stream: " << format_schema_id(spool.stream) << '\n';
  out << "waiting: " << stats.ticks << " ticks in " << stats.rows << " frames, " << stats.bytes
      << " bytes\n";
  for (std::size_t level = 0; level < stats.levels.size(); ++level) {
    const RowSums& sums = stats.levels[level];
    if (sums.rows == 0) continue;
    out << "  " << level_name(level) << ": " << sums.ticks << " ticks in " << sums.rows
        << " frames, " << sums.bytes << " bytes\n";
  }
  if (spool.oldest) {
    print_time("oldest", wall_ms(spool, spool.oldest->boot_id, spool.oldest->first_boot_ms), out);
  }
  if (spool.newest) {
    print_time("newest", wall_ms(spool, spool.newest->boot_id, spool.newest->last_boot_ms), out);
  }
  out << "file in use: " << stats.file_bytes << " bytes, free: " << spool.free_bytes << " bytes\n";
  if (spool.lasts_ms) {
    out << "lasts without a link: " << duration_text(*spool.lasts_ms)
        << " until older ticks are thinned\n";
  }
  out << "last seq: " << spool.last_seq << '\n';
  for (const auto& boot : spool.boots) {
    out << "boot " << boot.boot_id << ": ";
    if (boot.offset_ms) {
      out << "began " << format_utc(*boot.offset_ms) << ", clock "
          << quality_name(static_cast<BootClock::Quality>(boot.quality)) << '\n';
    } else {
      out << "wall time unknown\n";
    }
  }
  print_meter(spool.path, out);
  for (const auto& [reason, lost] : stats.lost) {
    out << "lost (" << reason << "): " << lost.ticks << " ticks, " << lost.samples << " samples\n";
  }
  for (const auto& [reason, ticks] : stats.dead_by_reason) {
    out << "dead letters (" << reason << "): " << ticks << " ticks\n";
  }
}

void write_time(JsonWriter& json, std::string_view name, const std::optional<std::int64_t>& ms) {
  json.key(name);
  if (ms) {
    json.value(*ms);
  } else {
    json.null();
  }
}

void print_json(const Spool& spool, std::ostream& out) {
  const BufferStats& stats = spool.stats;
  JsonWriter json(2);
  const auto write_sums = [&](const RowSums& sums) {
    json.member("rows", sums.rows);
    json.member("ticks", sums.ticks);
    json.member("bytes", sums.bytes);
  };
  json.begin_object();
  json.member("path", spool.path);
  json.member("stream", format_schema_id(spool.stream));
  json.member("last_seq", spool.last_seq);
  write_sums(stats);
  json.member("file_bytes", stats.file_bytes);
  json.member("free_bytes", spool.free_bytes);
  write_time(json, "lasts_ms", spool.lasts_ms);
  write_time(json, "oldest_ms",
             spool.oldest ? wall_ms(spool, spool.oldest->boot_id, spool.oldest->first_boot_ms)
                          : std::nullopt);
  write_time(json, "newest_ms",
             spool.newest ? wall_ms(spool, spool.newest->boot_id, spool.newest->last_boot_ms)
                          : std::nullopt);
  json.key("levels");
  json.begin_array();
  for (std::size_t level = 0; level < stats.levels.size(); ++level) {
    json.begin_object();
    json.member("keep_every", keep_every(level));
    json.member("merged", level > 0);
    write_sums(stats.levels[level]);
    json.end_object();
  }
  json.end_array();
  json.key("lost");
  json.begin_object();
  for (const auto& [reason, lost] : stats.lost) {
    json.key(reason);
    json.begin_object();
    json.member("ticks", lost.ticks);
    json.member("samples", lost.samples);
    json.end_object();
  }
  json.end_object();
  json.key("dead_ticks");
  json.begin_object();
  for (const auto& [reason, ticks] : stats.dead_by_reason) json.member(reason, ticks);
  json.end_object();
  json.end_object();
  out << json.text() << '\n';
}

}  // namespace

int spool_command(const SpoolRequest& request, std::ostream& out, std::ostream& errors) {
  const auto spool = read_spool(request);
  if (!spool) {
    errors << "godwit-agent: " << spool.error().message << '\n';
    return exit_failure;
  }
  if (request.json) {
    print_json(*spool, out);
  } else {
    print_text(*spool, out);
  }
  return exit_ok;
}

}  // namespace godwit
