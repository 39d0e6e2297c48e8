// /web/v1/nodes/<name>/history (WEB.md): drawn series over a stretch of time, from the relay's
// memory or, for what it does not have, from the database. Nothing that a page sends becomes part
// of a question to the database but names and labels that were parsed, quoted anew.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cloud/api_history.h"
#include "cloud/web_memory.h"
#include "cloud/web_query.h"

namespace godwit {

// Whole steps, at most max_web_points; the last 15 minutes if nothing else is said. Error: the end
// is before the beginning.
Result<WebRange> choose_range(const WebQuery& query, std::int64_t now_ms);

// JSON. Without ids: every series that is drawn. Blocks while the database is asked. Error: the
// database does not answer.
Result<std::string> describe_history(const WebMemory& memory, const HistoryOptions& database,
                                     std::string_view node, const WebRange& range,
                                     std::span<const Series> ids);

}  // namespace godwit
