#include "transport/latest.h"

#include "transport/msgpack.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_message_bytes = 4U << 20;
constexpr std::size_t max_values = 50'000;
constexpr std::size_t max_series_text_bytes = 64U << 10;
constexpr std::size_t max_text_bytes = 256;
constexpr std::int64_t max_integer = std::int64_t{1} << 53;

Status check_size(std::string_view message) {
  if (message.size() <= max_message_bytes) return {};
  return Error{ErrorCode::invalid, concat("larger than ", max_message_bytes, " bytes")};
}

void read_text(Reader& reader, std::string& out) {
  const std::string_view text = reader.text(max_text_bytes);
  if (!is_utf8(text)) return reader.fail("a text is not UTF-8");
  out = text;
}

void read_values(Reader& reader, std::vector<std::pair<std::string, double>>& out) {
  const std::size_t count = reader.map(max_values);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::string_view series = reader.text(max_series_text_bytes);
    if (!is_utf8(series)) return reader.fail("a series is not UTF-8");
    const double value = reader.number();
    if (reader.ok()) out.emplace_back(series, value);
  }
}

void write_collectors(Packer& packer, const std::vector<CollectorTrouble>& collectors) {
  packer.map(collectors.size());
  for (const auto& one : collectors) {
    packer.text(one.name);
    packer.array(2);
    packer.boolean(one.absent);
    packer.text(one.message);
  }
}

void read_collectors(Reader& reader, std::vector<CollectorTrouble>& out) {
  const std::size_t count = reader.map(max_collector_troubles);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    CollectorTrouble one;
    read_text(reader, one.name);
    if (reader.array(2) != 2) return reader.fail("a collector's trouble is no array of 2");
    one.absent = reader.boolean();
    read_text(reader, one.message);
    if (reader.ok()) out.push_back(std::move(one));
  }
}

}  // namespace

std::string encode_latest(std::int64_t wall_ms, const std::vector<Sample>& samples) {
  std::string out;
  Packer packer(out);
  packer.map(2);
  packer.text("t");
  packer.integer(wall_ms);
  packer.text("v");
  packer.map(samples.size());
  for (const auto& sample : samples) {
    packer.text(format_series(sample.series));
    packer.number(sample.value);
  }
  return out;
}

Result<Latest> decode_latest(std::string_view message) {
  Latest latest;
  Status status = check_size(message);
  FieldReader fields(status ? message : std::string_view());
  while (status && fields.next()) {
    if (fields.is("t")) {
      latest.wall_ms = fields.reader().integer(-max_integer, max_integer);
    } else if (fields.is("v")) {
      read_values(fields.reader(), latest.values);
    } else {
      fields.reader().skip();
    }
  }
  if (status) status = fields.finish({"t", "v"});
  if (!status) return status.error().with_prefix("latest");
  return latest;
}

std::string encode_status(const NodeStatus& status) {
  std::string out;
  Packer packer(out);
  packer.map(6U + (status.clock.empty() ? 0 : 1) + (status.link.empty() ? 0 : 1) +
             (status.collectors.empty() ? 0 : 1) + (status.since_ms == 0 ? 0 : 1));
  packer.text("online");
  packer.boolean(status.online);
  packer.text("boot");
  packer.text(status.boot_id);
  packer.text("session");
  packer.id(status.session);
  packer.text("t");
  packer.integer(status.wall_ms);
  packer.text("version");
  packer.text(status.version);
  packer.text("backlog");
  packer.unsigned_integer(status.backlog_ticks);
  if (status.since_ms != 0) {
    packer.text("since");
    packer.integer(status.since_ms);
  }
  if (!status.clock.empty()) {
    packer.text("clock");
    packer.text(status.clock);
  }
  if (!status.link.empty()) {
    packer.text("link");
    packer.text(status.link);
  }
  if (!status.collectors.empty()) {
    packer.text("collectors");
    write_collectors(packer, status.collectors);
  }
  return out;
}

Result<NodeStatus> decode_status(std::string_view message) {
  NodeStatus out;
  Status status = check_size(message);
  FieldReader fields(status ? message : std::string_view());
  while (status && fields.next()) {
    Reader& reader = fields.reader();
    if (fields.is("online")) {
      out.online = reader.boolean();
    } else if (fields.is("boot")) {
      read_text(reader, out.boot_id);
    } else if (fields.is("session")) {
      out.session = reader.id();
    } else if (fields.is("t")) {
      out.wall_ms = reader.integer(-max_integer, max_integer);
    } else if (fields.is("since")) {
      out.since_ms = reader.integer(0, max_integer);
    } else if (fields.is("version")) {
      read_text(reader, out.version);
    } else if (fields.is("backlog")) {
      out.backlog_ticks = static_cast<std::uint64_t>(reader.integer(0, max_integer));
    } else if (fields.is("clock")) {
      read_text(reader, out.clock);
    } else if (fields.is("link")) {
      read_text(reader, out.link);
    } else if (fields.is("collectors")) {
      read_collectors(reader, out.collectors);
    } else {
      reader.skip();
    }
  }
  if (status) status = fields.finish({"online", "boot", "session"});
  if (!status) return status.error().with_prefix("status");
  return out;
}

std::string encode_relay_state(const RelayState& state) {
  std::string out;
  Packer packer(out);
  packer.map(4U + (state.out_of_order_window_ms != 0 ? 1 : 0) + (state.nodes != 0 ? 1 : 0));
  packer.text("relay");
  packer.text(state.relay);
  packer.text("t");
  packer.integer(state.wall_ms);
  packer.text("version");
  packer.text(state.version);
  packer.text("out_of_order_ok");
  packer.boolean(state.out_of_order_ok);
  if (state.out_of_order_window_ms != 0) {
    packer.text("out_of_order_window");
    packer.integer(state.out_of_order_window_ms);
  }
  if (state.nodes != 0) {
    packer.text("nodes");
    packer.unsigned_integer(state.nodes);
  }
  return out;
}

Result<RelayState> decode_relay_state(std::string_view message) {
  RelayState out;
  Status status = check_size(message);
  FieldReader fields(status ? message : std::string_view());
  while (status && fields.next()) {
    Reader& reader = fields.reader();
    if (fields.is("relay")) {
      read_text(reader, out.relay);
    } else if (fields.is("t")) {
      out.wall_ms = reader.integer(-max_integer, max_integer);
    } else if (fields.is("version")) {
      read_text(reader, out.version);
    } else if (fields.is("out_of_order_ok")) {
      out.out_of_order_ok = reader.boolean();
    } else if (fields.is("out_of_order_window")) {
      out.out_of_order_window_ms = reader.integer(0, max_integer);
    } else if (fields.is("nodes")) {
      out.nodes = static_cast<std::uint64_t>(reader.integer(0, max_integer));
    } else {
      reader.skip();
    }
  }
  if (status) status = fields.finish({"relay", "t"});
  if (!status) return status.error().with_prefix("relay state");
  return out;
}

}  // namespace godwit
