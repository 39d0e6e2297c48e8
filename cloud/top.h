// `godwit top`: the fleet on the whole terminal, from the broker alone, until a key or a signal.
#pragma once

#include "transport/mqtt_link.h"

namespace godwit {

// Exit codes: 0, 1 (no terminal).
int top_command(MqttOptions broker, bool color);

}  // namespace godwit
