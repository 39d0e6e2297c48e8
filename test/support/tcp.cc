#include "test/support/tcp.h"

#include <array>
#include <list>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "test/support/support.h"
#include "transport/listener.h"

namespace godwit::test {
namespace {

UniqueFd connect_to(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return UniqueFd();
  }
  return fd;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// false at the end of the stream.
bool forward(int from, int to, bool swallow) {
  std::array<char, 65'536> bytes{};
  const ssize_t count = recv(from, bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  return swallow || send_all(to, {bytes.data(), static_cast<std::size_t>(count)});
}

}  // namespace

TcpClient::TcpClient(int port) : socket_(connect_to(port)) {
  if (socket_.get() < 0) throw std::runtime_error("no connection to port " + std::to_string(port));
}

bool TcpClient::send(std::string_view bytes) const { return send_all(socket_.get(), bytes); }

void TcpClient::finish_sending() const { shutdown(socket_.get(), SHUT_WR); }

TcpClient::Read TcpClient::read_some(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  pollfd fd{socket_.get(), POLLIN, 0};
  if (left.count() <= 0 || poll(&fd, 1, static_cast<int>(left.count())) <= 0) return Read::nothing;
  std::array<char, 65'536> bytes{};
  const ssize_t count = recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) return Read::end;
  received_.append(bytes.data(), static_cast<std::size_t>(count));
  return Read::some;
}

bool TcpClient::read_until(std::string_view text, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (received_.find(text) == std::string::npos) {
    if (read_some(until) != Read::some) return false;
  }
  return true;
}

bool TcpClient::read_to_end(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const Read result = read_some(until);
    if (result != Read::some) return result == Read::end;
  }
}

TcpProxy::TcpProxy(int target_port) {
  auto listener = listen_on("127.0.0.1:0");
  if (!listener) throw std::runtime_error(listener.error().message);
  listener_ = std::move(*listener);
  port_ = listening_port(listener_);
  thread_ = std::thread([this, target_port] { run(target_port); });
}

TcpProxy::~TcpProxy() {
  stopping_ = true;
  wake_.raise();
  thread_.join();
}

void TcpProxy::cut() {
  cutting_ = true;
  wake_.raise();
  eventually([this] { return !cutting_; });
}

void TcpProxy::swallow(bool on) { swallowing_ = on; }

void TcpProxy::run(int target_port) {
  std::list<Pair> pairs;
  while (!stopping_) {
    std::vector<pollfd> fds{{wake_.fd(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Pair& pair : pairs) {
      fds.push_back({pair.client.get(), POLLIN, 0});
      fds.push_back({pair.server.get(), POLLIN, 0});
    }
    poll(fds.data(), fds.size(), -1);
    wake_.clear();
    if (cutting_) {
      pairs.clear();
      cutting_ = false;
      continue;
    }
    std::size_t i = 2;
    for (auto pair = pairs.begin(); pair != pairs.end(); i += 2) {
      const bool ended =
          (fds[i].revents != 0 && !forward(pair->client.get(), pair->server.get(), swallowing_)) ||
          (fds[i + 1].revents != 0 &&
           !forward(pair->server.get(), pair->client.get(), swallowing_));
      pair = ended ? pairs.erase(pair) : std::next(pair);
    }
    if (fds[1].revents == 0) continue;
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.get() < 0 || refusing_) continue;
    UniqueFd server = connect_to(target_port);
    if (server.get() >= 0) pairs.push_back({std::move(client), std::move(server)});
  }
}

}  // namespace godwit::test
