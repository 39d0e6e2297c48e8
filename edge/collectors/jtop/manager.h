// Calls to the objects of the jtop service, as Python's multiprocessing.managers makes them: a
// request is the pickled tuple (ident, method, args, kwargs), a reply the tuple (kind, value).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edge/collectors/jtop/connection.h"
#include "edge/collectors/jtop/pickle.h"
#include "transport/result.h"

namespace godwit {

// The bytes of a request. `ident` is empty for calls to the server itself; `args` is a tuple piece.
std::string jtop_request(std::string_view ident, std::string_view method, std::string_view args);

// Value of a '#RETURN' reply: root().at(1).
// no_data: the method raised queue.Empty. rejected: it raised something else, or the server does
// not know ident or method. Other codes: as JtopConnection; the connection is of no more use then.
Result<Pickle> read_jtop_reply(std::string bytes);
Result<Pickle> jtop_call(JtopConnection& connection, std::string_view ident,
                         std::string_view method, std::string_view args, std::int64_t deadline);

}  // namespace godwit
