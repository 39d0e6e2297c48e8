#include "edge/buffer_keeper.h"

#include <utility>

#include "transport/frame.h"
#include "transport/log.h"

namespace godwit {
namespace {

constexpr std::int64_t retry_interval_ms = 60'000;

Status copy_schemas(Buffer& from, Buffer& to, SchemaId id) {
  std::optional<SchemaId> at = id;
  for (std::size_t depth = 0; at && depth < max_schema_depth; ++depth) {
    const auto schema = from.schema(*at);
    if (!schema) return schema.error();
    if (!schema->has_value()) return {};
    if (Status s = to.put_schema(*at, (*schema)->parent, (*schema)->message); !s) return s;
    at = (*schema)->parent;
  }
  return {};
}

Status copy_row(Buffer& from, Buffer& to, StoredFrame row) {
  Frame frame;
  // What cannot be decoded could not be sent either.
  if (!decode_frame(row.bytes, frame) || frame.ticks() == 0) return {};
  frame.stream = to.epoch();
  std::uint64_t seq = to.last_seq();
  for (auto& tick_seq : frame.seqs) tick_seq = ++seq;
  row.first_seq = frame.first_seq();
  row.last_seq = frame.last_seq();
  row.bytes = encode_frame(frame);
  if (Status s = copy_schemas(from, to, row.schema); !s) return s;
  return to.append(row);
}

}  // namespace

Status copy_waiting_rows(Buffer& from, Buffer& to) {
  const auto boots = from.boots();
  if (!boots) return boots.error();
  for (const auto& boot : *boots) {
    if (!boot.offset_ms) continue;
    if (Status s = to.put_boot(boot); !s) return s;
  }
  while (!from.empty()) {
    auto rows = from.peek(0, 1, 1);
    if (!rows) return rows.error();
    const std::uint64_t seq = rows->front().last_seq;
    if (Status s = copy_row(from, to, std::move(rows->front())); !s) return s;
    if (Status s = from.release(seq); !s) return s;
  }
  return {};
}

BufferKeeper::BufferKeeper(const std::string& path, const BufferLimits& limits)
    : BufferKeeper(path, limits, open_buffer(path, limits)) {}

BufferKeeper::BufferKeeper(std::string path, const BufferLimits& limits, OpenedBuffer opened)
    : path_(std::move(path)),
      limits_(limits),
      buffer_(std::move(opened.buffer)),
      trouble_(std::move(opened.trouble)) {
  if (trouble_) {
    log::error("buffer", "the file cannot be used; readings are kept in RAM",
               {{"reason", trouble_->message}});
  }
}

void BufferKeeper::replace(const Error& error, std::int64_t now_ms) {
  retry_ms_ = now_ms + retry_interval_ms;
  if (buffer_.in_memory()) {
    // Nothing better is left; the old contents go.
    log::error("buffer", "the buffer in RAM failed and is begun anew", {{"reason", error.message}});
    buffer_ = open_buffer("", limits_).buffer;
    return;
  }
  // Lets go of the file before it is set aside.
  buffer_ = open_buffer("", limits_).buffer;
  if (error.code == ErrorCode::corrupt) {
    const Status aside = set_damaged_aside(path_);
    log::error("buffer", "the file is damaged",
               {{"reason", error.message}, {"set_aside", aside.ok()}});
    if (aside) {
      OpenedBuffer opened = open_buffer(path_, limits_);
      buffer_ = std::move(opened.buffer);
      trouble_ = std::move(opened.trouble);
      return;
    }
  }
  trouble_ = error;
  log::error("buffer", "the file cannot be written; readings are kept in RAM",
             {{"reason", error.message}});
}

bool BufferKeeper::retry(std::int64_t now_ms) {
  if (!trouble_ || now_ms < retry_ms_) return false;
  retry_ms_ = now_ms + retry_interval_ms;
  OpenedBuffer opened = open_buffer(path_, limits_);
  if (opened.trouble) return false;
  if (Status copied = copy_waiting_rows(buffer_, opened.buffer); !copied) {
    log::warning("buffer", "the file still cannot take readings",
                 {{"reason", copied.error().message}});
    return false;
  }
  log::info("buffer", "the file works again");
  buffer_ = std::move(opened.buffer);
  trouble_.reset();
  return true;
}

}  // namespace godwit
