// The bytes of an HTTP/1.1 response; used by http_server.cc.
#pragma once

#include <string>

#include "transport/http_server.h"

namespace godwit {

// `with_body` false: the answer to HEAD, which has the same header. Of the server's options its
// headers and methods are told. Of a stream, the header alone.
std::string format_response(const HttpResponse& response, bool with_body, bool keep_alive,
                            const HttpServerOptions& options);

// A status without anything more to say.
HttpResponse plain_response(int status);

}  // namespace godwit
