#include "edge/collectors/jtop/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "edge/collectors/jtop/hmac.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view challenge_mark = "#CHALLENGE#";
constexpr std::string_view welcome = "#WELCOME#";
constexpr std::string_view failure = "#FAILURE#";

Error hung_up() {
  return {ErrorCode::unavailable, "the jtop service closed the connection (stopped or restarted)"};
}

Error system_error(std::string_view what) {
  return {ErrorCode::io, concat(what, ": ", std::generic_category().message(errno))};
}

Status wait_for(int fd, short events, std::int64_t deadline) {
  for (;;) {
    const std::int64_t left = deadline - steady_ms();
    pollfd item{fd, events, 0};
    const int ready = poll(&item, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    if (ready > 0) return {};
    if (ready == 0 && left <= 0) {
      return Error{ErrorCode::timeout,
                   "the jtop service did not answer in time (busy, or its helper commands hang)"};
    }
    if (ready < 0 && errno != EINTR) return system_error("poll");
  }
}

// Why connect() failed, and what a person can do about it.
Error connect_error(int error_number, const std::string& path) {
  struct stat info {};
  const bool known = stat(path.c_str(), &info) == 0;
  if (known && S_ISDIR(info.st_mode)) {
    return {ErrorCode::unavailable,
            concat(path,
                   ": is a directory, made by a container runtime when the socket was missing; "
                   "remove it and restart jtop.service")};
  }
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {ErrorCode::no_data,
              concat(path,
                     ": not there: the jtop service is not installed or not running "
                     "(systemctl status jtop); `tegra` reads the board directly instead")};
    case ECONNREFUSED:
      return {ErrorCode::unavailable,
              concat(path,
                     ": nobody listens: the jtop service was killed, or this is the stale bind "
                     "mount of a restarted one (mount the directory, not the socket file)")};
    case EACCES:
    case EPERM:
      return {ErrorCode::permission,
              known ? concat(path, ": not permitted: run with supplementary group ", info.st_gid,
                             " (the socket's group; supplementalGroups in a pod)")
                    : concat(path, ": not permitted: a directory on the way may not be searched")};
    case EAGAIN:
      return {ErrorCode::unavailable,
              concat(path, ": too many clients wait for the jtop service (its backlog is full)")};
    default:
      return {ErrorCode::io, concat(path, ": ", std::generic_category().message(error_number))};
  }
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i] ^ b[i]));
  }
  return difference == 0;
}

// How both sides of one handshake prove that they know the key.
struct Proof {
  std::string digest;  // empty: raw MD5 of the older handshake

  // From the server's challenge.
  static Result<Proof> of(std::string_view challenge) {
    if (challenge.size() == 20) return Proof{};
    const std::size_t end = challenge.find('}');
    if (!challenge.starts_with('{') || end == std::string_view::npos ||
        challenge.size() < end + 21) {
      return Error{ErrorCode::invalid, concat("the jtop service sent a challenge of unknown form: ",
                                              quote_for_message(challenge, 40))};
    }
    return Proof{std::string(challenge.substr(1, end - 1))};
  }

  [[nodiscard]] std::string prefix() const {
    return digest.empty() ? "" : concat("{", digest, "}");
  }

  [[nodiscard]] Result<std::string> answer(std::string_view key, std::string_view challenge) const {
    auto mac = hmac(digest.empty() ? "md5" : std::string_view(digest), key, challenge);
    if (!mac) return mac.error().with_prefix("jtop handshake");
    return prefix() + *mac;
  }
};

}  // namespace

RandomSource system_random() {
  return [](std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t done = 0;
    while (done < count) {
      const ssize_t n = getrandom(bytes.data() + done, count - done, 0);
      if (n > 0) done += static_cast<std::size_t>(n);
    }
    return bytes;
  };
}

