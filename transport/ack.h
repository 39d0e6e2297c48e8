// Ack: what the relay answers on `…/down`. One MessagePack map (FRAME.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transport/result.h"
#include "transport/schema.h"

namespace godwit {

// Numbers are part of the wire format; never renumber.
enum class Verdict : std::uint8_t {
  stored = 0,       // the frame that ends with `seq` is in the database
  rejected = 1,     // the frame that ends with `seq` will never be accepted; `reason` says why
  need_schema = 2,  // publish the schema `schema` (with its parents), then the frame again
  retry_after = 3,  // not now; send the frame again after `retry_after_ms`
};

struct Ack {
  std::uint64_t stream = 0;
  std::uint64_t seq = 0;  // last seq of the frame that is answered
  Verdict verdict = Verdict::stored;
  std::string reason{};              // for people and for metric labels: short, snake_case
  std::uint32_t retry_after_ms = 0;  // with `stored`: a pause before the next frame
  std::optional<SchemaId> schema{};
  // The relay's clock when it wrote the ack, milliseconds since 1970 UTC. 0: the relay does not
  // trust its own clock.
  std::int64_t relay_time_ms = 0;
  // Samples of the frame that the relay had to leave out although it stored the rest.
  std::uint64_t dropped_samples = 0;
  // The database behind the relay accepts samples older than a series' last one.
  bool out_of_order_ok = false;
  // How far behind the present it accepts them, milliseconds; 0: any age, or not known. What is
  // older is refused unless it comes in order.
  std::int64_t out_of_order_window_ms = 0;

  bool operator==(const Ack&) const = default;
};

inline constexpr std::size_t max_ack_bytes = 4096;

std::string encode_ack(const Ack& ack);
Result<Ack> decode_ack(std::string_view message);

}  // namespace godwit
