#include "transport/http_wire.h"

#include <cerrno>

#include <sys/socket.h>

namespace godwit {
namespace {

std::ptrdiff_t outcome(ssize_t count) {
  if (count > 0) return count;
  return count < 0 && (errno == EAGAIN || errno == EINTR) ? HttpWire::later : HttpWire::gone;
}

class PlainWire final : public HttpWire {
 public:
  explicit PlainWire(UniqueFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] int fd() const override { return socket_.get(); }
  std::ptrdiff_t read(char* to, std::size_t size) override {
    return outcome(recv(fd(), to, size, 0));
  }
  std::ptrdiff_t write(std::string_view bytes) override {
    return outcome(send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  [[nodiscard]] short wants(short usual) const override { return usual; }
  void finish() override { shutdown(fd(), SHUT_WR); }

 private:
  const UniqueFd socket_;
};

}  // namespace

std::unique_ptr<HttpWire> plain_wire(UniqueFd socket) {
  return std::make_unique<PlainWire>(std::move(socket));
}

}  // namespace godwit
