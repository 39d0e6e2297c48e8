// One authenticated connection to the jtop service: a unix socket that speaks the framing and the
// HMAC handshake of Python's multiprocessing.connection (CPython Lib/multiprocessing/connection.py;
// all servers from Python 2.7 to 3.14).
//
// Frame: int32 big-endian length and payload; length -1 means that a uint64 length follows.
// Handshake: the server challenges the client, then the client challenges the server. A challenge
// of 20 random bytes is answered with raw HMAC-MD5; one that starts with "{sha256}" with "{sha256}"
// and that HMAC over the whole challenge, prefix included.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

inline constexpr std::size_t jtop_handshake_limit = 256;
inline constexpr std::size_t jtop_frame_limit = 1U << 20;  // real ones are 2 to 4 KiB

// The key is no secret: it is the same in every jetson_stats, and access is by file mode. Services
// under Python 3 use the first (the text of a bytes object, b'' included), under Python 2 the
// other.
inline constexpr std::string_view jtop_key = "b'UmFmZmFlbGxvIEJvbmdoaQ=='";
inline constexpr std::string_view jtop_key_python2 = "UmFmZmFlbGxvIEJvbmdoaQ==";

// Random bytes for the challenge; replaced only to replay a recording.
using RandomSource = std::function<std::string(std::size_t count)>;
RandomSource system_random();

class JtopConnection {
 public:
  JtopConnection() = default;
  // Takes over a connected stream socket; authenticate() has to follow.
  explicit JtopConnection(int fd);
  JtopConnection(JtopConnection&& other) noexcept;
  JtopConnection& operator=(JtopConnection&& other) noexcept;
  ~JtopConnection() { close(); }

  // Connects and authenticates. Deadlines here and below are times of steady_ms().
  // no_data: no such socket. unavailable: nobody listens, or the backlog is full, or it hung up.
  // permission: the file mode forbids it. rejected: it refused the key, or failed our challenge.
  static Result<JtopConnection> open(const std::string& path, std::string_view key,
                                     std::int64_t deadline, const RandomSource& random);
  Status authenticate(std::string_view key, std::int64_t deadline, const RandomSource& random);

  Status send(std::string_view payload, std::int64_t deadline);
  Result<std::string> receive(std::size_t limit, std::int64_t deadline);

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  // True when the peer has hung up and nothing is left to read.
  [[nodiscard]] bool peer_is_gone() const;
  void close();

 private:
  Result<std::string> read_exactly(std::size_t count, std::int64_t deadline) const;

  int fd_ = -1;
};

}  // namespace godwit
