// Opens the TCP port that a server was configured with. Used by HttpServer.
#pragma once

#include <string>

#include "transport/result.h"
#include "transport/unique_fd.h"

namespace godwit {

// "host:port", "[v6]:port", ":port" for all addresses; port 0 takes a free one. The socket does not
// block. The Error names the address and what to do.
Result<UniqueFd> listen_on(const std::string& listen);

int listening_port(const UniqueFd& listener);

}  // namespace godwit
