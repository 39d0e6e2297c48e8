// Host name to addresses, used by MqttLink before each attempt to connect.
#pragma once

#include <string>
#include <vector>

#include "transport/result.h"

namespace godwit {

struct Address {
  std::string text;  // "192.0.2.1", "2001:db8::1"
  bool v6 = false;
};

// In the order of preference of the system, at least one. Blocks for as long as the resolver does.
Result<std::vector<Address>> resolve(const std::string& host);

}  // namespace godwit
