// SHA-256, HMAC and base64, confined with OpenSSL's libcrypto to digest.cc.
#pragma once

#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

// 32 bytes.
std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);

// For secrets: takes the same time wherever the two differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// RFC 4648 §4, with padding, without line ends.
std::string to_base64(std::string_view bytes);
// Strict: no other character, no missing padding.
Result<std::string> from_base64(std::string_view text);

}  // namespace godwit
