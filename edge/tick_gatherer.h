// TickGatherer: turns the samples of one moment into a tick with a seq, lets the buffer keep it
// safe, and gathers ticks into a frame that becomes one row of the buffer. Owner thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edge/buffer.h"
#include "transport/frame.h"
#include "transport/metric.h"
#include "transport/schema_builder.h"

namespace godwit {

class TickGatherer {
 public:
  explicit TickGatherer(std::string boot_id, SchemaBuilderOptions schemas = {})
      : boot_id_(std::move(boot_id)), builder_(schemas) {}

  // Takes a tick; `samples` must not be empty. Flushes first when the tick does not fit behind what
  // is gathered. On failure the tick is gathered all the same: the Error says that the buffer could
  // not store something, and that flush() has to be tried again with a working one. When too much
  // is gathered the oldest ticks go; the next buffer that works counts them as "no_buffer".
  Status add(const std::vector<Sample>& samples, std::int64_t boot_ms, Buffer& buffer);

  // Stores what is gathered as one row. On failure it stays gathered.
  Status flush(Buffer& buffer);

  // From now on for another buffer; what is gathered is numbered anew.
  void move_to(const Buffer& buffer);

  [[nodiscard]] std::size_t gathered_ticks() const { return frame_.ticks(); }
  [[nodiscard]] std::uint64_t last_seq() const { return next_seq_ - 1; }
  [[nodiscard]] std::int64_t first_boot_ms() const { return frame_.times_ms.front(); }
  [[nodiscard]] std::optional<SchemaId> schema() const { return builder_.current(); }
  // Forgets schemas that only stored rows may need; they live in the buffer.
  void forget_old_schemas() { builder_.keep_only({}); }

 private:
  void place(const std::vector<Sample>& samples, const std::vector<std::size_t>& columns);
  void give_up(std::size_t ticks, const Buffer& buffer);
  Status store_schema(Buffer& buffer, SchemaId id);

  std::string boot_id_;
  SchemaBuilder builder_;
  // The last one stored in the present buffer, with its parents. Those before it may be gone.
  std::optional<SchemaId> stored_schema_;
  std::uint64_t stream_ = 0;
  std::uint64_t next_seq_ = 1;
  LossCount lost_;  // that no buffer took and none has counted yet
  Frame frame_;     // gathered; boot times
};

}  // namespace godwit
