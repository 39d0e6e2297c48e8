// What the fleet page shows of one node: the answer of /web/v1/nodes/<name> (WEB.md), out of its
// canonical series. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "cloud/latest_view.h"
#include "cloud/web_board.h"
#include "cloud/web_events.h"

namespace godwit {

// `readings`: nullptr when this relay has heard none.
std::string describe_web_node(const WebBoard::Known& known, const NodeReadings* readings,
                              const WebEvents& events, std::int64_t now_ms);

}  // namespace godwit
