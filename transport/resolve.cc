#include "transport/resolve.h"

#include <array>
#include <memory>

#include <netdb.h>
#include <nss.h>
#include <sys/socket.h>

#include "transport/text.h"

namespace godwit {

#ifdef GODWIT_STATIC
namespace {
// A static program has "files" and "dns" in itself. Any other source that the host's nsswitch.conf
// names would be loaded as a library of the host's own glibc, which is another than ours.
const int own_resolver = __nss_configure_lookup("hosts", "files dns");
}  // namespace
#endif

Result<std::vector<Address>> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &first); error != 0) {
    return Error{ErrorCode::unavailable,
                 concat("cannot resolve the host name ", host, ": ", gai_strerror(error))};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(first, freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      addresses.push_back({text.data(), at->ai_family == AF_INET6});
    }
  }
  if (addresses.empty()) {
    return Error{ErrorCode::unavailable, concat("the host name ", host, " has no address")};
  }
  return addresses;
}

}  // namespace godwit
