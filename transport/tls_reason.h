// Why a TLS handshake failed, as a sentence for a person. OpenSSL's ssl.h is confined to
// tls_reason.cc.
#pragma once

#include <string>

namespace godwit {

// `ssl` is an OpenSSL SSL*, or nullptr. Empty when the peer's certificate was not what failed.
std::string describe_certificate_problem(void* ssl);

}  // namespace godwit
