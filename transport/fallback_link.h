// FallbackLink: a Link over the better of two ways. The first one is always kept trying; while it
// has not connected for some time the second one is used, and left again when the first is back.
// What is under way at a change may be lost or come twice, as with any reconnect; whoever waits for
// acks sends again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "transport/link.h"

namespace godwit {

struct FallbackOptions {
  std::string first_name = "edgemesh";  // for people
  std::string second_name = "eventbus";
  std::int64_t first_patience_ms = 8000;  // after the start
  std::int64_t patience_ms = 45'000;      // after a connection was lost; covers a cut of EdgeMesh
};

// `make_second` is called each time that way is needed, on the link's own thread.
std::unique_ptr<Link> make_fallback_link(std::unique_ptr<Link> first,
                                         std::function<std::unique_ptr<Link>()> make_second,
                                         FallbackOptions options);

}  // namespace godwit
