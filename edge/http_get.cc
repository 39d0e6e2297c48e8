#include "edge/http_get.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "transport/clock.h"
#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

constexpr std::size_t max_url_bytes = 2048;

Error system_error(std::string_view what, int error_number) {
  const bool away = error_number == ECONNREFUSED || error_number == ECONNRESET ||
                    error_number == EPIPE || error_number == EHOSTUNREACH ||
                    error_number == ENETUNREACH;
  return {away ? ErrorCode::unavailable : ErrorCode::io,
          concat(what, ": ", std::generic_category().message(error_number))};
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// nullopt: not an address.
std::optional<SocketAddress> to_address(const std::string& host, int port) {
  SocketAddress address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  const auto number = static_cast<in_port_t>(port);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(number);
    address.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(number);
    address.length = sizeof *v6;
  } else {
    return std::nullopt;
  }
  return address;
}

// One exchange over one connection, up to `end_ms` of steady_ms().
class Exchange {
 public:
  explicit Exchange(std::int64_t end_ms) : end_ms_(end_ms) {}

  Status connect(const SocketAddress& address) {
    fd_ =
        UniqueFd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd_.get() < 0) return system_error("socket", errno);
    const auto* const to = reinterpret_cast<const sockaddr*>(&address.storage);
    if (::connect(fd_.get(), to, address.length) == 0) return {};
    if (errno != EINPROGRESS) return system_error("cannot connect", errno);
    if (Status status = wait(POLLOUT, "connect"); !status) return status;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return system_error("cannot connect", error);
    return {};
  }

  Status send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n >= 0) {
        text.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        if (Status status = wait(POLLOUT, "take the request"); !status) return status;
      } else if (errno != EINTR) {
        return system_error("cannot send", errno);
      }
    }
    return {};
  }

  Status receive(HttpAnswerParser& parser) {
    std::string input;
    std::array<char, 16U << 10> buffer;
    for (;;) {
      // Also for a peer that always has something more to say.
      if (steady_ms() >= end_ms_) return late("end");
      const ssize_t n = recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (n == 0) return parser.end();
      if (n < 0 && errno == EAGAIN) {
        if (Status status = wait(POLLIN, "answer"); !status) return status;
        continue;
      }
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("cannot read the answer", errno);
      input.append(buffer.data(), static_cast<std::size_t>(n));
      const auto complete = parser.consume(input);
      if (!complete) return complete.error();
      if (*complete) return {};
    }
  }

 private:
  static Error late(std::string_view what) {
    return {ErrorCode::timeout, concat("did not ", what, " within the deadline")};
  }

  Status wait(short events, std::string_view what) {
    for (;;) {
      const std::int64_t left = end_ms_ - steady_ms();
      if (left <= 0) return late(what);
      pollfd item{fd_.get(), events, 0};
      const int ready = poll(&item, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return system_error("poll", errno);
    }
  }

  std::int64_t end_ms_;
  UniqueFd fd_;
};

Status fetch(const HttpUrl& url, const HttpGetOptions& options, HttpAnswerParser& parser) {
  Exchange exchange(steady_ms() + options.deadline.count());
  const bool any_loopback = url.host == "localhost";
  Status connected = exchange.connect(*to_address(any_loopback ? "127.0.0.1" : url.host, url.port));
  if (!connected && any_loopback) connected = exchange.connect(*to_address("::1", url.port));
  if (!connected) return connected;
  const std::string request =
      concat("GET ", url.target, " HTTP/1.1\r\nHost: ", url.authority(),
             "\r\nUser-Agent: godwit-agent/", GODWIT_VERSION, "\r\nAccept: ", options.accept,
             "\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n");
  if (Status sent = exchange.send(request); !sent) return sent;
  return exchange.receive(parser);
}

ErrorCode code_of(int status) {
  if (status == 404) return ErrorCode::no_data;
  if (status == 401 || status == 403) return ErrorCode::permission;
  return ErrorCode::unavailable;
}

}  // namespace

bool HttpUrl::is_loopback() const {
  if (host == "localhost" || host == "::1") return true;
  in_addr v4{};
  return inet_pton(AF_INET, host.c_str(), &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

std::string HttpUrl::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return concat(v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

Result<HttpUrl> parse_http_url(const std::string& url) {
  const auto bad = [&](std::string_view what) {
    return Error{ErrorCode::invalid, concat(quote_for_message(url), ": ", what)};
  };
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return bad("expected http://address:port/path (no TLS)");
  if (url.size() > max_url_bytes) return bad("longer than 2048 bytes");
  if (std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return bad("blanks and bytes that are not ASCII are written as %XX");
  }
  const std::string_view text = std::string_view(url).substr(scheme.size());
  const std::size_t path = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, path);
  HttpUrl result;
  result.target = text.substr(path, text.find('#') - path);
  if (!result.target.starts_with('/')) result.target.insert(0, "/");
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const auto port = parse_int<int>(authority.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return bad("the port is no number of 1 to 65535");
    result.port = *port;
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  result.host = authority;
  if (result.host != "localhost" && !to_address(result.host, result.port)) {
    return bad("the host must be localhost or an IP address; names are not looked up");
  }
  return result;
}

Result<HttpAnswer> http_get(const std::string& url, const HttpGetOptions& options) {
  const auto parsed = parse_http_url(url);
  if (!parsed) return parsed.error();
  if (options.loopback_only && !parsed->is_loopback()) {
    return Error{ErrorCode::invalid, concat(url, ": not an address of this node itself")};
  }
  HttpAnswerParser parser(options.max_body_bytes, options.sink);
  if (Status status = fetch(*parsed, options, parser); !status) {
    return status.error().with_prefix(url);
  }
  HttpAnswer answer = parser.take();
  if (answer.status == 200) return answer;
  return Error{code_of(answer.status), concat(url, ": HTTP status ", answer.status, " ",
                                              quote_for_message(trim(answer.body), 80))};
}

}  // namespace godwit
