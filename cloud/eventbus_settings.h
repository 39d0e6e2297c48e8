// The eventbus.* settings of godwit-relay.
#pragma once

#include <vector>

#include "cloud/eventbus_gateway.h"
#include "transport/settings.h"

namespace godwit {

std::vector<Setting> eventbus_settings_table();

// Switched off when eventbus.router_url is empty.
Result<EventbusSettings> finalise_eventbus(const Settings& settings);

// The key by which a node signs. Reads the files that the settings name, each time.
NodeKey node_keys(const EventbusSettings& settings);

}  // namespace godwit