JtopConnection::JtopConnection(int fd) : fd_(fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

JtopConnection::JtopConnection(JtopConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

JtopConnection& JtopConnection::operator=(JtopConnection&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void JtopConnection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<JtopConnection> JtopConnection::open(const std::string& path, std::string_view key,
                                            std::int64_t deadline, const RandomSource& random) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::invalid,
                 concat(path, ": longer than a socket path may be (107 bytes)")};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  JtopConnection connection;
  connection.fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection.fd_ < 0) return system_error("socket");
  // A full backlog gives EAGAIN at once and no event to wait for.
  while (connect(connection.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EINTR && (errno != EAGAIN || steady_ms() + 50 > deadline)) {
      return connect_error(errno, path);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (Status status = connection.authenticate(key, deadline, random); !status) {
    return status.error().with_prefix(path);
  }
  return connection;
}

// Steps by position alone: proofs are random bytes and may look like any other message.
Status JtopConnection::authenticate(std::string_view key, std::int64_t deadline,
                                    const RandomSource& random) {
  auto challenge = receive(jtop_handshake_limit, deadline);
  if (!challenge) return challenge.error();
  if (!challenge->starts_with(challenge_mark)) {
    return Error{ErrorCode::invalid, "this is no jtop service: it did not start with a challenge"};
  }
  challenge->erase(0, challenge_mark.size());
  auto proof = Proof::of(*challenge);
  if (!proof) return proof.error();
  auto answer = proof->answer(key, *challenge);
  if (!answer) return answer.error();
  if (Status status = send(*answer, deadline); !status) return status;
  auto verdict = receive(jtop_handshake_limit, deadline);
  if (!verdict) return verdict.error();
  if (*verdict != welcome) {
    return Error{ErrorCode::rejected, "the jtop service refused the key of jetson_stats"};
  }

  const std::string own = proof->prefix() + random(proof->digest.empty() ? 20 : 40);
  if (Status status = send(concat(challenge_mark, own), deadline); !status) return status;
  auto response = receive(jtop_handshake_limit, deadline);
  if (!response) return response.error();
  auto expected = proof->answer(key, own);
  if (!expected) return expected.error();
  const bool genuine = equal_in_constant_time(*response, *expected);
  Status sent = send(genuine ? welcome : failure, deadline);
  if (!genuine) {
    return Error{ErrorCode::rejected, "what listens here does not know the key of jetson_stats"};
  }
  return sent;
}

Status JtopConnection::send(std::string_view payload, std::int64_t deadline) {
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::string frame;
  for (unsigned shift = 32; shift > 0;) {
    shift -= 8;
    frame += static_cast<char>(length >> shift & 0xffU);
  }
  frame += payload;
  std::string_view left = frame;
  while (!left.empty()) {
    const ssize_t n = ::send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      left.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (Status status = wait_for(fd_, POLLOUT, deadline); !status) return status;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return hung_up();
    } else if (errno != EINTR) {
      return system_error("write to the jtop service");
    }
  }
  return {};
}

Result<std::string> JtopConnection::read_exactly(std::size_t count, std::int64_t deadline) const {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t n = recv(fd_, bytes.data() + done, count - done, 0);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (n == 0 || errno == ECONNRESET) {
      return hung_up();
    } else if (errno == EAGAIN) {
      if (Status status = wait_for(fd_, POLLIN, deadline); !status) return status.error();
    } else if (errno != EINTR) {
      return system_error("read from the jtop service");
    }
  }
  return bytes;
}

Result<std::string> JtopConnection::receive(std::size_t limit, std::int64_t deadline) {
  const auto big_endian = [](std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
    return value;
  };
  auto header = read_exactly(4, deadline);
  if (!header) return header.error();
  std::uint64_t length = big_endian(*header);
  if (length == 0xffffffff) {
    header = read_exactly(8, deadline);
    if (!header) return header.error();
    length = big_endian(*header);
  }
  // Other negative lengths end here too: as unsigned numbers they are beyond every limit.
  if (length > limit) {
    return Error{ErrorCode::invalid, concat("the jtop service announced a message of ", length,
                                            " bytes; at most ", limit, " are taken")};
  }
  return read_exactly(static_cast<std::size_t>(length), deadline);
}

bool JtopConnection::peer_is_gone() const {
  char byte = 0;
  const ssize_t n = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace godwit
