#include "test/fakes/http_receiver.h"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/text.h"

namespace godwit::test {
namespace {

// false: end of stream or the test is over.
bool read_more(int connection, std::string& buffer, const std::atomic<bool>& stopping) {
  while (!stopping) {
    pollfd wait{connection, POLLIN, 0};
    if (poll(&wait, 1, 50) <= 0) continue;
    char bytes[65536];
    const ssize_t count = recv(connection, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    buffer.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  return false;
}

HttpReceiver::Request parse_head(std::string_view head) {
  HttpReceiver::Request request;
  const auto lines = split_lines(head);
  const auto words = split_blanks(lines.at(0));
  request.method = words.at(0);
  request.path = words.at(1);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    request.headers[to_lower(lines[i].substr(0, colon))] = trim(lines[i].substr(colon + 1));
  }
  return request;
}

}  // namespace

HttpReceiver::HttpReceiver(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 8) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

HttpReceiver::~HttpReceiver() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

void HttpReceiver::run() {
  while (!stopping_) {
    pollfd wait{listener_, POLLIN, 0};
    if (poll(&wait, 1, 50) <= 0) continue;
    const int connection = accept(listener_, nullptr, nullptr);
    if (connection < 0) continue;
    ++connections_;
    serve(connection);
    close(connection);
  }
}

void HttpReceiver::serve(int connection) {
  std::string buffer;
  for (;;) {
    std::size_t end = 0;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more(connection, buffer, stopping_)) return;
    }
    Request request = parse_head(std::string_view(buffer).substr(0, end));
    const auto length = parse_int<std::size_t>(request.headers["content-length"]).value_or(0);
    while (buffer.size() < end + 4 + length) {
      if (!read_more(connection, buffer, stopping_)) return;
    }
    request.body = buffer.substr(end + 4, length);
    buffer.erase(0, end + 4 + length);
    const std::string answer = handler_(request);
    if (answer.empty()) return;  // hang up
    send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
}

std::string http_answer(int status, const std::string& body, const std::string& headers) {
  return concat("HTTP/1.1 ", status, " X\r\nContent-Length: ", body.size(), "\r\n", headers, "\r\n",
                body);
}

}  // namespace godwit::test
