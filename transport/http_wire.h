// HttpWire: how the bytes of one connection travel, as they are or encrypted. Never blocks. Used by
// HttpConnection on the server's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "transport/unique_fd.h"

namespace godwit {

class HttpWire {
 public:
  // In place of a count of bytes.
  static constexpr std::ptrdiff_t later = -1;  // nothing goes for now
  static constexpr std::ptrdiff_t gone = 0;    // the other side closed, or the connection failed

  virtual ~HttpWire() = default;
  [[nodiscard]] virtual int fd() const = 0;
  virtual std::ptrdiff_t read(char* to, std::size_t size) = 0;
  virtual std::ptrdiff_t write(std::string_view bytes) = 0;
  // What poll() must wait for (POLLIN or POLLOUT) before the `usual` one of them can go on.
  [[nodiscard]] virtual short wants(short usual) const = 0;
  // Nothing more will be written.
  virtual void finish() = 0;
  // The other side showed a certificate that was verified.
  [[nodiscard]] virtual bool has_certificate() const { return false; }
};

std::unique_ptr<HttpWire> plain_wire(UniqueFd socket);

}  // namespace godwit
