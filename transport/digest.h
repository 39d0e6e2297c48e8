// SHA-256, confined with OpenSSL's libcrypto to digest.cc.
#pragma once

#include <string>
#include <string_view>

namespace godwit {

// 32 bytes.
std::string sha256(std::string_view data);

}  // namespace godwit
