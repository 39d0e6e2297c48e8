#include "transport/listener.h"

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "transport/text.h"

namespace godwit {
namespace {

Error listen_error(std::string_view listen, int error) {
  std::string text =
      concat("cannot listen on ", listen, ": ", std::generic_category().message(error));
  if (error == EADDRINUSE) {
    text += "; another program holds this port: stop it, or choose another listen address";
  } else if (error == EACCES) {
    text += "; ports below 1024 need a privilege: choose a higher one";
  } else if (error == EADDRNOTAVAIL) {
    text += "; no network interface of this machine has this address";
  }
  return {error == EACCES ? ErrorCode::permission : ErrorCode::unavailable, text};
}

struct ListenAddress {
  std::string host;  // empty: all addresses
  std::string port;
};

Result<ListenAddress> parse_listen(std::string_view listen) {
  const std::size_t colon = listen.rfind(':');
  const auto bad = [&] {
    return Error{ErrorCode::invalid, concat("listen address ", quote_for_message(listen),
                                            " is none of host:port, [v6]:port, :port")};
  };
  if (colon == std::string_view::npos) return bad();
  std::string_view host = listen.substr(0, colon);
  const auto port = parse_int<int>(listen.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return bad();
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  return ListenAddress{std::string(host), std::to_string(*port)};
}

// 0, or the errno of what failed.
int try_listen(const addrinfo& address, UniqueFd& listener) {
  UniqueFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // "::" takes IPv4 clients as well.
  if (address.ai_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0) return errno;
  if (::listen(fd.get(), 64) != 0) return errno;
  listener = std::move(fd);
  return 0;
}

}  // namespace

Result<UniqueFd> listen_on(const std::string& listen) {
  const auto where = parse_listen(listen);
  if (!where) return where.error();
  const bool any = where->host.empty();
  int error = EADDRNOTAVAIL;
  // A kernel without IPv6 has no "::".
  for (const char* const host : {any ? "::" : where->host.c_str(), any ? "0.0.0.0" : ""}) {
    if (*host == '\0') continue;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* first = nullptr;
    if (const int result = getaddrinfo(host, where->port.c_str(), &hints, &first); result != 0) {
      return Error{ErrorCode::invalid,
                   concat("cannot listen on ", listen, ": ", gai_strerror(result))};
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(first, freeaddrinfo);
    for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
      UniqueFd listener;
      error = try_listen(*at, listener);
      if (error == 0) return listener;
      if (error == EADDRINUSE) return listen_error(listen, error);
    }
  }
  return listen_error(listen, error);
}

int listening_port(const UniqueFd& listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return address.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace godwit
