#include "edge/collectors/jtop/connection.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include <catch2/catch.hpp>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "edge/collectors/jtop/hmac.h"
#include "edge/collectors/jtop/manager.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/text.h"

using namespace godwit;

namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(*parse_int<int>(hex.substr(i, 2), 16));
  }
  return out;
}

std::vector<std::string> frames(std::string_view bytes) {
  std::vector<std::string> out;
  while (bytes.size() >= 4) {
    std::size_t length = 0;
    for (int i = 0; i < 4; ++i) {
      length = length << 8U | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    }
    out.emplace_back(bytes.substr(4, length));
    bytes.remove_prefix(std::min(bytes.size(), 4 + length));
  }
  return out;
}

// The recorded server's side of one connection: says everything it said, then hangs up; keeps what
// it hears.
class Replay {
 public:
  explicit Replay(std::string server_bytes) {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
    client_ = fds[0];
    thread_ = std::thread([this, fd = fds[1], bytes = std::move(server_bytes)] {
      std::string_view left = bytes;
      while (!left.empty()) {
        const auto n = ::send(fd, left.data(), left.size(), MSG_NOSIGNAL);
        if (n <= 0) break;
        left.remove_prefix(static_cast<std::size_t>(n));
      }
      shutdown(fd, SHUT_WR);
      std::array<char, 4096> buffer{};
      for (ssize_t n = 0; (n = read(fd, buffer.data(), buffer.size())) > 0;) {
        heard_.append(buffer.data(), static_cast<std::size_t>(n));
      }
      close(fd);
    });
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay() {
    if (thread_.joinable()) thread_.join();
  }
  int client() const { return client_; }
  // After the client closed.
  const std::string& heard() {
    thread_.join();
    return heard_;
  }

 private:
  int client_ = -1;
  std::string heard_;
  std::thread thread_;
};

struct Recording {
  std::string client, server;
};

Recording recording(const std::filesystem::path& folder, int number) {
  const std::string name = concat("conn-", number < 10 ? "0" : "", number);
  return {test::read_file(folder / (name + ".c2s.bin")),
          test::read_file(folder / (name + ".s2c.bin"))};
}

// The client's random bytes of a recording: its challenge without mark and "{digest}".
RandomSource recorded_random(const std::vector<std::string>& client_frames) {
  return [challenge = client_frames.at(1)](std::size_t count) {
    return challenge.substr(challenge.size() - count);
  };
}

std::int64_t in_5_s() { return steady_ms() + 5000; }

int listen_at(const std::string& path, int backlog) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(fd, backlog) == 0);
  return fd;
}

Error open_error(const std::string& path, std::int64_t ms = 300) {
  auto connection = JtopConnection::open(path, jtop_key, steady_ms() + ms, system_random());
  REQUIRE_FALSE(connection);
  return connection.error();
}

}  // namespace

TEST_CASE("jtop handshake: proofs of the recordings") {
  const std::string challenge = from_hex("696965abf1be74d4eec705bc875a83cc06a599ff");
  CHECK(to_hex(*hmac("md5", jtop_key, challenge)) == "53d38c4e3eac2128a429cc89faac2769");
  const std::string modern = from_hex(
      "7b7368613235367dd1f168dbbf0177f26fd1cd8359610a88a40c73783a811d99d18f2d4f09bf3c9466d7ccb7675f"
      "0365");
  CHECK(to_hex(*hmac("sha256", jtop_key, modern)) ==
        "86924dfd05aef4c4c4b710b92bb4522862915d6b2131525e9d6459e0e5d1cae7");
  CHECK(hmac("sha384", jtop_key, modern)->size() == 48);
  CHECK(hmac("sha3_256", jtop_key, modern)->size() == 32);
  CHECK(hmac("sha3_384", jtop_key, modern)->size() == 48);
  CHECK_FALSE(hmac("sha1", jtop_key, modern));
}

