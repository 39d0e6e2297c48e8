// Collector `network_rtt`: how long TCP connects to the broker and to other targets take, and how
// many fail. Each run makes three to each target, to all targets at once, within the deadline.
#pragma once

#include <memory>
#include <string>

#include "edge/collector.h"

namespace godwit {

struct RttTarget {
  std::string name;  // label `target`
  std::string host;  // without the brackets of IPv6
  int port = 0;
};
// "host:port", "name=host:port"
Result<RttTarget> parse_rtt_target(std::string_view text);

CollectorSettings network_rtt_defaults();
Status check_network_rtt(const CollectorSettings& settings);
std::unique_ptr<Collector> make_network_rtt(const Host& host, const CollectorSettings& settings);

}  // namespace godwit
