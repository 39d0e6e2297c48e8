// Collector `scrape`: the metrics of one exporter on this node, over HTTP. Each target of
// `collectors.scrape.targets` has a collector (and thread) of its own, so that one that hangs
// delays no other. A reading is whole or it is not taken.
#pragma once

#include <memory>

#include "edge/collector.h"

namespace godwit {

std::unique_ptr<Collector> make_scrape(const Host& host, const CollectorSettings& settings);

}  // namespace godwit