TEST_CASE("jtop connection: every recorded connection again, byte for byte") {
  const auto folder =
      GENERATE(as<std::string>(), "native_4.2.7_py36", "native_4.2.7_py38", "native_7.2.0_py312",
               "xavier-nx_4.2.7_py38_killserver", "xavier-nx_4.2.7_py38_closeserver");
  const bool ours = folder.starts_with("native");
  int number = 0;
  const auto path = test::fixture("jtop/" + folder);
  for (;
       std::filesystem::exists(path / concat("conn-", number < 10 ? "0" : "", number, ".c2s.bin"));
       ++number) {
    INFO(folder << " " << number);
    const Recording recorded = recording(path, number);
    const auto said = frames(recorded.client);
    const auto answers = frames(recorded.server);
    Replay replay(recorded.server);
    JtopConnection connection(replay.client());
    REQUIRE(connection.authenticate(jtop_key, in_5_s(), recorded_random(said)));
    for (std::size_t i = 3; i < said.size(); ++i) {
      const auto request = Pickle::decode(said[i]);
      REQUIRE(request);
      const PickleValue r = request->root();
      const auto args = pickle_copy(r.at(2));
      REQUIRE(args);
      const std::string bytes =
          ours ? jtop_request(r.at(0).text(), r.at(1).text(), *args) : said[i];
      REQUIRE(connection.send(bytes, in_5_s()));
      auto reply = connection.receive(jtop_frame_limit, in_5_s());
      if (i >= answers.size()) {  // the service was ended before it answered
        REQUIRE_FALSE(reply);
        CHECK(reply.error().code == ErrorCode::unavailable);
        break;
      }
      REQUIRE(reply);
      CHECK(*reply == answers[i]);
    }
    auto more = connection.receive(jtop_frame_limit, in_5_s());
    REQUIRE_FALSE(more);
    CHECK(more.error().code == ErrorCode::unavailable);
    CHECK(connection.peer_is_gone());
    connection.close();
    CHECK(replay.heard() == recorded.client);
  }
  CHECK(number >= 7);
}

TEST_CASE("jtop connection: a refused key is told from other failures") {
  const auto folder = GENERATE(as<std::string>(), "xavier-nx_4.2.7_py38_wrongkey",
                               "orin-nx-jp7_7.2.0_py312_wrongkey");
  Replay replay(recording(test::fixture("jtop/" + folder), 0).server);
  JtopConnection connection(replay.client());
  const Status status = connection.authenticate("another key", in_5_s(), system_random());
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::rejected);
  connection.close();
  CHECK(frames(replay.heard()).size() == 1);
}

TEST_CASE("jtop connection: why a socket cannot be used, and what to do") {
  test::TempDir dir;
  const std::string path = dir.file("jtop.sock");

  Error error = open_error(path);
  CHECK(error.code == ErrorCode::no_data);
  CHECK_THAT(error.message,
             Catch::Contains(path) && Catch::Contains("not installed or not running"));

  close(listen_at(path, 1));  // killed: the file stays
  error = open_error(path);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK_THAT(error.message, Catch::Contains("mount the directory"));

  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  error = open_error(path);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK_THAT(error.message, Catch::Contains("is a directory"));
  std::filesystem::remove(path);

  const int fd = listen_at(path, 0);  // takes one connection and no more
  error = open_error(path);           // nobody accepts
  CHECK(error.code == ErrorCode::timeout);
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) {
    const int one = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    (void)connect(one, reinterpret_cast<sockaddr*>(&address), sizeof address);
    waiting.push_back(one);
  }
  error = open_error(path);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK_THAT(error.message, Catch::Contains("backlog is full"));
  for (const int one : waiting) close(one);
  close(fd);

  error = open_error("/" + std::string(200, 'x'));
  CHECK(error.code == ErrorCode::invalid);
}

TEST_CASE("jtop connection: no permission names the group to add") {
  if (geteuid() != 0) {
    WARN("skipped: only root can become a user who may not connect");
    return;
  }
  test::TempDir dir;
  std::filesystem::permissions(dir.path(), std::filesystem::perms(0755));
  const std::string path = dir.file("jtop.sock");
  const int fd = listen_at(path, 1);
  REQUIRE(chown(path.c_str(), 0, 4242) == 0);
  REQUIRE(chmod(path.c_str(), 0660) == 0);
  REQUIRE(seteuid(65534) == 0);
  const auto connection = JtopConnection::open(path, jtop_key, steady_ms() + 200, system_random());
  REQUIRE(seteuid(0) == 0);
  REQUIRE_FALSE(connection);
  CHECK(connection.error().code == ErrorCode::permission);
  CHECK_THAT(connection.error().message, Catch::Contains("supplementary group 4242"));
  close(fd);
}
