// HMAC for the jtop handshake. The one place in edge/ that includes OpenSSL.
#pragma once

#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

// Digests by the names that Python's multiprocessing allows: md5 sha256 sha384 sha3_256 sha3_384.
// Any other name, or one that the library refuses (MD5 under FIPS), is an Error.
Result<std::string> hmac(std::string_view digest, std::string_view key, std::string_view message);

}  // namespace godwit
