// The collector `xid`: errors of NVIDIA's driver from the kernel log.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "edge/collector.h"

namespace godwit {

struct Xid {
  std::string bus_id;  // "0000:01:00", in lower case
  std::int64_t code = 0;
};
// A record of /dev/kmsg, if it is one of a Xid.
std::optional<Xid> parse_xid(std::string_view record);

std::unique_ptr<Collector> make_xid(const Host& host, const CollectorSettings& settings);

}  // namespace godwit
