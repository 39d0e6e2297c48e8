// Collector `jtop`: a Jetson's readings from the jtop service of jetson_stats (3.0 to 7.2), spoken
// to directly over its unix socket; no Python on our side.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "edge/collector.h"
#include "transport/result.h"

namespace godwit {

std::unique_ptr<Collector> make_jtop(const Host& host, const CollectorSettings& settings);

// `godwit-agent parse jtop FILE`: a pickled data dictionary, or a pickled reply of the service, as
// JSON: the tree as it was sent, and the series made of it.
Result<std::string> parse_jtop_file(std::string_view pickle_bytes);

}  // namespace godwit
