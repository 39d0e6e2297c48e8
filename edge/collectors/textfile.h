// Collector `textfile`: *.prom files that jobs on the node write, as node_exporter's collector of
// the same name reads them (collector/textfile.go of node_exporter 1.5). A bad file is left out
// whole, and spoils no other.
#pragma once

#include <memory>

#include "edge/collector.h"

namespace godwit {

std::unique_ptr<Collector> make_textfile(const Host& host, const CollectorSettings& settings);

}  // namespace godwit
