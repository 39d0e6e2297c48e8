#include "edge/link_meter.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "transport/digest.h"
#include "transport/log.h"
#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::sys_days;

// One sector: a power cut leaves the old or the new one.
constexpr std::size_t file_bytes = 512;
constexpr std::uint64_t min_unsaved_bytes = 4096;
constexpr std::uint64_t unsaved_share = 256;  // of what the month has cost so far
constexpr std::string_view first_line = "godwit link meter 1\n";

sys_days date_of(std::int64_t wall_ms) {
  return std::chrono::floor<days>(std::chrono::sys_time<milliseconds>(milliseconds(wall_ms)));
}

std::int64_t ms_of(sys_days date) {
  return std::chrono::duration_cast<milliseconds>(date.time_since_epoch()).count();
}

Error system_error(std::string_view path) {
  return {ErrorCode::io, concat(path, ": ", std::generic_category().message(errno))};
}

std::string check_sum(std::string_view text) { return to_hex(sha256(text).substr(0, 8)); }

}  // namespace

LinkPeriod day_of(std::int64_t wall_ms) {
  const sys_days date = date_of(wall_ms);
  return {ms_of(date), ms_of(date + days(1))};
}

LinkPeriod month_of(std::int64_t wall_ms, int billing_day) {
  const auto offset = days(billing_day - 1);
  const std::chrono::year_month_day date(date_of(wall_ms) - offset);
  const auto first = date.year() / date.month();
  const auto next = first + std::chrono::months(1);
  return {ms_of(sys_days(first / 1) + offset), ms_of(sys_days(next / 1) + offset)};
}

std::string link_meter_path(const std::string& buffer_path) { return buffer_path + ".meter"; }

LinkMeter::LinkMeter(std::string path, int billing_day, std::uint64_t max_unsaved_bytes)
    : path_(std::move(path)), billing_day_(billing_day), max_unsaved_bytes_(max_unsaved_bytes) {
  if (path_.empty() || access(path_.c_str(), F_OK) != 0) return;
  auto stored = read(path_);
  if (!stored) {
    log::warning("link", "the meter begins anew", {{"reason", stored.error().message}});
    return;
  }
  days_ = stored->days_;
  months_ = stored->months_;
  undated_ = stored->undated_;
}

Result<LinkMeter> LinkMeter::read(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return system_error(path);
  std::array<char, file_bytes> bytes{};
  const ssize_t size = pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (size < 0) return system_error(path);
  LinkMeter meter("", 1, 0);
  if (!meter.parse({bytes.data(), static_cast<std::size_t>(size)})) {
    return Error{ErrorCode::corrupt, concat(path, ": no link meter, or damaged")};
  }
  return meter;
}

void LinkMeter::add(Periods& periods, std::int64_t begin_ms, const LinkUsage& more) {
  auto at = std::find_if(periods.begin(), periods.end(),
                         [&](const Entry& entry) { return entry.begin_ms == begin_ms; });
  if (at == periods.end()) {
    at = std::prev(periods.end());
    *at = {begin_ms, {}};
  }
  at->usage.sent_bytes += more.sent_bytes;
  at->usage.received_bytes += more.received_bytes;
  std::rotate(periods.begin(), at, std::next(at));
}

LinkUsage LinkMeter::find(const Periods& periods, std::int64_t begin_ms) {
  for (const Entry& entry : periods) {
    if (entry.begin_ms == begin_ms) return entry.usage;
  }
  return {};
}

void LinkMeter::count(const LinkStats& stats, std::optional<std::int64_t> wall_ms) {
  const LinkUsage more{stats.sent_wire_bytes - seen_.sent_bytes,
                       stats.received_wire_bytes - seen_.received_bytes};
  seen_ = {stats.sent_wire_bytes, stats.received_wire_bytes};
  undated_.sent_bytes += more.sent_bytes;
  undated_.received_bytes += more.received_bytes;
  unsaved_ += more.total();
  if (wall_ms && undated_.total() > 0) {
    add(days_, day_of(*wall_ms).begin_ms, undated_);
    add(months_, month_of(*wall_ms, billing_day_).begin_ms, undated_);
    undated_ = {};
  }
  const std::uint64_t bound = std::min(
      max_unsaved_bytes_,
      std::max({min_unsaved_bytes, seen_.total() / 2, latest_month().total() / unsaved_share}));
  if (unsaved_ < bound) return;
  const Status saved = save();
  if (!saved && !std::exchange(told_failure_, true)) {
    log::warning("link", "the meter cannot be stored; a restart forgets it",
                 {{"reason", saved.error().message}});
  }
}

LinkUsage LinkMeter::day(std::int64_t wall_ms) const {
  return find(days_, day_of(wall_ms).begin_ms);
}

LinkUsage LinkMeter::month(std::int64_t wall_ms) const {
  return find(months_, month_of(wall_ms, billing_day_).begin_ms);
}

std::string LinkMeter::text() const {
  std::string out(first_line);
  const auto line = [&out](std::string_view what, std::int64_t begin_ms, const LinkUsage& usage) {
    out +=
        concat(what, " ", begin_ms / 1000, " ", usage.sent_bytes, " ", usage.received_bytes, "\n");
  };
  for (const Entry& entry : days_) line("d", entry.begin_ms, entry.usage);
  for (const Entry& entry : months_) line("m", entry.begin_ms, entry.usage);
  line("u", 0, undated_);
  return out + concat(check_sum(out), "\n");
}

bool LinkMeter::parse(std::string_view text) {
  const auto lines = split_lines(text);
  constexpr std::size_t count = 11;  // the first, 4 days, 4 months, undated, check sum
  if (lines.size() < count || !text.starts_with(first_line)) return false;
  const auto body = static_cast<std::size_t>(lines[count - 1].data() - text.data());
  if (lines[count - 1] != check_sum(text.substr(0, body))) return false;
  for (std::size_t i = 1; i + 1 < count; ++i) {
    const auto fields = split_blanks(lines[i]);
    if (fields.size() != 4) return false;
    const auto begin = parse_int(fields[1]);
    const auto sent = parse_int(fields[2]);
    const auto received = parse_int(fields[3]);
    if (!begin || !sent || !received) return false;
    const LinkUsage usage{static_cast<std::uint64_t>(*sent), static_cast<std::uint64_t>(*received)};
    if (i <= 4) days_[i - 1] = {*begin * 1000, usage};
    if (i > 4 && i <= 8) months_[i - 5] = {*begin * 1000, usage};
    if (i == 9) undated_ = usage;
  }
  return true;
}

Status LinkMeter::save() {
  unsaved_ = 0;
  if (path_.empty()) return {};
  std::string bytes = text();
  bytes.resize(std::max(bytes.size(), file_bytes), '\n');
  const UniqueFd fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
  if (fd.get() < 0) return system_error(path_);
  const ssize_t written = pwrite(fd.get(), bytes.data(), bytes.size(), 0);
  if (written < 0) return system_error(path_);
  if (static_cast<std::size_t>(written) < bytes.size()) {
    return Error{ErrorCode::full, concat(path_, ": the disk is full")};
  }
  return {};
}

}  // namespace godwit
