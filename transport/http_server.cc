#include "transport/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <thread>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/clock.h"
#include "transport/event_fd.h"
#include "transport/http_parser.h"
#include "transport/http_response.h"
#include "transport/listener.h"
#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

constexpr std::size_t max_connections = 64;
constexpr std::size_t read_bytes = 16U << 10;
// After a refusal: how long to read on, so that the answer is not lost to a reset.
constexpr std::int64_t linger_ms = 1000;
// Between two requests of one client: longer than people scrape.
constexpr std::int64_t idle_ms = 75'000;
// After accept() failed for want of file descriptors.
constexpr std::int64_t accept_pause_ms = 200;

// One client. Reads a request, writes its answer, reads the next; after a last answer it lingers:
// what still comes in is thrown away until the client closes.
struct Connection {
  UniqueFd socket;
  HttpParser parser;
  std::string input;
  std::string output;
  std::size_t written = 0;
  std::int64_t waits_since_ms;
  std::int64_t deadline_ms;
  bool in_request = false;  // bytes of a request came, its answer did not leave yet
  bool last_answer = false;
  bool lingering = false;
  bool gone = false;

  Connection(UniqueFd fd, const HttpLimits& limits, std::int64_t now_ms, std::int64_t timeout_ms)
      : socket(std::move(fd)),
        parser(limits),
        waits_since_ms(now_ms),
        deadline_ms(now_ms + timeout_ms) {}
  [[nodiscard]] bool writing() const { return written < output.size(); }
  void wait_until(std::int64_t now_ms, std::int64_t limit_ms) {
    waits_since_ms = now_ms;
    deadline_ms = now_ms + limit_ms;
  }
};

class PollServer final : public HttpServer {
 public:
  PollServer(const HttpServerOptions& options, Handler handler, UniqueFd listener, int port)
      : timeout_ms_(std::int64_t{options.timeout_s} * 1000),
        handler_(std::move(handler)),
        listener_(std::move(listener)),
        port_(port) {
    limits_.max_body_bytes = options.max_body_bytes;
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
  void serve(Connection& connection, short revents) const;
  void read_from(Connection& connection) const;
  void advance(Connection& connection) const;
  bool write_to(Connection& connection) const;
  bool answer_next(Connection& connection) const;
  [[nodiscard]] HttpResponse answer(const HttpRequest& request) const;

  const std::int64_t timeout_ms_;
  const Handler handler_;
  const UniqueFd listener_;
  const int port_;
  HttpLimits limits_;
  EventFd wake_;
  std::atomic<bool> stopping_ = false;
  // State below belongs to the server's thread.
  std::list<Connection> connections_;
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
    for (const Connection& connection : connections_) {
      fds.push_back({connection.socket.get(),
                     static_cast<short>(connection.writing() ? POLLOUT : POLLIN), 0});
      next_ms = std::min(next_ms, connection.deadline_ms);
    }
    poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(next_ms - now_ms, 0)));
    std::size_t i = 2;
    for (Connection& connection : connections_) {
      serve(connection, fds[i++].revents);
    }
    connections_.remove_if([](const Connection& connection) { return connection.gone; });
    if (fds[1].revents != 0) accept_all();
  }
}

void PollServer::accept_all() {
  for (;;) {
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.get() < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        make_room();
        accept_from_ms_ = steady_ms() + accept_pause_ms;
      }
      return;
    }
    const int on = 1;
    setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connections_.size() >= max_connections) make_room();
    connections_.emplace_back(std::move(client), limits_, steady_ms(), timeout_ms_);
  }
}

// Drops whoever keeps the server waiting for the longest.
void PollServer::make_room() {
  const auto longest = std::min_element(
      connections_.begin(), connections_.end(),
      [](const Connection& a, const Connection& b) { return a.waits_since_ms < b.waits_since_ms; });
  if (longest != connections_.end()) connections_.erase(longest);
}

void PollServer::serve(Connection& connection, short revents) const {
  if (revents != 0) {
    if (!connection.writing()) read_from(connection);
    advance(connection);
  }
  if (steady_ms() >= connection.deadline_ms) connection.gone = true;
}

void PollServer::read_from(Connection& connection) const {
  std::array<char, read_bytes> bytes{};
  const ssize_t count = recv(connection.socket.get(), bytes.data(), bytes.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    connection.gone = true;
    return;
  }
  if (connection.lingering) return;
  connection.input.append(bytes.data(), static_cast<std::size_t>(count));
  if (!std::exchange(connection.in_request, true)) connection.wait_until(steady_ms(), timeout_ms_);
}

// As far as it goes without waiting: each request is looked at when the answer to the one before
// has left.
void PollServer::advance(Connection& connection) const {
  while (!connection.gone && !connection.lingering) {
    if (connection.writing() && !write_to(connection)) return;
    if (connection.last_answer) {
      shutdown(connection.socket.get(), SHUT_WR);
      connection.lingering = true;
      connection.wait_until(steady_ms(), linger_ms);
      return;
    }
    if (connection.input.empty() || !answer_next(connection)) return;
  }
}

// True when all of the output has left.
bool PollServer::write_to(Connection& connection) const {
  while (connection.writing()) {
    const ssize_t count =
        send(connection.socket.get(), connection.output.data() + connection.written,
             connection.output.size() - connection.written, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      connection.gone = errno != EAGAIN;
      return false;
    }
    connection.written += static_cast<std::size_t>(count);
    // A slow reader may take its time as long as it reads at all.
    connection.wait_until(steady_ms(), timeout_ms_);
  }
  connection.output.clear();
  connection.written = 0;
  if (!connection.in_request) connection.wait_until(steady_ms(), std::max(timeout_ms_, idle_ms));
  return true;
}

// False when the input holds no whole request.
bool PollServer::answer_next(Connection& connection) const {
  HttpParser& parser = connection.parser;
  switch (parser.consume(connection.input)) {
    case HttpParser::Outcome::more:
      if (!parser.take_expect_continue()) return false;
      connection.output = "HTTP/1.1 100 Continue\r\n\r\n";
      return true;
    case HttpParser::Outcome::refused:
      connection.output = format_response(plain_response(parser.status()), true, false);
      connection.last_answer = true;
      return true;
    case HttpParser::Outcome::complete:
      break;
  }
  const bool wanted = parser.keep_alive();
  const HttpRequest request = parser.take();
  const HttpResponse response = answer(request);
  const bool keep_alive = wanted && !response.close;
  connection.output = format_response(response, request.method != "HEAD", keep_alive);
  connection.last_answer = !keep_alive;
  connection.in_request = !connection.input.empty();
  return true;
}

HttpResponse PollServer::answer(const HttpRequest& request) const {
  if (request.method == "GET" || request.method == "HEAD" || request.method == "POST") {
    return handler_(request);
  }
  return plain_response(405);
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
