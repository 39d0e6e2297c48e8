// The catalog of metrics as a document, for `godwit metrics` and transport/METRICS.md.
#pragma once

#include <string>

namespace godwit {

// Markdown: tables by what the metrics are about, one row per metric.
std::string describe_catalog();

}  // namespace godwit
