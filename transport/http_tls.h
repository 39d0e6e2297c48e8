// TLS for HttpServer: its side of OpenSSL's ssl.h, confined to http_tls.cc. TLS 1.2 and newer.
// Certificates are read anew when their files change; what cannot be read then is logged, and the
// old ones stay.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "transport/http_wire.h"
#include "transport/result.h"
#include "transport/unique_fd.h"

namespace godwit {

struct HttpTlsFiles {
  std::string cert, key;  // PEM; the certificate with its chain
  // Certificates that clients may show must be signed by these. Without one they may come, too:
  // HttpWire::has_certificate tells. Empty: none is asked for.
  std::string client_ca;
};

using HttpWireMaker = std::function<std::unique_ptr<HttpWire>(UniqueFd)>;

// For HttpServerOptions::wire; called on the server's thread. SIGPIPE must be ignored. Error: what
// is wrong with which file.
Result<HttpWireMaker> make_tls_wires(const HttpTlsFiles& files);

}  // namespace godwit
