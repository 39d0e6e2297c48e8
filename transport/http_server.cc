#include "transport/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <optional>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "transport/clock.h"
#include "transport/event_fd.h"
#include "transport/http_connection.h"
#include "transport/http_response.h"
#include "transport/http_workers.h"
#include "transport/listener.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

constexpr std::ptrdiff_t max_connections = 64;
// After accept() failed for want of file descriptors.
constexpr std::int64_t accept_pause_ms = 200;

// IPv4 through an IPv6 socket is IPv4.
std::string address_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  }
  const std::string_view out = text.data();
  constexpr std::string_view mapped = "::ffff:";
  const bool is_mapped = out.starts_with(mapped) && out.find('.') != std::string_view::npos;
  return std::string(is_mapped ? out.substr(mapped.size()) : out);
}

class PollServer final : public HttpServer {
 public:
  PollServer(const HttpServerOptions& options, Handler handler, UniqueFd listener, int port)
      : options_(options),
        handler_(std::move(handler)),
        listener_(std::move(listener)),
        port_(port) {
    limits_.max_body_bytes = options.max_body_bytes;
    if (options.workers > 0) workers_.emplace(options.workers, handler_, wake_);
    thread_ = std::thread([this] { run(); });
  }
  ~PollServer() override {
    stopping_ = true;
    wake_.raise();
    thread_.join();
  }
  [[nodiscard]] int port() const override { return port_; }

 private:
  void run();
  void accept_all();
  void make_room();
  void serve(HttpConnection& connection, short revents);
  void take_answers();

  const HttpServerOptions options_;
  const Handler handler_;
  const UniqueFd listener_;
  const int port_;
  HttpLimits limits_;
  EventFd wake_;
  std::atomic<bool> stopping_ = false;
  std::optional<HttpWorkers> workers_;
  // State below belongs to the server's thread.
  std::list<HttpConnection> connections_;
  std::uint64_t next_id_ = 0;
  std::int64_t accept_from_ms_ = 0;
  std::thread thread_;
};

void PollServer::run() {
  std::vector<pollfd> fds;
  while (!stopping_) {
    const std::int64_t now_ms = steady_ms();
    std::int64_t next_ms = now_ms + 60'000;
    const bool accepting = now_ms >= accept_from_ms_;
    if (!accepting) next_ms = accept_from_ms_;
    fds = {{wake_.fd(), POLLIN, 0}, {accepting ? listener_.get() : -1, POLLIN, 0}};
    for (const HttpConnection& connection : connections_) {
      fds.push_back({connection.fd(), connection.events(), 0});
      next_ms = std::min(next_ms, connection.deadline_ms());
    }
    poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(next_ms - now_ms, 0)));
    if (fds[0].revents != 0) wake_.clear();
    std::size_t i = 2;
    for (HttpConnection& connection : connections_) serve(connection, fds[i++].revents);
    if (workers_) take_answers();
    connections_.remove_if([](const HttpConnection& connection) { return connection.gone(); });
    if (fds[1].revents != 0) accept_all();
  }
}

void PollServer::accept_all() {
  for (;;) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    UniqueFd client(accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.get() < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        make_room();
        accept_from_ms_ = steady_ms() + accept_pause_ms;
      }
      return;
    }
    const int on = 1;
    setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto count =
        std::count_if(connections_.begin(), connections_.end(),
                      [](const HttpConnection& connection) { return !connection.streams(); });
    if (count >= max_connections) make_room();
    auto wire = options_.wire ? options_.wire(std::move(client)) : plain_wire(std::move(client));
    if (wire == nullptr) continue;
    connections_.emplace_back(next_id_++, std::move(wire), address_text(from), limits_, options_);
  }
}

// Drops whoever keeps the server waiting for the longest; of those that the server lets wait, none.
void PollServer::make_room() {
  auto longest = connections_.end();
  for (auto one = connections_.begin(); one != connections_.end(); ++one) {
    if (one->busy()) continue;
    if (longest == connections_.end() || one->waits_since_ms() < longest->waits_since_ms()) {
      longest = one;
    }
  }
  if (longest != connections_.end()) connections_.erase(longest);
}

void PollServer::serve(HttpConnection& connection, short revents) {
  while (auto request = connection.advance(std::exchange(revents, short{0}))) {
    const bool is_read = request->method == "GET" || request->method == "HEAD";
    if (!is_read && (options_.read_only || request->method != "POST")) {
      connection.give(plain_response(405), false, wake_);
    } else if (workers_) {
      return workers_->ask(connection.id(), std::move(*request));
    } else {
      connection.give(handler_(*request), request->method == "HEAD", wake_);
    }
  }
}

void PollServer::take_answers() {
  for (auto& answer : workers_->take_answers()) {
    const auto asked = std::find_if(
        connections_.begin(), connections_.end(),
        [&](const HttpConnection& connection) { return connection.id() == answer.connection; });
    if (asked == connections_.end() || asked->gone()) {
      if (answer.response.stream != nullptr) answer.response.stream->close();
      continue;
    }
    asked->give(std::move(answer.response), answer.is_head, wake_);
    serve(*asked, 0);
  }
}

}  // namespace

Result<std::unique_ptr<HttpServer>> start_http_server(const HttpServerOptions& options,
                                                      HttpServer::Handler handler) {
  Result<UniqueFd> listener = listen_on(options.listen);
  if (!listener) return listener.error();
  const int port = listening_port(*listener);
  return std::unique_ptr<HttpServer>(
      std::make_unique<PollServer>(options, std::move(handler), std::move(listener).value(), port));
}

}  // namespace godwit
