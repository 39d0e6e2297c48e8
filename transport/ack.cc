#include "transport/ack.h"

#include "transport/msgpack.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_reason_bytes = 256;
constexpr std::int64_t max_integer = std::int64_t{1} << 53;

}  // namespace

std::string encode_ack(const Ack& ack) {
  std::string out;
  Packer packer(out);
  packer.map(4U + (ack.reason.empty() ? 0 : 1) + (ack.retry_after_ms != 0 ? 1 : 0) +
             (ack.schema ? 1 : 0) + (ack.relay_time_ms != 0 ? 1 : 0) +
             (ack.dropped_samples != 0 ? 1 : 0) + (ack.out_of_order_ok ? 1 : 0) +
             (ack.out_of_order_window_ms != 0 ? 1 : 0));
  packer.text("v");
  packer.integer(1);
  packer.text("s");
  packer.id(ack.stream);
  packer.text("q");
  packer.unsigned_integer(ack.seq);
  packer.text("a");
  packer.integer(static_cast<std::int64_t>(ack.verdict));
  if (!ack.reason.empty()) {
    packer.text("r");
    packer.text(std::string_view(ack.reason).substr(0, max_reason_bytes));
  }
  if (ack.retry_after_ms != 0) {
    packer.text("w");
    packer.integer(ack.retry_after_ms);
  }
  if (ack.schema) {
    packer.text("i");
    packer.id(*ack.schema);
  }
  if (ack.relay_time_ms != 0) {
    packer.text("t");
    packer.integer(ack.relay_time_ms);
  }
  if (ack.dropped_samples != 0) {
    packer.text("d");
    packer.unsigned_integer(ack.dropped_samples);
  }
  if (ack.out_of_order_ok) {
    packer.text("o");
    packer.boolean(true);
  }
  if (ack.out_of_order_window_ms != 0) {
    packer.text("b");
    packer.integer(ack.out_of_order_window_ms);
  }
  return out;
}

Result<Ack> decode_ack(std::string_view message) {
  if (message.size() > max_ack_bytes) {
    return Error{ErrorCode::invalid, concat("ack: larger than ", max_ack_bytes, " bytes")};
  }
  Ack ack;
  FieldReader fields(message);
  while (fields.next()) {
    Reader& reader = fields.reader();
    if (fields.is("v")) {
      reader.integer(1, 1);
    } else if (fields.is("s")) {
      ack.stream = reader.id();
    } else if (fields.is("q")) {
      ack.seq = static_cast<std::uint64_t>(reader.integer(0, max_integer));
    } else if (fields.is("a")) {
      ack.verdict =
          static_cast<Verdict>(reader.integer(0, static_cast<std::int64_t>(Verdict::retry_after)));
    } else if (fields.is("r")) {
      ack.reason = reader.text(max_reason_bytes);
    } else if (fields.is("w")) {
      ack.retry_after_ms = static_cast<std::uint32_t>(reader.integer(0, UINT32_MAX));
    } else if (fields.is("i")) {
      ack.schema = reader.id();
    } else if (fields.is("t")) {
      ack.relay_time_ms = reader.integer(-max_integer, max_integer);
    } else if (fields.is("d")) {
      ack.dropped_samples = static_cast<std::uint64_t>(reader.integer(0, max_integer));
    } else if (fields.is("o")) {
      ack.out_of_order_ok = reader.boolean();
    } else if (fields.is("b")) {
      ack.out_of_order_window_ms = reader.integer(0, max_integer);
    } else {
      reader.skip();
    }
  }
  const Status status = fields.finish({"v", "s", "q", "a"});
  if (!status) return status.error().with_prefix("ack");
  return ack;
}

}  // namespace godwit
