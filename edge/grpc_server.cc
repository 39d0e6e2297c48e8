#include "edge/grpc_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_connections = 8;
constexpr std::size_t read_bytes = 16U << 10;
constexpr std::size_t output_bytes = 64U << 10;
// For a call that has begun, and for a peer to read what is sent.
constexpr std::int64_t patience_ms = 10'000;
// After accept() failed for want of file descriptors.
constexpr int accept_pause_ms = 200;

Error system_error(std::string_view what, const std::string& path) {
  return {errno == EACCES ? ErrorCode::permission : ErrorCode::io,
          concat(path, ": ", what, ": ", std::generic_category().message(errno))};
}

}  // namespace

Result<UniqueFd> listen_at(const std::string& path) {
  const std::string made = path + ".new";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (made.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::invalid, concat(path, ": the path of a socket has at most ",
                                            sizeof address.sun_path - sizeof ".new", " bytes")};
  }
  const auto* const where = reinterpret_cast<const sockaddr*>(&address);
  path.copy(address.sun_path, path.size());
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connect(probe.get(), where, sizeof address) == 0 || errno == EAGAIN) {
    return Error{ErrorCode::unavailable,
                 concat(path, ": another program listens there; is another agent running?")};
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
    return Error{ErrorCode::invalid, concat(path, ": is there and is no socket")};
  }
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  made.copy(address.sun_path, made.size());
  unlink(made.c_str());
  if (bind(listener.get(), where, sizeof address) != 0) return system_error("bind", made);
  // Nobody can connect before listen(), so the mode is right from the beginning.
  if (chmod(made.c_str(), 0660) != 0) return system_error("chmod", made);
  if (listen(listener.get(), 8) != 0) return system_error("listen", made);
  if (std::rename(made.c_str(), path.c_str()) != 0) return system_error("rename", path);
  return listener;
}

struct GrpcServer::Connection {
  UniqueFd socket;
  GrpcServerSession session;
  std::string output;
  std::size_t written = 0;
  std::int64_t active_ms;  // bytes came or went
  bool closing = false;    // when the output has left
  bool gone = false;

  Connection(UniqueFd fd, const GrpcHandler& handler)
      : socket(std::move(fd)), session(handler), active_ms(steady_ms()) {}

  [[nodiscard]] bool writing() const { return written < output.size(); }
  // A connection may be silent for ever, but neither side may keep the other waiting.
  [[nodiscard]] bool waits() const { return writing() || session.open_calls() > 0; }
};

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(const std::string& path,
                                                      GrpcHandler handler) {
  auto listener = listen_at(path);
  if (!listener) return listener.error();
  return std::unique_ptr<GrpcServer>(
      new GrpcServer(std::move(listener).value(), std::move(handler)));
}

GrpcServer::GrpcServer(UniqueFd listener, GrpcHandler handler)
    : handler_(std::move(handler)), listener_(std::move(listener)), thread_([this] { run(); }) {}

GrpcServer::~GrpcServer() {
  stopping_ = true;
  wake_.raise();
  thread_.join();
}

void GrpcServer::run() {
  std::vector<pollfd> fds;
  while (!stopping_) {
    fds = {{wake_.fd(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    bool anybody_waits = false;
    for (const Connection& it : connections_) {
      fds.push_back({it.socket.get(), static_cast<short>(it.writing() ? POLLOUT : POLLIN), 0});
      anybody_waits = anybody_waits || it.waits();
    }
    poll(fds.data(), fds.size(), anybody_waits ? 1000 : -1);
    std::size_t i = 2;
    for (Connection& it : connections_) serve(it, fds[i++].revents);
    connections_.remove_if([](const Connection& it) { return it.gone; });
    if (fds[1].revents != 0) accept_all();
  }
}

void GrpcServer::accept_all() {
  for (;;) {
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.get() < 0) {
      if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
      poll(nullptr, 0, accept_pause_ms);
      return;
    }
    if (connections_.size() >= max_connections) {
      connections_.erase(std::min_element(
          connections_.begin(), connections_.end(),
          [](const Connection& a, const Connection& b) { return a.active_ms < b.active_ms; }));
    }
    // The server's SETTINGS are its first word.
    connections_.emplace_back(std::move(client), handler_);
    serve(connections_.back(), POLLIN);
  }
}

void GrpcServer::serve(Connection& it, short events) {
  if (events != 0 && !it.writing() && !read_from(it)) it.gone = true;
  while (!it.gone) {
    if (!it.writing()) {
      it.output.clear();
      it.written = 0;
      it.session.take_output(it.output, output_bytes);
    }
    if (!it.writing()) {
      it.gone = it.closing || it.session.finished();
      break;
    }
    if (!write_to(it)) break;
  }
  if (it.waits() && steady_ms() - it.active_ms > patience_ms) it.gone = true;
}

// False when the peer is gone.
bool GrpcServer::read_from(Connection& it) {
  std::array<char, read_bytes> bytes{};
  const ssize_t count = recv(it.socket.get(), bytes.data(), bytes.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  it.active_ms = steady_ms();
  if (it.closing) return true;
  it.closing = !it.session.receive({bytes.data(), static_cast<std::size_t>(count)});
  return true;
}

// True when all of the output has left.
bool GrpcServer::write_to(Connection& it) {
  const ssize_t count = send(it.socket.get(), it.output.data() + it.written,
                             it.output.size() - it.written, MSG_NOSIGNAL);
  if (count < 0) {
    it.gone = errno != EAGAIN && errno != EINTR;
    return false;
  }
  it.written += static_cast<std::size_t>(count);
  it.active_ms = steady_ms();
  return !it.writing();
}

}  // namespace godwit
